"""How easily data and simulated paths are told apart: a discriminator trained from scratch, on data held out.

Second to the p-value: it says how much a misfit shows to an eye that learns, in one number, and misses some.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from itertools import pairwise

import numpy as np
import torch
from scipy.stats import norm, t
from torch import Tensor, nn
from torch.nn.functional import softplus

from fastmas import statistics
from fastmas.calibration.budget import ToldApartEffort
from fastmas.calibration.judged import Judged
from fastmas.calibration.observed import Observed
from fastmas.discriminators.networks import perceptron
from fastmas.discriminators.training import Trainer, flat, initialise
from fastmas.random.address import Purpose
from fastmas.seeding import seeded

HIDDEN, RATE, BETAS = 32, 2e-3, (0.9, 0.99)
PENALTY = 1e-4  # weight decay
LEVEL = 0.9
N_BLOCKS = 4  # of a training series
NULL_RUN = 1 << 10  # run numbers of those
EASILY = 0.75  # AUC

Train = Callable[[Tensor, Tensor], nn.Module]


@dataclass(frozen=True)
class ToldApart:
    """AUC on held-out data with its interval, and the value of eq. (1) there above -log 4.

    `auc_blocked` is None for many paths. For a series it is the AUC over blocks of the training part,
    each judged by a discriminator trained on the others: markets change, and a held-out period that is
    calmer than the past can hide a misfit. `auc_null` are the AUCs of data sets simulated at the estimate,
    `piece` says what is held up for the discriminator.
    """

    auc: float
    auc_interval: tuple[float, float]
    auc_blocked: tuple[float, float, float] | None
    auc_null: tuple[float, ...]
    value: float
    piece: str


def tell_apart(simulator: Judged, z: np.ndarray, effort: ToldApartEffort) -> ToldApart:
    """Train on the training data against fresh paths at z, and test on what neither has seen."""
    observed, train = simulator.observed, partial(_train, simulator, effort)
    n_train, n_test = (8, 8) if observed.is_series else (len(observed.real), max(50, len(observed.heldout)))
    fake_train = simulator.sample(z[None], n_train, 0, Purpose.VERDICT)[0]
    fake_test = simulator.sample(z[None], n_test, 1, Purpose.VERDICT, n_times=observed.x_heldout.shape[-1])[0]
    network = train(flat(observed.real), flat(fake_train))
    real, fake = _clusters(observed, network, observed.heldout), _clusters(observed, network, fake_test)
    auc, ends = _with_interval(real, fake)
    value = float(np.log(4.0) - np.mean(np.logaddexp(0.0, -np.concatenate(real)))
                  - np.mean(np.logaddexp(0.0, np.concatenate(fake))))
    blocked = _blocked(observed, train, fake_train, fake_test) if observed.is_series else None
    null = tuple(_of_simulated(simulator, z, i, train, (fake_train, fake_test)) for i in range(effort.n_null))
    return ToldApart(auc, ends, blocked, null, value, _piece(observed))


def _of_simulated(simulator: Judged, z: np.ndarray, number: int, train: Train,
                  fake: tuple[np.ndarray, np.ndarray]) -> float:
    """AUC where a data set simulated at z takes the place of the data, against paths to train on and to test on."""
    observed, run = simulator.observed, NULL_RUN + 2 * number
    real = simulator.sample(z[None], len(observed.real), run, Purpose.VERDICT)[0]
    test = simulator.sample(z[None], len(observed.heldout), run + 1, Purpose.VERDICT,
                            n_times=observed.x_heldout.shape[-1])[0]
    network = train(flat(real), flat(fake[0]))
    return area_under_curve(_clusters(observed, network, test), _clusters(observed, network, fake[1]))[0]


def _piece(observed: Observed) -> str:
    """What one sample of the statistic is, in words."""
    known = statistics.pieces().get(observed.statistic_name)
    if known and not observed.is_plain:
        known += f", of {' and '.join(view.name for view in observed.views)}" if observed.k > 1 else ""
        known += " (levels or codes in the place of returns, where it is no price)"
    return known or f"{observed.real.shape[-1]} numbers of the statistic {observed.statistic_name}"


def in_words(told: ToldApart, *, is_rejected: bool) -> str:
    """How easily real and simulated pieces are told apart; `is_rejected` where a misfit is known already."""
    low, high = told.auc_interval
    blocked = "" if told.auc_blocked is None else f"; {told.auc_blocked[0]:.3f} over blocks of the training data"
    null = f"{min(told.auc_null):.3f} to {max(told.auc_null):.3f} where data sets simulated at the estimate take the"
    return (f"How easily told apart: shown two pieces of held-out data, one of them simulated, a discriminator trained "
            f"from scratch names the real one {100 * told.auc:.0f} times in 100 (AUC {told.auc:.3f}, 90% interval "
            f"{low:.3f} to {high:.3f}{blocked}; {null} place of the data). A piece is {told.piece}. "
            f"{_meaning(told, is_rejected)}")


def _meaning(told: ToldApart, is_rejected: bool) -> str:
    if told.auc_interval[0] > 0.5 and told.auc > _bar(told.auc_null):
        more = "easily told apart" if told.auc > EASILY else "told apart more easily than simulated data sets"
        return f"Real and simulated pieces are {more}."
    if is_rejected:
        return "Piece by piece the misfit does not show, which is no sign of a good fit."
    return "That is no more than for simulated data sets."


def _bar(null: tuple[float, ...]) -> float:
    """What one more AUC like these exceeds once in twenty times (a prediction limit of normal numbers)."""
    n = len(null)
    return float(np.mean(null) + t.ppf(0.95, n - 1) * np.std(null, ddof=1) * np.sqrt(1.0 + 1.0 / n))


def _with_interval(real: list[np.ndarray], fake: list[np.ndarray]) -> tuple[float, tuple[float, float]]:
    auc, error = area_under_curve(real, fake)
    reach = float(norm.ppf(0.5 + LEVEL / 2)) * error
    return auc, (max(0.0, auc - reach), min(1.0, auc + reach))


def _blocked(observed: Observed, train: Train, fake_train: np.ndarray,
             fake_test: np.ndarray) -> tuple[float, float, float] | None:
    """AUC, low and high over N_BLOCKS stretches of the training series, a gap of one horizon around each.

    None if the series is so short that nothing is left beside a stretch and its gaps.
    """
    samples, gap = observed.real[0], observed.observations.horizon
    edges = np.linspace(0, len(samples), N_BLOCKS + 1).astype(int)
    if any(first <= gap and last + gap >= len(samples) for first, last in pairwise(edges)):
        return None
    aucs, variances = [], []
    for first, last in pairwise(edges):
        others = np.concatenate([samples[:max(0, first - gap)], samples[last + gap:]])
        network = train(flat(others), flat(fake_train))
        auc, error = area_under_curve(_clusters(observed, network, samples[None, first:last]),
                                      _clusters(observed, network, fake_test))
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


def _train(simulator: Judged, effort: ToldApartEffort, real: Tensor, fake: Tensor) -> nn.Module:
    key = (simulator.seed, Purpose.VERDICT)
    network = initialise(perceptron([real.shape[-1], HIDDEN, HIDDEN, 1], nn.SiLU), *key)
    trainer = Trainer(network, RATE, BETAS, simulator.workers.map)
    weights = [p for p in network.parameters() if p.ndim == 2]

    def loss(r: Tensor, f: Tensor) -> Tensor:
        decay = sum((w**2).sum() for w in weights)
        return softplus(-network(r)).mean() + softplus(network(f)).mean() + PENALTY * decay

    for step in range(effort.steps):
        generator = seeded(*key, step)
        trainer.rate(RATE * (1.0 - step / effort.steps))
        rows = [torch.randint(len(x), (effort.batch,), generator=generator) for x in (real, fake)]
        trainer.step(loss, real[rows[0]], fake[rows[1]])
    return network


def _clusters(observed: Observed, network: nn.Module, samples: np.ndarray) -> list[np.ndarray]:
    """Logits grouped by path, or by stretches of one horizon for a series."""
    with torch.no_grad():
        logits = network(flat(samples)).numpy().reshape(len(samples), -1).astype(np.float64)
    if not observed.is_series:
        return list(logits)
    pieces = max(1, logits.shape[1] // observed.observations.horizon)
    return [piece for path in logits for piece in np.array_split(path, pieces)]
