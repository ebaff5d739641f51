"""One process in a folder at a time; the system frees the lock of a process that was killed."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from fastmas.errors import RunDirectoryError
from fastmas.files import NO_FOLLOW, TEMPORARY, cannot_write
from fastmas.storage.layout import SUCCESSOR

try:
    import fcntl
except ImportError:  # not a POSIX system: two processes in one folder go unnoticed there
    fcntl = None  # type: ignore[assignment]

LOCK = "lock"


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Keep other processes out of a folder while the block runs, and sweep up what a killed one left half-written.

    Raises
    ------
    RunDirectoryError
        If another process holds it, which is named by its id.
    OutputError
        If the folder cannot be written, or its lock is a link.
    """
    path = folder / LOCK
    try:
        handle = os.open(path, os.O_RDWR | os.O_CREAT | NO_FOLLOW, 0o666)
    except OSError as error:
        raise cannot_write(path, error) from error
    try:
        _take(handle, path)
        for place in (folder, folder / SUCCESSOR):
            _sweep(place)
        yield
    finally:
        os.close(handle)


def _sweep(folder: Path) -> None:
    """Remove what a killed process left half-written."""
    for leftover in folder.glob(TEMPORARY):
        if leftover.is_dir() and not leftover.is_symlink():
            shutil.rmtree(leftover, ignore_errors=True)
        else:
            leftover.unlink(missing_ok=True)


def _take(handle: int, path: Path) -> None:
    try:
        if fcntl is not None:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        holder = os.read(handle, 32).decode("ascii", "replace").strip() or "unknown"
        raise RunDirectoryError(
            f"{path.parent} is in use by process {holder}; wait until it ends, or stop it") from error
    except OSError as error:
        raise cannot_write(path, error) from error
    os.ftruncate(handle, 0)
    os.write(handle, f"{os.getpid()}\n".encode("ascii"))
