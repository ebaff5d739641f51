"""`fastmas reproduce paper`: the founding paper's experiment on this machine."""

# ruff: noqa: PLC0415  -- what is run is slow to import, and help must not wait for it

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fastmas.cli import output
from fastmas.cli.options import PLACE, SIZES, Overwrite
from fastmas.cli.progress import reporter

if TYPE_CHECKING:
    from fastmas.reproduce.findings import Findings

WHAT = "What is played"

reproduce = typer.Typer(help="Do published experiments again, on this machine.", no_args_is_help=True,
                        context_settings={"help_option_names": ["-h", "--help"]})


@reproduce.callback()
def _reproduce() -> None:
    """Do published experiments again, on this machine."""


@reproduce.command()
def paper(
    out: Annotated[Path, typer.Option(
        metavar="DIR", rich_help_panel=PLACE,
        help="Folder for paper.html, result.json, figures and runs; the same command goes on in it.")],
    methods: Annotated[str | None, typer.Option(
        metavar="A,B", rich_help_panel=WHAT,
        help="torch (a plain loop) and updaters, separated by commas; an unknown one lists them.")] = None,
    tied: Annotated[bool | None, typer.Option(
        "--tied/--separate", rich_help_panel=WHAT, show_default=False,
        help="One b, c and d, or 19 values, one of each agent. By default both.")] = None,
    window: Annotated[str, typer.Option(
        metavar="NAME", rich_help_panel=WHAT,
        help="Prices seen: settled (t1 on), start (1 on), or literal (data 1 on, generator t1 on).")] = "settled",
    quick: Annotated[bool, typer.Option(
        "--quick", rich_help_panel=SIZES, help="Few iterations and paths: to see that it works.")] = False,
    sets: Annotated[int, typer.Option(
        metavar="N", min=1, rich_help_panel=SIZES, help="Data sets, each with three starts.")] = 1,
    seed: Annotated[int, typer.Option(
        metavar="N", min=0, max=2**31, rich_help_panel=SIZES, help="Of data, starts and games.")] = 1,
    overwrite: Overwrite = False,
) -> None:
    """Figures 2 to 4 of section 4 by several methods, and the law of its largest error.

    Runs that are finished in DIR are not played again.
    """
    from fastmas.reproduce import setting as settings
    from fastmas.reproduce.experiment import SEPARATE, TIED
    from fastmas.reproduce.methods import chosen
    from fastmas.reproduce.paper import PAGE
    from fastmas.reproduce.paper import reproduce as play

    names = chosen(None if methods is None else [name.strip() for name in methods.split(",") if name.strip()])
    setting = settings.Setting(seed=seed, window=window)
    if quick:
        setting = settings.quick(setting)
    kinds = (TIED, SEPARATE) if tied is None else (TIED,) if tied else (SEPARATE,)
    with output.stoppable(), reporter() as progress:
        found = play(out, setting, methods=names, parameters=kinds, sets=sets, overwrite=overwrite, tell=progress)
    _print(found)
    output.line(f"written to {out / PAGE}")


def _print(found: Findings) -> None:
    if found.setting.quick:
        output.line("a quick look: few iterations and paths, no result")
    rows = [[row["method"], row["parameters"], row["number"], row["start"], *row["means"].values(),
             f"{row['largest_error']['share']:.1%}", row["seconds"], row["cpu_seconds"]]
            for row in found.rows if "refused" not in row]
    output.table(["method", "parameters", "set", "start", "b", "c", "d", "paths under 1.5%", "seconds", "CPU s"],
                 [[f"{cell:.3g}" if isinstance(cell, float) else cell for cell in row] for row in rows])
    for row in found.rows:
        if "refused" in row:
            output.line(f"not played: {row['method']} from start {row['start']}: {row['refused']}")
    output.line()
    output.table(["estimates", "paths under 1.5%", "median of the largest error", "90%", "worst"],
                 [[name, f"{one['share']:.1%}", *(f"{one[q]:.2%}" for q in ("median", "q90", "worst"))]
                  for name, one in found.laws.items()])
    output.line()
    output.table(["method", "CPU s", "times faster than torch", "times faster than the paper's 40 minutes"],
                 [[row["method"], *(None if row[k] is None else f"{row[k]:.3g}" for k in (
                     "cpu_seconds", "times_faster_than_torch", "times_faster_than_paper"))] for row in found.times])
