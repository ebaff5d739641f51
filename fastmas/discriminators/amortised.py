"""Conditioned on theta, trained on simulations alone and only applied to the data.

The network learns to tell which of many thetas a window came from (InfoNCE; van den Oord et al.
2018, Hermans et al. 2020), so that it cannot memorise the data, be they a thousand paths or one
series. Its logit is t(w) . q(theta), and the discriminators that are played are all combinations of t, averaged over a
path, and of the path's moments: no game can know less than the moment fit it starts from. Eq. (1) in the form of
Fisher GAN (Mroueh and Sercu 2017) has its inner maximum over them in closed form: the squared distance of the data's
mean features to the simulation's, in units of the standard error that the model gives them at the centre of the
round. Errors of the network cost efficiency and not consistency, since both means go through the same features.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from fastmas.discriminators import Table
from fastmas.discriminators.curves import Curve, nearest
from fastmas.discriminators.networks import QuadraticInTheta
from fastmas.discriminators.replay import N_THETA, Replay
from fastmas.discriminators.training import Trainer, flat, initialise
from fastmas.distance import Weight, means
from fastmas.evaluation import Evaluation
from fastmas.objectives import Objective
from fastmas.random.address import Purpose
from fastmas.seeding import seeded

HIDDEN = 48
RATE, BETAS = 3e-3, (0.9, 0.99)
MOST_FEATURES = 24  # coefficients of theta's squares and products are features only if there are no more in all
NETWORK = "network."  # prefix of its weights in a checkpoint
CHUNK = 1 << 11  # windows that the network sees at a time: what is made of them stays in the cache


@dataclass(frozen=True)
class Training:
    """Steps before the game and between two shares of new simulations; thetas and windows of each in a batch."""

    steps: int = 2000
    renew: int = 25
    n_contrast: int = 128
    n_windows: int = 32


class Amortised:
    """InfoNCE on a replay of simulations; Fisher distance of moments and learned features."""

    statistics = ("windows", "return-windows")
    local = True
    n_generations = 40
    own_objective: str | None = "fisher"
    sees_data = False
    has_gradients = False
    knows_theta = True
    curves = (Curve("loss", "squared distance", "mean of candidates"),
              Curve("nearest", "squared distance", "nearest candidate"))
    caption = ("Squared distance of the candidates' mean features from the data's, in standard errors: it falls to "
               "what chance leaves, about the number of features, where the model is right.")
    training = Training()

    def __init__(self, table: Table, objective: Objective | None = None) -> None:
        self.table = table
        network = initialise(QuadraticInTheta(table.real.shape[-1], table.region.d, HIDDEN), table.seed,
                             table.first_run)
        self.trainer = Trainer(network.to(table.device), RATE, BETAS, table.map)
        self.weight = Weight(np.empty((0, 0)))
        self._distance = float("nan")

    @staticmethod
    def n_learned(d: int) -> int:
        """Features learned of d coordinates that are no combinations of each other: all come from one hidden layer."""
        return min(HIDDEN, d)

    @classmethod
    def features_of(cls, arrays: Mapping[str, np.ndarray], k: int, d: int) -> Callable[[np.ndarray], np.ndarray]:
        """Learned features (n_paths, m) of samples (n_paths, n_samples, k), by the network of a checkpoint's arrays."""
        network = QuadraticInTheta(k, d, HIDDEN)
        network.load_state_dict({name.removeprefix(NETWORK): torch.from_numpy(np.array(v))
                                 for name, v in arrays.items() if name.startswith(NETWORK)})
        return lambda samples: learned_features(network, samples)

    @property
    def network(self) -> QuadraticInTheta:
        """The trained network."""
        return self.trainer.network  # type: ignore[return-value]

    def begin(self) -> None:
        replay, training = Replay(self.table), self.table.training
        for step in range(training.steps):
            if step % training.renew == 0 and step > 0:
                replay.renew(step // training.renew)
            self._step(replay, step)
        self.real = self._features(self.table.real, self.table.moments)
        samples, moments = self.table.look(self.table.start[None], self.table.n_weigh, self.table.first_run,
                                           Purpose.WARMUP)
        features = self._features(samples[0], moments[0])
        finite = features[np.isfinite(features).all(axis=1)]
        gap = finite.mean(axis=0) - self.real.mean(axis=0)
        self.weight = self.table.weigh(finite, gap, self.table.n_paths)

    def play(self, generation: int, centre: np.ndarray) -> None:
        """Nothing: the best combination of features against each candidate is known in closed form."""

    def evaluate(self, generation: int, z: np.ndarray, centre: np.ndarray) -> Evaluation:
        table = self.table
        seen = table.look(z, table.n_paths, table.first_run + generation, Purpose.CANDIDATES)
        features = np.stack(list(table.map(lambda one: self._features(*one), list(zip(*seen, strict=True)))))
        distance = self.weight.distance(means(features) - self.real.mean(axis=0))
        self._distance = nearest(distance)
        return Evaluation(distance)

    def report(self) -> dict[str, float]:
        return {"nearest": self._distance}

    def arrays(self) -> dict[str, np.ndarray]:
        network = {k: v for k, v in self.trainer.arrays().items() if k.startswith(NETWORK)}  # its training is over
        return {**network, "rows": self.weight.rows, "tau": np.array(self.weight.tau)}

    def restore(self, arrays: dict[str, np.ndarray], generation: int) -> None:
        self.trainer.restore(arrays)
        self.weight = Weight(np.array(arrays["rows"]), float(arrays["tau"]))
        self.real = self._features(self.table.real, self.table.moments)

    def _features(self, samples: np.ndarray | Tensor, moments: np.ndarray) -> np.ndarray:
        return np.concatenate([moments, learned_features(self.network, samples, self.table.device)], axis=1)

    def _step(self, replay: Replay, step: int) -> None:
        training = self.table.training
        self.trainer.rate(0.5 * RATE * (1.0 + math.cos(math.pi * step / training.steps)) + 1e-5)
        generator = seeded(self.table.seed, self.table.first_run, step)
        thetas = torch.randperm(N_THETA, generator=generator)[:training.n_contrast]
        rows = torch.randint(replay.samples.shape[1], (training.n_contrast, training.n_windows),
                             generator=generator)
        windows = replay.samples[thetas[:, None], rows]
        if self.table.blur > 0:
            windows = windows + self.table.blur * torch.randn(windows.shape, generator=generator).to(windows.device)
        u = replay.u[thetas]

        def contrast(shard: Tensor, labels: Tensor) -> Tensor:
            logits = self.network.trunk(shard.flatten(0, 1))[:, 1:] @ self.network.monomials(u)[:, 1:].T
            return torch.nn.functional.cross_entropy(logits, labels.flatten())

        labels = torch.arange(training.n_contrast, device=windows.device)[:, None].expand(-1, training.n_windows)
        self.trainer.step(contrast, windows, labels)


def learned_features(network: QuadraticInTheta, samples: np.ndarray | Tensor, device: str = "cpu") -> np.ndarray:
    """Coefficients of theta in the logit, averaged over the samples (n_paths, n_samples, k) of each path.

    (n_paths, d) in float64, or with those of squares and products if there are no more than MOST_FEATURES in all.
    """
    n_paths, n_samples, _ = samples.shape
    n_all = network.d + len(network.first)
    n_kept = n_all if n_all <= MOST_FEATURES else network.d
    size, parts = max(1, CHUNK // n_samples), []
    for i in range(0, n_paths, size):
        with torch.no_grad():
            seen = network.trunk(flat(samples[i:i + size], device))[:, 1:1 + n_kept]
            parts.append(seen.reshape(-1, n_samples, n_kept).double().mean(dim=1).cpu().numpy())
    return np.concatenate(parts)


DISCRIMINATOR = Amortised
