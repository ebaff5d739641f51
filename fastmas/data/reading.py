"""Whatever data are given as, read into one array of observables: from a file, a name, an array, or a pandas object."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from fastmas import domains
from fastmas.data.files import load
from fastmas.data.tables import Prices, Table, as_table, cut_in_words, read_prices
from fastmas.errors import DataError, ParameterError

MISSING = ("error", "drop")
N_TOLD = 5
AXES = ("path", "time", "observable")


@dataclass(frozen=True)
class Wanted:
    """What is asked of data: observables by name, or the columns in their order, their domains, the rule for NaN.

    `domains` has one for each; "" is decided by the data.
    """

    names: tuple[str, ...] | None
    columns: tuple[str, ...] | None
    domains: tuple[str, ...]
    missing: str = "error"

    @property
    def k(self) -> int:
        return len(self.domains)

    @property
    def keeps_missing(self) -> bool:
        return self.missing == "drop"

    def name(self, j: int) -> str:
        """Of observable j, as a message says it."""
        named = self.names or self.columns
        return named[j] if named else "price"


@dataclass(frozen=True, eq=False)
class Reading:
    """Values, float64 of shape (n_times, k) or (n_paths, n_times, k), and where they are from.

    `columns` are those of a table, `rows` the numbers of a series' rows in it; `told` says what was left out.
    """

    values: np.ndarray
    source: str
    columns: tuple[str, ...] = ()
    dates: list[str] | None = None
    rows: np.ndarray | None = None
    from_zero: bool = True
    told: tuple[str, ...] = ()

    @property
    def is_series(self) -> bool:
        return self.values.ndim == 2

    @property
    def column(self) -> str | None:
        return ", ".join(self.columns) or None

    @property
    def place(self) -> str:
        if not self.columns:
            return self.source
        what = "column" if len(self.columns) == 1 else "columns"
        return f"{self.source}, {what} {', '.join(map(repr, self.columns))}"

    def row(self, i: int) -> str:
        """Where value i of a series stands in the source, in words."""
        return f"row {i if self.rows is None else self.rows[i]}{' (from 0)' if self.from_zero else ''}"


def read(data: Any, wanted: Wanted) -> Reading:
    """Read the observables that are wanted, check every value, and apply the rule for missing ones.

    Raises
    ------
    DataError
        If the data cannot be used; names the file, row, column, value and remedy.
    ParameterError
        If columns of an array are named.
    """
    seen = _read(data, wanted)
    return _without_missing(seen) if wanted.keeps_missing else seen


def _read(data: Any, wanted: Wanted) -> Reading:
    if isinstance(data, str | Path):
        loaded = load(data, wanted.columns[0] if wanted.columns and wanted.k == 1 else None)
        if isinstance(loaded, Table):
            return _of_table(loaded, wanted)
        seen = _of_array(loaded, str(data), wanted)
        return replace(seen, columns=wanted.columns) if wanted.columns and wanted.k == 1 else seen
    if isinstance(data, pd.DataFrame):
        return _of_table(as_table("DataFrame", data), wanted)
    if isinstance(data, pd.Series):
        name = "price" if data.name is None else str(data.name)
        return _of_table(as_table("Series", data.to_frame(name)), replace(wanted, columns=wanted.columns or (name,)))
    if wanted.columns is not None:
        given = wanted.columns[0] if wanted.k == 1 else list(wanted.columns)
        raise ParameterError(f"column={given!r}: an array has no columns; leave it out")
    return _of_object(data, wanted)


def _of_object(data: Any, wanted: Wanted) -> Reading:
    """What numpy.asarray makes of it; a list of arrays of several lengths is cut to the shortest."""
    given = data.detach().cpu() if hasattr(data, "detach") else data
    try:
        values = given if isinstance(given, np.ndarray) else np.asarray(given)
    except ValueError:
        return _of_ragged(list(given), wanted)
    if values.dtype == object and values.ndim == 1 and len(values):
        return _of_ragged(list(values), wanted)
    if values.dtype == object and values.ndim == 0:
        raise DataError(f"{type(data).__name__} is no kind of data; give a file, a name, an array or a pandas object")
    return _of_array(values, "array", wanted)


def _of_ragged(parts: list[Any], wanted: Wanted) -> Reading:
    try:
        paths = [np.asarray(part, dtype=np.float64) for part in parts]
    except (TypeError, ValueError) as error:
        raise DataError(f"array: not all of its elements are numbers ({error}); give real numbers") from error
    shapes = {path.shape[1:] for path in paths}
    if any(path.ndim == 0 for path in paths) or len(shapes) > 1:
        raise DataError("array: its elements are not alike; give numbers, or paths that differ in length alone")
    lengths = [len(path) for path in paths]
    n = min(lengths)
    seen = _of_array(np.stack([path[:n] for path in paths]), "array", wanted)
    return replace(seen, told=(cut_in_words(lengths),))


# ---------------------------------------------------------------------- tables


def _of_table(table: Table, wanted: Wanted) -> Reading:
    columns: list[str | None] = list(_columns_of(table, wanted))
    parts = [read_prices(table, column, domain, keep_missing=wanted.keeps_missing)
             for column, domain in zip(columns, wanted.domains, strict=True)]
    first = parts[0]
    values = np.stack([part.values for part in parts], axis=-1)
    return Reading(values, first.source, tuple(str(part.column) for part in parts), first.dates, first.rows,
                   first.from_zero, _told(parts))


def _told(parts: Sequence[Prices]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(text for part in parts for text in part.told))


def _columns_of(table: Table, wanted: Wanted) -> Sequence[str | None]:
    """Columns in the order of the observables: as given, else those of their names; a lone one may be recognised."""
    if wanted.columns is not None or wanted.names is None:
        return wanted.columns or (None,)
    found = [table.find(name) for name in wanted.names]
    if wanted.k > 1 and None in found:
        name = wanted.names[found.index(None)]
        alike = difflib.get_close_matches(name, table.names(), n=1)
        hint = f" (is it {alike[0]!r}?)" if alike else ""
        raise DataError(f"{table.source}: no column {name!r} for the observable of that name{hint}; its columns are: "
                        f"{', '.join(table.names())}; name theirs with column=, in the order of the observables")
    return found


# ---------------------------------------------------------------------- arrays


def _of_array(values: np.ndarray, source: str, wanted: Wanted) -> Reading:
    if values.dtype.kind not in "iuf":
        raise DataError(f"{source}: elements of type {values.dtype} are no prices; give real numbers")
    if not values.size:
        raise DataError(f"{source}: no prices, shape {values.shape}; give one series or many paths")
    _check_shape(values, source, wanted.k)
    numbers = np.ma.filled(values.astype(np.float64), np.nan)
    if wanted.k == 1 and numbers.ndim < 3:
        numbers = numbers[..., None]
    numbers, told = _begun(numbers, wanted)
    for j, declared in enumerate(wanted.domains):
        layer = numbers[..., j]
        kind = domains.get(domains.resolved(declared, wanted.name(j), "", layer[np.isfinite(layer)]))
        wrong = domains.wrong_values(kind, layer, keep_missing=wanted.keeps_missing)
        if wrong.size:
            place = zip(AXES[2 - layer.ndim:2], wrong[0], strict=True)
            where = ", ".join(f"{axis} {i}" for axis, i in place)
            what = f", observable {wanted.name(j)!r}" if wanted.k > 1 else ""
            raise DataError(f"{source}, {where} (from 0){what}: {domains.fault_of(kind, layer[tuple(wrong[0])])}")
    return Reading(numbers, source, told=told)


def _begun(values: np.ndarray, wanted: Wanted) -> tuple[np.ndarray, tuple[str, ...]]:
    """Without a first time at which an observable that is no price has no value anywhere, as a return has none."""
    empty = np.isnan(values[..., 0, :].reshape(-1, values.shape[-1])).all(axis=0)
    if values.shape[-2] < 2 or not any(empty[j] and kind == "real" for j, kind in enumerate(wanted.domains)):
        return values, ()
    return values[..., 1:, :], ("the first time has no value, as that of returns, and is left out",)


def _check_shape(values: np.ndarray, source: str, k: int) -> None:
    if k == 1 and (values.ndim in (1, 2) or (values.ndim == 3 and values.shape[2] == 1)):
        return
    if k == 1:
        more = f"; of {values.shape[2]} observables, name these with observable=" if values.ndim == 3 else ""
        raise DataError(f"{source}: shape {values.shape} is neither (n_times,) nor (n_paths, n_times); "
                        f"give one series or the paths of one theta{more}")
    if values.ndim not in (2, 3) or values.shape[-1] != k:
        raise DataError(f"{source}: shape {values.shape} is neither (n_times, {k}) nor (n_paths, n_times, {k}); give "
                        f"the {k} observables along the last axis")


# ---------------------------------------------------------------------- missing values


def _without_missing(seen: Reading) -> Reading:
    """Without rows of a series, or whole paths, in which a value is missing."""
    there = ~np.isnan(seen.values).any(axis=-1)
    kept = there if seen.is_series else there.all(axis=1)
    gone = np.flatnonzero(~kept)
    if not gone.size:
        return seen
    if not kept.any():
        what = "row of it" if seen.is_series else "path"
        raise DataError(f"{seen.place}: every {what} has a missing value; fill some of them")
    places = [seen.row(int(i)) if seen.is_series else f"path {i} (from 0)" for i in gone[:N_TOLD]]
    what = "rows" if seen.is_series else "paths"
    text = (f"{gone.size:,} of {len(kept):,} {what} with a missing value were dropped ({', '.join(places)}"
            f"{', ...' if gone.size > N_TOLD else ''})")
    rows = np.arange(len(kept)) if seen.rows is None else seen.rows
    return replace(
        seen, values=seen.values[kept], told=(*seen.told, text), rows=rows[kept] if seen.is_series else seen.rows,
        dates=None if seen.dates is None else [date for date, keep in zip(seen.dates, kept, strict=True) if keep])
