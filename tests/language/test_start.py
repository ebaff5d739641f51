"""A start that draws: every path begins with numbers of its own."""

from __future__ import annotations

import numpy as np
import pytest

from fastmas.language import Agents, Model, State
from fastmas.language.oracle import oracle
from fastmas.lowering.program import program_of
from fastmas.simulate import simulate


class Drawn(Model):
    n: int = 40

    total = State(0)
    first = State(0)
    held = Agents("n")

    def start(self, draw):
        self.first = draw.normal()
        for i in range(self.n):
            self.held[i] = draw.normal()

    def step(self, t, draw):
        self.total = draw.normal() * 0
        for i in range(self.n):
            self.total += self.held[i]


def shown(observable, n_paths, **how):
    return simulate(Drawn(), n_paths=n_paths, n_steps=1, observable=observable, dtype="float64", **how)


@pytest.mark.statistical
def test_starts_are_normal_and_differ():
    """The first number, and the sum of the agents' 40 over sqrt(40): mean 0, variance 1 +- sqrt(2 / n), independent."""
    n = 20_000
    first, total = shown("first", n)[:, 0], shown("total", n)[:, 1] / np.sqrt(40)
    for z in (first, total):
        assert len(np.unique(z)) > 0.99 * n
        assert abs(z.mean()) < 5 / np.sqrt(n)
        assert abs((z**2).mean() - 1) < 5 * np.sqrt(2 / n)
    assert abs((first * total).mean()) < 5 / np.sqrt(n)


def test_starts_are_the_oracle_and_follow_the_seed():
    truth = oracle(Drawn(), n_paths=70, n_steps=1)
    for name in ("first", "total"):
        np.testing.assert_allclose(shown(name, 70), truth[name], atol=1e-12)
    assert np.all(shown("first", 70, seed=1)[:, 0] != shown("first", 70)[:, 0])
    np.testing.assert_array_equal(shown("first", 200, n_threads=2)[:70], shown("first", 70))


class Counted(Model):
    n: int = 20

    x = State(0)

    def start(self, draw):
        self.x = draw.count(self.n, 0.3)

    def step(self, t, draw):
        self.x += draw.normal()


@pytest.mark.parametrize(("n", "mode"), [(50, "agents"), (10**6, "aggregate")])
def test_a_count_of_the_start_alone_has_a_mode(n, mode):
    """That of its own size, in lanes as where Python runs the text."""
    model = Counted(n=n)
    assert program_of(model).mode == mode
    lanes = simulate(model, n_paths=4, n_steps=1, dtype="float64")
    np.testing.assert_array_equal(lanes[:, 0], oracle(model, n_paths=4, n_steps=1)["x"][:, 0])
