"""`fastmas compare`: which market explains a series."""

# ruff: noqa: PLC0415  -- calibrating brings torch, which help must not wait for

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from fastmas.cli import output
from fastmas.cli.options import GAME, PLACE, SIZES, Column, Overwrite, Seed, Threads, whole
from fastmas.cli.progress import reporter
from fastmas.cli.settings import names_of
from fastmas.errors import ParameterError

if TYPE_CHECKING:
    from fastmas.compare.ranking import Comparison


def compare(
    runs: Annotated[list[Path] | None, typer.Argument(
        metavar="[RUN]...", help="Folders of finished calibrations to the same data, to set side by side.",
        show_default=False)] = None,
    *,
    data: Annotated[str | None, typer.Option(
        "--data", metavar="FILE", help="Prices to calibrate every market to: a .csv, .parquet, .npz or .npy file, or "
                                       "the name of built-in data such as sp500.")] = None,
    models: Annotated[str | None, typer.Option(
        metavar="NAMES", help="Which markets, separated by commas: names of `fastmas models` or FILE.py:NAME. By "
                              "default every built-in one that shows a price.")] = None,
    column: Column = None,
    horizon: Annotated[int | None, typer.Option(
        parser=whole, metavar="N", rich_help_panel=SIZES, help="Steps of a window of one series.")] = None,
    updater: Annotated[str | None, typer.Option(
        metavar="NAME", rich_help_panel=GAME,
        help="What moves the parameters. moments, the default, plays no game: some five minutes on two cores for the "
             "built-in markets and 5,000 prices; cma-es takes two to four times as long.")] = None,
    limit: Annotated[float | None, typer.Option(
        metavar="MINUTES", rich_help_panel=SIZES,
        help="CPU time of a model; one that would take longer is left out, unless --models names it. By default 5.",
        show_default=False)] = None,
    seed: Seed = None,
    threads: Threads = None,
    out: Annotated[Path | None, typer.Option(
        metavar="DIR", rich_help_panel=PLACE,
        help="Folder for compare.html, compare.json and a run directory of each model. The same command goes on where "
             "it stopped.")] = None,
    overwrite: Overwrite = False,
) -> None:
    """Calibrate every market to the same prices and rank them by the verdict, or set runs that are done side by side.

    GARCH(1,1) and random walks, calibrated and judged in the same way, are the yardsticks. Intervals and draws are
    left to `fastmas calibrate`.
    """
    chosen: dict[str, Any] = {"models": names_of(models), "column": column, "horizon": horizon, "updater": updater,
                              "limit": limit, "seed": seed, "n_threads": threads, "out": out}
    given = {name: value for name, value in chosen.items() if value is not None}
    if runs and (data is not None or given or overwrite):
        raise ParameterError("give finished runs alone, or --data with its options: runs are set side by side as they "
                             "are")
    if runs:
        from fastmas.compare.runs import compare_runs

        _print(compare_runs(runs))
        return
    if data is None:
        raise ParameterError("give --data FILE to calibrate every market to, or two finished runs or more")
    if out is None:
        raise ParameterError("give --out DIR, a folder for the page and the runs")
    from fastmas.compare.study import PAGE
    from fastmas.compare.study import compare as play

    with output.stoppable(), reporter() as progress:
        found = play(data, overwrite=overwrite, progress=progress, **given)
    _print(found)
    output.line(f"written to {out / PAGE}")


def _print(found: Comparison) -> None:
    from fastmas.compare.ranking import COLUMNS, YARDSTICK, cells

    output.line()
    output.table(COLUMNS, [cells(row, place) for place, row in enumerate(found.rows, start=1)])
    output.line()
    if any(row["yardstick"] for row in found.rows):
        output.line(YARDSTICK)
    output.line(found.said, style="bold")
    for note in found.notes:
        output.line(f"note: {note}", style="yellow")
