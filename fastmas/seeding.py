"""Random numbers of torch that depend on a key alone."""

from __future__ import annotations

import numpy as np
import torch


def seeded(*key: int) -> torch.Generator:
    """A torch generator that depends on the key alone."""
    state = np.random.SeedSequence([int(k) for k in key]).generate_state(1, np.uint64)[0]
    return torch.Generator().manual_seed(int(state >> np.uint64(1)))
