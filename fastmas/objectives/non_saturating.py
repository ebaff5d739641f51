"""Eq. (1) for the discriminator; the parameters minimise -log D, whose slope does not vanish."""

from __future__ import annotations

from math import log

from torch import Tensor
from torch.nn.functional import softplus


class NonSaturating:
    """Goodfellow et al. 2014, section 3."""

    coin_toss = 2 * log(2)

    def discriminator_loss(self, real: Tensor, fake: Tensor) -> Tensor:
        """-V of eq. (1)."""
        return softplus(-real).mean() + softplus(fake).mean()

    def generator_loss(self, fake: Tensor) -> Tensor:
        """-E log D(fake)."""
        return softplus(-fake).mean()


OBJECTIVE = NonSaturating()
