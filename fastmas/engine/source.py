"""Generated modules: what they contain, how they are named, where they are kept."""

from __future__ import annotations

import sys
from functools import cache
from typing import Any

import numpy as np

from fastmas.engine import template
from fastmas.engine.cache import load_module
from fastmas.engine.digest import digest_of, reached_by
from fastmas.engine.folder import cache_directory
from fastmas.errors import ModelError
from fastmas.model import Model

__all__ = ["cache_directory", "digest_of", "load_module", "load_runner", "reached_by"]

LANES = 64  # below 64 LLVM unrolls the lane loops to scalars before it vectorises them
REAL = "float32"  # as the dtype of a history it stands for the precision of the run
STACK_BYTES = 1 << 18  # of thetas; more are kept on the heap, at a tenth more time
ENTRY_POINT = "run"  # of a generated module
BUFFER = 16  # steps kept before they are written out path by path


def load_runner(model: Model, n_theta: int, lanes: int = LANES, dtype: str = "float32") -> Any:
    """The compiled entry point `run` of this model's generated module, for n_theta real values in `dtype`."""
    kernels = model.kernels
    n_history = max(1, model.n_history)
    rows = tuple(dict.fromkeys(o.row for o in model.observables))
    return _runner(kernels.init, kernels.step, model.name, model.n_state, model.n_words, _round_up(n_theta),
                   n_history, history_dtype(model, dtype), rows, lanes, dtype,
                   homes_of(model))


def history_dtype(model: Model, dtype: str) -> str:
    """The dtype of the model's history in a run of this dtype."""
    return dtype if model.history_dtype == REAL else model.history_dtype


def observable_rows(model: Model) -> tuple[int, ...]:
    """State rows that observables need, in the order of the runner's `slots`."""
    return tuple(dict.fromkeys(o.row for o in model.observables))


def _round_up(n: int) -> int:
    """A power of two, so that configurations of like size share a compiled module."""
    return 1 << max(4, (n - 1).bit_length())


@cache
def _runner(init: Any, step: Any, label: str, n_state: int, n_words: int, n_theta: int, n_history: int,
            history_dtype: str, rows: tuple[int, ...], lanes: int, dtype: str, homes: tuple[str, ...]) -> Any:
    text = _fill(init, step, label, n_state, n_words, n_theta, n_history, history_dtype, rows, lanes, dtype, homes)
    name = "fastmas_generated_" + digest_of(text, init, step)
    return getattr(load_module(name, text), ENTRY_POINT)


def _fill(init: Any, step: Any, label: str, n_state: int, n_words: int, n_theta: int, n_history: int,
          history_dtype: str, rows: tuple[int, ...], lanes: int, dtype: str, homes: tuple[str, ...]) -> str:
    (init_module, init_name), (step_module, step_name) = global_name(init, homes), global_name(step, homes)
    store = "\n".join(template.STORE.format(index=i, row=row) for i, row in enumerate(rows))
    large = n_theta * lanes * np.dtype(dtype).itemsize > STACK_BYTES
    return template.TEMPLATE.format(
        label=label, init_module=init_module, init_name=init_name, step_module=step_module,
        step_name=step_name, lanes=lanes, buffer=BUFFER, n_rows=len(rows), n_theta=n_theta,
        n_history=n_history, history_dtype=history_dtype, dtype=dtype, state=", ".join(["row_real()"] * n_state),
        theta_array="heap_array" if large else f"stack_array((N_THETA, W), {dtype})",
        words=", ".join(["row_u32()"] * max(1, n_words)), store=store)


def homes_of(model: Model) -> tuple[str, ...]:
    """Modules of the model's class and of those it is built on."""
    return tuple(dict.fromkeys(kind.__module__ for kind in type(model).__mro__))


def global_name(kernel: Any, homes: tuple[str, ...]) -> tuple[str, str]:
    """Module and name under which a kernel can be reached again: where it was written, or the model was."""
    function = getattr(kernel, "py_func", kernel)
    for module in (function.__module__, *homes):
        for name, value in vars(sys.modules[module]).items() if module in sys.modules else ():
            if value is kernel:
                return module, name
    raise ModelError(f"kernel {function.__qualname__!r} must be bound to a name at the top level of the model's "
                     f"module {homes[0]!r} or of its own, so that its compiled form can be found again")
