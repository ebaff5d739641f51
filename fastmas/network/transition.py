"""A black box in place of agents: s_{t+1} = F(s_t, recent history, noise) by a perceptron (paper, figure 1).

A step sees the last returns, averages of their sizes over longer times (Corsi 2009), noise, and the level where the
data are many paths; it gives the next return in sds of the data's. Prices are exponentials and so stay above 0. Weights
near 0 make a geometric random walk of the data's own sd: that is where training begins.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from fastmas.calibration.observed import Observed
from fastmas.discriminators.networks import perceptron
from fastmas.discriminators.training import initialise
from fastmas.statistics import CLIP
from fastmas.statistics.scaling import Scaling

N_RETURNS = 11  # that a step sees: as many as a window of the discriminators
SPANS = (5, 20, 50)  # steps of the averages of sizes
USUAL_SIZE = 0.8  # E|r| of a standard normal
N_NOISE = 4  # numbers of a step; the first is what the next return is linear in
HIDDEN = (32, 32)
MOST = 20.0  # sds of a return: no weights let a path run away in a few steps
MOST_LOG_SD = 3.0


@dataclass(frozen=True)
class Frame:
    """What of the data a network is built on.

    `scaling` standardises returns and levels, `first_mean` and `first_sd` are those of the first level; a series begins
    at the first one, after `warmup` steps from a history of no returns.
    """

    scaling: Scaling
    first_mean: float
    first_sd: float
    is_series: bool
    warmup: int

    @classmethod
    def of(cls, observed: Observed, warmup: int) -> Frame:
        """Of the training data; many paths have no warm-up, since where they begin is learned."""
        first = observed.scaling.level(observed.x_train[:, 0])
        return cls(observed.scaling, float(first.mean()), float(first.std()), observed.is_series,
                   warmup if observed.is_series else 0)

    @classmethod
    def from_plain(cls, plain: dict[str, Any]) -> Frame:
        """Undo `dataclasses.asdict`."""
        return cls(**{**plain, "scaling": Scaling(**plain["scaling"])})

    def plain(self) -> dict[str, Any]:
        """Values for JSON."""
        return asdict(self)


class Transition(nn.Module):
    """Noise (n, `n_numbers(n_times)`) in float32 to prices (n, n_times) in float64, differentiable in the weights."""

    rates: Tensor

    def __init__(self, frame: Frame) -> None:
        super().__init__()
        self.frame = frame
        self.register_buffer("rates", torch.tensor([2.0 / (span + 1.0) for span in SPANS]), persistent=False)
        n_seen = N_RETURNS + len(SPANS) + N_NOISE - 1 + (0 if frame.is_series else 1)
        self.step = perceptron([n_seen, *HIDDEN, 2], nn.SiLU)
        self.n_first = 0 if frame.is_series else N_RETURNS + 1
        self.birth = None if frame.is_series else perceptron([self.n_first, HIDDEN[0], N_RETURNS + 2], nn.SiLU)

    @property
    def n_parameters(self) -> int:
        """Trained weights."""
        return sum(p.numel() for p in self.parameters())

    def n_numbers(self, n_times: int) -> int:
        """Normal numbers behind a path of n_times prices."""
        return self.n_first + N_NOISE * (self.frame.warmup + n_times - 1)

    def forward(self, noise: Tensor) -> Tensor:
        """Prices of paths."""
        level, seen, sizes = self._begin(noise[:, :self.n_first])
        shocks = noise[:, self.n_first:].unflatten(1, (-1, N_NOISE)).unbind(dim=1)
        warmup, scaling = self.frame.warmup, self.frame.scaling
        with torch.no_grad():
            for shock in shocks[:warmup]:
                seen, sizes, _ = self._move(level, seen, sizes, shock)
        to_level = scaling.increment_sd / scaling.level_sd
        now, returns = level, []
        for shock in shocks[warmup:]:
            seen, sizes, r = self._move(now, seen, sizes, shock)
            now = now + to_level * r
            returns.append(r)
        first = level.double()
        levels = torch.cat([first, first + to_level * torch.cat(returns, dim=1).double().cumsum(dim=1)], dim=1)
        return torch.exp(scaling.level_mean + scaling.level_sd * levels)

    def _begin(self, noise: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """The first level (n, 1), asinh of the returns before it (n, N_RETURNS), and the averages of sizes."""
        frame, n = self.frame, len(noise)
        sizes = noise.new_full((n, len(SPANS)), USUAL_SIZE)
        if self.birth is None:
            return noise.new_full((n, 1), frame.first_mean), noise.new_zeros(n, N_RETURNS), sizes
        out = self.birth(noise)
        seen = torch.asinh(noise[:, 1:] + out[:, :N_RETURNS])
        for r in torch.sinh(seen).split(1, dim=1):
            sizes = sizes + self.rates * (r.abs() - sizes)
        shift, log_sd = out[:, N_RETURNS:].split(1, dim=1)
        return frame.first_mean + frame.first_sd * _scaled(noise[:, :1], shift, log_sd), seen, sizes

    def _move(self, level: Tensor, seen: Tensor, sizes: Tensor, shock: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """One step: what is seen after it, the averages of sizes, and the return (n, 1) in sds."""
        inputs = [seen, sizes - USUAL_SIZE, shock[:, 1:]]
        if not self.frame.is_series:
            inputs.append(level.clamp(-CLIP, CLIP))
        shift, log_sd = self.step(torch.cat(inputs, dim=1)).split(1, dim=1)
        r = MOST * torch.tanh(_scaled(shock[:, :1], shift, log_sd) / MOST)
        return torch.cat([seen[:, 1:], torch.asinh(r)], dim=1), sizes + self.rates * (r.abs() - sizes), r


def _scaled(noise: Tensor, shift: Tensor, log_sd: Tensor) -> Tensor:
    return shift + torch.exp(log_sd.clamp(max=MOST_LOG_SD)) * noise


def build(frame: Frame, *key: int) -> Transition:
    """An untrained network whose weights depend on the key alone."""
    network = Transition(frame)
    initialise(network, *key)
    return network


def weights_of(network: Transition) -> dict[str, np.ndarray]:
    """Copies of the weights, by name."""
    return {name: value.detach().numpy().copy() for name, value in network.state_dict().items()}


def from_weights(frame: Frame, weights: dict[str, np.ndarray]) -> Transition:
    """Undo `weights_of`; RuntimeError if a weight is missing or of another shape."""
    network = Transition(frame)
    network.load_state_dict({name: torch.from_numpy(np.array(value)) for name, value in weights.items()})
    return network
