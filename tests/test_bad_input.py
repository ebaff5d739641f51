"""Every wrong input of a calibration, through the command line: one line, exit status 2, nothing written."""

import json
import os
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
import small_games

import fastmas as fm
from fastmas.calibration import keeping
from fastmas.cli import main
from fastmas.errors import Interrupted, ParameterError
from fastmas.files import pack_tensors
from fastmas.storage.digests import stamped
from fastmas.storage.run_directory import RunDirectory

GOOD = [f"2020-01-{d:02d},{100 + d % 3}.5" for d in range(1, 29)]


def csv(tmp_path, rows, name="prices.csv", head="date,close"):
    path = tmp_path / name
    path.write_text("\n".join([head, *rows]) + "\n")
    return path


def long_csv(tmp_path, changes=()):
    """300 good prices, some rows of it replaced; row 1 of the file is the header."""
    days = pd.date_range("2020-01-01", periods=300).strftime("%Y-%m-%d")
    rows = [f"{day},{100 + 0.1 * (i * 7 % 13):.2f}" for i, day in enumerate(days)]
    for row, text in changes:
        rows[row - 2] = text(rows[row - 2]) if callable(text) else text
    return csv(tmp_path, rows)


def refuse(capsys, argv, *parts):
    """Run, and check status and message: one line and nothing else."""
    status = main([str(a) for a in argv])
    said = capsys.readouterr()
    assert status == 2, said
    assert said.out == ""
    assert len(said.err.splitlines()) == 1, said.err
    assert said.err.startswith("fastmas: error: ")
    for part in parts:
        assert str(part) in said.err


def calibrate(data, out, *more):
    return ["calibrate", "stock-market", "--data", data, "--out", out, "--updater", "moments", *more]


CELLS = {
    "text": (5, lambda row: row[:11] + "n/a", ["row 5", "close", "n/a"]),
    "nan": (6, lambda row: row[:11] + "nan", ["row 6", "close"]),
    "empty": (7, lambda row: row[:11], ["row 7", "close"]),
    "infinite": (8, lambda row: row[:11] + "inf", ["row 8", "close", "inf"]),
    "negative": (9, lambda row: row[:11] + "-3.5", ["row 9", "close", "-3.5"]),
    "zero": (10, lambda row: row[:11] + "0", ["row 10", "close"]),
    "duplicate date": (12, lambda row: "2020-01-10," + row[11:], ["row 12", "2020-01-10"]),
    "unsorted date": (20, lambda row: "2019-01-01," + row[11:], ["row 20", "2019-01-01"]),
}


@pytest.mark.parametrize("case", CELLS)
def test_a_wrong_cell_is_named(case, capsys, tmp_path):
    row, change, parts = CELLS[case]
    data, out = long_csv(tmp_path, [(row, change)]), tmp_path / "run"
    refuse(capsys, calibrate(data, out), "prices.csv", *parts)
    assert not out.exists()


def test_a_file_that_is_none(capsys, tmp_path):
    out = tmp_path / "run"
    (tmp_path / "empty.csv").write_text("")
    (tmp_path / "folder.csv").mkdir()
    refuse(capsys, calibrate(tmp_path / "missing.csv", out), "missing.csv")
    refuse(capsys, calibrate(tmp_path / "folder.csv", out), "folder.csv")
    refuse(capsys, calibrate(tmp_path / "empty.csv", out), "empty.csv", "empty")
    assert not out.exists()


def test_a_series_that_cannot_be_used(capsys, tmp_path):
    out = tmp_path / "run"
    refuse(capsys, calibrate(long_csv(tmp_path), out, "--column", "open"), "open", "close")
    refuse(capsys, calibrate(csv(tmp_path, GOOD), out), "28")
    constant = csv(tmp_path, [row[:11] + "100" for row in long_csv(tmp_path).read_text().splitlines()[1:]], "flat.csv")
    refuse(capsys, calibrate(constant, out), "flat.csv", "100")
    assert not out.exists()


NAMES = {
    "model": (["calibrate", "stok-market", "--data", "sp500"], ["stok-market", "stock-market"]),
    "parameter": (["--free", "kapa"], ["kapa", "kappa"]),
    "fixed parameter": (["--set", "kapa=1"], ["kapa"]),
    "out of bounds": (["--set", "kappa=99"], ["kappa", "99", "[0.2, 8]"]),
    "updater": (["--updater", "newton"], ["newton", "cma-es"]),
    "discriminator": (["--discriminator", "judge"], ["judge", "amortised"]),
    "objective": (["--objective", "w-gan", "--discriminator", "windowed"], ["w-gan", "non-saturating"]),
    "objective of another": (["--objective", "saturating", "--discriminator", "amortised"], ["saturating", "fisher"]),
    "statistic": (["--statistic", "moon"], ["moon", "windows"]),
    "rule": (["--rule", "strict"], ["strict", "exact"]),
    "windows": (["--set", "windows=8:3"], ["8", "3"]),
    "zero agents": (["--set", "n_noise=0", "--set", "n_technical=0", "--set", "n_fundamental=0"], ["zero agents"]),
    "negative paths": (["--paths", "-5"], ["paths=-5"]),
    "negative generations": (["--generations", "-1"], ["generations=-1"]),
    "seed": (["--seed", "-1"], ["seed=-1"]),
    "threads": (["--threads", "0"], ["threads=0"]),
}


@pytest.mark.parametrize("case", NAMES)
def test_a_wrong_name_or_value_is_named(case, capsys, tmp_path):
    given, parts = NAMES[case]
    out = tmp_path / "run"
    argv = [*given, "--out", out] if given[0] == "calibrate" else \
        ["calibrate", "stock-market", "--data", "sp500", "--out", out, *given]
    refuse(capsys, argv, *parts)
    assert not out.exists()


def test_memory_that_cannot_be_had(capsys, tmp_path):
    np.save(tmp_path / "paths.npy", 100 + np.random.default_rng(1).random((50, 51)))
    refuse(capsys, calibrate(tmp_path / "paths.npy", tmp_path / "run", "--updater", "cma-es", "--free", "kappa",
                             "--paths", "500000000"), "GB")
    assert not (tmp_path / "run").exists()


def test_an_output_directory_in_the_way(capsys, tmp_path):
    data = long_csv(tmp_path)
    foreign = tmp_path / "foreign"
    foreign.mkdir()
    (foreign / "thesis.tex").write_text("mine")
    refuse(capsys, calibrate(data, foreign), "foreign")
    refuse(capsys, calibrate(data, foreign, "--overwrite"), "foreign")
    assert (foreign / "thesis.tex").read_text() == "mine"
    refuse(capsys, calibrate(data, data / "run"), "run")


def run_directory(tmp_path, **changes):
    run = tmp_path / "run"
    run.mkdir()
    config = {"format": "fastmas-run", "version": "0.1.0", **changes}
    (run / "config.json").write_text(json.dumps(config))
    return run


@pytest.mark.parametrize("command", ["resume", "report"])
def test_a_run_directory_that_is_none(command, capsys, tmp_path):
    (tmp_path / "other").mkdir()
    refuse(capsys, [command, tmp_path / "missing"], "missing")
    refuse(capsys, [command, tmp_path / "other"], "other")


@pytest.mark.parametrize("command", ["resume", "report"])
def test_a_run_directory_that_is_damaged(command, capsys, tmp_path):
    run = run_directory(tmp_path)
    (run / "config.json").write_text('{"format": "fastm')
    refuse(capsys, [command, run], "config.json")


def test_a_run_of_another_version(capsys, tmp_path):
    run = run_directory(tmp_path, version="9.4.0")
    refuse(capsys, ["resume", run], "9.4.0", "0.1.0")


def test_a_run_in_the_way_offers_to_resume_or_overwrite(capsys, tmp_path):
    run = run_directory(tmp_path)
    refuse(capsys, calibrate(long_csv(tmp_path), run), "fastmas resume", "--overwrite")


# ---------------------------------------------------------------------- remedies, and files of a run


def listing(folder):
    return sorted((str(p.relative_to(folder)), p.stat().st_size) for p in folder.rglob("*"))


REMEDIES = [
    (["--data", "missing.csv"], ["missing.csv: no such file; check the path", "sp500"]),
    (["--data", "nasdaq"], ["'nasdaq' is neither a file nor one of: sp500"]),
    (["--data", "prices.csv", "--column", "open"], ["no column 'open'; its columns are: date, close"]),
    (["--data", "prices.csv", "--horizon", "200"], ["300 prices", "horizon=200", "a smaller horizon"]),
    (["--data", "prices.csv", "--horizon", "0"], ["horizon=0", "give 1 or more"]),
    (["--data", "prices.csv", "--free", "kappa", "--set", "kappa=2"], ["'kappa' is both free and given a value"]),
    (["--data", "prices.csv", "--free", ","], ["nothing to calibrate"]),
    (["--data", "prices.csv", "--free", "kappa,kappa"], ["'kappa' is named twice"]),
    (["--data", "prices.csv", "--statistic", "prices"], ["'prices'", "such as return-windows"]),
    (["--data", "prices.csv", "--discriminator", "path"], ["'log-returns'", "such as return-windows"]),
    (["--data", "prices.csv", "--warmup", "-1"], ["warmup=-1: give a whole number of at least 0"]),
    (["--data", "prices.csv", "--paths", "3"], ["paths=3: give a whole number of at least 8"]),
    (["--data", "prices.csv", "--updater", "cma-es", "--paths", "100000000000"], ["GB", "ask for fewer paths"]),
    (["--data", "prices.csv", "--seed", "4294967296"], ["seed=4294967296: give a whole number in [0, 2**32)"]),
    (["--data", "prices.csv", "--set", "windows=2:5", "--set", "window_short=5"], ["window_short=5 must be below"]),
    (["--data", "prices.csv", "--out", "prices.csv"], ["prices.csv is a file; give --out another folder"]),
    (["--data", "prices.csv", "--out", "prices.csv/run"], ["cannot write prices.csv/run"]),
]


@pytest.mark.parametrize(("given", "parts"), REMEDIES, ids=lambda x: " ".join(x)[:60])
def test_the_remedy_is_said_and_nothing_is_written(given, parts, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    long_csv(tmp_path)
    before = listing(tmp_path)
    argv = ["calibrate", "stock-market", *given]
    refuse(capsys, argv if "--out" in given else [*argv, "--out", "run"], *parts)
    assert listing(tmp_path) == before


@pytest.mark.parametrize("more", [[], ["--out", "paths.npz"]])
def test_simulated_paths_that_no_memory_holds(more, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    refuse(capsys, ["simulate", "stock-market", "--paths", "10", "--steps", "1000000000000", *more],
           "the paths need", "GB", "ask for fewer paths or steps")
    assert listing(tmp_path) == []


def test_simulated_paths_that_no_address_has():
    with pytest.raises(ParameterError, match="at most 2"):
        next(fm.iterate_paths(fm.models.stock_market(), n_paths=2**32 + 1, n_steps=5, chunk_bytes=2**12))


@pytest.fixture
def stopped(small, tmp_path, monkeypatch):
    """A run that was stopped in its game."""
    def stop(event):
        if event.get("done") == 2:
            raise KeyboardInterrupt

    monkeypatch.setattr(keeping, "SAVE_EVERY", 0.0)
    with pytest.raises(Interrupted):
        fm.calibrate(small_games.market(), small_games.market_paths(), free=["kappa", "gamma"], generations=4,
                     n_threads=1, out=tmp_path / "run", progress=stop)
    return tmp_path / "run"


def without(key):
    def change(path):
        config = json.loads(path.read_text())
        del config[key]
        path.write_text(json.dumps(stamped(config)))
    return change


def other_digit(path):
    """Another seed, in which nothing looks wrong."""
    text = path.read_text()
    assert '"seed": 1,' in text
    path.write_text(text.replace('"seed": 1,', '"seed": 2,'))


def other_configuration(path):
    """A whole one, of another calibration."""
    config = json.loads(path.read_text())
    path.write_text(json.dumps(stamped({**config, "seed": 2})))


def other_price(path):
    with np.load(path) as arrays:
        kept = dict(arrays)
    kept["x_obs"][3, 7] *= 1.001
    np.savez(path, **kept)


def with_arrays(**arrays):
    return lambda path: np.savez(path, **arrays)


def foreign_checkpoint(path):
    path.write_bytes(pack_tensors({"x": np.zeros(2)}, {"epoch": 3}))


def half(path):
    path.write_bytes(path.read_bytes()[:path.stat().st_size // 2])


DAMAGE = [
    ("config.json", half, ["config.json is damaged", "restore it"]),
    ("config.json", other_digit, ["config.json was changed after fastmas wrote it", "put it back as it was"]),
    ("config.json", without("digests"), ["config.json is damaged or foreign", "'digests'"]),
    ("config.json", without("format"), ["is not a run directory"]),
    ("config.json", without("free"), ["config.json is damaged or foreign", "'free'", "restore it, or start anew"]),
    ("config.json", without("model_config"), ["config.json is damaged or foreign", "'model_config'"]),
    ("config.json", without("seed"), ["config.json is damaged or foreign", "'seed'"]),
    ("checkpoint.safetensors", half, ["checkpoint.safetensors is damaged", "restore it, or delete it"]),
    ("checkpoint.safetensors", foreign_checkpoint, ["checkpoint.safetensors is damaged or foreign"]),
    ("config.json", other_configuration, ["checkpoint.safetensors belongs to another config.json"]),
    ("data.npz", other_price, ["data.npz was changed after the run began", "put it back as it was"]),
    ("data.npz", half, ["data.npz is damaged", "restore it"]),
    ("data.npz", with_arrays(x=np.zeros(3)), ["data.npz is damaged or foreign", "'x_obs'"]),
    ("data.npz", lambda path: path.unlink(), ["has no data.npz", "start it anew with --overwrite"]),
]


@pytest.mark.parametrize(("name", "damage", "parts"), DAMAGE)
def test_damage_to_a_run_is_named(name, damage, parts, capsys, stopped):
    damage(stopped / name)
    before = listing(stopped)
    refuse(capsys, ["resume", stopped], *parts)
    assert listing(stopped) == before


@pytest.mark.parametrize(("name", "damage", "parts"), [
    ("config.json", half, ["config.json is damaged"]),
    ("config.json", other_digit, ["config.json was changed"]),
    ("config.json", without("parameters"), ["config.json is damaged or foreign: no 'parameters'"]),
    ("history.csv", lambda path: path.write_text("generation,kappa\n0,x\n"), ["history.csv is damaged"]),
])
def test_a_report_of_a_damaged_run(name, damage, parts, capsys, stopped):
    damage(stopped / name)
    before = listing(stopped)
    refuse(capsys, ["report", stopped], *parts)
    assert listing(stopped) == before


def test_a_finished_run_is_not_resumed(capsys, stopped):
    (stopped / "result.json").write_text("{}")
    refuse(capsys, ["resume", stopped], "is finished: see `fastmas report")


def test_a_run_in_use_is_named_with_its_process(capsys, stopped):
    with RunDirectory.open(stopped).lock():
        refuse(capsys, ["resume", stopped], f"is in use by process {os.getpid()}")
        refuse(capsys, [*calibrate(long_csv(stopped.parent), stopped), "--overwrite"], "is in use by process")


def test_a_folder_that_may_not_be_written(capsys, tmp_path):
    """Root may write anywhere; a name too long for any file system stands for a folder that refuses."""
    refuse(capsys, calibrate(long_csv(tmp_path), tmp_path / ("x" * 300)), "cannot write", "too long")
    assert [name for name, _ in listing(tmp_path)] == ["prices.csv"]


def test_a_real_process_says_the_same(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "fastmas", "calibrate", "stock-market", "--data", "missing.csv", "--out", "run"],
        capture_output=True, text=True, cwd=tmp_path, check=False, timeout=120)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == ("fastmas: error: missing.csv: no such file; check the path (built-in data sets: sp500)\n")
    assert list(tmp_path.iterdir()) == []
