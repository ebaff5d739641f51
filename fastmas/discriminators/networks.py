"""Small networks: a perceptron, and one whose logit is a quadratic in theta."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import torch
from torch import Tensor, nn


def perceptron(widths: list[int], activation: Callable[[], nn.Module]) -> nn.Sequential:
    """Linear layers of these widths with an activation between them."""
    layers: list[nn.Module] = []
    with torch.random.fork_rng(devices=[]):  # torch draws weights from a state that is the user's
        for wide, narrow in pairwise(widths):
            layers += [nn.Linear(wide, narrow), activation()]
    return nn.Sequential(*layers[:-1])


MOST_SQUARED = 12  # coordinates that have their squares and products each
N_DIRECTIONS = 8  # whose squares and products there are otherwise


class QuadraticInTheta(nn.Module):
    """logit(w, u) = t(w) . q(u), q(u) = (1, u_i, v_i v_j): smooth in theta by construction.

    u (d,) is theta in units of the region the game is played in. v is u, or where that has many coordinates a few
    directions in it that are learned: outputs grow with d then and not with its square. The slope of the logit in u
    is a learned score of the windows w.
    """

    def __init__(self, k: int, d: int, hidden: int) -> None:
        super().__init__()
        self.d = d
        self.directions = None if d <= MOST_SQUARED else nn.Linear(d, N_DIRECTIONS, bias=False)
        n = d if self.directions is None else N_DIRECTIONS
        self.first, self.second = torch.triu_indices(n, n)
        self.trunk = perceptron([k, hidden, hidden, 1 + d + len(self.first)], nn.SiLU)

    def monomials(self, u: Tensor) -> Tensor:
        """q(u), (..., d) to (..., 1 + d + n (n + 1) / 2) for n squares."""
        v = self._squared(u)
        return torch.cat([torch.ones_like(u[..., :1]), u, v[..., self.first] * v[..., self.second]], dim=-1)

    def slopes(self, w: Tensor, u: Tensor) -> Tensor:
        """d logit / d u at one u (d,) for windows w (n, k), shape (n, d)."""
        return self.trunk(w) @ torch.func.jacfwd(self.monomials)(u)

    def _squared(self, u: Tensor) -> Tensor:
        return u if self.directions is None else self.directions(u)
