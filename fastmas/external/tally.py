"""How many paths of a black box were lost, and to what; and when that means that it does not work at all."""

from __future__ import annotations

import threading
from collections import Counter
from typing import Any

from fastmas.errors import ModelError
from fastmas.external.call import DIED, GOOD, INFINITE, RAISED, SHAPE, SLOW, Outcome
from fastmas.model import Model

FIRST = {SLOW: 1, DIED: 3, RAISED: 3, SHAPE: 3, INFINITE: 3}  # paths that fail before any was good: it does not work
WORDS = {RAISED: "raised an error", DIED: "ended their process", SLOW: "took too long", SHAPE: "had another shape",
         INFINITE: "were not finite"}
UNREPEATABLE = ("the same seed and values gave two different paths, so that results cannot be repeated: draw all "
                "random numbers from `seed`, as numpy.random.default_rng(seed) does")
_writing = threading.Lock()


class Tally:
    """Paths of one black box so far: how many of each kind, and the first that was lost of each in words."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.first: dict[str, str] = {}
        self.is_repeatable: bool | None = None

    def add(self, name: str, outcome: Outcome, where: str) -> None:
        """Count a path of the model of this name; `where` says which values and seed it had.

        Raises
        ------
        ModelError
            If none was good so far and it may be taken for granted that none will be.
        """
        with _writing:
            self.counts[outcome.kind] += 1
            if outcome.kind == GOOD:
                return
            self.first.setdefault(outcome.kind, f"{outcome.text}, with {where}")
            n_lost = self.counts.total()
            if not self.counts[GOOD] and n_lost >= FIRST[outcome.kind]:
                each = "" if n_lost == 1 else f" and none of the first {n_lost} paths was any good"
                raise ModelError(f"model {name!r}: it {outcome.text}, with {where}{each}{REMEDY.get(outcome.kind, '')}")

    def since(self, before: Tally) -> Tally:
        """What has been counted since `before`."""
        made = Tally()
        made.counts, made.first, made.is_repeatable = self.counts - before.counts, self.first, self.is_repeatable
        return made

    def joined(self, later: Tally) -> Tally:
        """Both together."""
        made = Tally()
        made.counts, made.first = self.counts + later.counts, {**later.first, **self.first}
        made.is_repeatable = self.is_repeatable if later.is_repeatable is None else later.is_repeatable
        return made

    def copy(self) -> Tally:
        return self.since(Tally())

    def plain(self) -> dict[str, Any]:
        """For a checkpoint."""
        return {"counts": dict(self.counts), "first": dict(self.first), "is_repeatable": self.is_repeatable}

    @classmethod
    def of(cls, plain: dict[str, Any] | None) -> Tally:
        """Undo `plain`."""
        made = cls()
        if plain:
            made.counts, made.first = Counter(plain["counts"]), dict(plain["first"])
            made.is_repeatable = plain["is_repeatable"]
        return made

    def lines(self) -> list[str]:
        """What a user must know: one line for the lost paths, one if seeds do not decide."""
        lost = {kind: n for kind, n in self.counts.items() if kind != GOOD and n}
        said = []
        if lost:
            total, n = self.counts.total(), sum(lost.values())
            parts = "; ".join(f"{n:,} {WORDS[kind]} (the first {self.first[kind]})" for kind, n in lost.items())
            said.append(f"{n:,} of {total:,} paths of the black box were lost ({n / total:.2g} of all) and count as "
                        f"unlike any data: {parts}")
        if self.is_repeatable is False:
            said.append(UNREPEATABLE)
        return said


class Watch:
    """What is lost of a model's paths from now on, with what was lost `before`; nothing if it is no black box."""

    def __init__(self, model: Model, before: dict[str, Any] | None = None) -> None:
        self._tally: Tally | None = getattr(model, "tally", None)
        self._began = Tally() if self._tally is None else self._tally.copy()
        self._before = Tally.of(before)

    def now(self) -> Tally:
        """All of it."""
        return self._before if self._tally is None else self._before.joined(self._tally.since(self._began))


REMEDY = {SLOW: "; give it more with timeout=..., or None for no limit"}
