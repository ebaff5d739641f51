"""Wasserstein 1 in its dual form, and the two ways that keep the critic V Lipschitz.

The discriminator minimises E V(fake) - E V(real), the parameters -E V(fake) (Arjovsky, Chintala and Bottou 2017, eq. 2
and algorithm 1).
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from fastmas.objectives.regularisers import Box, UnitSlope

# Arjovsky's .01 is for wide networks: one of 32 units in such a box has a slope below a ten-thousandth.
HALF = 0.5


@dataclass(frozen=True)
class Wasserstein:
    """The largest gap of means over functions that `regulariser` keeps Lipschitz."""

    regulariser: UnitSlope | Box
    discriminator = "windowed"
    coin_toss = 0.0

    def discriminator_loss(self, real: Tensor, fake: Tensor) -> Tensor:
        """-(E V(real) - E V(fake))."""
        return fake.mean() - real.mean()

    def generator_loss(self, fake: Tensor) -> Tensor:
        """-E V(fake)."""
        return -fake.mean()


OBJECTIVES = {"wasserstein": Wasserstein(UnitSlope()), "wasserstein-clip": Wasserstein(Box(HALF))}
