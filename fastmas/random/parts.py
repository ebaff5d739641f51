"""Loops over agents that may be shared out: on a GPU many threads can advance one path together.

Such threads hold the same state and draw the same words, and differ in `part_of(address)` alone. A
counting kernel takes every `n_parts(address)`-th stretch of its agents, beginning with its part, and
adds the shares up by `combine`, after which all threads agree again. On a CPU there is one part, and
all three vanish when compiled.
"""

from __future__ import annotations

from typing import Any

from numba.extending import overload

from fastmas.kernel import kernel


def sum_over_parts(value: Any, n: Any) -> Any:
    """The sum of a number over n threads; what one thread has, unless a target says otherwise."""
    return value


@overload(sum_over_parts)
def keep(value, n):
    """One thread of a CPU is all there is."""
    return lambda value, n: value


@kernel
def part_of(address):
    """Which part of the agents is counted here, from 0 on."""
    return address[4][0]


@kernel
def n_parts(address):
    """How many parts there are: 1 but where threads share a path."""
    return address[4][1]


@kernel
def combine(address, value):
    """The sum of an integer over all parts, of the type it has; every part must call it, and gets it."""
    return sum_over_parts(value, address[4][1])
