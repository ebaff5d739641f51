"""Options of updaters: what passes through, and what is refused in one line before anything is simulated."""

import numpy as np
import pytest
from small_games import make_parts, market_paths
from typer.testing import CliRunner

import fastmas as fm
from fastmas import updaters
from fastmas.calibration.settings import Settings
from fastmas.cli import app
from fastmas.cli import settings as read
from fastmas.errors import ParameterError
from fastmas.storage.run_directory import RunDirectory
from fastmas.updaters.options import plain


@pytest.mark.parametrize(("updater", "options", "told"), [
    ("cma-es", {"CMA_activ": False}, "unknown option 'CMA_activ' of the updater 'cma-es'; did you mean CMA_active"),
    ("cma-es", {"popsiz": 9}, "did you mean popsize"), ("cma-es", {"restart": 1}, "did you mean restarts"),
    ("cma-es", {"zzz": 1}, "those of cma.CMAOptions"), ("cma-es", {"seed": 1}, "unknown option 'seed'"),
    ("cma-es", {"CMA_active": "no"}, "give a number, true or false"), ("cma-es", {"minstd": np.inf}, "give a number"),
    ("cma-es", {"popsize": 2}, "whole number of at least 4"), ("cma-es", {"popsize": 8.5}, "whole number"),
    ("cma-es", {"restarts": -1}, "whole number of at least 0"), ("cma-es", {"popsize": True}, "whole number"),
    ("parameter-score", {"stepp": 1}, "did you mean step?"), ("parameter-score", {"sigma_first": 0}, "at least 0.001"),
    ("parameter-score", {"population": 8.5}, "give a whole number"), ("avo", {"step": True}, "give a number"),
    ("avo", {"entropi": 1}, "did you mean entropy?"), ("avo", {"step_spread": 2}, "at least 0 and at most 1"),
    ("moments", {"step": 1}, "unknown option 'step' of the updater 'moments'; it has none")])
def test_what_an_updater_does_not_know_is_refused(updater, options, told):
    with pytest.raises(ParameterError) as caught:
        updaters.make(updater, options)
    assert told in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("options", [{"minstd": [1, 2, 3]}, {"CMA_diagonal": 1}])
def test_what_cma_refuses_is_said_before_anything_is_simulated(options):
    with pytest.raises(ParameterError, match="cma-es cannot begin with them") as caught:
        fm.calibrate(fm.models.stock_market(), market_paths(), free=["kappa", "gamma"], updater_options=options)
    assert "\n" not in str(caught.value)


def test_options_are_plain_values():
    given = {"popsize": np.int64(12), "minstd": np.array([0.1, 0.2]), "CMA_stds": (1, 2.0), "CMA_active": np.bool_(0)}
    assert plain(given) == {"popsize": 12, "minstd": [0.1, 0.2], "CMA_stds": [1, 2.0], "CMA_active": False}
    assert type(plain(given)["CMA_active"]) is bool
    for wrong in ("popsize=12", [("popsize", 12)], {1: 2}):
        with pytest.raises(ParameterError, match="give names and values"):
            plain(wrong)


@pytest.mark.parametrize(("updater", "options", "n"), [
    ("cma-es", {"popsize": 14}, 14), ("parameter-score", {"population": 14}, 14), ("avo", {"population": 14}, 14)])
def test_a_calibration_plays_with_them_and_keeps_them(updater, options, n, small, tmp_path, monkeypatch):
    seen, plain_make = [], updaters.make

    def make(name, options=None):
        made = plain_make(name, options)
        told = made.tell
        monkeypatch.setattr(made, "tell", lambda state, said: seen.append(len(said.loss)) or told(state, said),
                            raising=False)
        return made

    monkeypatch.setattr(updaters, "make", make)
    fit = fm.calibrate(fm.models.stock_market(), market_paths(), free=["kappa"], updater=updater, generations=2,
                       updater_options=options, interval=False, draws=0, out=tmp_path / "run")
    assert seen == [n, n]
    assert fit.config["updater_options"] == options
    stored = RunDirectory.open(tmp_path / "run").config
    assert Settings.of(stored).updater_options == options


def test_memory_is_reckoned_with_the_candidates_asked_for(monkeypatch):
    monkeypatch.setattr("fastmas.calibration.prepare.available_memory", lambda: 2e9)
    make_parts(market_paths())
    options = {"updater_options": {"popsize": 10**6}}
    with pytest.raises(fm.errors.MemoryLimitError, match="1000000 candidates"):
        fm.calibrate(fm.models.stock_market(), market_paths(), free=["kappa", "gamma"], **options)


def test_options_on_the_command_line():
    given = ["CMA_active=false", "popsize=20", "minstd=0.1,0.2", "entropy=-2.5", "CMA_diagonal=True"]
    assert read.updater_options(given) == {"CMA_active": False, "popsize": 20, "minstd": (0.1, 0.2), "entropy": -2.5,
                                           "CMA_diagonal": True}
    with pytest.raises(ParameterError, match="--updater-option 'popsize': give NAME=VALUE"):
        read.updater_options(["popsize"])
    with pytest.raises(ParameterError, match="given twice"):
        read.updater_options(["popsize=8", "popsize=9"])


def test_the_command_line_says_in_one_line_what_is_wrong():
    done = CliRunner().invoke(app, ["calibrate", "stock-market", "--data", "sp500", "--free", "rho", "--updater-option",
                                    "popsiz=9"])
    assert "did you mean popsize" in str(done.exception or done.output)
