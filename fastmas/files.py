"""Files that are whole or not there: written beside their place, then moved onto it.

Also what goes into them: strict JSON, and arrays with a state and a checksum.
"""

from __future__ import annotations

import contextlib
import errno
import glob
import hashlib
import json
import math
import os
import secrets
import stat
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import safetensors
import safetensors.numpy

from fastmas.errors import OutputError

NO_FOLLOW = getattr(os, "O_NOFOLLOW", 0)
TEMPORARY = ".*.tmp"  # what a process that was killed may leave behind, as a glob
STALE = 60.0  # seconds: who writes elsewhere, on a shared disk, touches its file more often
_NOT_FINITE = "$float"
_HEADER_BYTES = 8


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
    _sweep(path)
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


def _sweep(path: Path) -> None:
    """Remove what killed processes left of this file: of a process that is no more, and untouched for a while."""
    with contextlib.suppress(OSError):  # a folder that is not there, or is another's
        for leftover in path.parent.glob(f".{glob.escape(path.name)}.*.tmp"):
            process = leftover.name.removeprefix(f".{path.name}.").partition("-")[0]
            if process.isdigit() and time.time() - leftover.lstat().st_mtime > STALE and not _is_alive(int(process)):
                leftover.unlink(missing_ok=True)


def _is_alive(process: int) -> bool:
    if os.name != "posix":  # elsewhere to ask is to kill
        return True
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except OSError:  # there, and another's
        return True
    return True


def read_whole(path: str | Path) -> bytes:
    """The content of a plain file: a link is not followed, and nothing is waited for.

    Raises
    ------
    OSError
        If it cannot be read, or is a link, a pipe, a device or a folder.
    """
    handle = os.open(path, os.O_RDONLY | NO_FOLLOW | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    with open(handle, "rb") as file:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            raise OSError(errno.EINVAL, "not a plain file")
        return file.read()


def cannot_write(path: str | Path, error: OSError) -> OutputError:
    """The fault to raise when `path` cannot be written."""
    return OutputError(f"cannot write {path}: {reason_of(error)}")


def reason_of(error: OSError) -> str:
    """Why the operating system refused, in words."""
    return "it is a link, which is not followed here" if error.errno == errno.ELOOP else error.strerror or str(error)


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


def pack_tensors(arrays: Mapping[str, np.ndarray], state: Mapping[str, Any]) -> bytes:
    """A safetensors file of these arrays, with the state as JSON and a SHA-256 of both in its header.

    Arrays come back bit for bit; NaN and infinities of the state come back too, its tuples as lists.

    Raises
    ------
    ValueError
        If an array holds neither numbers nor bools.
    TypeError
        If something in the state has no place in JSON.
    """
    tensors = {name: _native(name, array) for name, array in arrays.items()}
    text = json.dumps(plain(dict(state), lambda number: {_NOT_FINITE: str(number)}), allow_nan=False)
    return safetensors.numpy.save(tensors, metadata={"state": text, "sha256": _digest(tensors, text)})


def unpack_tensors(content: bytes) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """The arrays and the state of `pack_tensors`.

    Raises
    ------
    ValueError
        If a single bit is not as it was written.
    """
    try:
        metadata = _metadata(content)
        tensors = safetensors.numpy.load(content)
        text = metadata["state"]
        expected = metadata["sha256"]
    except (ValueError, KeyError, TypeError, safetensors.SafetensorError) as error:
        raise ValueError(f"not a whole safetensors file: {error}") from error
    if expected != _digest(tensors, text):
        raise ValueError("its checksum does not match")
    return tensors, json.loads(text, object_hook=_finite_or_not)


def _native(name: str, array: np.ndarray) -> np.ndarray:
    array = np.asarray(array)
    if array.dtype.kind not in "biuf" or array.dtype.itemsize > 8:
        raise ValueError(f"array {name!r} is of {array.dtype}, which is neither numbers nor bools")
    return np.asarray(array, dtype=array.dtype.newbyteorder("="), order="C")


def _digest(tensors: Mapping[str, np.ndarray], text: str) -> str:
    """SHA-256 of everything that comes back: names, types, shapes, bytes and the state."""
    digest = hashlib.sha256(text.encode("utf-8"))
    for name in sorted(tensors):
        digest.update(f"\0{name}\0{tensors[name].dtype}\0{tensors[name].shape}\0".encode())
        digest.update(tensors[name].tobytes())
    return digest.hexdigest()


def _metadata(content: bytes) -> dict[str, str]:
    """The strings in the header of a safetensors file, which its NumPy reader leaves out."""
    size = int.from_bytes(content[:_HEADER_BYTES], "little")
    return json.loads(content[_HEADER_BYTES:_HEADER_BYTES + size])["__metadata__"]


def _finite_or_not(content: dict[str, Any]) -> Any:
    return float(content[_NOT_FINITE]) if list(content) == [_NOT_FINITE] else content
