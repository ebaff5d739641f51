"""Options that several commands share."""

from __future__ import annotations

import contextlib
from typing import Annotated

import typer

GAME, SIZES, PLACE, READING = "The game", "Sizes and seed", "Where results go", "How the data are read"



def whole(text: str | int) -> int:
    """A whole number as people write it: 1000000, 1e6, 1_000_000."""
    with contextlib.suppress(ValueError):
        return int(text)
    with contextlib.suppress(ValueError, OverflowError):  # of no number, of NaN and of infinity
        if float(text) == int(float(text)):
            return int(float(text))
    raise typer.BadParameter(f"{text!r} is not a whole number; give one, as 1000 or 1e6")


ModelName = Annotated[str, typer.Argument(
    metavar="MODEL", help="A model of `fastmas models`, or FILE.py:NAME for one of yours.")]
DataFile = Annotated[str, typer.Option(
    "--data", metavar="FILE", help="Data to calibrate to: a .csv, .txt, .xlsx, .parquet, .feather, .npz or .npy file, "
                                   "also within .gz, .bz2, .xz or .zip, or the name of built-in data such as sp500.")]
Column = Annotated[str | None, typer.Option(
    "--column", metavar="NAMES",
    help="Column of the data, or array of a .npz file; of several observables one for each, in their order: "
         "close,volume. By default it has the observable's name, or is recognised as a price. A number is a place, "
         "from 1.")]
Observable = Annotated[str | None, typer.Option(
    "--observable", metavar="NAMES",
    help="What of the model is observed, of `fastmas models MODEL`; several are separated by commas: price,volume. "
         "By default the first one.")]
Missing = Annotated[str | None, typer.Option(
    "--missing", metavar="RULE", rich_help_panel=READING,
    help="What to do about missing values: error, or drop the rows that have one (of many paths, the whole paths).")]
Symbol = Annotated[str | None, typer.Option(
    "--symbol", metavar="NAME", rich_help_panel=READING,
    help="The one to read of several that are stacked in a table, or stand side by side in it.")]
DateFormat = Annotated[str | None, typer.Option(
    "--date-format", metavar="FORM", rich_help_panel=READING,
    help="Form of the dates, where they do not tell day from month: %d/%m/%Y.")]
Duplicates = Annotated[str | None, typer.Option(
    "--duplicates", metavar="RULE", rich_help_panel=READING,
    help="What to do about rows of one date or in disorder: error, or sort them and keep the last of each date, or "
         "all.")]
Decimal = Annotated[str | None, typer.Option(
    "--decimal", metavar="MARK", rich_help_panel=READING,
    help="The decimal mark, a point or a comma, where a file does not tell it.")]
Settings = Annotated[list[str] | None, typer.Option(
    "--set", metavar="NAME=VALUE",
    help="Give a parameter a value in its own unit, or an option of the model: kappa=1.5, rule=smoothed, "
         "windows=2:5,3:8. May be given many times.")]
Seed = Annotated[int | None, typer.Option(
    parser=whole, metavar="N", rich_help_panel=SIZES, show_default=False,
    help="Whole number below 2**32. The same seed gives the same bits.")]
Threads = Annotated[int | None, typer.Option(
    parser=whole, metavar="N", rich_help_panel=SIZES,
    help="Number of threads. By default every CPU; results do not depend on it.")]
Dtype = Annotated[str, typer.Option(
    metavar="TYPE", rich_help_panel=SIZES, help="Arithmetic of a step: float32, or float64 at a lower speed.")]
Device = Annotated[str, typer.Option(
    metavar="NAME", rich_help_panel=SIZES, help="Where to simulate: cpu or cuda.")]
Overwrite = Annotated[bool, typer.Option(
    "--overwrite", rich_help_panel=PLACE, help="Replace what is there.")]
