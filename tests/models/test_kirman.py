"""Kirman's ants: k is a birth-death chain, whose law is known exactly at every meeting and in the long run."""

from __future__ import annotations

import numpy as np
import pytest
from laws import UNLIKELY, assert_threads_change_no_bit, p_of_law, whole
from scipy.stats import betabinom, kstest

from fastmas import models
from fastmas.errors import ParameterError
from fastmas.simulate import simulate

FIGURES = {"a": (100, 0.15, 0.3), "b": (100, 0.002, 0.01)}  # Kirman (1993), Figure II: N, epsilon, delta
COLONIES = {**FIGURES, "few": (33, 0.01, 0.2)}  # of whom N and N - 1 are well apart


def meeting(n: int, epsilon: float, delta: float) -> np.ndarray:
    """P(k -> j) of one meeting, Kirman (1993), eq. (1), (n + 1, n + 1)."""
    k = np.arange(n + 1)
    up = (1 - k / n) * (epsilon + (1 - delta) * k / (n - 1))
    down = k / n * (epsilon + (1 - delta) * (n - k) / (n - 1))
    return np.diag(up[:-1], 1) + np.diag(down[1:], -1) + np.diag(1 - up - down)


def ants(colony: str, *, n_paths: int, n_steps: int, warmup: int = 0) -> np.ndarray:
    n, epsilon, delta = COLONIES[colony]
    return whole(simulate(models.kirman(n_ants=n), {"epsilon": epsilon, "delta": delta}, n_paths=n_paths,
                          n_steps=n_steps, warmup=warmup, seed=1, observable="k"))


@pytest.mark.statistical
@pytest.mark.parametrize("colony", COLONIES)
def test_k_has_the_law_of_the_exact_chain(colony):
    """After 1, 4 and 16 times fifty meetings, from half of the ants."""
    n = COLONIES[colony][0]
    k = ants(colony, n_paths=100_000, n_steps=16)
    assert (k[:, 0] == n // 2).all()
    step = np.linalg.matrix_power(meeting(*COLONIES[colony]), 50)
    for t in (1, 4, 16):
        assert p_of_law(k[:, t], np.linalg.matrix_power(step, t)[n // 2]) > UNLIKELY


@pytest.mark.statistical
def test_in_the_long_run_it_is_at_either_source():
    """Figure IIb: beta-binomial with .2 and .2, eqs. (4), (5), has 54% beyond 10 and 90, and 3.9% in 45..55.

    From k = 50 the odd modes are absent, and the slowest even one is forgotten within 71 steps: e^-11 at 800.
    """
    law = betabinom.pmf(np.arange(101), 100, *2 * [0.002 * 99 / 0.99])
    np.testing.assert_allclose(law @ meeting(100, 0.002, 0.01), law, atol=1e-15)
    k = ants("b", n_paths=20_000, n_steps=800, warmup=800)[:, 0]
    assert p_of_law(k, law) > UNLIKELY


@pytest.mark.statistical
def test_the_share_moves_the_price():
    """Alfarano, Lux and Wagner (2008): r = impact (x - x_before) + sigma_f e, x = 2 k / N - 1."""
    theta = {"impact": 0.7, "sigma_f": 0.02, "epsilon": 0.05}
    price, returns, k = (
        simulate(models.kirman(n_ants=40), theta, n_paths=300, n_steps=30, seed=2, dtype="float64", observable=name)
        for name in ("price", "log_return", "k"))
    np.testing.assert_allclose(price, 100 * np.exp(np.cumsum(returns, axis=1)), rtol=1e-12)
    noise = returns[:, 1:] - 0.7 * 2 * np.diff(k, axis=1) / 40
    assert kstest(noise.ravel() / 0.02, "norm").pvalue > UNLIKELY
    assert np.diff(k, axis=1).std() > 1


@pytest.mark.parametrize("wrong", [{"n_ants": 1}, {"meetings": 0}])
def test_a_colony_that_cannot_meet_is_refused(wrong):
    with pytest.raises(ParameterError, match=next(iter(wrong))):
        models.kirman(**wrong)


def test_threads_change_no_bit():
    assert_threads_change_no_bit(models.kirman())
