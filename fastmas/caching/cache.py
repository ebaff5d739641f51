"""Compiled kernels that later processes find again, and believe only where a checksum says that they are whole.

Numba keeps what it compiles as pickles of machine code: one wrong bit in them ends the process, or is executed.
Here every entry carries a SHA-256 that is compared before anything is unpickled; an entry that is damaged is
one that is not there. An entry is a file of its own, named by its signature: there is no index to be damaged,
or to be written by two processes at once.
"""

from __future__ import annotations

import hashlib
import importlib.abc
import importlib.util
import pickle
import sys
import threading
import warnings
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

from numba.core.caching import NullCache
from numba.core.compiler import CompileResult
from numba.core.serialize import dumps

from fastmas.caching import optimising
from fastmas.caching.digest import digest_of, reached_dispatchers
from fastmas.caching.folder import cache_directory
from fastmas.errors import ModelError, OutputError
from fastmas.files import write_atomically

LOADING = threading.Lock()
MARK = b"fastmas kernel 1\n"
PACKAGE = "fastmas."
SUFFIX = ".nbc"
_missed = 0  # entries that were asked for and not there


def n_compiled() -> int:
    """Functions that this process has had to compile so far because no whole entry was there."""
    return _missed


def load_module(name: str, text: str) -> ModuleType:
    """The module of this text, which `digest_of` has named; what is compiled in it is kept.

    Raises
    ------
    ModelError
        If the folder of compiled kernels cannot be written.
    """
    with LOADING:
        return sys.modules[name] if name in sys.modules else _import(name, text)


def _import(name: str, text: str) -> ModuleType:
    path = cache_directory() / f"{name}.py"
    if _content(path) != text.encode():
        try:
            write_atomically(path, text)
        except OutputError as error:
            raise ModelError(f"no folder for compiled kernels: {error}; set FASTMAS_CACHE_DIR") from error
    spec = importlib.util.spec_from_loader(name, _TextLoader(path, text), origin=str(path))
    if spec is None or spec.loader is None:
        raise ModelError(f"cannot load the generated module {path}")
    spec.has_location = True
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    for function in vars(module).values():
        if hasattr(function, "_cache") and getattr(getattr(function, "py_func", None), "__module__", None) == name:
            _trust(function)
    return module


class _TextLoader(importlib.abc.ExecutionLoader):
    """Executes the text itself: its file is for people, and a `.pyc` beside it might hold anything."""

    def __init__(self, path: Path, text: str) -> None:
        self.path, self.text = path, text

    def get_filename(self, fullname: str) -> str:
        return str(self.path)

    def get_source(self, fullname: str) -> str:
        return self.text


def _content(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except OSError:
        return None


def _trust(function: Any) -> None:
    """Put entries with checksums in place of the files that Numba would keep of a function."""
    own = function._cache
    if isinstance(own, NullCache):
        return
    if not hasattr(own, "_cache_file"):  # not a promise of Numba's: nothing is kept where it does not exist
        function._cache = NullCache()
        return
    plain = function.py_func
    dump = getattr(own._cache_file, "_dump", dumps)  # of CUDA kernels: numba-cuda's own
    own._cache_file = Entries(f"{plain.__module__}.{plain.__name__}", dump, lambda: keep_library(function))


class Entries:
    """What was compiled of one function, a file for each key; in the place of Numba's index and data files."""

    def __init__(self, name: str, dump: Callable[[Any], bytes],
                 when_missed: Callable[[], None] = lambda: None) -> None:
        self.name, self._dump, self._when_missed = name, dump, when_missed

    def load(self, key: Any) -> Any:
        """What was saved under this key, or None if it is not there as a whole."""
        global _missed  # noqa: PLW0603
        content, told = _content(self._path(key)), self._told(key)
        start = len(MARK) + hashlib.sha256().digest_size
        if content is not None and content[:start] == _seal(told, content[start:]):
            return pickle.loads(content[start:])
        _missed += 1
        self._when_missed()
        return None

    def save(self, key: Any, data: Any) -> None:
        """Keep something under a key, unless the key names a place in this process's memory."""
        told, payload = self._told(key), self._dump(data)
        if " at 0x" in told:
            return
        try:
            write_atomically(self._path(key), _seal(told, payload) + payload)
        except OutputError as error:
            warnings.warn(f"compiled kernels are not kept: {error}", stacklevel=2)

    def flush(self) -> None:
        """Forget everything of this function."""
        for path in cache_directory().glob(f"{self.name}-*{SUFFIX}"):
            path.unlink(missing_ok=True)

    def _told(self, key: Any) -> str:
        return f"{self.name} {key!r}"

    def _path(self, key: Any) -> Path:
        return cache_directory() / f"{self.name}-{hashlib.sha256(self._told(key).encode()).hexdigest()[:16]}{SUFFIX}"


def _seal(told: str, payload: bytes) -> bytes:
    """What stands before the payload of an entry; it is for one name and key alone."""
    return MARK + hashlib.sha256(told.encode() + b"\0" + payload).digest()


def keep_library(*functions: Any) -> None:
    """Let the kernels of this package that functions reach be kept each by itself, for other models to use."""
    for one in reached_dispatchers(*functions):
        if not isinstance(one._cache, LibraryCache) and all(map(_is_of_library, reached_dispatchers(one))):
            one._cache = LibraryCache(one)


def _is_of_library(dispatcher: Any) -> bool:
    """Is a kernel written at the top level of a file of the package, so that it has its name for itself?

    What is linked together is told apart by such names alone.
    """
    plain = dispatcher.py_func
    return plain.__module__.startswith(PACKAGE) and plain.__qualname__ == plain.__name__


class LibraryCache(NullCache):
    """Of a kernel that is inlined wherever it is used, kept as it is before anything is optimised.

    It serves `compiling_only` alone: what is compiled to be called from Python is another thing.
    """

    def __init__(self, dispatcher: Any) -> None:
        self._dispatcher = dispatcher
        self._entries: Entries | None = None  # of the last signature; what it is named by may change until the next

    @property
    def cache_path(self) -> str:
        return str(cache_directory())

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        if not optimising.is_active():
            return None
        plain = self._dispatcher.py_func
        self._entries = Entries(f"{plain.__module__}.{plain.__name__}-{digest_of('', self._dispatcher)}", dumps)
        target_context.refresh()
        data = self._entries.load((sig, target_context.codegen().magic_tuple()))
        if data is None:
            return None
        told = (*data[:-1], ())  # no machine code is there yet to be told of the environments
        return CompileResult._rebuild(target_context, *told)._replace(referenced_envs=data[-1])

    def save_overload(self, sig: Any, cres: Any) -> None:
        is_whole = not cres.lifted and not cres.library.has_dynamic_globals
        if optimising.is_active() and self._entries is not None and is_whole:
            cres.library.serialize_using_object_code = cres.library.serialize_using_bitcode
            self._entries.save((sig, cres.codegen.magic_tuple()), cres._reduce())

    def flush(self) -> None:
        if self._entries is not None:
            self._entries.flush()
