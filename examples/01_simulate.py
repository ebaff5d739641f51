"""Exact paths of the stock market, and the effect of one parameter with and without common random numbers.

    python examples/01_simulate.py [--paths 10000]
"""

import argparse
import time

import numpy as np

import fastmas as fm


def volatility(paths: np.ndarray) -> np.ndarray:
    """Standard deviation of the log returns of each path."""
    return np.diff(np.log(paths.astype(np.float64))).std(axis=-1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--paths", type=int, default=10_000)
    n_paths = parser.parse_args().paths

    market = fm.models.stock_market(n_noise=7, n_technical=5, n_fundamental=3)
    thetas = [{"kappa": 1.0}, {"kappa": 1.1}]  # what is not named keeps its default
    fm.simulate(market, thetas, n_paths=1, n_steps=1)  # compiles: once per machine, then kept on disk

    began = time.perf_counter()
    paths = fm.simulate(market, thetas, n_paths=n_paths, n_steps=100, warmup=50, seed=1)
    seconds = time.perf_counter() - began
    print(f"paths of shape {paths.shape}: thetas, paths, prices at t = 50..100")
    print(f"{2 * n_paths * 100 / seconds:,.0f} path-steps/s")

    for common in (False, True):
        low, high = volatility(fm.simulate(
            market, thetas, n_paths=n_paths, n_steps=100, warmup=50, seed=1, common_random_numbers=common))
        error = (high - low).std() / np.sqrt(n_paths)
        kind = "common" if common else "independent"
        print(f"effect of kappa on volatility, {kind} random numbers: {(high - low).mean():+.2e} +- {error:.1e}")

    again = fm.simulate(market, thetas, n_paths=n_paths, n_steps=100, warmup=50, seed=1, n_threads=1)
    print("one thread gives the same bits:", np.array_equal(paths, again))


if __name__ == "__main__":
    main()
