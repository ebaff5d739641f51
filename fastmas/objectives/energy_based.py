"""Energies: low for real samples, at least a margin for simulated ones (Zhao, Mathieu and LeCun 2017).

The source takes the error of an autoencoder for an energy; all that its theorem asks is that there is none below 0.
Here the energy is softplus(-V), so that every network with a logit plays it. The pulling-away term spreads the samples
of a generator that is a network, and has nothing to spread in a simulator.
"""

from __future__ import annotations

from torch import Tensor
from torch.nn.functional import relu, softplus

MARGIN = 1.0


class EnergyBased:
    """Eq. 1 and 2."""

    coin_toss = MARGIN

    def discriminator_loss(self, real: Tensor, fake: Tensor) -> Tensor:
        """E e(real) + E max(0, m - e(fake)), e = softplus(-V)."""
        return softplus(-real).mean() + relu(MARGIN - softplus(-fake)).mean()

    def generator_loss(self, fake: Tensor) -> Tensor:
        """E e(fake)."""
        return softplus(-fake).mean()


OBJECTIVE = EnergyBased()
