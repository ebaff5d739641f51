"""Cramer, or energy, distance E|x - y| - E|x - x'| / 2 - E|y - y'| / 2 (Szekely and Rizzo 2013; Bellemare et al. 2017).

The discriminator's part is the maximum over the unit ball of this kernel's space, the parameters minimise it. On the
line it is the integral of (F - G)^2. In more dimensions |x| is, but for a constant, the mean of |<u, x>| over
directions u, so that random directions give it without bias from sorted values. x and x' are of different paths:
windows of one path are not independent. The estimate may be negative.
"""

from __future__ import annotations

from collections.abc import Callable
from math import exp, lgamma, pi, sqrt

import torch
from torch import Tensor

from fastmas.objectives.slices import random_directions


class Cramer:
    """Over paths, by random directions."""

    discriminator = "closed-form"

    def distance_to(self, real: Tensor, generator: torch.Generator) -> Callable[[Tensor], Tensor]:
        directions = random_directions(real.shape[-1], generator).to(real.device)
        ours, share = _along(real, directions), length_of_a_shadow(real.shape[-1])
        within = within_laws(ours)

        def distance(fake: Tensor) -> Tensor:
            theirs = _along(fake, directions)
            apart = between_laws(ours, theirs) - (within + within_laws(theirs)) / 2.0
            return apart.mean() / share

        return distance


def length_of_a_shadow(k: int) -> float:
    """Mean |u_1| of a unit vector u that is uniform on the sphere in k dimensions."""
    return exp(lgamma(k / 2.0) - lgamma((k + 1) / 2.0)) / sqrt(pi)


def sum_of_distances(values: Tensor) -> Tensor:
    """Sum of |a - b| over all pairs of the last axis' values, (..., n) to (...)."""
    n = values.shape[-1]
    weight = 2.0 * torch.arange(n, dtype=torch.float64, device=values.device) - (n - 1)
    return values.sort(dim=-1).values.double() @ weight


def within_laws(values: Tensor) -> Tensor:
    """Mean |x - x'| of values (m, n_paths, n_samples) of different paths, (m,); of one path where it is alone."""
    m, n_paths, n_samples = values.shape
    total = sum_of_distances(values.reshape(m, -1))
    if n_paths == 1:
        return total / max(1.0, n_samples * (n_samples - 1) / 2.0)
    return (total - sum_of_distances(values).sum(dim=1)) / (n_samples**2 * n_paths * (n_paths - 1) / 2.0)


def between_laws(ours: Tensor, theirs: Tensor) -> Tensor:
    """Mean |x - y| of values (m, n_paths, n_samples) of either law, (m,)."""
    one, other = ours.flatten(1), theirs.flatten(1)
    across = sum_of_distances(torch.cat([one, other], dim=1)) - sum_of_distances(one) - sum_of_distances(other)
    return across / (one.shape[1] * other.shape[1])


def _along(samples: Tensor, directions: Tensor) -> Tensor:
    return torch.einsum("mk,psk->mps", directions, samples)


OBJECTIVE = Cramer()
