"""`fastmas network`: a black box trained on the same data, beside a calibrated model."""

# ruff: noqa: PLC0415  -- training brings torch, which help must not wait for

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from fastmas.cli import output
from fastmas.cli.options import (
    GAME,
    PLACE,
    SIZES,
    Column,
    DataFile,
    DateFormat,
    Decimal,
    Duplicates,
    Missing,
    Overwrite,
    Seed,
    Symbol,
    Threads,
    whole,
)
from fastmas.cli.progress import reporter


def network(
    *,
    data: DataFile,
    column: Column = None,
    missing: Missing = None,
    symbol: Symbol = None,
    date_format: DateFormat = None,
    duplicates: Duplicates = None,
    decimal: Decimal = None,
    out: Annotated[Path, typer.Option(
        metavar="DIR", rich_help_panel=PLACE, help="Folder for weights, result and report.")],
    against: Annotated[Path | None, typer.Option(
        metavar="RUN", help="Folder of a finished calibration to the same data, to stand beside the network.")] = None,
    discriminator: Annotated[str | None, typer.Option(
        metavar="NAME", rich_help_panel=GAME,
        help="What tells real paths from the network's: windowed or path.")] = None,
    objective: Annotated[str | None, typer.Option(
        metavar="NAME", rich_help_panel=GAME,
        help="The divergence that is played for, one of those against a network of `calibrate --help`.")] = None,
    statistic: Annotated[str | None, typer.Option(
        metavar="NAME", rich_help_panel=GAME, help="What the discriminator sees of a path.")] = None,
    generations: Annotated[int | None, typer.Option(
        parser=whole, metavar="N", rich_help_panel=SIZES, help="Steps of the network; 1000 by default.")] = None,
    paths: Annotated[int | None, typer.Option(
        parser=whole, metavar="N", rich_help_panel=SIZES, help="Simulated paths of a generation.")] = None,
    horizon: Annotated[int | None, typer.Option(
        parser=whole, metavar="N", rich_help_panel=SIZES, help="Steps of a window of one series.")] = None,
    seed: Seed = None,
    threads: Threads = None,
    overwrite: Overwrite = False,
) -> None:
    """Train a neural network in place of a model, by the same game, and judge it as a model is judged.

    It is the baseline for a calibration: what a black box finds in the same data. It has no parameters
    to read. Training cannot be resumed; the folder is written when it is done.
    """
    from fastmas.network.comparison import alone
    from fastmas.network.fitting import fit_network

    chosen: dict[str, Any] = {
        "column": column, "missing": missing, "symbol": symbol, "date_format": date_format, "duplicates": duplicates,
        "decimal": decimal, "discriminator": discriminator, "objective": objective, "statistic": statistic,
        "generations": generations, "paths": paths, "horizon": horizon, "seed": seed, "n_threads": threads,
        "against": against}
    given = {name: value for name, value in chosen.items() if value is not None}
    with output.stoppable(), reporter() as progress:
        fit = fit_network(data, out=out, overwrite=overwrite, progress=progress, **given)
    table = fit.against or {"columns": ["", "network"], "rows": alone(fit.result)}
    output.line()
    output.table(table["columns"], table["rows"])
    output.line()
    for said in (fit.verdict, fit.told_apart):
        output.line(said)
    for warning in fit.warnings:
        output.line(f"note: {warning}", style="yellow")
    output.line(f"trained and judged in {fit.seconds:.3g} s")
    output.line(f"report: {out / 'report.html'}")
