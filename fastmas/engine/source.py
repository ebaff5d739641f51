"""Generated modules: what they contain, how they are named, where they are kept."""

from __future__ import annotations

import math
import sys
from functools import cache
from typing import Any, NamedTuple

import numpy as np

from fastmas.caching.cache import load_module
from fastmas.caching.digest import digest_of
from fastmas.engine import template
from fastmas.engine.job import Rows
from fastmas.errors import ModelError
from fastmas.lowering.program import Program

LANES = 64  # below 64 LLVM unrolls the lane loops to scalars before it vectorises them
STACK_BYTES = 1 << 18  # of an array; more is kept on the heap: a thread's stack has some megabytes
ENTRY_POINT = "run"  # of a generated module
BUFFER = 16  # steps kept before they are written out path by path


def load_runner(program: Program, n_theta: int, rows: Rows, dtype: str = "float32", lanes: int = LANES) -> Any:
    """The compiled entry point `run` of this program's generated module, for n_theta real values in `dtype`."""
    return _runner(Recipe.of(program, rows, dtype, lanes), _round_up(n_theta))


class Recipe(NamedTuple):
    """All that a generated module depends on, beside its engine; `width` is in lanes, or threads of a path."""

    label: str
    init: Any
    step: Any
    homes: tuple[str, ...]
    n_state: int
    n_words: int
    n_history: int
    history_dtype: str
    rows: Rows
    dtype: str
    width: int
    draws_at_start: bool

    @classmethod
    def of(cls, program: Program, rows: Rows, dtype: str, width: int) -> Recipe:
        return cls(program.label, program.init, program.step, program.homes, program.n_state, max(1, program.n_words),
                   max(1, program.n_history), program.history_in(dtype), rows, dtype, width,
                   program.draws_at_start)

    def init_call(self, lanes: str) -> str:
        """The call of `init`, which takes what `step` takes if a start is drawn."""
        more = "words, history, address" if self.draws_at_start else "history"
        return f"init({lanes}, state, {more}, theta, whole)"

    def names(self) -> dict[str, str]:
        """Where the module finds the two kernels."""
        found = {"init": global_name(self.init, self.homes), "step": global_name(self.step, self.homes)}
        return {f"{kernel}_{what}": name for kernel, both in found.items()
                for what, name in zip(("module", "name"), both, strict=True)}


def _round_up(n: int) -> int:
    """A power of two, so that configurations of like size share a compiled module."""
    return 1 << max(4, (n - 1).bit_length())


@cache
def _runner(recipe: Recipe, n_theta: int) -> Any:
    text = _fill(recipe, n_theta)
    name = "fastmas_generated_" + digest_of(text, recipe.init, recipe.step)
    return getattr(load_module(name, text), ENTRY_POINT)


def _fill(recipe: Recipe, n_theta: int) -> str:
    rows, dtype, width = recipe.rows, recipe.dtype, recipe.width
    n_out = len(rows.state) + rows.n_history
    store = [template.STORE.format(index=i, row=row) for i, row in enumerate(rows.state)]
    if rows.n_history:
        store.append(template.STORE_HISTORY)
    return template.TEMPLATE.format(
        label=recipe.label, **recipe.names(), lanes=width, buffer=BUFFER, n_state_out=len(rows.state), n_out=n_out,
        n_theta=n_theta, n_history=recipe.n_history, dtype=dtype, state=", ".join(["row_real()"] * recipe.n_state),
        history_array=_array("N_HISTORY, W", (recipe.n_history, width), recipe.history_dtype),
        theta_array=_array("N_THETA, W", (n_theta, width), dtype),
        buffer_array=_array("N_OUT, BUFFER, W", (n_out, BUFFER, width), dtype),
        words=", ".join(["row_u32()"] * recipe.n_words), init_call=recipe.init_call("W"), store="\n".join(store))


def _array(shape: str, sizes: tuple[int, ...], dtype: str) -> str:
    """The functions that allocate an array and give it back."""
    n_bytes = math.prod(sizes) * np.dtype(dtype).itemsize
    return f"{'heap' if n_bytes > STACK_BYTES else 'stack'}_array(({shape}), {dtype})"


def global_name(kernel: Any, homes: tuple[str, ...]) -> tuple[str, str]:
    """Module and name under which a kernel can be reached again: where it was written, or the model was."""
    function = getattr(kernel, "py_func", kernel)
    for module in (function.__module__, *homes):
        for name, value in vars(sys.modules[module]).items() if module in sys.modules else ():
            if value is kernel:
                return module, name
    raise ModelError(f"kernel {function.__qualname__!r} must be bound to a name at the top level of the model's "
                     f"module {homes[0]!r} or of its own, so that its compiled form can be found again")
