"""Objectives on logits: both losses against their formulas, bounds against divergences, and regularisers."""

import math

import numpy as np
import pytest
import torch
from scipy.integrate import quad
from scipy.optimize import minimize_scalar
from scipy.stats import norm

from fastmas import objectives
from fastmas.discriminators.training import initialise
from fastmas.objectives.f_divergences import MOST, bounded_exp
from fastmas.objectives.regularisers import Box, UnitSlope
from fastmas.registry import parts

ON_LOGITS = sorted(name for name, one in parts("fastmas.objectives", "OBJECTIVE").items()
                   if hasattr(one, "discriminator_loss"))
REAL, FAKE = torch.tensor([2.0, -0.5, 0.25], dtype=torch.float64), torch.tensor([-1.0, 0.5], dtype=torch.float64)


def energy(v):
    return np.log1p(np.exp(-v))


# Both losses on paper, of logits x of the data and y of the simulation.
FORMULAS = {
    "wasserstein": (lambda x, y: y.mean() - x.mean(), lambda y: -y.mean()),
    "wasserstein-clip": (lambda x, y: y.mean() - x.mean(), lambda y: -y.mean()),
    "least-squares": (lambda x, y: ((x - 1) ** 2).mean() / 2 + (y**2).mean() / 2, lambda y: ((y - 1) ** 2).mean() / 2),
    "hinge": (lambda x, y: np.maximum(0, 1 - x).mean() + np.maximum(0, 1 + y).mean(), lambda y: -y.mean()),
    "energy-based": (lambda x, y: energy(x).mean() + np.maximum(0, 1 - energy(y)).mean(), lambda y: energy(y).mean()),
    "fisher": (lambda x, y: -(x.mean() - y.mean()) / np.sqrt((x**2).mean() / 2 + (y**2).mean() / 2),
               lambda y: -y.mean()),
}
# f, its derivative, the conjugate f* and the activation g of Nowozin et al. 2016.
DIVERGENCES = {
    "kl": (lambda u: u * np.log(u), lambda u: 1 + np.log(u), lambda t: np.exp(t - 1), lambda v: v),
    "reverse-kl": (lambda u: -np.log(u), lambda u: -1 / u, lambda t: -1 - np.log(-t), lambda v: -np.exp(-v)),
    "pearson": (lambda u: (u - 1) ** 2, lambda u: 2 * (u - 1), lambda t: t**2 / 4 + t, lambda v: v),
    "neyman": (lambda u: (1 - u) ** 2 / u, lambda u: 1 - u**-2, lambda t: 2 - 2 * np.sqrt(1 - t),
               lambda v: 1 - np.exp(-v)),
    "squared-hellinger": (lambda u: (np.sqrt(u) - 1) ** 2, lambda u: 1 - u**-0.5, lambda t: t / (1 - t),
                          lambda v: 1 - np.exp(-v)),
    "jensen-shannon": (lambda u: u * np.log(u) - (u + 1) * np.log((u + 1) / 2), lambda u: np.log(2 * u / (u + 1)),
                       lambda t: -np.log(2 - np.exp(t)), lambda v: np.log(2) - np.log1p(np.exp(-v))),
    "total-variation": (lambda u: abs(u - 1) / 2, lambda u: np.sign(u - 1) / 2, lambda t: t,
                        lambda v: np.tanh(v) / 2),
}


@pytest.mark.parametrize("name", FORMULAS)
def test_losses_are_those_on_paper(name):
    objective, (judge, player) = objectives.get(name), FORMULAS[name]
    assert objective.discriminator_loss(REAL, FAKE).item() == pytest.approx(judge(REAL.numpy(), FAKE.numpy()))
    assert objective.generator_loss(FAKE).item() == pytest.approx(player(FAKE.numpy()))


@pytest.mark.parametrize("name", DIVERGENCES)
def test_an_f_divergence_has_the_activation_and_the_conjugate_of_its_f(name):
    objective, (f, _, conjugate, activation) = objectives.get(name), DIVERGENCES[name]
    v = torch.linspace(-2.0, 2.0, 9, dtype=torch.float64)
    t = activation(v.numpy())
    assert objective.activation(v).numpy() == pytest.approx(t)
    assert objective.conjugate(v).numpy() == pytest.approx(conjugate(t))
    assert (np.diff(t) > 0).all()  # a high logit says "real"
    u = np.exp(np.linspace(-12.0, 12.0, 200_001))
    assert conjugate(t) == pytest.approx([np.max(one * u - f(u)) for one in t], abs=2e-5)
    loss = -t.mean() + conjugate(t).mean()
    assert objective.discriminator_loss(v, v).item() == pytest.approx(loss)
    assert objective.generator_loss(v).item() == pytest.approx(-t.mean())


@pytest.mark.parametrize("name", DIVERGENCES)
def test_the_bound_at_the_best_logit_is_the_divergence(name):
    """Of N(0, 1) and N(.5, 1): the logit whose activation is f'(p / q), or, in total variation, a steep one."""
    objective, (f, slope, _, _) = objectives.get(name), DIVERGENCES[name]
    p, q = norm(0.0, 1.0).pdf, norm(0.5, 1.0).pdf
    inverse = {"kl": lambda t: t, "pearson": lambda t: t, "jensen-shannon": lambda t: -np.log(2 * np.exp(-t) - 1),
               "total-variation": lambda t: 40.0 * np.sign(t)}.get(
        name, (lambda t: -np.log(-t)) if name == "reverse-kl" else lambda t: -np.log(1 - t))

    def parts_of_it(x):
        v = torch.tensor(inverse(slope(p(x) / q(x))), dtype=torch.float64)
        return p(x) * float(objective.activation(v)) - q(x) * float(objective.conjugate(v))

    bound, divergence = (quad(part, -9.0, 9.0, points=[0.25], limit=200)[0]
                         for part in (parts_of_it, lambda x: q(x) * f(p(x) / q(x))))
    assert bound == pytest.approx(divergence, rel=1e-6)
    assert divergence > 0.05


def test_divergences_in_closed_form():
    """Of N(0, 1) and N(m, 1): KL m^2 / 2, Pearson exp(m^2) - 1, Hellinger 2 - 2 exp(-m^2 / 8), total variation."""
    m, p, q = 0.5, norm(0.0, 1.0).pdf, norm(0.5, 1.0).pdf
    known = {"kl": m**2 / 2, "reverse-kl": m**2 / 2, "pearson": math.exp(m**2) - 1, "neyman": math.exp(m**2) - 1,
             "squared-hellinger": 2 - 2 * math.exp(-(m**2) / 8), "total-variation": 2 * norm.cdf(m / 2) - 1}
    for name, value in known.items():
        f = DIVERGENCES[name][0]
        found = quad(lambda x, f=f: q(x) * f(p(x) / q(x)), -9.0, 9.0, points=[0.25], limit=200)[0]
        assert found == pytest.approx(value, rel=1e-6), name


@pytest.mark.parametrize("name", ON_LOGITS)
def test_what_a_discriminator_that_knows_nothing_pays(name):
    """It gives every sample one logit, the best there is."""
    objective = objectives.get(name)

    def loss(v):
        logits = torch.full((4,), float(v), dtype=torch.float64)
        return float(objective.discriminator_loss(logits, logits))

    least = minimize_scalar(loss, bounds=(-3.0, 3.0), method="bounded", options={"xatol": 1e-9}).fun
    assert least == pytest.approx(objective.coin_toss, abs=1e-6)


@pytest.mark.parametrize("name", ON_LOGITS)
def test_parameters_want_their_samples_to_look_real_and_the_discriminator_does_not(name):
    objective = objectives.get(name)
    low, high = torch.tensor([-0.6, -0.4]), torch.tensor([0.4, 0.6])
    assert objective.generator_loss(high) < objective.generator_loss(low)
    assert objective.discriminator_loss(high, low) < objective.discriminator_loss(low, high)


@pytest.mark.parametrize("name", ON_LOGITS)
def test_sure_logits_do_not_overflow(name):
    objective, sure = objectives.get(name), torch.tensor([-500.0, 500.0])
    assert torch.isfinite(objective.discriminator_loss(sure, sure))
    assert torch.isfinite(objective.generator_loss(sure))


def test_the_exponential_goes_on_along_its_tangent():
    v = torch.tensor([-3.0, 0.0, MOST, MOST + 2.0], dtype=torch.float64, requires_grad=True)
    bounded_exp(v).sum().backward()
    assert bounded_exp(v).tolist() == pytest.approx([math.exp(-3), 1.0, math.exp(MOST), 3 * math.exp(MOST)])
    assert v.grad[[0, 1, 3]].tolist() == pytest.approx([math.exp(-3), 1.0, math.exp(MOST)])


# ---------------------------------------------------------------------- regularisers


@pytest.mark.parametrize(("slope", "penalty"), [([0.6, -0.8], 0.0), ([3.0, 4.0], 160.0), ([0.0, 0.0], 0.0)])
def test_a_slope_of_one_is_free(slope, penalty):
    """10 max(0, |grad V| - 1)^2 of a linear V, wherever it is looked at."""
    generator = torch.Generator().manual_seed(1)
    real, fake = (torch.randn(8, 2, generator=generator) for _ in range(2))
    weight = torch.tensor(slope).requires_grad_(True)
    found = UnitSlope().penalty(lambda x: x @ weight, real, fake, torch.rand(8, 1, generator=generator))
    assert found.item() == pytest.approx(penalty, abs=1e-9)
    found.backward()
    assert torch.isfinite(weight.grad).all()


def test_the_slope_is_taken_between_real_and_fake():
    """Of V = x^2 / 2 it is x: at a share of .25 of real 5 and fake 1, 2."""
    real, fake, share = torch.full((4, 1), 5.0), torch.ones(4, 1), torch.full((4, 1), 0.25)
    assert UnitSlope().penalty(lambda x: 0.5 * x**2, real, fake, share).item() == pytest.approx(10.0)


def test_weights_stay_in_their_box():
    network = initialise(torch.nn.Sequential(torch.nn.Linear(2, 9), torch.nn.Linear(9, 1)), 3)
    before = [p.detach().clone() for p in network.parameters()]
    Box(0.2).after_step(network.parameters())
    for old, new in zip(before, network.parameters(), strict=True):
        assert torch.equal(new, old.clamp(-0.2, 0.2))
    assert max(p.abs().max().item() for p in network.parameters()) == pytest.approx(0.2)
    assert Box(0.2).penalty(network, torch.ones(3, 2), torch.ones(3, 2), torch.ones(3, 1)) == 0.0
