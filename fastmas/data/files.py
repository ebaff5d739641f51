"""Files to tables or arrays, by the ending of their names. Every fault of a file is a `DataError`."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from importlib import resources
from pathlib import Path, PurePosixPath

import numpy as np

from fastmas.data import binary
from fastmas.data.packed import OPENERS, content_of, member_of, unpacked
from fastmas.data.query import Query
from fastmas.data.tables import Table
from fastmas.data.text import text_table
from fastmas.errors import DataError

BUILT_IN = {"sp500": "sp500.csv.gz"}
TABLES: dict[str, Callable[[str, bytes], Table]] = {
    **dict.fromkeys((".csv", ".txt", ".tsv", ".tab", ".dat"), text_table),
    ".parquet": binary.parquet, ".feather": binary.arrow, ".arrow": binary.arrow}
SHEETS = (".xlsx", ".xlsm")
ARRAYS = (".npz", ".npy")
ARCHIVE = ".zip"
ENDINGS = (*TABLES, *SHEETS, *ARRAYS)
ELSE = {".xls": "an old Excel file; save it as .xlsx or CSV", ".ods": "save the sheet as .xlsx or CSV",
        ".pkl": "pickled objects are never opened; write the frame as CSV or Parquet",
        ".pickle": "pickled objects are never opened; write the frame as CSV or Parquet",
        ".json": "write the table as CSV or Parquet", ".h5": "write the table as CSV or Parquet"}


def load(data: str | Path, query: Query) -> Table | np.ndarray:
    """Table or array in the file `data`, or in the data set of that name.

    Raises
    ------
    DataError
        If it is neither, or is empty, damaged or of an unknown kind.
    MemoryLimitError
        If its cells need more memory than there is.
    """
    if isinstance(data, str) and data in BUILT_IN:
        packed = resources.files("fastmas").joinpath("datasets", BUILT_IN[data]).read_bytes()
        return text_table(data, gzip.decompress(packed))
    content, member = content_of(data, ", ".join(BUILT_IN))
    source, path = str(data), PurePosixPath(Path(data).as_posix())
    if member is not None:
        path = PurePosixPath(path.as_posix().removesuffix(f"/{member}"))
    return _read(source, path.name.lower(), content, member, query)


def _read(source: str, name: str, content: bytes, member: str | None, query: Query) -> Table | np.ndarray:
    ending = PurePosixPath(name).suffix
    if ending in OPENERS:
        return _read(source, name.removesuffix(ending), unpacked(source, content, ending), member, query)
    if ending == ARCHIVE:
        inner, content = member_of(source, content, member)
        if PurePosixPath(inner.lower()).suffix == ARCHIVE:
            raise DataError(f"{source}: an archive in an archive; unpack it, and give the file in it")
        read = _read(source, inner.lower(), content, None, query)
        return read.noting(f"file {inner!r} of the archive") if isinstance(read, Table) and member is None else read
    if ending in SHEETS:
        return binary.excel(source, content, member)
    if member is not None:
        raise DataError(f"{source}: no such file; a path within a file is for {', '.join((ARCHIVE, *SHEETS))}")
    if ending in TABLES:
        return TABLES[ending](source, content)
    if ending in ARRAYS:
        return binary.numpy_file(source, content, ",".join(query.columns) or None)
    if ending in ELSE:
        raise DataError(f"{source}: {ELSE[ending]}")
    packed = ", ".join((*OPENERS, ARCHIVE))
    raise DataError(f"{source}: unknown extension; give one of {', '.join(ENDINGS)}, or such a file in {packed}")
