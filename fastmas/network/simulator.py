"""A network's paths beside the data: what discriminators train on, and what a verdict judges."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from fastmas.calibration.observed import Observed
from fastmas.calibration.workers import Workers
from fastmas.network.transition import Transition
from fastmas.region import Region
from fastmas.seeding import seeded

CHUNK = 512  # paths that one thread simulates at a time: their number changes no bit
NOWHERE = np.empty(0)  # the z of what has no parameters to search


def noise(network: Transition, n_paths: int, n_times: int, *key: int) -> Tensor:
    """Normal numbers (n_paths, k) behind paths, which depend on the key alone."""
    return torch.randn((n_paths, network.n_numbers(n_times)), generator=seeded(*key))


def simulate_network(network: Transition, workers: Workers, n_paths: int, n_times: int, *key: int) -> np.ndarray:
    """Prices (n_paths, n_times) in float32."""
    def chunk(first: int) -> np.ndarray:
        with torch.no_grad():  # a setting of the thread
            drawn = noise(network, min(CHUNK, n_paths - first), n_times, *key, first)
            return network(drawn).float().numpy()

    return np.concatenate(list(workers.map(chunk, range(0, n_paths, CHUNK))))


class NetworkSimulator:
    """A `fastmas.calibration.judged.Judged` without parameters: z is `NOWHERE`, and its first axis has length 1.

    `n_simulated` counts paths.
    """

    def __init__(self, network: Transition, observed: Observed, workers: Workers, seed: int) -> None:
        self.network, self.observed, self.workers, self.seed = network, observed, workers, seed
        self.region = Region(NOWHERE, NOWHERE, np.empty(0, dtype=bool))
        self.n_simulated = 0

    def simulate(self, z: np.ndarray, n_paths: int, run: int, purpose: int, *, common: bool = True,
                 n_times: int | None = None) -> np.ndarray:
        """Paths (1, n_paths, n_times)."""
        self.n_simulated += n_paths
        n_times = n_times or self.observed.n_times
        return simulate_network(self.network, self.workers, n_paths, n_times, self.seed, run, purpose)[None]

    def sample(self, z: np.ndarray, n_paths: int, run: int, purpose: int, *, common: bool = True,
               n_times: int | None = None) -> np.ndarray:
        """Samples of the statistic (1, n_paths, n_samples, k)."""
        return self.observed.samples_of(self.simulate(z, n_paths, run, purpose, n_times=n_times)[0])[None]

    def look(self, z: np.ndarray, n_paths: int, run: int, purpose: int, *,
             common: bool = True) -> tuple[np.ndarray, np.ndarray]:
        """Samples, and moments (1, n_paths, m)."""
        paths = self.simulate(z, n_paths, run, purpose)[0]
        return self.observed.samples_of(paths)[None], self.workers.each(self.observed.moments_of, paths)[None]
