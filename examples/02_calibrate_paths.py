"""Recover kappa and gamma of the exact market from many paths: truth, estimate and interval.

    python examples/02_calibrate_paths.py [--paths 1000] [--updater cma-es]
"""

import argparse

import fastmas as fm

TRUTH = {"kappa": 1.5, "gamma": 2.5}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--paths", type=int, default=1000)
    parser.add_argument("--updater", default="cma-es", help='"moments" for a first look, without the game')
    options = parser.parse_args()

    market = fm.models.stock_market()
    x_obs = fm.simulate(market, TRUTH, n_paths=options.paths, n_steps=100, warmup=50, seed=1)
    fit = fm.calibrate(market, x_obs, free=["kappa", "gamma"], updater=options.updater, seed=1)

    print("parameter  truth  moment fit  estimate  90% interval")
    for name, true in TRUTH.items():
        low, high = fit.interval[name]
        print(f"{name:9s}  {true:5.3f}  {fit.start[name]:10.3f}  {fit.estimate[name]:8.3f}  {low:.3f} to {high:.3f}")
    print(fit.verdict)
    for warning in fit.warnings:
        print("warning:", warning)
    print(f"{fit.paths_simulated:,} paths simulated, {fit.seconds:.0f} s")


if __name__ == "__main__":
    main()
