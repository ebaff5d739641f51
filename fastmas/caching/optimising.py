"""Kernels optimised once, in the module that they end up in.

Numba optimises every function as soon as it is compiled and again wherever it is inlined: in a step of
six floors that is six times, and half of the wait before the first path. What is compiled inside
`optimising_only` is left alone until it is part of a function of that name; a kernel so compiled that
somebody calls from Python afterwards works, only slower.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

from numba.core import codegen
from numba.core.compiler_lock import global_compiler_lock

LIBRARY, PASSES = "CPUCodeLibrary", "_optimize_final_module"  # not a promise of Numba's: used where they exist

_active = False  # under the compiler lock


def is_active() -> bool:
    """Is this inside `optimising_only`, for whoever holds the compiler lock?"""
    return _active


@contextlib.contextmanager
def optimising_only(name: str) -> Iterator[None]:
    """Around a compilation; others wait for it, so that theirs are optimised as ever."""
    global _active  # noqa: PLW0603
    library = getattr(codegen, LIBRARY, None)
    passes = getattr(library, PASSES, None)
    if passes is None:
        yield
        return

    def run_passes(self: Any) -> None:
        if self.name == name:
            passes(self)

    with global_compiler_lock:
        setattr(library, PASSES, run_passes)
        before, _active = _active, True
        try:
            yield
        finally:
            _active = before
            setattr(library, PASSES, passes)
