"""A replay of simulations over the region of the search, renewed a share at a time.

Nothing of it is stored in a checkpoint: its thetas and its paths have addresses, so that a resumed
game simulates them again.
"""

from __future__ import annotations

import numpy as np
import torch
from scipy.stats import qmc
from torch import Tensor

from fastmas.discriminators import Table
from fastmas.discriminators.training import flat
from fastmas.random.address import Purpose

N_THETA = 512
N_SHARES = 16  # the pool is renewed in this many generations


class Replay:
    """`samples` (N_THETA, n, k) and `u` (N_THETA, d), theta in [-1, 1] over the region."""

    def __init__(self, table: Table) -> None:
        self.table = table
        self.middle, self.half = table.region.middle, table.region.width / 2
        # Generation -g - 1 filled share g before the game began.
        parts = [self._share(-g - 1) for g in range(N_SHARES)]
        self.samples = torch.cat([p[0] for p in parts])
        self.u = torch.cat([p[1] for p in parts])

    def to_u(self, z: np.ndarray) -> Tensor:
        """Search coordinates to units of the region."""
        return torch.from_numpy(((z - self.middle) / self.half).astype(np.float32)).to(self.table.device)

    def renew(self, generation: int) -> None:
        """Replace one share by new thetas and new paths."""
        samples, u = self._share(generation)
        first = (generation % N_SHARES) * len(u)
        self.samples[first:first + len(u)] = samples
        self.u[first:first + len(u)] = u

    def restore(self, generation: int) -> None:
        """Bring the pool to where it stands before this generation."""
        for past in range(max(0, generation - N_SHARES), generation):
            self.renew(past)

    def _share(self, generation: int) -> tuple[Tensor, Tensor]:
        table, size = self.table, N_THETA // N_SHARES
        # The pool's own run numbers: those of past and of warm-up generations interleave.
        run = 2 * (table.first_run + generation) if generation >= 0 else 2 * (table.first_run - generation) - 1
        unit = qmc.Sobol(table.region.d, seed=np.random.default_rng([table.seed, run])).random(size)
        z = table.region.low + table.region.width * unit
        samples = table.sample(z, table.pool_paths, run, Purpose.POOL, common=False, n_times=table.pool_times)
        return flat(samples, table.device).reshape(size, -1, samples.shape[-1]), self.to_u(z)
