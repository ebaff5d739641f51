"""The random words of one path at one step, and the numbers made of them, in plain Python."""

from __future__ import annotations

from typing import Any

import numpy as np

from fastmas.language.addresses import HALF, HALVES, PER_SLOT, RANGED, WORD, Place
from fastmas.language.draws import DRAWS
from fastmas.random.address import Address
from fastmas.random.binomial import binomial
from fastmas.random.counting import GROUP, SLOTS_PER_GROUP
from fastmas.random.gamma import SLOTS, gamma_of
from fastmas.random.halves import REFINE
from fastmas.random.normal import normal_double
from fastmas.random.philox import MASK, TWO, WEYL_0, WEYL_1, path_part, philox4x32

PER_WORD = 2.0**-32


class PathWords:
    """What draws at `place` and `turn`, which whoever runs the path sets."""

    def __init__(self, address: Address, t: int) -> None:
        self.address, self.t = address, t
        self.place, self.turn = Place(WORD, 0), 0
        self._slots: dict[int, tuple[int, ...]] = {}

    def __getattr__(self, name: str) -> Any:
        if name not in DRAWS:
            raise AttributeError(f"nothing is drawn by {name}")
        return lambda *arguments: DRAWS[name].value(self, *arguments)

    def slot(self, slot: int) -> tuple[int, ...]:
        """The four words of a slot."""
        if slot not in self._slots:
            key = self.address
            self._slots[slot] = tuple(int(x) for x in philox4x32(
                key.first_path, self.t, slot, key.purpose, key.seed, key.run))
        return self._slots[slot]

    def word(self) -> int:
        """The word of what is drawn once, or in this turn."""
        how, at = self.place
        if how == WORD:
            return self.slot(at // PER_SLOT)[at % PER_SLOT]
        return self.slot(at + self.turn // PER_SLOT)[self.turn % PER_SLOT] if how == RANGED else self.slot(at)[0]

    def half(self, slot: int, h: int) -> int:
        """The word that half h of the slots from `slot` on begins, with its lower half from REFINE above."""
        upper, lower = (self.slot(slot + s + h // HALVES)[h % HALVES // 2] >> (16 * (h % 2)) & 0xFFFF
                        for s in (0, int(REFINE)))
        return upper << 16 | lower

    def is_below(self, limit: int) -> bool:
        """Whether this draw's word, or half-word in a loop, is below a limit."""
        return self.half(self.place.at, self.turn) < limit if self.place.how == RANGED else self.word() < limit

    def standard_normal(self, word: int) -> float:
        return float(normal_double(np.uint32(word)))

    # ---- agents
    def few_below(self, n: int, limit: int) -> int:
        """How many of n agents, by half-words."""
        slot, first = (0, self.place.at) if self.place.how == HALF else (self.place.at, 0)
        return sum(self.half(slot, h) < limit for h in range(first, first + n))

    def many_below(self, n: int, limit: int) -> int:
        """How many of n agents, by bit planes of 32 and half-words of the others."""
        slot, found = self.place.at + (n // 4 + 4) * self.turn, 0
        for g in range(n // GROUP):
            planes = [self.slot(slot + SLOTS_PER_GROUP * g + k // 4)[k % 4] for k in range(32)]
            words = (sum((planes[k] >> i & 1) << (31 - k) for k in range(32)) for i in range(32))
            found += sum(word < limit for word in words)
        rest = slot + SLOTS_PER_GROUP * (n // GROUP)
        return found + sum(self.half(rest, h) < limit for h in range(n % GROUP))

    def binomial(self, n: int, limit: int) -> int:
        """One number for all n agents."""
        a, b, c = (np.array([x], dtype=np.uint64) for x in
                   path_part(self.address.first_path, self.address.purpose, self.address.run))
        keys = _keys(self.address)
        return int(binomial(0, (a, b, c, keys, (0, 1)), self.t, self.place.at + self.turn, n, limit * PER_WORD))

    def gamma_number(self, shape: float) -> float:
        return float(gamma_of(shape, self.place.at + SLOTS * self.turn, self.slot))


def _keys(address: Address) -> tuple[Any, ...]:
    seed, run = np.uint64(address.seed), np.uint64(address.run)
    with np.errstate(over="ignore"):
        return seed, np.uint64(seed + TWO * WEYL_0) & MASK, np.uint64(run + TWO * WEYL_1) & MASK

