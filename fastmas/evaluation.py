"""What a discriminator says of candidates."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

LOSS, GRADIENT = "loss", "gradient"  # what an updater may need


class Evaluation(NamedTuple):
    """Losses (n,) of candidates z (n, d), NaN for one that has none, and their gradients (n, d) where they are needed.

    A gradient is that of the expected loss by z, the discriminator standing still.
    """

    loss: np.ndarray
    gradient: np.ndarray | None = None
