"""The herd: its buyers are a Markov chain, whose law is known exactly."""

from __future__ import annotations

import numpy as np
import pytest
from laws import UNLIKELY, assert_threads_change_no_bit, p_of_law, whole
from scipy.stats import binom

from fastmas import models
from fastmas.simulate import simulate

N, PATHS = 20, 40_000
THETA = {"follow": 0.8, "rho": 0.2}


def transition(follow: float) -> np.ndarray:
    """P(k -> j) of the number of buyers: Binomial(N, 1/2 + follow / 2 * mood), mood = 2 k / N - 1."""
    mood = 2 * np.arange(N + 1) / N - 1
    return binom.pmf(np.arange(N + 1), N, (0.5 + 0.5 * follow * mood)[:, None])


def buyers(theta, *, n_steps, seed=1):
    mood = simulate(models.herd(), theta, n_paths=PATHS, n_steps=n_steps, seed=seed, observable="mood")
    return whole(np.round((mood + 1) * N / 2, 4))


@pytest.mark.statistical
@pytest.mark.parametrize("t", [1, 2, 6])
def test_buyers_have_the_law_of_the_exact_chain(t):
    """From mood 0, as if N / 2 had bought."""
    law = np.linalg.matrix_power(transition(0.8), t)[N // 2]
    assert p_of_law(buyers(THETA, n_steps=6)[:, t], law) > UNLIKELY


@pytest.mark.statistical
def test_a_step_has_the_exact_law_given_the_last():
    """Of paths that had the same number of buyers at t = 5: other than the law at one t, it sees who follows whom."""
    k = buyers(THETA, n_steps=6)
    for before in (4, 10, 17):
        after = k[k[:, 5] == before, 6]
        assert p_of_law(after, transition(0.8)[before]) > UNLIKELY


def test_the_price_follows_the_mood():
    price, mood = (simulate(models.herd(), THETA, n_paths=64, n_steps=50, dtype="float64", observable=name)
                   for name in ("price", "mood"))
    np.testing.assert_allclose(price, 100 * np.cumprod(1 + 0.2 * mood, axis=1), rtol=1e-13)


def test_threads_change_no_bit():
    assert_threads_change_no_bit(models.herd())
