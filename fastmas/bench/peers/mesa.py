"""Mesa: a model per path, an object per agent, `agents.do` once a step."""

from __future__ import annotations

from collections import deque
from itertools import islice
from statistics import NormalDist
from typing import Any

import numpy as np

from fastmas.bench.peers import LeftOut, Prepared, package_versions
from fastmas.bench.tasks import AGGREGATE, Task

PHI = NormalDist().cdf


def define(mesa: Any) -> type:
    """The market as a Mesa model; its classes derive from the library's, which may not be there."""

    class Noise(mesa.Agent):
        def __init__(self, model: Any, kappa: float) -> None:
            super().__init__(model)
            self.scale = kappa / model.q["sigma_individual"]

        def act(self) -> None:
            self.model.demand += 1 if self.random.random() < PHI(self.scale * self.model.signal) else -1  # eq. (4)

    class LikeNoise(mesa.Agent):
        def act(self) -> None:
            self.model.demand += 1 if self.random.random() < self.model.noise_chance else -1

    class Technical(mesa.Agent):
        def __init__(self, model: Any, short: int, long: int, gamma: float) -> None:
            super().__init__(model)
            self.short, self.long, self.gamma = short, long, gamma

        def act(self) -> None:
            if len(self.model.prices) >= self.long:  # eq. (6)
                m = self.model.mean(self.short) - self.model.mean(self.long)
                self.model.demand += (m >= self.gamma) - (m <= -self.gamma)

    class Fundamental(mesa.Agent):
        def act(self) -> None:
            self.model.demand += 1 if self.random.random() < self.model.view_chance else -1  # eq. (9)

    class Market(mesa.Model):
        def __init__(self, task: Task, seed: int) -> None:
            super().__init__(seed=seed)
            self.q, self.demand = task.numbers, 0
            self.value, self.variance = self.q["value_0"], self.q["variance_0"]
            self.prices, self.recent = [self.q["price_0"]], deque([self.q["price_0"]], maxlen=16)
            if np.ndim(self.q["kappa"]):
                Noise.create_agents(self, task.n_noise, [float(k) for k in self.q["kappa"]])
            else:
                LikeNoise.create_agents(self, task.n_noise)
            for (short, long), gamma in zip(
                    self.q["windows"].tolist(), np.broadcast_to(self.q["gamma"], task.n_technical), strict=True):
                Technical(self, short, long, float(gamma))
            Fundamental.create_agents(self, task.n_fundamental)

        def mean(self, length: int) -> float:
            return sum(islice(self.recent, length)) / length

        def step(self) -> None:
            q, normal = self.q, self.random.gauss
            root = max(self.variance, 0.0) ** 0.5
            self.signal = normal(0.0, q["sigma_public"])
            if not np.ndim(q["kappa"]):
                self.noise_chance = PHI(q["kappa"] * self.signal / q["sigma_individual"])
            self.variance += q["v2"] * (q["mu2"] - max(self.variance, 0.0)) + root * normal(0.0, 1.0)  # eq. (8)
            root = max(self.variance, 0.0) ** 0.5
            self.value += q["v1"] * (q["mu1"] - self.value) + root * normal(0.0, 1.0)  # eq. (7)
            price = self.prices[-1]
            self.view_chance = PHI((self.value - price) / q["sigma_fundamental"])
            self.demand = 0
            self.agents.do("act")
            price *= 1.0 + q["rho"] * self.demand / len(self.agents)  # eq. (2)
            self.prices.append(price)
            self.recent.appendleft(price)

    return Market


class Mesa:
    def versions(self) -> dict[str, str]:
        return package_versions("mesa")

    def prepare(self, task: Task) -> Prepared:
        if task.mode == AGGREGATE:
            raise LeftOut("an object per agent")
        import mesa  # noqa: PLC0415

        market = define(mesa)

        def call(seed: int) -> list[list[float]]:
            paths = []
            for path in range(task.n_paths):
                model = market(task, seed * task.n_paths + path)
                for _ in range(task.n_steps):
                    model.step()
                paths.append(model.prices)
            return paths

        return Prepared(call, compiles=False)


PEER = Mesa()
