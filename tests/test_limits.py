"""Memory and disk, looked at before a run starts."""

from __future__ import annotations

import shutil
from collections import namedtuple

import pytest

from fastmas import limits
from fastmas.errors import MemoryLimitError, OutputError, ParameterError
from fastmas.export import check_space
from fastmas.limits import available_memory, check_memory, parse_bytes

Usage = namedtuple("Usage", "total used free")


@pytest.mark.parametrize(("given", "n_bytes"), [
    (None, None), (1000, 1000), (2.0, 2), ("17", 17), ("17 B", 17), ("2GB", 2 * 10**9), ("500 mb", 5 * 10**8),
    ("1.5GiB", 3 * 2**29), ("1e3kB", 10**6), ("2 TiB", 2**41), (3.7e9, 3_700_000_000)])
def test_amounts_of_memory(given, n_bytes):
    assert parse_bytes(given) == n_bytes


@pytest.mark.parametrize("given", [
    0, -1, "", "GB", "1.2.3", "3 XB", "nan", float("nan"), float("inf"), True, [1], "0.1"])
def test_what_is_no_amount_of_memory(given):
    with pytest.raises(ParameterError, match="memory_limit="):
        parse_bytes(given)


def test_a_container_may_have_less_than_its_machine(tmp_path, monkeypatch):
    (tmp_path / "memory.max").write_text("3000000\n")
    (tmp_path / "memory.current").write_text("1000000\n")
    monkeypatch.setattr(limits, "_CGROUP", tmp_path)
    assert available_memory() == 2_000_000
    (tmp_path / "memory.max").write_text("max\n")
    assert available_memory() > 2_000_000


def test_what_is_free_is_looked_at_when_it_matters(monkeypatch):
    monkeypatch.setattr(limits, "available_memory", lambda: 10**8)
    check_memory(8 * 10**7, None, "they", "ask for less")
    with pytest.raises(MemoryLimitError, match=r"they need 0\.095 GB and 0\.1 GB are free: ask for less"):
        check_memory(95 * 10**6, None, "they", "ask for less")


@pytest.mark.parametrize(("name", "dtype", "fits"), [
    ("x.npz", "float32", 12), ("x.npz", "float64", 6), ("x.parquet", "float32", 25), ("x.parquet", "float64", 12),
    ("x.csv", "float64", 16)])
def test_a_file_that_fits_no_disk_is_refused(tmp_path, monkeypatch, name, dtype, fits):
    monkeypatch.setattr(shutil, "disk_usage", lambda path: Usage(1000, 900, 100))
    check_space(tmp_path / name, fits, dtype)
    with pytest.raises(OutputError, match=f"{name} needs .* and 1e-07 GB are free on its disk"):
        check_space(tmp_path / name, fits + 1, dtype)
