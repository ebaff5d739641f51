"""Events of a long run, and the plain lines in which a log has them.

An event is a mapping that has any of: phase (str), done, total (int), loss (float), estimate
(mapping of str to float), text (str), said (str, a line that stays).
"""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TextIO

Progress = Callable[[Mapping[str, Any]], None]

PAUSE = 5.0  # seconds between two lines of a log
PATIENCE = 1.0  # seconds of a simulation that need no sign of life
TICK = 0.1  # seconds between two events of a simulation
MOST_SHOWN = 4  # parameters beside the count
WIDTH = 100  # of the one line on a terminal


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
        if event.get("said"):
            self._say(str(event["said"]), now)
        elif event.get("phase") != self._phase:
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


class Line:
    """One line of a terminal that is written over, and gone at the end."""

    def __init__(self, stream: TextIO) -> None:
        self._stream, self._began, self._width = stream, time.monotonic(), 0

    def tell(self, event: Mapping[str, Any]) -> None:
        text = describe(event, time.monotonic() - self._began)[:WIDTH]
        self._stream.write("\r" + text.ljust(self._width))
        self._stream.flush()
        self._width = len(text)

    def close(self) -> None:
        if self._width:
            self._stream.write("\r" + " " * self._width + "\r")
            self._stream.flush()


class Signs:
    """Signs of life between the events of a run: the last one again with a text of now, at most one a second."""

    def __init__(self, tell: Progress, clock: Callable[[], float] = time.monotonic) -> None:
        self._tell, self._clock = tell, clock
        self._event: Mapping[str, Any] = {}
        self._told = clock()

    def tell(self, event: Mapping[str, Any]) -> None:
        self._event, self._told = event, self._clock()
        self._tell(event)

    def sign(self, text: str) -> None:
        """What is so now; nothing if something was told a moment ago."""
        now = self._clock()
        if now - self._told >= PATIENCE and self._event:
            self._told = now
            said = str(self._event.get("text") or "")
            self._tell({**self._event, "text": f"{said}, {text}" if said else text})


def after(patience: float, tell: Progress, clock: Callable[[], float] = time.monotonic) -> Progress:
    """`tell`, which hears nothing of the first seconds."""
    began = clock()

    def late(event: Mapping[str, Any]) -> None:
        if clock() - began >= patience:
            tell(event)

    return late


@contextlib.contextmanager
def counting_paths(progress: bool | Progress | None, total: int) -> Iterator[Callable[[int], None] | None]:
    """What to tell the number of paths done: the events go to `progress`, or to standard error if it is True."""
    if not progress:
        yield None
        return
    shown = None
    if not callable(progress):
        shown = Line(sys.stderr) if sys.stderr.isatty() else Lines(sys.stderr)
        progress = after(PATIENCE, shown.tell)
    tell, began = progress, time.monotonic()
    told = began

    def tick(done: int) -> None:
        nonlocal told
        now = time.monotonic()
        if done < total and now - told < TICK:
            return
        told, rate = now, done / max(now - began, 1e-9)
        tell({"phase": "paths", "done": done, "total": total, "text": f"{rate:,.0f} paths/s" if done else ""})

    try:
        yield tick
    finally:
        if shown is not None:
            shown.close()


def describe(event: Mapping[str, Any], elapsed: float) -> str:
    """One line of a log: phase, count, loss, estimate, time gone and left."""
    done, total = event.get("done"), event.get("total")
    count = "" if done is None else f"{done}/{total}" if total else f"{done}"
    left = ""
    if done and total and elapsed > 0 and done < total:
        left = f"about {elapsed / done * (total - done):.0f} s left"
    gone = f"{elapsed:.0f} s" if elapsed >= 1 else ""
    parts = (" ".join(filter(None, (event.get("phase"), count))), numbers(event), gone, left)
    return ", ".join(filter(None, parts))


def numbers(event: Mapping[str, Any]) -> str:
    """Text, loss and the first parameters of an event."""
    told, estimate = said(event)
    more = [f"and {len(estimate) - MOST_SHOWN} more"] if len(estimate) > MOST_SHOWN else []
    return ", ".join([*told, *estimate[:MOST_SHOWN], *more])


def said(event: Mapping[str, Any]) -> tuple[list[str], list[str]]:
    """Text and loss of an event, and its estimate, a phrase each."""
    loss = event.get("loss")
    told = [*([str(event["text"])] if event.get("text") else []), *([] if loss is None else [f"loss {loss:.4g}"])]
    return told, [f"{name} {float(value):.6g}" for name, value in (event.get("estimate") or {}).items()]
