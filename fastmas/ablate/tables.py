"""The result as tables of text."""

from __future__ import annotations

from typing import Any

from fastmas.bench.tables import Table

SHARES = ("converged", "near", "noticed", "noticed_without_grid")
Row = dict[str, Any]


def tables(result: Row) -> list[Table]:
    """One of fits, and one of gradients for each functional."""
    keys = dict.fromkeys(row["functional"] for row in result["gradients"])
    return [fits_table(result), *(gradient_table(result, key) for key in keys)]


def fits_table(result: Row) -> Table:
    """A line for each arm that has a fit: errors as mean +- standard error, counts as x/n."""
    names = list(result["parameters"])
    heads = [f"{what} of {name}{_unit(result, name)}" for name in names for what in ("bias", "spread")]
    rows = []
    for arm in (one for one in result["fits"] if one["n"]):
        n = arm["n"]
        cells = [cell for name in names for cell in _errors(arm["parameters"].get(name))]
        counts = ["" if arm.get(what) is None else f"{arm[what]}/{n}" for what in SHARES]
        rows.append([arm["rules"], _width(arm), arm["updater"], str(n), *cells, *counts, f"{arm['seconds']:.1f}",
                     f"{arm['paths']:,.0f}"])
    data = result["design"]
    title = f"Fits to {data['sets']} data sets of {data['paths']} paths of the exact rules, {_model(result)}"
    return Table(title, ["rules", "temperature", "updater", "sets", *heads, "converged", "near the truth", "p <= .05",
                         "p <= .05 without the grid", "seconds", "paths"], rows)


def gradient_table(result: Row, functional: str) -> Table:
    """A line for each estimator at each temperature; the first is the exact derivative."""
    names = list(dict.fromkeys(row["parameter"] for row in result["gradients"]))
    lines: dict[tuple[str, Any], dict[str, Row]] = {}
    for row in result["gradients"]:
        if row["functional"] == functional:
            lines.setdefault((row["estimator"], row["temperature"]), {})[row["parameter"]] = row
    heads = [head for name in names for head in (f"d / d {coordinate(result, name)}", f"bias of {name}",
                                                 f"sd of a path, {name}")]
    rows = []
    for (estimator, _), cells in lines.items():
        one = next(iter(cells.values()))
        rows.append([estimator, _width(one), f"{one['level']:.3g}",
                     *(cell for name in names for cell in _gradient(cells.get(name)))])
    return Table(f"Gradients of the {result['functionals'][functional]}, relative to its value, per search coordinate",
                 ["estimator", "temperature", "level", *heads], rows)


def plus_minus(value: float | None, se: float | None) -> str:
    """A value with its standard error, to the digits that the error leaves."""
    if value is None:
        return ""
    if not se:
        return f"{value:+.3g}"
    if abs(value) >= 1e5 or se >= 1e4:
        return f"{value:+.1e} ± {se:.0e}"
    digits = next((k for k in range(5) if se >= 0.95 * 10.0**-k), 5)
    return f"{value:+.{digits}f} ± {se:.{digits}f}"


def _errors(found: Row | None) -> list[str]:
    if found is None:
        return ["", ""]
    spread = plus_minus(found["spread"], found["spread_se"]).lstrip("+")
    return [plus_minus(found["bias"], found["bias_se"]), spread]


def _gradient(row: Row | None) -> list[str]:
    if row is None:
        return ["", "", ""]
    return [plus_minus(row["value"], row["se"]), plus_minus(row["bias"], row["bias_se"]), f"{row['sd']:.3g}"]


def _width(row: Row) -> str:
    return "" if row["temperature"] is None else f"{row['temperature']:g}"


def coordinate(result: Row, name: str) -> str:
    """What a derivative is taken along."""
    scale = result["parameters"][name]["scale"]
    return name if scale == "linear" else f"{scale} {name}"


def _unit(result: Row, name: str) -> str:
    unit = result["parameters"][name]["measure"]
    return f" [{unit}]" if unit else ""


def _model(result: Row) -> str:
    data = result["design"]
    return (f"{data['model'].rpartition('/')[2]}, t = {data['warmup']}..{data['warmup'] + data['horizon']}, "
            f"seed {data['seed']}")
