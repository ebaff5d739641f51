"""The law of the paper's largest relative error: max over t of |P_r(t) - P_c(t)| / P_r(t), under the same noises.

The paper shows one path. Here it is taken over many, for every estimate, and in markets of other rho and windows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from fastmas.models._windows import draw_windows
from fastmas.reproduce.bound import Bound
from fastmas.reproduce.experiment import SEPARATE, TIED, folded, market, values
from fastmas.reproduce.setting import CRITERION, NAMES, Setting
from fastmas.simulate import simulate

RUN = 60_000  # of the random numbers
LEVELS = (0.05, 0.5, 0.9, 0.99)

Pairs = tuple[tuple[int, int], ...]


@dataclass(frozen=True, eq=False)
class Pair:
    """One path of the true and of the calibrated market under the same noises, t = 0..50, and its errors e(t)."""

    true: np.ndarray
    calibrated: np.ndarray

    @property
    def error(self) -> np.ndarray:
        return relative_error(self.true, self.calibrated)


def relative_error(true: np.ndarray, calibrated: np.ndarray) -> np.ndarray:
    """The paper's e(t), of the shape of both."""
    return np.abs(true.astype(np.float64) - calibrated) / true


def pair(setting: Setting, theta: np.ndarray) -> Pair:
    """The first path of the law of `theta` (3,) or (19,); no path is picked."""
    paths = _same_noises(setting, folded(theta)[None], 1, setting.windows)
    return Pair(paths[0, 0], paths[1, 0])


def largest_errors(setting: Setting, thetas: np.ndarray, n_paths: int, windows: Pairs | None = None) -> np.ndarray:
    """Of each path, (n, n_paths), for estimates thetas (n, 3) or (n, 19), their signs folded away."""
    pairs = setting.windows if windows is None else windows
    found = []
    for theta in np.atleast_2d(thetas):
        true, calibrated = _same_noises(setting, folded(theta)[None], n_paths, pairs)
        found.append(relative_error(true, calibrated).max(axis=1))
    return np.stack(found)


def _same_noises(setting: Setting, thetas: np.ndarray, n_paths: int, windows: Pairs) -> np.ndarray:
    """Paths (1 + n, n_paths, n_times + 1) of the truth and of thetas, t = 0, 1, ..., from the same start."""
    parameters = TIED if thetas.shape[1] == len(NAMES) else SEPARATE
    truth = np.repeat(setting.truth, 1) if parameters == TIED else np.repeat(setting.truth, (7, 7, 5))
    given = [values(theta, rho=setting.rho) for theta in (truth, *thetas)]
    return simulate(market(setting, parameters, windows), given, n_paths=n_paths, n_steps=setting.n_times,
                    seed=setting.seed, run=RUN, common_random_numbers=True)


def summary(errors: np.ndarray) -> dict[str, float]:
    """Quantiles, the worst, and the share of paths under the paper's 1.5%, of errors of any shape."""
    low, median, high, highest = np.quantile(errors, LEVELS)
    return {"share": float((errors < CRITERION).mean()), "q05": float(low), "median": float(median),
            "q90": float(high), "q99": float(highest), "worst": float(errors.max()), "n": int(errors.size)}


def drawn_windows(setting: Setting) -> list[Pairs]:
    """The setting's own windows and other draws."""
    others = [draw_windows(seed, len(setting.windows)) for seed in range(1, setting.n_drawn_windows)]
    return [setting.windows, *others]


def at_bound(setting: Setting, found: Bound, windows: Pairs | None = None) -> np.ndarray:
    """Largest errors (n_at_bound, n) of estimates drawn at the information bound, ten to each path of the law."""
    n = max(1, 10 * setting.n_law // setting.n_at_bound)
    return largest_errors(setting, found.draw(setting, setting.n_at_bound), n, windows)


def across(setting: Setting, groups: Mapping[str, Sequence[np.ndarray]], found: Bound) -> list[dict[str, Any]]:
    """Shares under 1.5% for every rho and draw of windows: of estimates by group, and at the bound.

    The same estimates, and errors of the same size, replayed in other markets.
    """
    rows = []
    for windows in drawn_windows(setting):
        for rho in setting.rhos:
            there = replace(setting, rho=rho, windows=windows)
            shares = {name: float((largest_errors(there, np.stack(thetas), there.n_law) < CRITERION).mean())
                      for name, thetas in groups.items() if len(thetas)}
            bounded = float((at_bound(there, found) < CRITERION).mean())
            rows.append({"rho": rho, "windows": [list(w) for w in windows], "at the bound": bounded, **shares})
    return rows
