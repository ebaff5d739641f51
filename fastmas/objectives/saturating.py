"""The paper's value function, eq. (1), minimised by the parameters as printed: log(1 - D)."""

from __future__ import annotations

from math import log

from torch import Tensor
from torch.nn.functional import softplus


class Saturating:
    """Goodfellow et al. 2014; its slope vanishes where the discriminator is sure."""

    coin_toss = 2 * log(2)

    def discriminator_loss(self, real: Tensor, fake: Tensor) -> Tensor:
        """-V of eq. (1): -E log D(real) - E log(1 - D(fake))."""
        return softplus(-real).mean() + softplus(fake).mean()

    def generator_loss(self, fake: Tensor) -> Tensor:
        """E log(1 - D(fake))."""
        return -softplus(fake).mean()


OBJECTIVE = Saturating()
