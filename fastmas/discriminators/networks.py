"""Small networks: a perceptron, one whose logit is a quadratic in theta, and one that gives a density."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import pairwise

import torch
from torch import Tensor, nn

MOST_LOG_PRECISION = 7.0  # of a diagonal: no sd below a thousandth


def perceptron(widths: list[int], activation: Callable[[], nn.Module]) -> nn.Sequential:
    """Linear layers of these widths with an activation between them; `training.initialise` gives them weights."""
    layers: list[nn.Module] = []
    for wide, narrow in pairwise(widths):
        layers += [Linear(wide, narrow), activation()]
    return nn.Sequential(*layers[:-1])


class Linear(nn.Linear):
    """Begins at zero: torch would draw weights from a state that is the user's and that other threads draw from."""

    def reset_parameters(self) -> None:
        for parameter in self.parameters():
            nn.init.zeros_(parameter)


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
        self.directions = None if d <= MOST_SQUARED else Linear(d, N_DIRECTIONS, bias=False)
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


class MixtureDensity(nn.Module):
    """Densities of u (d,) given x (k,), by several networks at once: mixtures of normals (Bishop 1994).

    Each component has a weight, a mean m and a lower triangle T, with the precision T'T; all come from a perceptron.
    """

    def __init__(self, k: int, d: int, n_members: int, n_components: int, hidden: int) -> None:
        super().__init__()
        self.d, self.n_components = d, n_components
        self.row, self.column = torch.tril_indices(d, d, -1)
        widths = [k, hidden, hidden, n_components * (1 + 2 * d + len(self.row))]
        self.weights = nn.ParameterList([torch.empty(n_members, a, b) for a, b in pairwise(widths)])
        self.biases = nn.ParameterList([torch.empty(n_members, 1, b) for b in widths[1:]])

    def initialise(self, generator: torch.Generator) -> MixtureDensity:
        """Draw the weights as torch does those of linear layers."""
        with torch.no_grad():
            for weight, bias in zip(self.weights, self.biases, strict=True):
                bound = weight.shape[1] ** -0.5
                weight.uniform_(-bound, bound, generator=generator)
                bias.uniform_(-bound, bound, generator=generator)
        return self

    def components(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Log weights (members, n, c), means (members, n, c, d) and triangles (members, n, c, d, d).

        Each member sees its own x (members, n, k).
        """
        d = self.d
        for weight, bias in zip(self.weights[:-1], self.biases[:-1], strict=True):
            x = nn.functional.silu(torch.baddbmm(bias, x, weight))
        out = torch.baddbmm(self.biases[-1], x, self.weights[-1]).unflatten(-1, (self.n_components, -1))
        log_diagonal = torch.clamp(out[..., 1 + d:1 + 2 * d], -MOST_LOG_PRECISION, MOST_LOG_PRECISION)
        triangle = torch.diag_embed(log_diagonal.exp())
        triangle[..., self.row, self.column] = out[..., 1 + 2 * d:]
        return torch.log_softmax(out[..., 0], dim=-1), out[..., 1:1 + d], triangle

    def log_density(self, x: Tensor, u: Tensor) -> Tensor:
        """Of u (members, n, d) given x (members, n, k), (members, n)."""
        return log_mixture(self.components(x), u)


def log_mixture(components: tuple[Tensor, Tensor, Tensor], u: Tensor) -> Tensor:
    """Log density of u (..., d) under `MixtureDensity.components`, (...)."""
    log_weight, mean, triangle = components
    white = (triangle * (u[..., None, :] - mean)[..., None, :]).sum(dim=-1)
    log_volume = torch.diagonal(triangle, dim1=-2, dim2=-1).log().sum(dim=-1)
    normal = log_volume - 0.5 * (white**2).sum(dim=-1) - 0.5 * u.shape[-1] * math.log(2.0 * math.pi)
    return torch.logsumexp(log_weight + normal, dim=-1)
