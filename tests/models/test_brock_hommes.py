"""Brock and Hommes (1998): fixed points, cycles and bifurcations in closed form, and the noise of a step."""

from __future__ import annotations

import numpy as np
import pytest
from agreement import assert_normal, observed

from fastmas import models
from fastmas.errors import ParameterError

TREND = {"sigma": 0, "r": 0.1}  # s. 4.1.1: fundamentalists at a cost of 1 against trend followers, g = 1.2, R = 1.1
GROWTH, R = 1.2, 1.1


def deviations(n_types, theta, n_steps, x_0=0.5):
    return observed(models.get("brock-hommes", n_types=n_types), ["x"], {"x_0": x_0, **theta}, n_paths=1,
                    n_steps=n_steps)[0, 0]


def odds(share):
    return np.log(share / (1 - share))


def test_pitchfork_of_trend_followers():
    """Trend followers are R / g of the traders in a steady state x* other than 0.

    Their share is 1 / (1 + exp(beta (U_1 - U_2))) with U_1 - U_2 = (R - 1) g x*^2 - C: such an x* exists above
    beta* = log(11) = 2.398 only.
    """
    beta = 3.0
    steady = np.sqrt((1 - odds(R / GROWTH) / beta) / ((R - 1) * GROWTH))
    assert deviations(2, {**TREND, "beta": beta}, 3000)[-1] == pytest.approx(steady, rel=1e-9)
    assert deviations(2, {**TREND, "beta": beta}, 3000, x_0=-0.5)[-1] == pytest.approx(-steady, rel=1e-9)
    assert abs(deviations(2, {**TREND, "beta": 2.2}, 3000)[-1]) < 1e-9


def test_period_doubling_of_contrarians():
    """s. 4.2, g = -1.5: a cycle x, -x exists above beta* = log(2.75) = 1.012.

    Contrarians are R / |g| of the traders in it, and earn (1 + R) g x^2 + C more than fundamentalists.
    """
    contrarian = {**TREND, "g[1]": -1.5}
    beta = 1.1
    cycle = np.sqrt((1 - odds(R / 1.5) / beta) / (1.5 * (1 + R)))
    last = deviations(2, {**contrarian, "beta": beta}, 4000, x_0=0.1)[-4:]
    np.testing.assert_allclose(np.abs(last), cycle, rtol=1e-9)
    np.testing.assert_array_equal(np.sign(last[1:]), -np.sign(last[:-1]))
    assert abs(deviations(2, {**contrarian, "beta": 0.9}, 4000, x_0=0.1)[-1]) < 1e-9


def test_hopf_bifurcation_of_four_types():
    """s. 4.4: near x = 0, R x(t) = (mean g + beta V) x(t-1) - beta V R x(t-2), V = var b = .02.

    Where they are complex, the roots have the modulus sqrt(beta V): the steady state loses stability at beta = 50, the
    paper's value, in a Hopf bifurcation. What is left out is beta x of x: 4e-5 here.
    """
    beta, x_0 = 40, 1e-6
    x = deviations(4, {"sigma": 0, "beta": beta}, 60, x_0=x_0)
    linear = (0.7025 + beta * 0.02) * x[1:-1] - beta * 0.02 * 1.01 * x[:-2]
    envelope = x_0 * (beta * 0.02) ** (np.arange(2, 61) / 2)
    assert np.all(np.abs(1.01 * x[2:] - linear)[1:] < 1e-3 * envelope[1:])
    assert np.abs(deviations(4, {"sigma": 0, "beta": 49}, 6000, x_0=1e-3)[-40:]).max() < 1e-9
    assert 0.05 < np.abs(deviations(4, {"sigma": 0, "beta": 55}, 6000, x_0=1e-3)[-40:]).max() < 2


@pytest.mark.statistical
def test_a_step_is_the_normal_law_about_the_beliefs():
    """R x(t) - sum n_h (g_h x(t-1) + b_h) is the noise, with shares from profits computed here once more."""
    g, b = np.array([0, 0.9, 0.9, 1.01]), np.array([0, 0.2, -0.2, 0])
    x = observed(models.get("brock-hommes"), ["x"], n_paths=300, n_steps=200)[0]
    one, two, three = (x[:, 3 - k:-k, None] for k in (1, 2, 3))
    utility = (one - 1.01 * two) * (g * three + b - 1.01 * two)
    weight = np.exp(120 * (utility - utility.max(axis=2, keepdims=True)))
    belief = (weight * (g * one + b)).sum(axis=2) / weight.sum(axis=2)
    assert_normal((1.01 * x[:, 3:] - belief) / 0.04)


def test_numbers_of_types():
    assert models.get("brock-hommes", n_types=3).space().values["b[2]"] == -0.2  # s. 4.3
    assert models.get("brock-hommes", n_types=2).space().values["cost[0]"] == 1
    with pytest.raises(ParameterError, match="n_types=0: give a whole number of types"):
        models.get("brock-hommes", n_types=0)
