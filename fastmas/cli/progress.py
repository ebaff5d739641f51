"""Events of a long run as a bar on a terminal, or as plain lines in a log."""

# ruff: noqa: PLC0415  -- rich is slow to import, and help must not wait for it

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator, Mapping
from typing import Any, TextIO

from fastmas.cli.output import console
from fastmas.progress import Lines, Progress, after, describe, numbers

__all__ = ["Bar", "Lines", "Progress", "describe", "reporter"]


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
    """One bar, of the phase that runs."""

    def __init__(self, stream: TextIO) -> None:
        from rich import progress as rich

        self._bar = rich.Progress(
            rich.TextColumn("{task.description}", markup=False), rich.BarColumn(bar_width=24),
            rich.MofNCompleteColumn(), rich.TextColumn("{task.fields[numbers]}", markup=False),
            rich.TimeElapsedColumn(), rich.TimeRemainingColumn(), console=console(stream), transient=True)
        self._phase: Any = None
        self._task: Any = None

    def tell(self, event: Mapping[str, Any]) -> None:
        if event.get("said"):
            self._bar.console.print(str(event["said"]))
            return
        if self._task is None or event.get("phase") != self._phase:
            if self._task is not None:
                self._bar.remove_task(self._task)
            self._bar.start()  # nothing if it runs
            self._phase = event.get("phase")
            self._task = self._bar.add_task(str(self._phase or ""), total=None, numbers="")
        self._bar.update(self._task, completed=event.get("done") or 0, total=event.get("total"),
                         numbers=numbers(event))

    def close(self) -> None:
        self._bar.stop()
