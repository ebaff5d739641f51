"""How well the calibrated model fits: a discriminator trained from scratch, judged on held-out data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from scipy.stats import norm
from torch import Tensor, nn
from torch.nn.functional import softplus

from fastmas.calibration.setup import Setup
from fastmas.discriminators import Purpose
from fastmas.discriminators.networks import perceptron
from fastmas.discriminators.training import Trainer, flat, initialise, seeded
from fastmas.statistics import stylised_facts

HIDDEN, RATE, BETAS = 32, 2e-3, (0.9, 0.99)
BATCH, STEPS = 4096, 400
PENALTY = 1e-4  # weight decay
LEVEL = 0.9
N_SERIES = 100  # simulated series behind a stylised fact's range
N_SHOWN = 500  # paths kept for the report


@dataclass(frozen=True)
class Verdict:
    """AUC on held-out data with its interval, the value of eq. (1) there above -log 4, and the facts."""

    auc: float
    auc_interval: tuple[float, float]
    value: float
    facts: list[dict[str, Any]]
    sentence: str
    sample: dict[str, np.ndarray]


def judge(setup: Setup, z: np.ndarray) -> Verdict:
    """Train on the training data against fresh paths at z, and test on what neither has seen."""
    n_train, n_test = (8, 8) if setup.is_series else (len(setup.real), len(setup.heldout))
    fake_train = setup.sample(z[None], n_train, 0, Purpose.VERDICT)[0]
    fake_test = setup.sample(z[None], max(n_test, 50) if not setup.is_series else n_test, 1, Purpose.VERDICT,
                             n_times=setup.x_heldout.shape[1])[0]
    network = _train(setup, flat(setup.real), flat(fake_train))
    real, fake = _clusters(setup, network, setup.heldout), _clusters(setup, network, fake_test)
    auc, error = area_under_curve(real, fake)
    reach = norm.ppf(0.5 + LEVEL / 2) * error
    ends = (max(0.0, auc - reach), min(1.0, auc + reach))
    value = float(np.log(4.0) - np.mean(np.logaddexp(0.0, -np.concatenate(real)))
                  - np.mean(np.logaddexp(0.0, np.concatenate(fake))))
    facts, sample = _facts(setup, z)
    return Verdict(auc, ends, value, facts, _sentence(auc, ends, facts), sample)


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
        return facts, {"x_obs": observations.x_obs[:N_SHOWN], "x_sim": windows, "series_obs": series,
                       "series_sim": simulated[:20]}
    simulated = setup.simulate(z[None], max(N_SHOWN, len(setup.real)), 2, Purpose.SAMPLE)[0].astype(np.float64)
    both = np.concatenate([observations.x_obs, observations.x_heldout])
    facts = []
    if _usable(simulated):
        facts = stylised_facts.compare_paths(*(stylised_facts.log_returns(x) for x in (both, simulated)))
    return facts, {"x_obs": observations.x_obs[:N_SHOWN], "x_sim": simulated[:N_SHOWN]}


def _returns(series: np.ndarray, simulated: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return stylised_facts.log_returns(series)[0], stylised_facts.log_returns(simulated)


def _usable(simulated: np.ndarray) -> bool:
    return bool(np.isfinite(simulated).all() and (simulated > 0).all())


def _sentence(auc: float, ends: tuple[float, float], facts: list[dict[str, Any]]) -> str:
    span = f"AUC {auc:.3f}, 90% interval {ends[0]:.3f} to {ends[1]:.3f}"
    if ends[0] <= 0.5:
        text = f"On held-out data a discriminator trained from scratch cannot tell real from simulated ({span})."
    elif auc < 0.6:
        text = f"On held-out data real and simulated can barely be told apart ({span}): a close fit, not a perfect one."
    elif auc < 0.75:
        text = f"On held-out data real and simulated can be told apart ({span}): the model misses part of the data."
    else:
        text = f"On held-out data real and simulated are easily told apart ({span}): the model does not fit these data."
    failed = [f["title"] for f in facts if not f["reproduced"]]
    if failed:
        text += f" Stylised facts not reproduced: {', '.join(failed)}."
    elif facts:
        text += f" All {len(facts)} stylised facts tested are reproduced."
    return text
