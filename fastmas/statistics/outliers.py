"""Additive outliers (Fox 1972): single prices that the prices on either side of them contradict, as wrong ticks do.

A price is compared with the line between its neighbours, and one at an end of a path with its neighbour. It is an
outlier where it lies further off than a limit, and is replaced by the line between the nearest prices that are none.
Inside a path both moves, there and back, count: a crash that stays is no outlier.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fastmas.statistics.tensors import in_float64

ROUGH = 4.0  # robust sds: a normal law has one such distance in 16,000
NORMAL = 1.4826  # sds of a normal law in a median size
SWEEPS, ROUNDS = 6, 10  # over one path, whose outliers hide others; of a scale, which outliers widen
BACK = 1 / 3  # of a move, at least, is gone at the next step
ROUNDING = 1e-5  # of a limit: values of a lattice that are one value


@dataclass(frozen=True)
class OutlierFilter:
    """Finds and replaces outliers; `inner` is the limit inside a path and `outer` at its ends, in (log) levels."""

    logarithm: bool
    inner: float = np.inf
    outer: float = np.inf

    @classmethod
    def rough(cls, paths: np.ndarray, *, logarithm: bool | None = None) -> OutlierFilter:
        """Limits of ROUGH robust sds of what is no outlier in these paths (n_paths, n_times)."""
        seen = cls(bool((paths > 0).all()) if logarithm is None else logarithm)
        level = kept = seen.level(paths)
        for _ in range(ROUNDS):
            narrower = cls(seen.logarithm, ROUGH * _scale(_bends(kept)), ROUGH * _scale(np.diff(kept, axis=1)))
            if narrower.inner >= seen.inner:
                break
            seen = narrower
            kept = interpolated(level, seen._found(level))
        return seen

    @classmethod
    def beyond(cls, paths: np.ndarray, *, logarithm: bool) -> OutlierFilter:
        """Limits that nothing in these paths (n_paths, n_times) exceeds; those that ran away do not count."""
        level = cls(logarithm).level(paths)
        level = level[np.isfinite(level).all(axis=1)]
        if not level.size:
            return cls(logarithm)
        return cls(logarithm, *((1.0 + ROUNDING) * float(np.abs(d).max(initial=0.0)) or np.inf
                                for d in (_spikes(level), np.diff(level, axis=1))))

    def level(self, paths: np.ndarray) -> np.ndarray:
        """The (log) level, (n_paths, n_times)."""
        with np.errstate(all="ignore"):
            return np.log(in_float64(paths)) if self.logarithm else in_float64(paths)

    def found(self, paths: np.ndarray) -> np.ndarray:
        """Which prices of paths (n_paths, n_times) are outliers."""
        return self._found(self.level(paths))

    def replaced(self, paths: np.ndarray, outliers: np.ndarray) -> np.ndarray:
        """Paths (n_paths, n_times) with these prices interpolated, in the same dtype; other prices keep their bits."""
        hit = np.flatnonzero(outliers.any(axis=1))
        if not hit.size:
            return paths
        some = interpolated(self.level(paths[hit]), outliers[hit])
        done = paths.copy()
        with np.errstate(all="ignore"):
            done[hit] = np.where(outliers[hit], np.exp(some) if self.logarithm else some, paths[hit])
        return done

    def sizes(self, paths: np.ndarray, outliers: np.ndarray) -> np.ndarray:
        """How far each of these prices lies from what it is replaced by, (n,), in (log) levels."""
        level = self.level(paths)
        return (level - interpolated(level, outliers))[outliers]

    def noise(self, paths: np.ndarray) -> float:
        """The sd of `sizes` where nothing is wrong with a price inside these paths (n_paths, n_times)."""
        level = self.level(paths)
        return float(_bends(level[np.isfinite(level).all(axis=1)]).std())

    def _found(self, level: np.ndarray) -> np.ndarray:
        found = np.zeros(level.shape, dtype=bool)
        with np.errstate(all="ignore"):
            rows = np.flatnonzero((np.abs(_spikes(level)) > self.inner).any(axis=1) | self._ends(level).any(axis=1))
            if rows.size:
                found[rows] = self._swept(level[rows])
        return found

    def _swept(self, level: np.ndarray) -> np.ndarray:
        """The furthest among neighbours first: an outlier bends the lines to those beside it."""
        outliers, rest = np.zeros(level.shape, dtype=bool), level
        for _ in range(SWEEPS):
            size = np.pad(np.abs(_spikes(rest)), ((0, 0), (1, 1)))
            inside, furthest = size[:, 1:-1], np.maximum(size[:, :-2], size[:, 2:])
            new = np.pad((inside > self.inner) & (inside >= furthest), ((0, 0), (1, 1))) & ~outliers
            if not new.any():
                break
            outliers |= new
            rest = interpolated(level, outliers)
        outliers[:, [0, -1]] = self._ends(rest)
        return outliers

    def _ends(self, level: np.ndarray) -> np.ndarray:
        return np.abs(level[:, [1, -2]] - level[:, [0, -1]]) > self.outer


def interpolated(level: np.ndarray, gone: np.ndarray) -> np.ndarray:
    """Levels (n_paths, n_times) with those that are gone on the line between the nearest others."""
    done, last = level.copy(), level.shape[1] - 1
    i, t = np.nonzero(gone & ~gone.all(axis=1, keepdims=True))
    if not len(i):
        return done
    before, after = t - 1, t + 1
    while (missing := (before >= 0) & gone[i, before]).any():
        before = before - missing
    while (missing := (after <= last) & gone[i, np.minimum(after, last)]).any():
        after = after + missing
    before, after = np.where(before < 0, after, before), np.where(after > last, before, after)
    share = np.where(after > before, (t - before) / np.maximum(after - before, 1), 0.0)
    done[i, t] = (1.0 - share) * level[i, before] + share * level[i, after]
    return done


def _bends(level: np.ndarray) -> np.ndarray:
    """Distances of the inner levels from the line between their neighbours, (n_paths, n_times - 2)."""
    return level[:, 1:-1] - 0.5 * (level[:, :-2] + level[:, 2:])


def _spikes(level: np.ndarray) -> np.ndarray:
    """The same, and 0 where a level does not go back."""
    move = np.diff(level, axis=1)
    there, back = np.abs(move[:, :-1]), np.abs(move[:, 1:])
    reverts = (move[:, :-1] * move[:, 1:] < 0) & (np.minimum(there, back) >= BACK * np.maximum(there, back))
    return np.where(reverts, _bends(level), 0.0)


def _scale(distances: np.ndarray) -> float:
    """A robust sd; a price that does not move says nothing of it."""
    size = np.abs(distances)
    moved = size[size > 0]
    return float(NORMAL * np.median(moved)) if moved.size else np.inf
