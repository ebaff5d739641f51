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


class QuadraticInTheta(nn.Module):
    """logit(w, u) = t(w) . q(u), q(u) = (1, u_i, u_i u_j): smooth in theta by construction.

    u (d,) is theta in units of the region the game is played in. The slope of the logit in u is a
    learned score of the windows w.
    """

    def __init__(self, k: int, d: int, hidden: int) -> None:
        super().__init__()
        self.d = d
        self.first, self.second = torch.triu_indices(d, d)
        self.trunk = perceptron([k, hidden, hidden, 1 + d + len(self.first)], nn.SiLU)

    def monomials(self, u: Tensor) -> Tensor:
        """q(u), (..., d) to (..., 1 + d + d (d + 1) / 2)."""
        return torch.cat([torch.ones_like(u[..., :1]), u, u[..., self.first] * u[..., self.second]], dim=-1)

    def slopes(self, w: Tensor, u: Tensor) -> Tensor:
        """d logit / d u at one u (d,) for windows w (n, k), shape (n, d)."""
        coefficients = self.trunk(w)
        jacobian = torch.zeros(coefficients.shape[-1], self.d, device=w.device)
        jacobian[1 + torch.arange(self.d), torch.arange(self.d)] = 1.0
        row = 1 + self.d + torch.arange(len(self.first))
        jacobian.index_put_((row, self.first), u[self.second], accumulate=True)
        jacobian.index_put_((row, self.second), u[self.first], accumulate=True)
        return coefficients @ jacobian
