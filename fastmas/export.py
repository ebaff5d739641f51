"""Write simulated paths from a stream of blocks that fits any memory.

A table (.parquet, .csv) has one row per path and time: `path`, `t` and a column of each observable, after `theta`
where there are several. A .npz has `paths` (n_paths, n_times), or (n_theta, n_paths, n_times) for
several thetas, and the times `t` (n_times,); of several observables `paths` has these last.
"""

from __future__ import annotations

import shutil
import tempfile
import zipfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import csv

from fastmas.errors import OutputError
from fastmas.files import replacing
from fastmas.limits import check_disk

Block = tuple[int, int, np.ndarray]  # theta index, index of the first path, paths (n, n_times)

SHORTEST_ROW = len("0,0,1\n")
ROWS = 1 << 20  # rows of a table in memory at a time: about 30 MB


def write_paths(
    path: str | Path, chunks: Iterable[Block], *, observable: str | Sequence[str], times: Sequence[int] | np.ndarray,
    several: bool = False, overwrite: bool = False, dtype: str = "float32",
) -> int:
    """Write paths to a file whose suffix says how: .parquet, .csv or .npz.

    The file appears when it is whole; if anything fails, Ctrl-C included, there is none, or the old one.

    Parameters
    ----------
    chunks : iterable of (int, int, ndarray)
        Index of theta, index of the first path, and paths of shape (n, n_times), or (n, n_times, k) of k observables,
        in this order.
        Nothing of it is drawn before the place has been checked.
    observable : str or sequence of str
        What the values are: the names of their columns.
    times : (n_times,) whole numbers
    several : bool
        Whether there are several thetas.
    overwrite : bool
        Replace a file that is there.
    dtype : str
        Of the values in the file: float32 or float64.

    Returns
    -------
    Number of paths written.

    Raises
    ------
    OutputError
        Unknown suffix, a file that is there already, or one that cannot be written.
    """
    path = Path(path)
    write = _writer(path)
    check_place(path, overwrite)
    names = (observable,) if isinstance(observable, str) else tuple(observable)
    stream = _Stream(chunks, names, np.asarray(times, dtype=np.int64), several, np.dtype(dtype).newbyteorder("<"))
    with replacing(path) as file:
        write(file, stream)
    return stream.n_paths


def check_place(path: str | Path, overwrite: bool) -> None:
    """Raise OutputError unless a file may be written there."""
    _writer(Path(path))
    check_free(path, overwrite)


def check_free(path: str | Path, overwrite: bool) -> None:
    """Raise OutputError unless a file of any kind may be written there."""
    path = Path(path)
    if path.is_dir():
        raise OutputError(f"{path} is a folder; name a file")
    if path.exists() and not overwrite:
        raise OutputError(f"{path} exists already; --overwrite replaces it")
    if not path.parent.is_dir():
        raise OutputError(f"cannot write {path}: there is no folder {path.parent}")


def check_space(path: str | Path, n_values: int, dtype: str) -> None:
    """Raise OutputError if so many values will not fit on the disk of this file.

    A .npz is written twice, since its shape comes first. Of a .parquet only the values are counted, as if they
    did not shrink; of a .csv the shortest rows.
    """
    path = Path(path)
    itemsize = np.dtype(dtype).itemsize
    check_disk(path, n_values * {".npz": 2 * itemsize, ".csv": SHORTEST_ROW}.get(path.suffix.lower(), itemsize))


@dataclass
class _Stream:
    """The blocks as they pass, checked and counted."""

    chunks: Iterable[Block]
    names: tuple[str, ...]
    times: np.ndarray
    several: bool
    dtype: np.dtype
    counts: dict[int, int] = field(default_factory=dict)

    @property
    def n_paths(self) -> int:
        return sum(self.counts.values())

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of all paths that have passed; every theta must have as many."""
        each = next(iter(self.counts.values()), 0)
        if any(count != each for count in self.counts.values()):
            raise ValueError(f"thetas with different numbers of paths: {self.counts}")
        own = (each, len(self.times), len(self.names))[:None if len(self.names) > 1 else 2]
        return (len(self.counts), *own) if self.several else own

    def __iter__(self) -> Iterator[Block]:
        for theta, first, block in self.chunks:
            if first != self.counts.get(theta, 0) or theta < max(self.counts, default=0):
                raise ValueError(f"path {first} of theta {theta} is out of order")
            if theta > 0 and not self.several:
                raise ValueError("several thetas, and `several` is not set")
            self.counts[theta] = first + len(block)
            yield theta, first, np.ascontiguousarray(block, dtype=self.dtype)

    def columns(self) -> Iterator[dict[str, np.ndarray]]:
        """Columns of at most about ROWS rows."""
        n_times = len(self.times)
        step = max(1, ROWS // n_times)
        for theta, first, block in self:
            for start in range(0, len(block), step):
                part = block[start:start + step]
                index = np.arange(first + start, first + start + len(part), dtype=np.int64)
                head = {"theta": np.full(len(part) * n_times, theta, dtype=np.int64)} if self.several else {}
                values = part.reshape(-1, len(self.names)).T
                yield {**head, "path": np.repeat(index, n_times), "t": np.tile(self.times, len(part)),
                       **dict(zip(self.names, values, strict=True))}


def _writer(path: Path) -> Callable[[BinaryIO, _Stream], None]:
    try:
        return _WRITERS[path.suffix.lower()]
    except KeyError:
        raise OutputError(
            f"{path}: unknown suffix {path.suffix!r}; end it in .parquet, .csv or .npz") from None


def _schema(stream: _Stream) -> Any:
    names = (["theta"] if stream.several else []) + ["path", "t"]
    kind = pa.from_numpy_dtype(stream.dtype)
    return pa.schema([*((name, pa.int64()) for name in names), *((name, kind) for name in stream.names)])


def _write_parquet(file: BinaryIO, stream: _Stream) -> None:
    schema = _schema(stream)
    with pq.ParquetWriter(file, schema, compression="zstd") as writer:
        for columns in stream.columns():
            writer.write_table(pa.table(columns, schema=schema))


def _write_csv(file: BinaryIO, stream: _Stream) -> None:
    schema = _schema(stream)
    file.write((",".join(schema.names) + "\n").encode("utf-8"))
    options = csv.WriteOptions(include_header=False, quoting_style="none")
    with csv.CSVWriter(file, schema, write_options=options) as writer:
        for columns in stream.columns():
            writer.write_table(pa.table(columns, schema=schema))


def _write_npz(file: BinaryIO, stream: _Stream) -> None:
    """An array's shape comes before its values, so these wait in a file without a name."""
    with tempfile.TemporaryFile(dir=Path(file.name).parent) as spool:
        for _, _, block in stream:
            spool.write(block.data)
        spool.seek(0)
        with zipfile.ZipFile(file, "w") as archive:
            with archive.open("paths.npy", "w", force_zip64=True) as entry:
                header = {"descr": stream.dtype.str, "fortran_order": False, "shape": stream.shape}
                np.lib.format.write_array_header_1_0(entry, header)
                shutil.copyfileobj(spool, entry, 1 << 20)
            with archive.open("t.npy", "w") as entry:
                np.lib.format.write_array(entry, stream.times, allow_pickle=False)


_WRITERS = {".parquet": _write_parquet, ".csv": _write_csv, ".npz": _write_npz}
