"""Sig-W1: the distance |E S(x) - E S(y)| of expected signatures (Ni et al. 2020 and 2021).

It is the largest gap of means over linear functions of the signature of length 1: the discriminator's part is known,
the parameters minimise it. A sample's k numbers are the values of a path that begins at 0, which time goes along with;
signatures are taken up to order DEPTH by Chen's identity, which multiplies those of the steps. Each term is in units of
its sd between the data's paths: otherwise the few terms that a price level decides, the same for a whole path, drown
the others.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

DEPTH = 4
LEAST = 1e-6  # sd below which a term is the same for every path: powers of time alone


class SigW1:
    """Of samples as paths, beside time."""

    discriminator = "closed-form"

    def distance_to(self, real: Tensor, generator: torch.Generator) -> Callable[[Tensor], Tensor]:
        ours = path_signatures(real)
        mean, sd = ours.mean(dim=0), ours.std(dim=0) if len(ours) > 1 else torch.ones_like(ours[0])
        unit = torch.where(sd > LEAST, sd, torch.inf)
        return lambda fake: torch.linalg.vector_norm((path_signatures(fake).mean(dim=0) - mean) / unit)


def path_signatures(samples: Tensor) -> Tensor:
    """Mean signatures (n_paths, 2 + ... + 2^DEPTH) in float64 of each path's samples (n_paths, n_samples, k)."""
    values = samples.reshape(-1, samples.shape[-1])
    steps = torch.diff(values, dim=1, prepend=torch.zeros_like(values[:, :1]))
    time = torch.full_like(steps, 1.0 / steps.shape[1])
    signatures = signature(torch.stack([time, steps], dim=-1))
    return signatures.reshape(*samples.shape[:2], -1).mean(dim=1, dtype=torch.float64)


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
