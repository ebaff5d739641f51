"""The quantile divergence (Ostrovski, Dabney and Munos 2018): the simulator's quantiles regressed on the data.

There is no discriminator to train. Along coordinates and random directions the parameters minimise E_tau E_x rho_tau(x
- Q(tau)), rho_tau(u) = (tau - 1{u < 0}) u, Q the quantile function of simulated values. The same of the data's own
quantiles is taken off, so that 0 is the least there can be; it is half the Cramer distance on the line.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from fastmas.objectives.slices import along, axes_and_random, levels, quantiles, weights


class Quantile:
    """Mean over directions, weighed."""

    discriminator = "closed-form"

    def distance_to(self, real: Tensor, generator: torch.Generator) -> Callable[[Tensor], Tensor]:
        directions = axes_and_random(real.shape[-1], generator)
        ours = along(real, directions)
        least, weight = pinball(ours, quantiles(ours)), weights(real, directions)
        return lambda fake: weight @ (pinball(ours, quantiles(along(fake, directions))) - least)


def pinball(ordered: Tensor, q: Tensor) -> Tensor:
    """E_tau E_x rho_tau(x - q(tau)) of sorted x (m, n) and quantiles q (m, n_levels), (m,)."""
    sums = torch.nn.functional.pad(ordered.double().cumsum(dim=1), (1, 0))
    below = torch.searchsorted(ordered.double(), q)  # x that are less than each q
    short = (below * q - sums.gather(1, below)) / ordered.shape[1]  # E max(0, q - x)
    mean = sums[:, -1:] / ordered.shape[1]
    return (levels(q.device) * (mean - q) + short).mean(dim=1)


OBJECTIVE = Quantile()
