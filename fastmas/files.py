"""Files that are whole or not there: written beside their place, then moved onto it."""

from __future__ import annotations

import contextlib
import json
import math
import os
import secrets
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from fastmas.errors import OutputError

TEMPORARY = ".*.tmp"  # what a process that was killed may leave behind, as a glob


def write_atomically(path: str | Path, content: bytes | str) -> None:
    """Replace a file: whoever reads it, or kills this process, sees the old content or the new.

    Raises
    ------
    OutputError
        If it cannot be written; the old file is untouched then.
    """
    with replacing(path) as file:
        file.write(content.encode("utf-8") if isinstance(content, str) else content)


@contextlib.contextmanager
def replacing(path: str | Path) -> Iterator[BinaryIO]:
    """Open a temporary file that becomes `path` when the block ends, and vanishes if it fails.

    Raises
    ------
    OutputError
        If the file cannot be written; names the path and the reason of the operating system.
    """
    path = Path(path)
    temporary = path.with_name(f".{path.name}.{os.getpid()}-{secrets.token_hex(4)}.tmp")
    try:
        with open(temporary, "xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
        _sync_folder(path.parent)
    except BaseException as error:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise cannot_write(path, error) from error
        raise


def cannot_write(path: str | Path, error: OSError) -> OutputError:
    """The fault to raise when `path` cannot be written."""
    return OutputError(f"cannot write {path}: {error.strerror or error}")


def _sync_folder(folder: Path) -> None:
    """Make a rename outlast a power cut, where the file system can."""
    with contextlib.suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def to_json(content: Any) -> str:
    """Strict JSON of plain values, NumPy's included; NaN and infinities, which JSON lacks, become null.

    Raises
    ------
    TypeError
        If something in it has no place in JSON.
    """
    return json.dumps(plain(content), indent=2, allow_nan=False) + "\n"


def plain(content: Any, not_finite: Callable[[float], Any] = lambda number: None) -> Any:
    """The same content as JSON knows it: dict, list, str, int, float, bool, None.

    `not_finite` says what stands for a NaN or an infinity.
    """
    if isinstance(content, Mapping):
        return {str(key): plain(value, not_finite) for key, value in content.items()}
    if isinstance(content, (np.ndarray, np.generic)):
        return plain(content.tolist(), not_finite)
    if isinstance(content, (list, tuple)):
        return [plain(value, not_finite) for value in content]
    if isinstance(content, Path):
        return str(content)
    if isinstance(content, float) and not math.isfinite(content):
        return not_finite(content)
    if content is None or isinstance(content, (str, int, float)):
        return content
    raise TypeError(f"{type(content).__name__} {content!r} has no place in JSON")
