"""What numba-cuda makes of a kernel's arithmetic: rounded as on a CPU, and with NumPy's functions of a number."""

from __future__ import annotations

import contextlib
import importlib
import math
from collections.abc import Iterator
from typing import Any

import numpy as np
from numba import types
from numba.core.compiler_lock import global_compiler_lock

from fastmas.caching.digest import reached_dispatchers

# numba-cuda knows these as functions of `math` alone.
SAME = {np.sqrt: math.sqrt, np.exp: math.exp, np.expm1: math.expm1, np.log1p: math.log1p, np.fabs: math.fabs,
        np.absolute: math.fabs, np.floor: math.floor, np.ceil: math.ceil, np.trunc: math.trunc}
REALS = {"f->f": types.float32, "d->d": types.float64}


@contextlib.contextmanager
def exact_arithmetic(*kernels: Any) -> Iterator[None]:
    """Around the compilation of these kernels for CUDA.

    A CPU kernel lends its options to its CUDA twin, where `fastmath={"contract"}` counts as all of fast math:
    quotients, roots and exponentials of a few correct digits less. Fused multiply-add is on without it.
    """
    _know_numpy()
    changed = []
    with global_compiler_lock:
        try:
            for dispatcher in reached_dispatchers(*kernels):
                changed.append((dispatcher.targetoptions, dispatcher.targetoptions.get("fastmath")))
                dispatcher.targetoptions["fastmath"] = False
            yield
        finally:
            for options, fastmath in changed:
                options["fastmath"] = fastmath


def _know_numpy() -> None:
    """Teach numba-cuda NumPy's functions of one real number, which it lacks without need."""
    find = importlib.import_module("numba.cuda.mathimpl").get_unary_impl_for_fn_and_ty
    known = importlib.import_module("numba.cuda.ufuncs").ufunc_db()
    for function, twin in SAME.items():
        if function not in known:
            known[function] = {loop: _lowering(find, twin, real) for loop, real in REALS.items()}


def _lowering(find: Any, function: Any, real: Any) -> Any:
    def lower(context, builder, signature, arguments):
        return find(function, real)(context, builder, signature, arguments)
    return lower
