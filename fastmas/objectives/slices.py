"""Samples seen along directions: distances of laws on the line, whose sorted values tell all."""

from __future__ import annotations

import torch
from torch import Tensor

N_RANDOM = 16  # directions
N_LEVELS = 256  # of a quantile function


def random_directions(k: int, generator: torch.Generator, n: int = N_RANDOM) -> Tensor:
    """Unit vectors (n, k), uniform on the sphere."""
    drawn = torch.randn((n, k), generator=generator)
    return drawn / torch.linalg.vector_norm(drawn, dim=1, keepdim=True)


def axes_and_random(k: int, generator: torch.Generator) -> Tensor:
    """Every coordinate by itself and random directions, (k + N_RANDOM, k): all margins, and how they hang together."""
    return torch.cat([torch.eye(k), random_directions(k, generator)])


def along(samples: Tensor, directions: Tensor) -> Tensor:
    """Samples (..., k) along directions (m, k), sorted: (m, n) of all samples together."""
    return (directions.to(samples.device) @ samples.reshape(-1, samples.shape[-1]).T).sort(dim=1).values


def levels(device: torch.device) -> Tensor:
    """Middles of N_LEVELS equal parts of [0, 1], in float64."""
    return (torch.arange(N_LEVELS, dtype=torch.float64, device=device) + 0.5) / N_LEVELS


def quantiles(ordered: Tensor) -> Tensor:
    """Quantiles at the levels of sorted values (m, n), (m, N_LEVELS) in float64."""
    rank = (levels(ordered.device) * ordered.shape[1]).long()
    return ordered[:, rank].double()
