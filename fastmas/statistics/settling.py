"""Whether a warm-up is long enough: paths just after it are compared with the same model's paths much later.

What is compared is what a stationary model keeps: the change over a block of steps, the size of its increments, and
the level, unless that wanders as a random walk does. Early and late values are of different paths, so that they are
independent, and the p-value is exact. "Different" is more than chance and more than BAR, a quarter of an sd for a
normal law: with paths enough every warm-up is too short by a little.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np

from fastmas.statistics.stationarity import (
    Difference,
    autocorrelation_time,
    energy_coefficient,
    permutation_test,
    spread,
)

Simulate = Callable[[int, int], np.ndarray]  # number of times and of the try to paths (N_PATHS, n_times)
N_PATHS = 1200  # half of them are looked at early, half late
LEAST_STEPS, MOST_STEPS, LONGER = 600, 2000, 4  # of a first try; how much longer the next one is
N_TRIES = 3
BLOCK = 20  # steps of a change and of a size
REFERENCE = 4  # a model has settled if it is the same from a fourth of the time on
BAR, ALPHA = 0.015, 0.01  # energy coefficient and p-value of a difference
WANDERS = 1.25  # growth of the spread from the reference to the end: 1.58 for a random walk that begins at 0
LOCATED = 0.3  # of a spread: closer medians are not what differs
MARGIN = 1.5  # of a recommended warm-up over the first time that looks settled
GRID = 1.2  # ratio of neighbouring times that may be recommended
LOST, AT_REST = 0.5, 0.5  # shares of paths: from there on nothing can be compared
N_TIMED = 100  # paths of an autocorrelation time
CHANGE, SIZE, LEVEL = "change", "size", "level"


@dataclass(frozen=True)
class Settling:
    """Whether the paths after a warm-up look like those of `late` steps.

    `quantity` is the one that differs most, by `distance` (an energy coefficient, 0 to 1) with its p-value, corrected
    for the number of quantities; `early_median`, `late_median`, `early_spread`, `late_spread` are its own, of
    logarithms for a size, and for level and change where the paths are positive (`logarithm`). `settles` is whether
    the model is the same from a fourth of the way to `late` on; `recommended` is a warm-up that is long enough, None
    if none was found. `size_time` and `level_time` are integrated autocorrelation times in steps. `lost` is the share
    of paths that left the finite numbers by `late`, `at_rest` that of paths which do not move any more.
    """

    warmup: int
    late: int
    n_paths: int
    logarithm: bool
    is_long_enough: bool
    settles: bool
    recommended: int | None = None
    quantity: str | None = None
    distance: float | None = None
    p_value: float | None = None
    early_median: float | None = None
    late_median: float | None = None
    early_spread: float | None = None
    late_spread: float | None = None
    level_wanders: bool = False
    size_time: float | None = None
    level_time: float | None = None
    lost: float = 0.0
    at_rest: float = 0.0


def examine(simulate: Simulate, warmup: int, n_times: int = 1, logarithm: bool | None = None) -> Settling:
    """Whether `warmup` steps are enough, and how many are.

    Parameters
    ----------
    simulate : callable
        Given a number of times and the number of the try: paths (N_PATHS, n_times), the first at t = warmup,
        not finite where a path ran away. Another try has other random numbers.
    n_times : int
        Of the paths that the warm-up is for.
    logarithm : bool, optional
        Whether levels are compared in logarithms; by default where all are above 0.
    """
    steps = min(max(LEAST_STEPS, LONGER * warmup, n_times - 1), MOST_STEPS)
    found = None
    for k in range(N_TRIES):
        paths = simulate(steps + 1, k)
        found = _look(paths, warmup, logarithm)
        if found.settles or max(found.lost - LOST, found.at_rest - AT_REST) >= 0:
            break
        steps *= LONGER
    assert found is not None
    return found


def _look(paths: np.ndarray, warmup: int, logarithm: bool | None) -> Settling:
    finite = np.isfinite(paths)
    if logarithm is None:
        logarithm = bool((paths > 0)[finite].all())
    usable = (finite & (paths > 0)).all(axis=1) if logarithm else finite.all(axis=1)
    last = paths.shape[1] - 1
    seen = _Seen(paths[usable], logarithm)
    begun = Settling(warmup=warmup, late=warmup + last - BLOCK, n_paths=len(paths), logarithm=logarithm,
                     is_long_enough=False, settles=False, lost=float(1.0 - usable.mean()))
    if begun.lost >= LOST:
        return begun
    at_rest = seen.at_rest(last - BLOCK)
    if at_rest >= AT_REST and at_rest > seen.at_rest(0):
        return replace(begun, at_rest=at_rest)
    return _compared(seen, replace(begun, at_rest=at_rest))


def _compared(seen: _Seen, begun: Settling) -> Settling:
    """With the comparison of the first, of the reference, and of the times between."""
    early, reference = seen.compare(0), seen.compare(seen.reference)
    name, difference = early
    settles, is_long_enough = not _differs(reference[1]), not _differs(difference)
    settled = seen.settled_from() if settles and not is_long_enough else 0
    first, late = seen.early(name, 0), seen.late[name]
    size_time, level_time = seen.times(settled)
    return replace(
        begun, is_long_enough=settles and is_long_enough, settles=settles, quantity=name, distance=difference.distance,
        p_value=difference.p_value, early_median=float(np.median(first)), late_median=float(np.median(late)),
        early_spread=spread(first), late_spread=spread(late), level_wanders=seen.wanders, size_time=size_time,
        level_time=level_time, recommended=_recommended(begun.warmup, settled) if settles else None)


def _recommended(warmup: int, settled: int) -> int:
    """With a margin, in two digits, rounded up."""
    if not settled:
        return warmup
    wanted = MARGIN * (warmup + settled)
    unit = 10 ** max(0, len(str(int(wanted))) - 2)
    return int(-(-wanted // unit)) * unit


def _differs(difference: Difference) -> bool:
    return difference.distance > BAR and difference.p_value <= ALPHA


class _Seen:
    """Paths (n, n_times) that stayed finite, the even ones looked at early, the odd ones late."""

    def __init__(self, paths: np.ndarray, logarithm: bool) -> None:
        self._paths, self._logarithm = paths, logarithm
        self.end = paths.shape[1] - 1 - BLOCK
        self.reference = self.end // REFERENCE
        self._least = 1e-3 * float(np.abs(np.diff(self._block(slice(1, None, 2), self.end))).mean()) + 1e-300
        self.late = {name: self._values(name, slice(1, None, 2), self.end) for name in (LEVEL, CHANGE, SIZE)}
        self.wanders = self._wanders()

    def _wanders(self) -> bool:
        """Whether the level goes on spreading; one that moves ever less on the way to somewhere is settling instead."""
        first, middle, last = (self._values(LEVEL, slice(None), t) for t in
                               (self.reference, self.end // 2, self.end))
        before, after = spread(first), spread(last)
        if max(before, after) <= WANDERS * min(before, after):
            return False
        moves = [float(np.median(b) - np.median(a)) for a, b in ((first, middle), (middle, last))]
        return abs(sum(moves)) < LOCATED * after or abs(moves[1]) > abs(moves[0])

    @property
    def names(self) -> list[str]:
        """What is compared."""
        return [name for name in self.late if not (self.wanders and name == LEVEL)]

    def early(self, name: str, t: int) -> np.ndarray:
        return self._values(name, slice(0, None, 2), t)

    def compare(self, t: int) -> tuple[str, Difference]:
        """The quantity that differs most between t, steps after the warm-up, and late; p times their number."""
        distances = {name: energy_coefficient(self.early(name, t), self.late[name]) for name in self.names}
        name = max(distances, key=lambda n: distances[n])
        p_value = permutation_test(self.early(name, t), self.late[name]).p_value
        return name, Difference(distances[name], min(1.0, len(distances) * p_value))

    def settled_from(self) -> int:
        """The first step of a grid from which on nothing differs by half of BAR, at the latest the reference.

        All paths are looked at early and late: an estimate needs no independence, and twice as many make less noise.
        """
        settled, rows = self.reference, slice(None)
        late = {name: self._values(name, rows, self.end) for name in self.names}
        for t in self._grid():
            if any(energy_coefficient(self._values(name, rows, t), late[name]) > BAR / 2 for name in late):
                break
            settled = t
        return settled

    def _grid(self) -> Iterator[int]:
        """Steps between the warm-up and the reference, the last first."""
        t = self.reference
        while t > 1:
            t = min(t - 1, int(t / GRID))
            yield t

    def at_rest(self, t: int) -> float:
        """The share of paths that do not move from t on."""
        block = self._block(slice(None), t)
        return float((block == block[:, :1]).all(axis=1).mean())

    def times(self, t: int) -> tuple[float | None, float | None]:
        """Autocorrelation times of sizes and of the level from t on, None where no window closes or it wanders."""
        level = self._level(self._paths[:N_TIMED, t:])
        found = (autocorrelation_time(np.abs(np.diff(level))), np.inf if self.wanders else autocorrelation_time(level))
        size, own = (float(x) if np.isfinite(x) else None for x in found)
        return size, own

    def _values(self, name: str, rows: slice, t: int) -> np.ndarray:
        block = self._block(rows, t)
        if name == LEVEL:
            return block[:, 0]
        if name == CHANGE:
            return block[:, -1] - block[:, 0]
        return np.log(np.abs(np.diff(block)).mean(axis=1) + self._least)

    def _block(self, rows: slice, t: int) -> np.ndarray:
        return self._level(self._paths[rows, t:t + BLOCK + 1])

    def _level(self, paths: np.ndarray) -> np.ndarray:
        paths = np.asarray(paths, dtype=np.float64)
        return np.log(paths) if self._logarithm else paths
