"""Alfi et al. (2009): the law of a step given the path so far, and the regimes against another simulation."""

from __future__ import annotations

import numpy as np
import pytest
from agreement import assert_means_agree, assert_normal, assert_standard, observed

from fastmas import models
from fastmas.errors import ParameterError

MEMORY, B_TREND, GAMMA, K, PACE, DELTA, VALUE = 100, 1.0, 0.006, 0.002, 0.1, 0.003, 5000.0


def rules(price, average, chartists, n):
    """Excess demand of a trader, P_CF and P_FC as the paper writes them; where there is no average chartists wait."""
    gap, z = VALUE - price, chartists / n
    trend = np.where(np.isnan(average), 0, (price - average) / (MEMORY - 1))
    excess = z * B_TREND * trend + (1 - z) * GAMMA * gap
    to_value = PACE * (1 + DELTA) * (K + 1 - z) * np.exp(GAMMA * np.abs(gap))
    to_trend = PACE * (1 - DELTA) * (K + z) * np.exp(B_TREND * np.abs(trend))
    return excess, np.minimum(to_value, 1), np.minimum(to_trend, 1)


def averages(price):
    """Of the last MEMORY prices at each time, NaN where there are fewer."""
    out = np.full_like(price, np.nan)
    window = np.lib.stride_tricks.sliding_window_view(price, MEMORY, axis=-1)
    out[..., MEMORY - 1:] = window.mean(axis=-1)
    return out


@pytest.mark.statistical
@pytest.mark.parametrize("n", [50, 500])
def test_a_step_has_the_law_of_the_paper(n):
    """Given the path so far, prices are normal, and the change of sides is the difference of two binomial numbers."""
    price, crowd = observed(models.get("alfi", n=n), ["price", "chartists"], n_paths=300, n_steps=300)
    now, c = price[:, :-1], crowd[:, :-1]
    excess, leave, join = rules(now, averages(price)[:, :-1], c, n)
    assert_normal(price[:, 1:] - now - excess)
    change = np.diff(crowd, axis=1)
    np.testing.assert_array_equal(change, np.rint(change))
    assert crowd.min() >= 0
    assert crowd.max() <= n
    mean = (n - c) * join - c * leave
    variance = (n - c) * join * (1 - join) + c * leave * (1 - leave)
    assert_standard((change - mean) / np.sqrt(variance))
    late = c[:, MEMORY:] > n / 2  # where the two exponentials and the herding weigh otherwise
    assert_standard(((change - mean) / np.sqrt(variance))[:, MEMORY:][late])


def simulated(n, n_paths, n_steps, seed):
    """Prices less the value and shares of chartists (n_paths, n_steps + 1), by NumPy alone."""
    rng = np.random.default_rng(seed)
    price, crowd = np.full((n_paths, n_steps + 1), VALUE), np.full((n_paths, n_steps + 1), n // 2)
    for t in range(1, n_steps + 1):
        p, c = price[:, t - 1], crowd[:, t - 1]
        average = price[:, t - MEMORY:t].mean(axis=1) if t >= MEMORY else np.full(n_paths, np.nan)
        excess, leave, join = rules(p, average, c, n)
        crowd[:, t] = c - rng.binomial(c, leave) + rng.binomial(n - c, join)
        price[:, t] = p + excess + rng.standard_normal(n_paths)
    return price - VALUE, crowd / n


def facts(gap, z):
    gap, z = gap[:, 500:], z[:, 500:]
    return np.stack([z.mean(axis=1), (z < 0.05).mean(axis=1), (z > 0.95).mean(axis=1), (gap**2).mean(axis=1)], axis=1)


@pytest.mark.statistical
@pytest.mark.parametrize("n", [50, 500, 5000])
def test_regimes_are_those_of_another_simulation(n):
    """Mean share of chartists, time with nearly none or all of them, and variance of the price, over 1,000 steps."""
    price, crowd = observed(models.get("alfi", n=n), ["price", "chartists"], n_paths=1000, n_steps=1500)
    ours = facts(price - VALUE, crowd / n)
    assert_means_agree(ours, facts(*simulated(n, 120, 1500, seed=1)), f"n={n}")
    _, none, all_of_them, _ = ours.mean(axis=0)
    if n == 50:  # the paper: a small market is caught by either side
        assert none > 0.3
        assert all_of_them > 0.02
    if n == 5000:  # and a large one is not, fundamentalists prevail
        assert all_of_them == 0
        assert ours[:, 0].mean() < 0.5


def test_options():
    with pytest.raises(ParameterError, match="memory=1: give a whole number, 2 to 1000000"):
        models.get("alfi", memory=1)
