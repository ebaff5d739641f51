"""PyTorch: float32 tensors over paths and agents on the CPU, eager, without gradients."""

from __future__ import annotations

import time
from typing import Any

import numpy as np

from fastmas.bench.peers import Prepared, package_versions
from fastmas.bench.tasks import AGGREGATE, Task
from fastmas.engine.threads import count_threads

BLOCK = 1 << 18  # numbers at a time


class Run:
    """One task: everything that does not depend on the seed is made here."""

    def __init__(self, task: Task) -> None:
        import torch  # noqa: PLC0415

        self.torch, self.task, q = torch, task, task.numbers
        self.kappa = torch.as_tensor(q["kappa"], dtype=torch.float32)
        gamma = np.broadcast_to(q["gamma"], task.n_technical).astype(np.float32)
        self.groups = [(int(a), int(b), torch.as_tensor(np.sort(gamma[(q["windows"] == (a, b)).all(axis=1)])))
                       for a, b in np.unique(q["windows"], axis=0)]

    def count(self, n: int, p: Any, rng: Any) -> Any:
        """How many of n agents decide for it; p is (n_paths,), or (n, n_paths) for agents of their own."""
        torch, n_paths = self.torch, p.shape[-1]
        if self.task.mode == AGGREGATE:
            return torch.binomial(torch.full(p.shape, float(n), dtype=torch.float64), p.double(), generator=rng)
        size = max(1, BLOCK // n_paths)
        count = torch.zeros(n_paths, dtype=torch.int64)
        for first in range(0, n, size):
            k = min(size, n - first)
            count += (torch.rand((k, n_paths), generator=rng) < (p if p.ndim == 1 else p[first:first + k])).sum(dim=0)
        return count

    def technical(self, t: int, prices: Any) -> Any:
        total: Any = 0
        for short, long, gamma in self.groups:
            if t >= long:
                m = prices[t - short:t].mean(dim=0) - prices[t - long:t].mean(dim=0)
                total = (total + self.torch.searchsorted(gamma, m, right=True)
                         - self.torch.searchsorted(gamma, -m, right=True))  # eq. (6)
        return total

    def __call__(self, seed: int) -> Any:
        with self.torch.inference_mode():
            return self.simulate(seed)

    def simulate(self, seed: int) -> Any:
        """Prices (n_steps + 1, n_paths)."""
        torch, task, q = self.torch, self.task, self.task.numbers
        rng = torch.Generator().manual_seed(seed)
        phi = torch.special.ndtr
        prices = torch.full((task.n_steps + 1, task.n_paths), q["price_0"])
        value, variance = torch.full((task.n_paths,), q["value_0"]), torch.full((task.n_paths,), q["variance_0"])
        for t in range(1, task.n_steps + 1):
            signal, z_variance, z_value = torch.randn((3, task.n_paths), generator=rng)
            signal = signal * (q["sigma_public"] / q["sigma_individual"])
            demand = 2 * self.count(task.n_noise, phi(self.kappa[..., None] * signal), rng) - task.n_noise  # eq. (4)
            if task.n_fundamental:
                root = variance.clamp(min=0.0).sqrt()
                variance = variance + q["v2"] * (q["mu2"] - variance.clamp(min=0.0)) + root * z_variance  # eq. (8)
                value = value + q["v1"] * (q["mu1"] - value) + variance.clamp(min=0.0).sqrt() * z_value  # eq. (7)
                chance = phi((value - prices[t - 1]) / q["sigma_fundamental"])
                demand = demand + 2 * self.count(task.n_fundamental, chance, rng) - task.n_fundamental  # eq. (9)
            demand = demand + self.technical(t, prices)
            prices[t] = prices[t - 1] * (1.0 + demand * (q["rho"] / task.n_agents))  # eq. (2)
        return prices


def timed(run: Run, seed: int) -> float:
    began = time.perf_counter()
    run(seed)
    return time.perf_counter() - began


class PyTorch:
    def versions(self) -> dict[str, str]:
        return package_versions("torch")

    def prepare(self, task: Task) -> Prepared:
        run = Run(task)
        n_threads = self.best_threads(run)

        def call(seed: int) -> Any:
            if run.torch.get_num_threads() != n_threads:
                run.torch.set_num_threads(n_threads)
            return run(seed)

        return Prepared(call, n_threads, lambda prices: prices.numpy().T)

    def best_threads(self, run: Run) -> int:
        """One thread or all, whichever is sooner done."""
        seconds = {}
        for n in sorted({1, count_threads()}):
            run.torch.set_num_threads(n)
            run(0)
            seconds[n] = min(timed(run, seed) for seed in (1, 2))
        return min(seconds, key=lambda n: seconds[n])


PEER = PyTorch()
