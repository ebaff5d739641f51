"""Every wrong input of a calibration, through the command line: one line, exit status 2, nothing written."""

import json

import numpy as np
import pandas as pd
import pytest

from fastmas.cli import main

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
    """Run, and check status and message; return nothing."""
    status = main([str(a) for a in argv])
    said = capsys.readouterr().err.strip()
    assert status == 2, said
    lines = [line for line in said.splitlines() if line.startswith("fastmas: error:")]
    assert len(lines) == 1, said
    assert "Traceback" not in said
    for part in parts:
        assert str(part) in lines[0], said


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
