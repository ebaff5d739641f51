"""One picture: what temperature does to estimates, to the verdict and to gradients."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.ticker import NullLocator

from fastmas.ablate.arms import MOMENTS
from fastmas.ablate.design import EXACT
from fastmas.ablate.gradients import DIFFERENCES, SCORE
from fastmas.ablate.tables import coordinate
from fastmas.report.figures import ESTIMATE, HELD_OUT, MUTED, OBSERVED, SIMULATED, panels, shared_legend
from fastmas.report.writing import DPI

MOST_SHOWN = 3  # parameters
COLOURS = (SIMULATED, ESTIMATE, HELD_OUT, "#CC79A7", "#56B4E9")
MARKS = "osD^v"
FUNCTIONAL = "squares"
APART = 1.06  # factor of temperature between series, so that error bars can be told apart
Row = dict[str, Any]


def picture(result: Row) -> bytes:
    """Errors of estimates on the left, of gradients on the right, a row for each parameter; a PNG."""
    names = list(result["parameters"])[:MOST_SHOWN]
    rows = len(names) + 1
    fig, axes = panels(rows, 2, height=0.7 + 2.2 * rows)
    widths = sorted(result["design"]["temperatures"])
    for i, name in enumerate(names):
        _biases(axes[2 * i], result, name)
        _slopes(axes[2 * i + 1], result, name)
    axes[0].set_title("fits to data\nof the exact rules", fontsize=10)
    axes[1].set_title(f"gradient of the\n{result['functionals'][FUNCTIONAL]}", fontsize=10)
    _noticed(axes[-2], result)
    _sds(axes[-1], result, names[0])
    for ax in axes:
        ax.set_xscale("log")
        ax.set_xlim(widths[0] / 1.6, widths[-1] * 1.6)
        ax.set_xticks(widths, [f"{w:g}" for w in widths])
        ax.xaxis.set_minor_locator(NullLocator())
    for ax in axes[-2:]:
        ax.set_xlabel("temperature")
    shared_legend(fig, axes)
    buffer = io.BytesIO()
    fig.savefig(buffer, format="png", dpi=DPI)
    return buffer.getvalue()


def _series(rows: Sequence[Row], key: str) -> dict[str, list[Row]]:
    """Rows with a temperature, by what they are of, in its order."""
    found: dict[str, list[Row]] = {}
    for row in sorted((r for r in rows if r["temperature"] is not None), key=lambda r: r["temperature"]):
        found.setdefault(row[key], []).append(row)
    return found


def _style(number: int) -> dict[str, Any]:
    return {"color": COLOURS[number % len(COLOURS)], "marker": MARKS[number % len(MARKS)], "ms": 4, "lw": 1.2}


def _fits(result: Row) -> dict[str, list[Row]]:
    return _series([arm for arm in result["fits"] if arm["n"] and arm["updater"] == MOMENTS], "rules")


def _constant(result: Row) -> list[Row]:
    """Arms without a temperature, by moments."""
    return [arm for arm in result["fits"] if arm["n"] and arm["updater"] == MOMENTS and arm["temperature"] is None]


def _biases(ax: Axes, result: Row, name: str) -> None:
    ax.axhline(0.0, color=MUTED, lw=0.8)
    for k, (rules, arms) in enumerate(_fits(result).items()):
        seen = [(arm["temperature"] * APART**k, arm["parameters"][name]) for arm in arms if name in arm["parameters"]]
        ax.errorbar([x for x, _ in seen], [p["bias"] for _, p in seen],
                    yerr=[2 * (p["bias_se"] or 0.0) for _, p in seen], label=f"{rules}, moments", capsize=2,
                    **_style(k))
    for arm in (one for one in _constant(result) if name in one["parameters"]):
        _level(ax, arm["rules"], arm["parameters"][name]["bias"], arm["parameters"][name]["bias_se"])
    unit = result["parameters"][name]["measure"]
    ax.set_ylabel(f"bias of {name}" + (f" [{unit}]" if unit else ""), fontsize=9)


def _level(ax: Axes, rules: str, value: float, se: float | None) -> None:
    """What does not depend on temperature, with two standard errors."""
    colour, style = (OBSERVED, "-") if rules == EXACT else (COLOURS[3], "--")
    ax.axhline(value, color=colour, lw=1.2, ls=style, label=f"{rules}, moments")
    if se is not None:
        ax.axhspan(value - 2 * se, value + 2 * se, color=colour, alpha=0.15, lw=0)


def _noticed(ax: Axes, result: Row) -> None:
    for k, (rules, arms) in enumerate(_fits(result).items()):
        ax.plot([arm["temperature"] * APART**k for arm in arms], [100 * arm["noticed"] / arm["n"] for arm in arms],
                label=f"{rules}, moments", **_style(k))
    for arm in _constant(result):
        _level(ax, arm["rules"], 100 * arm["noticed"] / arm["n"], None)
    for k, (_, arms) in enumerate(_fits(result).items()):
        seen = [arm for arm in arms if arm["noticed_without_grid"] is not None]
        ax.plot([arm["temperature"] * APART**k for arm in seen],
                [100 * arm["noticed_without_grid"] / arm["n"] for arm in seen],
                label="the same without the grid" if k == 0 else None, **{**_style(k), "ls": ":", "mfc": "white"})
    ax.axhline(5.0, color=MUTED, lw=1.0, ls=":")
    ax.set_ylim(-4, 104)
    ax.set_ylabel("fits with p <= .05 [%]", fontsize=9)


def _gradients(result: Row, name: str) -> list[Row]:
    return [r for r in result["gradients"] if r["functional"] == FUNCTIONAL and r["parameter"] == name]


def _slopes(ax: Axes, result: Row, name: str) -> None:
    """The derivative itself beside the exact one; off the axis where it has run away."""
    rows = _gradients(result, name)
    if not rows:
        ax.set_axis_off()
        return
    exact = next(r for r in rows if r["estimator"] == DIFFERENCES)
    reach = 3.0 * max(abs(exact["value"]), 10 * exact["se"])
    ax.axhline(exact["value"], color=OBSERVED, lw=1.2, label="exact derivative")
    score = next((r for r in rows if r["estimator"] == SCORE), None)
    if score is not None:
        ax.axhline(score["value"], color=MUTED, lw=1.4, ls="--", label=SCORE)
    for k, (estimator, found) in enumerate(_series(rows, "estimator").items()):
        seen = [r for r in found if abs(r["value"] - exact["value"]) < reach]
        ax.errorbar([r["temperature"] * APART**k for r in seen], [r["value"] for r in seen],
                    yerr=[min(2 * r["se"], reach) for r in seen], label=estimator, capsize=2, ls=":", **_style(k))
    ax.set_ylim(exact["value"] - reach, exact["value"] + reach)
    ax.set_ylabel(f"d / d {coordinate(result, name)}", fontsize=9)


def _sds(ax: Axes, result: Row, name: str) -> None:
    rows = _gradients(result, name)
    if not rows:
        ax.set_axis_off()
        return
    exact = next(r for r in rows if r["estimator"] == DIFFERENCES)
    ax.axhline(exact["sd"], color=OBSERVED, lw=1.2, label="exact derivative")
    for score in (r for r in rows if r["estimator"] == SCORE and r["sd"] > 0):
        ax.axhline(score["sd"], color=MUTED, lw=1.4, ls="--", label=SCORE)
    for k, (estimator, found) in enumerate(_series(rows, "estimator").items()):
        ax.plot([r["temperature"] * APART**k for r in found], [r["sd"] for r in found], label=estimator, ls=":",
                **_style(k))
    ax.set_yscale("log")
    ax.set_ylabel(f"sd of a path, {name}", fontsize=9)
