"""Relaxed twins; tangents against differences; the score of decisions."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from test_oracle import lanes

from fastmas import models
from fastmas.differentiate import differentiate
from fastmas.errors import ModelError
from fastmas.language import Agents, Model, Parameter, State, above, exp, floor, mean, past, sigmoid
from fastmas.language.activity import blind
from fastmas.language.oracle import oracle
from fastmas.language.reading import read_step
from fastmas.language.relaxed import relaxed
from fastmas.language.text import Text
from fastmas.models.stock_market import stock_market

SEED, H = 3, 1e-5
NAMES = ["a", "b", "own[1]", "x_0", "temperature"]


class Network(Model):
    """Everything that a tangent passes: loops, agents, friends, looks back, starts, values of one's own."""

    n: int = 5
    a = Parameter(0.4, -2.0, 2.0)
    b = Parameter(0.3, -2.0, 2.0)
    own = Parameter((0.1, 0.2, 0.3, 0.4, 0.5), 0.0, 1.0, n_agents=5)
    x_0 = Parameter(0.2, -2.0, 2.0)
    x = State(x_0)
    y = State(0.0)
    level = Agents("n")
    before = Agents("n")
    friend = Agents("n")

    def start(self):
        self.y = self.a * self.b
        for i in range(self.n):
            self.level[i] = self.x_0 * i + self.own[i] ** 2
            self.friend[i] = (i + 2) % 5

    def step(self, t, draw):
        g, news = draw.normal(), draw.normal()
        for i in range(self.n):
            self.before[i] = self.level[i]
        together = 0.0
        for i in range(self.n):
            p = sigmoid(self.a + self.b * self.before[self.friend[i]] + self.own[i] * news)
            bought = draw.chance(p)
            self.level[i] = 0.5 * self.level[i] + bought * self.own[i] + 0.1 * self.x
            together += self.level[i] * bought
        for i in range(3):
            for j in range(self.n):
                together += 0.01 * self.level[j] * exp(-self.a * i) * draw.uniform()
        looked = past(self.x, 1) * 0.2
        if t >= 3:
            looked += 0.3 * mean(self.x, 3) - 0.1 * past(self.y, 2)
        self.y = 0.5 * self.y + (together if g > 0 else self.b * together) / self.n
        self.x = 0.4 * self.x + self.y * abs(self.a) + looked + 0.1 * g + max(self.x, self.b)


class Herd(Model):
    """Decisions alone: a count of those who follow, and chances in a loop."""

    n: int = 12
    a = Parameter(0.1, -1.0, 1.0)
    b = Parameter(0.5, 0.0, 0.95)
    c = Parameter(0.3, 0.0, 1.0)
    x = State(0.0)
    mood = State(0.0)

    def step(self, t, draw):
        buyers = draw.count(self.n, sigmoid(self.a + self.b * self.mood))
        for i in range(3):
            if draw.chance(sigmoid(self.b * self.mood - self.a)):
                buyers -= 0.5 * i
        self.mood = 2 * buyers / self.n - 1
        self.x += self.c * self.mood + 0.1 * draw.normal()


def compare(model, names, observable=None, n_steps=12, n_paths=40, h=H):
    """Tangents, and central differences with the same random numbers, (names, paths, times)."""
    def at(theta=None):
        return differentiate(model, theta, wrt=names, n_paths=n_paths, n_steps=n_steps, seed=SEED, dtype="float64",
                             observable=observable, score=False)

    values, differences = dict(model.space().values), []
    for name in names:
        up, down = (at({**values, name: values[name] + sign * h}).paths for sign in (1, -1))
        differences.append((up - down) / (2 * h))
    return at().tangents, np.stack(differences)


def test_tangents_through_loops_agents_and_looks_back():
    """Central differences are off by h^2 times a third derivative and by 1e-16 / h of the value.

    `max` and `g > 0` have kinks and jumps that no parameter moves a path across here, or few.
    """
    found, wanted = compare(relaxed(Network()), NAMES)
    assert np.all(np.abs(wanted).max(axis=(1, 2)) > 1e-2)
    near = np.abs(found - wanted) <= 1e-6 * np.abs(wanted).max(axis=(1, 2), keepdims=True)
    assert near.mean() > 0.999
    for layer in (0, 1, 2, 3):  # from the start on, where they are not nothing
        assert near[layer, :, :3].all()


def test_tangents_of_other_observables_and_together_as_alone():
    model = relaxed(Network())
    together = differentiate(model, wrt=NAMES, n_paths=5, n_steps=6, seed=SEED, dtype="float64", observable="y",
                             score=False)
    alone = differentiate(model, wrt="own[1]", n_paths=5, n_steps=6, seed=SEED, dtype="float64", observable="y")
    assert np.allclose(together.tangents[2], alone.tangents[0], rtol=1e-12, atol=1e-14)
    assert np.array_equal(together.paths, alone.paths)
    assert np.allclose(together.paths, lanes(model, n_paths=5, n_steps=6)["y"], rtol=1e-12)


def test_tangents_of_the_relaxed_market():
    names = ["kappa", "gamma", "rho", "sigma_fundamental"]
    found, wanted = compare(relaxed(stock_market(windows=[(2, 5)])), names, n_steps=15, n_paths=20, h=1e-6)
    scale = np.abs(wanted).max(axis=(1, 2))
    assert np.all(scale > 1e-2)
    assert np.quantile(np.abs(found - wanted) / scale[:, None, None], 0.995) < 1e-5


def test_score_and_tangents_of_an_exact_herd():
    """E[f' tangent + f score] is the gradient of E[f]; differences with common numbers have an error of h^2 too."""
    names, n, n_steps = ["a", "b", "c"], 20_000, 6
    found = differentiate(Herd(), wrt=names, n_paths=n, n_steps=n_steps, seed=SEED, dtype="float64")
    last, tangent, score = found.paths[:, -1], found.tangents[:, :, -1], found.scores[:, :, -1]
    assert np.all(np.abs(score.mean(axis=1)) <= 4 * score.std(axis=1) / np.sqrt(n))
    assert np.all(score[:2].std(axis=1) > 0.1)
    assert np.all(score[2] == 0)
    terms = 2 * last * tangent + (last**2 - np.mean(last**2)) * score
    for k, (name, h) in enumerate(zip(names, (0.05, 0.05, 0.01), strict=True)):
        values = Herd().space().values
        up, down = (lanes(Herd(), {name: values[name] + sign * h}, n_paths=n, n_steps=n_steps)["x"][:, -1]
                    for sign in (1, -1))
        pairs = (up**2 - down**2) / (2 * h)
        error = np.hypot(terms[k].std(), pairs.std()) / np.sqrt(n)
        assert abs(terms[k].mean() - pairs.mean()) < 3 * error
        assert abs(pairs.mean()) > 6 * error  # a gradient of nothing would be seen


def test_what_is_blind():
    """Thresholds without noise of their own, which tangents and score do not see."""
    graph = read_step(Text(stock_market(windows=[(2, 5)])))
    named = {name: bool(blind(graph, name)) for name in ("gamma", "rho", "kappa", "sigma_fundamental")}
    assert named == {"gamma": True, "rho": True, "kappa": False, "sigma_fundamental": False}
    assert not blind(read_step(Text(Herd())), "a")


# ---- relaxed twins
def test_a_twin_has_one_parameter_more(tmp_path):
    exact = Network(n=4)
    twin = relaxed(exact)
    assert [p.name for p in twin.parameters] == [*(p.name for p in exact.parameters), "temperature"]
    assert twin.config == {**exact.config, "relaxed": "normal"}
    assert [o.name for o in twin.observables] == [o.name for o in exact.observables]
    assert twin.name == exact.name
    assert type(relaxed(exact)) is type(twin)
    again = pickle.loads(pickle.dumps(twin))
    assert again.config == twin.config
    assert type(again) is type(twin)
    assert models.origin(stock := relaxed(stock_market(windows=[(2, 5)]), counts="mean")) == "stock-market"
    assert models.get("stock-market", **stock.config).config == stock.config


def test_what_cannot_be_relaxed():
    twin = relaxed(Network())
    with pytest.raises(ModelError, match="'network' is relaxed already"):
        relaxed(twin)
    with pytest.raises(ModelError, match="counts='median' is none of: normal, mean"):
        relaxed(Network(), counts="median")
    with pytest.raises(ModelError, match="is relaxed, and Python runs the exact rules"):
        oracle(twin, n_paths=1, n_steps=1)


class Mixed(Model):
    """Decisions that conditions join, and values that they choose."""

    a = Parameter(0.3, 0.0, 1.0)
    x = State(0.0)
    y = State(0.0)
    z = State(0.0)

    def step(self, t, draw):
        yes, also = draw.chance(self.a), draw.chance(0.6)
        hit = False
        if t > 0:
            hit = yes
        self.x = 3.0 if hit else 1.0
        self.y = (yes and also) + 2 * (yes or also) + 4 * (not yes)
        self.z = above(self.x, 2.0) + floor(self.y)
        if yes:
            self.z += 10.0


def test_cold_twins_decide_as_chances_do():
    """At a low temperature decisions are nearly yes or no, and what is made of them is consistent."""
    paths = {k: v[:, 1] for k, v in lanes(relaxed(Mixed()), {"temperature": 1e-3}, n_paths=2000, n_steps=1).items()}
    yes = (paths["x"] - 1) / 2
    clear = (np.abs(yes) < 1e-6) | (np.abs(yes - 1) < 1e-6)
    assert clear.mean() > 0.97
    assert abs(yes.mean() - 0.3) < 4 * np.sqrt(0.21 / 2000)
    assert set(np.round(paths["y"][clear], 3)) >= {2.0, 3.0, 4.0, 6.0}
    near = np.min(np.abs(paths["y"][:, None] - np.array([2.0, 3.0, 4.0, 6.0])), axis=1)
    assert np.mean(near < 1e-3) > 0.95
    assert np.allclose((paths["z"] >= 10)[clear], yes[clear] > 0.5)


@pytest.mark.parametrize(("wrt", "message"), [
    (["nobody"], "has no value 'nobody' to differentiate by; it has: a, b, own"),
    (["a", "a"], "name each parameter once"), ([], "by nothing")])
def test_directions(wrt, message):
    with pytest.raises(ModelError, match=message):
        differentiate(Network(), wrt=wrt, n_paths=1, n_steps=1)
