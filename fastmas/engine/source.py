"""Generated modules: what they contain, how they are named, where they are kept."""

from __future__ import annotations

import hashlib
import importlib.util
import inspect
import os
import sys
import tempfile
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any

import numba
import numpy as np
from numba.core.dispatcher import Dispatcher

from fastmas.engine import lanes as lanes_module
from fastmas.engine import template
from fastmas.errors import ModelError
from fastmas.model import Model

LANES = 64  # below 64 LLVM unrolls the lane loops to scalars before it vectorises them
BUFFER = 16  # steps kept before they are written out path by path


def cache_directory() -> Path:
    """Where generated modules are kept: FASTMAS_CACHE_DIR, or a folder in the user's cache."""
    chosen = os.environ.get("FASTMAS_CACHE_DIR")
    base = Path(chosen) if chosen else Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "fastmas"
    for directory in (base, Path(tempfile.gettempdir()) / f"fastmas-{os.getuid() if hasattr(os, 'getuid') else 0}"):
        try:
            directory.mkdir(parents=True, exist_ok=True)
        except OSError:
            continue
        if os.access(directory, os.W_OK):
            return directory
    raise ModelError(f"no folder for compiled kernels: {base} cannot be written; set FASTMAS_CACHE_DIR")


def load_runner(model: Model, n_theta: int, lanes: int = LANES) -> Any:
    """The compiled entry point `run` of this model's generated module."""
    kernels = model.kernels
    n_history = max(1, model.n_history)
    rows = tuple(dict.fromkeys(o.row for o in model.observables))
    return _runner(kernels.init, kernels.step, model.name, model.n_state, model.n_words, _round_up(n_theta), n_history,
                   model.history_dtype, rows, lanes)


def observable_rows(model: Model) -> tuple[int, ...]:
    """State rows that observables need, in the order of the runner's `slots`."""
    return tuple(dict.fromkeys(o.row for o in model.observables))


def _round_up(n: int) -> int:
    """A power of two, so that configurations of like size share a compiled module."""
    return 1 << max(4, (n - 1).bit_length())


@lru_cache(maxsize=None)
def _runner(init: Any, step: Any, label: str, n_state: int, n_words: int, n_theta: int, n_history: int,
            history_dtype: str, rows: tuple[int, ...], lanes: int) -> Any:
    text = _fill(init, step, label, n_state, n_words, n_theta, n_history, history_dtype, rows, lanes)
    name = "fastmas_generated_" + _digest(text, init, step)
    return _load(name, text).run


def _fill(init: Any, step: Any, label: str, n_state: int, n_words: int, n_theta: int, n_history: int,
          history_dtype: str, rows: tuple[int, ...], lanes: int) -> str:
    (init_module, init_name), (step_module, step_name) = _global_name(init), _global_name(step)
    store = "\n".join(template.STORE.format(index=i, row=row) for i, row in enumerate(rows))
    return template.TEMPLATE.format(
        label=label, init_module=init_module, init_name=init_name, step_module=step_module,
        step_name=step_name, lanes=lanes, buffer=BUFFER, n_rows=len(rows), n_theta=n_theta, n_history=n_history,
        history_dtype=history_dtype, state=", ".join(["row_f32()"] * n_state),
        words=", ".join(["row_u32()"] * max(1, n_words)), store=store)


def _global_name(kernel: Any) -> tuple[str, str]:
    """Module and name under which a kernel can be reached again."""
    function = getattr(kernel, "py_func", kernel)
    module = sys.modules[function.__module__]
    for name, value in vars(module).items():
        if value is kernel:
            return function.__module__, name
    raise ModelError(f"kernel {function.__qualname__!r} must be bound to a name at the top level of its module "
                     f"{function.__module__!r}, so that its compiled form can be found again")


def _digest(text: str, *kernels: Any) -> str:
    digest = hashlib.sha256(text.encode())
    digest.update(f"numba {numba.__version__} numpy {np.__version__}".encode())
    files = {f for k in kernels for f in _source_files(k, set())} | {lanes_module.__file__}
    for file in sorted(files):
        digest.update(Path(file).read_bytes())
    return digest.hexdigest()[:20]


def _source_files(kernel: Any, seen: set[int]) -> Iterator[str]:
    """Files of a kernel and of every kernel that it reaches."""
    if id(kernel) in seen:
        return
    seen.add(id(kernel))
    function = getattr(kernel, "py_func", kernel)
    yield inspect.getsourcefile(function) or inspect.getfile(function)
    closed_over = [c.cell_contents for c in function.__closure__ or ()]
    named = [function.__globals__.get(n) for n in function.__code__.co_names]
    for value in closed_over + named:
        if isinstance(value, Dispatcher) or (isinstance(value, FunctionType) and value.__module__ != "builtins"):
            yield from _source_files(value, seen)
        elif isinstance(value, ModuleType) and (value.__name__ or "").startswith("fastmas"):
            yield from (f for n in function.__code__.co_names if isinstance(getattr(value, n, None), Dispatcher)
                        for f in _source_files(getattr(value, n), seen))


def _load(name: str, text: str) -> ModuleType:
    if name in sys.modules:
        return sys.modules[name]
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
    spec.loader.exec_module(module)
    return module
