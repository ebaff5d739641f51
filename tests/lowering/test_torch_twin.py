"""The torch twin: compiled paths on the same words, finite differences, and the ways to relax decisions."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from path_draws import PathDraws

import fastmas as fm
from fastmas.differentiate import differentiate
from fastmas.engine.job import Job
from fastmas.errors import ModelError, ParameterError
from fastmas.language import above, mean, past, sqrt, tanh
from fastmas.language.oracle import oracle
from fastmas.language.relaxed import relaxed
from fastmas.language.text import Text
from fastmas.lowering.torch_twin import TorchTwin
from fastmas.model import Agents, Observable, State
from fastmas.models.stock_market import stock_market
from fastmas.random.address import Address
from fastmas.simulate import simulate_job

TOLERANCE = 1e-10  # float64 on the same words: rounding, in another order

pytestmark = pytest.mark.usefixtures("one_thread")


class Herd(fm.Model):
    n_traders: int = 20
    follow = fm.Parameter(0.5, 0.0, 0.95)
    rho = fm.Parameter(0.05, 0.001, 0.5, "log")
    price = State(100, "price units")
    mood = State(0)

    def step(self, t, draw):
        buyers = draw.count(self.n_traders, 0.5 + 0.5 * self.follow * self.mood)
        self.mood = 2 * buyers / self.n_traders - 1
        self.price *= 1 + self.rho * self.mood


class Ring(fm.Model):
    """Neighbours with wealth of their own, and a little of every operation."""

    n: int = 5
    n_many: int = 40
    calls: tuple = ((1, 2), (3, 1), (2, 2), (4, 1), (1, 1), (2, 3), (5, 1), (1, 4), (3, 3))
    burst: int = 3
    pull = fm.Parameter(0.3, 0.0, 1.0)
    taste = fm.Parameter((0.1, 0.2, 0.3, 0.4, 0.5), 0.0, 1.0, each="n")
    lag = fm.Parameter(2, 1, 6, integer=True)
    wealth = Agents("n", 1.0)
    before = Agents("n", 1.0)
    total = State(pull)
    swing = State(0)
    many = State(0)
    odd = State(0)

    def start(self, draw):
        for i in range(self.n):
            self.wealth[i] = 1 + 0.1 * draw.normal()
        self.total = self.total + draw.uniform()

    def step(self, t, draw):
        for i in range(self.n):
            self.before[i] = self.wealth[i]
        happy, seen = 0, False
        for i in range(self.n):
            other = self.before[draw.uniform() * self.n]
            gain = self.pull * (other - self.before[i]) + 0.05 * draw.normal()
            if draw.chance(self.taste[i]) and gain > -0.1:
                gain = gain / 2
                happy += 1
            seen = seen or gain > 0.2
            self.wealth[i] = self.before[i] + gain
        sum_of_all = 0
        for i in range(self.n):
            sum_of_all += self.wealth[i]
            for k in range(2):
                sum_of_all += 0.001 * (i + k) * draw.laplace()
        self.total = sum_of_all
        self.many = draw.count(self.n_many, 0.3) - 3 * draw.count(2, max(0.1, min(0.9, self.total / 20)))
        if t % self.burst == 0:
            for weight, size in self.calls:
                self.swing += 0.01 * weight * size * draw.count(3, 0.5)
        self.swing = tanh(self.swing) + (mean(self.total, self.lag + 1) if t > self.lag else 0.0)
        drift = past(self.total, 2) if t >= 2 else 0.0
        crowd = draw.count(happy + 1, 0.5)
        self.odd = (sqrt(abs(drift)) + (1.0 if seen else 0.0) + crowd + above(self.total, 5.0)
                    + 0.1 * draw.gamma(0.5 + happy) + 0.1 * draw.exponential())


class Neighbours(fm.Model):
    """The loops of `Ring` that lanes compile in little time."""

    n: int = 5
    pull = fm.Parameter(0.3, 0.0, 1.0)
    wealth = Agents("n", 1.0)
    before = Agents("n", 1.0)
    total = State(0)

    def start(self):
        for i in range(self.n):
            self.wealth[i] = 1 + 0.1 * i

    def step(self, t, draw):
        for i in range(self.n):
            self.before[i] = self.wealth[i]
        self.total = 0
        for i in range(self.n):
            gain = self.pull * (self.before[draw.uniform() * self.n] - self.before[i]) + 0.05 * draw.normal()
            if draw.chance(0.4) and gain > -0.1:
                gain = gain / 2
            self.wealth[i] = self.before[i] + gain
            self.total += gain


class Step(fm.Model):
    """A threshold and a chance, each with a closed slope."""

    level = fm.Parameter(0.2, -5.0, 5.0)
    p = fm.Parameter(0.3, 0.0, 1.0)
    acts = State(0)
    wins = State(0)

    def step(self, t, draw):
        self.acts = above(draw.normal(), self.level)
        if draw.chance(self.p):
            self.wins = 1
        else:
            self.wins = -1


class Gate(fm.Model):
    level = fm.Parameter(0.2, -5.0, 5.0)
    goes = State(0)

    def step(self, t, draw):
        x, y = draw.normal(), draw.normal()
        if above(x, self.level) and not above(y, 1.0):
            self.goes = 3
        else:
            self.goes = 1


class Crowd(fm.Model):
    """Of a crowd that came, who stays."""

    comes = fm.Parameter(0.6, 0.0, 1.0)
    stays = fm.Parameter(0.3, 0.0, 1.0)
    here = State(0)

    def step(self, t, draw):
        self.here = draw.count(draw.count(9, self.comes), self.stays)


MODELS = {
    "herd": (Herd(), {"follow": 0.8}), "market": (stock_market(), {}), "neighbours": (Neighbours(), {"pull": 0.5})}
IN_PYTHON = {
    "market, shared windows": (stock_market(windows=[(2, 7)], n_noise=40, n_fundamental=9), {"gamma": 1.0}),
    "market, own values": (stock_market(per_agent=("kappa", "gamma")), {"kappa[2]": 0.5, "gamma[1]": 1.0}),
    "ring": (Ring(mode="agents"), {"lag": 3, "taste": [0.5, 0.1, 0.9, 0.3, 0.7]})}


def lanes(model, theta, n_paths, n_steps, seed=0):
    """Every state of compiled paths in float64."""
    values = model.space(fixed=theta).base[None]
    names = list(Text(model).states)
    seen = simulate_job(Job(
        model=model, values=values, n_paths=n_paths, n_steps=n_steps, address=Address(seed), dtype="float64",
        observables=tuple(Observable(name, row) for row, name in enumerate(names))))
    return dict(zip(names, seen[:, 0], strict=True))


def on_words(twin, theta, n_paths, n_steps, seed=0):
    """The twin with the numbers of compiled paths."""
    draws = PathDraws([twin.graph, twin.begin], n_paths, seed)
    return twin.simulate(theta, n_paths=n_paths, n_steps=n_steps, draws=draws)


def assert_same(found, wanted):
    assert set(found) == set(wanted)
    for name, value in wanted.items():
        assert np.ptp(value) > 0, f"{name} never moves"
        np.testing.assert_allclose(found[name].detach(), value, rtol=TOLERANCE, atol=TOLERANCE, err_msg=name)


# -- path by path --------------------------------------------------------------------------------------

@pytest.mark.parametrize("case", list(MODELS))
def test_an_exact_twin_has_the_paths_of_the_kernels(case):
    model, theta = MODELS[case]
    assert_same(on_words(TorchTwin(model), theta, 9, 30), lanes(model, theta, 9, 30))


@pytest.mark.parametrize("case", list(IN_PYTHON))
def test_an_exact_twin_has_the_paths_of_the_text_in_plain_python(case):
    model, theta = IN_PYTHON[case]
    assert_same(on_words(TorchTwin(model), theta, 9, 30), oracle(model, theta, n_paths=9, n_steps=30))


@pytest.mark.parametrize("case", [*MODELS, *IN_PYTHON])
def test_straight_through_has_the_values_of_the_exact_twin(case):
    model, theta = (MODELS | IN_PYTHON)[case]
    exact = on_words(TorchTwin(model), theta, 4, 15)
    through = on_words(TorchTwin(model, through=True, temperature=0.5), theta, 4, 15)
    for name, value in exact.items():
        assert torch.equal(through[name], value), name


def test_a_relaxed_twin_has_the_paths_of_relaxed_kernels():
    model, theta = MODELS["neighbours"]
    soft = relaxed(model)
    wanted = lanes(soft, theta | {"temperature": 0.4}, 9, 20)
    assert_same(on_words(TorchTwin(model, "normal", temperature=0.4), theta, 9, 20), wanted)
    assert_same(on_words(TorchTwin(soft, temperature=0.4), theta, 9, 20), wanted)


def test_a_relaxed_twin_has_the_paths_and_tangents_of_the_market_s_kernels():
    """Measured: 4e-15 of a price, 1e-10 of a tangent."""
    names, n = ("kappa", "gamma", "rho"), 9
    model = stock_market()
    wanted = differentiate(relaxed(model), wrt=names, n_paths=n, n_steps=20, score=False, dtype="float64")
    own = {p: torch.full((n,), model.space().values[p], dtype=torch.float64, requires_grad=True) for p in names}
    price = on_words(TorchTwin(model, "normal"), own, n, 20)["price"]
    np.testing.assert_allclose(price.detach(), wanted.paths, rtol=TOLERANCE)
    slopes = torch.autograd.grad(price[:, -1].sum(), list(own.values()))
    for slope, tangent in zip(slopes, wanted.tangents[:, :, -1], strict=True):
        np.testing.assert_allclose(slope, tangent, rtol=1e-8)


def test_relaxed_counts_are_their_means_or_gaussian():
    twins = (TorchTwin(Crowd(), counts) for counts in ("mean", "normal"))
    mean_of, normal_of = (twin.simulate(n_paths=5, n_steps=1, generator=torch.Generator().manual_seed(4))["here"][:, 1]
                          for twin in twins)
    torch.testing.assert_close(mean_of, torch.full((5,), 9 * 0.6 * 0.3, dtype=torch.float64))
    again = torch.Generator().manual_seed(4)
    first, second = (torch.randn(5, generator=again, dtype=torch.float64) for _ in range(2))
    n = 9 * 0.6 + (9 * 0.6 * 0.4) ** 0.5 * first
    torch.testing.assert_close(normal_of, n * 0.3 + (n * 0.3 * 0.7).sqrt() * second)


# -- gradients -----------------------------------------------------------------------------------------

def difference(f, h=1e-4):
    """The slope at 0 by central differences of fourth order: relaxed counts round at 1e-8 where p is near 1."""
    return (8 * (f(h) - f(-h)) - (f(2 * h) - f(-2 * h))) / (12 * h)


def loss(twin, theta, n_paths=300, n_steps=25):
    """Ten thousand times the mean square of log returns."""
    price = twin.simulate(theta, n_paths=n_paths, n_steps=n_steps, generator=torch.Generator().manual_seed(1))["price"]
    return 1e4 * torch.diff(torch.log(price), dim=1).square().mean()


@pytest.mark.parametrize("counts", ["normal", "mean", "concrete"])
def test_gradients_are_differences_on_common_numbers(counts):
    model = stock_market(per_agent=("gamma",))
    twin = TorchTwin(model, counts)
    theta = {"kappa": 1.2, "rho": 0.08, "temperature": 0.6, "gamma[3]": 1.5}
    leaves = {n: torch.tensor(v, dtype=torch.float64, requires_grad=True) for n, v in theta.items()}
    slopes = torch.autograd.grad(loss(twin, leaves), list(leaves.values()))
    for (name, value), slope in zip(theta.items(), slopes, strict=True):
        wanted = difference(lambda h, n=name, v=value: loss(twin, theta | {n: v + h}).item())
        assert slope.item() == pytest.approx(wanted, rel=1e-6), name


def test_gradients_go_through_agents_loops_and_draws():
    twin = TorchTwin(Ring(), "normal")
    theta = {"pull": 0.4, "taste": [0.5, 0.1, 0.9, 0.3, 0.7]}

    def value(theta):
        out = twin.simulate(theta, n_paths=50, n_steps=8, generator=torch.Generator().manual_seed(3))
        return out["total"].square().mean() + out["swing"].mean()

    leaves = {n: torch.tensor(v, dtype=torch.float64, requires_grad=True) for n, v in theta.items()}
    pull, taste = torch.autograd.grad(value(leaves), list(leaves.values()))
    wanted = (difference(lambda h: value(theta | {"pull": 0.4 + h}).item()),
              difference(lambda h: value(theta | {"taste[2]": 0.9 + h}).item()))
    assert (pull.item(), taste[2].item()) == pytest.approx(wanted, rel=1e-6)


@pytest.mark.parametrize("through", [False, True])
def test_the_size_of_a_crowd_has_a_slope(through):
    """That of the relaxed size times whether the last one says yes; exact values and so no differences if through."""
    twin = TorchTwin(Crowd(), "concrete", through=through, temperature=0.5)

    def here(theta):
        out = twin.simulate(theta, n_paths=40, n_steps=1, generator=torch.Generator().manual_seed(3))
        return out["here"][:, 1].sum()

    comes = torch.tensor(0.6, dtype=torch.float64, requires_grad=True)
    slope = torch.autograd.grad(here({"comes": comes}), comes)[0].item()
    if through:
        again = torch.Generator().manual_seed(3)
        u = torch.rand(40, 9, generator=again, dtype=torch.float64)
        n = (u < 0.6).sum(1)
        v = torch.rand(40, int(n.max()), generator=again, dtype=torch.float64)
        size = torch.sigmoid((torch.logit(comes) - torch.logit(u)) / 0.5).sum(1)
        last = v[torch.arange(40), n - 1] < 0.3
        wanted = torch.autograd.grad((size * last).sum(), comes)[0].item()
    else:
        wanted = difference(lambda h: here({"comes": 0.6 + h}).item(), h=1e-5)
    assert slope == pytest.approx(wanted, rel=1e-6)


def test_values_by_path_have_gradients_by_path():
    twin, n = TorchTwin(stock_market(), "normal"), 6
    shared = {"kappa": torch.tensor(1.2, dtype=torch.float64)}
    own = {"kappa": torch.full((n,), 1.2, dtype=torch.float64, requires_grad=True)}
    one, each = (twin.simulate(t, n_paths=n, n_steps=12, generator=torch.Generator().manual_seed(1))["price"]
                 for t in (shared, own))
    assert torch.equal(one, each)
    slopes = torch.autograd.grad(each[:, -1].sum(), own["kappa"])[0]
    assert slopes.unique().numel() == n


def test_an_exact_twin_has_slopes_of_what_decides_nothing_alone():
    rho, follow = (torch.tensor(v, dtype=torch.float64, requires_grad=True) for v in (0.05, 0.5))
    price = TorchTwin(Herd()).simulate({"rho": rho, "follow": follow}, n_paths=50, n_steps=5)["price"]
    slope = torch.autograd.grad(price.sum(), [rho, follow], allow_unused=True)
    assert slope[0] is not None
    assert slope[1] is None


@pytest.mark.parametrize("kind", [{"relaxed": "concrete"}, {"through": True}])
def test_relaxed_decisions_have_the_slopes_of_their_logistic_steps(kind):
    level, p = (torch.tensor(v, dtype=torch.float64, requires_grad=True) for v in (0.2, 0.3))
    twin = TorchTwin(Step(), **kind, temperature=0.5)
    out = twin.simulate({"level": level, "p": p}, n_paths=7, n_steps=1, generator=torch.Generator().manual_seed(2))
    again = torch.Generator().manual_seed(2)
    z, u = torch.randn(7, generator=again, dtype=torch.float64), torch.rand(7, generator=again, dtype=torch.float64)
    step = torch.sigmoid((z - level) / 0.5)
    win = torch.sigmoid((torch.logit(p) - torch.logit(u)) / 0.5)
    exact = "through" in kind
    for found, soft, hard in ((out["acts"][:, 1], step, (z >= level).double()),
                              (out["wins"][:, 1], 2 * win - 1, 2 * (u < p).double() - 1)):
        torch.testing.assert_close(found, hard if exact else soft, rtol=0, atol=0 if exact else 1e-14)
        slopes = (torch.autograd.grad(x.sum(), [level, p], allow_unused=True, retain_graph=True) for x in (found, soft))
        for mine, wanted in zip(*slopes, strict=True):
            if wanted is not None:
                torch.testing.assert_close(mine, wanted, rtol=1e-12, atol=0)


def test_a_choice_between_relaxed_decisions_mixes_both_ways():
    z = torch.randn(2, 7, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    yes = torch.sigmoid((z[0] - 0.2) / 0.5) * (1 - torch.sigmoid((z[1] - 1.0) / 0.5))
    hard = (z[0] >= 0.2) & (z[1] < 1.0)
    level = torch.tensor(0.2, dtype=torch.float64, requires_grad=True)
    for kind, wanted in (({"relaxed": "concrete"}, 1 + 2 * yes), ({"through": True}, 1 + 2 * hard.double())):
        out = TorchTwin(Gate(), **kind, temperature=0.5).simulate(
            {"level": level}, n_paths=7, n_steps=1, generator=torch.Generator().manual_seed(2))["goes"][:, 1]
        torch.testing.assert_close(out, wanted, rtol=1e-14, atol=0)
        assert torch.autograd.grad(out.sum(), level)[0].item() < 0


def test_without_counts_concrete_is_what_the_relaxed_graph_says():
    found = [TorchTwin(Step(), counts, temperature=0.3).simulate(
        n_paths=20, n_steps=4, generator=torch.Generator().manual_seed(5)) for counts in ("normal", "concrete")]
    for name in found[0]:
        torch.testing.assert_close(found[0][name], found[1][name], rtol=1e-12, atol=1e-12)


# -- laws and edges ------------------------------------------------------------------------------------

@pytest.mark.statistical
def test_generated_numbers_have_the_law_of_the_kernels():
    """Mean and mean square of 20,000 final prices, five standard deviations of their difference."""
    found = TorchTwin(Herd()).simulate({"follow": 0.8}, n_paths=20_000, n_steps=20,
                                       generator=torch.Generator().manual_seed(1))["price"][:, -1].numpy()
    wanted = lanes(Herd(), {"follow": 0.8}, 20_000, 20)["price"][:, -1]
    for a, b in ((found, wanted), ((found - 100) ** 2, (wanted - 100) ** 2)):
        assert abs(a.mean() - b.mean()) < 5 * np.sqrt((a.var() + b.var()) / 20_000)


def test_single_precision_and_no_steps():
    out = TorchTwin(stock_market(), "normal").simulate(n_paths=3, n_steps=0, dtype=torch.float32)
    assert out["price"].shape == (3, 1)
    assert out["price"].dtype == torch.float32
    assert TorchTwin(Ring()).simulate(n_paths=3, n_steps=2, dtype=torch.float32)["total"].dtype == torch.float32


@pytest.mark.parametrize(("given", "said"), [
    ({"relaxed": "soft"}, "relaxed='soft'"), ({"relaxed": "mean", "through": True}, "through=True"),
    ({"temperature": 0.5}, "temperature=0.5"), ({"relaxed": "mean", "temperature": 0.0}, "temperature")])
def test_modes_that_cannot_be_are_refused(given, said):
    with pytest.raises(ParameterError, match=said):
        TorchTwin(Herd(), **given)


def test_a_relaxed_model_is_not_relaxed_again():
    with pytest.raises(ModelError, match="relaxed already"):
        TorchTwin(relaxed(Herd()), through=True)


@pytest.mark.parametrize(("theta", "said"), [
    ({"foo": 1.0}, "unknown parameter 'foo'"), ({"pull": 2.0}, "outside"), ({"pull": "x"}, "not a number"),
    ({"pull": torch.zeros(3)}, r"shape \(3,\)"), ({"taste": torch.zeros(4)}, r"shape \(4,\)"),
    ({"lag": torch.full((2,), 2)}, r"shape \(2,\)"), ({"lag": 2.5}, "whole"),
    ({"pull": torch.tensor([0.5, 7.0])}, "7 is outside"), ({"taste[4]": -1.0}, r"taste\[4\]")])
def test_values_that_cannot_be_are_refused(theta, said):
    with pytest.raises(ParameterError, match=said):
        TorchTwin(Ring()).simulate(theta, n_paths=2, n_steps=1)


def test_sizes_and_two_sources_of_numbers_are_refused():
    twin = TorchTwin(Herd())
    with pytest.raises(ParameterError, match="n_paths=0"):
        twin.simulate(n_paths=0, n_steps=1)
    with pytest.raises(ParameterError, match="one of them"):
        twin.simulate(n_paths=1, n_steps=1, generator=torch.Generator(), draws=PathDraws([twin.graph], 1))
