"""The command line: what there is, exact paths into files, and every wrong input in one line."""

import os
import re
import shutil
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from typer.main import get_command
from typer.testing import CliRunner

import fastmas
from fastmas.cli import app, main
from fastmas.cli.output import show
from fastmas.cli.settings import build, parse, value
from fastmas.data import observe
from fastmas.errors import ParameterError
from fastmas.simulate import simulate

SIR, SLOW = (str(Path(__file__).parent / "models" / name) for name in ("sir.py", "slow.py"))
COMMANDS = ("models", "check", "simulate", "calibrate", "resume", "report", "warmup", "warmup-check")
CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f\x7f]")  # every control character but the line feed


def run_process(*arguments, code=None, **environment):
    command = ["-c", textwrap.dedent(code)] if code else ["-m", "fastmas"]
    clean = {k: v for k, v in os.environ.items() if k not in ("FORCE_COLOR", "NO_COLOR", "GITHUB_ACTIONS")}
    return subprocess.run([sys.executable, *command, *map(str, arguments)], capture_output=True, text=True,
                          env={**clean, **environment}, check=False, timeout=120)


# ---------------------------------------------------------------------- help


@pytest.mark.parametrize("words", [[], ["--help"], *([c, "-h"] for c in COMMANDS)])
def test_help_of_everything(words):
    result = CliRunner().invoke(app, words)
    assert result.exit_code == 0
    assert "Usage: fastmas" in result.output
    if words[:1] in ([], ["--help"]):
        assert all(command in result.output for command in COMMANDS)


def test_every_option_has_a_whole_sentence():
    for command in get_command(app).commands.values():
        assert command.help.endswith(".")
        for option in command.params:
            assert option.help, f"{command.name} {option.name}"
            assert option.help.endswith((".", "kappa,gamma.")), f"{command.name} {option.name}"


def test_help_is_there_at_once_and_imports_nothing_heavy():
    code = """
        import sys, time
        began = time.perf_counter()
        from fastmas.cli import main
        status = main(sys.argv[1:])
        heavy = {"numba", "torch", "pandas", "matplotlib", "scipy", "pyarrow", "cma", "numpy"}
        print(status, sorted(heavy & set(sys.modules)), time.perf_counter() - began)
    """
    tries = [run_process("calibrate", "--help", code=code).stdout.splitlines()[-1] for _ in range(3)]
    assert all(line.startswith("0 [] ") for line in tries), tries
    assert min(float(line.split()[-1]) for line in tries) < 1.0


def test_version(capsys):
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"fastmas {fastmas.__version__}\n"


# ---------------------------------------------------------------------- models


def test_models_are_listed(capsys):
    assert main(["models"]) == 0
    out = capsys.readouterr().out
    assert re.search(r"^stock-market +The stock market of the founding paper.*s\. 3\.1$", out, re.MULTILINE)
    assert not CONTROL.search(out)


def test_a_model_shows_its_parameters_observables_and_options(capsys):
    assert main(["models", "stock-market"]) == 0
    out = capsys.readouterr().out
    assert re.search(r"^gamma +2 +0\.5 +8 +price units +log$", out, re.MULTILINE)
    assert re.search(r"^kappa +\|b\|/\|c\|, weight of the public .* eq\. \(3\) +score$", out, re.MULTILINE)
    assert re.search(r"^log_return +per step +real$", out, re.MULTILINE)
    assert re.search(r"^n_noise +7$", out, re.MULTILINE)


def test_a_model_follows_its_options(capsys):
    settings = ["rule=smoothed", "n_technical=2", "windows=2:5,3:8", "rho=0.2"]
    assert main(["models", "stock-market", *(word for one in settings for word in ("--set", one))]) == 0
    out = capsys.readouterr().out
    assert re.search(r"^parameter +value", out, re.MULTILINE)
    assert re.search(r"^d +0\.5 ", out, re.MULTILINE)
    assert not re.search(r"^gamma", out, re.MULTILINE)
    assert re.search(r"^rho +0\.2 ", out, re.MULTILINE)
    assert re.search(r"^windows +2:5, 3:8$", out, re.MULTILINE)


# ---------------------------------------------------------------------- --set


@pytest.mark.parametrize(("text", "expected"), [
    ("3", 3), ("1.5", 1.5), ("1e-3", 1e-3), ("smoothed", "smoothed"), ("b,c", ("b", "c")), ("2:5", ((2, 5),)),
    ("2:5, 3:8", ((2, 5), (3, 8))), ("1,2.5", (1, 2.5))])
def test_values(text, expected):
    assert value(text) == expected


def test_options_come_before_parameters_and_take_the_form_of_their_default():
    given = ["n_noise=20", "rule=smoothed", "windows=2:5", "per_agent=kappa"]
    model, values = build("stock-market", [*given, "kappa=1.5", "kappa[2]=2", "rho=.2"])
    assert (model.n_noise, model.rule, model.windows) == (20, "smoothed", ((2, 5),))
    assert (model.per_agent, model.n_technical) == (("kappa",), 5)
    assert values == {"kappa": 1.5, "kappa[2]": 2, "rho": 0.2}


def test_keywords_of_the_factory_are_options_too():
    model, _ = build("stock-market", ["windows_seed=7"])
    assert model.windows == fastmas.models.stock_market(windows_seed=7).windows
    assert model.windows != fastmas.models.stock_market().windows


def test_values_per_agent():
    _, values = build("stock-market", ["n_technical=3", "per_agent=gamma", "gamma=1,2,3"])
    assert values == {"gamma": (1, 2, 3)}


def test_rule_is_short_for_set():
    assert build("stock-market", ["rule=relaxed"], "relaxed")[0].rule == "relaxed"
    assert build("stock-market", [], "smoothed")[0].rule == "smoothed"
    with pytest.raises(ParameterError, match="--rule exact and --set rule=relaxed contradict"):
        build("stock-market", ["rule=relaxed"], "exact")


@pytest.mark.parametrize("given", [["kappa"], ["=1"], ["kappa="], ["kappa=1", "kappa=2"]])
def test_set_that_says_nothing(given):
    with pytest.raises(ParameterError, match="--set .*(NAME=VALUE|given twice)"):
        parse(given)


USERS_MODEL = """
    from dataclasses import dataclass
    from fastmas.models.stock_market import StockMarket

    @dataclass(frozen=True, kw_only=True)
    class Mine(StockMarket):
        '''A market of one's own.'''
        fast: bool = False
        label: str = "a"
"""


def test_a_model_from_a_file(tmp_path, capsys):
    (tmp_path / "my_model.py").write_text(textwrap.dedent(USERS_MODEL))
    name = f"{tmp_path / 'my_model.py'}:Mine"
    model, values = build(name, ["windows=2:5", "fast=true", "label=7", "kappa=2"])
    assert (model.fast, model.label, model.windows, values) == (True, "7", ((2, 5),), {"kappa": 2})
    assert main(["models", name, "--set", "windows=2:5"]) == 0
    assert "A market of one's own." in capsys.readouterr().out
    assert main(["models", name]) == 2  # windows have no default there
    assert "windows" in capsys.readouterr().err


# ---------------------------------------------------------------------- simulate


@pytest.mark.parametrize("suffix", ["parquet", "csv", "npz"])
def test_simulate_writes_the_bits_of_the_library(tmp_path, capsys, suffix):
    out = tmp_path / f"paths.{suffix}"
    words = ["--paths", "70", "--steps", "12", "--warmup", "4", "--seed", "3", "--threads", "1"]
    settings = ["--set", "n_noise=9", "--set", "kappa=1.5"]
    assert main(["simulate", "stock-market", *words, *settings, "--out", str(out)]) == 0
    said = capsys.readouterr()
    assert f"written to {out}" in said.out
    market = fastmas.models.stock_market(n_noise=9)
    expected = simulate(market, {"kappa": 1.5}, n_paths=70, n_steps=12, warmup=4, seed=3)
    if suffix == "npz":
        found = np.load(out)["paths"]
    else:
        frame = pd.read_parquet(out) if suffix == "parquet" else pd.read_csv(out)
        assert frame["t"].unique().tolist() == list(range(4, 13))
        found = frame["price"].to_numpy(np.float32).reshape(70, -1)
    assert np.array_equal(found, expected)
    assert observe(str(out)).x_obs.shape[1] == 9


def test_simulate_without_a_file_prints_moments(capsys):
    assert main(["simulate", "stock-market", "--paths", "64", "--steps", "5"]) == 0
    out = capsys.readouterr().out
    paths = simulate(fastmas.models.stock_market(), n_paths=64, n_steps=5, seed=1).astype(float)
    mean, sd = show(float(paths.mean())), show(float(paths.std(ddof=1)))
    assert re.search(rf"^price +{mean} +{sd}$", out, re.MULTILINE)
    assert "log return of price" in out
    assert "paths/s" in out
    assert main(["simulate", "stock-market", "--paths", "64", "--observable", "demand_noise"]) == 0
    out = capsys.readouterr().out
    assert "demand_noise" in out
    assert "log return" not in out


def test_simulate_says_the_mode_and_where_time_begins(tmp_path, capsys):
    words = ["simulate", "stock-market", "--paths", "8", "--steps", "6", "--warmup", "2"]
    assert main([*words, "--out", str(tmp_path / "paths.npz"), "--memory-limit", "64B"]) == 0
    said = capsys.readouterr()
    assert re.search(r"^8 paths of 6 steps, mode agents, in .* paths/s$", said.out, re.MULTILINE)
    assert said.out.splitlines()[-1].endswith("paths.npz, t = 2 to 6")
    assert said.err == ""  # no progress of a short run
    assert np.load(tmp_path / "paths.npz")["t"].tolist() == [2, 3, 4, 5, 6]


@pytest.mark.parametrize(("n", "mode"), [(20, "agents"), (100_000, "aggregate")])
def test_the_mode_that_auto_becomes_is_said(n, mode, capsys):
    assert main(["simulate", "herd", "--set", f"n_traders={n}", "--paths", "8", "--steps", "6"]) == 0
    assert f"8 paths of 6 steps, mode {mode}, in" in capsys.readouterr().out


def test_simulate_in_float64(tmp_path, capsys):
    words = ["simulate", SIR, "--paths", "8", "--steps", "6", "--dtype", "float64"]
    assert main([*words, "--out", str(tmp_path / "paths.npz")]) == 0
    expected = simulate(fastmas.models.get(SIR), n_paths=8, n_steps=6, seed=1, dtype="float64")
    found = np.load(tmp_path / "paths.npz")["paths"]
    assert found.dtype == np.float64
    assert np.array_equal(found, expected)


def test_a_file_larger_than_the_disk_is_refused_before_it_starts(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=10**6))
    words = ["simulate", SIR, "--paths", "1000", "--steps", "500"]
    assert main([*words, "--out", str(tmp_path / "paths.parquet")]) == 2
    err = capsys.readouterr().err
    assert "paths.parquet needs 0.002 GB and 0.001 GB are free on its disk: ask for fewer paths" in err
    assert list(tmp_path.iterdir()) == []


def test_a_path_that_runs_away_is_a_status(capsys):
    assert main(["simulate", f"{SLOW}:Fuse", "--set", "p=1", "--paths", "3"]) == 2
    assert capsys.readouterr().err == (
        "fastmas: error: model 'fuse': age of theta 0, path 0 is inf at t=1; the parameters let it run away\n")


# ---------------------------------------------------------------------- wrong input

SIMULATE = ["simulate", "stock-market", "--paths", "10", "--steps", "5"]
WRONG = [
    (["nonsense"], ["nonsense", "--help"]),
    (["simulate"], ["MODEL", "fastmas simulate --help"]),
    ([*SIMULATE, "--paths", "many"], ["--paths", "'many' is not a whole number", "as 1000 or 1e6"]),
    ([*SIMULATE, "--paths", "1.5"], ["--paths", "'1.5' is not a whole number"]),
    ([*SIMULATE, "--paths", "inf"], ["--paths", "'inf' is not a whole number"]),
    (["models", f"{'x' * 5000}.py"], ["File name too long", "check the path"]),
    ([*SIMULATE, "--colour"], ["--colour"]),
    ([*SIMULATE, "--dtype", "float16"], ["dtype='float16'", "float32, float64"]),
    ([*SIMULATE, "--device", "abacus"], ["device='abacus'", "cpu, cuda"]),
    ([*SIMULATE, "--memory-limit", "much"], ["memory_limit='much'", "'2GB'"]),
    ([*SIMULATE, "--memory-limit", "9B"], ["the paths need", "memory_limit is 9e-09 GB"]),
    (["warmup", "stok-market"], ["unknown model 'stok-market'"]),
    (["warmup", "stock-market", "--dtype", "int8"], ["dtype='int8'", "float32, float64"]),
    (["warmup", "stock-market", "--set", "rule=vague"], ["rule='vague'"]),
    (["simulate", "stok-market"], ["unknown model 'stok-market'", "stock-market", "FILE.py:NAME"]),
    (["models", "stok-market"], ["unknown model 'stok-market'"]),
    (["simulate", "missing.py:Market"], ["missing.py"]),
    ([*SIMULATE, "--set", "kapa=1"], ["unknown name 'kapa'", "did you mean 'kappa'?", "gamma", "n_noise"]),
    ([*SIMULATE, "--set", "d=1"], ["unknown name 'd'", "the parameters", "the options"]),
    ([*SIMULATE, "--set", "kappa=99"], ["parameter 'kappa'", "99", "[0.2, 8]"]),
    ([*SIMULATE, "--set", "kappa=nan"], ["parameter 'kappa'", "nan"]),
    ([*SIMULATE, "--set", "kappa=much"], ["parameter 'kappa'", "'much' is not a number"]),
    ([*SIMULATE, "--set", "kappa=1,2"], ["parameter 'kappa'", "2 values"]),
    ([*SIMULATE, "--set", "kappa"], ["--set 'kappa'", "NAME=VALUE"]),
    ([*SIMULATE, "--set", "windows=8:3"], ["windows (8, 3)", "below"]),
    ([*SIMULATE, "--set", "windows=wide"], ["windows='wide'", "windows=2:6,3:9 on the command line"]),
    ([*SIMULATE, "--set", "windows=2:5,3:8"], ["2 window pairs for 5 technical traders"]),
    ([*SIMULATE, "--set", "windows=2:5", "--set", "window_short=5"], ["window_short=5", "window_long=5"]),
    ([*SIMULATE, "--set", "rule=rough"], ["rule='rough'", "exact, smoothed, relaxed"]),
    ([*SIMULATE, "--set", "n_noise=-1"], ["n_noise=-1", "0 or more"]),
    ([*SIMULATE, "--set", "n_noise=1.5"], ["n_noise=1.5", "whole number"]),
    ([*SIMULATE, "--set", "n_noise=0", "--set", "n_technical=0", "--set", "n_fundamental=0"],
     ["zero agents", "n_noise"]),
    ([*SIMULATE, "--paths", "-4"], ["paths=-4", "at least 1"]),
    ([*SIMULATE, "--paths", "0"], ["paths=0", "at least 1"]),
    ([*SIMULATE, "--steps", "0"], ["steps=0"]),
    ([*SIMULATE, "--warmup", "6"], ["warmup=6", "steps=5"]),
    ([*SIMULATE, "--seed", "-1"], ["seed=-1", "2**32"]),
    ([*SIMULATE, "--threads", "0"], ["threads=0"]),
    ([*SIMULATE, "--observable", "volume"], ["no observable 'volume'", "log_return"]),
    ([*SIMULATE, "--out", "paths.xlsx"], ["paths.xlsx", ".parquet, .csv or .npz"]),
    ([*SIMULATE, "--out", "missing/paths.csv"], ["missing/paths.csv", "there is no folder"]),
    ([*SIMULATE, "--out", "."], ["unknown suffix"]),
    (["calibrate", "stock-market"], ["--data"]),
    (["calibrate", "stock-market", "--data", "x.csv", "--set", "kapa=1"], ["did you mean 'kappa'?"]),
    (["resume", "nowhere"], ["nowhere is no folder", "--out"]),
    (["resume", "."], ["not a run directory", "config.json"]),
]


@pytest.fixture
def empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(("words", "parts"), WRONG, ids=lambda item: " ".join(item)[-60:])
def test_wrong_input_is_one_line_and_writes_nothing(empty_folder, capsys, words, parts):
    for place in ([], ["--out", "paths.npz"]):
        extra = place if words[0] == "simulate" and "--out" not in words else []
        assert main([*words, *extra]) == 2
        said = capsys.readouterr()
        assert said.out == ""
        assert re.fullmatch(r"fastmas: error: .*\n", said.err), said.err
        for part in parts:
            assert part in said.err
    assert list(empty_folder.iterdir()) == []


FAULTY = {
    "MODEL = 5": ["MODEL is 5", "which is no model"], "MODEL = 'text'": ["MODEL is 'text'", "no model"],
    "import sys; sys.exit(3)": ["cannot be imported", "SystemExit: 3"],
    "def MODEL(**options): raise KeyError('x')": ["cannot be built", "KeyError"],
    "def MODEL(**options): return MODEL(**options)": ["cannot be built", "RecursionError"],
    "def MODEL(**options): raise SystemExit(4)": ["cannot be built", "SystemExit"],
    "import fastmas as fm\nclass A(fm.Model): pass": ["model 'A' has no rules", "write a `step(self, t, draw)`"],
    "raise BaseException('odd')": ["cannot be imported", "odd"],
}


@pytest.mark.parametrize("text", FAULTY)
def test_a_file_that_is_no_model_is_one_line(empty_folder, capsys, text):
    Path("faulty.py").write_text(text)
    assert main(["models", "faulty.py"]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert len(said.err.splitlines()) == 1
    for part in ["faulty.py", *FAULTY[text]] if "class A" not in text else FAULTY[text]:
        assert part in said.err
    assert len(said.err) < 400


def test_whole_numbers_as_people_write_them(capsys):
    assert main([*SIMULATE, "--paths", "1e1", "--seed", "1_000"]) == 0
    assert "10 paths of 5 steps" in capsys.readouterr().out


def test_report_of_what_is_no_run(empty_folder, capsys):
    for place, part in (("nowhere", "nowhere is not a directory"), (".", "config.json is missing")):
        assert main(["report", place]) == 2
        assert part in capsys.readouterr().err
    assert list(empty_folder.iterdir()) == []


def test_an_existing_file_is_kept(tmp_path, capsys):
    out = tmp_path / "paths.csv"
    out.write_text("old")
    assert main([*SIMULATE, "--out", str(out)]) == 2
    assert "exists already; --overwrite replaces it" in capsys.readouterr().err
    assert out.read_text() == "old"
    assert main([*SIMULATE, "--out", str(out), "--overwrite"]) == 0
    assert out.read_text().startswith("path,t,price\n0,0,100\n")
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize("words", [["--debug", "models", "stok"], ["models", "stok", "--debug"]])
def test_debug_anywhere_shows_the_traceback(capsys, words):
    assert main(words) == 2
    err = capsys.readouterr().err
    assert "Traceback (most recent call last)" in err
    assert err.splitlines()[-1].startswith("fastmas: error: unknown model 'stok'")


def test_debug_by_the_environment(capsys, monkeypatch):
    monkeypatch.setenv("FASTMAS_DEBUG", "1")
    assert main(["models", "stok"]) == 2
    assert "Traceback" in capsys.readouterr().err
    monkeypatch.setenv("FASTMAS_DEBUG", "0")
    assert main(["models", "stok"]) == 2
    assert "Traceback" not in capsys.readouterr().err


# ---------------------------------------------------------------------- real processes


def test_exit_statuses_of_real_processes(tmp_path):
    assert run_process("--version").returncode == 0
    wrong = run_process("simulate", "stock-market", "--set", "kappa=99")
    assert (wrong.returncode, wrong.stdout) == (2, "")
    assert wrong.stderr == "fastmas: error: parameter 'kappa': 99 is outside [0.2, 8]\n"


def test_a_reader_that_stops_early_is_no_fault():
    for words in (["models", "stock-market"], ["--help"], ["--version"]):
        child = subprocess.Popen([sys.executable, "-m", "fastmas", *words], stdout=subprocess.PIPE,
                                 stderr=subprocess.PIPE, text=True)
        child.stdout.close()
        assert child.stderr.read() == ""
        child.stderr.close()
        child.wait(timeout=60)


def test_ctrl_c_in_a_real_process_leaves_no_file(tmp_path):
    words = ["simulate", "stock-market", "--paths", "20000000", "--out", str(tmp_path / "paths.csv")]
    # A background job of a shell ignores SIGINT, and so would its children.
    child = subprocess.Popen([sys.executable, "-m", "fastmas", *words], stderr=subprocess.PIPE, text=True,
                             preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL))  # noqa: PLW1509
    deadline = time.monotonic() + 100
    while not list(tmp_path.iterdir()) and time.monotonic() < deadline:
        time.sleep(0.02)
    time.sleep(0.1)
    assert list(tmp_path.iterdir()), "it never began to write"
    child.send_signal(signal.SIGINT)
    assert child.communicate(timeout=60)[1].splitlines()[-1] == "fastmas: interrupted"
    assert child.returncode == 130
    assert list(tmp_path.iterdir()) == []
