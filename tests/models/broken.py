"""Models that are wrong in one way each, for the check that must find it, and two that are right.

`PLAIN` says what plain Python finds, by class name: the status, the check and a part of the text.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy import float32, uint32, uint64

from fastmas.kernel import kernel
from fastmas.model import Kernels, Model, Observable
from fastmas.parameters import Parameter
from fastmas.random import draw_binomial, draw_words, uniform

ONE, ZERO = float32(1.0), float32(0.0)
RATE = Parameter(name="rate", default=0.5, low=0.0, high=1.0, doc="what a step adds at most")


@kernel
def start(lanes, state, history, theta, integers):
    for w in range(lanes):
        state[0][w] = ONE


@kernel
def walk(t, lanes, state, words, history, address, theta, integers):
    draw_words(lanes, address, t, 0, words[0], words[1], words[2], words[3])
    for w in range(lanes):
        state[0][w] += theta[0, w] * uniform(words[0][w])


class Walk(Model):
    """Nothing is wrong with it."""

    name = "walk"
    n_words = 4
    kernels = Kernels(start, walk)
    observables = (Observable("x", 0),)
    parameters = (RATE,)


# -- out of the block -----------------------------------------------------------------------------------


@kernel
def one_lane_more(t, lanes, state, words, history, address, theta, integers):
    for w in range(lanes + 1):
        state[0][w] += ONE


class BeyondLanes(Walk):
    kernels = Kernels(start, one_lane_more)


@kernel
def lane_before(t, lanes, state, words, history, address, theta, integers):
    for w in range(lanes):
        state[0][w] += state[0][w - 1]


class BeforeFirst(Walk):
    kernels = Kernels(start, lane_before)


@kernel
def remember_all(t, lanes, state, words, history, address, theta, integers):
    for w in range(lanes):
        history[t, w] = state[0][w]


class BeyondHistory(Walk):
    kernels = Kernels(start, remember_all)
    n_history = 4


class NoHistory(Walk):
    kernels = Kernels(start, remember_all)


@kernel
def read_more_parameters(lanes, state, history, theta, integers):
    for w in range(lanes):
        state[0][w] = theta[1, w]


class BeyondTheta(Walk):
    kernels = Kernels(read_more_parameters, walk)


@kernel
def rewrite_theta(t, lanes, state, words, history, address, theta, integers):
    for w in range(lanes):
        theta[0, w] = ONE
        state[0][w] += theta[0, w]


class WritesTheta(Walk):
    kernels = Kernels(start, rewrite_theta)


@kernel
def rewrite_integers(lanes, state, history, theta, integers):
    integers[0] = 3


class WritesIntegers(Walk):
    kernels = Kernels(rewrite_integers, walk)
    parameters = (RATE, Parameter(name="k", default=2, low=1, high=4, integer=True, doc="never mind"))


@kernel
def rewrite_address(t, lanes, state, words, history, address, theta, integers):
    for w in range(lanes):
        address[0][w] = uint64(0)
        state[0][w] += ONE


class WritesAddress(Walk):
    kernels = Kernels(start, rewrite_address)


@kernel
def forget_to_draw(t, lanes, state, words, history, address, theta, integers):
    for w in range(lanes):
        state[0][w] += uniform(words[3][w])


class StaleWords(Walk):
    kernels = Kernels(start, forget_to_draw)


@kernel
def use_many_rows(t, lanes, state, words, history, address, theta, integers):
    for k in range(3):
        for w in range(lanes):
            state[k][w] += ONE


class MissingRow(Walk):
    kernels = Kernels(start, use_many_rows)
    n_state = 2


@kernel
def count_down(t, lanes, state, words, history, address, theta, integers):
    for w in range(lanes):
        state[0][w] = history[4 - integers[0], w]


class OutsideAtCorner(Walk):
    """k = 6 reads history[-2], k = 4 history[0]."""

    kernels = Kernels(start, count_down)
    n_history = 4
    parameters = (Parameter(name="k", default=4, low=1, high=6, integer=True, doc="rows back"),)


@kernel
def divide(t, lanes, state, words, history, address, theta, integers):
    for w in range(lanes):
        state[0][w] += float32(t // (t - t))


class Raises(Walk):
    kernels = Kernels(start, divide)


# -- words, lanes and rows ------------------------------------------------------------------------------


@kernel
def draw_twice(t, lanes, state, words, history, address, theta, integers):
    draw_words(lanes, address, t, 5, words[0], words[1], words[2], words[3])
    for w in range(lanes):
        state[0][w] += uniform(words[0][w])
    draw_binomial(lanes, address, t, 5, 10, theta[0], state[1])


class DrawsTwice(Walk):
    kernels = Kernels(start, draw_twice)
    n_state = 2


@kernel
def draw_always_the_same(t, lanes, state, words, history, address, theta, integers):
    draw_words(lanes, address, 1, 0, words[0], words[1], words[2], words[3])
    for w in range(lanes):
        state[0][w] += uniform(words[0][w])


class SameEveryStep(Walk):
    kernels = Kernels(start, draw_always_the_same)


@kernel
def theta_of_the_middle(t, lanes, state, words, history, address, theta, integers):
    for w in range(lanes):
        state[0][w] += theta[0, lanes // 2]


class NeighboursTheta(Walk):
    kernels = Kernels(start, theta_of_the_middle)


@kernel
def count_lanes(t, lanes, state, words, history, address, theta, integers):
    for w in range(lanes):
        state[0][w] += float32(lanes)


class CountsLanes(Walk):
    kernels = Kernels(start, count_lanes)


@kernel
def word_of_the_first(t, lanes, state, words, history, address, theta, integers):
    draw_words(lanes, address, t, 0, words[0], words[1], words[2], words[3])
    for w in range(lanes):
        state[0][w] += uniform(words[0][0])


class WordOfTheFirst(Walk):
    """Alone each lane has a word of its own; the first of seven has all of them."""

    kernels = Kernels(start, word_of_the_first)


class NeverWritten(Walk):
    n_state = 2
    observables = (Observable("x", 0), Observable("y", 1))


PLAIN = {
    "Walk": ("ok", "block", "stay inside their arrays"),
    "BeyondLanes": ("failed", "block", "step reads state[0][7]: lanes are 0 to 6, at t=1"),
    "BeforeFirst": ("failed", "block", "step reads state[0][-1]: an index below 0 counts from the end"),
    "BeyondHistory": ("failed", "block", "step writes history[4, 0]: rows are 0 to 3, at t=4"),
    "NoHistory": ("failed", "block", "step writes history[1, 0]: it has no row, at t=1"),
    "BeyondTheta": ("failed", "block", "init reads theta[1, 0]: there is row 0 alone, at t=0"),
    "WritesTheta": ("failed", "block", "step writes theta[0, 0], which is there to be read, at t=1"),
    "WritesIntegers": ("failed", "block", "init writes integers[0], which is there to be read"),
    "WritesAddress": ("failed", "block", "step writes address[0], which is there to be read"),
    "StaleWords": ("failed", "block", "step reads words[3][0] before anything was drawn into it"),
    "MissingRow": ("failed", "block", "step takes state[2]: rows are 0 to 1 (n_state = 2), at t=1"),
    "OutsideAtCorner": ("failed", "block", "reads history[-2, 0]: an index below 0 counts from the end"),
    "Raises": ("failed", "block", "`state[0][w] += float32(t // (t - t))`: ZeroDivisionError"),
    "DrawsTwice": ("warning", "draws", "word 0 of slot 5 is drawn twice in step t=1 and used both times, by draw_words "
                   "and draw_binomial: one number in two places"),
    "SameEveryStep": ("warning", "draws", "word 0 of slot 0 of t=1 is used in step 1 and again in step 2"),
    "NeighboursTheta": ("failed", "lanes", "another theta in lane 3 changes x of lane 0, path 0 from t=1 on"),
    "CountsLanes": ("failed", "lanes", "blocks of 1 and of 64 lanes differ in x of path 0 from t=1 on"),
    "WordOfTheFirst": ("failed", "lanes", "blocks of 1 and of 64 lanes differ in x of path 1 from t=1 on"),
    "NeverWritten": ("warning", "state", "state[1], observable y, is never written: it is 0 at all times"),
}


# -- compiled -------------------------------------------------------------------------------------------


@kernel
def mistyped(x):
    return x + "one"


@kernel
def add_a_text(t, lanes, state, words, history, address, theta, integers):
    for w in range(lanes):
        state[0][w] = mistyped(state[0][w])


class Mistyped(Walk):
    kernels = Kernels(start, add_a_text)


@kernel
def multiply_words(t, lanes, state, words, history, address, theta, integers):
    draw_words(lanes, address, t, 0, words[0], words[1], words[2], words[3])
    for w in range(lanes):
        state[0][w] = float32((words[0][w] * words[1][w]) >> uint32(9))


class WrapsInPythonAlone(Walk):
    """uint32 times uint32 is uint32 in NumPy and uint64 in Numba."""

    kernels = Kernels(start, multiply_words)


@kernel
def draw_from_a_stream(t, lanes, state, words, history, address, theta, integers):
    for w in range(lanes):
        state[0][w] += float32(np.random.random())  # noqa: NPY002  -- what must not be


class DrawsFromAStream(Walk):
    kernels = Kernels(start, draw_from_a_stream)


@kernel
def draw_with_a_seed_of_its_own(t, lanes, state, words, history, address, theta, integers):
    fixed = (address[0], address[1], address[2], (uint64(1), uint64(2), uint64(3)))
    draw_words(lanes, fixed, t, 0, words[0], words[1], words[2], words[3])
    for w in range(lanes):
        state[0][w] += theta[0, w] * uniform(words[0][w])


class OwnSeed(Walk):
    kernels = Kernels(start, draw_with_a_seed_of_its_own)


@kernel
def grow(t, lanes, state, words, history, address, theta, integers):
    for w in range(lanes):
        state[0][w] *= ONE + float32(100.0) * theta[0, w]


class RunsAway(Walk):
    """51 to the power of 23 leaves float32; 1 to any power does not, and idle changes nothing."""

    kernels = Kernels(start, grow)
    parameters = (RATE, Parameter(name="idle", default=0.5, low=0.0, high=1.0, doc="what nobody reads"))


# -- what a model says of itself ------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Forgetful(Walk):
    n_agents: int = 5

    def __post_init__(self) -> None:
        object.__setattr__(self, "n_agents", self.n_agents + 1)


@dataclass(frozen=True, kw_only=True)
class HasPairs(Walk):
    pairs: tuple[int, ...] = (1, 2)


@dataclass(frozen=True, kw_only=True)
class HasAnArray(Walk):
    weights: object = np.float64(1.0)


class NoState(Walk):
    n_state = 0


class TextHistory(Walk):
    history_dtype = "str"


class TwoRates(Walk):
    parameters = (RATE, RATE)


class RowOutside(Walk):
    observables = (Observable("x", 0), Observable("y", 1))


class Shortens(Walk):
    observables = (Observable("steps", 0, transform=lambda paths: paths[..., 1:]),)


class NotCompiled(Walk):
    kernels = Kernels(start, walk.py_func if hasattr(walk, "py_func") else walk)


class WrongArguments(Walk):
    kernels = Kernels(start, start)


class UnboundKernel(Walk):
    kernels = Kernels(start, kernel(walk.py_func if hasattr(walk, "py_func") else walk))


def outer():
    class Inner(Walk):
        pass

    return Inner()


DECLARED = {
    "Forgetful": ("failed", "configuration", "is another model: n_agents=6 becomes 7"),
    "HasPairs": ("warning", "configuration", "a run's folder gives back pairs as [1, 2]: make tuples of lists"),
    "HasAnArray": ("failed", "configuration", "holds more than numbers, texts and tuples"),
    "NoState": ("failed", "sizes", "n_state=0: give a whole number of at least 1"),
    "TextHistory": ("failed", "sizes", "history_dtype='str': give a type of number"),
    "TwoRates": ("failed", "parameters", "two parameters are named rate"),
    "RowOutside": ("failed", "observables", "y is row 1 of the state, whose rows are 0 to 0 (n_state = 1)"),
    "Shortens": ("failed", "observables", "turns paths of shape (3, 5) into (3, 4): it must keep the shape"),
    "NotCompiled": ("failed", "kernels", "which is not compiled: put @kernel before it"),
    "WrongArguments": ("failed", "kernels", "takes 5 arguments; give it 8: t, lanes, state, words, history"),
    "UnboundKernel": ("failed", "kernels", "kernel 'walk' must be bound to a name at the top level"),
    "outer": ("failed", "configuration", "Inner cannot be found again; define it at the top level of a file"),
}
