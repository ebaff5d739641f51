"""The folder of compiled kernels: one that nobody else can write, because what lies in it is executed."""

from __future__ import annotations

import os
import stat
import tempfile
from pathlib import Path

from fastmas.errors import ModelError

VARIABLE = "FASTMAS_CACHE_DIR"
PRIVATE = 0o700
OTHERS = 0o077  # bits of a mode that let anybody else in
EVERYBODY_WRITES = 0o002


def cache_directory() -> Path:
    """Where compiled kernels are kept.

    FASTMAS_CACHE_DIR, or `fastmas` in XDG_CACHE_HOME or ~/.cache; where that cannot be written, a folder of the
    user's own below the temporary directory.

    Raises
    ------
    ModelError
        If others can write the folder, or no folder can be written.
    """
    base = _wanted()
    if base is not None and _can_be_written(base):
        if not _is_safe(base):
            raise ModelError(f"compiled kernels in {base} could be another user's: make it yours alone "
                             f"(chmod 700), or set {VARIABLE}")
        return base
    own = Path(tempfile.gettempdir()) / f"fastmas-{_user()}"
    if _can_be_written(own) and _is_private(own):
        return own
    reason = "there is no home folder" if base is None else f"{base} cannot be written"
    raise ModelError(f"no folder for compiled kernels: {reason}, and {own} is not a folder of yours alone (mode 700); "
                     f"set {VARIABLE}")


def _wanted() -> Path | None:
    chosen, caches = os.environ.get(VARIABLE), os.environ.get("XDG_CACHE_HOME", "")
    if chosen:
        return Path(chosen).absolute()
    if os.path.isabs(caches):
        return Path(caches) / "fastmas"
    try:
        return Path.home() / ".cache" / "fastmas"
    except RuntimeError:  # neither HOME nor an entry of passwd
        return None


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
