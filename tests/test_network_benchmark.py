"""The benchmark of the black box, in a tiny size."""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"
sys.path.insert(0, str(BENCHMARKS))

import lines  # noqa: E402
import network as benchmark  # noqa: E402


def test_the_distance_is_1_for_the_same_law_and_more_for_another():
    """Over some eighty moments, correlated as if they were ten: the sd of their mean is .45."""
    model, truth = benchmark.herd(0)
    same, other = (benchmark.simulated(model, values, 1000, seed)
                   for values, seed in ((truth, 1), ({**truth, "follow": truth["follow"] / 2}, 1)))
    fresh = benchmark.simulated(model, truth, 1000, 2)
    near, far = (benchmark.distances(paths, fresh) for paths in (same, other))
    assert all(0.2 < value < 3.0 for value in near.values())
    assert all(value > 10 for value in far.values())


def test_a_lattice_does_not_move_the_middle_moment():
    """Paths off the market's lattice by less than half a step: a few moments see it, and the mean is theirs."""
    model, truth = benchmark.market(1)
    paths = benchmark.simulated(model, truth, 1000, 1).astype(float)
    returns = np.diff(np.log(paths), axis=1)
    moved = returns + np.random.default_rng(1).uniform(-0.5, 0.5, returns.shape) * 0.1 * 2 / 15  # rho 2 / N
    off = np.exp(np.cumsum(np.column_stack([np.log(paths[:, 0]), moved]), axis=1))
    found = benchmark.distances(off, paths)
    assert found["fresh"] > 50
    assert found["fresh_middle"] < 20


def test_a_set_gives_three_rows_and_the_table_their_means(small, monkeypatch):
    monkeypatch.setattr(benchmark, "N_PATHS", 60)
    monkeypatch.setattr(benchmark, "N_FRESH", 200)
    rows = [{"data": "herd", "set": 0, **row}
            for row in benchmark.of_made("herd", 0, SimpleNamespace(threads=1, generations=2))]
    assert [row["who"] for row in rows] == ["herd", "network", "truth"]
    mechanism, network, truth = rows
    assert mechanism["parameters"] == 2
    assert network["parameters"] > 1000
    assert network["fresh"] > mechanism["fresh"]
    assert network["fresh"] > 5 > truth["fresh"]
    again = [{**row, "set": 1, "fresh": row["fresh"] + 1.0} for row in rows]
    said = benchmark.table([*rows, *again]).splitlines()
    assert len(said) == 5
    mean, error = mechanism["fresh"] + 0.5, 0.5
    assert f"{mean:.2f} ± {error:.2f}" in said[2]
    assert {len(line.split("|")) for line in said} == {14}


def test_the_results_that_are_kept_are_those_of_the_script():
    kept = lines.read(lines.place_of("network"))[1:]
    assert {row["who"] for row in kept} >= {"network", "truth", "stock-market"}
    assert all(np.isfinite(row["fresh"]) for row in kept if row["data"] != "sp500")
