"""What keeps a critic from growing without bound, where an objective brings it.

A regulariser has `penalty(logit, real, fake, share)`, added to the discriminator's loss, and `after_step(parameters)`,
called when these have moved. `logit` maps samples (n, k) to logits (n,) or (n, 1), `share` (n, 1) is uniform in [0, 1).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

Logit = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class UnitSlope:
    """weight E max(0, |grad V| - 1)^2 between real and fake samples, at most a slope of one.

    Gulrajani et al. 2017 (eq. 3) punish smaller slopes as well; Petzka, Fischer and Lukovnicov 2018 do not. A
    critic that depends on theta turns round at the truth, and must be flat on its way.
    """

    weight: float = 10.0

    def penalty(self, logit: Logit, real: Tensor, fake: Tensor, share: Tensor) -> Tensor:
        between = (share * real + (1.0 - share) * fake).detach().requires_grad_(True)
        (slope,) = torch.autograd.grad(logit(between).sum(), between, create_graph=True)
        return self.weight * (torch.relu(torch.linalg.vector_norm(slope, dim=-1) - 1.0) ** 2).mean()

    def after_step(self, parameters: Iterable[nn.Parameter]) -> None:
        """Nothing."""


@dataclass(frozen=True)
class Box:
    """Every weight within [-half, half] after each step (Arjovsky, Chintala and Bottou 2017, algorithm 1)."""

    half: float

    def penalty(self, logit: Logit, real: Tensor, fake: Tensor, share: Tensor) -> Tensor:
        return real.new_zeros(())

    def after_step(self, parameters: Iterable[nn.Parameter]) -> None:
        with torch.no_grad():
            for parameter in parameters:
                parameter.clamp_(-self.half, self.half)
