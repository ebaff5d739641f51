"""Facts as dots on bands: one picture for figures of any unit, each row on a scale of its own."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from fastmas.report.figures import MUTED, OBSERVED, SIMULATED, panels, shared_legend

EDGE = 3.0  # half-widths of a band that a row shows on either side of its middle
BAND = "#D9D9D9"
ROW = 0.27  # inches
Ends = Sequence[float] | None


def dots(rows: Sequence[Mapping[str, Any]], *, band: str, value: str = "", ends: str = "", colour: str = OBSERVED,
         also: str = "") -> Figure:
    """A row for each fact: a band, a dot, and a bar from `low` to `high` or a second dot if there are.

    Parameters
    ----------
    rows : sequence of mapping
        title, band (two numbers, of which one may be infinite, or None), and value, low and high, and also: numbers or
        None.
    band, value, ends, also : str
        What these are, for the legend.
    """
    fig, ax = _axes([str(row["title"]) for row in rows], room=1.5)
    for i, row in enumerate(rows):
        _row(ax, len(rows) - 1 - i, row, (band, value, ends, also), colour)
    shared_legend(fig, [ax])
    return fig


def dots_of_many(titles: Sequence[str], values: Mapping[str, Sequence[tuple[float, Sequence[float]] | None]],
                 styles: Mapping[str, Mapping[str, Any]], *, band: str) -> Figure:
    """A row for each fact, with a dot for each of several: its value on its own band, or None."""
    fig, ax = _axes(titles, room=0.1)
    ax.barh(range(len(titles)), 2.0, left=-1.0, height=0.62, color=BAND, label=band)
    for name, places in values.items():
        at = [(len(titles) - 1 - i, one) for i, one in enumerate(places) if one is not None]
        seen = [(y, (value - (low + high) / 2) / ((high - low) / 2 or 1.0)) for y, (value, (low, high)) in at]
        for side, mark in ((-1, "<"), (0, styles[name]["marker"]), (1, ">")):
            here = [(x, y) for y, x in seen if (abs(x) <= EDGE and side == 0) or (abs(x) > EDGE and x * side > 0)]
            ax.plot([min(max(x, -EDGE), EDGE) for x, _ in here], [y for _, y in here], ls="", ms=5, alpha=0.85,
                    label=name if side == 0 else "_", **{**styles[name], "marker": mark})
    shared_legend(fig, [ax])
    return fig


def _axes(titles: Sequence[str], *, room: float) -> tuple[Figure, Axes]:
    """A row for each title, the first on top, with room for numbers on the right."""
    fig, (ax,) = panels(1, 1, height=0.9 + ROW * len(titles))
    ax.set_yticks(range(len(titles)), [_short(title) for title in reversed(titles)], fontsize=7)
    ax.set(xlim=(-EDGE - 0.1, EDGE + room), ylim=(-0.7, len(titles) - 0.3), xticks=[-1, 0, 1])
    ax.set_xticklabels(["low end", "", "high end"])
    ax.set_xlabel("place in the band")
    ax.set_ylabel("stylised fact")
    ax.grid(visible=False)
    return fig, ax


def _short(title: str) -> str:
    """At most 54 letters."""
    return title if len(title) <= 54 else f"{title[:53].rstrip()}…"


def _row(ax: Axes, y: int, row: Mapping[str, Any], labels: Sequence[str], colour: str) -> None:
    drawn = [float(row[key]) for key in ("value", "low", "high", "also") if _is_number(row.get(key))]
    ends = row.get("band")
    middle, half = _scale(ends, drawn)

    def place(x: float) -> float:
        return min(max((x - middle) / half, -EDGE), EDGE)

    if ends is not None:
        ax.barh(y, place(ends[1]) - place(ends[0]), left=place(ends[0]), height=0.62, color=BAND, label=labels[0])
    if _is_number(row.get("low")) and _is_number(row.get("high")):
        ax.plot([place(row["low"]), place(row["high"])], [y, y], color=colour, lw=1.6, label=labels[2] or "_")
    if _is_number(row.get("also")):
        ax.plot(place(row["also"]), y, ls="", marker="d", ms=4.5, color=SIMULATED, label=labels[3] or "_")
    if _is_number(row.get("value")):
        far = abs(row["value"] - middle) > EDGE * half
        side = ">" if row["value"] > middle else "<"
        ax.plot(place(row["value"]), y, ls="", marker=side if far else "o", ms=5, color=colour,
                label="_" if far else labels[1] or "_")
        ax.text(EDGE + 1.45, y, f"{row['value']:.3g}", ha="right", va="center", fontsize=7.5)
    else:
        ax.text(EDGE + 1.45, y, "–", ha="right", va="center", fontsize=7.5, color=MUTED)


def _scale(ends: Ends, drawn: Sequence[float]) -> tuple[float, float]:
    """The middle of a row and half of its width, in the fact's own unit."""
    known = [x for x in ends or () if math.isfinite(x)]
    if len(known) == 2:
        return (known[0] + known[1]) / 2, (known[1] - known[0]) / 2 or 1.0
    if len(known) == 1 and ends is not None:  # the open side holds what is drawn there
        half = max([abs(x - known[0]) for x in drawn] or [1.0]) / 2 or 1.0
        return known[0] + (half if known[0] == ends[0] else -half), half
    return (drawn[0] if drawn else 0.0), max([abs(x) for x in drawn] or [1.0]) or 1.0


def _is_number(x: Any) -> bool:
    return isinstance(x, (int, float)) and not isinstance(x, bool) and math.isfinite(x)
