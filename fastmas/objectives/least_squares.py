"""Least squares: real logits are pulled to 1, simulated ones to 0, and the parameters pull theirs to 1."""

from __future__ import annotations

from torch import Tensor


class LeastSquares:
    """Mao et al. 2017, eq. 9, the coding of zeros and ones."""

    coin_toss = 0.25

    def discriminator_loss(self, real: Tensor, fake: Tensor) -> Tensor:
        """E (V(real) - 1)^2 / 2 + E V(fake)^2 / 2."""
        return 0.5 * ((real - 1.0) ** 2).mean() + 0.5 * (fake**2).mean()

    def generator_loss(self, fake: Tensor) -> Tensor:
        """E (V(fake) - 1)^2 / 2."""
        return 0.5 * ((fake - 1.0) ** 2).mean()


OBJECTIVE = LeastSquares()
