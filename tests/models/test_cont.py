"""Cont (2007): closed forms of its first steps, and volatility clustering against an independent simulation."""

from __future__ import annotations

import numpy as np
import pytest
from agreement import assert_means_agree, autocorrelation, excess_kurtosis, observed
from scipy.stats import chi2

from fastmas import models
from fastmas.errors import ParameterError

N = 1500  # traders: 1501 = 19 x 79 possible sizes of the excess demand
DEPTH = 10.0


def returns(theta=None, **sizes):
    return observed(models.get("cont"), ["log_return"], theta, dtype="float32", **sizes)[0]


@pytest.mark.statistical
def test_first_excess_demand_is_uniform():
    """The news and the N first thresholds are N + 1 independent numbers of one law: the rank of the news is uniform.

    19 cells of 79 sizes each; the chance that chi-square with 18 degrees of freedom exceeds the bound is 1e-6.
    """
    r = returns(n_paths=16_384, n_steps=1)[:, 1]
    traders = np.rint(np.abs(r) * DEPTH * N).astype(int)
    np.testing.assert_allclose(np.abs(r) * DEPTH * N, traders, atol=1e-3)
    seen = np.bincount(traders // 79, minlength=19)
    expected = len(r) / 19
    assert ((seen - expected) ** 2 / expected).sum() < chi2.isf(1e-6, 18)
    assert abs(np.mean(r > 0) - 0.5) < 5 * 0.5 / np.sqrt(len(r))


def test_when_all_revise_every_day_all_trade_every_other_day():
    """s = 1: every threshold is |r(t-1)|, so that nobody trades after a return, and all do after none."""
    size = np.abs(returns({"s": 1.0}, n_paths=500, n_steps=12))[:, 2:]
    np.testing.assert_allclose(np.minimum(size, np.abs(size - 1 / DEPTH)), 0, atol=1e-6)
    np.testing.assert_allclose(size[:, 1:] + size[:, :-1], 1 / DEPTH, rtol=1e-6)


def test_price_is_the_exponential_of_the_returns():
    price, r = observed(models.get("cont"), ["price", "log_return"], n_paths=20, n_steps=50, dtype="float32")
    np.testing.assert_allclose(price, 100 * np.exp(np.cumsum(r, axis=1)), rtol=1e-5)


def simulated(s, sigma, n_paths, n_steps, seed):
    """Returns (n_paths, n_steps) by NumPy alone, as section 4.2 has them: who trades, the return, who revises."""
    rng = np.random.default_rng(seed)
    threshold = np.abs(rng.normal(0, sigma, (n_paths, N)))
    out = np.zeros((n_paths, n_steps))
    for t in range(n_steps):
        news = rng.normal(0, sigma, (n_paths, 1))
        out[:, t] = ((news > threshold).sum(axis=1) - (news < -threshold).sum(axis=1)) / (DEPTH * N)
        threshold = np.where(rng.random((n_paths, N)) < s, np.abs(out[:, t:t + 1]), threshold)
    return out


def facts(r):
    size = np.abs(r)
    return np.stack([r.std(axis=1), excess_kurtosis(r), autocorrelation(r, 1),
                     *(autocorrelation(size, lag) for lag in (1, 5, 10))], axis=1)


@pytest.mark.statistical
def test_volatility_clusters_as_in_another_simulation():
    """The first 400 days at s = .1: the same means of spread, kurtosis and autocorrelations.

    Over 9,000 days such a simulation had an sd of .0165 a day (26% a year), an excess kurtosis of 2.0, and
    autocorrelations of |r| of .24 and .09 at lags 1 and 10, of r of -.02: heavier tails than the normal news, returns
    far more volatile than the news (.001), uncorrelated, clustered, which is what the paper says.
    """
    r = returns(n_paths=256, n_steps=400)[:, 1:]
    ours, theirs = facts(r), facts(simulated(0.1, 0.001, 24, 400, seed=1))
    assert_means_agree(ours, theirs, "facts")
    sd, kurtosis, linear, *clustering = ours.mean(axis=0)
    assert 10 * 0.001 < sd < 20 * 0.001
    assert kurtosis > 1
    assert abs(linear) < 0.05
    assert clustering[0] > clustering[1] > clustering[2] > 0


def test_options():
    with pytest.raises(ParameterError, match="n=0: give a whole number of traders, 1 to 1000000"):
        models.get("cont", n=0)
