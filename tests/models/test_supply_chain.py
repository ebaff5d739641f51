"""The beer game against a second writing of it, stage by stage, and against what is conserved."""

from __future__ import annotations

import numpy as np
import pytest
from laws import assert_threads_change_no_bit

from fastmas import models
from fastmas.errors import ParameterError
from fastmas.simulate import simulate

STAGES = ("retailer", "wholesaler", "distributor", "factory")
THETA = {"theta_orders": 0.36, "alpha_stock": 0.26, "beta_line": 0.34, "target_stock": 17.0, "lead_time": 2,
         "demand": 8.0, "sigma_orders": 1.0}


def other_simulation(theta, n_paths: int, n_steps: int, rng) -> dict[str, np.ndarray]:
    """Orders (4, n_paths, n_steps) and stocks less backlogs, with goods and orders in queues."""
    lead, usual = theta["lead_time"], round(theta["demand"])
    stock, owed = np.full((4, n_paths), 12.0), np.zeros((4, n_paths))
    expected, line = np.full((4, n_paths), theta["demand"]), np.full((4, n_paths), (1.0 + lead) * usual)
    goods = [[np.full(n_paths, float(usual)) for _ in range(lead + (stage == 3))] for stage in range(4)]
    written = np.full((4, n_paths), float(usual))
    seen = {"orders": [], "net": []}
    for _ in range(n_steps):
        asked = np.vstack([rng.binomial(100, theta["demand"] / 100, n_paths)[None], written[:3]])
        come = np.stack([queue.pop(0) for queue in goods])
        sent = np.minimum(stock + come, owed + asked)
        stock, owed = stock + come - sent, owed + asked - sent
        expected += theta["theta_orders"] * (asked - expected)
        line -= come
        rule = expected + theta["alpha_stock"] * (theta["target_stock"] - (stock - owed) - theta["beta_line"] * line)
        written = np.maximum(0, np.floor(rule + theta["sigma_orders"] * rng.standard_normal(rule.shape) + 0.5))
        line += written
        for stage in range(3):
            goods[stage].append(sent[stage + 1])
        goods[3].append(written[3])
        seen["orders"].append(written)
        seen["net"].append(stock - owed)
    return {name: np.stack(values, axis=2) for name, values in seen.items()}


def seen(name, theta, n_paths=20_000, n_steps=30, **more):
    return np.stack([simulate(models.supply_chain(), theta, n_paths=n_paths, n_steps=n_steps, seed=2,
                              observable=f"{name}_{stage}", **more) for stage in STAGES]).astype(np.float64)


@pytest.mark.statistical
@pytest.mark.parametrize("lead_time", [2, 4])
def test_the_chain_is_that_of_another_simulation(lead_time):
    """Mean and mean square of orders and stocks of each stage, weeks 3 to 30: within 5 standard errors (of 432);
    with a lead time of one week more most are not."""
    theta = THETA | {"lead_time": lead_time}
    ours = {"orders": seen("orders", theta), "net": seen("inventory", theta) - seen("backlog", theta)}

    def worst(theta) -> float:
        expected = other_simulation(theta, 20_000, 30, np.random.default_rng(1))
        found = 0.0
        for name, other in expected.items():
            for power in (1, 2):
                a, b = ours[name][:, :, 3:] ** power, other[:, :, 2:] ** power
                error = np.sqrt((a.var(axis=1) + b.var(axis=1)) / a.shape[1])
                found = max(found, float(np.max(np.abs(a.mean(axis=1) - b.mean(axis=1)) / error)))
        return found

    assert worst(theta) < 5.0
    assert worst(theta | {"lead_time": lead_time + 1}) > 50.0


def test_a_stage_owes_nothing_while_it_has_stock():
    inventory, backlog = (seen(name, THETA, n_paths=200, n_steps=60) for name in ("inventory", "backlog"))
    assert (inventory * backlog == 0).all()
    assert (backlog[3] > 0).any()


def test_orders_swing_more_up_the_chain():
    """Sterman's amplification: variances of orders rise from stage to stage."""
    spread = seen("orders", THETA, n_paths=500, n_steps=200, warmup=50).var(axis=(1, 2))
    assert (np.diff(spread) > 1.0).all()


def test_nobody_to_sell_to_is_refused():
    with pytest.raises(ParameterError, match="n_customers=0"):
        models.supply_chain(n_customers=0)


def test_threads_change_no_bit():
    assert_threads_change_no_bit(models.supply_chain())
