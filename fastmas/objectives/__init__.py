"""The divergence being played: what each player minimises, given logits. One objective per file.

An objective is an object with `discriminator_loss(real, fake)` and `generator_loss(fake)`: logits
(torch tensors of any shape) to scalars. Both players minimise. `coin_toss`, if there, is the discriminator's
loss where all logits are 0: it knows nothing.
"""

from __future__ import annotations

from typing import Any, Protocol

from fastmas.registry import find


class Objective(Protocol):
    """Losses of both players."""

    def discriminator_loss(self, real: Any, fake: Any) -> Any:
        """What the discriminator minimises."""

    def generator_loss(self, fake: Any) -> Any:
        """What the parameters minimise."""


def get(name: str) -> Objective:
    """The objective of this name; ParameterError if there is none."""
    return find("fastmas.objectives", "OBJECTIVE", name, "objective")
