"""Straight-through: decisions are the exact ones, their slopes those of concrete ones (Bengio et al. 2013).

Paths come from the model's twin in torch, which has the same law and other random numbers than the kernels.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from typing import ClassVar

import numpy as np
import torch

from fastmas.differentiate import derivable
from fastmas.errors import ModelError
from fastmas.estimators import Scene, View, chain
from fastmas.estimators.relaxed import N_KEPT, WIDTH
from fastmas.language.activity import entry_of
from fastmas.lowering.torch_twin import TorchTwin
from fastmas.model import Model
from fastmas.seeding import seeded


@dataclass(frozen=True)
class StraightThrough:
    """`temperature`: width of the slopes, in units of what the model's thresholds compare, and of log odds."""

    temperature: float = field(default=1.0, metadata=WIDTH)
    needs_tensors: ClassVar[bool] = True

    def check(self, model: Model, names: tuple[str, ...]) -> None:
        instead = "use decision-score, or an updater of losses such as cma-es"
        try:
            _twin(self.temperature, model)
            derivable(model)
        except ModelError as error:
            raise ModelError(f"updater 'straight-through': {error}; {instead}") from error
        whole = {p.name for p in model.parameters if p.integer}
        for name in names:
            if entry_of(name)[0] in whole:
                raise ModelError(f"updater 'straight-through': {name!r} takes whole numbers: there is no slope; "
                                 f"{instead}")

    def way(self, model: Model, name: str) -> str:
        return f"slopes of concrete decisions, temperature {self.temperature:g}: biased"

    def rollout(self, scene: Scene, z: np.ndarray, run: int, share: float) -> TwinPaths:
        return TwinPaths(_twin(self.temperature, scene.model), scene, z, run)



@lru_cache(maxsize=N_KEPT)
def _twin(temperature: float, model: Model) -> TorchTwin:
    return TorchTwin(model, through=True, temperature=temperature)


class TwinPaths:
    """Exact paths in torch, with the graph of their slopes."""

    def __init__(self, twin: TorchTwin, scene: Scene, z: np.ndarray, run: int) -> None:
        space, self.scene, self.z = scene.space, scene, z
        values = space.full(space.to_theta(z))[0]
        theta = dict(zip(space.entries, values.tolist(), strict=True))
        self.leaves = [torch.tensor(theta[name], dtype=torch.float64, requires_grad=True) for name in space.free]
        generator = seeded(*scene.address._replace(run=run))
        found = twin.simulate({**theta, **dict(zip(space.free, self.leaves, strict=True))}, n_paths=scene.n_paths,
                              n_steps=scene.warmup + scene.n_times - 1, generator=generator, dtype=torch.float32)
        self.paths = found[derivable(scene.model, scene.observable).name][:, scene.warmup:]
        self.samples = self.smooth = chain.samples_of(scene, self.paths.detach().numpy())
        self.n_simulated = scene.n_paths

    def gradient(self, view: View) -> np.ndarray:
        paths = self.paths.detach()
        sound = torch.isfinite(paths).all(dim=1)
        adjoint = torch.zeros_like(paths)
        adjoint[sound] = chain.adjoint_of(self.scene.statistic, paths[sound],
                                          torch.from_numpy(view.slope)[sound]).to(paths)
        slopes = torch.autograd.grad(self.paths, self.leaves, adjoint, allow_unused=True)
        by_theta = np.array([0.0 if slope is None else float(slope) for slope in slopes])
        return np.nan_to_num(by_theta) * self.scene.space.slopes(self.z)


ESTIMATOR = StraightThrough()
