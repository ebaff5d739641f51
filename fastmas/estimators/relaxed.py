"""Paths of the exact rules, and the gradient of their relaxed twin: smooth where the rules jump, and biased for it.

The discriminator sees exact paths alone; slopes are those of its loss at paths of the twin under the same random
numbers, by their tangents. The temperature, the width of relaxed decisions, falls from `temperature` to
`temperature_last` while the game is played: the bias falls with it, and the variance grows.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from typing import ClassVar

import numpy as np

from fastmas.errors import ModelError
from fastmas.estimators import Scene, chain
from fastmas.estimators.pathwise import Pathwise, SmoothPaths
from fastmas.language.relaxed import TEMPERATURE, relaxed
from fastmas.model import Model

N_KEPT = 8  # twins
WIDTH = {"least": TEMPERATURE.low, "most": TEMPERATURE.high}


@dataclass(frozen=True)
class Relaxed:
    """`temperature` at first and at last, in units of what the model's thresholds compare.

    Tangents of a market that feeds back on itself grow along the path, and a few would outweigh all others: none counts
    for more than `most` times the median path; 0 is no limit.
    """

    temperature: float = field(default=1.0, metadata=WIDTH)
    temperature_last: float = field(default=0.25, metadata=WIDTH)
    most: float = field(default=30.0, metadata={"least": 0.0})
    needs_tensors: ClassVar[bool] = False

    def check(self, model: Model, names: tuple[str, ...]) -> None:
        try:
            twin = twin_of(model)
            Pathwise().check(twin, names)
        except ModelError as error:
            said = str(error).removeprefix("updater 'pathwise': ")
            raise ModelError(f"updater 'relaxed': {said}") from error

    def way(self, model: Model, name: str) -> str:
        return f"tangent of the relaxed twin, temperature {self.temperature:g} to {self.temperature_last:g}: biased"

    def rollout(self, scene: Scene, z: np.ndarray, run: int, share: float) -> SmoothPaths:
        values = scene.space.full(scene.space.to_theta(z))[0]
        twin = twin_of(scene.model)
        known = dict(zip(scene.space.entries, values, strict=True)) | {TEMPERATURE.name: self.at(share)}
        smooth = chain.simulate(scene, twin, np.array([known[e] for e in twin.space().entries]), scene.space.free, run,
                                False)
        return SmoothPaths(scene, z, smooth, scene.simulate(z[None], run)[0], self.most)

    def at(self, share: float) -> float:
        """The temperature after this share of a game."""
        return float(self.temperature * (self.temperature_last / self.temperature) ** share)


@lru_cache(maxsize=N_KEPT)
def twin_of(model: Model) -> Model:
    """The relaxed twin, the same object for the same model: it keeps what was compiled."""
    return relaxed(model)


ESTIMATOR = Relaxed()
