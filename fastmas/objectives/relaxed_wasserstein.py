"""Relaxed Wasserstein: the cost of transport is a Bregman divergence (Guo, Hong, Lin and Yang 2017).

W_phi(P, Q) = inf over couplings of E[phi(x) - phi(y) - phi'(y)(x - y)], x real and y simulated; the parameters
minimise it. The source bounds it with a clipped critic. On the line no critic is needed: since phi' grows, the best
coupling is that of equal quantiles whatever phi is, and coordinates and random directions are such lines. phi = x log
x, which the source found best, needs positive values: exp(x / 2) of a standardised x. phi = x^2 / 2 gives half the
squared Wasserstein 2.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from fastmas.objectives.slices import along, axes_and_random, quantiles, weights

Cost = Callable[[Tensor, Tensor], Tensor]


@dataclass(frozen=True)
class RelaxedWasserstein:
    """Mean over directions, weighed, of the cost of quantile against quantile."""

    cost: Cost
    discriminator = "closed-form"

    def distance_to(self, real: Tensor, generator: torch.Generator) -> Callable[[Tensor], Tensor]:
        directions = axes_and_random(real.shape[-1], generator)
        ours, weight = quantiles(along(real, directions)), weights(real, directions)
        return lambda fake: weight @ self.cost(ours, quantiles(along(fake, directions))).mean(dim=1)


def kullback_leibler(x: Tensor, y: Tensor) -> Tensor:
    """u log(u / v) - u + v, u = exp(x / 2) and v = exp(y / 2)."""
    u = torch.exp(x / 2.0)
    return u * (x - y) / 2.0 - u + torch.exp(y / 2.0)


def half_square(x: Tensor, y: Tensor) -> Tensor:
    """(x - y)^2 / 2."""
    return 0.5 * (x - y) ** 2


OBJECTIVES = {"relaxed-wasserstein": RelaxedWasserstein(kullback_leibler),
              "relaxed-wasserstein-square": RelaxedWasserstein(half_square)}
