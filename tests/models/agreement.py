"""What tests of a model's law share: its states side by side, and thresholds from standard errors."""

from __future__ import annotations

import numpy as np

from fastmas.engine.job import Job
from fastmas.random.address import Address
from fastmas.simulate import simulate_job

SIGMAS = 5.0  # a true law is refused once in 1.7 million such comparisons


def observed(model, names, theta=None, *, n_paths, n_steps, warmup=0, seed=0, dtype="float64"):
    """Observables of the same paths, each (n_paths, n_steps - warmup + 1), in float64."""
    job = Job(model=model, values=model.space(fixed=theta).base[None], n_paths=n_paths, n_steps=n_steps, warmup=warmup,
              address=Address(seed), dtype=dtype, observables=tuple(model.observable(name) for name in names))
    return simulate_job(job)[:, 0].astype(np.float64)


def assert_standard(z):
    """Mean 0 and variance 1 of independent numbers, within SIGMAS standard errors."""
    z = np.ravel(z)
    assert abs(z.mean()) < SIGMAS / np.sqrt(z.size)
    assert abs((z**2).mean() - 1) < SIGMAS * (z**2).std() / np.sqrt(z.size)


def assert_normal(z):
    """As `assert_standard`, and third and fourth moments: 0 +- sqrt(15 / n), 3 +- sqrt(96 / n)."""
    assert_standard(z)
    z = np.ravel(z)
    assert abs((z**3).mean()) < SIGMAS * np.sqrt(15 / z.size)
    assert abs((z**4).mean() - 3) < SIGMAS * np.sqrt(96 / z.size)


def assert_means_agree(ours, theirs, label=""):
    """Means over paths, (n_paths, ...) of two simulations, within SIGMAS standard errors of their difference."""
    ours, theirs = np.asarray(ours, dtype=np.float64), np.asarray(theirs, dtype=np.float64)
    error = np.sqrt(ours.var(axis=0, ddof=1) / len(ours) + theirs.var(axis=0, ddof=1) / len(theirs))
    gap = np.abs(ours.mean(axis=0) - theirs.mean(axis=0))
    assert np.all(gap <= SIGMAS * error), f"{label}: {ours.mean(axis=0)} against {theirs.mean(axis=0)}, +- {error}"


def autocorrelation(x, lag):
    """Of each row, with its own mean and variance: (n, n_times) to (n,)."""
    x = x - x.mean(axis=1, keepdims=True)
    return (x[:, lag:] * x[:, :-lag]).mean(axis=1) / (x**2).mean(axis=1)


def excess_kurtosis(x):
    """Of each row."""
    x = x - x.mean(axis=1, keepdims=True)
    return (x**4).mean(axis=1) / (x**2).mean(axis=1) ** 2 - 3
