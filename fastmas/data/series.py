"""Tables to numbers in order of time: one series of k columns, or many paths."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from fastmas.data import dates
from fastmas.data.choosing import Times, choose, of_symbol, split_by, times
from fastmas.data.numbers import COMMA, MARKS, POINT, NotANumber, Unclear, is_missing, is_number, marks_of, numbers
from fastmas.data.paths import PATH_NAMES, pivot
from fastmas.data.query import Query
from fastmas.data.tables import Table
from fastmas.data.told import Reading, told
from fastmas.errors import DataError

N_TOLD = 5
SAMPLE = 1000  # cells of other columns that tell a file's decimal mark


def read_table(table: Table, query: Query) -> Reading:
    """Numbers of the columns that are asked for, oldest first; see `fastmas.data.observe`.

    They are paths if the table has the columns `path` and `t` that `fastmas simulate` writes. They may be infinite, 0
    or negative: which of these is a fault depends on what they are.

    Raises
    ------
    DataError
        If no column, symbol, date or notation of numbers is plain, a value is missing, or the dates do not increase.
    """
    if table.frame.empty:
        raise DataError(f"{table.source}: a table without prices; give one row per price")
    path, t = (table.find(name) for name in PATH_NAMES[:2])
    if path is not None and t is not None:
        return _read_paths(table, path, t, query)
    table = of_symbol(table, query)
    when = times(table, query)
    taken = when.columns if when else ()
    columns, beside = choose(table, query, taken)
    table, values, left_out = _values(table.noting(beside), columns, taken, query)
    order, stamps = None, None
    if when is None:
        table = table.noting("no dates found, in the order of the rows")
    else:
        order, stamps, note = _order(table, when, query)
        table = table.noting(_names_of(table, when), note)
    if order is not None:
        values, table = values[order], table.keep(order)
        stamps = None if stamps is None else [stamps[i] for i in order]
    names = tuple(table.name(j) for j in columns)
    reading = Reading(values, table.source, names, stamps, table.rows, table.from_zero, left_out)
    return replace(reading, told=told(reading, table.notes))


def _names_of(table: Table, when: Times) -> str:
    """Where the dates are from, if their name does not say it."""
    names = [table.name(j) for j in when.columns]
    if names[0].lower() in ("date", "index", "") and len(names) == 1:
        return ""
    return f"{'ordered by' if when.is_clock else 'dates of'} {' and '.join(map(repr, names))}"


def _read_paths(table: Table, path: int, t: int, query: Query) -> Reading:
    """Paths of a long table, without those in which a value is missing, if that is asked for."""
    theta = table.find(PATH_NAMES[2])
    others = [path, t] if theta is None else [path, t, theta]
    columns, _ = choose(table, query, others)
    values, note = _columns(table, columns, others, query)
    rows, cut = pivot(table, path, t, _finite(table, path), _finite(table, t))
    cube = values[rows]
    whole = ~np.isnan(cube).any(axis=(1, 2))
    if not whole.any():
        raise DataError(f"{table.source}, column {table.name(columns[0])!r}: every path has a missing value; fill some")
    n = int((~whole).sum())
    left_out = (*cut, f"{n:,} of {len(whole):,} paths with a missing value were dropped") if n else cut
    reading = Reading(cube[whole], table.source, tuple(table.name(j) for j in columns), None, table.rows[rows[whole]],
                      table.from_zero, left_out)
    return replace(reading, told=told(reading, table.noting(note).notes))


def _finite(table: Table, j: int) -> np.ndarray:
    values, _ = _numbers(table, j, (), Query(missing="drop"))
    bad = np.flatnonzero(~np.isfinite(values))
    if bad.size:
        raise DataError(f"{table.at(bad[0], j)}: {values[bad[0]]} is not finite; number paths and times")
    return values


# -- values --------------------------------------------------------------------------------------------


def _columns(table: Table, columns: Sequence[int], taken: Sequence[int], query: Query) -> tuple[np.ndarray, str]:
    """Numbers (n_rows, k) of columns, NaN where one is missing, and a note on their notation."""
    read = [_numbers(table, j, taken, query) for j in columns]
    return np.column_stack([own for own, _ in read]), ", ".join(filter(None, (note for _, note in read)))


def _values(
    table: Table, columns: Sequence[int], taken: Sequence[int], query: Query
) -> tuple[Table, np.ndarray, tuple[str, ...]]:
    """The table and numbers (n_rows, k) of columns without the rows in which one is missing, and which these were."""
    values, note = _columns(table, columns, taken, query)
    table = table.noting(note)
    missing = np.isnan(values).any(axis=1)
    if not missing.any():
        return table, values, ()
    if missing.all():
        name = ", ".join(repr(table.name(j)) for j in columns)
        raise DataError(f"{table.source}, column {name}: no row holds a value; name another column=")
    places = [f"row {row}" for row in table.rows[missing][:N_TOLD]]
    more = ", ..." if missing.sum() > N_TOLD else ""
    count = " (from 0)" if table.from_zero else ""
    text = (f"{int(missing.sum()):,} of {len(missing):,} rows with a missing value were dropped "
            f"({', '.join(places)}{more}{count})")
    return table.keep(~missing), values[~missing], (text,)


def _numbers(table: Table, j: int, taken: Sequence[int], query: Query) -> tuple[np.ndarray, str]:
    """Numbers (n_rows,) of one column, and a note on their notation."""
    cells = table.cells(j)
    if cells.dtype.kind in "bcmM":
        cell = f"{str(cells.iloc[0])!r} ({cells.dtype})"
        raise DataError(f"{table.at(0, j)}: {cell} is not a number; name another column=")
    if pd.api.types.is_numeric_dtype(cells):
        values, note = cells.to_numpy(dtype=np.float64, na_value=np.nan, copy=True), ""
    else:
        values, note = _from_text(table, j, taken, query)
    missing = np.isnan(values)
    if missing.any() and query.missing == "error":
        i = int(missing.argmax())
        raise DataError(f"{table.at(i, j)}: {_missing(cells.iloc[i])}; fill it or drop the row, or leave out all such "
                        "rows with --missing drop (missing='drop')")
    return values, note


def _missing(cell: object) -> str:
    text = str(cell).strip() if isinstance(cell, str) else "nan"
    return "the cell is empty" if not text else f"{text!r} stands for a missing value"


def _from_text(table: Table, j: int, taken: Sequence[int], query: Query) -> tuple[np.ndarray, str]:
    cells = table.cells(j).tolist()
    try:
        try:
            read = numbers(cells, query.decimal)
        except Unclear as unclear:
            read = numbers(cells, _mark_of_file(table, j, taken, unclear))
    except NotANumber as fault:
        raise DataError(f"{table.at(fault.i, j)}: {fault.reason}") from fault
    name = repr(table.name(j))
    comma, percent = f"{name} with decimal commas", f"percent of {name} as shares of 1"
    return read.values, ", ".join([comma] * (read.mark == COMMA) + [percent] * read.in_percent)


def _mark_of_file(table: Table, j: int, taken: Sequence[int], unclear: Unclear) -> str:
    """The decimal mark that the other columns have, or that fields between commas must have.

    Raises
    ------
    DataError
        If nothing tells: names both readings.
    """
    seen: set[str] = set()
    for other in range(table.frame.shape[1]):
        if other != j and other not in taken:
            cells = [cell for cell in table.cells(other).iloc[:SAMPLE] if isinstance(cell, str)]
            if cells and all(is_number(cell) or is_missing(cell) for cell in cells):
                marks = marks_of(cells)
                seen |= marks if len(marks) == 1 else set()
    if len(seen) == 1:
        return seen.pop()
    if not seen and table.point_sure and POINT in unclear.shown and COMMA not in unclear.shown:
        return POINT
    readings = " or ".join(f"{value!r}" for value in unclear.readings)
    raise DataError(f"{table.at(unclear.i, j)}: {unclear.shown[:40]!r} may be {readings}, and no other cell decides; "
                    f"name the decimal mark with --decimal (decimal=), {' or '.join(map(repr, MARKS))}")


# -- order ---------------------------------------------------------------------------------------------


def _order(table: Table, when: Times, query: Query) -> tuple[np.ndarray | None, list[str] | None, str]:
    """Rows from oldest to newest (None if they stand so), their dates as they are written, and what is to be told."""
    day = when.columns[0]
    if when.is_clock:
        stamps, shown, note = pd.Series(_finite(table, day)), [str(cell) for cell in table.cells(day)], ""
    else:
        stamps, shown, note = _parsed(table, when, query)
    keys = stamps.to_numpy()
    order, said = _sorted(table, keys, shown, when, query)
    return order, None if when.is_clock else shown, ", ".join(filter(None, (note, said)))


def _parsed(table: Table, when: Times, query: Query) -> tuple[pd.Series, list[str], str]:
    day, *clock = when.columns
    cells = table.cells(day)
    if clock:
        hours = dates.clock(table.cells(clock[0]))
        texts = cells.map(dates.text_of) + " " + hours
        whole = query.date_format is None or any(part in query.date_format for part in ("%H", "%I"))
        cells = texts if whole else cells
    try:
        stamps, shown, note = dates.parse(cells, query.date_format)
        if clock and not whole:
            joined = pd.Series(shown) + " " + hours.reset_index(drop=True)
            stamps, shown, _ = dates.parse(joined)
    except dates.NotADate as fault:
        raise DataError(f"{table.at(fault.i, day)}: {fault.reason}") from fault
    except dates.TwoReadings as fault:
        raise DataError(f"{table.source}, column {table.name(day)!r}: {fault}") from fault
    return stamps, shown, note


def _sorted(table: Table, keys: np.ndarray, shown: list[str], when: Times, query: Query
            ) -> tuple[np.ndarray | None, str]:
    """The order of the rows by their dates, None if they are in it; what was done to them, in words."""
    later, same = keys[1:] > keys[:-1], keys[1:] == keys[:-1]
    if later.all():
        return None, ""
    if not (later | same).any():
        return np.arange(len(keys))[::-1], "sorted from newest first"
    if query.duplicates == "error":
        raise DataError(_out_of_order(table, keys, shown, when))
    is_newest_first = not later.any()
    order = np.arange(len(keys))[::-1] if is_newest_first else np.argsort(keys, kind="stable")
    notes = ["sorted from newest first"] if is_newest_first else [] if (later | same).all() else ["sorted by date"]
    if query.duplicates == "last":
        last = np.append(keys[order][1:] != keys[order][:-1], True)
        order, n = order[last], int((~last).sum())
        notes.append(f"the last of each date kept, {n:,} rows dropped" if n else "")
    else:
        notes.append(f"{int(same.sum()):,} rows have the date of the one before" if same.any() else "")
    return order, ", ".join(filter(None, notes))


def _out_of_order(table: Table, keys: np.ndarray, shown: list[str], when: Times) -> str:
    """Why rows cannot be put in order without being told how."""
    later = keys[1:] > keys[:-1]
    is_newest_first = later.sum() * 2 < len(later) and not later.any()
    late = np.flatnonzero(keys[1:] == keys[:-1] if is_newest_first else ~later)
    i = int(late[0]) + 1
    here = f"{table.at(i, when.columns[0])}: {shown[i]!r}"
    splits = split_by(table, keys, when.columns) if len(np.unique(keys)) < len(keys) else None
    if splits is not None:
        return (f"{here} stands in several rows, which the column {splits!r} tells apart; name one series of it with "
                "--symbol (symbol=)")
    if keys[i] == keys[i - 1]:
        return (f"{here} is a duplicate of the row before; keep one price per date, or say --duplicates last or "
                "--duplicates all (duplicates=)")
    return (f"{here} comes after {shown[i - 1]!r}; sort the rows by date, oldest first, or let --duplicates all or "
            "--duplicates last (duplicates=) do it")
