"""Every draw: its law, its addresses, its lanes against Python."""

# ruff: noqa: B007
from __future__ import annotations

import numpy as np
import pytest
from scipy import stats
from test_oracle import distance, lanes

from fastmas.language import Agents, Model, Parameter, State, floor
from fastmas.language.draws import DRAWS
from fastmas.language.oracle import oracle
from fastmas.random.address import address_of

SEED, N = 3, 20_000
LEAST = 1e-4  # p-value; of some forty tests with fixed seeds one in 250 such lists would have a smaller one


class Drawn(Model):
    """Each kind of draw once, in a loop, and in a method called twice."""

    p = Parameter(0.3, 0.0, 1.0)
    shape = Parameter(0.4, 0.1, 10.0)
    normal = State(0.0)
    uniform = State(0.0)
    exponential = State(0.0)
    laplace = State(0.0)
    gamma = State(0.0)
    gamma_3 = State(0.0)
    chance = State(0.0)
    few = State(0.0)
    of_loop = State(0.0)
    first = State(0.0)
    second = State(0.0)
    third = State(0.0)
    turns = Agents(6)
    nested = Agents(6)

    def step(self, t, draw):
        self.normal = draw.normal()
        self.uniform = draw.uniform()
        self.exponential = draw.exponential()
        self.laplace = draw.laplace()
        self.gamma = draw.gamma(self.shape)
        self.gamma_3 = draw.gamma(3)
        self.chance = draw.chance(self.p)
        self.few = draw.count(9, self.p)
        total = 0
        for i in range(6):
            self.turns[i] = draw.normal()
            for j in range(3):  # noqa: B007
                total += draw.chance(self.p)
        self.of_loop = total
        self.first = self.number(draw)
        self.second = self.number(draw)
        for i in range(2):  # noqa: B007
            self.third = self.number(draw)

    def number(self, draw):
        return draw.uniform()


class Counted(Model):
    """Agents counted: many, as many as an option says, and a crowd that differs between paths."""

    n: int = 45
    p = Parameter(0.3, 0.0, 1.0)
    many = State(0.0)
    each = State(0.0)
    crowd = State(0.0)

    def step(self, t, draw):
        self.many = draw.count(self.n, self.p)
        self.crowd = floor(60 * draw.uniform())
        self.each = draw.count(self.crowd, self.p)


class Counting(Model):
    """One count alone, of 0 to 1,000 agents."""

    n: int = 31
    p = Parameter(0.3, 0.0, 1.0)
    k = State(0.0)

    def step(self, t, draw):
        self.k = draw.count(self.n, self.p)


@pytest.fixture(scope="module")
def drawn():
    return {name: paths[:, 1] for name, paths in lanes(Drawn(), n_paths=N, n_steps=1).items()}


LAWS = {"normal": stats.norm, "uniform": stats.uniform, "exponential": stats.expon, "laplace": stats.laplace,
        "gamma": stats.gamma(0.4), "gamma_3": stats.gamma(3), "first": stats.uniform, "third": stats.uniform}


def p_of_counts(found, law):
    """Of a chi-square test, with classes of at least ten expected."""
    top = int(found.max()) + 1
    expected = N * np.append(law.pmf(np.arange(top)), law.sf(top - 1))
    seen = np.bincount(found.astype(int), minlength=top + 1)
    kept = expected >= 10
    seen, expected = (np.append(x[kept], x[~kept].sum()) for x in (seen, expected))
    if expected[-1] < 10:
        seen[-2:], expected[-2:] = seen[-2:].sum() / 2, expected[-2:].sum() / 2
    return stats.chisquare(seen, expected * seen.sum() / expected.sum()).pvalue


@pytest.mark.statistical
@pytest.mark.parametrize("name", LAWS)
def test_laws_of_numbers(drawn, name):
    assert stats.kstest(drawn[name], LAWS[name].cdf).pvalue > LEAST


@pytest.mark.statistical
@pytest.mark.parametrize(("name", "n"), [("chance", 1), ("few", 9), ("of_loop", 18)])
def test_laws_of_counts(drawn, name, n):
    assert p_of_counts(drawn[name], stats.binom(n, 0.3)) > LEAST


def test_every_draw_has_its_law_tested():
    assert set(DRAWS) == {"normal", "uniform", "exponential", "laplace", "gamma", "chance", "count"}


@pytest.mark.statistical
@pytest.mark.parametrize("mode", ["agents", "aggregate"])
def test_laws_of_crowds(mode):
    paths = {k: v[:, 1] for k, v in lanes(Counted(mode=mode), n_paths=N, n_steps=1).items()}
    assert p_of_counts(paths["many"], stats.binom(45, 0.3)) > LEAST
    crowd = paths["crowd"]
    assert (paths["each"] <= crowd).all()
    spread = crowd > 0
    z = (paths["each"] - 0.3 * crowd)[spread] / np.sqrt(0.21 * crowd[spread])
    assert abs(z.mean()) < 4 / np.sqrt(len(z))
    assert abs(z.var() - 1) < 4 * np.sqrt(3 / len(z))  # the fourth moment of a standardised binomial is below 4 here
    assert np.corrcoef(crowd, paths["many"])[0, 1] < 4 / np.sqrt(N)


@pytest.mark.parametrize("mode", ["agents", "aggregate"])
def test_crowds_are_those_of_python(mode):
    model = Counted(mode=mode)
    wanted = oracle(model, n_paths=4, n_steps=10, address=address_of(SEED, 0, 0))
    found = lanes(model, n_paths=4, n_steps=10)
    assert all(np.array_equal(found[name], wanted[name]) for name in found)


@pytest.mark.parametrize("n", [0, 1, 31, 32, 33, 1000])
def test_counts_of_any_size(n):
    model = Counting(n=n, mode="agents")
    for p in (0.0, 0.3, 1.0):
        wanted = oracle(model, {"p": p}, n_paths=5, n_steps=4, address=address_of(SEED, 0, 0))["k"]
        found = lanes(model, {"p": p}, n_paths=5, n_steps=4)["k"]
        assert np.array_equal(found, wanted)
        if p != 0.3:
            assert np.all(found[:, 1:] == p * n)


def test_draws_are_those_of_python():
    model = Drawn()
    wanted = oracle(model, n_paths=4, n_steps=20, address=address_of(SEED, 0, 0))
    found = lanes(model, n_paths=4, n_steps=20)
    assert max(distance(found[name], wanted[name]) for name in found) < 1e-12


def test_no_two_draws_are_one(drawn):
    """In turns, in nested turns, in a method called twice, in a loop that calls it; each pair is uncorrelated."""
    names = ["first", "second", "third", "uniform"]
    together = np.corrcoef([drawn[name] for name in names])
    assert np.abs(together[np.triu_indices(4, 1)]).max() < 4 / np.sqrt(N)


# ---- addresses
class Plain(Model):
    """Three named draws, and one without a name."""

    a = Parameter(0.0, 0.0, 1.0)
    news = State(0.0)
    noise = State(0.0)
    crowd = State(0.0)
    other = State(0.0)

    def step(self, t, draw):
        self.news = draw.normal("news")
        self.other = draw.uniform()
        total = 0.0
        for i in range(5):
            total += i * draw.normal(name="noise")
        self.noise = total
        self.crowd = draw.count(12, 0.4, "crowd")


class Reordered(Plain):
    """The same in another order, with other draws between them."""

    def step(self, t, draw):
        more = draw.uniform() + draw.normal()
        self.crowd = draw.count(12, 0.4, "crowd")
        for i in range(9):  # noqa: B007
            more += draw.chance(0.5)
        total = 0.0
        for i in range(5):
            total += i * draw.normal(name="noise")
        self.noise = total
        self.other = draw.uniform() + 0 * more
        self.news = draw.normal("news")


class Reached(Plain):
    """A draw that is reached on one way only."""

    def step(self, t, draw):
        seen = draw.normal() if self.a > 0.5 else 0.0
        self.news = draw.normal()
        if self.a > 0.5:
            seen += draw.count(7, 0.5)
        self.crowd = draw.count(7, 0.5)
        for i in range(3):
            if i > self.a * 2:
                seen += draw.uniform()
            self.noise = draw.uniform()
        self.other = seen


def of_python(kind, theta=None):
    return oracle(kind(), theta, n_paths=3, n_steps=5, address=address_of(SEED, 0, 0))


def test_names_keep_their_numbers():
    plain, reordered = of_python(Plain), of_python(Reordered)
    for name in ("news", "noise", "crowd"):
        assert np.array_equal(plain[name], reordered[name])
    assert not np.array_equal(plain["other"], reordered["other"])


def test_a_draw_not_reached_changes_nobodys_luck():
    without, with_it = of_python(Reached, {"a": 0.0}), of_python(Reached, {"a": 1.0})
    for name in ("news", "noise", "crowd"):
        assert np.array_equal(without[name], with_it[name])
    assert not np.array_equal(without["other"], with_it["other"])
    found = lanes(Reached(), {"a": 1.0}, n_paths=3, n_steps=5)
    assert all(np.array_equal(found[name], with_it[name]) for name in found)


def test_relaxed_draws_tend_to_the_exact_ones():
    """chance: the concrete number is on its decision's side of a half. count: mean and variance of a binomial."""
    from fastmas.language.relaxed import relaxed  # noqa: PLC0415

    soft = lanes(relaxed(Soft()), {"temperature": 0.001}, n_paths=N, n_steps=1)
    cold, counts = soft["hit"][:, 1], soft["many"][:, 1]
    assert np.mean((cold < 0.01) | (cold > 0.99)) > 0.98
    assert abs(cold.mean() - 0.3) < 4 * np.sqrt(0.21 / N)
    assert abs(counts.mean() - 15) < 4 * np.sqrt(50 * 0.21 / N)
    assert abs(counts.var() / (50 * 0.21) - 1) < 4 * np.sqrt(2 / N)
    assert np.all(lanes(relaxed(Soft(), counts="mean"), n_paths=3, n_steps=2)["many"][:, 1:] == 15.0)


class Soft(Model):
    p = Parameter(0.3, 0.0, 1.0)
    hit = State(0.0)
    many = State(0.0)

    def step(self, t, draw):
        self.hit = draw.chance(self.p)
        self.many = draw.count(50, self.p)
