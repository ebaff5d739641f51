"""Events of a long run as a bar on a terminal, or as plain lines in a log."""

# ruff: noqa: PLC0415  -- rich is slow to import, and help must not wait for it

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TextIO

from fastmas.cli.output import console, show

Progress = Callable[[Mapping[str, Any]], None]

PAUSE = 5.0  # seconds between two lines of a log
MOST_SHOWN = 4  # parameters beside the bar


@contextlib.contextmanager
def reporter(stream: TextIO | None = None) -> Iterator[Progress]:
    """What to give the library as `progress`: a bar if standard error is a terminal, else lines.

    An event has any of: phase (str), done, total (generations), loss (float), estimate (mapping of
    str to float), text (str).
    """
    stream = stream or sys.stderr
    terminal = stream.isatty() and os.environ.get("TERM") != "dumb"
    shown: Bar | Lines = Bar(stream) if terminal else Lines(stream)
    try:
        yield shown.tell
    finally:
        shown.close()


class Lines:
    """The first event of each phase, then one every few seconds, and the last."""

    def __init__(self, stream: TextIO, pause: float = PAUSE,
                 clock: Callable[[], float] = time.monotonic) -> None:
        self._stream, self._pause, self._clock = stream, pause, clock
        self._phase: Any = None
        self._began = self._said = 0.0
        self._held: str | None = None

    def tell(self, event: Mapping[str, Any]) -> None:
        now = self._clock()
        if event.get("phase") != self._phase:
            self.close()
            self._phase, self._began = event.get("phase"), now
            self._say(describe(event, 0.0), now)
        elif now - self._said >= self._pause:
            self._say(describe(event, now - self._began), now)
        else:
            self._held = describe(event, now - self._began)

    def close(self) -> None:
        if self._held is not None:
            self._say(self._held, self._clock())

    def _say(self, text: str, now: float) -> None:
        print(text, file=self._stream, flush=True)
        self._held, self._said = None, now


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
        self._bar.start()

    def tell(self, event: Mapping[str, Any]) -> None:
        if self._task is None or event.get("phase") != self._phase:
            if self._task is not None:
                self._bar.remove_task(self._task)
            self._phase = event.get("phase")
            self._task = self._bar.add_task(str(self._phase or ""), total=None, numbers="")
        self._bar.update(self._task, completed=event.get("done") or 0, total=event.get("total"),
                         numbers=_numbers(event))

    def close(self) -> None:
        self._bar.stop()


def describe(event: Mapping[str, Any], elapsed: float) -> str:
    """One line of a log: phase, count, loss, estimate, time gone and left."""
    done, total = event.get("done"), event.get("total")
    count = "" if done is None else f"{done}/{total}" if total else f"{done}"
    left = ""
    if done and total and elapsed > 0 and done < total:
        left = f"about {elapsed / done * (total - done):.0f} s left"
    gone = f"{elapsed:.0f} s" if elapsed >= 1 else ""
    parts = (" ".join(filter(None, (event.get("phase"), count))), _numbers(event), gone, left)
    return ", ".join(filter(None, parts))


def _numbers(event: Mapping[str, Any]) -> str:
    loss, estimate = event.get("loss"), dict(event.get("estimate") or {})
    parts = [str(event["text"])] if event.get("text") else []
    if loss is not None:
        parts.append(f"loss {loss:.4g}")
    parts += [f"{name} {show(float(value))}" for name, value in list(estimate.items())[:MOST_SHOWN]]
    if len(estimate) > MOST_SHOWN:
        parts.append(f"and {len(estimate) - MOST_SHOWN} more")
    return ", ".join(parts)
