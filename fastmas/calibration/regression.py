"""A density of parameters given summaries of a data set, learned from simulations alone.

Parameters are uniform over a box; each is mapped to a standard normal over it, so that draws never leave the box and a
network that knows nothing says the prior. A few networks are averaged as densities: where they disagree the posterior
is wide (Lakshminarayanan et al. 2017). A mixture of calibrated densities is too wide, though: how far their means are
pulled together is what a tenth of the simulations, held back, scores best.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from scipy.special import ndtr, ndtri
from torch import Tensor

from fastmas.discriminators.networks import MixtureDensity, log_mixture
from fastmas.seeding import seeded

N_MEMBERS, N_COMPONENTS, HIDDEN = 4, 3, 64
RATE, BETAS, BATCH = 6e-3, (0.9, 0.99), 256
DECAY = 0.3  # of weights, times the rate: summaries are alike, and simulations few
HELD_BACK = 0.1
PULLS = (0.0, 0.5, 1.0)
SQUASHED = 3.0  # sds from where a summary counts less than in proportion
EDGE = 1e-6  # of a side: no nearer to the end of the box

Components = tuple[Tensor, Tensor, Tensor]


@dataclass(frozen=True)
class Regression:
    """`low` and `high` (d,) are the box; `centre` and `scale` (k,) standardise summaries.

    Means of the networks are pulled together by the share `pull`.
    `score` is the log density gained over the prior, in nats a data set held back.
    """

    networks: MixtureDensity
    low: np.ndarray
    high: np.ndarray
    centre: np.ndarray
    scale: np.ndarray
    pull: float = 0.0
    score: float = math.nan

    def draw(self, summaries: np.ndarray, n: int, *key: int) -> np.ndarray:
        """Parameters (n, d) in search coordinates, given summaries (k,)."""
        parts = self._components(torch.from_numpy(squashed(summaries[None], self.centre, self.scale)))
        log_weight, mean, triangle = (part.flatten(0, 2) for part in parts)
        generator = seeded(*key)
        which = torch.multinomial(log_weight.exp(), n, replacement=True, generator=generator)
        noise = torch.randn(n, len(self.low), 1, generator=generator)
        u = mean[which] + torch.linalg.solve_triangular(triangle[which], noise, upper=False)[..., 0]
        return self.low + (self.high - self.low) * ndtr(u.numpy().astype(np.float64))

    def log_density(self, summaries: np.ndarray, z: np.ndarray) -> np.ndarray:
        """Of z (n, d) given summaries (n, k), or one row (1, k) for all, less that of the prior over the box, (n,)."""
        x = torch.from_numpy(squashed(summaries, self.centre, self.scale))
        u = torch.from_numpy(to_normal(z, self.low, self.high))
        return _gain(self._components(x), u).numpy().astype(np.float64)

    def _components(self, x: Tensor) -> Components:
        with torch.no_grad():
            return _adjusted(self.networks.components(x.expand(N_MEMBERS, -1, -1)), self.pull)


def learn(summaries: np.ndarray, z: np.ndarray, low: np.ndarray, high: np.ndarray, key: tuple[int, ...],
          epochs: int) -> Regression:
    """The regression of z (n, d), uniform between low and high (d,), on summaries (n, k), trained for some epochs."""
    centre, scale = standard(summaries)
    x = torch.from_numpy(squashed(summaries, centre, scale))
    u = torch.from_numpy(to_normal(z, low, high))
    order = torch.randperm(len(x), generator=seeded(*key, 0))
    n_held = max(1, int(HELD_BACK * len(x)))
    held, rows = order[:n_held], order[n_held:]
    networks = _train(x, u, rows, held, key, epochs)
    with torch.no_grad():
        parts = networks.components(x[held].expand(N_MEMBERS, -1, -1))
    score, pull = max((float(_gain(_adjusted(parts, pull), u[held]).mean()), pull) for pull in PULLS)
    return Regression(networks, low, high, centre, scale, pull, score)


def to_normal(z: np.ndarray, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """What is standard normal where z (n, d) is uniform over the box, in float32."""
    return ndtri(np.clip((z - low) / (high - low), EDGE, 1.0 - EDGE)).astype(np.float32)


def standard(summaries: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Medians and sds by quartiles of summaries (n, k); the sd where most are alike."""
    low, centre, high = np.quantile(summaries, [0.25, 0.5, 0.75], axis=0)
    scale = (high - low) / 1.349
    scale = np.where(scale > 0, scale, summaries.std(axis=0))
    return centre, np.where(scale > 0, scale, 1.0)


def squashed(summaries: np.ndarray, centre: np.ndarray, scale: np.ndarray) -> np.ndarray:
    """Standardised summaries with tails like a logarithm's, in float32."""
    return (SQUASHED * np.arcsinh((summaries - centre) / scale / SQUASHED)).astype(np.float32)


def _train(x: Tensor, u: Tensor, rows: Tensor, held: Tensor, key: tuple[int, ...], epochs: int) -> MixtureDensity:
    """All members, learned from `rows`, each as it was where those held back scored best."""
    networks = MixtureDensity(x.shape[1], u.shape[1], N_MEMBERS, N_COMPONENTS, HIDDEN).initialise(seeded(*key))
    optimiser = torch.optim.AdamW(networks.parameters(), lr=RATE, betas=BETAS, weight_decay=DECAY, fused=True)
    best = torch.full((N_MEMBERS,), -math.inf)
    kept = [p.detach().clone() for p in networks.parameters()]
    n_batches = max(1, len(rows) // BATCH)
    for epoch in range(epochs):
        generator = seeded(*key, 1, epoch)
        order = torch.stack([rows[torch.randperm(len(rows), generator=generator)] for _ in range(N_MEMBERS)])
        for number, batch in enumerate(order.split(BATCH, dim=1)[:n_batches]):
            done = (epoch + number / n_batches) / epochs
            optimiser.param_groups[0]["lr"] = 0.5 * RATE * (1.0 + math.cos(math.pi * done)) + 1e-5
            optimiser.zero_grad()
            (-networks.log_density(x[batch], u[batch]).mean(dim=1).sum()).backward()
            optimiser.step()
        with torch.no_grad():
            score = log_mixture(networks.components(x[held].expand(N_MEMBERS, -1, -1)), u[held]).mean(dim=1)
            better = score > best
            best = torch.where(better, score, best)
            for old, new in zip(kept, networks.parameters(), strict=True):
                old[better] = new[better]
    with torch.no_grad():
        for parameter, value in zip(networks.parameters(), kept, strict=True):
            parameter.copy_(value)
    return networks


def _adjusted(components: Components, pull: float) -> Components:
    """Components with the members' means pulled together by this share."""
    log_weight, mean, triangle = components
    centre = (log_weight.exp()[..., None] * mean).sum(dim=2, keepdim=True)
    return log_weight, mean - pull * (centre - centre.mean(dim=0)), triangle


def _gain(components: Components, u: Tensor) -> Tensor:
    """Log density of u (n, d) under the average of the members, less the prior's, (n,)."""
    each = log_mixture(components, u)
    return torch.logsumexp(each, dim=0) - math.log(N_MEMBERS) - _prior(u)


def _prior(u: Tensor) -> Tensor:
    """Log density of standard normals (..., d), (...)."""
    return -0.5 * (u**2).sum(dim=-1) - 0.5 * u.shape[-1] * math.log(2.0 * math.pi)
