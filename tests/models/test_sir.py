"""The epidemic: a small one against its exact Markov chain, the default one against a published figure."""

from __future__ import annotations

import numpy as np
import pytest
from laws import UNLIKELY, assert_threads_change_no_bit, p_of_law, whole
from scipy.optimize import brentq
from scipy.stats import binom

from fastmas import models
from fastmas.errors import ParameterError
from fastmas.simulate import simulate

N, THETA = 6, {"beta": 1.2, "gamma": 0.5, "n_infected_0": 2}


def exact_law(n_steps: int, gamma: float = 0.5) -> np.ndarray:
    """Of 7 * susceptible + infected at t = n_steps, (49,)."""
    law = {(N - 2, 2): 1.0}
    for _ in range(n_steps):
        after: dict[tuple[int, int], float] = {}
        for (s, i), p in law.items():
            for new in range(s + 1):
                p_new = binom.pmf(new, s, 1 - np.exp(-THETA["beta"] * i / N))
                for well in range(i + 1):
                    key = s - new, i + new - well
                    after[key] = after.get(key, 0.0) + p * p_new * binom.pmf(well, i, 1 - np.exp(-gamma))
        law = after
    found = np.zeros(49)
    for (s, i), p in law.items():
        found[7 * s + i] += p
    return found


@pytest.mark.statistical
@pytest.mark.parametrize("t", [1, 4])
def test_a_small_epidemic_has_the_law_of_the_exact_chain(t):
    """And not that of a gamma 3% higher."""
    s, i = (whole(simulate(models.sir(n_people=N), THETA, n_paths=100_000, n_steps=t, warmup=t, seed=1, observable=name,
                           dtype="float64"))[:, 0] for name in ("susceptible", "infected"))
    assert p_of_law(7 * s + i, exact_law(t)) > UNLIKELY
    assert p_of_law(7 * s + i, exact_law(t, gamma=0.515)) < UNLIKELY


def test_a_large_epidemic_ends_as_kermack_and_mckendrick_say():
    """Their final size z = 1 - exp(-R_0 z): in steps of 1/50 day R_0 is beta / gamma to 1%; sd of z is 1 / sqrt(n)."""
    theta, n = {"beta": 1.0, "gamma": 0.5, "n_infected_0": 1000}, 10**6
    left = simulate(models.sir(n_people=n, steps_per_day=50), theta, n_paths=4, n_steps=3000, warmup=3000,
                    observable="susceptible")
    z = brentq(lambda z: 1 - np.exp(-2 * z) - z, 0.1, 1)
    np.testing.assert_allclose(1 - left / n, z, atol=0.005)


def test_everybody_is_counted_once():
    cases, infected, susceptible = (whole(simulate(models.sir(), n_paths=50, n_steps=60, seed=1, observable=name))
                                    for name in ("cases", "infected", "susceptible"))
    assert (susceptible == 760 - np.cumsum(cases, axis=1)).all()
    assert (np.diff(infected, axis=1) <= cases[:, 1:]).all()
    assert (infected[:, -1] == 0).all()


def test_what_cannot_be_is_refused():
    with pytest.raises(ParameterError, match="n_infected_0=3: there are n_people=2"):
        simulate(models.sir(n_people=2), n_paths=1, n_steps=1)
    with pytest.raises(ParameterError, match="steps_per_day=0"):
        models.sir(steps_per_day=0)


def test_threads_change_no_bit():
    assert_threads_change_no_bit(models.sir())
