"""Fisher: the gap of means in units of the critic's own root mean square, so that no weight need be bounded.

Over combinations of features the maximum is known: the squared distance by their covariance, which the discriminator
`amortised` plays. Against the others the critic is a network.
"""

from __future__ import annotations

from torch import Tensor

LEAST = 1e-8  # mean square below which a critic is 0


class Fisher:
    """Mroueh and Sercu 2017, the quotient itself in place of a constraint and its multiplier."""

    coin_toss = 0.0
    is_mean = False
    discriminator = "amortised"

    def discriminator_loss(self, real: Tensor, fake: Tensor) -> Tensor:
        """-(E V(real) - E V(fake)) / sqrt(E V(real)^2 / 2 + E V(fake)^2 / 2)."""
        mean_square = 0.5 * (real**2).mean() + 0.5 * (fake**2).mean()
        return (fake.mean() - real.mean()) / (mean_square + LEAST).sqrt()

    def generator_loss(self, fake: Tensor) -> Tensor:
        """-E V(fake)."""
        return -fake.mean()


OBJECTIVE = Fisher()
