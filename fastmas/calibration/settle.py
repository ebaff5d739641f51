"""After the game: candidates are compared by simulation, the nearest is polished, and all data have the last word.

The features are those of the game: moments of a path, and what the discriminator has learned from simulations. One that
was trained on the data has no say here, since it knows them by heart. Nothing whose simulated distance is above that
of the start is ever returned.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from fastmas import discriminators
from fastmas.calibration.game import average
from fastmas.calibration.observed import Observed
from fastmas.calibration.posterior import is_vague
from fastmas.calibration.problems import problem_of
from fastmas.calibration.record import DISCRIMINATOR, Record
from fastmas.calibration.settings import Settings
from fastmas.calibration.simulator import Simulator
from fastmas.calibration.workers import Features
from fastmas.parameters import ParameterSpace
from fastmas.updaters.moments import MODE, SAME
from fastmas.updaters.scoring import COMPARING, Problem, compare, polish

TRAINING_RUN, ALL_RUN = 1 << 16, 1 << 17  # first runs of the two problems
BARRIER = 2.0  # of distance, a nat: less is a flat valley
GAME_ROUNDS, LAST_ROUNDS = 4, 2  # linearisations on the training data and on all
SERIES_RIDGE = 0.002  # of one series: added to the correlation of its features
MOST_VALUES = 1 << 22  # simulated for a covariance, unless the search's has more


@dataclass(frozen=True)
class Settled:
    """`z` (d,) is the estimate from all data, `z_train` that from the training part.

    `distance` is that of `z_train`, with its chi-square `degrees` and the misfit `tau`; `distances` are those of all
    candidates by name; `modes` are other basins, each with its distance.
    """

    z: np.ndarray
    z_train: np.ndarray
    distance: float
    degrees: int
    tau: float
    distances: dict[str, float]
    modes: list[tuple[np.ndarray, float]]


def features_of(observed: Observed, record: Record, discriminator: str) -> Features:
    """Features (n_paths, k) of paths (n_paths, n_times): moments first, then what was learned."""
    kind, arrays = discriminators.get(discriminator), record.part(DISCRIMINATOR)
    if kind.sees_data or not arrays:
        return observed.moments_of
    learned = kind.features_of(arrays, observed.real.shape[-1], record.d)

    return lambda paths: np.concatenate([observed.moments_of(paths), learned(observed.samples_of(paths))], axis=1)


def training_problem(simulator: Simulator, settings: Settings, record: Record, features: Features) -> Problem:
    """The last steps on the training data."""
    problem = problem_of(simulator, features, simulator.observed.x_train, settings, TRAINING_RUN)
    return _sharpened(simulator, settings, record, problem)


def whole_problem(simulator: Simulator, settings: Settings, record: Record, features: Features) -> Problem:
    """The last step on all data."""
    problem = problem_of(simulator, features, simulator.observed.x_all, settings, ALL_RUN)
    return _sharpened(simulator, settings, record, problem)


def _sharpened(simulator: Simulator, settings: Settings, record: Record, problem: Problem) -> Problem:
    """The problem with a weight for an estimate, where that of a series' search is too rough for one.

    Of k figures, a weight from n series makes variances about 1 + k / n times as large. A ridge hides combinations
    that the model gives hardly any variance. Their slopes hold only near by, so that neither a search nor a fit that
    leaves a parameter vague must follow them; else they are the sharpest, and most of what was learned is among them.
    """
    observed = simulator.observed
    if not observed.is_series or record.start is None or is_vague(simulator.region, record.start.spread):
        return problem
    n_weigh = min(settings.budget.sizes.weigh_last, MOST_VALUES // observed.x_all[0].size)
    return replace(problem, ridge=SERIES_RIDGE, n_weigh=max(n_weigh, problem.n_weigh))


def settle(simulator: Simulator, settings: Settings, record: Record, features: Features) -> Settled:
    """Compare, polish, compare again with fresh numbers, and take a last step on all data."""
    assert record.start is not None
    problem, start = training_problem(simulator, settings, record, features), record.start
    points = {"start": start.z, **{f"mode {i}": z for i, z in enumerate(start.modes, start=2)}}
    if record.rows:
        points["game"] = average(record, settings.updater)
        first = compare(problem, np.stack(list(points.values())))
        points["polished"] = polish(problem, list(points.values())[int(np.argmin(first.distances))], GAME_ROUNDS)[0]
    z = np.stack(list(points.values()))
    seen = compare(problem, z, COMPARING + 1)
    best = int(np.argmin(seen.distances))
    modes = [(z[i], float(seen.distances[i])) for i in np.argsort(seen.distances, kind="stable")
             if seen.distances[i] - seen.distances[best] < MODE]
    last = _last_step(whole_problem(simulator, settings, record, features), z[0], z[best])
    return Settled(z=_rounded(simulator.space, last), z_train=_rounded(simulator.space, z[best]),
                   distance=float(seen.distances[best]), tau=seen.tau,
                   degrees=max(0, seen.n_combinations - simulator.space.d),
                   distances=dict(zip(points, seen.distances.tolist(), strict=True)),
                   modes=_apart(problem, z[best], modes))


def _rounded(space: ParameterSpace, z: np.ndarray) -> np.ndarray:
    """As it is simulated: whole numbers are whole."""
    return space.to_z(space.to_theta(z)) if space.integer.any() else z


def _last_step(problem: Problem, start: np.ndarray, z: np.ndarray) -> np.ndarray:
    candidates = np.stack([start, z, polish(problem, z, LAST_ROUNDS)[0]])
    return candidates[int(np.argmin(compare(problem, candidates, COMPARING + 1).distances))]


def _apart(problem: Problem, z: np.ndarray, modes: list[tuple[np.ndarray, float]]) -> list[tuple[np.ndarray, float]]:
    """Those with a barrier between them and the estimate, and between one another: a flat valley is one basin."""
    kept = [(z, 0.0)]
    for mode, distance in modes:
        if all(_is_barred(problem, mode, other) for other, _ in kept):
            kept.append((mode, distance))
    return kept[1:]


def _is_barred(problem: Problem, one: np.ndarray, other: np.ndarray) -> bool:
    if np.abs((one - other) / problem.region.width).max() < SAME:
        return False
    ends_and_middle = compare(problem, np.stack([one, other, (one + other) / 2.0]), COMPARING + 2).distances
    return bool(ends_and_middle[2] > ends_and_middle[:2].max() + BARRIER)
