"""The README's picture: a calibration to simulated paths whose parameters are known.

    python examples/images/recovery.py [--paths 1000] [--out examples/images/recovery.png]

It simulates the data, runs `fastmas calibrate` on them and draws what the run left in its folder.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

import fastmas as fm
from fastmas.statistics.stylised_facts import autocorrelation, log_returns

TRUTH = {"kappa": 1.0, "gamma": 2.0}
LABELS = {"kappa": "kappa", "gamma": "gamma [price units]"}
DATA, SEARCH, FOUND = "#333333", "#0072B2", "#D55E00"


def run(folder: Path, n_paths: int) -> tuple[pd.DataFrame, dict, dict]:
    """History, result and sample of a run of the command."""
    np.save(folder / "paths.npy", fm.simulate(
        fm.models.stock_market(), TRUTH, n_paths=n_paths, n_steps=100, warmup=50, seed=1))
    subprocess.run([sys.executable, "-m", "fastmas", "calibrate", "stock-market", "--data", folder / "paths.npy",
                    "--free", "kappa,gamma", "--out", folder / "run"], check=True)
    with np.load(folder / "run" / "sample.npz") as sample:
        return (pd.read_csv(folder / "run" / "history.csv"), json.loads((folder / "run" / "result.json").read_text()),
                {name: sample[name].astype(np.float64) for name in ("x_obs", "x_sim")})


def draw_search(ax, history: pd.DataFrame, result: dict, name: str) -> None:
    ax.axhspan(*result["interval"][name], color=FOUND, alpha=0.18, lw=0, label="90% interval")
    ax.plot(history["generation"], history[name], color=SEARCH, lw=1.2, label="search")
    ax.axhline(result["estimate"][name], color=FOUND, lw=1.6, label="estimate")
    ax.axhline(TRUTH[name], color=DATA, lw=1.6, ls=(0, (3, 2)), label="truth")
    ax.set_ylabel(LABELS[name])


def draw_returns(ax, sample: dict) -> None:
    for name, style in (("x_sim", {"color": SEARCH, "lw": 1.4, "label": "simulated at the estimate"}),
                        ("x_obs", {"color": DATA, "ls": "", "marker": "o", "mfc": "w", "ms": 4, "label": "data"})):
        levels, counts = np.unique(log_returns(sample[name]).round(4), return_counts=True)
        ax.plot(levels, counts / counts.sum(), **style)
    ax.set(yscale="log", xticks=np.linspace(-0.1, 0.1, 5), xlabel="log return", ylabel="share of steps")


def draw_memory(ax, sample: dict) -> None:
    lags = np.arange(1, 13)
    for name, style in (("x_sim", {"color": SEARCH, "lw": 1.4}),
                        ("x_obs", {"color": DATA, "ls": "", "marker": "o", "mfc": "w", "ms": 4})):
        ax.plot(lags, autocorrelation(log_returns(sample[name]), lags).mean(axis=0), **style)
    ax.axhline(0, color="#8C8C8C", lw=0.8)
    ax.set(xlabel="lag [steps]", ylabel="autocorrelation of returns")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--paths", type=int, default=1000)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "recovery.png")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        history, result, sample = run(Path(folder), options.paths)
    fig, axes = plt.subplots(2, 2, figsize=(8.6, 4.9), layout="constrained", facecolor="white")
    for ax, name in zip(axes[:, 0], TRUTH, strict=True):
        draw_search(ax, history, result, name)
    axes[0, 0].tick_params(labelbottom=False)
    axes[1, 0].set_xlabel("generation")
    draw_returns(axes[0, 1], sample)
    draw_memory(axes[1, 1], sample)
    for ax in axes.flat:
        ax.spines[["top", "right"]].set_visible(False)
        ax.tick_params(labelsize=9)
    for ax, n_columns in ((axes[0, 0], 4), (axes[0, 1], 2)):
        ax.legend(frameon=False, fontsize=8.5, ncols=n_columns, loc="lower center", bbox_to_anchor=(0.5, 1.0),
                  columnspacing=1.0, handlelength=1.6)
    fig.savefig(options.out, dpi=110)


if __name__ == "__main__":
    main()
