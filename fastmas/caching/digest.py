"""What a generated module is named by: everything that is compiled into it, as this process imported it.

Files may have changed since, so that no file is read here: a function counts by its bytecode, its constants
and all that its names lead to, a comment or the number of a line does not.
"""

from __future__ import annotations

import ast
import dis
import enum
import hashlib
import importlib
import os
import platform
import sys
import sysconfig
from collections.abc import Iterator
from functools import lru_cache
from types import CodeType, EllipsisType, FunctionType, ModuleType
from typing import Any

import llvmlite
import numba
import numpy as np
from llvmlite import binding
from numba import config, types
from numba.core.compiler_lock import global_compiler_lock
from numba.core.dispatcher import Dispatcher
from numba.core.typing import templates

from fastmas import __version__
from fastmas.caching.optimising import compiling_only
from fastmas.kernel import kernel

LENGTH = 20  # hexadecimal digits of a name
LIBRARIES = frozenset({"numba", "numba_cuda", "numpy", "llvmlite"})  # these count by their version
STANDARD = sysconfig.get_path("stdlib") + os.sep
ATTRIBUTE = ("LOAD_ATTR", "LOAD_METHOD")
BEHIND = ("py_func", "_defn", "__func__", "__wrapped__")  # where what wraps a function keeps it
PLAIN = (bool, int, float, complex, str, bytes, EllipsisType, enum.Enum, np.dtype, types.Type)
REGISTERED = ("functions", "attributes")  # of Numba's registry of templates
SETTINGS = ("OPT", "LOOP_VECTORIZE", "SLP_VECTORIZE", "BOUNDSCHECK", "DEBUGINFO_DEFAULT", "ENABLE_AVX",
            "CPU_NAME", "CPU_FEATURES", "DISABLE_JIT", "DISABLE_INTEL_SVML", "LLVM_PASS_TIMINGS")


def digest_of(text: str, *kernels: Any) -> str:
    """A name for what this text and these kernels compile to, here and in any other process.

    It changes with every function of the package or the user's that they reach, with the constants of these,
    with the versions of Python and of the libraries that compile, and with the processor.
    """
    with global_compiler_lock:  # whoever compiles for CUDA changes the options of kernels meanwhile
        walk = _Walk()
        for root in (*kernels, *_imported_by(text), kernel, compiling_only):
            walk.tell(root)
        return _hash("\0".join((text, _surroundings(), *walk.lines())))[:LENGTH]


def reached_by(function: FunctionType) -> dict[str, Any]:
    """Everything that a function takes from outside, by name: closures, globals, names in modules."""
    names, attributes = _names(function.__code__)
    reached = dict(_closure(function))
    reached |= {n: function.__globals__[n] for n in names if n in function.__globals__}
    modules = [v for v in reached.values() if isinstance(v, ModuleType)]
    for module in modules:
        inside = {f"{module.__name__}.{n}": vars(module)[n] for n in attributes if n in vars(module)}
        modules += [v for v in inside.values() if isinstance(v, ModuleType) and v not in modules]
        reached |= inside
    return reached


def reached_dispatchers(*kernels: Any) -> list[Any]:
    """These kernels and all that they reach."""
    found: dict[int, Any] = {}
    left = list(kernels)
    while left:
        kernel = left.pop()
        if isinstance(kernel, Dispatcher) and id(kernel) not in found:
            found[id(kernel)] = kernel
            left += reached_by(kernel.py_func).values()
    return list(found.values())


def is_foreign(function: FunctionType) -> bool:
    """Does this function belong to Python or to a library that counts by its version?"""
    file = function.__code__.co_filename
    standard = file.startswith((STANDARD, "<frozen ")) and "site-packages" not in file
    module = function.__globals__.get("__name__") or ""
    return standard or module.partition(".")[0] in LIBRARIES


def _closure(function: FunctionType) -> Iterator[tuple[str, Any]]:
    for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
        try:
            yield name, cell.cell_contents
        except ValueError:  # not set yet
            continue


@lru_cache(maxsize=4096)
def _names(code: CodeType) -> tuple[dict[str, None], dict[str, None]]:
    """Names that code and the functions inside it look up: outside of them, and in what they have."""
    names, attributes = dict[str, None](), dict[str, None]()
    for one in dis.get_instructions(code):
        if one.opcode in dis.hasname:
            (attributes if one.opname in ATTRIBUTE else names)[str(one.argval)] = None
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            for known, more in zip((names, attributes), _names(constant), strict=True):
                known.update(more)
    return names, attributes


def _imported_by(text: str) -> Iterator[Any]:
    """What the text of a module imports by name."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.ImportFrom) and not node.level:
            module = importlib.import_module(node.module or "")
            yield from (getattr(module, alias.name, None) for alias in node.names)


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _surroundings() -> str:
    settings = [(name, str(getattr(config, name, None))) for name in SETTINGS]
    return repr((sys.version, platform.machine(), binding.get_host_cpu_name(),
                 binding.get_host_cpu_features().flatten(), __version__, numba.__version__, np.__version__,
                 llvmlite.__version__, settings))


class _Walk:
    """Describes functions and all that they reach, each once, in the order in which they are met."""

    def __init__(self) -> None:
        self.met: list[Any] = []  # kept alive: an identity may not be given twice
        self.place: dict[int, int] = {}
        registry = getattr(templates, "builtin_registry", None)  # not a promise of Numba's: used where it exists
        told = tuple(len(getattr(registry, kind, ())) for kind in REGISTERED)
        self.overloads = _overloads(*told)

    def lines(self) -> Iterator[str]:
        for function in self.met:  # grows meanwhile
            yield self._function(function)

    def tell(self, value: Any) -> str:
        """A value in words that are the same in every process; functions by the number they are met with."""
        function = _function_in(value)
        if function is not None:
            return self._meet(value, function)
        if isinstance(value, CodeType):
            return self._code(value)
        if isinstance(value, (tuple, list, set, frozenset, dict)):
            return f"{type(value).__qualname__} {self._content(value)}"
        if isinstance(value, (np.generic, np.ndarray)) and not value.dtype.hasobject:
            return self._array(np.asarray(value), type(value).__qualname__)
        if value is None or isinstance(value, PLAIN):
            return f"{type(value).__qualname__} {value!r}"
        return self._named(value)

    def _content(self, values: Any) -> list[Any]:
        if isinstance(values, dict):
            return sorted((self.tell(k), self.tell(v)) for k, v in values.items())
        told = [self.tell(value) for value in values]
        return told if isinstance(values, (tuple, list)) else sorted(told)

    def _meet(self, value: Any, function: FunctionType) -> str:
        own = self.overloads.get(id(value), ())
        told = [self.tell(overload) for overload in own]
        if is_foreign(function):
            return f"{function.__module__}.{function.__qualname__} {told}"
        options = self.tell(getattr(value, "targetoptions", None))
        if id(function) not in self.place:
            self.place[id(function)] = len(self.met)
            self.met.append(function)
        return f"function {self.place[id(function)]} {options} {told}"

    def _function(self, function: FunctionType) -> str:
        reached = [f"{name}={self.tell(value)}" for name, value in reached_by(function).items()]
        attributes = _names(function.__code__)[1]
        methods = [self.tell(one) for name in attributes for one in self.overloads.get(name, ())]
        return "\n".join([self._code(function.__code__), self.tell(function.__defaults__),
                          self.tell(function.__kwdefaults__), *reached, *methods])

    def _code(self, code: CodeType) -> str:
        return _hash(repr((
            code.co_code, [self.tell(c) for c in code.co_consts], code.co_names, code.co_varnames, code.co_freevars,
            code.co_cellvars, code.co_flags, code.co_argcount, code.co_posonlyargcount, code.co_kwonlyargcount,
            code.co_exceptiontable)))

    def _array(self, array: np.ndarray, kind: str) -> str:
        layout = (array.flags.c_contiguous, array.flags.f_contiguous)
        return f"{kind} {array.dtype.descr} {array.shape} {layout} {array.tobytes().hex()}"

    def _named(self, value: Any) -> str:
        """A class, a module or a built-in function by its name; of anything else its class."""
        own = [self.tell(overload) for overload in self.overloads.get(id(value), ())]
        if isinstance(value, ModuleType):  # which may answer to any name, as torch.classes does
            return f"module {value.__name__} {own}"
        kind = value if hasattr(value, "__name__") else type(value)
        told = f"{getattr(kind, '__module__', None)}.{getattr(kind, '__qualname__', kind.__name__)} {own}"
        if isinstance(value, type):
            methods = [self.tell(v) for v in vars(value).values() if isinstance(v, FunctionType) and not is_foreign(v)]
            return f"{told} {getattr(value, '_fields', ())} {methods}"
        return told


def _function_in(value: Any) -> FunctionType | None:
    for name in BEHIND:
        if isinstance(value, (FunctionType, type, ModuleType)):
            break
        value = getattr(value, name, value)
    return value if isinstance(value, FunctionType) else None


@lru_cache(maxsize=1)
def _overloads(*counts: int) -> dict[Any, list[FunctionType]]:
    """Overloads that Numba was told by others than its own: by function (its `id`), or by the name of a method.

    The registry of so many templates only grows.
    """
    found: dict[Any, list[FunctionType]] = {}
    for template in (t for kind, n in zip(REGISTERED, counts, strict=True) if n
                     for t in getattr(templates.builtin_registry, kind)):
        function = getattr(template, "_overload_func", None)
        for_cuda = (getattr(template, "metadata", None) or {}).get("target") == "cuda"
        if isinstance(function, FunctionType) and not is_foreign(function) and not for_cuda:
            found.setdefault(getattr(template, "_attr", None) or id(template.key), []).append(function)
    return found
