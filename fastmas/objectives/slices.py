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


def weights(real: Tensor, directions: Tensor) -> Tensor:
    """Of directions (m, k), (m,) with the sum 1: how many independent values a path of real has along each.

    That is the variance of values over that of their mean over a path. A price level is nearly the same for a whole
    path and a return is new at each step, so that distances err much more along the one than along the other. One path
    alone weighs all directions alike; real is (n_paths, n_samples, k).
    """
    values = torch.einsum("mk,psk->mps", directions.to(real.device), real).double()
    if len(real) == 1:
        return torch.full((len(directions),), 1.0 / len(directions), dtype=torch.float64, device=real.device)
    own = values.flatten(1).var(dim=1) / values.mean(dim=2).var(dim=1).clamp(min=1e-12)
    own = own.clamp(max=real.shape[1])
    return own / own.sum()


def levels(device: torch.device) -> Tensor:
    """Middles of N_LEVELS equal parts of [0, 1], in float64."""
    return (torch.arange(N_LEVELS, dtype=torch.float64, device=device) + 0.5) / N_LEVELS


def quantiles(ordered: Tensor) -> Tensor:
    """Quantiles at the levels of sorted values (m, n), (m, N_LEVELS) in float64."""
    rank = (levels(ordered.device) * ordered.shape[1]).long()
    return ordered[:, rank].double()
