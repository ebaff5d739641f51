"""Hinge: only samples within the margin move the discriminator; its value is that of total variation."""

from __future__ import annotations

from torch import Tensor
from torch.nn.functional import relu


class Hinge:
    """Lim and Ye 2017; Miyato et al. 2018, eq. 16 and 17, whose spectral norm is left to the gradient penalty."""

    coin_toss = 2.0

    def discriminator_loss(self, real: Tensor, fake: Tensor) -> Tensor:
        """E max(0, 1 - V(real)) + E max(0, 1 + V(fake))."""
        return relu(1.0 - real).mean() + relu(1.0 + fake).mean()

    def generator_loss(self, fake: Tensor) -> Tensor:
        """-E V(fake)."""
        return -fake.mean()


OBJECTIVE = Hinge()
