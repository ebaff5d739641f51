"""Systems that are no stock markets, calibrated by the same call: quotes and trades, an epidemic, a supply chain."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from small_games import SMALL

import fastmas as fm
from fastmas.calibration.budget import FULL

sys.path.insert(0, str(Path(__file__).parents[1] / "benchmarks"))

import lines  # noqa: E402
import systems  # noqa: E402

BUDGET = replace(SMALL, start=replace(SMALL.start, n_scan=256))
THOROUGH = replace(SMALL, start=FULL.start)  # of two parameters that nearly make up for each other, in a box of 20


def fitted(model, data, observable, free, warmup, budget=BUDGET):
    return fm.calibrate(model, data, observable=observable, free=free, warmup=warmup, updater="moments", draws=0,
                        seed=1, n_threads=1, budget=budget)


@pytest.fixture(scope="module")
def quotes():
    """4,000 requests for quotes at a truth that is not the defaults: outcome, trade, cover, gap."""
    truth = {"mu_0": 2.0, "mu_1": 2.6}
    seen = fm.simulate(fm.models.otc_market(), truth, n_paths=80, n_steps=50, warmup=1, seed=9,
                       observable=("outcome", "traded_price", "gap"))
    return truth, seen


def test_the_two_figures_of_the_paper_know_a_difference_alone(quotes):
    """How often clients trade and the gap between quotes stay what they are when all move up together."""
    truth, seen = quotes
    fit = fitted(fm.models.otc_market(), seen[:, :, [0, 2]], ("outcome", "gap"), list(truth), 1, THOROUGH)
    assert [text for text in fit.warnings if text.endswith("the data identify mu_1 - mu_0, not each of them")]
    assert fit.estimate["mu_1"] - fit.estimate["mu_0"] == pytest.approx(0.6, abs=0.1)
    assert fit.interval["mu_0"][1] - fit.interval["mu_0"][0] > 5.0


def test_a_price_beside_them_tells_both(quotes):
    """Five bounds of 4,000 rounds are .14 of mu_0 and .04 of mu_1, and the search begins in a box of 20."""
    truth, seen = quotes
    fit = fitted(fm.models.otc_market(), seen[:, :, :2], ("outcome", "traded_price"), list(truth), 1, THOROUGH)
    assert fit.estimate["mu_0"] == pytest.approx(2.0, abs=0.14)
    assert fit.estimate["mu_1"] == pytest.approx(2.6, abs=0.05)
    assert not any("move together" in text for text in fit.warnings)


def test_an_epidemic_is_recovered_from_its_cases():
    """40 outbreaks: within 10% of a truth that is a quarter and half of the defaults, in a box of 2,000 to 1."""
    truth = {"beta": 0.8, "gamma": 0.25}
    cases = fm.simulate(fm.models.sir(), truth, n_paths=40, n_steps=40, seed=3)
    fit = fitted(fm.models.sir(), cases, None, list(truth), 0)
    for name, value in truth.items():
        assert fit.estimate[name] == pytest.approx(value, rel=0.1)


def test_a_lead_time_is_recovered_exactly():
    """An integer, beside a real parameter, from a shop's orders and inventory; the default is 2."""
    truth, book = {"lead_time": 4, "alpha_stock": 0.4}, ("orders_retailer", "inventory_retailer")
    model = fm.models.supply_chain()
    seen = fm.simulate(model, truth, n_paths=40, n_steps=40, seed=3, observable=book)
    fit = fitted(model, seen, book, list(truth), 0)
    assert fit.estimate["lead_time"] == 4
    assert fit.estimate["alpha_stock"] == pytest.approx(0.4, abs=0.05)


def test_a_row_of_the_benchmark_and_its_table(tmp_path, monkeypatch):
    task = systems.TASKS["sir2"]
    small = replace(task, sizes=task.sizes | {"n_paths": 20, "n_steps": 20})
    monkeypatch.setitem(systems.TASKS, "sir2", small)
    row = systems.one("sir2", 0, "moments", budget=SMALL)
    assert set(row["covered"]) == set(task.truth)
    path = tmp_path / "rows.jsonl"
    lines.begun(path)
    lines.append(path, row)
    lines.append(path, {"task": "sir2", "set": 1, "updater": "moments", "failed": "ModelError: no"})
    said = "\n".join(systems.tables(lines.read(path)))
    assert "sir2, moments: 1 data sets, 1 failed" in said
    assert "| beta | 1.66 |" in said


def test_the_bound_of_the_quotes_is_that_of_a_mean_where_it_is_known():
    """Of mu_1 from 20,000 rounds: at least that of a normal mean of all quotes, and at most four times it."""
    task = systems.TASKS["otc6"]
    bound = systems.otc_bound(task.build(), task.truth)
    least = 0.5 * np.sqrt(2 / 5) / np.sqrt(20_000)
    assert 0.5 * least < bound["mu_1"] < 4 * least
