"""Simulated paths on disk: the same numbers in every format, whole or not there, in bounded memory."""

import math
import subprocess
import sys
import textwrap

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from fastmas import export
from fastmas.errors import OutputError
from fastmas.export import write_paths

TIMES = range(5, 12)
SUFFIXES = (".parquet", ".csv", ".npz")


def make(n_theta=1, n_paths=10):
    rng = np.random.default_rng(1)
    return rng.lognormal(size=(n_theta, n_paths, len(TIMES))).astype(np.float32)


def blocks(values, size=4):
    for theta, paths in enumerate(values):
        for first in range(0, len(paths), size):
            yield theta, first, paths[first:first + size]


def read(path):
    if path.suffix == ".npz":
        with np.load(path, allow_pickle=False) as archive:
            return dict(archive)
    frame = pd.read_parquet(path) if path.suffix == ".parquet" else pd.read_csv(path)
    assert list(frame.columns)[-3:] == ["path", "t", "price"]
    return frame


@pytest.mark.parametrize("suffix", [*SUFFIXES, ".CSV"])
def test_values_come_back_bit_for_bit(tmp_path, suffix):
    values = make()
    path = tmp_path / f"paths{suffix}"
    assert write_paths(path, blocks(values), observable="price", times=TIMES) == 10
    back = read(path.rename(path.with_suffix(suffix.lower())))
    if suffix == ".npz":
        assert back["paths"].dtype == np.float32
        assert np.array_equal(back["paths"], values[0])
        assert np.array_equal(back["t"], TIMES)
    else:
        assert np.array_equal(back["price"].to_numpy(np.float32).reshape(10, -1), values[0])
        assert np.array_equal(back["path"], np.repeat(np.arange(10), len(TIMES)))
        assert np.array_equal(back["t"], np.tile(TIMES, 10))
    assert [p.suffix for p in tmp_path.iterdir()] == [suffix.lower()]


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_float64_comes_back_bit_for_bit(tmp_path, suffix):
    values = make().astype(np.float64) * np.pi
    path = tmp_path / f"paths{suffix}"
    write_paths(path, blocks(values), observable="price", times=TIMES, dtype="float64")
    back = read(path)
    found = back["paths"] if suffix == ".npz" else back["price"].to_numpy().reshape(10, -1)
    assert found.dtype == np.float64
    assert np.array_equal(found, values[0])


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_several_thetas_have_an_index(tmp_path, suffix):
    values = make(n_theta=3)
    path = tmp_path / f"paths{suffix}"
    assert write_paths(path, blocks(values), observable="price", times=TIMES, several=True) == 30
    back = read(path)
    if suffix == ".npz":
        assert np.array_equal(back["paths"], values)
    else:
        assert back.columns[0] == "theta"
        assert np.array_equal(back["theta"], np.repeat(np.arange(3), 10 * len(TIMES)))
        assert np.array_equal(back["price"].to_numpy(np.float32).reshape(values.shape), values)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_values_that_are_not_finite_and_no_paths_at_all(tmp_path, suffix):
    values = make(n_paths=2)
    values[0, 0, 0] = np.nan
    path = tmp_path / f"paths{suffix}"
    write_paths(path, blocks(values), observable="price", times=TIMES)
    back = read(path)
    first = back["paths"][0, 0] if suffix == ".npz" else back["price"][0]
    assert math.isnan(first)
    assert write_paths(path, iter([]), observable="price", times=TIMES, overwrite=True) == 0
    back = read(path)
    assert len(back["paths"] if suffix == ".npz" else back) == 0


def test_parquet_is_compressed_in_row_groups(tmp_path, monkeypatch):
    monkeypatch.setattr(export, "ROWS", 2 * len(TIMES))
    path = tmp_path / "paths.parquet"
    write_paths(path, blocks(make()), observable="price", times=TIMES)
    meta = pq.ParquetFile(path).metadata
    assert meta.num_row_groups == 5
    assert meta.row_group(0).column(2).compression == "ZSTD"
    assert np.array_equal(read(path)["price"].to_numpy().reshape(10, -1), make()[0])


def test_unknown_suffix_names_the_three(tmp_path):
    for name in ("paths.xlsx", "paths", "paths.parquet.gz"):
        with pytest.raises(OutputError, match=r"unknown suffix .*\.parquet, \.csv or \.npz"):
            write_paths(tmp_path / name, blocks(make()), observable="price", times=TIMES)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_an_existing_file_is_kept_unless_overwrite(tmp_path, suffix):
    path = tmp_path / f"paths{suffix}"
    path.write_text("old")
    drawn = []
    with pytest.raises(OutputError, match="exists already; --overwrite replaces it"):
        write_paths(path, (drawn.append(b) or b for b in blocks(make())), observable="price", times=TIMES)
    assert (path.read_text(), drawn) == ("old", [])
    write_paths(path, blocks(make()), observable="price", times=TIMES, overwrite=True)
    assert len(read(path)) > 0


def test_places_that_cannot_be_written(tmp_path):
    (tmp_path / "folder.csv").mkdir()
    for place, reason in (("folder.csv", "is a folder"), ("missing/x.csv", "there is no folder .*missing")):
        with pytest.raises(OutputError, match=reason):
            write_paths(tmp_path / place, blocks(make()), observable="price", times=TIMES, overwrite=True)


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("fault", [KeyboardInterrupt, ValueError, MemoryError])
def test_what_fails_halfway_leaves_the_old_file_alone(tmp_path, suffix, fault):
    def broken():
        yield 0, 0, make()[0]
        raise fault

    path = tmp_path / f"paths{suffix}"
    path.write_text("old")
    with pytest.raises(fault):
        write_paths(path, broken(), observable="price", times=TIMES, overwrite=True)
    assert [p.name for p in tmp_path.iterdir()] == [path.name]
    assert path.read_text() == "old"


def test_a_full_disk_is_an_output_error(tmp_path):
    def full():
        yield 0, 0, make()[0]
        raise OSError(28, "No space left on device")

    with pytest.raises(OutputError, match=r"cannot write .*paths\.npz: No space left on device"):
        write_paths(tmp_path / "paths.npz", full(), observable="price", times=TIMES)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("order", [[(0, 4)], [(0, 0), (0, 0)], [(0, 0), (1, 0)], [(1, 0), (0, 0)]])
def test_blocks_out_of_order_are_a_fault_of_the_program(tmp_path, order):
    wrong = ((theta, first, make()[0][:4]) for theta, first in order)
    with pytest.raises(ValueError, match="out of order|several thetas"):
        write_paths(tmp_path / "x.npz", wrong, observable="price", times=TIMES)


MEMORY = """
    import resource, sys
    import numpy as np
    from fastmas.export import write_paths
    def used():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    def blocks(n):
        for i in range(n):
            yield 0, 50_000 * i, np.full((50_000, 41), 1.5, dtype=np.float32)
    write_paths(sys.argv[1], blocks(1), observable="price", times=range(41))
    before = used()
    write_paths(sys.argv[1], blocks(12), observable="price", times=range(41), overwrite=True)
    print(used() - before)
"""


@pytest.mark.parametrize("suffix", [".parquet", ".npz"])
def test_memory_does_not_grow_with_the_number_of_paths(tmp_path, suffix):
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(MEMORY), tmp_path / f"x{suffix}"],
                          capture_output=True, text=True, check=True)
    unit = 1 if sys.platform == "darwin" else 1024  # ru_maxrss is in bytes there, in KiB here
    grown = int(done.stdout) * unit
    whole = 12 * 50_000 * 41 * 4  # 98 MB of values, 500 MB of rows
    assert grown < whole / 2, f"grew by {grown / 1e6:.0f} MB"
