"""Which random words a step used: one that is drawn twice and used twice is the same number twice."""

from __future__ import annotations

import functools
import inspect
import sys
from collections.abc import Callable, Iterator
from types import FunctionType
from typing import Any, NamedTuple

ALL_LANES = -1
PACKAGE = "fastmas.random"
ROWS = ("w0", "w1", "w2", "w3")  # what `draw_words` fills
WORDS = range(4)


class Origin(NamedTuple):
    """Where the words of a row come from: an address, and the call that drew them."""

    t: int
    slot: int
    word: int
    call: int
    name: str


class Draws:
    """While entered, hears of every draw of `fastmas.random`, in plain Python.

    A draw is a function there that takes `address`, `t` and `slot`; it computes words where it calls one that takes
    `t` and `slot` alone. What a draw leaves in rows is used when it is read, anything else at once. A call
    may draw a word as often as it likes: it is two calls that must not use one word.
    """

    def __init__(self) -> None:
        self.repeats: dict[tuple[str, ...], str] = {}
        self.n_slots = 0
        self._step = 0
        self._calls = 0
        self._stack: list[tuple[str, set[tuple[int, int]]]] = []
        self._slots: set[tuple[int, int]] = set()
        self._used: dict[tuple[int, int, int], dict[int, tuple[int, int, str]]] = {}
        self._patched: list[tuple[dict[str, Any], str, Callable[..., Any]]] = []

    def __enter__(self) -> Draws:
        for function in set(_drawing()):
            heard = self._heard(function)
            for module in list(sys.modules.values()):
                names = getattr(module, "__dict__", None) or {}
                for name in [n for n, value in list(names.items()) if value is function]:
                    names[name] = heard
                    self._patched.append((names, name, function))
        return self

    def __exit__(self, *error: object) -> None:
        for names, name, function in self._patched:
            names[name] = function
        self._patched.clear()

    def begin_step(self, t: int) -> None:
        """Told by whoever runs the kernels; t = 0 begins another block."""
        self._step = t
        self._slots.clear()
        if t == 0:
            self._used.clear()

    def use(self, origin: Origin, lane: int) -> None:
        """A word of this origin has been read in this lane."""
        before = self._used.setdefault(origin[:3], {})
        met = [entry for other, entry in before.items()
               if entry[0] != origin.call and (ALL_LANES in (lane, other) or lane == other)]
        if met:
            self._tell(origin, met[0])
        else:
            before[lane] = (origin.call, self._step, origin.name)

    def _heard(self, function: Callable[..., Any]) -> Callable[..., Any]:
        signature = inspect.signature(function)
        draws = "address" in signature.parameters

        @functools.wraps(function)
        def heard(*args: Any, **kwargs: Any) -> Any:
            given = signature.bind(*args, **kwargs).arguments
            if not draws:
                self._compute((int(given["t"]), int(given["slot"])))
                return function(*args, **kwargs)
            self._calls += not self._stack
            self._stack.append((function.__name__, set()))
            try:
                return function(*args, **kwargs)
            finally:
                _, slots = self._stack.pop()
                self._leave(function.__name__, slots, given)

        return heard

    def _compute(self, place: tuple[int, int]) -> None:
        if self._stack:
            self._stack[-1][1].add(place)
            self._slots.add(place)
            self.n_slots = max(self.n_slots, len(self._slots))

    def _leave(self, name: str, slots: set[tuple[int, int]], given: dict[str, Any]) -> None:
        """What a draw computed itself goes to its rows, or has been used."""
        name = self._stack[0][0] if self._stack else name
        for t, slot in slots:
            for word in WORDS:
                origin = Origin(t, slot, word, self._calls, name)
                if ROWS[word] in given:
                    given[ROWS[word]].origin = origin
                else:
                    self.use(origin, int(given.get("w", ALL_LANES)))

    def _tell(self, origin: Origin, first: tuple[int, int, str]) -> None:
        _, step, other = first
        both = other if other == origin.name else f"{other} and {origin.name}"
        place = f"word {origin.word} of slot {origin.slot}"
        if step == self._step:
            text = f"{place} is drawn twice in step t={step} and used both times, by {both}"
        else:
            text = f"{place} of t={origin.t} is used in step {step} and again in step {self._step}, by {both}"
        self.repeats.setdefault((both, str(step == self._step)), (
            f"{text}: one number in two places, unless each takes bits of its own"))


def _drawing() -> Iterator[Callable[..., Any]]:
    for name, module in list(sys.modules.items()):
        if name == PACKAGE or name.startswith(PACKAGE + "."):
            for value in vars(module).values():
                if isinstance(value, FunctionType) and {"t", "slot"} <= set(inspect.signature(value).parameters):
                    yield value
