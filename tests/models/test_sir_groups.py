"""The epidemic in two groups: a small one against its exact Markov chain, the default one against NumPy's binomials."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from laws import UNLIKELY, assert_threads_change_no_bit, p_of_law, whole
from scipy.stats import binom

from fastmas import models
from fastmas.errors import ParameterError
from fastmas.simulate import simulate

SMALL = {"n_children": 3, "n_adults": 2}
THETA = {"beta_cc": 60, "beta_ca": 400, "beta_ac": 120, "beta_aa": 30, "gamma": 25, "n_infected_0": 1}
WEEKS = 52
SDS = 5.0


def chances(theta, n: int, infected_children, infected_adults):
    """Of infection in a week, of a child and an adult, and of recovery."""
    i_c, i_a = infected_children / n, infected_adults / n
    rates = ((theta["beta_cc"] * i_c + theta["beta_ca"] * i_a) / WEEKS,
             (theta["beta_ac"] * i_c + theta["beta_aa"] * i_a) / WEEKS, theta["gamma"] / WEEKS)
    return [1 - np.exp(-np.asarray(rate)) for rate in rates]


def group_step(s: int, i: int, infection: float, recovery: float) -> dict[tuple[int, int], float]:
    """The law of (susceptible, infected) of a group after a step."""
    found: dict[tuple[int, int], float] = {}
    for ill, well in product(range(s + 1), range(i + 1)):
        after = s - ill, i + ill - well
        found[after] = found.get(after, 0.0) + binom.pmf(ill, s, infection) * binom.pmf(well, i, recovery)
    return found


def exact_law(theta, n_steps: int) -> dict[tuple[int, int, int, int], float]:
    """Of (susceptible children, infected children, susceptible adults, infected adults) at t = n_steps."""
    law = {(3 - theta["n_infected_0"], theta["n_infected_0"], 2, 0): 1.0}
    for _ in range(n_steps):
        after: dict[tuple[int, int, int, int], float] = {}
        for (s_c, i_c, s_a, i_a), p in law.items():
            child, adult, recovery = chances(theta, 5, i_c, i_a)
            for (c, p_c), (a, p_a) in product(group_step(s_c, i_c, child, recovery).items(),
                                              group_step(s_a, i_a, adult, recovery).items()):
                after[(*c, *a)] = after.get((*c, *a), 0.0) + p * p_c * p_a
        law = after
    return law


@pytest.mark.statistical
@pytest.mark.parametrize("t", [1, 3, 8])
def test_a_small_epidemic_has_the_law_of_the_exact_chain(t):
    """Of infected children and adults together, in a code 3 * children + adults."""
    law = np.zeros(12)
    for (_, i_c, _, i_a), p in exact_law(THETA, t).items():
        law[3 * i_c + i_a] += p
    groups = ("infected_children", "infected_adults")
    seen = [whole(simulate(models.sir_groups(**SMALL), THETA, n_paths=100_000, n_steps=t, warmup=t, seed=1,
                           observable=name, dtype="float64"))[:, 0] for name in groups]
    assert p_of_law(3 * seen[0] + seen[1], law) > UNLIKELY


def other_simulation(theta, n_paths: int, n_steps: int, rng) -> dict[str, np.ndarray]:
    """Groups as four numbers, by NumPy's binomials, from the defaults' numbers of people."""
    s_c, i_c = np.full(n_paths, 20 - theta["n_infected_0"]), np.full(n_paths, theta["n_infected_0"])
    s_a, i_a = np.full(n_paths, 80), np.zeros(n_paths, dtype=int)
    seen = {name: [] for name in ("infected", "infected_children", "infected_adults", "cases")}
    for _ in range(n_steps):
        child, adult, recovery = chances(theta, 100, i_c, i_a)
        ill_c, ill_a = rng.binomial(s_c, child), rng.binomial(s_a, adult)
        i_c, i_a = i_c + ill_c - rng.binomial(i_c, recovery), i_a + ill_a - rng.binomial(i_a, recovery)
        s_c, s_a = s_c - ill_c, s_a - ill_a
        for name, value in zip(seen, (i_c + i_a, i_c, i_a, ill_c + ill_a), strict=True):
            seen[name].append(value)
    return {name: np.stack(values, axis=1) for name, values in seen.items()}


@pytest.mark.statistical
def test_the_default_epidemic_is_that_of_another_simulation():
    """Keeling and Rohani's rates: mean and variance of every observable, at every fifth week of a year."""
    theta = {"beta_cc": 100, "beta_ca": 10, "beta_ac": 10, "beta_aa": 20, "gamma": 10, "n_infected_0": 5}
    expected = other_simulation(theta, 20_000, WEEKS, np.random.default_rng(1))
    for name, other in expected.items():
        ours = simulate(models.sir_groups(), n_paths=20_000, n_steps=WEEKS, seed=2, observable=name).astype(np.float64)
        for t in range(5, WEEKS, 5):
            for a, b in ((ours[:, t], other[:, t - 1]), (ours[:, t] ** 2, other[:, t - 1] ** 2)):
                error = np.sqrt((a.var() + b.var()) / len(a))
                assert abs(a.mean() - b.mean()) < SDS * error, (name, t)


def test_nobody_is_infected_twice():
    """All cases and the first ones are at most everybody, and everybody infected is among them."""
    infected, cases = (simulate(models.sir_groups(), {"beta_aa": 900}, n_paths=200, n_steps=200, observable=name)
                       for name in ("infected", "cases"))
    ever = 5 + np.cumsum(cases, axis=1)
    assert ever.max() == 100
    assert (infected <= ever).all()
    assert (infected[:, -1] == 0).all()


def test_more_sick_children_than_children_are_refused():
    with pytest.raises(ParameterError, match="n_infected_0=5"):
        simulate(models.sir_groups(n_children=3), n_paths=1, n_steps=1)
    with pytest.raises(ParameterError, match="nobody"):
        models.sir_groups(n_children=0, n_adults=0)


def test_threads_change_no_bit():
    assert_threads_change_no_bit(models.sir_groups(**SMALL), THETA)
