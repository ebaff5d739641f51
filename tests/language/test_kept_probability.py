"""A normal probability that a state keeps, whoever else takes it for a threshold."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import special

from fastmas.language import Model, Parameter, Phi, State
from fastmas.language.oracle import oracle
from fastmas.simulate import simulate


class Kept(Model):
    x = Parameter(0.3, -5.0, 5.0)
    p = State(0)
    buyers = State(0)
    q = State(0)

    def step(self, t, draw):
        self.p = Phi(self.x)
        self.buyers = draw.count(20, Phi(self.x - self.buyers / 20))
        self.q = Phi(self.buyers - 10)


class Counted(Model):
    x = Parameter(0.3, -5.0, 5.0)
    p = State(0)
    buyers = State(0)

    def step(self, t, draw):
        self.p = Phi(self.x)
        self.buyers = draw.count(20, self.p)


@pytest.mark.parametrize("kind", [Kept, Counted])
def test_a_state_that_is_a_probability(kind):
    values = {"x": -0.4}
    truth = oracle(kind(), values, n_paths=8, n_steps=5)
    assert np.all(truth["p"][:, 1:] == pytest.approx(special.ndtr(-0.4), abs=1e-15))
    for name, expected in truth.items():
        found = simulate(kind(), values, n_paths=8, n_steps=5, observable=name, dtype="float64")
        np.testing.assert_allclose(found, expected, atol=1e-12)
