"""Generated modules: what they contain, how they are named, where they are kept."""

from __future__ import annotations

import hashlib
import importlib.util
import inspect
import math
import os
import sys
import tempfile
import threading
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any, NamedTuple

import numba
import numpy as np
from numba.core.dispatcher import Dispatcher

from fastmas.engine import template
from fastmas.engine.job import Rows
from fastmas.engine.lanes import stack_array
from fastmas.errors import ModelError
from fastmas.kernel import kernel
from fastmas.lowering.program import Program
from fastmas.random.philox import path_part

LANES = 64  # below 64 LLVM unrolls the lane loops to scalars before it vectorises them
LOADING = threading.Lock()
STACK_BYTES = 1 << 18  # of an array; more is kept on the heap: a thread's stack has some megabytes
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

    @classmethod
    def of(cls, program: Program, rows: Rows, dtype: str, width: int) -> Recipe:
        return cls(program.label, program.init, program.step, program.homes, program.n_state, max(1, program.n_words),
                   max(1, program.n_history), program.history_in(dtype), rows, dtype, width)

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
        words=", ".join(["row_u32()"] * recipe.n_words), store="\n".join(store))


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
