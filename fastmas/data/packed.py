"""Bytes of a file, unpacked if they are compressed: never without end, whatever is given."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import os
import stat
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

from fastmas.errors import DataError
from fastmas.limits import SMALL_BYTES, check_memory

MOST_TIMES = 250  # of its size that a packed file may unfold to, once it is large: text comes to 3 to 20
_CHUNK = 1 << 20

OPENERS: dict[str, Callable[[IO[bytes]], Any]] = {
    ".gz": lambda packed: gzip.GzipFile(fileobj=packed), ".bz2": bz2.BZ2File, ".xz": lzma.LZMAFile}
_DAMAGE = (OSError, EOFError, zlib.error, lzma.LZMAError, ValueError)


def content_of(data: str | Path, known: str) -> tuple[bytes, str | None]:
    """Bytes of a file, and the name of the member of it that is asked for, as in "prices.zip/close.csv".

    Parameters
    ----------
    known : str
        Names of built-in data, for the message of a file that is not there.

    Raises
    ------
    DataError
        If it is no file, cannot be read, or is empty.
    """
    path, member = Path(data), None
    try:
        if not path.exists():
            path, member = _split(path)
        if path.is_dir():
            raise DataError(f"{data}: is a directory; name one file in it")
        if not stat.S_ISREG(os.stat(path).st_mode):
            raise DataError(f"{data}: a pipe or device, whose end nobody knows; save what it gives in a file")
        check_memory(path.stat().st_size, None, f"{data}: its bytes", "give a shorter file")
        content = path.read_bytes()
    except FileNotFoundError as fault:
        if isinstance(data, str) and not Path(data).suffix:
            raise DataError(f"{data!r} is neither a file nor one of: {known}") from fault
        raise DataError(f"{data}: no such file; check the path (built-in data sets: {known})") from fault
    except (OSError, ValueError) as fault:
        reason = getattr(fault, "strerror", None) or fault
        raise DataError(f"{data}: cannot be read ({reason}); check its path and permissions") from fault
    if not content:
        raise DataError(f"{data}: the file is empty; it needs at least a header and prices")
    return content, member


def _split(path: Path) -> tuple[Path, str | None]:
    """The file on the way to a path, and the rest of it: a path within an archive or workbook."""
    for parent in path.parents:
        if parent.is_file():
            return parent, path.relative_to(parent).as_posix()
    return path, None


def unpacked(source: str, content: bytes, ending: str) -> bytes:
    """Content of a file compressed by .gz, .bz2 or .xz.

    Raises
    ------
    DataError
        If it is damaged, or unfolds to far more than text does.
    """
    kind = {".gz": "gzip"}.get(ending, ending[1:])
    try:
        with OPENERS[ending](io.BytesIO(content)) as packed:
            return _read(source, packed, len(content))
    except _DAMAGE as fault:
        raise DataError(f"{source}: not a {kind} file, or damaged; compress it again with {kind}") from fault


def _read(source: str, packed: Any, size: int) -> bytes:
    parts, n = [], 0
    while part := packed.read(_CHUNK):
        n += len(part)
        check_size(source, n, size)
        parts.append(part)
    return b"".join(parts)


def check_size(source: str, n: int, size: int) -> None:
    """Raise if a packed file of `size` bytes unfolds to n, which is far more than text does or than memory holds."""
    if n > SMALL_BYTES and n > MOST_TIMES * size:
        raise DataError(f"{source}: unfolds to more than {MOST_TIMES} times its {size:,} bytes, which no table does; "
                        "unpack it, and give the file if it is one")
    check_memory(n, None, f"{source}: its bytes", "give a shorter file")


def member_of(source: str, content: bytes, member: str | None) -> tuple[str, bytes]:
    """Name and content of one file in a zip archive: the only one, or the one that is named.

    Raises
    ------
    DataError
        If it is damaged or locked, holds several files and none is named, or has not the one that is.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            infos = {info.filename: info for info in archive.infolist() if not info.is_dir() and not _is_hidden(info)}
            name = _chosen(source, list(infos), member)
            check_size(source, infos[name].file_size, max(1, infos[name].compress_size))
            with archive.open(name) as packed:
                return name, _read(source, packed, max(1, infos[name].compress_size))
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, *_DAMAGE) as fault:
        reason = "locked by a password" if "password" in str(fault) else "not a zip archive, or damaged"
        raise DataError(f"{source}: {reason}; unpack it, and give the file in it") from fault


def _is_hidden(info: zipfile.ZipInfo) -> bool:
    return info.filename.startswith("__MACOSX/") or Path(info.filename).name.startswith(".")


def _chosen(source: str, names: list[str], member: str | None) -> str:
    if member in names:
        return str(member)
    if not names:
        raise DataError(f"{source}: an archive without a file in it")
    if member is None and len(names) == 1:
        return names[0]
    has = f"no {member!r} in it" if member else f"{len(names)} files in it"
    place = source if member is None else source.removesuffix(f"/{member}")
    raise DataError(f"{source}: {has}; name one, as {place}/{names[0]}, of: {', '.join(names[:12])}")
