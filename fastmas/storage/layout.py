"""What the files of a run folder are called, and how one is read."""

from __future__ import annotations

import io
import json
import tokenize
import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np

from fastmas.errors import RunDirectoryError
from fastmas.files import read_whole, reason_of
from fastmas.limits import check_memory

FORMAT = "fastmas-run"
CONFIG, RESULT, HISTORY, CHECKPOINT, DATA = (
    "config.json", "result.json", "history.csv", "checkpoint.safetensors", "data.npz")
# Files that `overwrite` may delete and `save_json` and `save_arrays` may write, besides the above.
OTHERS = ("baseline.json", DATA, "draws.npz", "network.npz", "sample.npz", "report.html")
FIGURES = "figures"
SUCCESSOR, MOVING = ".next", ".moving"  # a run that is to replace the one it is in, and one whose files move there
# What NumPy and zipfile raise of a file that holds no arrays, is damaged, encrypted or packed in an unknown way
NOT_ARRAYS = (ValueError, OSError, EOFError, TypeError, AttributeError, KeyError, OverflowError, RuntimeError,
              SyntaxError, tokenize.TokenError, zipfile.BadZipFile, zlib.error)


def read(path: Path) -> bytes:
    """The content of a file of a run; RunDirectoryError if it cannot be read, or is a link, a pipe or a device."""
    try:
        return read_whole(path)
    except OSError as error:
        raise RunDirectoryError(f"{path} cannot be read: {reason_of(error)}") from error


def read_json(path: Path) -> Any:
    """The content of a JSON file of a run; RunDirectoryError if it is damaged."""
    try:
        return json.loads(read(path))
    except (ValueError, RecursionError) as error:  # not JSON, not even text, or nested beyond any use
        raise RunDirectoryError(
            f"{path} is damaged ({error}); restore it, or start anew in another folder") from error


def read_arrays(path: Path) -> dict[str, np.ndarray]:
    """The arrays in an .npz file of a run.

    Raises
    ------
    RunDirectoryError
        If it is damaged.
    MemoryLimitError
        If what is packed in it needs more memory than there is.
    """
    content = io.BytesIO(read(path))
    try:
        with zipfile.ZipFile(content) as archive:
            n_bytes = sum(member.file_size for member in archive.infolist())
        check_memory(n_bytes, None, f"the arrays in {path}", "the file is no run's; delete it")
        with np.load(content, allow_pickle=False) as arrays:
            found = {key: arrays[key] for key in arrays.files}
        if no_array := [key for key, value in found.items() if not isinstance(value, np.ndarray)]:
            raise ValueError(f"{no_array[0]!r} is no array")
        return found
    except NOT_ARRAYS as error:
        raise RunDirectoryError(f"{path} is damaged ({error}); restore it") from error
