"""The derivative along the path, for rules without jumps: the founding paper's own gradient.

Its market was smoothed for this (paper, section 4). Tangents of the paths come from the same pass as the paths; what
autograd gives of a loss backwards in time is the same number.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from fastmas.differentiate import PathDerivatives, reaches
from fastmas.errors import ModelError
from fastmas.estimators import Scene, View, chain
from fastmas.language.activity import entry_of
from fastmas.model import Model


@dataclass(frozen=True)
class Pathwise:
    """It has no options."""

    needs_tensors: ClassVar[bool] = False

    def check(self, model: Model, names: tuple[str, ...]) -> None:
        instead = "use decision-score, relaxed, or an updater of losses such as cma-es"
        try:
            ways = reaches(model)
        except ModelError as error:
            raise ModelError(f"updater 'pathwise': {error}; {instead}") from error
        for name in names:
            way = ways.get(entry_of(name)[0])
            if way is None or way.jumps or way.score:
                what = ("takes whole numbers" if way is None else
                        f"moves a threshold in line {way.jumps[0]}" if way.jumps else
                        "moves the chances of decisions, whose outcomes jump")
                raise ModelError(f"updater 'pathwise': {name!r} {what}, which no derivative along the path sees; "
                                 f"{instead}")

    def way(self, model: Model, name: str) -> str:
        return "tangent"

    def rollout(self, scene: Scene, z: np.ndarray, run: int, share: float) -> SmoothPaths:
        values = scene.space.full(scene.space.to_theta(z))[0]
        found = chain.simulate(scene, scene.model, values, scene.space.free, run, False)
        return SmoothPaths(scene, z, found, found.paths)


class SmoothPaths:
    """Paths that the loss is taken of, and those, perhaps the same, that have tangents.

    No path counts for more than `most` times the median of all; 0 is no limit.
    """

    def __init__(self, scene: Scene, z: np.ndarray, found: PathDerivatives, paths: np.ndarray,
                 most: float = 0.0) -> None:
        self.scene, self.z, self.found, self.most = scene, z, found, most
        self.samples = chain.samples_of(scene, paths)
        is_own = paths is found.paths
        self.smooth = self.samples if is_own else chain.samples_of(scene, found.paths)
        self.n_simulated = scene.n_paths * (1 if is_own else 2)

    def gradient(self, view: View) -> np.ndarray:
        by_path = chain.along_paths(self.scene, self.found.paths, self.found.tangents, view.slope)
        if self.most > 0.0 and by_path.size:
            limit = self.most * np.median(np.abs(by_path), axis=1, keepdims=True)
            by_path = np.clip(by_path, -limit, limit)
        return by_path.sum(axis=1) * self.scene.space.slopes(self.z)


ESTIMATOR = Pathwise()
