"""Sig-W1: the distance |E S(x) - E S(y)| of expected signatures (Ni et al. 2020 and 2021).

It is the largest gap of means over linear functions of the signature of length 1: the discriminator's part is known,
the parameters minimise it. A sample's k numbers are the steps of a path, which time goes along with; signatures are
taken up to order DEPTH by Chen's identity, which multiplies those of the steps.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

DEPTH = 4


class SigW1:
    """Of cumulated samples, beside time, scaled so that the data's paths end one from 0 in root mean square."""

    discriminator = "closed-form"

    def distance_to(self, real: Tensor, generator: torch.Generator) -> Callable[[Tensor], Tensor]:
        scale = real.sum(dim=-1).square().mean().sqrt().clamp(min=1e-6)
        ours = expected(real / scale)
        return lambda fake: torch.linalg.vector_norm(expected(fake / scale) - ours)


def expected(samples: Tensor) -> Tensor:
    """Mean signature of the paths whose steps are samples (..., k), beside time from 0 to 1; (2 + ... + 2^DEPTH,)."""
    steps = samples.reshape(-1, samples.shape[-1], 1)
    time = torch.full_like(steps, 1.0 / steps.shape[1])
    return signature(torch.cat([time, steps], dim=-1)).mean(dim=0, dtype=torch.float64)


def signature(steps: Tensor, depth: int = DEPTH) -> Tensor:
    """Signatures (n, c + ... + c^depth) of paths of straight steps (n, n_steps, c)."""
    n, n_steps, c = steps.shape
    orders = [steps.new_ones(n, 1), *(steps.new_zeros(n, c**m) for m in range(1, depth + 1))]
    for i in range(n_steps):
        powers = _powers(steps[:, i], depth)
        orders = [sum((_product(orders[m - j], powers[j]) for j in range(1, m + 1)), start=orders[m])
                  for m in range(depth + 1)]
    return torch.cat(orders[1:], dim=1)


def _powers(step: Tensor, depth: int) -> list[Tensor]:
    """A straight step's signature by order: its tensor powers over factorials."""
    powers = [step.new_ones(len(step), 1)]
    for m in range(1, depth + 1):
        powers.append(_product(powers[-1], step) / m)
    return powers


def _product(a: Tensor, b: Tensor) -> Tensor:
    """Tensor product of rows, (n, p) and (n, q) to (n, p q)."""
    return (a[:, :, None] * b[:, None, :]).flatten(1)


OBJECTIVE = SigW1()
