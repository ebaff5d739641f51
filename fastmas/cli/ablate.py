"""`fastmas ablate smoothing`: exact rules beside relaxed and smoothed ones on the same data."""

# ruff: noqa: PLC0415  -- fitting brings torch, which help must not wait for

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from fastmas.cli import output
from fastmas.cli.options import PLACE, SIZES, Overwrite, Seed, Settings, Threads, whole
from fastmas.cli.progress import reporter
from fastmas.cli.settings import build, names_of
from fastmas.errors import ParameterError

ARMS = "What is compared"

ablate = typer.Typer(help="Take a part away, and measure what changes.", no_args_is_help=True,
                     context_settings={"help_option_names": ["-h", "--help"]})


@ablate.callback()
def _ablate() -> None:
    """Take a part away, and measure what changes."""


@ablate.command()
def smoothing(
    model: Annotated[str, typer.Option(
        metavar="MODEL", help="A model of `fastmas models`, or FILE.py:NAME for one of yours.")],
    *,
    free: Annotated[str | None, typer.Option(
        metavar="NAMES", help="Parameters to fit, separated by commas: kappa,gamma.")] = None,
    settings: Settings = None,
    truth: Annotated[str, typer.Option(
        metavar="WORD", help="Where the data come from: default, the model's default values; or drawn, values anew "
                             "for each data set from the bounds.")] = "default",
    temperatures: Annotated[str | None, typer.Option(
        metavar="T,T", rich_help_panel=ARMS,
        help="Widths of relaxed decisions, above 0. By default 1,0.3,0.1,0.03,0.01.")] = None,
    updaters: Annotated[str | None, typer.Option(
        metavar="NAMES", rich_help_panel=ARMS,
        help="Updaters that fit the exact rules. By default all; relaxed and smoothed rules are fitted by moments.",
    )] = None,
    sets: Annotated[int | None, typer.Option(
        parser=whole, metavar="N", rich_help_panel=SIZES, help="Data sets, each with its own seed. By default 20.",
        show_default=False)] = None,
    game_sets: Annotated[int | None, typer.Option(
        "--game-sets", parser=whole, metavar="N", rich_help_panel=SIZES,
        help="Data sets that updaters which play a game fit, since they take longest. By default all.",
        show_default=False)] = None,
    paths: Annotated[int | None, typer.Option(
        parser=whole, metavar="N", rich_help_panel=SIZES, help="Paths of a data set. By default 200.",
        show_default=False)] = None,
    horizon: Annotated[int, typer.Option(
        parser=whole, metavar="N", rich_help_panel=SIZES, help="Steps of a path.")] = 50,
    warmup: Annotated[int, typer.Option(
        parser=whole, metavar="N", rich_help_panel=SIZES, help="Steps simulated before.")] = 50,
    gradient_paths: Annotated[int | None, typer.Option(
        "--gradient-paths", parser=whole, metavar="N", rich_help_panel=SIZES,
        help="Paths of a difference behind the exact derivative; tangents have a tenth, the torch twin a 200th, 0 "
             "leaves gradients out. By default 1000000.", show_default=False)] = None,
    quick: Annotated[bool, typer.Option(
        "--quick", rich_help_panel=SIZES, help="3 data sets, 2 temperatures, moments alone: to see that it works.",
    )] = False,
    seed: Seed = None,
    threads: Threads = None,
    out: Annotated[Path, typer.Option(
        metavar="DIR", rich_help_panel=PLACE,
        help="Folder of rows, table, picture and page. The same command goes on where it stopped.")],
    overwrite: Overwrite = False,
) -> None:
    """Fit exact, relaxed and smoothed rules to data of the exact ones: bias, spread, gradients, verdict, cost."""
    built, fixed = build(model, settings or [])
    given: dict[str, Any] = {
        "free": names_of(free), "updaters": names_of(updaters), "sets": sets, "game_sets": game_sets, "paths": paths,
        "gradient_paths": gradient_paths, "seed": seed,
        "temperatures": None if temperatures is None else _numbers(temperatures)}
    from fastmas.ablate import smoothing as compare
    from fastmas.ablate.tables import tables

    with output.stoppable(), reporter() as progress:
        result = compare(built, out=out, fixed=fixed, truth=truth, horizon=horizon, warmup=warmup, quick=quick,
                         n_threads=threads, overwrite=overwrite, progress=progress,
                         **{name: value for name, value in given.items() if value is not None})
    for table in tables(result):
        output.line(f"\n{table.title}", style="bold")
        output.table(table.names, table.rows)
    output.line()
    for note in result["notes"]:
        output.line(note)
    output.line(f"written to {out / 'report.html'}")


def _numbers(text: str) -> list[float]:
    """Numbers separated by commas."""
    found = []
    for part in filter(None, (one.strip() for one in text.split(","))):
        try:
            found.append(float(part))
        except ValueError:
            raise ParameterError(f"--temperatures {text}: {part!r} is not a number, give some above 0, as "
                                 "1,0.3,0.1") from None
    return found
