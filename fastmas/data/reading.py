"""Whatever data are given as, read into one array of observables: from a file, a name, an array, or a pandas object."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from fastmas import domains
from fastmas.data.paths import cut_in_words
from fastmas.data.query import Query
from fastmas.data.sources import read_source
from fastmas.data.told import Reading, told
from fastmas.errors import DataError, ParameterError

N_TOLD = 5
AXES = ("path", "time")


@dataclass(frozen=True)
class Wanted:
    """What is asked of data: observables by name, or the columns in their order, their domains, the rule for NaN.

    `domains` has one for each; "" is decided by the data.
    """

    names: tuple[str, ...] | None
    columns: tuple[str, ...] | None
    domains: tuple[str, ...]
    query: Query = Query()  # noqa: RUF009  -- it is frozen

    @property
    def k(self) -> int:
        return len(self.domains)

    @property
    def keeps_missing(self) -> bool:
        return self.query.missing == "drop"

    def name(self, j: int) -> str:
        """Of observable j, as a message says it."""
        named = self.names or self.columns
        return named[j] if named else "price"


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
    seen = _without_missing(seen) if wanted.keeps_missing else seen
    return seen if seen.told else replace(seen, told=told(seen))


def _read(data: Any, wanted: Wanted) -> Reading:
    if isinstance(data, str | Path | pd.DataFrame | pd.Series):
        found = read_source(data, wanted.query)
        if isinstance(found, Reading):
            return _checked(found, wanted)
        seen = _of_array(found, str(data), wanted)
        return replace(seen, columns=wanted.columns) if wanted.columns and wanted.k == 1 else seen
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
    return replace(seen, left_out=(cut_in_words(lengths),))


def _checked(seen: Reading, wanted: Wanted) -> Reading:
    """A reading of a table, if all of its values are of their domains."""
    for j, place, fault in _faults(seen.values, seen.columns, wanted, keep_missing=False):
        raise DataError(f"{seen.at(*place, j)}: {fault}")
    return seen


def _faults(values: np.ndarray, names: Sequence[str], wanted: Wanted, *,
            keep_missing: bool) -> Iterator[tuple[int, np.ndarray, str]]:
    """The first value of each observable that cannot be: whose it is, where it stands, and what is wrong with it."""
    for j, declared in enumerate(wanted.domains):
        layer = values[..., j]
        kind = domains.get(domains.resolved(declared, names[j], "", layer[np.isfinite(layer)]))
        wrong = domains.wrong_values(kind, layer, keep_missing=keep_missing)
        if wrong.size:
            yield j, wrong[0], domains.fault_of(kind, layer[tuple(wrong[0])])


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
    numbers, left_out = _begun(numbers, wanted)
    names = [wanted.name(j) for j in range(wanted.k)]
    for j, place, fault in _faults(numbers, names, wanted, keep_missing=wanted.keeps_missing):
        where = ", ".join(f"{axis} {i}" for axis, i in zip(AXES[-len(place):], place, strict=True))
        what = f", observable {names[j]!r}" if wanted.k > 1 else ""
        raise DataError(f"{source}, {where} (from 0){what}: {fault}")
    return Reading(numbers, source, left_out=left_out)


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
    return replace(seen, values=seen.values[kept], left_out=(*seen.left_out, text),
                   rows=np.flatnonzero(kept) if seen.is_series else None)
