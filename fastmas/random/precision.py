"""One name for a float32 kernel and its float64 twin: the type of a number or an array decides when compiled."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import types
from numba.extending import overload


def in_precision(like: Any, x: Any, single: Any, double: Any) -> Any:
    """`single(x)` where `like`, a number or an array, is float32, else `double(x)`.

    In a kernel only the chosen one of the two is compiled, so that float32 code holds no float64.
    """
    return single(x) if getattr(like, "dtype", None) == np.float32 else double(x)


@overload(in_precision, inline="always")
def chosen(like, x, single, double):
    if getattr(like, "dtype", like) == types.float32:
        return lambda like, x, single, double: single(x)
    return lambda like, x, single, double: double(x)
