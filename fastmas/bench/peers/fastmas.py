"""fastmas itself, one thread: what the others are compared with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from fastmas.bench.peers import Prepared, package_versions
from fastmas.bench.tasks import Task
from fastmas.on_device import simulate_on_device
from fastmas.simulate import simulate


@dataclass(frozen=True)
class Fastmas:
    """Paths on this device; on a GPU they stay there."""

    device: str = "cpu"

    def versions(self) -> dict[str, str]:
        return package_versions("fastmas", "numba")

    def prepare(self, task: Task) -> Prepared:
        sizes: dict[str, Any] = {"n_paths": task.n_paths, "n_steps": task.n_steps}
        if self.device == "cpu":
            return Prepared(lambda seed: simulate(task.market, task.theta, seed=seed, n_threads=1, **sizes))
        return Prepared(  # which waits for the paths: it looks whether they are finite
            lambda seed: simulate_on_device(task.market, task.theta, seed=seed, device=self.device, **sizes),
            prices=lambda paths: paths.copy_to_host()[0])


PEER = Fastmas()
