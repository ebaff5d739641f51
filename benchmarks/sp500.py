"""Claim: on the S&P 500 the games find parameters whose paths are harder to tell from it than the moment fit does.

The main job of the README, once for each updater: AUC of discriminators trained from scratch, on the last
fifth of the series and over blocks of the rest (0.5: cannot tell), stylised facts, seconds.

    python benchmarks/sp500.py [--updaters moments,cma-es,parameter-score] [--out FILE]
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import fastmas as fm
from fastmas.bench.machine import machine


def main() -> None:
    """Run all and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--updaters", default="moments,cma-es,parameter-score")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results" / "sp500.jsonl")
    options = parser.parse_args()
    rows = []
    for updater in options.updaters.split(","):
        fit = fm.calibrate(fm.models.stock_market(), "sp500", updater=updater, seed=options.seed)
        kept = ("estimate", "interval", "auc_heldout", "auc_interval", "auc_blocked", "seconds", "seconds_by_phase",
                "warnings", "rounds", "paths_simulated")
        reproduced = [f["name"] for f in fit.result["stylised_facts"] if f["reproduced"]]
        rows.append({"updater": updater, "reproduced": reproduced, **{k: fit.result[k] for k in kept}})
        auc, low, high = fit.result["auc_blocked"]
        print(f"{updater:16s} AUC over blocks {auc:.3f} [{low:.3f}, {high:.3f}], held out {fit.auc_heldout:.3f}, facts "
              f"reproduced {len(reproduced)} of {len(fit.result['stylised_facts'])}, {fit.seconds:.0f} s", flush=True)
    head = {"machine": machine(), "seed": options.seed}
    options.out.write_text("\n".join(json.dumps(x) for x in [head, *rows]) + "\n")
    print(json.dumps(head))


if __name__ == "__main__":
    main()
