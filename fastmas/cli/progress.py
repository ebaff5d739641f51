"""Events of a long run as a bar on a terminal, or as plain lines in a log."""

# ruff: noqa: PLC0415  -- rich is slow to import, and help must not wait for it

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator, Mapping
from typing import Any, TextIO

from fastmas.cli.output import console
from fastmas.cli.tables import printable
from fastmas.progress import Lines, Progress, after, describe, said

__all__ = ["Bar", "Lines", "Progress", "describe", "reporter"]

BAR_WIDTH = 20
CLOCKS = 21  # columns of time gone and left, with the blanks between all


@contextlib.contextmanager
def reporter(stream: TextIO | None = None, patience: float = 0.0) -> Iterator[Progress]:
    """What to give the library as `progress`: a bar if standard error is a terminal, else lines.

    Parameters
    ----------
    patience : float
        Seconds in which nothing is shown; a run that is over by then leaves no trace.
    """
    stream = stream or sys.stderr
    terminal = stream.isatty() and os.environ.get("TERM") != "dumb"
    shown: Bar | Lines = Bar(stream) if terminal else Lines(stream)
    try:
        yield after(patience, shown.tell) if patience else shown.tell
    finally:
        shown.close()


class Bar:
    """One bar, of the phase that runs: how far, for how long, how much longer, and what else there is room for."""

    def __init__(self, stream: TextIO) -> None:
        from rich import progress as rich
        from rich.table import Column

        self._console = console(stream)
        self._bar = rich.Progress(
            rich.TextColumn("{task.description}", markup=False), rich.BarColumn(bar_width=BAR_WIDTH),
            rich.TextColumn("{task.fields[count]}", markup=False), rich.TimeElapsedColumn(), rich.TimeRemainingColumn(),
            rich.TextColumn("{task.fields[numbers]}", markup=False, table_column=Column(no_wrap=True)),
            console=self._console, transient=True)
        self._phase: Any = None
        self._task: Any = None

    def tell(self, event: Mapping[str, Any]) -> None:
        if event.get("said"):
            self._bar.console.print(printable(str(event["said"])), no_wrap=True, overflow="ignore", crop=False)
            return
        phase, done, total = str(event.get("phase") or ""), event.get("done"), event.get("total")
        if self._task is None or phase != self._phase:
            if self._task is not None:
                self._bar.remove_task(self._task)
            self._bar.start()  # nothing if it runs
            self._phase = phase
            self._task = self._bar.add_task(phase, total=None, numbers="", count="")
        count = f"{done or 0}/{total}" if total else ""
        room = self._console.width - len(phase) - BAR_WIDTH - len(count) - CLOCKS
        self._bar.update(self._task, completed=done or 0, total=total, count=count, numbers=fitting(event, room))

    def close(self) -> None:
        self._bar.stop()


def fitting(event: Mapping[str, Any], room: int) -> str:
    """Text, loss and as many parameters of an event as fit, whole ones."""
    told, estimate = said(event)
    shown = ""
    for part in [*told, *estimate]:
        longer = f"{shown}, {part}" if shown else part
        if len(longer) > room:
            break
        shown = longer
    return shown
