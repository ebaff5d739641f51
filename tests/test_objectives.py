"""The two objectives of eq. (1) against closed forms, where their slopes differ, and how objectives are found."""

import math
import re
from pathlib import Path

import pytest
import torch
from typer.main import get_command

from fastmas import discriminators, objectives
from fastmas.cli import app
from fastmas.errors import ParameterError
from fastmas.registry import parts

NAMES = ["non-saturating", "saturating"]
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


def test_an_unknown_objective_is_named_with_those_there_are():
    with pytest.raises(ParameterError, match=r"unknown objective 'w-gan'; there are: .*non-saturating"):
        objectives.get("w-gan")


def test_a_file_holds_one_objective_or_several():
    """By the file's name, and by the names of its mapping."""
    known = parts("fastmas.objectives", "OBJECTIVE")
    assert list(known) == sorted(known)
    assert {"hinge", "least-squares", "kl", "total-variation", "wasserstein-clip"} <= set(known)
    assert not {"f-divergences", "regularisers", "slices"} & set(known)


@pytest.mark.parametrize("name", sorted(parts("fastmas.objectives", "OBJECTIVE")))
def test_every_objective_is_of_one_kind_and_has_a_discriminator(name):
    objective = objectives.get(name)
    assert hasattr(objective, "distance_to") != (hasattr(objective, "discriminator_loss")
                                                 and hasattr(objective, "generator_loss"))
    chosen, played = discriminators.match(None, name, "amortised")
    assert played == name
    assert chosen in discriminators.players(name)


@pytest.mark.parametrize(("discriminator", "objective", "expected"), [
    (None, None, ("amortised", "fisher")), (None, "fisher", ("amortised", "fisher")),
    (None, "mmd", ("closed-form", "mmd")), (None, "hinge", ("conditional", "hinge")), (None, "kl", ("windowed", "kl")),
    ("windowed", None, ("windowed", "non-saturating")), ("closed-form", None, ("closed-form", "mmd")),
    ("path", "pearson", ("path", "pearson")), ("amortised", "fisher", ("amortised", "fisher"))])
def test_what_is_played_where_something_is_left_open(discriminator, objective, expected):
    assert discriminators.match(discriminator, objective, "amortised") == expected


@pytest.mark.parametrize(("discriminator", "objective", "said"), [
    ("amortised", "hinge", "plays 'fisher' and no other; name conditional or path or windowed"),
    ("closed-form", "kl", "does not play it; name conditional or path or windowed"),
    ("windowed", "mmd", "does not play it; name closed-form"),
    ("oracle", "mmd", "unknown discriminator 'oracle'"), ("windowed", "w-gan", "unknown objective 'w-gan'")])
def test_a_discriminator_that_does_not_play_it_is_told(discriminator, objective, said):
    with pytest.raises(ParameterError, match=re.escape(said)):
        discriminators.match(discriminator, objective, "amortised")


def test_docs_and_help_list_every_objective():
    """The page's tables name those there are with who plays each, first the one that is taken; help names them too."""
    page = (Path(__file__).parents[1] / "docs" / "objectives.md").read_text()
    rows = {cells[0].strip("` "): cells for line in page.splitlines() if line.startswith("| `")
            for cells in [re.split(r"(?<!\\)\|", line.strip("| "))]}
    assert set(rows) == set(parts("fastmas.objectives", "OBJECTIVE"))
    for name, cells in rows.items():
        told = re.findall(r"`([a-z-]+)`", cells[-1])
        assert sorted(told) == sorted(discriminators.players(name)), name
        assert told[0] == discriminators.match(None, name, "amortised")[0], name
    (option,) = [one for one in get_command(app).commands["calibrate"].params if one.name == "objective"]
    assert {name for name in rows if not re.search(rf"\b{name}\b", option.help)} == set()
