"""Claim: help is there at once, and only the very first simulation waits for the compiler.

Each command runs in a process of its own, several times; wall seconds, median and best:

- `python`: `python -c pass`, which all others contain;
- `import`: `import fastmas`;
- `help`: `fastmas --help`;
- `cold`: the first simulation of the exact market with an empty FASTMAS_CACHE_DIR: it compiles;
- `warm`: the same in a later process: what was compiled is read from the disk;
- `cold-command`, `warm-command`: `fastmas simulate stock-market` likewise.

    python benchmarks/startup.py [--repeats 7] [--cold 3] [--out FILE]
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import lines
import numpy as np

FIRST = ("import fastmas as fm; "
         "fm.simulate(fm.models.stock_market(), n_paths=1000, n_steps=100)")
FASTMAS = [sys.executable, "-m", "fastmas"]
COMMAND = [*FASTMAS, "simulate", "stock-market", "--paths", "1000", "--steps", "100"]
QUICK = {
    "python": [sys.executable, "-c", "pass"],
    "import": [sys.executable, "-c", "import fastmas"],
    "help": [*FASTMAS, "--help"],
    "warm": [sys.executable, "-c", FIRST],
    "warm-command": COMMAND,
}
COLD = {"cold": [sys.executable, "-c", FIRST], "cold-command": COMMAND}


def seconds(command: list[str], cache: Path) -> float:
    """Of one process on the wall."""
    began = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True, env={**os.environ, "FASTMAS_CACHE_DIR": str(cache)})
    return time.perf_counter() - began


def row(what: str, times: list[float]) -> dict[str, Any]:
    return {"what": what, "median_s": float(np.median(times)), "best_s": min(times), "repeats": len(times)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--cold", type=int, default=3)
    parser.add_argument("--out", type=Path, default=lines.place_of("startup"))
    options = parser.parse_args()
    rows = [lines.head()]
    with tempfile.TemporaryDirectory() as folder:
        for what, command in COLD.items():
            rows.append(row(what, [seconds(command, Path(folder) / f"{what}-{i}") for i in range(options.cold)]))
        warm = Path(folder) / "cold-0"
        times: dict[str, list[float]] = {what: [] for what in QUICK}
        for repeat in range(options.repeats + 1):
            for what, command in QUICK.items():
                spent = seconds(command, warm)
                if repeat:  # the first fills the disk's cache
                    times[what].append(spent)
        rows += [row(what, spent) for what, spent in times.items()]
    lines.write(options.out, rows)
    for r in rows:
        print(json.dumps(r))


if __name__ == "__main__":
    main()
