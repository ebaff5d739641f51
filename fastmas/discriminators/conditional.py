"""Conditioned on theta and trained on the data against a replay: an objective as a function of theta.

The inner maximum, of eq. (1) or of another objective on logits, becomes a stationary function V(theta), which an
updater that ranks can minimise. It sees the data while training, as the paper's game does, and can memorise them; the
amortised discriminator does not. Kept for comparison.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from fastmas import objectives
from fastmas.discriminators import Table
from fastmas.discriminators.curves import CAPTION, TRAINED_ON_DATA
from fastmas.discriminators.evaluating import evaluate
from fastmas.discriminators.networks import QuadraticInTheta
from fastmas.discriminators.replay import N_THETA, Replay
from fastmas.discriminators.training import Trainer, Unregularised, flat, initialise
from fastmas.evaluation import Evaluation
from fastmas.objectives import Objective, is_mean
from fastmas.seeding import seeded

HIDDEN = 48
RATE, BETAS = 2e-3, (0.9, 0.99)


@dataclass(frozen=True)
class Training:
    """Samples of a step, steps of a generation, and steps before the first."""

    batch: int = 4096
    steps: int = 10
    warmup: int = 300


class Conditional:
    """QuadraticInTheta on (window, theta); the candidates' loss is what the discriminator wins at theta."""

    statistics = ("windows", "return-windows")
    local = True
    n_generations = 60
    own_objective: str | None = None
    plays, usual_objective = "discriminator_loss", objectives.USUAL
    sees_data = True
    has_gradients = True
    knows_theta = True
    curves, caption = TRAINED_ON_DATA, CAPTION
    training = Training()

    def __init__(self, table: Table, objective: Objective) -> None:
        self.table, self.objective, self.replay = table, objective, Replay(table)
        network = initialise(QuadraticInTheta(table.real.shape[-1], table.region.d, HIDDEN), table.seed,
                             table.first_run)
        self.trainer = Trainer(network.to(table.device), RATE, BETAS, table.map)
        self.regulariser = objectives.regulariser_of(objective) or Unregularised()
        self.real = flat(table.real, table.device)
        self._last = float("nan")

    def begin(self) -> None:
        for step in range(self.table.training.warmup):
            self._step(step)

    def play(self, generation: int, centre: np.ndarray) -> None:
        self.replay.renew(generation)
        training = self.table.training
        for step in range(training.steps):
            self._step(training.warmup + generation * training.steps + step)

    def evaluate(self, generation: int, z: np.ndarray, centre: np.ndarray) -> Evaluation:
        return evaluate(self.table, generation, z, self._value, self._credit if is_mean(self.objective) else None)

    def report(self) -> dict[str, float]:
        device = self.table.device
        middle = torch.zeros(self.table.region.d, device=device)
        return {"discriminator_loss": self._last, "logit_real": self._mean_logit(self.real, middle),
                "logit_heldout": self._mean_logit(flat(self.table.heldout, device), middle)}

    def arrays(self) -> dict[str, np.ndarray]:
        return {**self.trainer.arrays(), "last": np.array(self._last)}

    def restore(self, arrays: dict[str, np.ndarray], generation: int) -> None:
        self.trainer.restore(arrays)
        self._last = float(arrays["last"])
        self.replay.restore(generation)

    def _step(self, step: int) -> None:
        replay, generator = self.replay, seeded(self.table.seed, self.table.first_run, step)
        batch = self.table.training.batch
        theta_fake = torch.randint(N_THETA, (batch,), generator=generator)
        theta_real = torch.randint(N_THETA, (batch,), generator=generator)
        rows = torch.randint(replay.samples.shape[1], (batch,), generator=generator)
        real = self.real[torch.randint(len(self.real), (batch,), generator=generator)]
        share = torch.rand((batch, 1), generator=generator).to(real.device)
        self._last = self.trainer.step(self._discriminator_loss, real, replay.u[theta_real],
                                       replay.samples[theta_fake, rows], replay.u[theta_fake], share)
        self.regulariser.after_step(self.trainer.parameters)

    def _discriminator_loss(self, real: Tensor, u_real: Tensor, fake: Tensor, u_fake: Tensor, share: Tensor) -> Tensor:
        loss = self.objective.discriminator_loss(self._logit(real, u_real), self._logit(fake, u_fake))
        return loss + self.regulariser.penalty(lambda samples: self._logit(samples, u_fake), real, fake, share)

    def _logit(self, windows: Tensor, u: Tensor) -> Tensor:
        network: QuadraticInTheta = self.trainer.network  # type: ignore[assignment]
        return (network.trunk(windows) * network.monomials(u)).sum(dim=-1)

    def _value(self, samples: Tensor, z: np.ndarray) -> Tensor:
        u, fake = self.replay.to_u(z), flat(samples, self.table.device)
        return -self.objective.discriminator_loss(self._logit(self.real, u), self._logit(fake, u))

    def _credit(self, samples: Tensor, z: np.ndarray) -> Tensor:
        u = self.replay.to_u(z)
        real, fake = self._logit(self.real[:1], u), self._logit(flat(samples, self.table.device), u)
        return -torch.vmap(self.objective.discriminator_loss, (None, 0))(real, fake).reshape(samples.shape[:2])

    def _mean_logit(self, samples: Tensor, u: Tensor) -> float:
        if len(samples) == 0:
            return float("nan")
        with torch.no_grad():
            return float(self._logit(samples[:: max(1, len(samples) // 4000)], u).mean())


DISCRIMINATOR = Conditional
