"""What the columns of a game's history are, for the report's picture of it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Curve:
    """A column: on which panel it is drawn, under which label, and whether chance gives the panel a level.

    The level is the loss of a discriminator that knows nothing, `Objective.coin_toss`.
    """

    column: str
    panel: str
    label: str = ""
    has_level: bool = False


LOGIT = "mean logit"
TRAINED_ON_DATA = (Curve("loss", "simulator's loss"), Curve("discriminator_loss", "discriminator's loss", "", True),
                   Curve("logit_real", LOGIT, "real, trained on"), Curve("logit_heldout", LOGIT, "real, held out"))
CAPTION = ("The losses of the two players, and the discriminator's mean logit (above 0: it says real): where the data "
           "it trained on stand above held-out data, it memorises them.")


def nearest(distance: np.ndarray) -> float:
    """The least of candidates' distances (n,), NaN where none is finite."""
    return float(np.nanmin(distance)) if np.isfinite(distance).any() else float("nan")
