"""Models to stop and to break: every step takes as long as it is told; a fuse that burns through."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy import float32, uint32

from fastmas.kernel import kernel
from fastmas.model import Kernels, Model, Observable
from fastmas.parameters import Parameter
from fastmas.random import draw_words


@kernel
def init(lanes, state, history, theta, integers):
    for w in range(lanes):
        state[0][w] = float32(1.0)


@kernel
def spin(t, lanes, state, words, history, address, theta, integers):
    for w in range(lanes):
        seed = uint32(w + 1)
        for _ in range(integers[0]):
            seed = uint32(seed * uint32(1664525))
            seed = uint32(seed + uint32(1013904223))
        state[0][w] += float32(1.0) if seed == uint32(0) else float32(2.0)


@kernel
def burn(t, lanes, state, words, history, address, theta, integers):
    draw_words(lanes, address, t, 0, words[0], words[1], words[2], words[3])
    for w in range(lanes):
        if float32(words[0][w] >> uint32(8)) < theta[0, w] * float32(2.0**24):
            state[0][w] = float32(np.inf)
        state[0][w] = state[0][w] + float32(1.0)


def halved(paths: np.ndarray) -> np.ndarray:
    return paths / 2


@dataclass(frozen=True, kw_only=True)
class Slow(Model):
    """Each step of a path spins `turns` times, about a nanosecond each."""

    name: ClassVar[str] = "slow"
    kernels: ClassVar[Kernels] = Kernels(init, spin)
    observables: ClassVar[tuple[Observable, ...]] = (Observable("n", 0),)
    parameters: ClassVar[tuple[Parameter, ...]] = (
        Parameter(name="turns", default=1_000_000, low=1, high=10**9, integer=True),)


@dataclass(frozen=True, kw_only=True)
class Fuse(Model):
    """Counts its steps until it burns through, and is infinite from then on."""

    name: ClassVar[str] = "fuse"
    n_words: ClassVar[int] = 4
    kernels: ClassVar[Kernels] = Kernels(init, burn)
    observables: ClassVar[tuple[Observable, ...]] = (
        Observable("age", 0), Observable("half_age", 0, transform=halved))
    parameters: ClassVar[tuple[Parameter, ...]] = (
        Parameter(name="p", default=0.0, low=0.0, high=1.0, doc="probability of burning in a step"),)


MODEL = Fuse
