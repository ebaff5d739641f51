"""No model of anything: a path of random words, and counts of agents, for comparing engines bit by bit.

A float32 holds 16 bits of a word exactly, so that a word is two rows of the state.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from numpy import float32, int32, uint32

from fastmas.kernel import kernel
from fastmas.model import Kernels, Model, Observable
from fastmas.parameters import Parameter
from fastmas.random import ROWS, count_below, draw_words, threshold

N_ROWS = 8
LOW_HALF, HALF = uint32(0xFFFF), uint32(16)


@kernel
def init(lanes, state, history, theta, integers):
    """Nothing has been drawn."""


@kernel
def draw(t, lanes, state, words, history, address, theta, integers):
    """The four words of slot integers[0] + t."""
    draw_words(lanes, address, t, integers[0] + t, words[0], words[1], words[2], words[3])
    for k in range(N_ROWS // 2):
        for w in range(lanes):
            word = words[k][w]
            state[2 * k][w] = float32(int32(word >> HALF))
            state[2 * k + 1][w] = float32(int32(word & LOW_HALF))


@kernel
def count(t, lanes, state, words, history, address, theta, integers):
    """How many of integers[0] agents have a word below the threshold of the chance theta[0]."""
    for w in range(lanes):
        state[0][w] = float32(0.0)
        words[ROWS][w] = threshold(float32(theta[0, w]))
    count_below(lanes, address, t, 0, integers[0], words[ROWS], words, state[0])


@dataclass(frozen=True, kw_only=True)
class Words(Model):
    """Observable k is row k: the upper half of word k // 2 if k is even, the lower one if it is odd."""

    name: ClassVar[str] = "words"
    source: ClassVar[str] = "this project"
    n_state: ClassVar[int] = N_ROWS
    n_words: ClassVar[int] = 4
    kernels: ClassVar[Kernels] = Kernels(init, draw)
    observables: ClassVar[tuple[Observable, ...]] = tuple(Observable(f"half_{k}", k) for k in range(N_ROWS))
    parameters: ClassVar[tuple[Parameter, ...]] = (
        Parameter(name="slot", default=0, low=0, high=2**30, integer=True, doc="slot of t = 0"),)


@dataclass(frozen=True, kw_only=True)
class Counts(Model):
    """`n_agents` says how many a step counts, so that a GPU can give them a warp."""

    name: ClassVar[str] = "counts"
    source: ClassVar[str] = "this project"
    n_words: ClassVar[int] = ROWS + 1
    kernels: ClassVar[Kernels] = Kernels(init, count)
    observables: ClassVar[tuple[Observable, ...]] = (Observable("count", 0, "agents"),)

    n_agents: int = 100

    @property
    def n_counted(self) -> int:
        return self.n_agents

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        return (Parameter(name="chance", default=0.3, low=0.0, high=1.0, doc="of a word to be counted"),
                Parameter(name="agents", default=self.n_agents, low=0, high=2**24, integer=True, doc="counted"))


MODEL = Words
