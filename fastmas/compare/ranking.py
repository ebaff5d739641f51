"""Rows of a comparison: what a calibration found in a few figures, and which of two is ahead."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from fastmas.calibration.bootstrap import N_SETS
from fastmas.calibration.sentence import NO_MISFIT

Row = dict[str, Any]
LEAST_P = 1.0 / (N_SETS + 1) + 1e-9  # none of the simulated data sets differs as much
KEPT = ("grade", "p_value", "verdict", "misfits", "estimate", "updater", "seed", "seconds", "paths_simulated",
        "stylised_facts", "warnings", "version")


@dataclass(frozen=True)
class Comparison:
    """What `compare` found.

    `rows` stand in their order, the best first and what could not be calibrated last; `said` is what they come to in a
    sentence, and `notes` what else there is to say. `samples` hold observed and simulated prices, by row.
    """

    source: str
    rows: list[Row] = field(repr=False)
    said: str = field(repr=False)
    notes: list[str] = field(repr=False)
    design: dict[str, Any] = field(repr=False, default_factory=dict)
    samples: dict[str, dict[str, np.ndarray]] = field(repr=False, default_factory=dict)

    @property
    def best(self) -> str | None:
        """The market that is ahead, yardsticks aside."""
        return next((row["name"] for row in self.rows if not row["yardstick"] and "failed" not in row), None)

    @property
    def table(self) -> Any:
        """A pandas DataFrame, a row for each model by its name."""
        import pandas as pd  # noqa: PLC0415  -- figures alone must not wait for it

        return pd.DataFrame(self.rows).set_index("name")

    def plain(self) -> Row:
        """The content of compare.json."""
        return {"data": self.source, "said": self.said, "best": self.best, **self.design, "notes": self.notes,
                "rows": self.rows}

    def __repr__(self) -> str:
        return f"<comparison on {self.source}: {', '.join(row['name'] for row in self.rows if 'failed' not in row)}>"


def row_of(what: Row, result: Mapping[str, Any]) -> Row:
    """The row of a calibration, from its result; `what` is its name, yardstick and options."""
    told = [abs(figure["sds"]) for figure in result["figures"] if figure["rank"] is not None]
    off = 0 if result["grade"] == NO_MISFIT else len(told)
    blocked = result.get("auc_blocked")
    auc = blocked or [result["auc_heldout"], *result["auc_interval"]]
    facts = result["stylised_facts"]
    return {**what, "n_free": len(result["estimate"]), "figures_off": off,
            "largest_sds": max(told) if off and told else 0.0, "auc": auc[0], "auc_interval": auc[1:],
            "auc_of": "blocks" if blocked else "held out", "facts_in_range": sum(fact["reproduced"] for fact in facts),
            "n_facts": len(facts), **{key: result[key] for key in KEPT}}


def ranked(rows: Sequence[Row]) -> list[Row]:
    """By p-value, then how many figures are off and by how much, the AUC, facts in band; failures last."""
    def key(row: Row) -> tuple[float, ...]:
        return (-row["p_value"], row["figures_off"], row["largest_sds"], abs(row["auc"] - 0.5),
                -row["facts_in_range"] / max(1, row["n_facts"]))

    return [*sorted((row for row in rows if "failed" not in row), key=key), *(row for row in rows if "failed" in row)]


def sentence(rows: Sequence[Row], source: str) -> str:
    """What ranked rows come to."""
    markets = [row for row in rows if not row["yardstick"] and "failed" not in row]
    if not markets:
        return f"No market could be calibrated to {source}."
    fitting = [row for row in markets if row["grade"] == NO_MISFIT]
    beside = [row["name"] for row in rows if row["yardstick"] and row.get("grade") == NO_MISFIT]
    also = f" So does {' and '.join(beside)}, without agents." if beside else ""
    if fitting:
        names = ", ".join(f"{row['name']} (p = {row['p_value']:.2g})" for row in fitting)
        fits = f"{len(fitting)} of {len(markets)} markets fit" if len(markets) > 1 else "The market fits"
        return f"{fits} {source}: {names}.{also}"
    best = markets[0]
    n_off = best["figures_off"]
    off = f", with {n_off} named figure{'' if n_off == 1 else 's'} off" if n_off else ""
    also = f" {' and '.join(beside)}, without agents, does." if beside else ""
    p = f"p {_equals(best)} {best['p_value']:.2g}"
    return (f"No market fits {source}. The one least off is {best['name']} ({p}{off}): "
            f"{best['misfits'][0] if best['misfits'] else best['verdict']}.{also}")


def _equals(row: Row) -> str:
    return "<" if row["p_value"] <= LEAST_P else "="


def cells(row: Row, place: int) -> list[Any]:
    """Of a table with the columns COLUMNS."""
    name = row["name"] + (" *" if row["yardstick"] else "")
    if "failed" in row:
        return ["–", name, None, None, None, None, None, row["failed"]]
    low, high = row["auc_interval"]
    p = f"{_equals(row)} {row['p_value']:.2g}".removeprefix("= ")
    facts = f"{row['facts_in_range']} of {row['n_facts']}" if row["n_facts"] else "–"
    worst = row["misfits"][0] if row["misfits"] else "no misfit found" if row["grade"] == NO_MISFIT else row["verdict"]
    return [str(place), name, p, str(row["figures_off"]), f"{row['auc']:.2f} ({low:.2f} to {high:.2f})", facts,
            str(row["n_free"]), worst]


COLUMNS = ["", "model", "p-value", "figures off", "AUC", "facts in range", "free", "what is off first"]
YARDSTICK = "* no agents: a yardstick"
