"""The folder of compiled kernels: one that nobody else can write, because what lies in it is executed."""

from __future__ import annotations

import contextlib
import os
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

from fastmas.errors import ModelError

VARIABLE = "FASTMAS_CACHE_DIR"
PRIVATE = 0o700
OTHERS = 0o077  # bits of a mode that let anybody else in
EVERYBODY_WRITES = 0o002


def cache_directory() -> Path:
    """Where compiled kernels are kept.

    FASTMAS_CACHE_DIR, or `fastmas` in XDG_CACHE_HOME or ~/.cache; where none of these can be written, a folder
    of the user's own below the temporary directory.

    Raises
    ------
    ModelError
        If no folder can be written, or only one that others can write too.
    """
    reasons = []
    for directory in _wanted():
        if _can_be_written(directory):
            if _is_safe(directory):
                return directory
            reasons.append(f"{directory} can be written by others, who could put code there")
        else:
            reasons.append(f"{directory} cannot be written")
    own = Path(tempfile.gettempdir()) / f"fastmas-{_user()}"
    if _can_be_written(own) and _is_private(own):
        return own
    reasons.append(f"{own} is not a folder of yours alone (mode 700)")
    raise ModelError(f"no folder for compiled kernels: {'; '.join(reasons)}; set {VARIABLE}")


def _wanted() -> Iterator[Path]:
    chosen, caches = os.environ.get(VARIABLE), os.environ.get("XDG_CACHE_HOME", "")
    if chosen:
        yield Path(chosen).absolute()
    elif os.path.isabs(caches):
        yield Path(caches) / "fastmas"
    else:
        with contextlib.suppress(RuntimeError):  # neither HOME nor an entry of passwd
            yield Path.home() / ".cache" / "fastmas"


def _user() -> int:
    return os.getuid() if hasattr(os, "getuid") else 0


def _can_be_written(directory: Path) -> bool:
    try:
        directory.mkdir(mode=PRIVATE, parents=True, exist_ok=True)
    except OSError:
        return False
    return os.access(directory, os.W_OK | os.X_OK)


def _is_safe(directory: Path) -> bool:
    """Does this folder belong to the user or to root, and may not everybody write it?"""
    status = directory.stat()
    return os.name != "posix" or (status.st_uid in (_user(), 0) and not status.st_mode & EVERYBODY_WRITES)


def _is_private(directory: Path) -> bool:
    """Is this a folder, no link to one, that belongs to the user and lets nobody else in?"""
    status = directory.lstat()
    return os.name != "posix" or (
        stat.S_ISDIR(status.st_mode) and status.st_uid == _user() and not status.st_mode & OTHERS)
