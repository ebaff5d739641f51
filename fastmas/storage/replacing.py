"""One run in the place of another: the old one is whole until the new one is finished, whoever is killed when.

The new run grows in the folder SUCCESSOR of the old one. When it has its result, the old run's files go, the new one's
folder is called MOVING, and they move up, the result last. What of this a killed process left undone is done by the
next one that opens the folder.
"""

from __future__ import annotations

import contextlib
import errno
import os
import shlex
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fastmas.errors import RunDirectoryError
from fastmas.files import cannot_write, read_whole, to_json, write_atomically
from fastmas.storage.layout import (
    CHECKPOINT,
    CONFIG,
    FIGURES,
    FORMAT,
    HISTORY,
    MOVING,
    OTHERS,
    RESULT,
    SUCCESSOR,
    read_json,
)
from fastmas.storage.locking import LOCK, locked

OURS = b"tEXtSoftware\0fastmas"  # in a picture that fastmas drew
HEAD = 1 << 16  # bytes of a picture in which it stands
IN_ORDER = (RESULT, CHECKPOINT, HISTORY, *OTHERS, CONFIG)  # of going; the result moves up last


def is_occupied(path: Path) -> bool:
    """Whether there is anything in the folder.

    Raises
    ------
    RunDirectoryError, OutputError
        If it can be no folder; if it cannot be looked at.
    """
    try:
        if path.is_symlink() and not path.exists():
            raise RunDirectoryError(f"{path} is a link to nowhere; give --out another folder")
        if path.exists() and not path.is_dir():
            raise RunDirectoryError(f"{path} is a file; give --out another folder")
        return path.is_dir() and any(path.iterdir())
    except OSError as error:
        raise cannot_write(path, error) from error


def check_replaceable(path: Path, overwrite: bool) -> None:
    """Raise RunDirectoryError if the folder holds something else than a run, or a run that may not be replaced."""
    try:
        config = read_json(path / CONFIG)
    except RunDirectoryError:
        config = None
    if not isinstance(config, dict) or config.get("format") != FORMAT:
        raise RunDirectoryError(
            f"{path} is neither empty nor a run directory, and nothing in it was touched; "
            "give --out another folder")
    if not overwrite:
        raise RunDirectoryError(
            f"{path} holds a run already; `fastmas resume {shlex.quote(str(path))}` continues it, "
            "--overwrite replaces it")


def make_folder(path: Path, config: Mapping[str, Any]) -> None:
    """Fill a folder beside the place, then move it there: a rename is whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(prefix=f".{path.name}.", suffix=".tmp", dir=path.parent))
    try:
        write_atomically(temporary / CONFIG, to_json(config))
        temporary.chmod(0o777 & ~_umask())  # mkdtemp makes folders that only the owner enters
        temporary.rename(path)
    except BaseException as error:
        shutil.rmtree(temporary, ignore_errors=True)
        if isinstance(error, OSError) and error.errno in (errno.ENOTEMPTY, errno.EEXIST):
            raise RunDirectoryError(f"{path} was filled by another process just now; "
                                    "give --out another folder") from error
        raise


def successor(home: Path) -> Path | None:
    """The folder of a run that is to replace the one in `home`, if there is one."""
    path = home / SUCCESSOR
    return path if path.is_dir() and not path.is_symlink() else None


def drop_successor(home: Path) -> None:
    """Delete a run that was to replace another, and was not finished."""
    path = successor(home)
    if path is not None:
        discard(path)


def discard(run: Path) -> None:
    """Delete a run that came to nothing; only the holder of the lock may. Files of the user's stay."""
    _delete(run, IN_ORDER)
    (run / LOCK).unlink(missing_ok=True)
    with contextlib.suppress(OSError):
        run.rmdir()


def replace_by_successor(home: Path) -> None:
    """Put the finished run in SUCCESSOR in the place of that in `home`; only the holder of the lock may."""
    if _is_finished(home):
        _delete(home, IN_ORDER)
        os.rename(home / SUCCESSOR, home / MOVING)
    moving = home / MOVING
    if moving.is_symlink() or not moving.is_dir():
        return
    for name in reversed(IN_ORDER):
        with contextlib.suppress(FileNotFoundError):
            os.replace(moving / name, home / name)
    moving.rmdir()


def recover(home: Path) -> None:
    """Go on with a replacement that a killed process left undone; one that is at work is left alone."""
    if _is_finished(home) or (home / MOVING).is_dir():
        with contextlib.suppress(RunDirectoryError), locked(home):
            replace_by_successor(home)


def _is_finished(home: Path) -> bool:
    path = successor(home)
    return path is not None and (path / RESULT).exists()


def _delete(folder: Path, names: tuple[str, ...]) -> None:
    """Delete these files, and the pictures that fastmas drew."""
    for name in names:
        (folder / name).unlink(missing_ok=True)
    figures = folder / FIGURES
    if figures.is_dir() and not figures.is_symlink():
        for figure in figures.glob("*.png"):
            if _is_ours(figure):
                figure.unlink()
        with contextlib.suppress(OSError):  # it holds files of the user's
            figures.rmdir()


def _is_ours(figure: Path) -> bool:
    try:
        return OURS in read_whole(figure)[:HEAD]
    except OSError:
        return False


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
