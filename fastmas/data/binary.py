"""Parquet, Feather, Excel and NumPy files to tables or arrays. Nothing is ever unpickled."""

from __future__ import annotations

import datetime
import importlib.util
import io
import zipfile
import zlib
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import feather

from fastmas.data.layout import Line, table_of
from fastmas.data.packed import check_size
from fastmas.data.tables import Table, as_table, check_width
from fastmas.errors import DataError
from fastmas.limits import check_memory

_ITEM = 16  # bytes of a cell in memory


def parquet(source: str, content: bytes) -> Table:
    """Table in a Parquet file."""
    try:
        file = pq.ParquetFile(io.BytesIO(content))
        _check_cells(source, file.metadata.num_rows, file.metadata.num_columns)
        frame = file.read().to_pandas()
    except (pa.ArrowException, OSError, ValueError) as fault:
        raise DataError(f"{source}: not a Parquet file, or damaged; write it again") from fault
    return as_table(source, frame, first_row=1)


def arrow(source: str, content: bytes) -> Table:
    """Table in a Feather file (Arrow's own form)."""
    try:
        table = feather.read_table(io.BytesIO(content))
        _check_cells(source, table.num_rows, table.num_columns)
        frame = table.to_pandas()
    except (pa.ArrowException, OSError, ValueError) as fault:
        raise DataError(f"{source}: not a Feather file, or damaged; write it again") from fault
    return as_table(source, frame, first_row=1)


def _check_cells(source: str, n_rows: int, n_columns: int) -> None:
    check_width(source, n_columns)
    check_memory(_ITEM * n_rows * n_columns, None, f"{source}: its {n_rows:,} rows of {n_columns:,} columns",
                 "give the rows and columns that are needed")


def excel(source: str, content: bytes, sheet: str | None) -> Table:
    """Table in a sheet of an Excel file: the only one with content, or the one that is named.

    Raises
    ------
    DataError
        If openpyxl is not installed, the file is damaged, or it is not clear which sheet is meant.
    """
    if importlib.util.find_spec("openpyxl") is None:
        raise DataError(f"{source}: Excel files need openpyxl; install it (pip install 'fastmas[excel]'), or save the "
                        "sheet as CSV")
    import openpyxl  # noqa: PLC0415  -- an extra

    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            check_size(source, sum(info.file_size for info in archive.infolist()), len(content))
        book = openpyxl.load_workbook(io.BytesIO(content), read_only=True, data_only=True)
        names = [sheet] if sheet in book.sheetnames else book.sheetnames if sheet is None else []
        sheets = {name: lines for name in names if (lines := _lines(source, book[name]))}
    except (zipfile.BadZipFile, OSError, ValueError, KeyError, TypeError, AttributeError, zlib.error) as fault:
        raise DataError(f"{source}: not an Excel file, or damaged; save it again, or as CSV") from fault
    if len(sheets) != 1:
        has = "no content" if not sheets and sheet is None else f"{len(sheets)} sheets" if sheet is None else (
            f"no sheet {sheet!r} with content")
        place = source.removesuffix(f"/{sheet}") if sheet else source
        raise DataError(f"{source}: {has}; name one of {', '.join(book.sheetnames)}, as {place}/{book.sheetnames[0]}")
    ((name, lines),) = sheets.items()
    table = table_of(source, lines, point_sure=False)
    return table.noting(f"sheet {name!r}") if sheet is None and len(book.sheetnames) > 1 else table


def _lines(source: str, sheet: Any) -> list[Line]:
    lines = []
    for number, row in enumerate(sheet.iter_rows(values_only=True), start=1):
        check_width(source, len(row))
        if any(cell is not None for cell in row):
            lines.append(Line(number, [_cell(cell) for cell in row]))
    return lines


def _cell(cell: Any) -> Any:
    """A cell as text or number: dates in ISO 8601, days without a time of day."""
    if cell is None:
        return ""
    if isinstance(cell, datetime.datetime):
        return cell.isoformat(sep=" ").removesuffix(" 00:00:00")
    if isinstance(cell, (datetime.date, datetime.time)):
        return cell.isoformat()
    return cell.strip() if isinstance(cell, str) else cell


def numpy_file(source: str, content: bytes, name: str | None) -> np.ndarray:
    """Array in a .npy or .npz file; of several the one of that name, else the one named "paths"."""
    try:
        _check_arrays(source, content)
        loaded = np.load(io.BytesIO(content), allow_pickle=False)
        if not isinstance(loaded, np.ndarray):
            return loaded[_array_name(source, loaded.files, name)]
    except (ValueError, OSError, EOFError, zipfile.BadZipFile, zlib.error, MemoryError, OverflowError) as fault:
        raise DataError(
            f"{source}: not a plain NumPy file, or damaged; write it with numpy.save or numpy.savez "
            "(pickled objects are never opened)"
        ) from fault
    if name is not None:
        raise DataError(f"{source}: holds one array and no column {name!r}; leave column= out")
    return loaded


def _check_arrays(source: str, content: bytes) -> None:
    if content.startswith(b"PK"):
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            total = sum(info.file_size for info in archive.infolist())
        check_memory(total, None, f"{source}: its arrays", "give fewer paths")


def _array_name(source: str, names: list[str], name: str | None) -> str:
    if name is None and len(names) == 1:
        return names[0]
    name = name or "paths"
    if name not in names:
        raise DataError(f"{source}: no array {name!r}; name with column= one of: {', '.join(names)}")
    return name
