"""Tables and lines on standard output; what Ctrl-C says."""

# ruff: noqa: PLC0415  -- rich is slow to import, and help must not wait for it

from __future__ import annotations

import contextlib
import shlex
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from fastmas.errors import Interrupted

if TYPE_CHECKING:
    from rich.console import Console

PIPE_WIDTH = 200  # a log has no edge to wrap at


def console(stream: TextIO | None = None) -> Console:
    """A console that takes text as it is, and writes no control characters into a pipe."""
    from rich.console import Console

    stream = stream or sys.stdout
    terminal = stream.isatty()
    return Console(file=stream, force_terminal=terminal, width=None if terminal else PIPE_WIDTH,
                   markup=False, highlight=False, emoji=False)


def line(text: str = "", style: str | None = None) -> None:
    """Print a line, wrapped on a terminal only."""
    console().print(text, style=style)


def table(names: Sequence[str], rows: Iterable[Sequence[Any]], text: Sequence[str] = ()) -> None:
    """Print a table; columns of `text` may wrap, a column without any content is left out."""
    from rich.table import Table

    cells = [[show(cell) for cell in row] for row in rows]
    kept = [j for j in range(len(names)) if any(row[j] for row in cells)]
    made = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for j in kept:
        made.add_column(names[j], overflow="fold", no_wrap=names[j] not in text)
    for row in cells:
        made.add_row(*(row[j] for j in kept))
    _print(made)


def _print(made: Any) -> None:
    """Print a table, in a pipe without the blanks that fill its last column."""
    screen = console()
    if screen.is_terminal:
        screen.print(made)
        return
    with screen.capture() as captured:
        screen.print(made)
    print("\n".join(text.rstrip() for text in captured.get().splitlines()))


def show(cell: Any) -> str:
    """A value for a reader: six digits, pairs as low to high, nothing for None."""
    if cell is None:
        return ""
    if isinstance(cell, float):
        return f"{cell:.6g}"
    if isinstance(cell, (list, tuple)):
        return ", ".join(
            ":".join(map(str, item)) if isinstance(item, (list, tuple)) else show(item) for item in cell)
    return str(cell)


@contextlib.contextmanager
def stoppable(run: str | Path | None = None) -> Iterator[None]:
    """Turn Ctrl-C into a message that says how to go on.

    Raises
    ------
    Interrupted
        In place of KeyboardInterrupt, or with the way to resume added.
    """
    resume = ""
    if run is not None:
        resume = f"fastmas resume {shlex.quote(str(run))}"
    try:
        yield
    except (KeyboardInterrupt, Interrupted) as error:
        text = str(error) if isinstance(error, Interrupted) else "interrupted"
        if resume and resume not in text and (Path(str(run)) / "config.json").exists():
            text = f"{text}; go on with `{resume}`"
        raise Interrupted(text) from error
