"""Options that several commands share."""

from __future__ import annotations

from typing import Annotated

import typer

GAME, SIZES, PLACE = "The game", "Sizes and seed", "Where results go"

ModelName = Annotated[str, typer.Argument(
    metavar="MODEL", help="A model of `fastmas models`, or FILE.py:NAME for one of yours.")]
DataFile = Annotated[str, typer.Option(
    "--data", metavar="FILE", help="Data to calibrate to: a .csv, .parquet, .npz or .npy file, or the name of "
                                   "built-in data such as sp500.")]
Column = Annotated[str | None, typer.Option(
    "--column", metavar="NAMES",
    help="Column of the data, or array of a .npz file; of several observables one for each, in their order: "
         "close,volume. By default it has the observable's name, or is recognised as a price.")]
Observable = Annotated[str | None, typer.Option(
    "--observable", metavar="NAMES",
    help="What of the model is observed, of `fastmas models MODEL`; several are separated by commas: price,volume. "
         "By default the first one.")]
Missing = Annotated[str | None, typer.Option(
    "--missing", metavar="RULE",
    help="What to do about missing values: error, or drop the rows that have one (of many paths, the whole paths).")]
Settings = Annotated[list[str] | None, typer.Option(
    "--set", metavar="NAME=VALUE",
    help="Give a parameter a value in its own unit, or an option of the model: kappa=1.5, rule=smoothed, "
         "windows=2:5,3:8. May be given many times.")]
Seed = Annotated[int | None, typer.Option(
    metavar="N", rich_help_panel=SIZES, help="Whole number below 2**32. The same seed gives the same bits.",
    show_default=False)]
Threads = Annotated[int | None, typer.Option(
    metavar="N", rich_help_panel=SIZES,
    help="Number of threads. By default every CPU; results do not depend on it.")]
Dtype = Annotated[str, typer.Option(
    metavar="TYPE", rich_help_panel=SIZES, help="Arithmetic of a step: float32, or float64 at a lower speed.")]
Device = Annotated[str, typer.Option(
    metavar="NAME", rich_help_panel=SIZES, help="Where to simulate: cpu or cuda.")]
Overwrite = Annotated[bool, typer.Option(
    "--overwrite", rich_help_panel=PLACE, help="Replace what is there.")]
