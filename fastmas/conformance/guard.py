"""Arrays that know their place: every index is looked at before it is used.

Compiled kernels look at no index: one that is too large writes over a neighbour, one below zero means
the end. In plain Python the engine hands its arrays to a kernel through `Watch`, which wraps them.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np

from fastmas.conformance.draws import Draws, Origin
from fastmas.lowering.program import Program
from fastmas.source_text import PACKAGE, line_of

LANE, ROW = "lane", "row"
CANARY = np.uint32(0xA5C3960F)  # a word holds it by chance once in 2**32
HERE = str(Path(__file__).parent)
RANDOM = str(Path(PACKAGE) / "random")
MOST_FAULTS = 20
WORD_BYTES = 4


class Guarded(np.ndarray):
    """An array that tells its watch of every index outside it and of every write that must not be."""

    watch: Watch
    name: str
    axes: tuple[str, ...]  # what each axis counts
    read_only: bool
    origin: Origin | None  # of the random words in it

    def __array_finalize__(self, source: Any) -> None:
        for attribute in ("watch", "name", "axes", "read_only", "origin"):
            setattr(self, attribute, getattr(source, attribute, None))

    def __getitem__(self, index: Any) -> Any:
        outside = self._outside(index)
        if outside:
            self.watch.tell(f"reads {self.name}{_shown(index)}: {outside}")
            return np.zeros(self.shape[len(_parts(index)):], dtype=self.dtype)[()]
        value = super().__getitem__(index)
        self.watch.read.add(self.name)
        if isinstance(value, Guarded):
            value.name, value.axes = f"{self.name}{_shown(index)}", self._axes_left(index)
        elif self.origin is not None:
            self.watch.draws.use(self.origin, index * self.itemsize // WORD_BYTES)
        elif value == CANARY and self.name.startswith("words"):
            self.watch.tell(f"reads {self.name}{_shown(index)} before anything was drawn into it: it holds what "
                            "another path has left")
        return value

    def __setitem__(self, index: Any, value: Any) -> None:
        outside = self._outside(index)
        if outside:
            self.watch.tell(f"writes {self.name}{_shown(index)}: {outside}")
        elif self.read_only:
            self.watch.tell(f"writes {self.name}{_shown(index)}, which is there to be read")
        else:
            self.watch.written.add(self.name)
            self.origin = None
            super().__setitem__(index, value)

    def __array_wrap__(self, array: Any, context: Any = None, return_scalar: bool = False) -> Any:
        return np.asarray(array)[()] if return_scalar else np.asarray(array)  # a result has no place of its own

    def _outside(self, index: Any) -> str:
        """What is wrong with an index, or nothing."""
        for axis, part in enumerate(_parts(index)):
            if isinstance(part, (int, np.integer)):
                if axis >= self.ndim:
                    return f"it has {self.ndim} dimensions"
                if part < 0:
                    return "an index below 0 counts from the end, which is no place of its own"
                if part >= self.shape[axis]:
                    return _range(self.axes[axis], self.shape[axis])
        return ""

    def _axes_left(self, index: Any) -> tuple[str, ...]:
        parts = _parts(index)
        kept = [axis for axis, part in enumerate(parts) if not isinstance(part, (int, np.integer))]
        return tuple(self.axes[axis] for axis in [*kept, *range(len(parts), self.ndim)])


class GuardedRows(tuple):
    """A tuple of guarded lane arrays under the name that the kernel has for it."""

    name: str
    watch: Watch

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice) or 0 <= index < len(self):
            return super().__getitem__(index)
        said = _range(ROW, len(self)) if index >= 0 else "an index below 0 counts from the end"
        self.watch.tell(f"takes {self.name}[{index}]: {said} (n_{self.name} = {len(self)})")
        return np.zeros(self.watch.lanes, dtype=np.uint32 if self.name == "words" else np.float32)


class Watch:
    """Stands between the engine and a program's kernels in plain Python, and keeps what they did wrong."""

    def __init__(self, program: Program, n_reals: int, draws: Draws) -> None:
        self._program, self._n_reals = program, n_reals
        self.draws = draws
        self._kernel, self._t = "init", 0
        self.lanes = 0
        self.faults: dict[str, str] = {}
        self.read: set[str] = set()
        self.written: set[str] = set()

    def init(self, lanes, state, *others) -> None:
        """`others` are what `step` is given as well, without words and address if nothing is drawn."""
        self._kernel, self._t, self.lanes = "init", 0, lanes
        self.draws.begin_step(0)
        *drawn, theta, integers = others
        more = self._drawing(*drawn) if self._program.draws_at_start else (self._history(*drawn),)
        self._program.init(lanes, self._rows("state", state), *more,
                           self._theta(theta), self._array("integers", integers, (ROW,), read_only=True))

    def step(self, t, lanes, state, words, history, address, theta, integers) -> None:
        self._kernel, self._t, self.lanes = "step", t, lanes
        self.draws.begin_step(t)
        if t == 1:
            for row in words:
                row[:] = CANARY
        self._program.step(t, lanes, self._rows("state", state), *self._drawing(words, history, address),
                           self._theta(theta), self._array("integers", integers, (ROW,), read_only=True))

    def tell(self, what: str) -> None:
        """Keep a fault of the kernel that runs: one for each line of code."""
        place = _place()
        if len(self.faults) < MOST_FAULTS:
            self.faults.setdefault(place, f"{place}: {self._kernel} {what}, at t={self._t}")

    def _rows(self, name: str, arrays: tuple[np.ndarray, ...]) -> GuardedRows:
        rows = GuardedRows(self._array(f"{name}[{k}]", a, (LANE,)) for k, a in enumerate(arrays))
        rows.name, rows.watch = name, self
        return rows

    def _drawing(self, words: tuple[np.ndarray, ...], history: np.ndarray, address: tuple[Any, ...]) -> tuple[Any, ...]:
        """Words, history and address, watched."""
        paths = tuple(self._array("address", part, (LANE,), read_only=True) for part in address[:3])
        return self._rows("words", words[:self._program.n_words]), self._history(history), (*paths, *address[3:])

    def _history(self, array: np.ndarray) -> np.ndarray:
        return self._array("history", array[:self._program.n_history], (ROW, LANE))

    def _theta(self, array: np.ndarray) -> np.ndarray:
        return self._array("theta", array[:self._n_reals], (ROW, LANE), read_only=True)

    def _array(self, name: str, array: np.ndarray, axes: tuple[str, ...], read_only: bool = False) -> np.ndarray:
        guarded = np.asarray(array).view(Guarded)
        guarded.watch, guarded.name, guarded.axes, guarded.read_only = self, name, axes, read_only
        return guarded


def _parts(index: Any) -> tuple[Any, ...]:
    return index if isinstance(index, tuple) else (index,)


def _shown(index: Any) -> str:
    return f"[{', '.join(str(part) if not isinstance(part, slice) else ':' for part in _parts(index))}]"


def _range(what: str, n: int) -> str:
    return f"it has no {what}" if n == 0 else f"there is {what} 0 alone" if n == 1 else f"{what}s are 0 to {n - 1}"


def _place() -> str:
    """The line of the kernel that did it: the innermost that belongs neither to this package nor to the draws."""
    frame = sys._getframe(2)
    while frame.f_back and frame.f_code.co_filename.startswith((HERE, RANDOM)):
        frame = frame.f_back
    return line_of(frame.f_code.co_filename, frame.f_lineno)
