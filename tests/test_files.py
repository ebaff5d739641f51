"""Files that are whole or not there, and content that shows every wrong bit."""

import json
import math
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import fastmas
from fastmas.errors import OutputError
from fastmas.files import pack_tensors, to_json, unpack_tensors, write_atomically


def test_a_write_that_fails_keeps_the_old_file_and_no_temporary(tmp_path, monkeypatch):
    path = tmp_path / "x.json"
    write_atomically(path, "old")

    def full(handle):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OutputError, match=r"cannot write .*x\.json: No space left on device"):
        write_atomically(path, b"new")
    assert [p.name for p in tmp_path.iterdir()] == ["x.json"]
    assert path.read_text() == "old"


def test_ctrl_c_in_a_write_keeps_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "x.json"
    write_atomically(path, "old")

    def interrupt(*arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "replace", interrupt)
    with pytest.raises(KeyboardInterrupt):
        write_atomically(path, "new")
    assert [p.name for p in tmp_path.iterdir()] == ["x.json"]


@pytest.mark.parametrize("place", ["missing/x.json", "folder"])
def test_a_place_that_cannot_be_written(tmp_path, place):
    (tmp_path / "folder").mkdir()
    with pytest.raises(OutputError, match=f"cannot write .*{place}: "):
        write_atomically(tmp_path / place, "x")
    assert [p.name for p in tmp_path.iterdir()] == ["folder"]


def test_the_next_write_sweeps_what_a_killed_one_left(tmp_path):
    """Of the same file, of a process that is no more, after a while; never what another is writing."""
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    names = {"dead": f".paths.csv.{ended.pid}-00.tmp", "alive": f".paths.csv.{os.getpid()}-00.tmp",
             "fresh": f".paths.csv.{ended.pid}-01.tmp", "other": f".other.csv.{ended.pid}-00.tmp",
             "user's": ".paths.csv.mine.tmp"}
    for kind, name in names.items():
        (tmp_path / name).touch()
        age = 0.0 if kind == "fresh" else 1000.0
        os.utime(tmp_path / name, (time.time() - age,) * 2)
    write_atomically(tmp_path / "paths.csv", "a")
    assert {p.name for p in tmp_path.iterdir()} == {"paths.csv", *names.values()} - {names["dead"]}


def test_to_json_is_strict():
    assert json.loads(to_json({"a": [1.5, math.inf], "b": np.float64(2)})) == {"a": [1.5, None], "b": 2.0}


def test_every_single_wrong_bit_and_missing_byte_is_noticed():
    whole = pack_tensors({"x": np.arange(20.0), "flag": np.array(True)}, {"generation": 7, "loss": 0.5})
    damaged = [whole[:n] for n in range(len(whole))] + [whole + b"\0"]
    for i in range(len(whole)):
        damaged += [whole[:i] + bytes([whole[i] ^ (1 << bit)]) + whole[i + 1:] for bit in range(8)]
    for content in damaged:
        with pytest.raises(ValueError, match="checksum|whole safetensors file"):
            unpack_tensors(content)


def test_nothing_is_ever_unpickled():
    files = list(Path(fastmas.__file__).parent.rglob("*.py"))
    assert len(files) > 100
    for file in files:
        if file.name == "cache.py":  # Numba's own files, which only the user can have written (test_cache.py)
            continue
        text = file.read_text()
        for word in ("pickle.load", "Unpickler", "allow_pickle=True", "read_pickle", "joblib.load", "torch.load"):
            assert word not in text, file
