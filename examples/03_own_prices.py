"""Prices of your own, one series in a CSV file: calibrate, read the verdict, write the report.

    python examples/03_own_prices.py [prices.csv] [--column close] [--updater cma-es] [--out run] [--days 2500]

Without a file it writes one, of so many days of a simulated market whose parameters it then looks for.
"""

import argparse
from pathlib import Path

import numpy as np
import pandas as pd

import fastmas as fm

TRUTH = {"kappa": 1.5, "gamma": 2.5, "rho": 0.1}


def write_prices(file: Path, n_days: int) -> None:
    """Simulate days and write them as a data vendor would: a date and a price per row."""
    days = fm.simulate(fm.models.stock_market(), TRUTH, n_paths=1, n_steps=n_days + 199, warmup=200, seed=1)[0]
    dates = np.datetime64("2015-01-05") + np.arange(len(days))
    pd.DataFrame({"date": dates, "close": days.round(4)}).to_csv(file, index=False)
    print(f"wrote {file}: {len(days)} days simulated at {TRUTH}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", nargs="?", type=Path)
    parser.add_argument("--column", help="of the prices; found by its name if not given")
    parser.add_argument("--updater", default="cma-es", help='"moments" for a first look in seconds')
    parser.add_argument("--days", type=int, default=2500)
    parser.add_argument("--out", type=Path, default=Path("run"))
    options = parser.parse_args()
    if options.file is None:
        options.file = Path("prices.csv")
        write_prices(options.file, options.days)

    market = fm.models.stock_market()
    fit = fm.calibrate(market, options.file, column=options.column, free=["kappa", "gamma", "rho"],
                       updater=options.updater, seed=1)
    for name, value in fit.estimate.items():
        low, high = fit.interval[name]
        print(f"{name}: {value:.4g}, 90% interval {low:.4g} to {high:.4g}")
    print(fit.verdict)
    for warning in fit.warnings:
        print("warning:", warning)
    print("report:", fit.save(options.out, overwrite=True))


if __name__ == "__main__":
    main()
