"""The scaling of the engine in four panels."""

# ruff: noqa: PLC0415  -- matplotlib is slow to import

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any

Row = dict[str, Any]
LABELS = {("fastmas", "agents"): "fastmas, agents", ("fastmas", "aggregate"): "fastmas, aggregate",
          ("c", "agents"): "C, agents"}
COLOURS = {("fastmas", "agents"): "#1f4e9c", ("fastmas", "aggregate"): "#d1731f", ("c", "agents"): "#8a8a8a"}
TITLES = {"paths": "paths (market of 15, 100 steps)", "steps": "steps (market of 15)", "agents": "noise traders",
          "threads": "threads"}


def draw_scaling(rows: Sequence[Row], suffix: str = "png") -> bytes:
    """The picture of the rows of the study "scaling", as a file's content.

    `suffix` is png, svg or pdf.
    """
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    found = [row for row in rows if row.get("study") == "scaling"]
    machine: Row = next((row["machine"] for row in rows if "machine" in row), {})
    with plt.rc_context({"font.size": 9, "axes.spines.top": False, "axes.spines.right": False, "axes.grid": True,
                         "grid.color": "#e4e4e4", "legend.frameon": False}):
        figure, axes = plt.subplots(2, 2, figsize=(9, 6.2), layout="constrained")
        for ax, axis in zip(axes.flat, TITLES, strict=True):
            panel = [row for row in found if row["axis"] == axis]
            (_threads if axis == "threads" else _costs)(ax, axis, panel)
        figure.suptitle(f"Cost of a path-step on one core: {machine.get('cpu', '')}", fontsize=10)
        content = io.BytesIO()
        figure.savefig(content, dpi=150, format=suffix)
        plt.close(figure)
    return content.getvalue()


def _costs(ax: Any, axis: str, rows: Sequence[Row]) -> None:
    """Nanoseconds per path-step, with the quartiles as a band."""
    for key, label in LABELS.items():
        line = sorted((r for r in rows if (r["peer"], r["mode"]) == key), key=lambda r: r["value"])
        if line:
            x = [r["value"] for r in line]
            ax.plot(x, [r["median_ns"] for r in line], "o-", ms=3, lw=1.4, color=COLOURS[key], label=label)
            ax.fill_between(x, [r["low_ns"] for r in line], [r["high_ns"] for r in line], color=COLOURS[key],
                            alpha=0.18, lw=0)
    ax.set(xscale="log", xlabel=TITLES[axis], ylabel="ns per path-step")
    if axis != "steps":
        ax.set_yscale("log")
    else:
        ax.set_ylim(bottom=0)
    ax.legend(loc="best")


def _threads(ax: Any, axis: str, rows: Sequence[Row]) -> None:
    """How many times faster than one thread; the diagonal is the best there could be."""
    marks = {"market-16384": ("market of 15", "o-", "#1f4e9c"), "crowd-1e6": ("10$^6$ noise traders", "s-", "#6c9bd9")}
    for task, (label, style, colour) in marks.items():
        line = sorted((r for r in rows if r["task"] == task), key=lambda r: r["value"])
        if line:
            x = [r["value"] for r in line]
            gain = [line[0]["median_ns"] / r["median_ns"] for r in line]
            ax.plot(x, gain, style, ms=4, lw=1.4, color=colour, label=label)
    most = max((r["value"] for r in rows), default=1)
    ax.plot([1, most], [1, most], ":", color="#8a8a8a", lw=1, label="as many times as threads")
    ax.set(xlabel=TITLES[axis], ylabel="speed against one thread", xticks=range(1, most + 1, max(1, most // 8)))
    ax.set_ylim(bottom=0)
    ax.legend(loc="lower right")
