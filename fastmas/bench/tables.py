"""The rows of a benchmark as tables of text, one for each mode."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from fastmas.bench.figures import Figure
from fastmas.bench.peers import REFERENCE

Row = dict[str, Any]


class Table(NamedTuple):
    title: str
    names: list[str]
    rows: list[list[str]]


def task_tables(rows: Sequence[Row]) -> list[Table]:
    """A table for "agents" and one for "aggregate": a line per task, a column per peer.

    A cell is nanoseconds per unit of work and, in brackets, CPU time over that of fastmas; on a GPU time on
    the wall.
    """
    made = []
    clock = "CPU time" if rows and rows[0].get("device", "cpu") == "cpu" else "time"
    for mode in ("agents", "aggregate"):
        cells = {(r["task"], r["peer"]): r for r in rows if "task" in r and r.get("mode") == mode and "study" not in r}
        tasks = list(dict.fromkeys(task for task, _ in cells))
        peers = sorted({peer for (_, peer), r in cells.items() if "median_ns" in r}, key=lambda p: (p != REFERENCE, p))
        if tasks:
            lines = [[_what(cells, task), *(_cell(cells.get((task, peer)), peer) for peer in peers)] for task in tasks]
            made.append(Table(f"{mode}, ns ({clock} over fastmas)", ["task", *peers], lines))
    return made


def notes(rows: Sequence[Row]) -> list[str]:
    """Who is left out, and of what, one line for each reason."""
    reasons: dict[tuple[str, str], list[str]] = {}
    for row in rows:
        if "left_out" in row:
            reasons.setdefault((row["peer"], row["left_out"]), []).append(row.get("task", ""))
    lines = [f"{peer}: left out of {', '.join(filter(None, tasks)) or 'everything'}: {reason}"
             for (peer, reason), tasks in reasons.items()]
    threads = {row["peer"]: row["threads"] for row in rows if row.get("threads", 1) > 1}
    return lines + [f"{peer} runs {n} threads; its CPU time counts them all" for peer, n in threads.items()]


def study_tables(rows: Sequence[Row]) -> list[Table]:
    """What studies found, a table for each."""
    made = []
    for name in dict.fromkeys(row["study"] for row in rows if "study" in row):
        if name == "scaling":
            made.append(_scaling([row for row in rows if row.get("study") == name]))
            continue
        found = [{k: v for k, v in row.items() if k != "study"} for row in rows if row.get("study") == name]
        names = list(dict.fromkeys(key for row in found for key in row))
        made.append(Table(name, names, [[_number(row.get(key)) for key in names] for row in found]))
    return made


def _scaling(rows: Sequence[Row]) -> Table:
    """A line for each size, a column for each peer and mode."""
    lines: dict[tuple[str, str], dict[str, str]] = {}
    for row in rows:
        size = (" ".join(filter(None, (row["axis"], row.get("task")))), f"{row['value']:,}")
        lines.setdefault(size, {})[f"{row['peer']}, {row['mode']}"] = _number(row["median_ns"])
    columns = list(dict.fromkeys(column for cells in lines.values() for column in cells))
    return Table("scaling, ns per path-step", ["axis", "size", *columns],
                 [[*size, *(cells.get(column, "-") for column in columns)] for size, cells in lines.items()])


def figure_table(found: Sequence[Figure]) -> Table:
    """The figures and what they are meant to be."""
    return Table("figures", ["what", "value", "unit", "goal"],
                 [[one.name, _number(one.value), one.unit, one.goal] for one in found])


def _what(cells: dict[tuple[str, str], Row], task: str) -> str:
    row = next(r for (name, _), r in cells.items() if name == task)
    return f"{task}, per {row['unit']}"


def _cell(row: Row | None, peer: str) -> str:
    if row is None or "median_ns" not in row:
        return "-"
    cost = _number(row["median_ns"])
    return cost if peer == REFERENCE or "versus" not in row else f"{cost} ({_number(row['versus'])})"


def _number(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.3g}" if abs(value) < 1000 else f"{value:,.0f}"
    return "" if value is None else str(value)
