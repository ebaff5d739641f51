"""`fastmas calibrate`: the parameters that make simulated paths look like the data."""

# ruff: noqa: PLC0415  -- calibrating brings torch, which help must not wait for

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from fastmas.cli import output
from fastmas.cli import settings as read
from fastmas.cli.options import (
    GAME,
    PLACE,
    SIZES,
    Column,
    DataFile,
    DateFormat,
    Decimal,
    Device,
    Duplicates,
    Missing,
    ModelName,
    Observable,
    Overwrite,
    Seed,
    Settings,
    Symbol,
    Threads,
    whole,
)
from fastmas.cli.progress import reporter
from fastmas.cli.result import print_fit, print_report
from fastmas.cli.settings import build, names_of, one_or_several


def calibrate(
    model: ModelName,
    *,
    data: DataFile,
    observable: Observable = None,
    column: Column = None,
    missing: Missing = None,
    symbol: Symbol = None,
    date_format: DateFormat = None,
    duplicates: Duplicates = None,
    decimal: Decimal = None,
    free: Annotated[str | None, typer.Option(
        metavar="NAMES", help="Parameters to calibrate, separated by commas: kappa,gamma.")] = None,
    bounds: Annotated[list[str] | None, typer.Option(
        "--bounds", metavar="NAME=LOW:HIGH",
        help="Narrower bounds of a free parameter. May be given many times.")] = None,
    start: Annotated[list[str] | None, typer.Option(
        "--start", metavar="NAME=VALUE",
        help="Begin here, in place of a scan over the bounds. May be given many times.")] = None,
    no_moment_start: Annotated[bool, typer.Option(
        "--no-moment-start",
        help="Begin the game at --start itself, or in the middle of the bounds, without a fit of moments before "
             "it.")] = False,
    settings: Settings = None,
    rule: Annotated[str | None, typer.Option(
        metavar="RULE", help="Decisions of the agents: exact, smoothed (the paper's) or relaxed. "
                             "Short for --set rule=RULE.")] = None,
    updater: Annotated[str | None, typer.Option(
        metavar="NAME", rich_help_panel=GAME,
        help="What moves the parameters: cma-es, parameter-score, avo or moments; by a gradient decision-score, "
             "pathwise, relaxed or straight-through.")] = None,
    updater_option: Annotated[list[str] | None, typer.Option(
        "--updater-option", metavar="NAME=VALUE", rich_help_panel=GAME,
        help="An option of the updater: CMA_active=false, popsize=20, restarts=0 of cma-es, entropy=-2 of avo. "
             "May be given many times.")] = None,
    discriminator: Annotated[str | None, typer.Option(
        metavar="NAME", rich_help_panel=GAME, help="What tells real paths from simulated ones.")] = None,
    objective: Annotated[str | None, typer.Option(
        metavar="NAME", rich_help_panel=GAME,
        help="The divergence that is played for. Against a network: non-saturating, saturating, wasserstein, "
             "wasserstein-clip, least-squares, hinge, energy-based, fisher, kl, reverse-kl, pearson, neyman, "
             "squared-hellinger, jensen-shannon, total-variation. In closed form: mmd, cramer, quantile, sig-w1, "
             "relaxed-wasserstein, relaxed-wasserstein-square. It names its own discriminator.")] = None,
    statistic: Annotated[str | None, typer.Option(
        metavar="NAME", rich_help_panel=GAME, help="What the discriminator sees of a path.")] = None,
    robust: Annotated[bool, typer.Option(
        "--robust", rich_help_panel=GAME,
        help="Replace single prices that the model never gives, as wrong ticks are, and look at simulated paths in "
             "the same way.")] = False,
    no_interval: Annotated[bool, typer.Option(
        "--no-interval", rich_help_panel=GAME,
        help="Leave out the intervals of the estimates, which take more simulations.")] = False,
    draws: Annotated[int | None, typer.Option(
        parser=whole, metavar="N", rich_help_panel=SIZES,
        help="Draws from the posterior; 0 for none.")] = None,
    generations: Annotated[int | None, typer.Option(
        parser=whole, metavar="N", rich_help_panel=SIZES, help="Rounds of the game.")] = None,
    paths: Annotated[int | None, typer.Option(
        parser=whole, metavar="N", rich_help_panel=SIZES,
        help="Simulated paths of each candidate in a generation.")] = None,
    horizon: Annotated[int | None, typer.Option(
        parser=whole, metavar="N", rich_help_panel=SIZES,
        help="Steps that the discriminator sees of a path or window.")] = None,
    warmup: Annotated[int | None, typer.Option(
        parser=whole, metavar="N", rich_help_panel=SIZES, help="Steps simulated before the window begins.")] = None,
    seed: Seed = None,
    threads: Threads = None,
    device: Device = "cpu",
    out: Annotated[Path | None, typer.Option(
        metavar="RUN", rich_help_panel=PLACE,
        help="Folder for checkpoints, result and report. Without it the run cannot be resumed.")] = None,
    overwrite: Overwrite = False,
) -> None:
    """Find the parameters of a model that make its paths indistinguishable from the data."""
    built, fixed = build(model, settings or [], rule)  # its faults need not wait for torch
    from fastmas.calibrate import calibrate as play

    chosen: dict[str, Any] = {
        "observable": one_or_several(observable), "column": one_or_several(column), "missing": missing,
        "symbol": symbol, "date_format": date_format, "duplicates": duplicates, "decimal": decimal,
        "free": names_of(free), "updater": updater, "discriminator": discriminator,
        "objective": objective, "statistic": statistic, "generations": generations, "paths": paths,
        "draws": draws, "bounds": read.bounds(bounds) if bounds else None,
        "start": read.start(start) if start else None,
        "updater_options": read.updater_options(updater_option) if updater_option else None,
        "moment_start": False if no_moment_start else None, "horizon": horizon, "warmup": warmup, "seed": seed,
        "n_threads": threads, "robust": robust or None}
    given = {name: value for name, value in chosen.items() if value is not None}
    with output.stoppable(out), reporter() as progress:
        fit = play(
            built, data, fixed=fixed, device=device, interval=not no_interval, out=out, overwrite=overwrite,
            progress=progress, **given)
    print_fit(fit, {e: p.unit for p in built.parameters for e in p.entries})
    if out is not None:
        print_report(out)
