"""A black box in place of agents: s_{t+1} = F(s_t, recent history, noise) by a perceptron (paper, figure 1).

A step sees the last returns, averages of their sizes over longer times (Corsi 2009), noise, the level where the data
are many paths, and a memory of its own behind gates (Cho et al. 2014): what nobody sees, such as a fundamental value,
can only be kept there. It gives the next return in sds of the data's. Prices are exponentials and so stay above 0.
Weights near 0 make a geometric random walk of the data's own sd: that is where training begins.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

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
N_MEMORY = 4
OPENING = -2.0  # of a gate: memories begin by holding a dozen steps or so
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


class State(NamedTuple):
    """Of n paths: standardised level (n, 1), asinh of the last returns, averages of their sizes, and the memory."""

    level: Tensor
    seen: Tensor
    sizes: Tensor
    memory: Tensor


class Transition(nn.Module):
    """Noise (n, `n_numbers(n_times)`) in float32 to prices (n, n_times) in float64, differentiable in the weights."""

    rates: Tensor

    def __init__(self, frame: Frame) -> None:
        super().__init__()
        self.frame = frame
        self.register_buffer("rates", torch.tensor([2.0 / (span + 1.0) for span in SPANS]), persistent=False)
        n_seen = N_RETURNS + len(SPANS) + N_MEMORY + N_NOISE - 1 + (0 if frame.is_series else 1)
        self.step = perceptron([n_seen, *HIDDEN, 2 + 2 * N_MEMORY], nn.SiLU)
        self.n_first = 0 if frame.is_series else 1 + N_RETURNS + N_MEMORY
        self.birth = None if frame.is_series else perceptron([self.n_first, HIDDEN[0], self.n_first + 1], nn.SiLU)

    @property
    def n_parameters(self) -> int:
        """Trained weights."""
        return sum(p.numel() for p in self.parameters())

    def n_numbers(self, n_times: int) -> int:
        """Normal numbers behind a path of n_times prices."""
        return self.n_first + N_NOISE * (self.frame.warmup + n_times - 1)

    def forward(self, noise: Tensor) -> Tensor:
        """Prices of paths."""
        state = self._begin(noise[:, :self.n_first])
        shocks = noise[:, self.n_first:].unflatten(1, (-1, N_NOISE)).unbind(dim=1)
        warmup, scaling = self.frame.warmup, self.frame.scaling
        first, returns = state.level, []
        with torch.no_grad():
            for shock in shocks[:warmup]:
                state, _ = self._move(state, shock)
        for shock in shocks[warmup:]:
            state, r = self._move(state, shock)
            returns.append(r)
        moved = self._to_level * torch.cat(returns, dim=1).double().cumsum(dim=1)
        levels = first.double() + torch.nn.functional.pad(moved, (1, 0))
        return torch.exp(scaling.level_mean + scaling.level_sd * levels)

    @property
    def _to_level(self) -> float:
        return self.frame.scaling.increment_sd / self.frame.scaling.level_sd

    def _begin(self, noise: Tensor) -> State:
        """Before the first price; a series has no history yet."""
        frame, n = self.frame, len(noise)
        sizes = noise.new_full((n, len(SPANS)), USUAL_SIZE)
        if self.birth is None:
            return State(noise.new_full((n, 1), frame.first_mean), noise.new_zeros(n, N_RETURNS), sizes,
                         noise.new_zeros(n, N_MEMORY))
        shift, log_sd, returns, memory = self.birth(noise).split([1, 1, N_RETURNS, N_MEMORY], dim=1)
        _, of_returns, of_memory = noise.split([1, N_RETURNS, N_MEMORY], dim=1)
        seen = torch.asinh(of_returns + returns)
        for r in torch.sinh(seen).split(1, dim=1):
            sizes = sizes + self.rates * (r.abs() - sizes)
        level = frame.first_mean + frame.first_sd * _scaled(noise[:, :1], shift, log_sd)
        return State(level, seen, sizes, torch.tanh(of_memory + memory))

    def _move(self, state: State, shock: Tensor) -> tuple[State, Tensor]:
        """One step: the state after it, and the return (n, 1) in sds."""
        level, seen, sizes, memory = state
        inputs = [seen, sizes - USUAL_SIZE, memory, shock[:, 1:]]
        if not self.frame.is_series:
            inputs.append(level.clamp(-CLIP, CLIP))
        shift, log_sd, new, gate = self.step(torch.cat(inputs, dim=1)).split([1, 1, N_MEMORY, N_MEMORY], dim=1)
        r = MOST * torch.tanh(_scaled(shock[:, :1], shift, log_sd) / MOST)
        after = State(level + self._to_level * r, torch.cat([seen[:, 1:], torch.asinh(r)], dim=1),
                      sizes + self.rates * (r.abs() - sizes),
                      memory + torch.sigmoid(gate + OPENING) * (torch.tanh(new) - memory))
        return after, r


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
