"""Conditioned on theta, trained on simulations alone and only applied to the data.

The network learns to tell which of many thetas a window came from (InfoNCE; van den Oord et al.
2018, Hermans et al. 2020), so that it cannot memorise the data, be they a thousand paths or one
series. The slope of its logit in theta is a learned score h(w). The discriminators played are the
combinations of h: eq. (1) in the form of Fisher GAN (Mroueh and Sercu 2017) has its inner maximum
over them in closed form, the squared distance of the data's mean of h to the simulation's, in units
of the standard error that the mean has over data like these. Errors of the network cost efficiency
and not consistency, since both means go through the same h.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

from fastmas.discriminators import Table
from fastmas.discriminators.networks import QuadraticInTheta
from fastmas.discriminators.replay import N_THETA, Replay
from fastmas.discriminators.training import Trainer, flat, initialise, seeded
from fastmas.objectives import Objective
from fastmas.random.address import Purpose

HIDDEN = 48
RATE, BETAS = 3e-3, (0.9, 0.99)
N_CONTRAST, N_WINDOWS = 128, 32  # thetas that compete in a batch, and windows of each
LEAST_PATHS = 8  # below it the data's covariance comes from blocks
BLOCK = 125  # windows: half a year of days, long against the dependence of returns
MORE_BLOCKS = 4  # than parameters, so that the covariance has an inverse
STEPS, WARMUP = 10, 400  # a generation, and before the first


def covariance_of_mean(scores: np.ndarray) -> np.ndarray:
    """Covariance (d, d) of the mean of independent scores (n, d)."""
    return np.cov(scores.T).reshape(scores.shape[1], scores.shape[1]) / len(scores)


class Amortised:
    """InfoNCE on a replay of simulations; Fisher distance of learned scores on the data."""

    statistics = ("windows", "return-windows")
    local = True
    n_generations = 100
    own_objective: str | None = "fisher"

    def __init__(self, table: Table, objective: Objective | None = None) -> None:
        self.table, self.replay = table, Replay(table)
        network = initialise(QuadraticInTheta(table.real.shape[-1], len(table.low), HIDDEN), table.seed,
                             table.first_run)
        self.trainer = Trainer(network.to(table.device), RATE, BETAS, table.map)
        self._last, self._distance = float("nan"), float("nan")

    @property
    def network(self) -> QuadraticInTheta:
        """The trained network."""
        return self.trainer.network  # type: ignore[return-value]

    def begin(self) -> None:
        for step in range(WARMUP):
            self._step(step)

    def play(self, generation: int, centre: np.ndarray) -> None:
        self.replay.renew(generation)
        for step in range(STEPS):
            self._step(WARMUP + generation * STEPS + step)

    def loss(self, generation: int, z: np.ndarray, centre: np.ndarray) -> np.ndarray:
        table, u = self.table, self.replay.to_u(centre)
        samples = table.sample(z, table.n_paths, table.first_run + generation, Purpose.CANDIDATES)
        means = np.stack(list(table.map(lambda one: self.mean_scores(one, u), samples)))
        real = self.data_scores(u)
        gap, covariance = means.mean(axis=1) - real.mean(axis=0), covariance_of_mean(real)
        distance = np.einsum("ni,ni->n", gap, np.linalg.solve(covariance, gap.T).T)
        self._distance = float(np.min(distance))
        return distance

    def mean_scores(self, samples: np.ndarray | Tensor, u: Tensor) -> np.ndarray:
        """Mean learned score of each path, (n_paths, n_samples, k) to (n_paths, d) in float64."""
        n_paths, n_samples, _ = samples.shape
        with torch.no_grad():
            slopes = self.network.slopes(flat(samples, self.table.device), u)
        return slopes.reshape(n_paths, n_samples, -1).double().mean(dim=1).cpu().numpy()

    def data_scores(self, u: Tensor) -> np.ndarray:
        """Mean score of each path of the data, (n_paths, d), or of each block if they are one series."""
        real = self.table.real
        least = len(self.table.low) + MORE_BLOCKS
        if len(real) < max(LEAST_PATHS, least):
            n_blocks = min(real.shape[1], max(least, real.shape[1] // BLOCK))
            real = np.concatenate([np.stack(np.split(path[: len(path) // n_blocks * n_blocks], n_blocks))
                                   for path in real])
        return self.mean_scores(real, u)

    def report(self) -> dict[str, float]:
        return {"discriminator_loss": self._last, "logit_real": float("nan"), "logit_heldout": float("nan"),
                "logit_fake": float("nan")}

    def arrays(self) -> dict[str, np.ndarray]:
        return {**self.trainer.arrays(), "last": np.array(self._last)}

    def restore(self, arrays: dict[str, np.ndarray], generation: int) -> None:
        self.trainer.restore(arrays)
        self._last = float(arrays["last"])
        self.replay.restore(generation)

    def _step(self, step: int) -> None:
        total = WARMUP + STEPS * self.table.n_generations
        self.trainer.rate(0.5 * RATE * (1.0 + math.cos(math.pi * min(1.0, step / total))) + 1e-5)
        generator = seeded(self.table.seed, self.table.first_run, step)
        thetas = torch.randperm(N_THETA, generator=generator)[:N_CONTRAST]
        rows = torch.randint(self.replay.samples.shape[1], (N_CONTRAST, N_WINDOWS), generator=generator)
        windows = self.replay.samples[thetas[:, None], rows]
        if self.table.blur > 0:
            windows = windows + self.table.blur * torch.randn(windows.shape, generator=generator).to(windows.device)
        monomials = self.network.monomials(self.replay.u[thetas])[:, 1:]

        def contrast(shard: Tensor, labels: Tensor) -> Tensor:
            logits = self.network.trunk(shard.flatten(0, 1))[:, 1:] @ monomials.T
            return torch.nn.functional.cross_entropy(logits, labels.flatten())

        labels = torch.arange(N_CONTRAST, device=windows.device)[:, None].expand(-1, N_WINDOWS)
        self._last = self.trainer.step(contrast, windows, labels)


DISCRIMINATOR = Amortised
