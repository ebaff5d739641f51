"""JAX: one jitted `lax.scan` over steps, arrays over paths and agents, on the CPU with XLA's own threads."""

from __future__ import annotations

from typing import Any

import numpy as np

from fastmas.bench.peers import Prepared, package_versions
from fastmas.bench.tasks import AGGREGATE, Task
from fastmas.engine.threads import count_threads

BLOCK = 1 << 18  # numbers at a time


class Run:
    """One task, traced once."""

    def __init__(self, task: Task) -> None:
        import jax  # noqa: PLC0415

        self.jax, self.task = jax, task
        with jax.default_device(jax.devices("cpu")[0]):
            self.compiled = jax.jit(self.simulate)

    def __call__(self, seed: int) -> Any:
        with self.jax.default_device(self.jax.devices("cpu")[0]):
            return self.compiled(self.jax.random.key(seed)).block_until_ready()

    def count(self, key: Any, n: int, p: Any) -> Any:
        """How many of n agents decide for it; p is (n_paths,), or (n, n_paths) for agents of their own."""
        jax, jnp = self.jax, self.jax.numpy
        n_paths = p.shape[-1]
        if self.task.mode == AGGREGATE:
            return jax.random.binomial(key, float(n), p)
        if p.ndim > 1 or n * n_paths <= BLOCK:
            return jax.random.bernoulli(key, p, (n, n_paths)).sum(axis=0).astype(jnp.float32)
        size = max(1, BLOCK // n_paths)

        def block(i: Any, total: Any) -> Any:
            drawn = jax.random.bernoulli(jax.random.fold_in(key, i), p, (size, n_paths))
            return total + (drawn & (jnp.arange(size) + i * size < n)[:, None]).sum(axis=0)

        total = jax.lax.fori_loop(0, -(-n // size), block, jnp.zeros(n_paths, dtype=jnp.int32))
        return total.astype(jnp.float32)

    def technical(self, t: Any, recent: Any) -> Any:
        """Demand of the technical traders, eq. (6), from the last prices, the latest first."""
        jnp, q, total = self.jax.numpy, self.task.numbers, 0.0
        thresholds = np.broadcast_to(q["gamma"], self.task.n_technical)
        for short, long in np.unique(q["windows"], axis=0).tolist():
            gamma = jnp.sort(jnp.asarray(thresholds[(q["windows"] == (short, long)).all(axis=1)], dtype=jnp.float32))
            m = recent[:short].mean(axis=0) - recent[:long].mean(axis=0)
            votes = jnp.searchsorted(gamma, m, side="right") - jnp.searchsorted(gamma, -m, side="right")
            total = total + jnp.where(t >= long, votes, 0)
        return total

    def simulate(self, key: Any) -> Any:
        """Prices (n_steps + 1, n_paths)."""
        jax, jnp, task, q = self.jax, self.jax.numpy, self.task, self.task.numbers
        phi = jax.scipy.special.ndtr
        kappa = jnp.asarray(q["kappa"], dtype=jnp.float32)[..., None]
        longest = int(q["windows"].max(initial=1))

        def step(carry: Any, t: Any) -> Any:
            price, value, variance, recent = carry
            shocks, noise, views = jax.random.split(jax.random.fold_in(key, t), 3)
            signal, z_variance, z_value = jax.random.normal(shocks, (3, task.n_paths))
            signal = signal * (q["sigma_public"] / q["sigma_individual"])
            demand = 2.0 * self.count(noise, task.n_noise, phi(kappa * signal)) - task.n_noise  # eq. (4)
            if task.n_fundamental:
                root = jnp.sqrt(jnp.maximum(variance, 0.0))
                variance = variance + q["v2"] * (q["mu2"] - jnp.maximum(variance, 0.0)) + root * z_variance  # eq. (8)
                value = value + q["v1"] * (q["mu1"] - value) + jnp.sqrt(jnp.maximum(variance, 0.0)) * z_value  # eq. (7)
                chance = phi((value - price) / q["sigma_fundamental"])
                demand = demand + 2.0 * self.count(views, task.n_fundamental, chance) - task.n_fundamental  # eq. (9)
            if task.n_technical:
                demand = demand + self.technical(t, recent)
            price = price * (1.0 + demand * (q["rho"] / task.n_agents))  # eq. (2)
            return (price, value, variance, jnp.concatenate([price[None], recent[:-1]])), price

        first = jnp.full(task.n_paths, q["price_0"], dtype=jnp.float32)
        start = (first, jnp.full(task.n_paths, q["value_0"], dtype=jnp.float32),
                 jnp.full(task.n_paths, q["variance_0"], dtype=jnp.float32), jnp.tile(first, (longest, 1)))
        _, later = jax.lax.scan(step, start, jnp.arange(1, task.n_steps + 1))
        return jnp.concatenate([first[None], later])


class Jax:
    def versions(self) -> dict[str, str]:
        return package_versions("jax", "jaxlib")

    def prepare(self, task: Task) -> Prepared:
        return Prepared(Run(task), count_threads(), lambda prices: np.asarray(prices).T)


PEER = Jax()
