"""Observations: what a calibration trains on and what it holds out, from paths or from one series."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from numbers import Integral, Real
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd

from fastmas import domains
from fastmas.data.doubtful import doubts, doubts_of_paths, gaps
from fastmas.data.reading import MISSING, Reading, Wanted, read
from fastmas.errors import DataError, ParameterError

SERIES_HORIZON = 50  # steps; the paper's Delta
HELDOUT_SHARE = 0.2
SHORT, USUAL, HORIZONS = 60, 2 * (SERIES_HORIZON + 1), 6  # values between which the horizon is a sixth of them

Names = str | Sequence[str]


@dataclass(frozen=True, eq=False)
class Observations:
    """Values of one or several observables to train on, and values held out.

    Arrays of several observables have these last: where a shape is (n, n_times) for one, it is (n, n_times, k) for k.

    Parameters
    ----------
    x_obs : ndarray of float64, shape (n_paths, horizon + 1)
        Training paths, or training windows of one series (these overlap).
    x_heldout : ndarray of float64, shape (n_heldout, horizon + 1)
        The last paths, or windows of the last part of the series; they share no value with `x_obs`.
    regime : {"paths", "series"}
        Many independent paths, or one long series cut into windows.
    source : str
        The file or name as the user gave it; "array", "Series" or "DataFrame" for objects.
    column : str or None
        Column of the values, or columns separated by commas.
    series, series_train, series_heldout : ndarray of float64 or None
        The whole series of shape (n_times,) and views of its two parts in order of time; None for paths.
    dates : list of str or None
        One per value of `series`, in ISO 8601, as the source writes them.
    warnings : tuple of str
        What looks wrong in the values, by row, and what was left out; else nothing of it was changed.
    names, domains : tuple of str
        Of the observables, one each; a domain "" is decided by the data.
    """

    x_obs: np.ndarray
    x_heldout: np.ndarray
    regime: Literal["paths", "series"]
    source: str
    column: str | None = None
    series: np.ndarray | None = None
    series_train: np.ndarray | None = None
    series_heldout: np.ndarray | None = None
    dates: list[str] | None = None
    warnings: tuple[str, ...] = ()
    names: tuple[str, ...] = ("price",)
    domains: tuple[str, ...] = ("",)

    @property
    def horizon(self) -> int:
        """Steps of a path or window: one less than its values."""
        return self.x_obs.shape[1] - 1

    @property
    def values(self) -> np.ndarray:
        """All data, training part first, (n_paths, n_times, k)."""
        whole = np.concatenate([self.x_obs, self.x_heldout]) if self.series is None else self.series[None]
        return whole if whole.ndim == 3 else whole[..., None]

    @property
    def n_effective_windows(self) -> int:
        """Independent pieces of the training data.

        For paths their number; for a series the number of windows of `horizon` steps in
        `series_train` that share no step (neighbours share the value at which they meet).
        """
        if self.series_train is None:
            return len(self.x_obs)
        return (len(self.series_train) - 1) // self.horizon


def observe(
    data: str | Path | np.ndarray | pd.Series | pd.DataFrame | Any,
    *,
    column: Names | None = None,
    observable: Names | None = None,
    domain: Names | None = None,
    horizon: int | None = None,
    stride: int | None = None,
    heldout_share: float = HELDOUT_SHARE,
    missing: str = "error",
) -> Observations:
    """Read prices or other observables, check every value, and set a part aside for testing the fit.

    What looks like a wrong tick, a stale run or a gap in the dates is told by row in `warnings` of the result.

    Parameters
    ----------
    data : str, Path, ndarray, Series, DataFrame, list or tensor
        A built-in name ("sp500"); a .csv, .csv.gz, .parquet, .npz or .npy file; an array of one
        series, shape (n_times,), or of many paths, shape (n_paths, n_times); a pandas object; whatever
        numpy.asarray makes an array of. A table with the columns `path` and `t` holds many paths. A single path
        is one series. Of k observables arrays are (n_times, k) or (n_paths, n_times, k). Paths of several lengths, in
        a list or a table, are cut to the shortest.
    column : str or sequence of str, optional
        Column of the values, or array of a .npz file; of several observables one for each. Otherwise that
        of the observable's name, or for one observable the first of "adj close",
        "adj_close", "close", "price" and "value" in any case, or the only column of numbers.
    observable : str or sequence of str, optional
        Names of what is observed, as a model has them.
    domain : str or sequence of str, optional
        For each observable "price" (above 0), "real", "count" (whole, from 0 on), "share" (0 to 1), "category" (a few
        whole codes), or "": a price if the name says so or all values are above 0, else a real number. One
        observable without a domain is a price.
    horizon : int, optional
        Steps of a window, which has `horizon + 1` values. By default 50 for a series, a sixth of one of 60 to
        101 values, and the length of the paths for paths, which are never cut.
    stride : int, optional
        Steps from one window of a series to the next; by default half the horizon, so that
        each value stands in two windows.
    heldout_share : float
        Share of the paths, or of the series' values at its end, held out: at least one path or
        one window. No window straddles the boundary.
    missing : {"error", "drop"}
        Whether a missing value is an error, or its row is dropped: of many paths, the whole path.

    Raises
    ------
    DataError
        If the data cannot be used; names the file, row, column, value and remedy.
    ParameterError
        If an option has a value outside its bounds or does not fit the data.
    """
    _check_options(horizon, stride, heldout_share)
    wanted = _wanted(column, observable, domain, missing)
    seen = read(data, wanted)
    if seen.is_series or len(seen.values) == 1:
        return _from_series(seen, wanted, horizon, stride, heldout_share)
    return _from_paths(seen, wanted, horizon, stride, heldout_share)


def _check_options(horizon: int | None, stride: int | None, heldout_share: float) -> None:
    for name, value in (("horizon", horizon), ("stride", stride)):
        if value is not None and (not isinstance(value, Integral) or isinstance(value, bool) or value < 1):
            raise ParameterError(f"{name}={value!r} is not a whole number of steps; give 1 or more")
    if not isinstance(heldout_share, Real) or not 0 < heldout_share < 1:
        raise ParameterError(
            f"heldout_share={heldout_share!r} is not a share between 0 and 1; give one such as 0.2"
        )


def _wanted(column: Names | None, observable: Names | None, domain: Names | None, missing: str) -> Wanted:
    if missing not in MISSING:
        raise ParameterError(f"missing={missing!r} is no rule for missing values; give one of {', '.join(MISSING)}")
    columns, names, kinds = (_listed(given) for given in (column, observable, domain))
    given = {"observable": names, "column": columns, "domain": kinds}
    counts = {name: len(one) for name, one in given.items() if one is not None}
    if len(set(counts.values())) > 1:
        listed = " and ".join(f"{n} for {name}=" for name, n in counts.items())
        raise ParameterError(f"{listed}: give as many of each, in one order")
    k = next(iter(counts.values()), 1)
    for kind in kinds or ():
        if kind:
            domains.get(kind)
    return Wanted(names, columns, kinds or (("price",) if k == 1 else ("",) * k), missing)


def _listed(given: Names | None) -> tuple[str, ...] | None:
    if given is None:
        return None
    return (given,) if isinstance(given, str) else tuple(str(one) for one in given)


def _from_paths(seen: Reading, wanted: Wanted, horizon: int | None, stride: int | None, share: float) -> Observations:
    values = seen.values
    n_paths, n_times = values.shape[:2]
    if n_times < 2:
        raise DataError(
            f"{seen.place}: {n_paths} paths of 1 price each; give paths of 2 or more, "
            "or one series as (n_times,)"
        )
    if n_paths < 2:
        raise DataError(f"{seen.place}: one path is left of many; fill what is missing, or give one series")
    if horizon not in (None, n_times - 1):
        raise ParameterError(
            f"horizon={horizon} differs from the {n_times - 1} steps of the paths in {seen.source}; "
            "leave it out or give paths of that length"
        )
    if stride is not None:
        raise ParameterError(
            f"stride={stride} is for one series, not the paths in {seen.source}; leave it out"
        )
    n_train = n_paths - max(1, int(share * n_paths))
    names, kinds = _known(seen, wanted, values)
    _check_moves(values[:n_train], seen, names)
    said = [*seen.told, *(text for j in _prices(kinds) for text in doubts_of_paths(values[..., j]))]
    return Observations(
        _shaped(values[:n_train]), _shaped(values[n_train:]), "paths", seen.source, seen.column,
        warnings=tuple(f"{seen.place}: {text}" for text in said), names=names, domains=kinds)


def _from_series(seen: Reading, wanted: Wanted, horizon: int | None, stride: int | None, share: float) -> Observations:
    values = seen.values if seen.is_series else seen.values[0]
    usual = len(values) // HORIZONS if SHORT <= len(values) < USUAL else SERIES_HORIZON
    horizon = int(horizon or usual)
    n_train = len(values) - max(horizon + 1, int(share * len(values)))
    if n_train < horizon + 1:
        raise DataError(_too_short(len(values), horizon, share, seen.place))
    names, kinds = _known(seen, wanted, values)
    series = _shaped(values)
    train, heldout = series[:n_train], series[n_train:]
    stride = int(stride or max(1, horizon // 2))
    x_obs, x_heldout = _windows(train, horizon, stride), _windows(heldout, horizon, stride)
    _check_moves(x_obs if x_obs.ndim == 3 else x_obs[..., None], seen, names)
    said = [*seen.told, *_doubts(seen, values, kinds)]
    return Observations(
        x_obs, x_heldout, "series", seen.source, seen.column, series, train, heldout, seen.dates,
        tuple(f"{seen.place}: {text}" for text in said), names, kinds)


def _known(seen: Reading, wanted: Wanted, values: np.ndarray) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Names and domains of the observables."""
    names = wanted.names or seen.columns or tuple(wanted.name(j) for j in range(wanted.k))
    return names, tuple(domains.resolved(kind, name, "", values[..., j])
                        for j, (kind, name) in enumerate(zip(wanted.domains, names, strict=True)))


def _prices(kinds: Sequence[str]) -> list[int]:
    return [j for j, kind in enumerate(kinds) if domains.get(kind).logarithm]


def _doubts(seen: Reading, values: np.ndarray, kinds: Sequence[str]) -> Iterator[str]:
    prices = _prices(kinds)
    for j in prices:
        found = doubts(values[:, j], seen.row, seen.dates if j == prices[0] else None)
        yield from (text if len(kinds) == 1 else f"{seen.columns[j] if seen.columns else j}: {text}" for text in found)
    if not prices and seen.dates is not None:
        yield from gaps(seen.dates, seen.row)


def _shaped(values: np.ndarray) -> np.ndarray:
    """One observable has no axis of its own."""
    return values[..., 0] if values.shape[-1] == 1 else values


def _windows(series: np.ndarray, horizon: int, stride: int) -> np.ndarray:
    """(n_windows, horizon + 1) of a series (n_times,), or with the observables last of (n_times, k)."""
    seen = np.lib.stride_tricks.sliding_window_view(series, horizon + 1, axis=0)[::stride]
    return np.array(seen if series.ndim == 1 else np.swapaxes(seen, 1, 2))


def _too_short(n: int, horizon: int, share: float, place: str) -> str:
    needed = max(2 * (horizon + 1), int(horizon / (1 - share)) + 1)
    return (
        f"{place}: {n} prices, and horizon={horizon} with heldout_share={share} needs {needed}, for one "
        f"window of {horizon + 1} to train on and one held out; give more prices or a smaller horizon"
    )


def _check_moves(x_obs: np.ndarray, seen: Reading, names: Sequence[str]) -> None:
    """Raise DataError where an observable of (n, n_times, k) stays as it is in every window."""
    still = (x_obs == x_obs[:, :1]).all(axis=(0, 1))
    for j in np.flatnonzero(still).tolist():
        what = "prices" if len(names) == 1 else f"values of {names[j]!r}"
        raise DataError(
            f"{seen.place}: constant {what}, no training window moves (the first stays at {x_obs[0, 0, j]}); "
            "check the column or give prices that move"
        )
