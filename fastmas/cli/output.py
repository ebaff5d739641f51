"""Tables and lines on standard output; what Ctrl-C says."""

# ruff: noqa: PLC0415  -- rich is slow to import, and help must not wait for it

from __future__ import annotations

import contextlib
import shlex
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from fastmas.cli.tables import fitted, printable, show
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
    console().print(printable(text), style=style)


def table(names: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Print a table, on a terminal as wide as that; a column without any content is left out."""
    screen = console()
    lines = fitted(names, [[show(cell) for cell in row] for row in rows], screen.width if screen.is_terminal else None)
    for i, text in enumerate(lines):
        screen.print(text, style="bold" if i == 0 and screen.is_terminal else None, no_wrap=True, overflow="ignore",
                     crop=False)


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
