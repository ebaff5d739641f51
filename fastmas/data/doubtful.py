"""What looks wrong in good data: ticks that revert at once, runs of one price, gaps in the dates.

Nothing is changed here. Each kind is one line, with the rows of the first few and their number.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd

At = Callable[[int], str]  # where price i stands, in words

N_TOLD = 5
SDS, REVERTED = 10.0, 0.25  # robust sds of a wrong tick, and the share of it that may be left after the next step
WINDOW = 41  # returns whose median size is the scale of a return among them: a crash is no wrong tick
ROBUST = 1.4826  # sds of a normal law in a median size
LEAST_RUN, CHANCE = 5, 1e-3  # prices of a stale run, and the number of such runs that chance may make
GAP, USUAL = 3.0, 0.95  # times the usual step of the dates, which so many do not exceed
LEAST_PRICES = 30


def doubts(prices: np.ndarray, at: At, dates: Sequence[str] | None = None) -> list[str]:
    """What is odd in one series of prices (n_times,), with a remedy, in at most three lines.

    Parameters
    ----------
    at : callable
        The place of price i, as "row 12".
    dates : sequence of str, optional
        One per price, in ISO 8601.
    """
    if len(prices) < LEAST_PRICES:
        return []
    said = [_ticks(prices, at), _stale(prices, at), None if dates is None else _gaps(dates, at)]
    return [text for text in said if text]


def doubts_of_paths(paths: np.ndarray) -> list[str]:
    """Wrong ticks in paths (n_paths, n_times), whose runs of one price are those of their own."""
    if paths.shape[1] < LEAST_PRICES:
        return []
    found = [(i, int(t)) for i, path in enumerate(paths) for t in wrong_ticks(path)]
    return [_told_ticks([f"path {i}, time {t} (from 0)" for i, t in found])] if found else []


def wrong_ticks(prices: np.ndarray) -> np.ndarray:
    """Indices of prices (n_times,) more than SDS robust sds from the one before that are gone at the next step."""
    returns = np.diff(np.log(prices))
    size = np.abs(returns)
    moved = size[size > 0]
    if len(moved) < 2:
        return np.zeros(0, dtype=np.int64)
    usual, there, back = float(np.median(moved)), returns[:-1], returns[1:]
    jump = np.minimum(np.abs(there), np.abs(back)) / (SDS * ROBUST)
    found = np.flatnonzero((jump > usual) & (np.abs(there + back) < REVERTED * np.abs(there)))
    if not found.size:
        return found
    around = pd.Series(size).rolling(WINDOW, center=True, min_periods=1).median().to_numpy()
    return found[jump[found] > around[found]] + 1


def _ticks(prices: np.ndarray, at: At) -> str | None:
    found = wrong_ticks(prices)
    return _told_ticks([at(int(i)) for i in found]) if found.size else None


def _told_ticks(places: list[str]) -> str:
    what = "a price lies" if len(places) == 1 else f"{len(places)} prices lie"
    return (f"{what} more than {SDS:.0f} usual moves from the one before and back at the next, as a wrong tick does: "
            f"{_listed(places)}; look at {'it' if len(places) == 1 else 'them'}, correct or drop what is wrong")


def stale_runs(prices: np.ndarray) -> list[tuple[int, int]]:
    """First index and length of runs of one price that chance does not make, the longest first.

    Chance repeats a price as often, and after a repeat as often again, as the series does outside of its longest run.
    """
    starts = np.flatnonzero(np.concatenate([[True], np.diff(prices) != 0]))
    lengths = np.diff(np.concatenate([starts, [len(prices)]]))
    if len(starts) < 2:
        return []
    others = np.delete(lengths, int(np.argmax(lengths)))
    n_repeats, n_again = int((others - 1).sum()), int(np.maximum(others - 2, 0).sum())
    share = (n_repeats + 1) / (others.sum() + 2)
    again = (n_again + share) / (n_repeats + 1)
    expected = len(prices) * share * again ** np.maximum(lengths - 2, 0)
    found = np.flatnonzero((lengths >= LEAST_RUN) & (expected < CHANCE))
    return [(int(starts[i]), int(lengths[i])) for i in found[np.argsort(-lengths[found], kind="stable")]]


def _stale(prices: np.ndarray, at: At) -> str | None:
    runs = stale_runs(prices)
    if not runs:
        return None
    places = [f"{n} prices from {at(i)}" for i, n in runs]
    what = "a run of one price looks" if len(runs) == 1 else f"{len(runs)} runs of one price look"
    return f"{what} stale: {_listed(places)}; drop what was not traded"


def gaps(dates: Sequence[str], at: At) -> list[str]:
    """Gaps in the dates alone, in at most one line."""
    said = _gaps(dates, at) if len(dates) >= LEAST_PRICES else None
    return [] if said is None else [said]


def _gaps(dates: Sequence[str], at: At) -> str | None:
    when = pd.to_datetime(pd.Series(list(dates)), format="ISO8601", utc=True)
    days = when.diff().dt.total_seconds().to_numpy()[1:] / 86400.0
    usual = float(np.quantile(days, USUAL))
    found = np.flatnonzero(days > GAP * usual)
    if not found.size:
        return None
    order = found[np.argsort(-days[found], kind="stable")]
    places = [f"{_duration(days[i])} before {at(int(i) + 1)} ({dates[i + 1]})" for i in order]
    what = "a gap" if len(places) == 1 else f"{len(places)} gaps"
    return (f"{what} in the dates of more than {GAP:.0f} times the usual step: {_listed(places)}; fill the gap, or "
            "calibrate to the part before or after it")


def _duration(days: float) -> str:
    return f"{days:.0f} days" if days >= 2 else f"{24 * days:.3g} hours"


def _listed(places: list[str]) -> str:
    return ", ".join(places[:N_TOLD]) + (", ..." if len(places) > N_TOLD else "")
