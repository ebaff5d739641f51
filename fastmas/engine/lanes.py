"""Stack arrays for lanes: separate stack allocations, which LLVM knows not to overlap."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numba import config, types
from numba.core import cgutils
from numba.core.typing import signature
from numba.extending import intrinsic
from numba.np.arrayobj import make_array, populate_array

ALIGNMENT = 64  # bytes: one AVX-512 register


def stack_array(shape: tuple[int, ...], dtype: Any) -> Any:
    """Return a function of no arguments that allocates a C array on the stack of its caller.

    The memory is allocated once per function, not once per call, and is not cleared. With jitting
    switched off it is an ordinary NumPy array.
    """
    if config.DISABLE_JIT:  # type: ignore[attr-defined]
        return lambda: np.zeros(shape, dtype=getattr(np, str(dtype)))
    array_type = types.Array(dtype, len(shape), "C")

    @intrinsic
    def allocate(typing_context):
        def codegen(context, builder, sig, args):
            item = context.get_data_type(dtype)
            with builder.goto_entry_block():
                data = builder.alloca(item, size=cgutils.intp_t(math.prod(shape)))
                data.align = ALIGNMENT
            array = make_array(array_type)(context, builder)
            itemsize = context.get_abi_sizeof(item)
            strides = [math.prod(shape[i + 1:]) * itemsize for i in range(len(shape))]
            populate_array(
                array, data=data,
                shape=cgutils.pack_array(builder, [cgutils.intp_t(n) for n in shape]),
                strides=cgutils.pack_array(builder, [cgutils.intp_t(n) for n in strides]),
                itemsize=cgutils.intp_t(itemsize), meminfo=None)
            return array._getvalue()
        return signature(array_type), codegen
    return allocate
