"""The score of the agents' decisions, tangents of what they leave fixed, and differences where neither sees.

d E[f] / d theta = E[(f - b) d log P(decisions) / d theta] + E[f' d path / d theta]: the likelihood ratio (Glynn 1990;
Williams 1992) of each decision that is drawn, and the pathwise derivative of a path whose decisions stand. A sample is
weighed by the score of the decisions that it can depend on, those up to its last time: reward to go, with a baseline
for each time, the mean of the other paths. It is unbiased, the rules staying exact. A threshold without private noise
decides with certainty, so that no score sees it move: parameters that move one go by differences with common numbers.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import ClassVar

import numpy as np

from fastmas.differentiate import PathDerivatives, reaches
from fastmas.errors import ModelError
from fastmas.estimators import Scene, View, chain
from fastmas.language.activity import entry_of
from fastmas.model import Model

N_KEPT = 8  # models whose text has been read
ONE_BY_ONE = 2  # coordinates that are blind, at most; more of them move together


@dataclass(frozen=True)
class DecisionScore:
    """`difference`: half the distance between candidates of a difference, in standard errors.

    `baseline` 0 leaves it out; 1 is one for all times, the mean of the other paths; 2 one for each time. `to_go` 0
    weighs every sample by the score of all decisions, later ones too. Each choice has the same mean.
    """

    difference: float = field(default=2.0, metadata={"least": 1e-3})
    baseline: float = field(default=2, metadata={"least": 0, "most": 2, "whole": True})
    to_go: float = field(default=1, metadata={"least": 0, "most": 1, "whole": True})
    needs_tensors: ClassVar[bool] = False

    def check(self, model: Model, names: tuple[str, ...]) -> None:
        """Everything that a text can be asked for is seen, by one of the three ways."""
        try:
            reaches(model)
        except ModelError as error:
            raise ModelError(f"updater 'decision-score': {error}; use parameter-score or cma-es, which take losses "
                             "alone") from error

    def way(self, model: Model, name: str) -> str:
        found = reaches(model).get(entry_of(name)[0])
        return "differences: it takes whole numbers" if found is None else str(found)

    def rollout(self, scene: Scene, z: np.ndarray, run: int, share: float) -> ScoredPaths:
        return ScoredPaths(self, scene, z, run)


class ScoredPaths:
    """Exact paths with tangents and scores."""

    def __init__(self, options: DecisionScore, scene: Scene, z: np.ndarray, run: int) -> None:
        self.options, self.scene, self.z, self.run = options, scene, z, run
        self.blind = blind_of(scene.model, scene.space.free)
        self._seen = np.flatnonzero(~self.blind)
        self.paths = self._found.paths if len(self._seen) else scene.simulate(z[None], run)[0]
        self.samples = self.smooth = chain.samples_of(scene, self.paths)
        self.directions = directions(self.blind, scene.address.seed, run)
        self.n_simulated = scene.n_paths * (1 + 2 * len(self.directions))

    @cached_property
    def _found(self) -> PathDerivatives:
        scene, space = self.scene, self.scene.space
        names = tuple(space.free[j] for j in self._seen)
        return chain.simulate(scene, scene.model, space.full(space.to_theta(self.z))[0], names, self.run, True)

    def gradient(self, view: View) -> np.ndarray:
        found = np.zeros(len(self.z))
        if len(self._seen):
            by_theta = (chain.along_paths(self.scene, self.paths, self._found.tangents, view.slope).sum(axis=1)
                        + self.by_score(view.credit).mean(axis=1))
            found[self._seen] = by_theta * self.scene.space.slopes(self.z)[self._seen]
        for direction in self.directions:
            found += self._differences(view, direction)
        return found

    def by_score(self, credit: np.ndarray) -> np.ndarray:
        """What each path adds to the mean, by theta, (d, n_paths), from credit (n_paths, n_samples)."""
        n, options = len(credit), self.options
        credit, scores = credit.astype(np.float64), self._found.scores
        finite = np.isfinite(self.paths).all(axis=1) & np.isfinite(scores).all(axis=(0, 2))
        credit = np.where(finite[:, None], credit, credit[finite].mean() if finite.any() else 0.0)
        if options.baseline:
            over = 0 if options.baseline == 2 else None
            credit = (credit - credit.mean(axis=over)) * (n / (n - 1.0))
        ends = self.scene.ends if options.to_go else np.full_like(self.scene.ends, scores.shape[2] - 1)
        weighed = np.where(finite[:, None], scores[:, :, ends], 0.0)
        return np.einsum("jis,is->ji", weighed, credit) / credit.shape[1]

    def _differences(self, view: View, direction: np.ndarray) -> np.ndarray:
        """Slopes (d,) along what a direction moves, from two candidates with the same random numbers."""
        scene, region = self.scene, self.scene.space.region
        step = np.maximum(self.options.difference * scene.spread, np.where(region.integer, 1.0, 0.0)) * direction
        ends = region.inside(np.stack([self.z + step, self.z - step]))
        above, below = (view.loss(chain.samples_of(scene, paths)) for paths in scene.simulate(ends, self.run))
        apart = ends[0] - ends[1]
        return np.divide(above - below, apart, out=np.zeros(len(self.z)), where=apart != 0.0)


def directions(blind: np.ndarray, seed: int, run: int) -> np.ndarray:
    """What each pair of candidates moves, (n, d): blind coordinates one by one, or all at once where they are many.

    All at once, by random signs, one pair tells of each slope, disturbed by the others, which average out over
    generations (Spall 1992).
    """
    here = np.flatnonzero(blind)
    if len(here) <= ONE_BY_ONE:
        return np.eye(len(blind))[here]
    signs = np.zeros((1, len(blind)))
    signs[0, here] = np.random.default_rng([seed, run, len(here)]).choice([-1.0, 1.0], len(here))
    return signs


@lru_cache(maxsize=N_KEPT)
def blind_of(model: Model, names: tuple[str, ...]) -> np.ndarray:
    """Which of these free entries neither a score nor a tangent sees, (d,)."""
    ways = reaches(model)
    found = [ways.get(entry_of(name)[0]) for name in names]
    return np.array([way is None or bool(way.jumps) for way in found], dtype=bool)


ESTIMATOR = DecisionScore()
