"""Kernels optimised and turned into machine code once, in the function that they end up in.

Numba optimises every function as soon as it is compiled and again wherever it is inlined, and makes machine code
and a door for Python of each: in a step of six floors that is most of the wait before the first path. What is
compiled inside `compiling_only` is left alone until it is part of a function of that name. Outside, none of it is
there: a kernel that somebody calls from Python, or from a function of their own, is compiled for that.
"""

from __future__ import annotations

import contextlib
import gc
from collections.abc import Callable, Iterator
from typing import Any
from weakref import WeakKeyDictionary

from numba.core import codegen, cpu, dispatcher
from numba.core.compiler_lock import global_compiler_lock
from numba.core.environment import lookup_environment

ENVIRONMENT = "_ZN08NumbaEnv"  # begins the names of variables that hold a function's environment

_active = False  # under the compiler lock
_inner: WeakKeyDictionary[Any, dict[Any, Any]] = WeakKeyDictionary()  # dispatcher -> arguments -> what is inside only


def is_active() -> bool:
    """Is this inside `compiling_only`, for whoever holds the compiler lock?"""
    return _active


@contextlib.contextmanager
def compiling_only(name: str) -> Iterator[None]:
    """Around a compilation; others wait for it, so that theirs are as ever."""
    global _active  # noqa: PLW0603
    with global_compiler_lock, _replaced(name), _uncollected():
        before, _active = _active, True
        if not before:
            _bring_back()
        try:
            yield
        finally:
            _active = before
            if not before:
                _put_away()


def _bring_back() -> None:
    for one, found in _inner.items():
        for arguments, result in found.items():
            one.overloads.setdefault(arguments, result)


def _put_away() -> None:
    for one, found in _inner.items():
        for arguments, result in found.items():
            if one.overloads.get(arguments) is result:
                del one.overloads[arguments]


@contextlib.contextmanager
def _uncollected() -> Iterator[None]:
    """A compiler makes millions of objects and hardly a cycle: looking for these is a tenth of the wait."""
    if not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


@contextlib.contextmanager
def _replaced(name: str) -> Iterator[None]:
    """Numba with what is below in its place; none of it is a promise of Numba's: all where all exists, or nothing."""
    places = [(_owner(path), attribute, make) for (path, attribute), make in REPLACED.items()]
    if any(not hasattr(owner, attribute) for owner, attribute, _ in places):
        yield
        return
    before = [(owner, attribute, getattr(owner, attribute)) for owner, attribute, _ in places]
    for (owner, attribute, make), (_, _, own) in zip(places, before, strict=True):
        setattr(owner, attribute, make(name, own))
    try:
        yield
    finally:
        for owner, attribute, own in before:
            setattr(owner, attribute, own)


def _owner(path: tuple[Any, str]) -> Any:
    return getattr(*path, None)


def _optimise(name: str, own: Callable[..., Any]) -> Callable[..., Any]:
    def run_passes(library: Any) -> None:
        if library.name == name:
            own(library)
    return run_passes


def _finalise(name: str, own: Callable[..., Any]) -> Callable[..., Any]:
    """No machine code."""
    def finalise(library: Any) -> None:
        if library.name == name:
            own(library)
            return
        library._finalize_dynamic_globals()
        library._verify_declare_only_symbols()
        library._finalized = True
    return finalise


def _wrap(name: str, own: Callable[..., Any]) -> Callable[..., Any]:
    """No door for Python."""
    def wrap(context: Any, library: Any, *more: Any, **options: Any) -> None:
        if library.name == name:
            own(context, library, *more, **options)
    return wrap


def _execute(name: str, own: Callable[..., Any]) -> Callable[..., Any]:
    """Something to know a function by; the outer one knows the environments of all."""
    def execute(context: Any, library: Any, *more: Any) -> Any:
        if library.name != name:
            return object().__reduce_ex__  # a built-in function like no other, which takes no call of a kernel
        entry = own(context, library, *more)
        for variable in library._final_module.global_variables:
            environment = lookup_environment(variable.name) if variable.name.startswith(ENVIRONMENT) else None
            if environment is not None:
                library.codegen.set_env(variable.name, environment)
        return entry
    return execute


def _keep(name: str, own: Callable[..., Any]) -> Callable[..., Any]:
    def add_overload(one: Any, result: Any) -> None:
        if result.library.name == name:
            own(one, result)
            return
        arguments = tuple(result.signature.args)
        one.overloads[arguments] = _inner.setdefault(one, {})[arguments] = result
    return add_overload


REPLACED: dict[tuple[tuple[Any, str], str], Callable[[str, Callable[..., Any]], Callable[..., Any]]] = {
    ((codegen, "CPUCodeLibrary"), "_optimize_final_module"): _optimise,
    ((codegen, "JITCodeLibrary"), "_finalize_final_module"): _finalise,
    ((cpu, "CPUContext"), "create_cpython_wrapper"): _wrap,
    ((cpu, "CPUContext"), "get_executable"): _execute,
    ((dispatcher, "_DispatcherBase"), "add_overload"): _keep,
}
