"""Generated modules: what they contain, how they are named, where they are kept."""

from __future__ import annotations

import hashlib
import importlib.util
import inspect
import os
import sys
import tempfile
import threading
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any

import numba
import numpy as np
from numba.core.dispatcher import Dispatcher

from fastmas.engine import template
from fastmas.engine.lanes import stack_array
from fastmas.errors import ModelError
from fastmas.kernel import kernel
from fastmas.model import Model
from fastmas.random.philox import path_part

LANES = 64  # below 64 LLVM unrolls the lane loops to scalars before it vectorises them
LOADING = threading.Lock()
REAL = "float32"  # as the dtype of a history it stands for the precision of the run
STACK_BYTES = 1 << 18  # of thetas; more are kept on the heap, at a tenth more time
ENTRY_POINT = "run"  # of a generated module
BUFFER = 16  # steps kept before they are written out path by path


def cache_directory() -> Path:
    """Where generated modules are kept: FASTMAS_CACHE_DIR, or a folder in the user's cache."""
    chosen = os.environ.get("FASTMAS_CACHE_DIR")
    caches = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache"))
    base = Path(chosen) if chosen else caches / "fastmas"
    user = os.getuid() if hasattr(os, "getuid") else 0
    for directory in (base, Path(tempfile.gettempdir()) / f"fastmas-{user}"):
        try:
            directory.mkdir(parents=True, exist_ok=True)
        except OSError:
            continue
        if os.access(directory, os.W_OK):
            return directory
    raise ModelError(f"no folder for compiled kernels: {base} cannot be written; set FASTMAS_CACHE_DIR")


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


def digest_of(text: str, *kernels: Any) -> str:
    digest = hashlib.sha256(text.encode())
    digest.update(f"numba {numba.__version__} numpy {np.__version__}".encode())
    seen: set[int] = set()
    parts = {part for k in (*kernels, path_part) for part in _ingredients(k, seen)}
    files = {p for p in parts if isinstance(p, Path)}
    for file in sorted(files | {Path(inspect.getfile(f)) for f in (kernel, stack_array)}):
        digest.update(file.read_bytes())
    for constant in sorted(p for p in parts if isinstance(p, str)):
        digest.update(constant.encode())
    return digest.hexdigest()[:20]


def _ingredients(kernel: Any, seen: set[int]) -> Iterator[Path | str]:
    """Files of a kernel and of every kernel that it reaches, and the constants they take from elsewhere."""
    if id(kernel) in seen:
        return
    seen.add(id(kernel))
    function = getattr(kernel, "py_func", kernel)
    yield Path(inspect.getsourcefile(function) or inspect.getfile(function))
    for name, value in reached_by(function).items():
        if isinstance(value, Dispatcher) or (isinstance(value, FunctionType) and "." not in name):
            yield from _ingredients(value, seen)
        elif isinstance(value, (bool, int, float, str, tuple, np.generic)):
            yield f"{function.__qualname__}.{name}={value!r}"
        elif isinstance(value, np.ndarray):
            yield f"{function.__qualname__}.{name}={value.dtype}{value.shape}{value.tobytes()!r}"


def reached_by(function: FunctionType) -> dict[str, Any]:
    """Everything that a function takes from outside, by name: closures, globals, names in modules."""
    code, names = function.__code__, function.__code__.co_names
    reached = {n: c.cell_contents for n, c in zip(code.co_freevars, function.__closure__ or (), strict=True)}
    reached |= {n: function.__globals__[n] for n in names if n in function.__globals__}
    for module in [v for v in reached.values() if isinstance(v, ModuleType)]:
        reached |= {f"{module.__name__}.{n}": vars(module)[n] for n in names if n in vars(module)}
    return reached


def load_module(name: str, text: str) -> ModuleType:
    with LOADING:
        return sys.modules[name] if name in sys.modules else _import(name, text)


def _import(name: str, text: str) -> ModuleType:
    path = cache_directory() / f"{name}.py"
    if not path.exists():
        temporary = path.with_suffix(f".{os.getpid()}.tmp")
        temporary.write_text(text)
        os.replace(temporary, path)
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ModelError(f"cannot load the generated module {path}")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module
