"""Tables to prices: which column, which cells are no prices, in which order the dates stand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from fastmas import domains
from fastmas.errors import DataError

DATE_NAMES = ("datetime", "timestamp", "date", "time")
CLOCK_NAMES = ("timestamp", "time")
PRICE_NAMES = ("adj close", "adj_close", "close", "price", "value")
PATH_NAMES = ("path", "t", "theta")


@dataclass(frozen=True, eq=False)
class Prices:
    """Checked prices, float64 of shape (n_times,) or (n_paths, n_times), and where they are from.

    `rows` are the numbers of a series' rows in its table.
    """

    values: np.ndarray
    source: str
    column: str | None = None
    dates: list[str] | None = None
    rows: np.ndarray | None = None
    from_zero: bool = True
    told: tuple[str, ...] = ()

    @property
    def place(self) -> str:
        return self.source if self.column is None else f"{self.source}, column {self.column!r}"

    def row(self, i: int) -> str:
        """Where price i of a series stands in the source, in words."""
        return f"row {i if self.rows is None else self.rows[i]}{' (from 0)' if self.from_zero else ''}"


@dataclass(frozen=True, eq=False)
class Table:
    """A table and where each of its rows stands in what the user gave.

    Parameters
    ----------
    source : str
        File or name, as the user gave it.
    frame : pandas.DataFrame
        Cells of shape (n_rows, n_columns), text in a CSV file.
    rows : ndarray of int, shape (n_rows,)
        Row numbers for messages.
    index : pandas.Series or None
        An index that holds dates.
    from_zero : bool
        Whether `rows` count from 0, which messages then say.
    """

    source: str
    frame: pd.DataFrame
    rows: np.ndarray
    index: pd.Series | None = None
    from_zero: bool = False

    def at(self, i: int, column: str) -> str:
        count = " (from 0)" if self.from_zero else ""
        return f"{self.source}, row {self.rows[i]}{count}, column {column!r}"

    def names(self) -> list[str]:
        return [str(name) for name in self.frame.columns]

    def find(self, name: str) -> str | None:
        """The column of that name, or else of that name in another case."""
        alike = [n for n in self.names() if n.lower() == name.lower()]
        return name if name in alike else next(iter(alike), None)

    def cells(self, column: str) -> pd.Series:
        where = [i for i, name in enumerate(self.names()) if name == column]
        if len(where) > 1:
            raise DataError(f"{self.source}: {len(where)} columns are named {column!r}; rename all but one")
        return self.frame.iloc[:, where[0]]


def as_table(source: str, frame: pd.DataFrame, first_row: int = 0) -> Table:
    """Table of a frame; an index of plain numbers is no data and is dropped."""
    if isinstance(frame.index, pd.MultiIndex):
        frame = frame.reset_index()
    index = None if pd.api.types.is_numeric_dtype(frame.index) else frame.index.to_series()
    return Table(source, frame, np.arange(first_row, first_row + len(frame)), index, first_row == 0)


def is_number(cell: Any) -> bool:
    try:
        float(cell)
    except (TypeError, ValueError, OverflowError):
        return False
    return True


def read_prices(table: Table, column: str | None, domain: str = "price", *, keep_missing: bool = False) -> Prices:
    """Prices of `column`, or of the column that looks like one; see `fastmas.data.observe`.

    They are paths if the table has the columns `path` and `t` that `fastmas simulate` writes.

    Raises
    ------
    DataError
        If there is no such column, a cell is no number of the domain, or the dates do not increase.
    """
    if table.frame.empty:
        raise DataError(f"{table.source}: a table without prices; give one row per price")
    path, t = (table.find(name) for name in PATH_NAMES[:2])
    if path and t:
        column = _price_column(table, column, PATH_NAMES)
        values = _prices(table, column, domain, keep_missing)
        pivoted, told = _pivot(table, path, t, values)
        return Prices(pivoted, table.source, column, told=told)
    date = next(filter(None, map(table.find, DATE_NAMES)), None)
    column = _price_column(table, column, (date,))
    values = _prices(table, column, domain, keep_missing)
    return Prices(values, table.source, column, _dates(table, date), table.rows, table.from_zero)


def _price_column(table: Table, column: str | None, others: tuple[str | None, ...]) -> str:
    for name in (column,) if column is not None else PRICE_NAMES:
        found = table.find(name)
        if found is not None:
            return found
    listed = ", ".join(table.names())
    if column is not None:
        raise DataError(f"{table.source}: no column {column!r}; its columns are: {listed}")
    numeric = [n for n in table.names() if n and n not in others and is_number(table.cells(n).iloc[0])]
    if len(numeric) == 1:
        return numeric[0]
    raise DataError(f"{table.source}: no price column found; name with column= one of: {listed}")


def _prices(table: Table, column: str, domain: str, keep_missing: bool) -> np.ndarray:
    prices = _numbers(table, column)
    kind = domains.get(domains.resolved(domain, column, "", prices[np.isfinite(prices)]))
    wrong = domains.wrong_values(kind, prices, keep_missing=keep_missing)
    if wrong.size:
        i = wrong[0, 0]
        raise DataError(f"{table.at(i, column)}: {domains.fault_of(kind, prices[i])}")
    return prices


def _numbers(table: Table, column: str) -> np.ndarray:
    cells = table.cells(column)
    if cells.dtype.kind in "bcmM":
        raise DataError(
            f"{table.at(0, column)}: {str(cells.iloc[0])!r} ({cells.dtype}) is not a number; "
            "name another column="
        )
    if pd.api.types.is_numeric_dtype(cells):
        return cells.to_numpy(dtype=np.float64, na_value=np.nan, copy=True)
    values = [np.nan if cell is None or cell is pd.NA else cell for cell in cells]
    try:
        return np.fromiter(map(float, values), np.float64, len(values))
    except (TypeError, ValueError, OverflowError):
        i = next(i for i, cell in enumerate(values) if not is_number(cell))
    if not str(values[i]).strip():
        raise DataError(f"{table.at(i, column)}: the cell is empty; fill it or drop the row")
    raise DataError(
        f"{table.at(i, column)}: {str(values[i])[:40]!r} is not a number; "
        "write plain numbers such as 1234.5, without thousands separators"
    )


def _dates(table: Table, column: str | None) -> list[str] | None:
    cells = _date_cells(table, column)
    if cells is None:
        return None
    column = column or str(cells.name or "index")
    if column.lower() in CLOCK_NAMES and all(map(is_number, cells)):
        _check_order(table, column, cells.astype(float), cells)
        return None
    text = cells.astype(str).str.strip() if cells.dtype.kind != "M" else _iso(cells)
    when = pd.to_datetime(text, format="ISO8601", errors="coerce", utc=True)
    bad = np.flatnonzero(when.isna())
    if bad.size:
        here = f"{table.at(bad[0], column)}: {str(text.iloc[bad[0]])[:40]!r}"
        raise DataError(f"{here} is not a date; write dates as YYYY-MM-DD")
    _check_order(table, column, when, text)
    return text.tolist()


def _date_cells(table: Table, column: str | None) -> pd.Series | None:
    if column is not None:
        return table.cells(column)
    # pandas writes an unnamed index to CSV as a first column without a name
    if table.index is None and table.names()[0] == "" and not is_number(table.cells("").iloc[0]):
        return table.cells("")
    return table.index


def _iso(when: pd.Series) -> pd.Series:
    if (when.dropna() == when.dropna().dt.normalize()).all():
        return when.dt.strftime("%Y-%m-%d")
    return when.map(lambda stamp: stamp.isoformat(), na_action="ignore")


def _check_order(table: Table, column: str, when: pd.Series, shown: pd.Series) -> None:
    late = np.flatnonzero(~(when > when.shift()).to_numpy()[1:]) + 1
    if not late.size:
        return
    i = late[0]
    here = f"{table.at(i, column)}: {str(shown.iloc[i])!r}"
    if when.iloc[i] == when.iloc[i - 1]:
        raise DataError(f"{here} is a duplicate of the row before; keep one price per date")
    raise DataError(f"{here} comes after {str(shown.iloc[i - 1])!r}; sort the rows by date, oldest first")


def _pivot(table: Table, path: str, t: str, prices: np.ndarray) -> tuple[np.ndarray, tuple[str, ...]]:
    """Prices of shape (n_paths, n_times) from one row per path and time, in any order, and what was left out.

    Paths that end earlier than others cut these.
    """
    _check_one_theta(table)
    paths, times = _finite(table, path), _finite(table, t)
    order = np.lexsort((times, paths))
    again = (np.diff(paths[order]) == 0) & (np.diff(times[order]) == 0)
    if again.any():
        i = order[1:][again].min()
        raise DataError(f"{table.at(i, t)}: path {paths[i]:g} has t {times[i]:g} twice; drop one of the rows")
    ids, counts = np.unique(paths, return_counts=True)
    told = (cut_in_words(counts.tolist()),) if counts.min() < counts.max() else ()
    within = np.arange(len(order)) - np.repeat(np.cumsum(counts) - counts, counts)
    order = order[within < counts.min()]
    grid = times[order].reshape(len(ids), -1)
    other = np.flatnonzero((grid != grid[0]).any(axis=1))
    if other.size:
        first = f"{table.source}, column {t!r}: path {ids[other[0]]:g} has other times than path {ids[0]:g}"
        raise DataError(f"{first}; give every path the same times")
    return prices[order].reshape(grid.shape), told


def cut_in_words(lengths: Sequence[int]) -> str:
    """That paths were cut to the shortest, and what of them is not used."""
    n, total = min(lengths), sum(lengths)
    unused = total - n * len(lengths)
    return (f"paths have {n} to {max(lengths)} values: all are cut to their first {n}, and {unused:,} of {total:,} "
            f"values ({unused / total:.0%}) are not used")


def _finite(table: Table, column: str) -> np.ndarray:
    values = _numbers(table, column)
    bad = np.flatnonzero(~np.isfinite(values))
    if bad.size:
        raise DataError(f"{table.at(bad[0], column)}: {values[bad[0]]} is not finite; number paths and times")
    return values


def _check_one_theta(table: Table) -> None:
    theta = table.find(PATH_NAMES[2])
    n_theta = table.cells(theta).nunique() if theta else 1
    if n_theta > 1:
        raise DataError(f"{table.source}, column {theta!r}: {n_theta} values of theta; keep the rows of one")
