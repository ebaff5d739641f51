"""Which columns hold what is asked for, which hold the dates, and which series of several is meant."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
import pandas as pd

from fastmas.data import dates
from fastmas.data.numbers import is_missing, is_number, looks_numeric
from fastmas.data.query import Query
from fastmas.data.tables import Table, listed, plain
from fastmas.errors import DataError
from fastmas.names import nearest

DATE_NAMES = ("datetime", "timestamp", "date", "time")
CLOCK_NAMES = ("timestamp", "time")
ADJUSTED_NAMES = ("adj close", "adjusted close", "adjclose", "close adj", "adjusted")
PRICE_NAMES = (*ADJUSTED_NAMES, "close", "price", "value")  # the first of them is taken
OTHER_PRICE_NAMES = frozenset((  # one alone is taken
    "closing price", "close price", "close last", "last", "last price", "settle", "nav", "px last", "schlusskurs",
    "schluss", "kurs", "cours", "clôture", "cloture", "dernier", "cierre", "último", "ultimo", "fechamento", "chiusura",
    "slotkoers", "zamkniecie", "zamknięcie", "收盘", "收盘价"))
SYMBOL_NAMES = frozenset(("symbol", "ticker", "tickers", "ts code", "code", "isin", "instrument", "act symbol", "pair",
                          "tic", "permno", "security", "series"))
SAMPLE = 200  # cells that tell what a column holds


@dataclass(frozen=True)
class Times:
    """Which columns order the rows: one of dates, with another of times of day, or a clock of plain numbers."""

    columns: tuple[int, ...]
    is_clock: bool = False


def kinds(table: Table) -> list[str]:
    """What each column holds by most of its cells: a kind of `dates.kind_of`, "number", "text" or "" for nothing."""
    return [_kind(table.cells(j)) for j in range(table.frame.shape[1])]


def _kind(cells: pd.Series) -> str:
    if cells.dtype.kind == "M" or isinstance(cells.dtype, pd.PeriodDtype):
        return "date"
    sample = [cell for cell in cells.iloc[::max(1, len(cells) // SAMPLE)] if not is_missing(cell)]
    if not sample:
        return ""
    n_of = Counter(map(dates.kind_of, sample))
    n_of["date" if n_of["date"] else "day"] = n_of["date"] + n_of["day"]
    usual = next((kind for kind in ("date", "day", "unix", "clock") if n_of[kind] * 2 > len(sample)), "")
    return usual or ("number" if sum(map(is_number, sample)) * 2 > len(sample) else "text")


def times(table: Table, query: Query) -> Times | None:
    """The columns of dates: known by their names, or else by what they hold; None if there are none.

    Raises
    ------
    DataError
        If several hold dates and order the rows in different ways.
    """
    held = kinds(table)
    named = [j for name in DATE_NAMES for j, own in enumerate(table.names()) if plain(own) == name]
    day = _date_column(table, query, held, named)
    if day is not None:
        return Times(_with_clock(table, day, held, named))
    if not named:
        return None
    is_number_of_time = held[named[0]] == "number" and plain(table.name(named[0])) in CLOCK_NAMES
    return Times((named[0],), is_number_of_time and query.date_format is None)


def _date_column(table: Table, query: Query, held: list[str], named: list[int]) -> int | None:
    """Place of the column of dates, None if there is none or the one of such a name holds something else."""
    known = [j for kinds_ in (("date", "day"), ("unix",)) for j in named if held[j] in kinds_]
    if known or (named and held[named[0]] in ("text", "")):
        return known[0] if known else None
    free = [j for j in range(len(held)) if plain(table.name(j)) not in PRICE_NAMES]
    found = [j for j in free if held[j] in ("date", "day")]
    if query.date_format is not None and not found and not named:
        found = [j for j in free if held[j] in ("text", "number") and _reads(table, j, query)]
    if found:
        return _one_order(table, found, query)
    numbers = [j for j in free if held[j] == "unix" or plain(table.name(j)) == "year"]
    return next((j for j in numbers if _orders(table, j, query)), None)


def _with_clock(table: Table, day: int, held: list[str], named: list[int]) -> tuple[int, ...]:
    """A column of days with the one of times of day, if there is one."""
    clocks = [j for j, kind in enumerate(held) if kind == "clock"] or [
        j for j in named if held[j] == "number" and dates.is_compact_clock(table.cells(j))]
    clocks = [j for j in clocks if j in named] or clocks
    return (day, clocks[0]) if held[day] == "day" and clocks else (day,)


def _reads(table: Table, j: int, query: Query) -> bool:
    """Whether most cells of a column have the form of dates that was asked for."""
    cells = table.cells(j).astype(str).str.strip()
    return pd.to_datetime(cells, format=query.date_format, errors="coerce", utc=True).notna().mean() > 0.5


def _orders(table: Table, j: int, query: Query) -> int:
    """1 or -1 if a column of dates increases or decreases from row to row, else 0."""
    try:
        when = dates.parse(table.cells(j), query.date_format)[0]
    except ValueError:
        return 0
    if not when.is_unique:
        return 0
    return int(when.is_monotonic_increasing) - int(when.is_monotonic_decreasing)


def _one_order(table: Table, columns: list[int], query: Query) -> int:
    """The first of columns of dates, if all that could order the rows do it in one way."""
    if len(columns) == 1:
        return columns[0]
    orders = {j: _orders(table, j, query) for j in columns}
    steady = [j for j, order in orders.items() if order]
    if not steady or len({orders[j] for j in steady}) > 1:
        names = ", ".join(repr(table.name(j)) for j in columns)
        raise DataError(f"{table.source}: the columns {names} hold dates, and none alone orders the rows; name the "
                        "right one 'date', or leave the others out")
    return steady[0]


def of_symbol(table: Table, query: Query) -> Table:
    """The rows or columns of the one symbol that is asked for, where there are several.

    Raises
    ------
    DataError
        If there are several and none is asked for, or not the one that is.
    """
    if any(table.symbols):
        return _of_level(table, query)
    columns = [j for j, name in enumerate(table.names()) if plain(name) in SYMBOL_NAMES]
    if query.symbol is None:
        for j in columns:
            found = table.cells(j).dropna().astype(str).str.strip().unique().tolist()
            if len(found) > 1 and not _all_different(table, j):
                raise DataError(f"{table.source}, column {table.name(j)!r}: {len(found)} series in one table, "
                                f"{listed(found)}; name one with --symbol (symbol=), or leave the column out if "
                                "they are one")
        return table
    wanted = query.symbol.strip().lower()
    columns = columns or list(range(table.frame.shape[1]))
    cells = {j: table.cells(j).astype(str).str.strip() for j in columns}
    for own in cells.values():
        mask = (own == query.symbol.strip()).to_numpy()
        mask = mask if mask.any() else (own.str.lower() == wanted).to_numpy()
        if mask.any():
            kept = table.keep(mask)
            note = f"{len(kept.rows):,} of {len(mask):,} rows of {own[mask].iloc[0]!r}" if not mask.all() else ""
            return kept.noting(note)
    where = f"the columns {listed([table.name(j) for j in columns])}"
    if len(columns) == 1:
        where = f"column {table.name(columns[0])!r}; it has {listed(cells[columns[0]].unique().tolist())}"
    raise DataError(f"{table.source}: symbol {query.symbol!r} is not in {where}")


def _all_different(table: Table, j: int) -> bool:
    """Whether a column has another value in each row, as one of identifiers has: no symbol of a series."""
    return table.cells(j).nunique() == len(table.rows) > 2


def _of_level(table: Table, query: Query) -> Table:
    found = sorted(set(filter(None, table.symbols)))
    alike = [symbol for symbol in found if query.symbol and symbol.lower() == query.symbol.strip().lower()]
    if query.symbol is not None and not alike:
        raise DataError(f"{table.source}: symbol {query.symbol!r} is not in its columns; they are of {listed(found)}")
    if query.symbol is None and len(found) > 1:
        raise DataError(f"{table.source}: columns of {len(found)} symbols, {listed(found)}; name one with --symbol "
                        "(symbol=)")
    one = alike[0] if alike else found[0]
    kept = table.only([j for j, symbol in enumerate(table.symbols) if symbol in ("", one)])
    return kept.noting(f"symbol {one!r} of {len(found)}" if len(found) > 1 else f"symbol {one!r}")


def split_by(table: Table, keys: np.ndarray, taken: Collection[int]) -> str | None:
    """Name of a column of texts that tells rows of one date apart, as a symbol does."""
    for j in range(table.frame.shape[1]):
        cells = table.cells(j).astype(str)
        if j in taken or cells.nunique() in (1, len(cells)) or all(map(is_number, table.cells(j))):
            continue
        if not pd.DataFrame({"key": keys, "cell": cells.to_numpy()}).duplicated().any():
            return table.name(j)
    return None


def choose(table: Table, query: Query, taken: Collection[int]) -> tuple[list[int], str]:
    """Places of the columns that are asked for, and a note on what stands beside them.

    Raises
    ------
    DataError
        If a column is not there, or nothing tells which one is meant; names the candidates.
    """
    by_number = [_by_number(table, name) for name in query.columns]
    if not table.has_header and (not by_number or None in by_number):
        cell = str(table.frame.iloc[0, -1])
        raise DataError(f"{table.source}, row {table.rows[0]}: {cell!r} is no column name; add a header such as "
                        f"date,close, or name a column by its number with column= (--column): {table.listed()}")
    if query.columns:
        return _named(table, query.columns), ""
    if len(query.observables) > 1:
        return _observables(table, query, taken)
    found = [j for name in query.observables if (j := table.find(name)) is not None]
    return (found, "") if found else _one_price(table, taken)


def _by_number(table: Table, name: str) -> int | None:
    return int(name) - 1 if name.isascii() and name.isdigit() and 0 < int(name) <= table.frame.shape[1] else None


def _named(table: Table, columns: tuple[str, ...]) -> list[int]:
    """Places of columns by their names or numbers."""
    found = []
    for name in columns:
        j = table.find(name)
        j = _by_number(table, name) if j is None else j
        if j is None:
            raise DataError(f"{table.source}: no column {name!r}; its columns are: {table.listed()}")
        if j in found:
            raise DataError(f"{table.source}: column {name!r} is asked for twice; name each once")
        found.append(j)
    return found


def _observables(table: Table, query: Query, taken: Collection[int]) -> tuple[list[int], str]:
    found, note = [], ""
    for name in query.observables:
        j = table.find(name)
        if j is None and plain(name) in PRICE_NAMES:
            (j,), note = _one_price(table, taken)
        if j is None:
            alike = nearest(name, table.names())
            hint = f" (is it {alike[0]!r}?)" if alike else ""
            raise DataError(
                f"{table.source}: no column {name!r} for the observable of that name{hint}; its columns are: "
                f"{table.listed()}; name those of {', '.join(query.observables)} in this order with column= (--column)")
        found.append(j)
    return found, note


def _one_price(table: Table, taken: Collection[int]) -> tuple[list[int], str]:
    """The column that is called as prices are, or the only one that holds numbers."""
    names = [plain(name) for name in table.names()]
    for name in PRICE_NAMES:
        if name in names:
            j = table.find(table.name(names.index(name)))
            assert j is not None
            beside = [table.name(i) for i, other in enumerate(names) if other == "close"]
            note = f"adjusted prices, {beside[0]!r} stands beside them" if name in ADJUSTED_NAMES and beside else ""
            return [j], note
    others = [j for j, name in enumerate(names) if name in OTHER_PRICE_NAMES and j not in taken]
    if len(others) == 1:
        return others, ""
    numeric = [j for j, name in enumerate(names) if name and j not in taken and _holds_numbers(table, j)]
    if len(numeric) == 1 and all(is_number(c) or is_missing(c) for c in table.cells(numeric[0]).iloc[:SAMPLE]):
        return numeric, ""
    raise DataError(f"{table.source}: no price column found; name with column= (--column) one of: {table.listed()}")


def _holds_numbers(table: Table, j: int) -> bool:
    """Whether a column holds what are or mean to be numbers, and not those of its rows."""
    cells = table.cells(j)
    if cells.dtype.kind in "bcmM":
        return False
    sample = [cell for cell in cells.iloc[::max(1, len(cells) // SAMPLE)] if not is_missing(cell)]
    return sum(map(looks_numeric, sample)) * 2 > len(sample)
