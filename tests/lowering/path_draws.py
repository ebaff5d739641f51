"""The random numbers of compiled paths, for the torch twin."""

from __future__ import annotations

import numpy as np
import torch

from fastmas.language.addresses import HALF, RANGED, WORD, Addresses
from fastmas.language.draws.gamma import SLOTS
from fastmas.language.path_words import PathWords
from fastmas.lowering.torch_twin import Draws
from fastmas.random.address import Address
from fastmas.random.counting import GROUP, SLOTS_PER_GROUP
from fastmas.random.gamma import gamma_of


class PathDraws(Draws):
    """The numbers that kernels of these graphs (agents counted one by one) give paths 0 to n_paths - 1."""

    def __init__(self, graphs, n_paths, seed=0):
        self.places = {node: place for g in graphs if g is not None for node, place in Addresses(g).place.items()}
        self.addresses = [Address(seed, first_path=k) for k in range(n_paths)]
        self.made = {}

    def words(self, node, t, turn):
        """Of every path, at the place of a node."""
        if t not in self.made:
            self.made = {t: [PathWords(address, t) for address in self.addresses]}
        for words in self.made[t]:
            words.place, words.turn = self.places[node], turn
        return self.made[t]

    def normal(self, node, t, turn):
        return torch.tensor([w.standard_normal(w.word()) for w in self.words(node, t, turn)], dtype=torch.float64)

    def uniform(self, node, t, turn):
        return torch.tensor([(w.word() >> 9) * 2.0**-23 + 2.0**-24 for w in self.words(node, t, turn)],
                            dtype=torch.float64)

    def gamma(self, node, t, turn, shape):
        at = self.places[node].at + SLOTS * turn
        numbers = [gamma_of(float(a), at, w.slot) for a, w in zip(shape, self.words(node, t, turn), strict=True)]
        return torch.tensor(numbers, dtype=torch.float64)

    def agents(self, node, t, turn, n):
        found = [self.of_agents(node, words, n) for words in self.words(node, t, turn)]
        return (torch.tensor(np.array(found).reshape(len(found), n), dtype=torch.float64) + 0.5) / 2**32

    def of_agents(self, node, words, n):
        """The word of each agent of one path."""
        how, at = self.places[node]
        if node.op == "chance":
            return [words.half(at, words.turn) if how == RANGED else words.word()]
        assert how != WORD
        if how != RANGED:
            slot, first = (0, at) if how == HALF else (at, 0)
            return [words.half(slot, first + k) for k in range(n)]
        slot, found = at + (n // 4 + 4) * words.turn, []
        for g in range(n // GROUP):
            planes = [words.slot(slot + SLOTS_PER_GROUP * g + k // 4)[k % 4] for k in range(32)]
            found += [sum((planes[k] >> i & 1) << (31 - k) for k in range(32)) for i in range(32)]
        rest = slot + SLOTS_PER_GROUP * (n // GROUP)
        return found + [words.half(rest, h) for h in range(n % GROUP)]
