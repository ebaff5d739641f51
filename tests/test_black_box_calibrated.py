"""A black box is calibrated as any model: found from far away, resumed bit for bit, with lost paths counted."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace

import black_boxes as boxes
import numpy as np
import pytest
from small_games import SMALL

import fastmas as fm
from fastmas.calibration.budget import BootstrapEffort, Sizes
from fastmas.errors import Interrupted, ModelError
from fastmas.updaters.moments import Effort, Stage

START = {"slope": -0.5, "sd": 4.0}
QUICK = replace(
    SMALL, sizes=Sizes(polish_paths=4, least_polish=200, pool_steps=300), n_linearised=1,
    start=Effort(n_scan=16, n_starts=1, stages=(Stage(1, 0.03, 2),), n_profile=3, valley=Stage(1, 0.015, 2)),
    bootstrap=BootstrapEffort(least_bank=400, per_path=4, n_slope=400))
CHEAP = {"budget": QUICK, "warmup": 20, "interval": False, "draws": 0, "seed": 1}


def observed(n_paths=100, n_times=40, seed=77):
    return fm.simulate(boxes.AR1, boxes.TRUTH, n_paths=n_paths, n_steps=19 + n_times, warmup=20, seed=seed)


def standard_errors(n_paths=100, n_times=40):
    """Of an AR(1) from so many values: sqrt((1 - a^2) / n) of the slope, and sd / sqrt(2 n)."""
    n = n_paths * n_times
    return {"slope": np.sqrt((1 - 0.7**2) / n), "sd": 1.0 / np.sqrt(2 * n)}


@pytest.mark.statistical
def test_a_game_finds_an_ar1_from_far_away():
    """Where the game itself ends within ten standard errors of the truth, and the estimate within five.

    Begun without a fit of moments the start is a hundred away, so that a game that does nothing is seen.
    """
    fit = fm.calibrate(boxes.AR1, observed(), updater="cma-es", moment_start=False, start=START, generations=15,
                       paths=24, **CHEAP)
    ended = fit.history[-1]
    for name, error in standard_errors().items():
        assert abs(START[name] - boxes.TRUTH[name]) > 50 * error
        assert abs(ended[name] - boxes.TRUTH[name]) < 10 * error
        assert abs(fit.estimate[name] - boxes.TRUTH[name]) < 5 * error
    assert fit.warnings == []


@pytest.mark.statistical
def test_moments_find_it_from_a_scan():
    effort = Effort(n_scan=64, n_starts=1, stages=(Stage(1, 0.03, 5),), n_profile=3, valley=Stage(1, 0.015, 2))
    fit = fm.calibrate(boxes.AR1, observed(), updater="moments", **CHEAP | {"budget": replace(QUICK, start=effort)})
    for name, error in standard_errors().items():
        assert abs(boxes.AR1.space().values[name] - boxes.TRUTH[name]) > 50 * error  # the default is no answer
        assert abs(fit.start[name] - boxes.TRUTH[name]) < 10 * error
        assert abs(fit.estimate[name] - boxes.TRUTH[name]) < 5 * error


def stop_at(phase):
    def progress(event):
        if event.get("phase") == phase:
            raise KeyboardInterrupt

    return progress


def test_a_resumed_one_has_the_bits_of_one_that_ran_through(tmp_path):
    """Also with lost paths, and with another number of processes."""
    given = {"updater": "moments", **CHEAP}
    whole = fm.calibrate(boxes.UNLUCKY, observed(50, 20), n_threads=2, **given)
    with pytest.raises(Interrupted, match="fastmas resume"):
        fm.calibrate(boxes.UNLUCKY, observed(50, 20), n_threads=2, out=tmp_path / "run", progress=stop_at("last step"),
                     **given)
    again = fm.resume(tmp_path / "run", n_threads=1, trust=True)
    assert again.estimate == whole.estimate
    assert again.p_value == whole.p_value
    told = [[line for line in fit.warnings if "were lost" in line] for fit in (whole, again)]
    assert len(told[0]) == len(told[1]) == 1
    assert told[0][0].partition(" (the first")[0] == told[1][0].partition(" (the first")[0]
    assert "raised ValueError: bad luck at" in told[0][0]


def test_one_of_a_single_length_is_calibrated_without_a_look_at_later_times():
    fit = fm.calibrate(fm.BlackBox(boxes.one_length, boxes.PARAMETERS), observed(50, 20), updater="moments", **CHEAP)
    assert [line for line in fit.warnings if "a length of their own" in line]
    assert "recommended" not in fit.result["stationarity"]


def test_one_that_never_works_ends_a_calibration_at_once():
    with pytest.raises(ModelError, match="raised ZeroDivisionError: no agents left at"):
        fm.calibrate(fm.BlackBox(boxes.raises, boxes.PARAMETERS), observed(50, 20), **CHEAP)
    with pytest.raises(ModelError, match="rules of its own outside fastmas, which fastmas cannot differentiate"):
        fm.calibrate(boxes.AR1, observed(50, 20), updater="pathwise", **CHEAP)


def test_the_command_line_names_the_line_that_failed(tmp_path):
    np.save(tmp_path / "x.npy", observed(50, 20))
    (tmp_path / "sim.py").write_text(
        "import os\nimport fastmas as fm\ndef f(theta, seed):\n    os._exit(9)\n"
        "MODEL = fm.BlackBox(f, {'a': fm.Parameter(1.0, 0.0, 2.0)})\n")
    done = subprocess.run([sys.executable, "-m", "fastmas", "calibrate", "sim.py", "--data", "x.npy"], cwd=tmp_path,
                          capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1].startswith(
        "fastmas: error: model 'f': it ended its process (exit status 9) in sim.py:3, `def f(theta, seed):`, with a=")
