"""The start is global: the whole box is looked at, and basins that are as good are told to the end."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from models.twins import Twins
from small_games import SMALL
from test_moments import N_TIMES, moments_of, problem

import fastmas as fm
from fastmas.updaters import moments
from fastmas.updaters.moments import EFFORT, fit_moments


@pytest.mark.parametrize("corner", [(-2.7, -1.3), (-2.7, 1.3), (2.7, -1.3), (2.7, 1.3)])
def test_the_scan_looks_at_the_corners_of_the_box(corner):
    """The truth is a twentieth of the box from its corner; within the middle half nothing is nearer than a fifth."""
    noise = np.random.default_rng(7).standard_normal((2000, N_TIMES))
    seen = moments_of(corner[0] + np.exp(corner[1]) * noise).mean(axis=0)
    fit = problem(1, observed=seen)
    best = moments._scan(fit, EFFORT)[0]
    assert (np.abs(best - corner) < 0.15 * fit.region.width).all()


def test_a_second_basin_comes_through_to_the_result():
    """width and -width are one law: the one that is not the estimate is told, with a distance within chance."""
    budget = replace(SMALL, start=replace(SMALL.start, n_starts=EFFORT.n_starts))
    x = fm.simulate(Twins(), {"width": 1.0}, n_paths=60, n_steps=40, seed=3)
    fit = fm.calibrate(Twins(), x, free=["width"], updater="moments", warmup=0, n_threads=1, interval=False,
                       budget=budget)
    assert abs(fit.estimate["width"]) == pytest.approx(1.0, abs=0.1)
    told = [mode["estimate"]["width"] for mode in fit.result["modes"]]
    assert told == [pytest.approx(-fit.estimate["width"], abs=0.1)]
    assert 0.0 <= fit.result["modes"][0]["distance"] - fit.result["distance"] < moments.MODE


def test_a_flat_coordinate_is_looked_along(monkeypatch):
    """The sd has a slope above .6 alone: from -1 downhill steps stand still, and a look along it finds the truth."""
    def simulated(z, n_paths, run, common):
        noise = np.random.default_rng([5, run]).standard_normal((n_paths, N_TIMES))
        return moments_of(z[:, 0, None, None] + (1.0 + 2.0 * np.maximum(z[:, 1, None, None] - 0.6, 0.0)) * noise)

    truth = np.array([[0.5, 1.2]])
    toy = problem(1, observed=simulated(truth, 4000, 99, True)[0].mean(axis=0), simulated=simulated)
    monkeypatch.setattr(moments, "_scan", lambda problem, effort: np.array([[0.5, -1.0]]))
    assert fit_moments(toy).z == pytest.approx(truth[0], abs=0.1)
    monkeypatch.setattr(moments, "_along_valleys", lambda problem, points, effort: points)
    assert fit_moments(toy).z[1] < 0.6
