"""The command line around a calibration: what it passes on, progress, Ctrl-C; the library is a stand-in."""

import io
import os
import re
import subprocess
import sys
import textwrap
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest

from fastmas.cli import main
from fastmas.cli.progress import Bar, Lines, describe, reporter
from fastmas.errors import DataError, Interrupted
from fastmas.storage.run_directory import RunDirectory

CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f\x7f]")  # every control character but the line feed
EVENTS = [{"phase": "start", "done": 1, "total": 1, "text": "moment fit"}] + [
    {"phase": "game", "done": i, "total": 40, "loss": 1.386, "estimate": {"kappa": 0.9, "gamma": 2.1}}
    for i in range(1, 41)]


def fit(**changes):
    return SimpleNamespace(**{
        "estimate": {"kappa": 0.98765432, "gamma": 2.0}, "interval": {"kappa": (0.9, 1.1), "gamma": None},
        "verdict": "No misfit found (p = 0.30).", "told_apart": "How easily told apart: 51 times in 100.",
        "seconds": 12.345,
        "warnings": ["gamma [price units] sits near its bound"], **changes})


@pytest.fixture
def library(monkeypatch):
    """A stand-in for fastmas.calibrate that records its calls and tells some events."""
    module = ModuleType("fastmas.calibrate")
    module.calls, module.result = [], fit()

    def play(*arguments, progress, **given):
        module.calls.append((arguments, given))
        for event in EVENTS:
            progress(event)
        if isinstance(module.result, BaseException):
            raise module.result
        return module.result

    module.calibrate = module.resume = play
    monkeypatch.setitem(sys.modules, "fastmas.calibrate", module)
    monkeypatch.setattr("fastmas.report.build", lambda run: Path(run) / "report.html")
    return module


# ---------------------------------------------------------------------- calibrate, resume, report


def test_calibrate_passes_on_what_is_given_and_nothing_else(capsys, library):
    assert main(["calibrate", "stock-market", "--data", "sp500"]) == 0
    (model, data), given = library.calls[0]
    assert (model.name, data) == ("stock-market", "sp500")
    assert given == {"fixed": {}, "interval": True, "out": None, "overwrite": False, "device": "cpu"}
    assert "report:" not in capsys.readouterr().out


def test_calibrate_passes_on_every_option(tmp_path, library, capsys):
    words = {"--column": "close", "--free": "kappa, gamma", "--updater": "moments",
             "--discriminator": "windows", "--objective": "gan", "--statistic": "returns",
             "--rule": "relaxed", "--generations": "7", "--paths": "11",
             "--symbol": "ZZT", "--date-format": "%d.%m.%Y", "--duplicates": "last", "--missing": "drop",
             "--decimal": ",", "--horizon": "13", "--warmup": "17", "--seed": "0", "--threads": "2",
             "--device": "cuda", "--out": str(tmp_path / "run")}
    flat = [word for pair in words.items() for word in pair]
    settings = ["--set", "rho=0.2", "--set", "n_noise=20", "--no-interval", "--overwrite"]
    assert main(["calibrate", "stock-market", "--data", "prices.csv", *flat, *settings]) == 0
    (model, data), given = library.calls[0]
    assert (model.rule, model.n_noise, data) == ("relaxed", 20, "prices.csv")
    assert given == {
        "symbol": "ZZT", "date_format": "%d.%m.%Y", "duplicates": "last", "missing": "drop", "decimal": ",",
        "column": "close", "free": ["kappa", "gamma"], "updater": "moments", "discriminator": "windows",
        "objective": "gan", "statistic": "returns", "generations": 7, "paths": 11, "horizon": 13,
        "warmup": 17, "seed": 0, "n_threads": 2, "fixed": {"rho": 0.2}, "interval": False,
        "out": tmp_path / "run", "overwrite": True, "device": "cuda"}
    assert f"report: {tmp_path / 'run' / 'report.html'}" in capsys.readouterr().out


def test_calibrate_prints_estimates_verdict_and_warnings(capsys, library):
    assert main(["calibrate", "stock-market", "--data", "sp500"]) == 0
    said = capsys.readouterr()
    assert re.search(r"^parameter +estimate +interval +unit$", said.out, re.MULTILINE)
    assert re.search(r"^kappa +0\.987654 +0\.9 to 1\.1$", said.out, re.MULTILINE)
    assert re.search(r"^gamma +2 +price units$", said.out, re.MULTILINE)
    assert said.out.index("No misfit found (p = 0.30).") < said.out.index("How easily told apart: 51 times in 100.")
    for part in ("calibrated in 12.3 s",
                 "warning: gamma [price units] sits near its bound"):
        assert part in said.out
    assert said.err.splitlines()[0] == "start 1/1, moment fit"
    assert not CONTROL.search(said.out + said.err)


def test_calibrate_without_intervals(capsys, library):
    library.result = fit(interval=None, warnings=[])
    assert main(["calibrate", "stock-market", "--data", "sp500"]) == 0
    out = capsys.readouterr().out
    assert "interval" not in out


def test_a_fault_of_the_library_is_one_line(capsys, library):
    library.result = DataError("prices.csv, row 7, column 'close': -1.0 is not a price;\n drop it")
    assert main(["calibrate", "stock-market", "--data", "prices.csv"]) == 2
    assert capsys.readouterr().err.splitlines()[-1] == (
        "fastmas: error: prices.csv, row 7, column 'close': -1.0 is not a price; drop it")


PARAMETERS = {"gamma": {"low": 0.5, "high": 8.0, "unit": "price units"}}


def test_resume_goes_on_and_reports(tmp_path, capsys, library):
    run = RunDirectory.create(tmp_path / "run", {"parameters": PARAMETERS})
    library.result = fit(estimate={"kappa": 1.0, "gamma[1]": 2.0}, interval=None)
    assert main(["resume", str(run.path)]) == 0
    assert library.calls == [((run.path,), {"n_threads": None, "trust": False})]
    out = capsys.readouterr().out
    assert re.search(r"^gamma\[1\] +2 +price units$", out, re.MULTILINE)
    assert f"report: {run.path / 'report.html'}" in out


def test_resume_of_a_damaged_run(tmp_path, capsys, library):
    run = RunDirectory.create(tmp_path / "run", {})
    (run.path / "config.json").write_text("{")
    assert main(["resume", str(run.path)]) == 2
    assert "config.json is damaged" in capsys.readouterr().err
    assert library.calls == []


def test_report_prints_its_place(tmp_path, capsys, library):
    assert main(["report", str(tmp_path)]) == 0
    assert capsys.readouterr().out == f"report: {tmp_path / 'report.html'}\n"


def test_a_fault_of_ours_says_how_to_see_it(capsys, library):
    library.result = RuntimeError("the unexpected\nhappened")
    assert main(["calibrate", "stock-market", "--data", "sp500"]) == 1
    err = capsys.readouterr().err.splitlines()[-1]
    assert err == ("fastmas: internal error: RuntimeError: the unexpected happened "
                   "(rerun with --debug to see where)")


# ---------------------------------------------------------------------- Ctrl-C


@pytest.mark.parametrize("fault", [KeyboardInterrupt(), Interrupted("stopped at generation 7")])
def test_ctrl_c_says_how_to_resume(tmp_path, capsys, library, fault):
    run = RunDirectory.create(tmp_path / "my run", {})
    library.result = fault
    assert main(["calibrate", "stock-market", "--data", "sp500", "--out", str(run.path)]) == 130
    said = capsys.readouterr().err.splitlines()[-1]
    assert said.endswith(f"; go on with `fastmas resume '{run.path}'`")
    assert said.startswith("fastmas: interrupted" if not str(fault) else "fastmas: stopped at generation 7")
    assert main(["resume", str(run.path)]) == 130
    assert f"fastmas resume '{run.path}'" in capsys.readouterr().err


def test_ctrl_c_without_a_run_offers_nothing(tmp_path, capsys, library):
    library.result = KeyboardInterrupt()
    for words in ([], ["--out", str(tmp_path / "not-made-yet")]):
        assert main(["calibrate", "stock-market", "--data", "sp500", *words]) == 130
        assert capsys.readouterr().err.splitlines()[-1] == "fastmas: interrupted"


def test_what_the_library_says_about_resuming_is_not_said_twice(tmp_path, capsys, library):
    run = RunDirectory.create(tmp_path / "run", {})
    library.result = Interrupted(f"stopped; resume with `fastmas resume {run.path}`")
    assert main(["resume", str(run.path)]) == 130
    assert capsys.readouterr().err.count("fastmas resume") == 1


# ---------------------------------------------------------------------- progress


def test_a_log_has_the_first_line_of_a_phase_then_one_every_five_seconds_and_the_last():
    stream, now = io.StringIO(), [0.0]
    lines = Lines(stream, clock=lambda: now[0])
    for event in EVENTS:
        lines.tell(event)
        now[0] += 1.0
    lines.close()
    said = stream.getvalue().splitlines()
    assert [line.split(",")[0] for line in said] == [
        "start 1/1", *(f"game {i}/40" for i in (1, 6, 11, 16, 21, 26, 31, 36, 40))]
    assert said[2] == "game 6/40, loss 1.386, kappa 0.9, gamma 2.1, 5 s, about 28 s left"
    lines.close()
    assert stream.getvalue().splitlines() == said


def test_events_may_lack_anything():
    assert describe({}, 0.0) == ""
    assert describe({"phase": "verdict"}, 3.0) == "verdict, 3 s"
    assert describe({"phase": "game", "done": 3}, 0.0) == "game 3"
    many = {"estimate": {f"b[{i}]": i for i in range(9)}}
    assert describe(many, 0.0).endswith("b[3] 3, and 5 more")


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_a_terminal_gets_a_bar(monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "140")
    screen = Terminal()
    with reporter(screen) as tell:
        for event in [*EVENTS, {"phase": "verdict"}, {}]:
            tell(event)
    assert isinstance(tell.__self__, Bar)
    assert "\x1b[" in screen.getvalue()
    monkeypatch.setenv("TERM", "dumb")
    with reporter(screen) as tell:
        assert isinstance(tell.__self__, Lines)


def test_the_bar_shows_phase_count_loss_and_estimate(monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "140")
    screen = Terminal()
    with reporter(screen) as tell:
        for event in EVENTS:
            tell(event)
        tell.__self__._bar.refresh()
    for part in ("game", "40/40", "loss 1.386", "kappa 0.9"):
        assert part in screen.getvalue()


FAKE = """
    import sys
    from types import ModuleType, SimpleNamespace
    module = ModuleType("fastmas.calibrate")
    def calibrate(*arguments, progress, **given):
        for i in range(1, 4):
            progress({"phase": "game", "done": i, "total": 3, "loss": 1.4, "estimate": {"kappa": 1.0}})
        return SimpleNamespace(estimate={"kappa": 1.0}, interval=None, verdict="good", told_apart="hard",
                               warnings=["near a bound"], seconds=1.0)
    module.calibrate = calibrate
    sys.modules["fastmas.calibrate"] = module
    from fastmas.cli import main
    sys.exit(main(["calibrate", "stock-market", "--data", "sp500"]))
"""


@pytest.mark.parametrize(
    "environment", [{}, {"NO_COLOR": "1"}, {"FORCE_COLOR": "1"}, {"PYTHONIOENCODING": "ascii"}])
def test_a_pipe_gets_plain_lines_without_control_characters(environment):
    clean = {k: v for k, v in os.environ.items() if k not in ("FORCE_COLOR", "NO_COLOR")}
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(FAKE)], capture_output=True, text=True,
                          env={**clean, **environment}, check=False, timeout=120)
    assert done.returncode == 0
    assert done.stderr == "game 1/3, loss 1.4, kappa 1\ngame 3/3, loss 1.4, kappa 1\n"
    assert "warning: near a bound" in done.stdout
    assert not CONTROL.search(done.stdout)
