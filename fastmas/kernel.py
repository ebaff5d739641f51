"""The one decorator of every function that runs inside a simulation kernel.

`forceinline` lets a whole step become one function, which is what lets loops over lanes vectorise
(8 times slower without); `contract` allows fused multiply-add and nothing else, so that results
do not depend on how a loop was vectorised. Nobody calls a kernel from C: leaving that door out saves a
fifteenth of the compilation.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from numba import njit

OPTIONS: dict[str, Any] = {
    "forceinline": True, "no_cfunc_wrapper": True, "error_model": "numpy", "fastmath": {"contract"}}


def kernel(function: Callable[..., Any]) -> Any:
    """Compile `function` for use inside kernels; `.py_func` stays the plain Python of it."""
    return njit(**OPTIONS)(function)


@njit(**{**OPTIONS, "fastmath": False})
def product(a, b):
    """a * b, rounded before it is added to anything.

    Of a sum of two products either may be fused with the addition, and which one it is differs with the width of a
    block: one of the two must not be.
    """
    return a * b
