"""The founding paper's method as a user of PyTorch writes it: a loop over time, autograd through it, two Adams.

It knows nothing of this library's engine. Paths and traders are tensors' axes; time is the only loop.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import softplus

from fastmas.reproduce.setting import NAMES, Setting

SIGMA_PUBLIC, SIGMA_INDIVIDUAL, SIGMA_FUNDAMENTAL = 1.0, 3.0, 1.0
MU1, V1, MU2, V2 = 100.0, 0.1, 0.01, 0.1
PRICE_0 = VALUE_0 = 100.0
VARIANCE_0 = 0.01
N_NOISE, N_FUNDAMENTAL = 7, 3
TOLD = 20  # iterations between two signs of life

Tell = Callable[[int, np.ndarray], None]


class Noise(NamedTuple):
    """Standard normal numbers of all steps: (n_steps, n_paths), or (n_steps, agents, n_paths)."""

    signal: Tensor
    variance: Tensor
    value: Tensor
    private: Tensor
    view: Tensor


def noise(n_steps: int, n_paths: int, generator: torch.Generator) -> Noise:
    """New numbers."""
    def normal(*agents: int) -> Tensor:
        return torch.randn((n_steps, *agents, n_paths), generator=generator)
    return Noise(normal(), normal(), normal(), normal(N_NOISE), normal(N_FUNDAMENTAL))


class Market:
    """The smoothed market of section 4; decisions at t see prices up to t - 1."""

    def __init__(self, windows: Sequence[tuple[int, int]], rho: float) -> None:
        self.longest = max(long for _, long in windows)
        averages = torch.zeros(len(windows), self.longest)  # M_i = averages @ prices of the last steps
        for i, (short, long) in enumerate(windows):
            averages[i, self.longest - short:] += 1 / short
            averages[i, self.longest - long:] -= 1 / long
        self.averages = averages
        self.begin = torch.tensor([long for _, long in windows])
        self.impact = rho / (N_NOISE + len(windows) + N_FUNDAMENTAL)

    def simulate(self, b: Tensor, c: Tensor, d: Tensor, drawn: Noise) -> Tensor:
        """Prices (n_steps + 1, n_paths), t = 0, 1, ...; b, c, d are of shape (1,), or one for each agent."""
        n_steps, n_paths = drawn.signal.shape
        eta = b[:, None] * SIGMA_PUBLIC * drawn.signal[:, None] + c[:, None] * SIGMA_INDIVIDUAL * drawn.private
        # Steps are taken apart at once: a step by its index would cost a gradient of the whole size each.
        demand_noise = torch.tanh(0.5 * eta).sum(1).unbind()  # eq. (3)
        half_view = (0.5 * (self.values(drawn)[:, None] + SIGMA_FUNDAMENTAL * drawn.view)).unbind()
        half_averages = 0.5 * d[:, None] * self.averages
        price = torch.full((n_paths,), PRICE_0)
        prices = [price] * self.longest
        for t in range(1, n_steps + 1):
            trends = half_averages @ torch.stack(prices[-self.longest:])
            if t < self.longest:  # trader i acts from t = l2 on
                trends = trends * (self.begin <= t)[:, None]
            demand = demand_noise[t - 1] + torch.tanh(torch.cat([half_view[t - 1] - 0.5 * price, trends])).sum(0)
            price = price * (1 + self.impact * demand)  # eq. (2)
            prices.append(price)
        return torch.stack(prices[self.longest - 1:])

    def values(self, drawn: Noise) -> Tensor:
        """Fundamental values (n_steps, n_paths) by eqs. (7), (8); no parameter is in them."""
        value = torch.full((drawn.value.shape[1],), VALUE_0)
        variance = torch.full_like(value, VARIANCE_0)
        values = []
        for z_variance, z_value in zip(drawn.variance, drawn.value, strict=True):
            positive = variance.clamp(min=0)
            variance = variance + V2 * (MU2 - positive) + positive.sqrt() * z_variance
            value = value + V1 * (MU1 - value) + variance.clamp(min=0).sqrt() * z_value
            values.append(value)
        return torch.stack(values)


@dataclass(frozen=True, eq=False)
class Trained:
    """Values (iterations + 1, d) on the way, and seconds of it on the wall and of CPU."""

    curve: np.ndarray
    seconds: float
    cpu_seconds: float


def train(setting: Setting, data: np.ndarray, start: np.ndarray, n_each: Sequence[int], seed: int,
          tell: Tell = lambda done, theta: None) -> Trained:
    """Play the paper's game from `start` (d,), whose entries are `n_each` values of b, c and d.

    Parameters
    ----------
    data : (n_paths, n_times) prices
    """
    generator = torch.Generator().manual_seed(seed)
    market = Market(setting.windows, setting.rho)
    level = torch.log(torch.as_tensor(data, dtype=torch.float32))
    mean, sd = level.mean(), level.std()
    real = (level - mean) / sd
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        first, second = setting.hidden
        discriminator = nn.Sequential(nn.Linear(data.shape[1], first), nn.ReLU(),
                                      nn.Linear(first, second), nn.ReLU(), nn.Linear(second, 1))
    parts = torch.tensor(start, dtype=torch.float32).split(list(n_each))
    parameters = {name: nn.Parameter(part.clone()) for name, part in zip(NAMES, parts, strict=True)}
    movers = [torch.optim.Adam(discriminator.parameters(), lr=setting.rate),
              torch.optim.Adam(parameters.values(), lr=setting.rate)]
    last = setting.first_of_generator + setting.n_times - 1
    curve = [_flat(parameters)]
    began, began_cpu = time.perf_counter(), time.process_time()
    for i in range(setting.iterations):
        drawn = noise(last, len(data), generator)
        prices = market.simulate(**parameters, drawn=drawn)[setting.first_of_generator:]
        fake = ((torch.log(prices) - mean) / sd).T
        movers[0].zero_grad()
        loss = softplus(-discriminator(real)).mean() + softplus(discriminator(fake.detach())).mean()  # eq. (1)
        loss.backward()
        movers[0].step()
        movers[1].zero_grad()
        (-softplus(discriminator(fake))).mean().backward()  # log(1 - D)
        movers[1].step()
        curve.append(_flat(parameters))
        if (i + 1) % TOLD == 0:
            tell(i + 1, curve[-1])
    return Trained(np.stack(curve), time.perf_counter() - began, time.process_time() - began_cpu)


def _flat(parameters: dict[str, nn.Parameter]) -> np.ndarray:
    return torch.cat([p.detach() for p in parameters.values()]).numpy().astype(np.float64)
