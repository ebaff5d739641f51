"""Rows of cells to a table: notes above and below it, its rows of names, and the rows that hold data.

A row holds data if some cell is a number or a date where the column has such. Everything else is a name, or a note.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from fastmas.data.dates import kind_of
from fastmas.data.numbers import is_missing, is_number
from fastmas.data.tables import Table, check_width, levels, listed, plain
from fastmas.errors import DataError

SAMPLE = 200  # rows that tell what a column holds
LEVEL_NAMES = ("", "price", "ticker", "tickers", "symbol", "symbols", "attributes")
INDEX_NAMES = ("date", "datetime", "timestamp", "time")


class Line(NamedTuple):
    """A row of cells, and its number in the file."""

    number: int
    cells: list[Any]


def is_typed(cell: Any) -> bool:
    """Whether a cell is a number or a date."""
    return is_number(cell) or bool(kind_of(cell))


def is_blank(cell: Any) -> bool:
    """Whether a cell has no content at all."""
    return cell is None or (isinstance(cell, str) and not cell)


def table_of(source: str, lines: Sequence[Line], *, point_sure: bool) -> Table:
    """Table of the rows of a file, the first ones of which may be notes and names.

    Raises
    ------
    DataError
        No data or no names, several rows that may be the names, or a row of another width.
    """
    lines = [line for line in lines if line.cells[0] or not all(map(is_blank, line.cells))]
    if not lines:
        raise DataError(f"{source}: the file is empty; it needs at least a header and prices")
    check_width(source, max(len(line.cells) for line in lines))
    lines, width = _without_blank_ends(lines)
    head, body, tail = _parts(lines, width)
    if not body:
        return _without_data(source, head, width, point_sure)
    if not head and _names_with_numbers(body, width):
        head, body = body[:1], body[1:]
    names, notes = _names(source, head, body[0], width)
    body, comments = _uncommented(body, width)
    names, symbols = names if isinstance(names, _Levels) else (names, ())
    _check_widths(source, names or body[0].cells, body, width)
    _check_names(source, names, body[0])
    notes += tuple(_skipped(left, where) for left, where in ((comments, "middle"), (tail, "end")) if left)
    frame = pd.DataFrame([line.cells for line in body], dtype=object)
    frame.columns = pd.Index([str(j + 1) for j in range(width)] if names is None else names)
    rows = np.array([line.number for line in body])
    return Table(source, frame, rows, False, symbols, notes, names is not None, point_sure)


def _without_blank_ends(lines: list[Line]) -> tuple[list[Line], int]:
    """Rows without the separators at their end that stand for no column, and the usual number of fields."""
    usual = Counter(len(line.cells) for line in lines).most_common(1)[0][0]
    full, width = [line.cells for line in lines if len(line.cells) == usual], usual
    while all(is_blank(cells[width - 1]) for cells in full):
        width -= 1
    return [line if len(line.cells) <= width or not all(map(is_blank, line.cells[width:])) else
            Line(line.number, line.cells[:width]) for line in lines], width


class _Levels(NamedTuple):
    names: list[str]
    symbols: tuple[str, ...]


def _parts(lines: Sequence[Line], width: int) -> tuple[list[Line], list[Line], list[Line]]:
    """Rows before the first that holds data, those to the last that does, and those after it."""
    full = [line.cells for line in lines if len(line.cells) == width]
    full = full[::max(1, len(full) // SAMPLE)]
    typed = [j for j in range(width) if _is_typed_column([cells[j] for cells in full])]

    def holds_data(line: Line) -> bool:
        return any(is_typed(line.cells[j]) for j in typed if j < len(line.cells))

    first = next((i for i, line in enumerate(lines) if holds_data(line)), len(lines))
    last = next((i for i in range(len(lines) - 1, first, -1) if holds_data(lines[i]) or _is_cut(lines[i])), first)
    return list(lines[:first]), list(lines[first:last + 1]), list(lines[last + 1:])


def _is_cut(line: Line) -> bool:
    """Whether a row begins as one of data does, such as the last one of a file that was not loaded to its end."""
    return str(line.cells[0])[:1].isdigit()


def _names_with_numbers(body: Sequence[Line], width: int) -> bool:
    """Whether the first row has whole numbers for names, such as years, beside a text above the dates."""
    first, *rest = [line.cells for line in body if len(line.cells) == width]
    dated = [j for j in range(width) if _is_typed_column([cells[j] for cells in rest[:SAMPLE]])
             and kind_of(rest[0][j]) in ("day", "date")] if rest else []
    return any(not is_typed(first[j]) and not is_missing(first[j]) for j in dated) and all(
        str(first[j]).isdigit() for j in range(width) if is_number(first[j]))


def _is_typed_column(cells: Sequence[Any]) -> bool:
    filled = [cell for cell in cells if not is_missing(cell)]
    return sum(map(is_typed, filled)) * 2 >= len(filled) > 0


def _without_data(source: str, head: list[Line], width: int, point_sure: bool) -> Table:
    """A file in which no column holds numbers or dates: whatever is wrong with it is said of its columns."""
    if len(head) < 2:
        raise DataError(f"{source}: only a header and no prices; add one line per price")
    _check_widths(source, head[0].cells, head[1:], width)
    frame = pd.DataFrame([line.cells for line in head[1:]], dtype=object)
    frame.columns = pd.Index([str(name) for name in head[0].cells])
    return Table(source, frame, np.array([line.number for line in head[1:]]), point_sure=point_sure)


def _skipped(lines: Sequence[Line], where: str) -> str:
    first = next(str(cell) for cell in lines[0].cells if not is_blank(cell))
    what = f"line {lines[0].number}" if len(lines) == 1 else f"{len(lines)} lines from line {lines[0].number}"
    return f"{what} left out as a note at the {where} ({first[:30]!r})"


def _names(
    source: str, head: list[Line], first: Line, width: int
) -> tuple[list[str] | _Levels | None, tuple[str, ...]]:
    """The names of the columns above row `first`, None if it has none, and what was left out there."""
    notes = [line for line in head if _is_comment(line)]
    rows = [line for line in head if not _is_comment(line)]
    if not rows and notes and len(notes[-1].cells) == width > 1:  # "#date,close"
        rows = [Line(notes[-1].number, [str(notes[-1].cells[0]).lstrip("# "), *notes[-1].cells[1:]])]
        notes.pop()
    wide = [line for line in rows if len(line.cells) == width]
    while len(wide) > 1 and _n_filled(wide[0]) == 1 < _n_filled(wide[1]):  # a title, in a row of a sheet
        del wide[0]
    above = [line for line in rows if line not in wide]
    said = (_skipped([*notes, *above], "start"),) if notes or above else ()
    if not wide:
        near = above[-1] if above and _n_filled(above[-1]) > 1 else None
        if near is not None:
            raise DataError(_other_width(source, first, near.cells))
        return None, said
    names = [[str("" if cell is None else cell) for cell in line.cells] for line in wide]
    if len(names) == 1:
        return names[0], said
    found = _levels(names)
    if found is not None:
        return found, said
    numbers = " and ".join(str(line.number) for line in wide[:2])
    raise DataError(f"{source}: {len(wide)} rows of names stand above the data (rows {numbers}: {wide[0].cells[0]!r}, "
                    f"{wide[1].cells[0]!r}); delete all but the one with the columns' names")


def _levels(names: list[list[str]]) -> list[str] | _Levels | None:
    """Names of columns in several rows as pandas writes them: levels, and the index's name in a last row."""
    *upper, last = names
    has_index = bool(last[0]) and not any(last[1:])
    rows = upper if has_index else names
    if len(rows) == 1:
        return [last[0], *rows[0][1:]]
    if len(rows) != 2 or not (has_index or any(plain(row[0]) in LEVEL_NAMES for row in rows)):
        return None
    flat, symbols = levels(list(zip(*rows, strict=True))[1:])
    first = last[0] if has_index else next((row[0] for row in rows if plain(row[0]) in INDEX_NAMES), "")
    return _Levels([first, *flat], ("", *symbols)) if any(symbols) else None


def _n_filled(line: Line) -> int:
    return sum(not is_blank(cell) for cell in line.cells)


def _is_comment(line: Line) -> bool:
    first = line.cells[0]
    return isinstance(first, str) and first[:1] == "#" and not is_missing(first)


def _uncommented(body: list[Line], width: int) -> tuple[list[Line], list[Line]]:
    comments = [line for line in body if _is_comment(line)]
    return ([line for line in body if not _is_comment(line)], comments) if comments else (body, comments)


def _check_widths(source: str, header: Sequence[Any], body: Sequence[Line], width: int) -> None:
    for line in body:
        if len(line.cells) != width:
            raise DataError(_other_width(source, line, header))


def _check_names(source: str, names: list[str] | None, first: Line) -> None:
    """Raise DataError if the last fields have no name in the header: they may be parts of numbers."""
    if names and not names[-1] and any(names[1:]):
        raise DataError(f"{source}, row {first.number}: field {len(names)}, {first.cells[-1]!r}, has no name in the "
                        f"header ({listed(names)}); name every column, and put numbers with commas in quotes")


def _other_width(source: str, line: Line, header: Sequence[Any]) -> str:
    return (f"{source}, row {line.number}: {len(line.cells)} field(s) where the header has {len(header)} "
            f"({listed(header)}); write numbers without thousands separators, or in quotes, and every field of the "
            "header")

