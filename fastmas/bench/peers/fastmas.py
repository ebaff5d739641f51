"""fastmas itself, one thread: what the others are compared with."""

from __future__ import annotations

from dataclasses import dataclass

from fastmas.bench.peers import Prepared, package_versions
from fastmas.bench.tasks import Task
from fastmas.simulate import simulate


@dataclass(frozen=True)
class Fastmas:
    """Paths on this device; on a GPU they stay there."""

    device: str = "cpu"

    def versions(self) -> dict[str, str]:
        return package_versions("fastmas", "numba")

    def prepare(self, task: Task) -> Prepared:
        def call(seed: int):
            paths = simulate(task.market, task.theta, n_paths=task.n_paths, n_steps=task.n_steps, seed=seed,
                             n_threads=1, device=self.device)
            if self.device != "cpu":
                paths.__cuda_array_interface__  # noqa: B018  -- waits until they are written
            return paths

        return Prepared(call, prices=lambda paths: paths.copy_to_host() if self.device != "cpu" else paths)


PEER = Fastmas()
