"""f-divergences E_fake f(p / q) by their variational bound (Nowozin, Cseke and Tomioka 2016, eq. 4 and table 2).

The discriminator minimises -E g(V(real)) + E f*(g(V(fake))): g brings a logit into the domain of the conjugate f*, and
grows, so that a high logit says "real". The parameters minimise -E g(V(fake)), the source's choice for practice
(section 3.2); `conditional`, whose loss is the bound itself, gives them -E f*(g(V(fake))). At the best logit the bound
is the divergence; f(1) = 0, so that it is 0 at equal laws, and so is the loss of a discriminator that knows nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import exp, log

import torch
from torch import Tensor
from torch.nn.functional import softplus

from fastmas.objectives import ON_LOGITS

# Where densities are weighed by their ratio or its square, thetas far from the data would decide a network for all.
HERE = "windowed"
MOST = 10.0  # densities beyond exp(MOST) of each other count along the tangent: one sample is no infinite loss


@dataclass(frozen=True)
class FDivergence:
    """`activation` is g and `conjugate` v -> f*(g(v)), each of a logit."""

    activation: Callable[[Tensor], Tensor]
    conjugate: Callable[[Tensor], Tensor]
    discriminator: str = ON_LOGITS
    coin_toss = 0.0

    def discriminator_loss(self, real: Tensor, fake: Tensor) -> Tensor:
        """-E g(V(real)) + E f*(g(V(fake)))."""
        return self.conjugate(fake).mean() - self.activation(real).mean()

    def generator_loss(self, fake: Tensor) -> Tensor:
        """-E g(V(fake))."""
        return -self.activation(fake).mean()


def bounded_exp(v: Tensor) -> Tensor:
    """exp(v), and its tangent at MOST from there on."""
    return torch.exp(v.clamp(max=MOST)) + exp(MOST) * (v - MOST).clamp(min=0.0)


def _same(v: Tensor) -> Tensor:
    return v


def _half_tanh(v: Tensor) -> Tensor:
    return 0.5 * torch.tanh(v)


OBJECTIVES = {
    # f = u log u, f* = exp(t - 1)
    "kl": FDivergence(_same, lambda v: bounded_exp(v - 1.0), HERE),
    # f = -log u, f* = -1 - log(-t)
    "reverse-kl": FDivergence(lambda v: -bounded_exp(-v), lambda v: v - 1.0),
    # f = (u - 1)^2, f* = t^2 / 4 + t
    "pearson": FDivergence(_same, lambda v: 0.25 * v**2 + v, HERE),
    # f = (1 - u)^2 / u, f* = 2 - 2 sqrt(1 - t)
    "neyman": FDivergence(lambda v: 1.0 - bounded_exp(-v), lambda v: 2.0 - 2.0 * bounded_exp(-0.5 * v), HERE),
    # f = (sqrt(u) - 1)^2, f* = t / (1 - t)
    "squared-hellinger": FDivergence(lambda v: 1.0 - bounded_exp(-v), lambda v: bounded_exp(v) - 1.0),
    # f = u log u - (u + 1) log((u + 1) / 2), f* = -log(2 - exp(t))
    "jensen-shannon": FDivergence(lambda v: log(2.0) - softplus(-v), lambda v: softplus(v) - log(2.0)),
    # f = |u - 1| / 2, f* = t within [-1/2, 1/2]
    "total-variation": FDivergence(_half_tanh, _half_tanh),
}
