"""Compiled lanes against the text run by Python, over texts that together say all that the language can."""

from __future__ import annotations

import numpy as np
import pytest
import texts

from fastmas import simulate
from fastmas.engine.job import Job
from fastmas.language.oracle import oracle
from fastmas.random.address import address_of
from fastmas.simulate import simulate_job, values_of

SEED, N_PATHS, N_STEPS = 3, 3, 100
CLOSE = 1e-12  # of the largest value: sums in another order, functions of other libraries


def lanes(model, theta=None, n_paths=N_PATHS, n_steps=N_STEPS, **options):
    """Every state by name, float64 unless asked otherwise."""
    shown = tuple(one for one in model.observables if one.transform is None)
    job = Job(model=model, values=values_of(model, theta), n_paths=n_paths, n_steps=n_steps,
              address=address_of(SEED, 0, 0), observables=shown, **{"dtype": "float64", **options})
    return dict(zip([one.name for one in shown], simulate_job(job)[:, 0], strict=True))


def distance(found, wanted):
    return float(np.max(np.abs(found - wanted)) / max(1e-300, float(np.max(np.abs(wanted)))))


@pytest.mark.parametrize("kind", texts.TEXTS, ids=lambda kind: kind.__name__)
def test_lanes_are_the_text(kind):
    model = kind()
    wanted = oracle(model, n_paths=N_PATHS, n_steps=N_STEPS, address=address_of(SEED, 0, 0))
    found = lanes(model)
    assert {name: distance(found[name], wanted[name]) for name in found} == pytest.approx(
        dict.fromkeys(found, 0.0), abs=CLOSE)


def test_they_move():
    """What is compared is no constant: every state of every text takes more than one value."""
    for kind in texts.TEXTS:
        paths = oracle(kind(), n_paths=2, n_steps=12, address=address_of(SEED, 0, 0))
        still = [name for name, values in paths.items() if np.ptp(values[:, 1:]) == 0]
        assert not still, f"{kind.__name__}: {still}"


@pytest.mark.parametrize("kind", [texts.Crowd, texts.Words], ids=lambda kind: kind.__name__)
def test_bits_depend_on_neither_threads_nor_paths(kind):
    alone = simulate(kind(), n_paths=3, n_steps=20, seed=SEED, dtype="float64", n_threads=1)
    many = simulate(kind(), n_paths=200, n_steps=20, seed=SEED, dtype="float64", n_threads=2)
    assert np.array_equal(alone, many[:3])


@pytest.mark.parametrize("kind", [texts.Crowd, texts.Lookback], ids=lambda kind: kind.__name__)
def test_several_thetas_are_each_alone(kind):
    """Integer parameters change what a step loops over or looks back at; every theta has its own."""
    name = {"Crowd": "shift", "Lookback": "length"}[kind.__name__]
    thetas = [{name: 2}, {name: 4}, {name: 1}]
    together = simulate(kind(), thetas, n_paths=3, n_steps=20, seed=SEED, dtype="float64", common_random_numbers=True,
                        observable="y" if name == "length" else "behind")
    for theta, found in zip(thetas, together, strict=True):
        alone = simulate(kind(), theta, n_paths=3, n_steps=20, seed=SEED, dtype="float64",
                         observable="y" if name == "length" else "behind")
        assert np.array_equal(found, alone)
    assert not np.array_equal(together[0], together[1])
