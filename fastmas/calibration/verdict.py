"""How well the calibrated model fits: a discriminator trained from scratch, judged on held-out data."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from scipy.stats import norm
from torch import Tensor, nn
from torch.nn.functional import softplus

from fastmas.calibration.setup import Setup
from fastmas.discriminators.networks import perceptron
from fastmas.discriminators.training import Trainer, flat, initialise, seeded
from fastmas.random.address import Purpose
from fastmas.statistics import stylised_facts

HIDDEN, RATE, BETAS = 32, 2e-3, (0.9, 0.99)
BATCH, STEPS = 4096, 400
PENALTY = 1e-4  # weight decay
LEVEL = 0.9
N_SERIES = 100  # simulated series behind a stylised fact's range
N_BLOCKS = 4  # of a training series
BARELY, EASILY = 0.6, 0.75  # AUC
N_SHOWN = 500  # paths kept for the report


@dataclass(frozen=True)
class Verdict:
    """AUC on held-out data with its interval, the value of eq. (1) there above -log 4, and the facts.

    `auc_blocked` is None for many paths. For a series it is the AUC over blocks of the training part,
    each judged by a discriminator trained on the others: markets change, and a held-out period that is
    calmer than the past can hide a misfit.
    """

    auc: float
    auc_interval: tuple[float, float]
    auc_blocked: tuple[float, float, float] | None
    value: float
    facts: list[dict[str, Any]]
    sentence: str
    sample: dict[str, np.ndarray]


def judge(setup: Setup, z: np.ndarray) -> Verdict:
    """Train on the training data against fresh paths at z, and test on what neither has seen."""
    n_train, n_test = (8, 8) if setup.is_series else (len(setup.real), max(50, len(setup.heldout)))
    fake_train = setup.sample(z[None], n_train, 0, Purpose.VERDICT)[0]
    fake_test = setup.sample(z[None], n_test, 1, Purpose.VERDICT, n_times=setup.x_heldout.shape[1])[0]
    network = _train(setup, flat(setup.real), flat(fake_train))
    real, fake = _clusters(setup, network, setup.heldout), _clusters(setup, network, fake_test)
    auc, ends = _with_interval(real, fake)
    value = float(np.log(4.0) - np.mean(np.logaddexp(0.0, -np.concatenate(real)))
                  - np.mean(np.logaddexp(0.0, np.concatenate(fake))))
    blocked = _blocked(setup, fake_train, fake_test) if setup.is_series else None
    facts, sample = _facts(setup, z)
    worst = (auc, *ends) if blocked is None or blocked[0] <= auc else blocked
    where = "held-out data" if worst[0] == auc else "held-out blocks of the training data"
    return Verdict(auc, ends, blocked, value, facts, _sentence(*worst, where, facts), sample)


def _with_interval(real: list[np.ndarray], fake: list[np.ndarray]) -> tuple[float, tuple[float, float]]:
    auc, error = area_under_curve(real, fake)
    reach = float(norm.ppf(0.5 + LEVEL / 2)) * error
    return auc, (max(0.0, auc - reach), min(1.0, auc + reach))


def _blocked(setup: Setup, fake_train: np.ndarray, fake_test: np.ndarray) -> tuple[float, float, float] | None:
    """AUC, low and high over N_BLOCKS stretches of the training series, a gap of one horizon around each.

    None if the series is so short that nothing is left beside a stretch and its gaps.
    """
    samples, gap = setup.real[0], setup.observations.horizon
    edges = np.linspace(0, len(samples), N_BLOCKS + 1).astype(int)
    if any(first <= gap and last + gap >= len(samples) for first, last in pairwise(edges)):
        return None
    aucs, variances = [], []
    for first, last in pairwise(edges):
        others = np.concatenate([samples[:max(0, first - gap)], samples[last + gap:]])
        network = _train(setup, flat(others), flat(fake_train))
        auc, error = area_under_curve(_clusters(setup, network, samples[None, first:last]),
                                      _clusters(setup, network, fake_test))
        aucs.append(auc)
        variances.append(error**2)
    auc, reach = float(np.mean(aucs)), float(norm.ppf(0.5 + LEVEL / 2) * np.sqrt(np.mean(variances) / N_BLOCKS))
    return auc, max(0.0, auc - reach), min(1.0, auc + reach)


def area_under_curve(real: list[np.ndarray], fake: list[np.ndarray]) -> tuple[float, float]:
    """P(logit of a real window > of a simulated one), and its standard error over clusters.

    Windows of one path depend on each other, so the error comes from the placements' means per
    path (Obuchowski 1997): clusters, not windows, are counted.
    """
    pooled_real, pooled_fake = np.sort(np.concatenate(real)), np.sort(np.concatenate(fake))

    def placement(values: np.ndarray, others: np.ndarray) -> np.ndarray:
        return (np.searchsorted(others, values, "left") + np.searchsorted(others, values, "right")) / (2 * len(others))

    of_real = np.array([placement(c, pooled_fake).mean() for c in real])
    of_fake = np.array([1.0 - placement(c, pooled_real).mean() for c in fake])
    auc = float(np.average(of_real, weights=[len(c) for c in real]))
    variance = sum(v.var(ddof=1) / len(v) for v in (of_real, of_fake) if len(v) > 1)
    return auc, float(np.sqrt(variance))


def _train(setup: Setup, real: Tensor, fake: Tensor) -> nn.Module:
    key = (setup.settings.seed, Purpose.VERDICT)
    network = initialise(perceptron([real.shape[-1], HIDDEN, HIDDEN, 1], nn.SiLU), *key)
    trainer = Trainer(network, RATE, BETAS, setup.map)
    weights = [p for p in network.parameters() if p.ndim == 2]

    def loss(r: Tensor, f: Tensor) -> Tensor:
        decay = sum((w**2).sum() for w in weights)
        return softplus(-network(r)).mean() + softplus(network(f)).mean() + PENALTY * decay

    for step in range(STEPS):
        generator = seeded(*key, step)
        trainer.rate(RATE * (1.0 - step / STEPS))
        rows = [torch.randint(len(x), (BATCH,), generator=generator) for x in (real, fake)]
        trainer.step(loss, real[rows[0]], fake[rows[1]])
    return network


def _clusters(setup: Setup, network: nn.Module, samples: np.ndarray) -> list[np.ndarray]:
    """Logits grouped by path, or by stretches of one horizon for a series."""
    with torch.no_grad():
        logits = network(flat(samples)).numpy().reshape(len(samples), -1).astype(np.float64)
    if not setup.is_series:
        return list(logits)
    pieces = max(1, logits.shape[1] // setup.observations.horizon)
    return [piece for path in logits for piece in np.array_split(path, pieces)]


def _facts(setup: Setup, z: np.ndarray) -> tuple[list[dict[str, Any]], dict[str, np.ndarray]]:
    observations = setup.observations
    if setup.is_series:
        assert observations.series is not None
        series = observations.series
        simulated = setup.simulate(z[None], N_SERIES, 2, Purpose.SAMPLE, n_times=len(series))[0].astype(np.float64)
        windows = setup.simulate(z[None], N_SHOWN, 3, Purpose.SAMPLE, n_times=observations.horizon + 1)[0]
        facts = stylised_facts.compare(*_returns(series[None], simulated)) if _usable(simulated) else []
        return facts, {"x_obs": observations.x_obs[:N_SHOWN], "x_sim": _shown(windows, N_SHOWN), "series_obs": series,
                       "series_sim": _shown(simulated, 20)}
    simulated = setup.simulate(z[None], max(N_SHOWN, len(setup.real)), 2, Purpose.SAMPLE)[0].astype(np.float64)
    both = np.concatenate([observations.x_obs, observations.x_heldout])
    facts = []
    if _usable(simulated) and _usable(both):
        facts = stylised_facts.compare_paths(*(stylised_facts.log_returns(x) for x in (both, simulated)))
    return facts, {"x_obs": observations.x_obs[:N_SHOWN], "x_sim": _shown(simulated, N_SHOWN)}


def _shown(paths: np.ndarray, n: int) -> np.ndarray:
    """The first n paths that can be drawn: those that did not run away, if there are any."""
    drawable = np.array([_usable(path) for path in paths])
    return paths[drawable][:n] if drawable.any() else paths[:n]


def _returns(series: np.ndarray, simulated: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return stylised_facts.log_returns(series)[0], stylised_facts.log_returns(simulated)


def _usable(simulated: np.ndarray) -> bool:
    return bool(np.isfinite(simulated).all() and (simulated > 0).all())


def _sentence(auc: float, low: float, high: float, where: str, facts: list[dict[str, Any]]) -> str:
    span = f"AUC {auc:.3f}, 90% interval {low:.3f} to {high:.3f}"
    if low <= 0.5 and auc < BARELY:
        text = f"On {where} a discriminator trained from scratch cannot tell real from simulated ({span})."
    elif auc < BARELY:
        text = f"On {where} real and simulated can barely be told apart ({span}): a close fit, not a perfect one."
    elif auc < EASILY:
        text = f"On {where} real and simulated can be told apart ({span}): the model misses part of the data."
    else:
        text = f"On {where} real and simulated are easily told apart ({span}): the model does not fit these data."
    failed = [f["title"] for f in facts if not f["reproduced"]]
    if failed:
        text += f" Stylised facts not reproduced ({len(failed)} of {len(facts)}): {'; '.join(failed)}."
    elif facts:
        text += f" All {len(facts)} stylised facts tested are reproduced."
    return text
