"""Gradients of a text's torch twin, path by path."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch

from fastmas.ablate.functionals import FUNCTIONALS
from fastmas.ablate.gradients import Contributions, Setting
from fastmas.calibration.isolation import isolated, one_thread
from fastmas.differentiate import derivable
from fastmas.lowering.torch_twin import TorchTwin

BLOCK = 1000  # paths at a time: what a step keeps for the way back grows with them


@isolated()
def by_autograd(setting: Setting, width: float, is_exact: bool) -> Contributions:
    """Of exact paths with relaxed slopes, or of paths whose decisions are relaxed one by one.

    Raises
    ------
    ModelError
        The first observable is computed from paths afterwards, or the text has no torch twin.
    """
    model = setting.design.model
    derivable(model)
    twin = TorchTwin(model, through=True) if is_exact else TorchTwin(model, relaxed="concrete")
    generator = torch.Generator().manual_seed(setting.design.seed)
    n, parts = setting.design.effort.twin, []
    with one_thread():
        for first in range(0, n, BLOCK):
            parts.append(_block(setting, twin, width, min(BLOCK, n - first), generator))
    return {key: np.concatenate([part[key] for part in parts], axis=1) for key in FUNCTIONALS}


def _block(setting: Setting, twin: TorchTwin, width: float, n: int, generator: torch.Generator) -> Contributions:
    """Every path has values of its own, so that one way back gives the slopes of all."""
    design = setting.design
    leaves = _leaves(setting, n)
    theta: dict[str, Any] = {**setting.theta(twin.model), "temperature": width, **leaves}
    x = twin.simulate(theta, n_paths=n, n_steps=design.warmup + design.horizon,
                      generator=generator)[twin.model.observable().name][:, design.warmup:]
    seen, found = x.detach().numpy(), {}
    y, per_x = setting.levels.of(seen), setting.levels.slope(seen)
    for key, f in FUNCTIONALS.items():
        slope = torch.as_tensor(f.slope(y) * per_x)
        grads = dict(zip(leaves, torch.autograd.grad(x, list(leaves.values()), slope, retain_graph=True,
                                                     allow_unused=True), strict=True))
        rows = [_of_entry(grads, name, n) for name in setting.space.free]
        found[key] = np.vstack([f.of(y), setting.stretch[:, None] * np.stack(rows)])
    return found


def _leaves(setting: Setting, n: int) -> dict[str, torch.Tensor]:
    """Values of the free parameters, (n_paths,) or (n_agents, n_paths)."""
    values, found = setting.space.values, {}
    for parameter in dict.fromkeys(setting.space.free_parameters):
        own = torch.tensor([values[e] for e in parameter.entries], dtype=torch.float64)
        shape = (n,) if parameter.n_agents is None else (len(own), n)
        found[parameter.name] = own[:, None].expand(-1, n).reshape(shape).clone().requires_grad_()
    return found


def _of_entry(grads: Mapping[str, torch.Tensor | None], entry: str, n: int) -> np.ndarray:
    name, _, agent = entry.partition("[")
    grad = grads[name]
    if grad is None:
        return np.zeros(n)
    return (grad if not agent else grad[int(agent[:-1])]).detach().numpy()
