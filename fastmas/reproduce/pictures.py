"""The figures of the page, in the house style of the report."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter

from fastmas.report.figures import ESTIMATE, HELD_OUT, MUTED, OBSERVED, SIMULATED, panels, shared_legend
from fastmas.report.pictures import Picture
from fastmas.reproduce import law
from fastmas.reproduce.experiment import SEPARATE, TIED, market, split, values
from fastmas.reproduce.findings import AT_BOUND, AT_GAUSSIAN, START, Findings
from fastmas.reproduce.runs import Run
from fastmas.reproduce.setting import CRITERION, NAMES, Setting
from fastmas.simulate import simulate

COLOURS = (SIMULATED, ESTIMATE, HELD_OUT, "#CC79A7", "#E69F00", "#56B4E9", "#F0E442")  # Okabe and Ito
DEMANDS = {"demand_noise": "noise", "demand_technical": "technical", "demand_fundamental": "fundamental"}
UNITS = {"b": "b", "c": "c", "d": "d\n[per price unit]"}


def pictures(found: Findings) -> Iterator[Picture]:
    """All figures, in the order of the page."""
    setting, runs = found.setting, [run for run in found.runs if not run.refused]
    yield Picture("figure-2", "Figure 2: a path and what each type trades",
                  "The first path of the law below (not picked), P(0) = 100, and the demand of each type: what its "
                  "traders buy less what they sell.", path_and_volumes(setting))
    for parameters in (TIED, SEPARATE):
        for name in dict.fromkeys(run.key.method for run in runs):
            mine = [run for run in runs if run.key[:3] == (parameters, 1, name)]
            if mine:
                yield _learning(setting, mine, name, parameters)
    first = [run for run in runs if run.key.number == 1 and run.key.start == 1 and run.key.parameters == TIED]
    if first:
        yield Picture("figure-4", "Figure 4: calibrated against true path under the same noises",
                      "Above, the same path of the true market and of the market calibrated from the first start; "
                      "below, the relative error e(t) and the paper's 1.5%. Another path gives another picture.",
                      same_noises(setting, first))
    yield Picture("law", "The law of the largest error",
                  f"Share of {setting.n_law:,} paths (of each start) whose largest error over t = 0 to "
                  f"{setting.n_times} is below what the axis says; the dotted line is the paper's 1.5%.",
                  law_of_errors(found.errors))
    yield Picture("rho-and-windows", "It depends on rho and on the draw of windows",
                  "Share of paths with all errors under 1.5%, for the same estimates replayed in markets of other rho; "
                  "a line for each draw of the technical traders' windows.", by_rho(found.across))


def _learning(setting: Setting, runs: Sequence[Run], name: str, parameters: str) -> Picture:
    what = "" if parameters == TIED else "; thin lines are single agents, thick ones their means"
    head = "the plain loop in PyTorch" if name == "torch" else name
    return Picture(f"figure-3-{name}-{parameters}", f"Figure 3: learning curves of {head}, {parameters} parameters",
                   f"b, c and d from {len(runs)} starts drawn from N(0, 1), and the truth (dashed; of b and c also "
                   f"with the other sign, which is the same law){what}.", learning(setting, runs))


def path_and_volumes(setting: Setting) -> Figure:
    """The price of one path above the demand of each type."""
    model = market(setting)
    steps = np.arange(setting.n_times + 1)

    def seen(observable: str) -> np.ndarray:
        return simulate(model, values(setting.truth, rho=setting.rho), n_paths=1, n_steps=setting.n_times,
                        seed=setting.seed, run=law.RUN, observable=observable)[0]

    fig, axes = panels(1 + len(DEMANDS), 1, height=6.6, sharex=True)
    axes[0].plot(steps, seen("price"), color=OBSERVED, lw=1.4)
    axes[0].set_ylabel("price")
    for ax, (observable, kind), colour in zip(axes[1:], DEMANDS.items(), COLOURS, strict=False):
        ax.bar(steps, seen(observable), color=colour, width=0.8)
        ax.axhline(0, color=MUTED, lw=0.8)
        ax.set_ylabel(f"{kind}\n[units]", fontsize=9)
    axes[-1].set_xlabel("step")
    return fig


def learning(setting: Setting, runs: Sequence[Run]) -> Figure:
    """Each of b, c, d against the iteration, a colour for each start."""
    fig, axes = panels(len(NAMES), 1, height=6.4, sharex=True)
    for ax, name, truth in zip(axes, NAMES, setting.truth, strict=True):
        for run, colour in zip(runs, COLOURS, strict=False):
            curve = np.stack([np.atleast_1d(split(theta)[name]) for theta in run.curve])
            if curve.shape[1] > 1:
                ax.plot(curve, color=colour, lw=0.5, alpha=0.45)
            mark = "o" if len(curve) < 4 else ""
            ax.plot(curve.mean(axis=1), color=colour, lw=1.5, label=f"start {run.key.start}", marker=mark, ms=4)
        for sign in (1, -1) if name != "d" else (1,):
            ax.axhline(sign * truth, color=OBSERVED, lw=1.1, ls=(0, (4, 2)), label="truth")
        ax.set_ylabel(UNITS[name], fontsize=9)
    axes[-1].xaxis.set_major_locator(MaxNLocator(integer=True))
    axes[-1].set_xlabel("iteration")
    shared_legend(fig, axes)
    return fig


def same_noises(setting: Setting, runs: Sequence[Run]) -> Figure:
    """True and calibrated path above, e(t) below."""
    fig, (top, bottom) = panels(2, 1, height=6.0, sharex=True)
    steps = np.arange(setting.n_times + 1)
    for run, colour in zip(runs, COLOURS, strict=False):
        pair = law.pair(setting, run.estimate)
        if run is runs[0]:
            top.plot(steps, pair.true, color=OBSERVED, lw=2.2, label="true")
        top.plot(steps, pair.calibrated, color=colour, lw=1.1, label=run.key.method)
        bottom.plot(steps, pair.error, color=colour, lw=1.2)
    bottom.axhline(CRITERION, color=MUTED, ls=":", lw=1.4)
    bottom.yaxis.set_major_formatter(PercentFormatter(1.0))
    top.set_ylabel("price")
    bottom.set(ylabel="e(t)", xlabel="step")
    shared_legend(fig, [top])
    return fig


def law_of_errors(errors: Mapping[str, np.ndarray]) -> Figure:
    """Distribution functions of the largest error, on a log axis."""
    fig, (ax,) = panels(1, 1, height=4.2)
    quiet = {AT_BOUND: {"color": OBSERVED, "lw": 2.0}, AT_GAUSSIAN: {"color": OBSERVED, "lw": 1.0, "ls": "--"},
             START: {"color": MUTED, "lw": 2.0}}
    colours = iter(COLOURS * 3)
    levels = np.linspace(0, 1, 401)
    for name, largest in errors.items():
        style: dict[str, Any] = quiet.get(name) or {"color": next(colours), "lw": 1.4,
                                                    "ls": ":" if SEPARATE in name else "-"}
        ax.plot(np.maximum(np.quantile(largest, levels), 1e-6), levels, label=name, **style)
    ax.axvline(CRITERION, color=MUTED, ls=":", lw=1.4)
    ax.set_xscale("log")
    ax.set_xlim(3e-4, 1)
    ax.set_xticks([0.001, 0.01, 0.1, 1.0], ["0.1%", "1%", "10%", "100%"])
    ax.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
    ax.set(xlabel="largest error of a path, max e(t)", ylabel="share of paths below", ylim=(0, 1))
    shared_legend(fig, [ax])
    return fig


def by_rho(rows: Sequence[Mapping[str, Any]]) -> Figure:
    """Share under 1.5% against rho: a panel for each kind of estimates, a line for each draw of windows."""
    kinds = [name for name in rows[0] if name not in ("rho", "windows")]
    fig, axes = panels(-(-len(kinds) // 2), 2, height=0.6 + 1.9 * -(-len(kinds) // 2), sharex=True)
    draws = list(dict.fromkeys(str(row["windows"]) for row in rows))
    for ax, kind in zip(axes, kinds, strict=False):
        for draw, colour in zip(draws, COLOURS, strict=False):
            mine = [row for row in rows if str(row["windows"]) == draw]
            pairs = " ".join(f"{a}:{b}" for a, b in mine[0]["windows"])
            ax.plot([row["rho"] for row in mine], [row[kind] for row in mine], marker="o", ms=3.5, lw=1.2, color=colour,
                    label=pairs)
        ax.set_title(kind, fontsize=9)
        ax.set_ylim(-0.03, 1.03)
        ax.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
    for ax in axes[len(kinds):]:
        ax.remove()
        axes[len(kinds) - 2].tick_params(labelbottom=True)
    fig.supxlabel("rho", fontsize=10)
    shared_legend(fig, axes[:1])
    return fig


