"""What float32 costs: the same paths in float32 and in float64, which share every random word.

A path parts where a decision falls on the other side of a threshold. What matters to anyone who uses the paths
is the law: two-sample Kolmogorov-Smirnov levels of prices, with float64 paths of another seed.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from scipy.stats import ks_2samp

from fastmas.bench.studies import Options, Row
from fastmas.bench.tasks import TASKS
from fastmas.simulate import simulate

PATHS, QUICK_PATHS = 200_000, 20_000
APART = 1e-3  # relative: a hundred times what rounding alone moves a price
TIMES = (10, 50, 100)


def study(options: Options) -> Iterator[Row]:
    """A row for each time."""
    task = TASKS["market-1000"]
    n_paths = QUICK_PATHS if options.quick else PATHS
    single, double, other = (
        simulate(task.market, task.theta, n_paths=n_paths, n_steps=max(TIMES), seed=seed, dtype=dtype)
        for seed, dtype in ((options.seed, "float32"), (options.seed, "float64"), (options.seed + 1, "float64")))
    gap = np.abs(single / double - 1)
    parted = np.maximum.accumulate(gap > APART, axis=1)
    for t in TIMES:
        share = float(parted[:, t].mean())
        yield {"study": "precision", "t": t, "paths": n_paths, "share_parted": share,
               "share_error": float(np.sqrt(share * (1 - share) / n_paths)),
               "rounding_median": float(np.median(gap[~parted[:, t], t])),
               "ks_level": float(ks_2samp(single[:, t], other[:, t]).pvalue)}


STUDY = study
