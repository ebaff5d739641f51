"""Objectives: losses against closed forms, and where the two generators' slopes differ."""

import math

import pytest
import torch

from fastmas import objectives
from fastmas.errors import ParameterError
from fastmas.registry import parts

NAMES = sorted(parts("fastmas.objectives", "OBJECTIVE"))
LOG_4 = math.log(4.0)


def probability(logits):
    """D of eq. (1)."""
    return 1.0 / (1.0 + torch.exp(-logits))


@pytest.fixture
def logits():
    generator = torch.Generator().manual_seed(5)
    return [torch.randn(7, 3, generator=generator, dtype=torch.float64).requires_grad_() for _ in range(2)]


@pytest.mark.parametrize("name", NAMES)
def test_the_discriminator_maximises_eq_1(name, logits):
    real, fake = logits
    value = torch.log(probability(real)).mean() + torch.log(1.0 - probability(fake)).mean()
    assert objectives.get(name).discriminator_loss(real, fake).item() == pytest.approx(-value.item(), rel=1e-12)


@pytest.mark.parametrize("name", NAMES)
def test_a_discriminator_that_knows_nothing_pays_log_4(name):
    zero = torch.zeros(5)
    assert objectives.get(name).discriminator_loss(zero, zero).item() == pytest.approx(LOG_4, rel=1e-6)


@pytest.mark.parametrize("name", NAMES)
def test_the_best_discriminator_is_the_log_ratio_of_the_densities(name):
    """On a support of three points its slope vanishes at log(p / q) and at no other logit (Goodfellow et al. 2014)."""
    p, q = torch.tensor([0.5, 0.3, 0.2]), torch.tensor([0.1, 0.3, 0.6])
    counts = [(weights * 10).round().int() for weights in (p, q)]
    for shift, vanishes in ((0.0, True), (0.5, False)):
        logits = (torch.log(p / q) + shift).double().requires_grad_()
        real, fake = (logits.repeat_interleave(c) for c in counts)
        objectives.get(name).discriminator_loss(real, fake).backward()
        assert bool((logits.grad.abs() < 1e-7).all()) == vanishes


def test_generator_losses_are_those_of_their_names(logits):
    fake = logits[1]
    saturating = objectives.get("saturating").generator_loss(fake).item()
    assert saturating == pytest.approx(torch.log(1.0 - probability(fake)).mean().item(), rel=1e-12)
    other = objectives.get("non-saturating").generator_loss(fake).item()
    assert other == pytest.approx(-torch.log(probability(fake)).mean().item(), rel=1e-12)


@pytest.mark.parametrize(("logit", "saturating", "non_saturating"), [
    (0.0, -0.5, -0.5), (-10.0, -4.54e-5, -0.9999546), (10.0, -0.9999546, -4.54e-5)])
def test_slopes_of_the_generator(logit, saturating, non_saturating):
    """d/dl is -D(l) for log(1 - D) and -(1 - D(l)) for -log D: only the second is steep where D is sure of a fake."""
    for name, expected in (("saturating", saturating), ("non-saturating", non_saturating)):
        fake = torch.tensor([logit], dtype=torch.float64, requires_grad=True)
        objectives.get(name).generator_loss(fake).backward()
        assert fake.grad.item() == pytest.approx(expected, rel=1e-3)


@pytest.mark.parametrize("name", NAMES)
def test_sure_logits_do_not_overflow(name):
    objective, sure = objectives.get(name), torch.tensor([-500.0, 500.0])
    assert torch.isfinite(objective.discriminator_loss(sure, sure))
    assert torch.isfinite(objective.generator_loss(sure))


def test_an_unknown_objective_is_named_with_those_there_are():
    with pytest.raises(ParameterError, match=r"unknown objective 'wasserstein'; there are: .*non-saturating"):
        objectives.get("wasserstein")
