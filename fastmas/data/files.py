"""Files to tables or arrays. Nothing is ever unpickled; every fault of a file is a `DataError`."""

from __future__ import annotations

import csv
import gzip
import io
import os
import zipfile
import zlib
from collections.abc import Callable
from importlib import resources
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from fastmas.data.tables import Table, as_table, is_number
from fastmas.errors import DataError

BUILT_IN = {"sp500": "sp500.csv.gz"}


def load(data: str | Path, column: str | None) -> Table | np.ndarray:
    """Table or array in the file `data`, or in the data set of that name.

    Raises
    ------
    DataError
        If it is neither, or is empty, damaged or of an unknown kind.
    """
    if isinstance(data, str) and data in BUILT_IN:
        packed = resources.files("fastmas").joinpath("datasets", BUILT_IN[data]).read_bytes()
        return _csv(data, gzip.decompress(packed))
    content = _content(data)
    name = Path(data).name.lower()
    for extension, reader in READERS.items():
        if name.endswith(extension):
            return reader(str(data), content, column)
    raise DataError(f"{data}: unknown extension; give one of {', '.join(READERS)}")


def _content(data: str | Path) -> bytes:
    if os.path.isdir(data):
        raise DataError(f"{data}: is a directory; name one file in it")
    try:
        content = Path(data).read_bytes()
    except FileNotFoundError as fault:
        names = ", ".join(BUILT_IN)
        if isinstance(data, str) and not Path(data).suffix:
            raise DataError(f"{data!r} is neither a file nor one of: {names}") from fault
        raise DataError(f"{data}: no such file; check the path (built-in data sets: {names})") from fault
    except (OSError, ValueError) as fault:
        reason = getattr(fault, "strerror", None) or fault
        raise DataError(f"{data}: cannot be read ({reason}); check its path and permissions") from fault
    if not content:
        raise DataError(f"{data}: the file is empty; it needs at least a header and prices")
    return content


def _read_csv_gz(source: str, content: bytes, column: str | None) -> Table:
    try:
        return _csv(source, gzip.decompress(content))
    except (OSError, EOFError, zlib.error) as fault:
        raise DataError(f"{source}: not a gzip file, or damaged; compress it again with gzip") from fault


def _read_csv(source: str, content: bytes, column: str | None) -> Table:
    return _csv(source, content)


def _csv(source: str, content: bytes) -> Table:
    """Table of text cells; `rows` are line numbers of the file, the header being line 1."""
    text = _decode(source, content)
    separator = max(",;\t", key=text.partition("\n")[0].count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    try:
        lines = [(reader.line_num, cells) for cells in reader if cells]
    except csv.Error as fault:
        raise DataError(f"{source}, row {reader.line_num}: {fault}; check the quotes") from fault
    if not lines:
        raise DataError(f"{source}: the file is empty; it needs at least a header and prices")
    header = [name.strip() for name in lines.pop(0)[1]]
    _check_lines(source, header, lines)
    frame = pd.DataFrame([cells for _, cells in lines], columns=header, dtype=object)
    return Table(source, frame, np.array([number for number, _ in lines]))


def _decode(source: str, content: bytes) -> str:
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as fault:
        where = f"byte {fault.start + 1}"
        raise DataError(f"{source}: not text in UTF-8 ({where}); export it as CSV in UTF-8") from fault
    if "\0" in text:
        raise DataError(f"{source}: binary data, not text; export it as CSV in UTF-8")
    return text


def _check_lines(source: str, header: list[str], lines: list[tuple[int, list[str]]]) -> None:
    filled = [name for name in header if name]
    if filled and all(name[0].isdigit() for name in filled) and any(map(is_number, filled)):
        raise DataError(f"{source}, row 1: {header[-1]!r} is no column name; add a header such as date,close")
    if not lines:
        raise DataError(f"{source}: only a header and no prices; add one line per price")
    for number, cells in lines:
        if len(cells) != len(header):
            raise DataError(
                f"{source}, row {number}: {len(cells)} field(s) where the header has {len(header)}; "
                "write numbers without thousands separators and every field of the header"
            )


def _read_parquet(source: str, content: bytes, column: str | None) -> Table:
    try:
        frame = pq.ParquetFile(io.BytesIO(content)).read().to_pandas()
    except (pa.ArrowException, OSError, ValueError) as fault:
        raise DataError(f"{source}: not a Parquet file, or damaged; write it again") from fault
    return as_table(source, frame, first_row=1)


def _read_npy(source: str, content: bytes, column: str | None) -> np.ndarray:
    """Array in the file; of several in a .npz, the one named `column`, else the one named "paths"."""
    try:
        loaded = np.load(io.BytesIO(content), allow_pickle=False)
        if not isinstance(loaded, np.ndarray):
            return loaded[_array_name(source, loaded.files, column)]
    except (ValueError, OSError, EOFError, zipfile.BadZipFile, zlib.error) as fault:
        raise DataError(
            f"{source}: not a plain NumPy file, or damaged; write it with numpy.save or numpy.savez "
            "(pickled objects are never opened)"
        ) from fault
    if column is not None:
        raise DataError(f"{source}: holds one array and no column {column!r}; leave column= out")
    return loaded


def _array_name(source: str, names: list[str], column: str | None) -> str:
    if column is None and len(names) == 1:
        return names[0]
    name = column or "paths"
    if name not in names:
        raise DataError(f"{source}: no array {name!r}; name with column= one of: {', '.join(names)}")
    return name


READERS: dict[str, Callable[[str, bytes, str | None], Table | np.ndarray]] = {
    ".csv": _read_csv,
    ".csv.gz": _read_csv_gz,
    ".parquet": _read_parquet,
    ".npz": _read_npy,
    ".npy": _read_npy,
}
