"""A model whose author forgot a type: one line of its step computes in double precision."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from fastmas.kernel import kernel
from fastmas.model import Kernels, Model, Observable
from fastmas.parameters import Parameter


@kernel
def init(lanes, state, history, theta, integers):
    """It begins at its only parameter."""
    for w in range(lanes):
        state[0][w] = theta[0, w]


@kernel
def step(t, lanes, state, words, history, address, theta, integers):
    """Decay by a tenth, from a history that nobody writes: it is zero."""
    for w in range(lanes):
        state[0][w] = state[0][w] / 1.1  # the constant is a float64
        state[0][w] += history[0, w]


@dataclass(frozen=True, kw_only=True)
class Careless(Model):
    """Nothing random."""

    name: ClassVar[str] = "careless"
    source: ClassVar[str] = "this project"
    kernels: ClassVar[Kernels] = Kernels(init, step)
    observables: ClassVar[tuple[Observable, ...]] = (Observable("x", 0),)
    n_history: ClassVar[int] = 1
    parameters: ClassVar[tuple[Parameter, ...]] = (Parameter(name="x_0", default=1.0, low=0.1, high=10.0, doc="x(0)"),)


MODEL = Careless
