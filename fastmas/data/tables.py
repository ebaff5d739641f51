"""A table, where each of its rows stands in what the user gave, and how frames become one."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from fastmas.errors import DataError

MOST_COLUMNS = 10_000
N_LISTED = 12
FIELDS = frozenset((
    "open", "high", "low", "close", "adj close", "volume", "dividends", "stock splits", "capital gains", "price",
    "last", "bid", "ask", "vwap", "amount"))


@dataclass(frozen=True, eq=False)
class Table:
    """A table and where each of its rows stands in what the user gave.

    Parameters
    ----------
    source : str
        File or name, as the user gave it.
    frame : pandas.DataFrame
        Cells of shape (n_rows, n_columns), text in a CSV file. A column is known by its place.
    rows : ndarray of int, shape (n_rows,)
        Row numbers for messages.
    from_zero : bool
        Whether `rows` count from 0, which messages then say.
    symbols : tuple of str
        Of each column, if the columns have a level of them.
    notes : tuple of str
        What was left out or is peculiar, in words.
    has_header : bool
        Whether the names are the table's own; otherwise they are numbers from 1.
    point_sure : bool
        Whether a lone point is a decimal mark, as it is where commas separate the fields.
    """

    source: str
    frame: pd.DataFrame
    rows: np.ndarray
    from_zero: bool = False
    symbols: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    has_header: bool = True
    point_sure: bool = True

    def at(self, i: int, j: int) -> str:
        """Where cell i of column j stands, in words."""
        count = " (from 0)" if self.from_zero else ""
        return f"{self.source}, row {self.rows[i]}{count}, column {self.name(j)!r}"

    def names(self) -> list[str]:
        return [str(name) for name in self.frame.columns]

    def name(self, j: int) -> str:
        return str(self.frame.columns[j])

    def cells(self, j: int) -> pd.Series:
        return self.frame.iloc[:, j]

    def find(self, name: str) -> int | None:
        """Place of the column of that name, or else of that name in another case.

        Raises
        ------
        DataError
            If several have it.
        """
        names = self.names()
        alike = [j for j, n in enumerate(names) if n == name] or [
            j for j, n in enumerate(names) if n.lower() == name.lower()][:1]
        if len(alike) > 1:
            numbers = ", ".join(str(j + 1) for j in alike)
            raise DataError(f"{self.source}: {len(alike)} columns are named {name!r}; rename all but one, or name it "
                            f"with column= (--column) by its number: {numbers}")
        return alike[0] if alike else None

    def keep(self, rows: np.ndarray) -> Table:
        """The rows of a mask, or in the order of indices."""
        return replace(self, frame=self.frame.iloc[np.flatnonzero(rows) if rows.dtype == bool else rows],
                       rows=self.rows[rows])

    def only(self, columns: Sequence[int]) -> Table:
        """Some of the columns, without their level of symbols."""
        return replace(self, frame=self.frame.iloc[:, list(columns)], symbols=())

    def noting(self, *notes: str) -> Table:
        """With more to be told."""
        return replace(self, notes=(*self.notes, *filter(None, notes)))

    def listed(self) -> str:
        """Names of the columns; their numbers, too, where they have no names of their own."""
        if self.has_header:
            return listed(self.names())
        return listed([f"{name} ({str(self.frame.iloc[0, j])[:20]!r})" for j, name in enumerate(self.names())])


def listed(words: Sequence[Any]) -> str:
    """Words in a row, of many the first ones."""
    more = f", ... ({len(words)} in all)" if len(words) > N_LISTED else ""
    return ", ".join(map(str, words[:N_LISTED])) + more


def plain(name: object) -> str:
    """A column's name without case, marks and numbers that sites add: "4. close", "<CLOSE>", "Close*" are "close"."""
    text = re.sub(r"^\d+[a-z]?\.\s*", "", str(name).strip().lower())
    return " ".join(re.sub(r"[<>*_./\\\-\s]+", " ", text).split())


def check_width(source: str, n_columns: int) -> None:
    """Raise DataError if so many columns are no table of series."""
    if n_columns > MOST_COLUMNS:
        raise DataError(f"{source}: {n_columns:,} columns, more than {MOST_COLUMNS:,}; give one row per time, with the "
                        "columns that are needed")


def as_table(source: str, frame: pd.DataFrame, first_row: int = 0) -> Table:
    """Table of a frame; an index of plain numbers is no data and is dropped, another is its first column.

    Two levels of columns, as yfinance gives them, are the names of the fields and the symbols.
    """
    check_width(source, frame.shape[1])
    rows = np.arange(first_row, first_row + len(frame))
    if isinstance(frame.index, pd.MultiIndex):
        index = frame.index.to_frame(index=False)
    elif pd.api.types.is_numeric_dtype(frame.index) or isinstance(frame.index, pd.RangeIndex):
        index = pd.DataFrame(index=range(len(frame)))
    else:
        name = "index" if frame.index.name is None else str(frame.index.name)
        index = frame.index.to_frame(index=False, name=name)
    names, symbols = levels([name if isinstance(name, tuple) else (name,) for name in frame.columns])
    body = frame.reset_index(drop=True)
    body.columns = pd.Index(names)
    table = pd.concat([index, body], axis=1)
    table.columns = pd.Index([str(name) for name in table.columns])
    if symbols:
        symbols = ("",) * index.shape[1] + symbols
    return Table(source, table, rows, first_row == 0, symbols, point_sure=False)


def levels(columns: Sequence[tuple[Any, ...]]) -> tuple[list[str], tuple[str, ...]]:
    """Names of columns and, where two levels have fields in one of them, the symbols of the other."""
    columns = [tuple(str(level).strip() for level in column) for column in columns]
    if not columns or any(len(column) != 2 for column in columns):
        return [" ".join(filter(None, column)) for column in columns], ()
    n_fields = [sum(plain(column[level]) in FIELDS for column in columns) for level in (0, 1)]
    if not max(n_fields):
        return [" ".join(filter(None, column)) for column in columns], ()
    field = int(n_fields[1] > n_fields[0])
    return [column[field] or column[1 - field] for column in columns], tuple(
        column[1 - field] if plain(column[field]) in FIELDS else "" for column in columns)
