"""Observations: what a calibration trains on and what it holds out, from paths or from one series."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from numbers import Integral, Real
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd

from fastmas.data.asked import Asked
from fastmas.data.doubtful import doubts, doubts_of_paths
from fastmas.data.sources import read_source
from fastmas.data.told import Reading
from fastmas.errors import DataError, ParameterError

SERIES_HORIZON = 50  # steps; the paper's Delta


@dataclass(frozen=True, eq=False)
class Observations:
    """Prices to train on and prices held out.

    Parameters
    ----------
    x_obs : ndarray of float64, shape (n_paths, horizon + 1)
        Training paths, or training windows of one series (these overlap).
    x_heldout : ndarray of float64, shape (n_heldout, horizon + 1)
        The last paths, or windows of the last part of the series; they share no price with `x_obs`.
    regime : {"paths", "series"}
        Many independent paths, or one long series cut into windows.
    source : str
        The file or name as the user gave it; "array", "Series" or "DataFrame" for objects.
    column : str or None
        Column of the prices.
    series, series_train, series_heldout : ndarray of float64 or None
        The whole series of shape (n_times,) and views of its two parts in order of time; None for paths.
    dates : list of str or None
        One per price of `series`, in ISO 8601, as the source writes them.
    warnings : tuple of str
        What looks wrong in the prices, by row: nothing of it was changed.
    told : str
        What was read, in one line; "" for an array.
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
    told: str = ""

    @property
    def horizon(self) -> int:
        """Steps of a path or window: one less than its prices."""
        return self.x_obs.shape[1] - 1

    @property
    def n_effective_windows(self) -> int:
        """Independent pieces of the training data.

        For paths their number; for a series the number of windows of `horizon` steps in
        `series_train` that share no step (neighbours share the price at which they meet).
        """
        if self.series_train is None:
            return len(self.x_obs)
        return (len(self.series_train) - 1) // self.horizon


def observe(
    data: str | Path | np.ndarray | pd.Series | pd.DataFrame,
    *,
    column: str | Sequence[str] | None = None,
    horizon: int | None = None,
    stride: int | None = None,
    heldout_share: float = 0.2,
    symbol: str | None = None,
    date_format: str | None = None,
    duplicates: str = "error",
    missing: str = "error",
    decimal: str | None = None,
) -> Observations:
    """Read prices, check every one, and set a part aside for testing the fit.

    What looks like a wrong tick, a stale run or a gap in the dates is told by row in `warnings` of the result.

    Parameters
    ----------
    data : str, Path, ndarray, Series or DataFrame
        A built-in name ("sp500"); a file of one of the forms of docs/data.md; an array of one
        series, shape (n_times,), or of many paths, shape (n_paths, n_times); a pandas object.
        A table with the columns `path` and `t` holds many paths. A single path is one series.
        Rows that stand newest first are sorted.
    column : str or sequence of str, optional
        Column of the prices by its name, or by its number from 1, or array of a .npz file.
        Otherwise the first of "adj close", "close", "price" and "value" in any case, or the only
        column of numbers.
    horizon : int, optional
        Steps of a window, which has `horizon + 1` prices. By default 50 for a series and the
        length of the paths for paths, which are never cut.
    stride : int, optional
        Steps from one window of a series to the next; by default half the horizon, so that
        each price stands in two windows.
    heldout_share : float
        Share of the paths, or of the series' prices at its end, held out: at least one path or
        one window. No window straddles the boundary.
    symbol : str, optional
        The one to read of several that are stacked in a table, or stand in a level of its columns.
    date_format : str, optional
        Form of the dates as `strptime` has it, for dates that do not tell day from month.
    duplicates : {"error", "last", "all"}
        Rows with one date are refused, or sorted by date with the last of each kept, or all.
    missing : {"error", "drop"}
        Rows without a value are refused, or left out; of many paths, those with such a row.
    decimal : {".", ","}, optional
        The decimal mark, where a file does not tell it.

    Raises
    ------
    DataError
        If the data cannot be used; names the file, row, column, value and remedy.
    ParameterError
        If an option has a value outside its bounds or does not fit the data.
    """
    _check_options(horizon, stride, heldout_share)
    asked = Asked(column, (), symbol, date_format, duplicates, missing, decimal)
    prices = _checked(_read(data, asked))
    if not prices.is_series and len(prices.values) > 1:
        return _from_paths(prices, horizon, stride, heldout_share)
    return _from_series(prices, horizon, stride, heldout_share)


def _check_options(horizon: int | None, stride: int | None, heldout_share: float) -> None:
    for name, value in (("horizon", horizon), ("stride", stride)):
        if value is not None and (not isinstance(value, Integral) or isinstance(value, bool) or value < 1):
            raise ParameterError(f"{name}={value!r} is not a whole number of steps; give 1 or more")
    if not isinstance(heldout_share, Real) or not 0 < heldout_share < 1:
        raise ParameterError(
            f"heldout_share={heldout_share!r} is not a share between 0 and 1; give one such as 0.2"
        )


def _read(data: object, asked: Asked) -> Reading:
    if isinstance(data, str | Path | pd.DataFrame | pd.Series):
        read = read_source(data, asked)
        return read if isinstance(read, Reading) else _of_array(read, str(data), asked.columns)
    if not isinstance(data, np.ndarray):
        kind = type(data).__name__
        raise DataError(f"{kind} is no kind of data; give a file, a name, an array or a pandas object")
    if asked.columns:
        raise ParameterError(f"column={asked.column!r}: an array has no columns; leave it out")
    return _of_array(data, "array")


def _of_array(values: np.ndarray, source: str, columns: tuple[str, ...] = ()) -> Reading:
    if values.dtype.kind not in "iuf":
        raise DataError(f"{source}: elements of type {values.dtype} are no prices; give real numbers")
    if values.ndim not in (1, 2):
        raise DataError(
            f"{source}: shape {values.shape} is neither (n_times,) nor (n_paths, n_times); "
            "give one series or the paths of one theta"
        )
    if not values.size:
        raise DataError(f"{source}: no prices, shape {values.shape}; give one series or many paths")
    return Reading(np.ma.filled(values.astype(np.float64), np.nan)[..., None], source, columns)


def _checked(prices: Reading) -> Reading:
    """The reading, if all of its numbers are positive and finite."""
    wrong = np.argwhere(~(np.isfinite(prices.values) & (prices.values > 0)))
    if len(wrong):
        raise DataError(f"{prices.at(*wrong[0])}: {_fault(prices.values[tuple(wrong[0])])}")
    return prices


def _fault(price: float) -> str:
    if math.isnan(price):
        return "nan is a missing price; fill or drop it"
    if math.isinf(price):
        return f"{float(price)} is infinite; correct or drop it"
    return f"price {float(price)} is not positive; give prices, not returns, and correct or drop this one"


def _from_paths(prices: Reading, horizon: int | None, stride: int | None, share: float) -> Observations:
    paths = prices.values[..., 0]
    n_paths, n_times = paths.shape
    if n_times < 2:
        raise DataError(
            f"{prices.place}: {n_paths} paths of 1 price each; give paths of 2 or more, "
            "or one series as (n_times,)"
        )
    if horizon not in (None, n_times - 1):
        raise ParameterError(
            f"horizon={horizon} differs from the {n_times - 1} steps of the paths in {prices.source}; "
            "leave it out or give paths of that length"
        )
    if stride is not None:
        raise ParameterError(
            f"stride={stride} is for one series, not the paths in {prices.source}; leave it out"
        )
    n_train = n_paths - max(1, int(share * n_paths))
    x_obs, x_heldout = paths[:n_train], paths[n_train:]
    _check_moves(x_obs, prices.place)
    said = tuple(f"{prices.place}: {text}" for text in doubts_of_paths(paths))
    return Observations(x_obs, x_heldout, "paths", prices.source, prices.column, warnings=said, told=prices.told)


def _from_series(prices: Reading, horizon: int | None, stride: int | None, share: float) -> Observations:
    series, horizon = prices.values.ravel(), int(horizon or SERIES_HORIZON)
    n_train = len(series) - max(horizon + 1, int(share * len(series)))
    if n_train < horizon + 1:
        raise DataError(_too_short(len(series), horizon, share, prices.place))
    train, heldout = series[:n_train], series[n_train:]
    stride = int(stride or max(1, horizon // 2))
    x_obs, x_heldout = _windows(train, horizon, stride), _windows(heldout, horizon, stride)
    _check_moves(x_obs, prices.place)
    said = tuple(f"{prices.place}: {text}" for text in doubts(series, prices.row, prices.dates))
    return Observations(
        x_obs, x_heldout, "series", prices.source, prices.column, series, train, heldout, prices.dates, said,
        prices.told,
    )


def _windows(series: np.ndarray, horizon: int, stride: int) -> np.ndarray:
    return np.array(np.lib.stride_tricks.sliding_window_view(series, horizon + 1)[::stride])


def _too_short(n: int, horizon: int, share: float, place: str) -> str:
    needed = max(2 * (horizon + 1), int(horizon / (1 - share)) + 1)
    return (
        f"{place}: {n} prices, and horizon={horizon} with heldout_share={share} needs {needed}, for one "
        f"window of {horizon + 1} to train on and one held out; give more prices or a smaller horizon"
    )


def _check_moves(x_obs: np.ndarray, place: str) -> None:
    if (x_obs == x_obs[:, :1]).all():
        raise DataError(
            f"{place}: constant prices, no training window moves (the first stays at {x_obs[0, 0]}); "
            "check the column or give prices that move"
        )
