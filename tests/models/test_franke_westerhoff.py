"""Franke and Westerhoff (2012): the law of a step in closed form, moments of another simulation, the paper."""

from __future__ import annotations

import numpy as np
import pytest
from agreement import assert_means_agree, assert_normal, autocorrelation, excess_kurtosis, observed

from fastmas import models

PHI, CHI, SIGMA_F, SIGMA_C = 0.12, 1.50, 0.758, 2.087  # table 1, DCA-HPM
ALPHA_0, ALPHA_N, ALPHA_P = -0.327, 1.79, 18.43
N_DAYS = 6866  # of the paper's S&P 500, January 1980 to March 2007


def attraction(p, share):
    return ALPHA_0 + ALPHA_N * (2 * share - 1) + ALPHA_P * p**2


@pytest.mark.statistical
def test_a_step_is_the_normal_law_of_the_paper():
    """Given p(t), p(t-1) and the share, p(t+1) is normal with the mean and the variance of eqs. (1) to (3)."""
    model = models.get("franke-westerhoff")
    p, share = observed(model, ["log_price", "share"], n_paths=200, n_steps=400)
    np.testing.assert_allclose(share[:, 1:], 1 / (1 + np.exp(-attraction(p, share)[:, :-1])), rtol=1e-12)
    now, before, f = p[:, 1:-1], p[:, :-2], share[:, 1:-1]
    mean = now + 0.01 * (f * PHI * -now + (1 - f) * CHI * (now - before))
    sd = 0.01 * np.sqrt((f * SIGMA_F) ** 2 + ((1 - f) * SIGMA_C) ** 2)
    assert_normal((p[:, 2:] - mean) / sd)


def simulated(n_paths, n_steps, seed):
    """Returns in per cent and shares (n_paths, n_steps + 1), by NumPy alone, with two noises as the paper has them."""
    rng = np.random.default_rng(seed)
    p, before, f = np.zeros(n_paths), np.zeros(n_paths), np.full(n_paths, 0.5)
    returns, shares = np.zeros((n_paths, n_steps + 1)), np.full((n_paths, n_steps + 1), 0.5)
    for t in range(1, n_steps + 1):
        demand_f = PHI * -p + SIGMA_F * rng.standard_normal(n_paths)
        demand_c = CHI * (p - before) + SIGMA_C * rng.standard_normal(n_paths)
        share = 1 / (1 + np.exp(-attraction(p, f)))
        p, before = p + 0.01 * (f * demand_f + (1 - f) * demand_c), p
        f = share
        returns[:, t], shares[:, t] = 100 * (p - before), f
    return returns, shares


def smoothed(size, lag):
    """Autocorrelation as the paper takes it: the mean over neighbouring lags."""
    lags = (1, 2) if lag == 1 else (lag - 1, lag, lag + 1)
    return np.mean([autocorrelation(size, k) for k in lags], axis=0)


def moments(returns, shares):
    size = np.abs(returns)
    return np.stack([shares.mean(axis=1), size.mean(axis=1), excess_kurtosis(returns), autocorrelation(returns, 1),
                     *(smoothed(size, lag) for lag in (1, 5, 10, 25, 50, 100))], axis=1)


@pytest.mark.statistical
def test_its_moments_are_those_of_another_simulation_and_of_the_paper():
    """Moments of 200 paths of the paper's length.

    Another public implementation finds an excess kurtosis of 1.79 and a share of chartists of .292. The paper's
    estimate has a joint moment coverage ratio of 10%: of so many simulated samples, all nine moments are in the 95%
    intervals of the data's; so each of the data's moments (mean |r| .713, autocorrelations of |r| .193, .187, .159,
    .128, .112, .074 at lags 1, 5, 10, 25, 50, 100) is within 3.5 standard deviations of the samples'.
    """
    model = models.get("franke-westerhoff")
    returns, shares = observed(model, ["log_return", "share"], n_paths=200, n_steps=N_DAYS)
    ours = moments(returns, shares)
    assert_means_agree(ours, moments(*simulated(200, N_DAYS, seed=1)), "moments")
    mean, error = ours.mean(axis=0), ours.std(axis=0) / np.sqrt(len(ours))
    assert abs(mean[0] - (1 - 0.292)) < 5 * np.sqrt(2) * error[0]
    assert abs(mean[2] - 1.79) < 5 * np.sqrt(2) * error[2]
    data = np.array([0.713, 0.193, 0.187, 0.159, 0.128, 0.112, 0.074])
    samples = ours[:, [1, 4, 5, 6, 7, 8, 9]]
    assert np.all(np.abs(data - samples.mean(axis=0)) < 3.5 * samples.std(axis=0))
    assert abs(mean[3]) < 0.03  # returns themselves are almost uncorrelated
