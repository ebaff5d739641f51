"""GARCH(1,1) against the moments of Bollerslev (1986), and its returns against its own variance."""

from __future__ import annotations

import numpy as np
import pytest
from laws import UNLIKELY, assert_threads_change_no_bit
from scipy.stats import kstest

from fastmas import models
from fastmas.errors import ParameterError
from fastmas.simulate import simulate

# E (alpha z^2 + beta)^4 = .75 < 1: the eighth moment exists, and with it the standard error of the fourth.
THETA = {"mu": 0.3, "omega": 0.5, "alpha": 0.2, "beta": 0.5}
SDS = 5.0  # of a mean that is off; fixed seeds, some ten such tests


@pytest.fixture(scope="module")
def shocks():
    """Shocks (paths, t = 51..70), when the start at the long-run variance is forgotten: .57^50 = 6e-13."""
    returns = simulate(models.garch(), THETA, n_paths=100_000, n_steps=70, warmup=51, seed=2, observable="log_return")
    return returns.astype(np.float64) - THETA["mu"]


def assert_mean(of_paths: np.ndarray, expected: float):
    """The mean over paths, which are independent, is `expected` within SDS standard errors."""
    error = of_paths.std() / np.sqrt(len(of_paths))
    assert abs(of_paths.mean() - expected) < SDS * error
    assert error < 0.03 * abs(expected)  # so that the test can see something


@pytest.mark.statistical
def test_moments_are_those_of_bollerslev(shocks):
    """Theorem 2 and s. 4: variance, kurtosis, and autocorrelations of squares."""
    omega, alpha, beta = 0.5, 0.2, 0.5
    variance = omega / (1 - alpha - beta)
    kurtosis = 3 * (1 - (alpha + beta) ** 2) / (1 - (alpha + beta) ** 2 - 2 * alpha**2)  # 3.56
    rho_1 = alpha * (1 - alpha * beta - beta**2) / (1 - 2 * alpha * beta - beta**2)  # .236
    assert abs(shocks.mean()) < SDS * np.sqrt(variance / shocks.size)
    squares = shocks**2
    assert_mean(squares.mean(axis=1), variance)
    assert_mean((squares**2).mean(axis=1), kurtosis * variance**2)
    for lag in (1, 2, 5):
        rho = rho_1 * (alpha + beta) ** (lag - 1)
        expected = variance**2 * (1 + rho * (kurtosis - 1))
        assert_mean((squares[:, :-lag] * squares[:, lag:]).mean(axis=1), expected)


@pytest.mark.statistical
def test_the_default_is_the_published_benchmark():
    """Fiorentini, Calzolari and Panattoni (1996): omega .0107613, alpha .153134, beta .805974: variance .26316 %^2."""
    returns = simulate(models.garch(), n_paths=100_000, n_steps=20, warmup=1, seed=3, observable="log_return")
    assert_mean(((returns.astype(np.float64) + 0.00619041) ** 2).mean(axis=1), 0.0107613 / (1 - 0.153134 - 0.805974))


def test_returns_are_normal_with_the_variance_known_before():
    """And the variance follows eq. (2), the price the returns."""
    price, returns, variance = (
        simulate(models.garch(), THETA, n_paths=300, n_steps=40, seed=4, dtype="float64", observable=name)
        for name in ("price", "log_return", "variance"))
    np.testing.assert_allclose(variance[:, 0], 0.5 / 0.3, rtol=1e-14)
    shock = returns[:, 1:] - 0.3
    np.testing.assert_allclose(variance[:, 1:], 0.5 + 0.2 * shock**2 + 0.5 * variance[:, :-1], rtol=1e-13)
    np.testing.assert_allclose(price, 100 * np.exp(np.cumsum(returns, axis=1) / 100), rtol=1e-12)
    assert kstest((shock / np.sqrt(variance[:, :-1])).ravel(), "norm").pvalue > UNLIKELY


def test_without_a_long_run_variance_it_starts_somewhere():
    variance = simulate(models.garch(), {"alpha": 0.5, "beta": 0.9, "omega": 0.5}, n_paths=2, n_steps=1,
                        observable="variance")
    np.testing.assert_allclose(variance[:, 0], 500, rtol=1e-6)
    with pytest.raises(ParameterError, match="beta"):
        simulate(models.garch(), {"beta": 1.2}, n_paths=2, n_steps=1)


def test_threads_change_no_bit():
    assert_threads_change_no_bit(models.garch())
