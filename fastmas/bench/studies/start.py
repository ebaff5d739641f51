"""From the start of a process to its first path: with nothing compiled, and with everything."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from fastmas.bench.studies import Options, Row

FIRST_PATH = "import fastmas as fm; fm.simulate(fm.models.stock_market(), n_paths=1, n_steps=100)"
COLD, WARM = 3, 7  # repeats


def seconds(cache: Path) -> float:
    """Of one process on the wall."""
    began = time.perf_counter()
    subprocess.run([sys.executable, "-c", FIRST_PATH], check=True, capture_output=True,
                   env={**os.environ, "FASTMAS_CACHE_DIR": str(cache)})
    return time.perf_counter() - began


def study(options: Options) -> Iterator[Row]:
    """A row for "cold" and one for "warm", in seconds."""
    with tempfile.TemporaryDirectory() as folder:
        cold = [seconds(Path(folder) / str(i)) for i in range(1 if options.quick else COLD)]
        warm = [seconds(Path(folder) / "0") for _ in range(3 if options.quick else WARM)]
    for what, found in (("cold", cold), ("warm", warm)):
        yield {"study": "start", "what": what, "median_s": float(np.median(found)), "best_s": min(found),
               "repeats": len(found)}


STUDY = study
