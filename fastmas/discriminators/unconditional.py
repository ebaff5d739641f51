"""The paper's game: a discriminator trained on the data against paths at the current theta."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from fastmas import objectives
from fastmas.discriminators import Table
from fastmas.discriminators.curves import CAPTION, LOGIT, TRAINED_ON_DATA, Curve
from fastmas.discriminators.evaluating import evaluate
from fastmas.discriminators.networks import perceptron
from fastmas.discriminators.training import Trainer, flat, gradient_penalty, initialise
from fastmas.evaluation import Evaluation
from fastmas.objectives import Objective
from fastmas.random.address import Purpose
from fastmas.seeding import seeded

HIDDEN = (32, 32)


@dataclass(frozen=True)
class Recipe:
    """How one is built and trained: R1 weight, Adam, batch, steps a generation, steps before the first."""

    activation: type[nn.Module]
    penalty: float
    rate: float
    betas: tuple[float, float]
    batch: int
    steps: int
    warmup: int


class Unconditional:
    """A perceptron on the statistic; the candidates' loss is the objective's generator loss.

    R1 holds it back, or the regulariser that the objective brings.
    """

    statistics = ("windows", "return-windows")
    local = False
    n_generations = 150
    own_objective: str | None = None
    plays, usual_objective = "discriminator_loss", objectives.USUAL
    sees_data = True
    has_gradients = True
    knows_theta = False
    curves = (*TRAINED_ON_DATA, Curve("logit_fake", LOGIT, "simulated"))
    caption = CAPTION
    training: Recipe

    def __init__(self, table: Table, objective: Objective) -> None:
        recipe: Recipe = table.training
        self.table, self.objective, self.recipe = table, objective, recipe
        network = initialise(perceptron([table.real.shape[-1], *HIDDEN, 1], recipe.activation), table.seed,
                             table.first_run)
        self.trainer = Trainer(network.to(table.device), recipe.rate, recipe.betas, table.map)
        self.regulariser = objectives.regulariser_of(objective)
        self.real = flat(table.real, table.device)
        self._last = float("nan")
        self._fake = self.real[:0]

    def begin(self) -> None:
        for first in range(0, self.recipe.warmup, self.recipe.steps):
            self._train(self.table.start, -1 - first // self.recipe.steps)

    def play(self, generation: int, centre: np.ndarray) -> None:
        self._train(centre, generation)

    def evaluate(self, generation: int, z: np.ndarray, centre: np.ndarray) -> Evaluation:
        return evaluate(self.table, generation, z, self._generator_loss, self._credit)

    def report(self) -> dict[str, float]:
        return {
            "discriminator_loss": self._last,
            "logit_real": self._mean_logit(self.real),
            "logit_heldout": self._mean_logit(flat(self.table.heldout, self.table.device)),
            "logit_fake": self._mean_logit(self._fake),
        }

    def arrays(self) -> dict[str, np.ndarray]:
        return {**self.trainer.arrays(), "last": np.array(self._last), "fake": self._fake.cpu().numpy()}

    def restore(self, arrays: dict[str, np.ndarray], generation: int) -> None:
        self.trainer.restore(arrays)
        self._last, self._fake = float(arrays["last"]), flat(np.array(arrays["fake"]), self.table.device)

    def _train(self, centre: np.ndarray, generation: int) -> None:
        table, recipe = self.table, self.recipe
        # Warm-up generations are negative; addresses are not.
        purpose = Purpose.TRAINING if generation >= 0 else Purpose.WARMUP
        run = table.first_run + (generation if generation >= 0 else -1 - generation)
        fake = flat(table.sample(centre[None, :], table.n_paths, run, purpose)[0], table.device)
        generator = seeded(table.seed, run, purpose)
        for _ in range(recipe.steps):
            real_rows = torch.randint(len(self.real), (recipe.batch,), generator=generator)
            fake_rows = torch.randint(len(fake), (recipe.batch,), generator=generator)
            self._last = self._step(self.real[real_rows], fake[fake_rows], generator)
        self._fake = fake[:: max(1, len(fake) // 2000)].clone()

    def _step(self, real: Tensor, fake: Tensor, generator: torch.Generator) -> float:
        if self.regulariser is None:
            return self.trainer.step(self._loss_with_r1, real, fake)
        share = torch.rand((len(real), 1), generator=generator).to(real.device)
        last = self.trainer.step(self._loss_with_its_own, real, fake, share)
        self.regulariser.after_step(self.trainer.parameters)
        return last

    def _loss_with_its_own(self, real: Tensor, fake: Tensor, share: Tensor) -> Tensor:
        network = self.trainer.network
        assert self.regulariser is not None
        loss = self.objective.discriminator_loss(network(real), network(fake))
        return loss + self.regulariser.penalty(network, real, fake, share)

    def _loss_with_r1(self, real: Tensor, fake: Tensor) -> Tensor:
        network = self.trainer.network
        real = real.clone().requires_grad_(True)
        logits = network(real)
        loss = self.objective.discriminator_loss(logits, network(fake))
        return loss + self.recipe.penalty * gradient_penalty(logits, real) if self.recipe.penalty else loss

    def _generator_loss(self, samples: Tensor, z: np.ndarray) -> Tensor:
        return self.objective.generator_loss(self.trainer.network(flat(samples, self.table.device)))

    def _credit(self, samples: Tensor, z: np.ndarray) -> Tensor:
        logits = self.trainer.network(flat(samples, self.table.device))
        return torch.vmap(self.objective.generator_loss)(logits).reshape(samples.shape[:2])

    def _mean_logit(self, samples: Tensor) -> float:
        if len(samples) == 0:
            return float("nan")
        with torch.no_grad():
            return float(self.trainer.network(samples[:: max(1, len(samples) // 4000)]).mean())
