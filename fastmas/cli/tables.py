"""Tables that fit a screen: cells wrap between words, and no word or number is ever cut."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

GAP = 2  # blanks between columns


def fitted(names: Sequence[str], rows: Sequence[Sequence[str]], width: int | None) -> list[str]:
    """The lines of a table in so many columns of text, or in as many as it needs.

    Where not even single words find room side by side, each row is a block of lines, a cell each.
    """
    kept = [j for j in range(len(names)) if any(row[j] for row in rows)]
    cells = [[names[j] for j in kept], *([row[j] for j in kept] for row in rows)]
    columns = list(zip(*cells, strict=True))
    if not columns:
        return []
    natural = [max(map(len, column)) for column in columns]
    least = [max(len(word) for cell in column for word in cell.split() or [""]) for column in columns]
    room = None if width is None else width - GAP * (len(columns) - 1)
    if room is None or sum(natural) <= room:
        return [line for row in cells for line in _row(row, natural)]
    if sum(least) > room:
        return _blocks(cells[0], cells[1:])
    widths = _shared(least, natural, room)
    return [line for row in cells for line in _row(row, widths)]


def _shared(least: list[int], natural: list[int], room: int) -> list[int]:
    """Widths between these that fill the room: who needs least is served first."""
    widths, left = list(least), room - sum(least)
    waiting = sorted(range(len(least)), key=lambda j: natural[j] - least[j])
    for n_left, j in zip(range(len(waiting), 0, -1), waiting, strict=True):
        more = min(natural[j] - least[j], left // n_left)
        widths[j] += more
        left -= more
    return widths


def _row(cells: Sequence[str], widths: Sequence[int]) -> list[str]:
    """Lines of one row."""
    wrapped = [_wrapped(cell, width) for cell, width in zip(cells, widths, strict=True)]
    height = max(map(len, wrapped))
    padded = [[*lines, *[""] * (height - len(lines))] for lines in wrapped]
    return [(" " * GAP).join(part.ljust(w) for part, w in zip(line, widths, strict=True)).rstrip()
            for line in zip(*padded, strict=True)]


def _wrapped(cell: str, width: int) -> list[str]:
    lines = [""]
    for word in cell.split(" "):
        together = f"{lines[-1]} {word}" if lines[-1] else word
        if len(together) <= width or not lines[-1]:
            lines[-1] = together
        else:
            lines.append(word)
    return lines


def _blocks(names: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """A heading for each row, its first cell, and a line for each other one that says something."""
    longest = max(map(len, names[1:]), default=0)
    lines = []
    for first, *others in rows:
        lines.append(first)
        lines += [f"  {name.ljust(longest)}  {cell}" for name, cell in zip(names[1:], others, strict=True) if cell]
    return lines


def show(cell: Any) -> str:
    """A value for a reader: six digits, pairs as low to high, nothing for None; one line without control characters."""
    if cell is None:
        return ""
    if isinstance(cell, float):
        return f"{cell:.6g}"
    if isinstance(cell, (list, tuple)):
        return ", ".join(
            ":".join(map(str, item)) if isinstance(item, (list, tuple)) else show(item) for item in cell)
    return printable(" ".join(str(cell).split()))


def printable(text: str) -> str:
    """The text with its control characters spelled out: a name must not move the cursor of a terminal."""
    return "".join(c if c.isprintable() or c == "\n" else c.encode("unicode_escape").decode() for c in text)
