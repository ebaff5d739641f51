"""Ticks of logarithmic axes: a few round values as plain numbers."""

from __future__ import annotations

import numpy as np
from matplotlib.axis import Axis
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

MOST = 4
ROUND = (1.0, 2.0, 5.0)


def few_ticks(axis: Axis, low: float, high: float) -> None:
    """At most four values between low and high, which are positive."""
    tens = 10.0 ** np.arange(np.floor(np.log10(low)), np.ceil(np.log10(high)) + 1)
    finer = np.outer(tens, ROUND).ravel()
    values = [inside for some in (finer, tens) if len(inside := some[(some >= low) & (some <= high)]) > 1]
    found = next((some for some in values if len(some) <= MOST), values[-1] if values else np.array([low, high]))
    axis.set_major_locator(FixedLocator(found[:: -(-len(found) // MOST)].tolist()))
    axis.set_major_formatter(FuncFormatter(lambda value, place: f"{value:.3g}"))
    axis.set_minor_locator(NullLocator())
