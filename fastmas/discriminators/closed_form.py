"""Distances of samples whose best discriminator is known: the objectives in closed form.

Nothing is trained, and the loss is a stationary function of theta. It sees the data, through the objective alone: there
is nothing that could learn them by heart.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from fastmas.discriminators import Table
from fastmas.discriminators.curves import Curve, nearest
from fastmas.discriminators.evaluating import evaluate
from fastmas.evaluation import Evaluation
from fastmas.objectives import ClosedForm
from fastmas.seeding import seeded


@dataclass(frozen=True)
class Training:
    """There is none."""


class Closed:
    """The candidates' loss is the objective's distance of their samples from the data."""

    statistics = ("windows", "return-windows")
    local = True
    n_generations = 40
    own_objective: str | None = None
    plays, usual_objective = "distance_to", "mmd"
    sees_data = True
    has_gradients = True
    knows_theta = True
    curves = (Curve("loss", "distance", "mean of candidates"), Curve("nearest", "distance", "nearest candidate"))
    caption = ("Distance of the candidates' samples from the data: it falls to what chance leaves where the model is "
               "right. One that is estimated without bias may be a little below 0 there.")
    training = Training()

    def __init__(self, table: Table, objective: ClosedForm) -> None:
        self.table = table
        self._distance = objective.distance_to(self._on_device(table.real), seeded(table.seed, table.first_run))
        self._nearest = float("nan")

    def begin(self) -> None:
        """Nothing: all is known from the data."""

    def play(self, generation: int, centre: np.ndarray) -> None:
        """Nothing: the best discriminator against each candidate is known."""

    def evaluate(self, generation: int, z: np.ndarray, centre: np.ndarray) -> Evaluation:
        found = evaluate(self.table, generation, z, lambda samples, z: self._distance(samples))
        self._nearest = nearest(found.loss)
        return found

    def report(self) -> dict[str, float]:
        return {"nearest": self._nearest}

    def arrays(self) -> dict[str, np.ndarray]:
        return {"nearest": np.array(self._nearest)}

    def restore(self, arrays: dict[str, np.ndarray], generation: int) -> None:
        self._nearest = float(arrays["nearest"])

    def _on_device(self, samples: np.ndarray | torch.Tensor) -> torch.Tensor:
        return torch.as_tensor(samples).to(self.table.device)


DISCRIMINATOR = Closed
