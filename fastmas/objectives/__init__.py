"""The divergence being played: what each player minimises. One objective or one family per file.

A file defines `OBJECTIVE`, or `OBJECTIVES` with a name for each. There are two kinds.

*On logits*, against a network that is trained: `discriminator_loss(real, fake)` and `generator_loss(fake)`, logits
(torch tensors of any shape) to scalars. Both players minimise, and a high logit says "real". Optional are

- `coin_toss`: the discriminator's loss under the best logit that is the same for all: it knows nothing;
- `regulariser`, one of `fastmas.objectives.regularisers`: it takes the place of the discriminator's own;
- `discriminator`: the name of the one that plays it where none is named, ON_LOGITS otherwise;
- `is_mean`: False where the discriminator's loss is no sum of a mean over real and one over simulated samples.

*In closed form*, with the maximum over a fixed class of functions known: `distance_to(real, generator)` looks at the
data (n_paths, n_samples, k) once, draws what it needs, such as directions, from the torch generator, and returns a
function of simulated samples (n_paths, n_samples, k) on the same device, whose scalar value the parameters minimise.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from fastmas.registry import check_has, find, known_as

ON_LOGITS = "conditional"  # its loss is stationary, so that every updater may play against it
USUAL = "non-saturating"


class Objective(Protocol):
    """Losses of both players, on logits."""

    def discriminator_loss(self, real: Any, fake: Any) -> Any:
        """What the discriminator minimises."""

    def generator_loss(self, fake: Any) -> Any:
        """What the parameters minimise."""


class ClosedForm(Protocol):
    """A distance of samples whose discriminator needs no training."""

    def distance_to(self, real: Any, generator: Any) -> Callable[[Any], Any]:
        """Simulated samples to their distance from the real ones."""


class Regulariser(Protocol):
    """See `fastmas.objectives.regularisers`."""

    def penalty(self, logit: Callable[[Any], Any], real: Any, fake: Any, share: Any) -> Any:
        """Added to the discriminator's loss."""

    def after_step(self, parameters: Any) -> None:
        """Called when the weights have moved."""


def regulariser_of(objective: Objective) -> Regulariser | None:
    """What the objective brings in place of the discriminator's own, if it does."""
    return getattr(objective, "regulariser", None)


def is_mean(objective: Objective) -> bool:
    """Whether each sample has a part in the discriminator's loss that the others do not change."""
    return getattr(objective, "is_mean", True)


def get(name: str) -> Any:
    """The objective of this name; ParameterError if there is none."""
    found = find("fastmas.objectives", "OBJECTIVE", name, "objective")
    return found() if isinstance(found, type) else found


def named(chosen: Any) -> str | None:
    """The name of an objective that is given as a name, an object or a class; None for none.

    Raises
    ------
    ParameterError
        An object that is no objective.
    """
    if chosen is None or isinstance(chosen, str):
        return chosen
    if not hasattr(chosen, "distance_to"):
        check_has("objective", chosen, ("discriminator_loss", "generator_loss"))
    return known_as("objective", chosen)
