"""What lanes need of LLVM: arrays, which it knows not to overlap, wide vectors, tiles turned over in registers."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from llvmlite import ir
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
    def allocate(context, builder, item):
        with builder.goto_entry_block():
            data = builder.alloca(item, size=cgutils.intp_t(math.prod(shape)))
            data.align = ALIGNMENT
        return data, None
    return _array(shape, dtype, allocate)


def heap_array(shape: tuple[int, ...], dtype: Any) -> Any:
    """Return a function of no arguments that allocates a C array on the heap, not cleared; `release` frees it.

    Its memory is lost if a kernel raises before that.

    LLVM knows of it what it knows of a stack array, and not of a NumPy array: that it overlaps no other.
    """
    def allocate(context, builder, item):
        n_bytes = math.prod(shape) * context.get_abi_sizeof(item) + ALIGNMENT
        memory = context.nrt.allocate(builder, cgutils.intp_t(n_bytes))
        beyond = builder.and_(builder.ptrtoint(memory, cgutils.intp_t), cgutils.intp_t(ALIGNMENT - 1))
        start = builder.gep(memory, [builder.sub(cgutils.intp_t(ALIGNMENT), beyond)])
        return builder.bitcast(start, item.as_pointer()), memory
    return _array(shape, dtype, allocate)


def _array(shape: tuple[int, ...], dtype: Any, memory: Any) -> Any:
    """A function that makes a C array of (first value, what is to be freed or None) as `memory` gives them."""
    if config.DISABLE_JIT:  # type: ignore[attr-defined]
        return lambda: np.zeros(shape, dtype=getattr(np, str(dtype)))
    array_type = types.Array(dtype, len(shape), "C")

    @intrinsic
    def allocate(typing_context):
        def codegen(context, builder, sig, args):
            item = context.get_data_type(dtype)
            data, owner = memory(context, builder, item)
            array = make_array(array_type)(context, builder)
            itemsize = context.get_abi_sizeof(item)
            strides = [math.prod(shape[i + 1:]) * itemsize for i in range(len(shape))]
            populate_array(
                array, data=data,
                shape=cgutils.pack_array(builder, [cgutils.intp_t(n) for n in shape]),
                strides=cgutils.pack_array(builder, [cgutils.intp_t(n) for n in strides]),
                itemsize=cgutils.intp_t(itemsize), meminfo=None, parent=owner)
            return array._getvalue()
        return signature(array_type), codegen
    return allocate


if config.DISABLE_JIT:  # type: ignore[attr-defined]
    def release(array):
        """NumPy frees its own."""
else:
    @intrinsic
    def release(typing_context, array):
        """Free an array of `heap_array`; one of `stack_array` has nothing to free."""
        def codegen(context, builder, sig, args):
            owner = make_array(sig.args[0])(context, builder, args[0]).parent
            with builder.if_then(cgutils.is_not_null(builder, owner), likely=False):
                context.nrt.free(builder, owner)
            return context.get_dummy_value()
        return signature(types.none, array), codegen


if config.DISABLE_JIT:  # type: ignore[attr-defined]
    def widest_vectors():
        """Plain Python has none."""
else:
    @intrinsic
    def widest_vectors(typing_context):
        """Let LLVM use the 512 bits of AVX-512 in the function that calls this.

        By itself it keeps to half of them on Intel's processors, whose older ones lowered their clock for more:
        a fifth of a market's time. Numba names no attribute of a function with a value.
        """
        def codegen(context, builder, sig, args):
            set.add(builder.function.attributes, '"prefer-vector-width"="512"')
            return context.get_dummy_value()
        return signature(types.none), codegen


def tile_transpose(size: int) -> Any:
    """Return a function of (source, k, w, tile) that fills tile[v, i] with source[k, i, w + v], i and v < size.

    Both are C arrays of one dtype, `size` a power of two. LLVM knows no loop that it would turn into these
    shuffles; element by element a transpose takes about eight times as long.
    """
    if config.DISABLE_JIT:  # type: ignore[attr-defined]
        def plain(source, k, w, tile):
            tile[:] = source[k, :size, w:w + size].T
        return plain

    @intrinsic
    def transpose(typing_context, source, k, w, tile):
        def codegen(context, builder, sig, args):
            source_type, _, _, tile_type = sig.args
            item = context.get_data_type(source_type.dtype)
            vector = ir.VectorType(item, size).as_pointer()
            origin = make_array(source_type)(context, builder, args[0])
            target = make_array(tile_type)(context, builder, args[3])
            n_rows, width = (builder.extract_value(origin.shape, i) for i in (1, 2))
            at = builder.add(builder.mul(builder.mul(args[1], n_rows), width), args[2])

            def place(data, offset):
                return builder.bitcast(builder.gep(data, [offset]), vector)

            bytes_of = context.get_abi_sizeof(item)
            rows = []
            for i in range(size):
                offset = builder.add(at, builder.mul(width, cgutils.intp_t(i)))
                rows.append(builder.load(place(origin.data, offset), align=bytes_of))
            for i, row in enumerate(_turned_over(builder, rows)):
                builder.store(row, place(target.data, cgutils.intp_t(i * size)), align=bytes_of)
            return context.get_dummy_value()
        return signature(types.none, source, types.int64, types.int64, tile), codegen
    return transpose


def line_copy(size: int) -> Any:
    """Return a function of (tile, v, out, at) that puts tile[v] at place `at` of the C array `out`, flattened."""
    if config.DISABLE_JIT:  # type: ignore[attr-defined]
        def plain(tile, v, out, at):
            out.reshape(-1)[at:at + size] = tile[v]
        return plain

    @intrinsic
    def copy(typing_context, tile, v, out, at):
        def codegen(context, builder, sig, args):
            item = context.get_data_type(sig.args[0].dtype)
            vector, bytes_of = ir.VectorType(item, size).as_pointer(), context.get_abi_sizeof(item)
            source = make_array(sig.args[0])(context, builder, args[0]).data
            target = make_array(sig.args[2])(context, builder, args[2]).data
            first = builder.mul(args[1], cgutils.intp_t(size))
            line = builder.load(builder.bitcast(builder.gep(source, [first]), vector), align=bytes_of)
            builder.store(line, builder.bitcast(builder.gep(target, [args[3]]), vector), align=bytes_of)
            return context.get_dummy_value()
        return signature(types.none, tile, types.int64, out, types.int64), codegen
    return copy


def _turned_over(builder: Any, rows: list[Any]) -> list[Any]:
    """The transpose of square blocks, halved until they are single numbers."""
    size, half = len(rows), len(rows) // 2
    while half:
        upper = [j if not j & half else size + (j ^ half) for j in range(size)]
        lower = [j ^ half if not j & half else size + j for j in range(size)]
        for i in (i for i in range(size) if not i & half):
            pair = rows[i], rows[i | half]
            for place, mask in ((i, upper), (i | half, lower)):
                constant = ir.Constant(ir.VectorType(ir.IntType(32), size), mask)
                rows[place] = builder.shuffle_vector(*pair, constant)
        half //= 2
    return rows
