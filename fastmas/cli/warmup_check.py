"""`fastmas warmup-check`: whether a warm-up is long enough for a model at its parameters."""

# ruff: noqa: PLC0415  -- models bring Numba, which help must not wait for

from __future__ import annotations

from typing import Annotated

import typer

from fastmas.cli import output
from fastmas.cli.options import SIZES, ModelName, Seed, Threads, whole
from fastmas.cli.settings import build

TOO_SHORT = 1


def warmup_check(
    model: ModelName,
    *,
    settings: Annotated[list[str] | None, typer.Option(
        "--set", "--param", metavar="NAME=VALUE",
        help="Give a parameter a value in its own unit, or an option of the model: mu1=200, rule=smoothed. "
             "May be given many times.")] = None,
    observable: Annotated[str | None, typer.Option(
        metavar="NAME", help="What to observe, of `fastmas models MODEL`. By default the first one.")] = None,
    warmup: Annotated[int, typer.Option(
        parser=whole, metavar="N", rich_help_panel=SIZES,
        help="Steps before the window; a calibration has 50, or 200 for one series, by default.")] = 50,
    seed: Seed = None,
    threads: Threads = None,
) -> None:
    """Compare paths after a warm-up with much later ones, and say which warm-up is long enough.

    The level, its change over 20 steps and the size of moves are compared by
    energy distance with a permutation test; a level that wanders as a random
    walk does is left out. The exit status is 0 if the warm-up is long enough, 1
    if it is not and 2 if there is no such model or parameter.
    """
    from fastmas.settling import check_warmup
    from fastmas.statistics.settling_words import sentence

    built, theta = build(model, settings or [])
    with output.stoppable():
        seen = check_warmup(built, theta, warmup=warmup, observable=observable, seed=1 if seed is None else seed,
                            n_threads=threads)
    output.line(sentence(seen), None if seen.is_long_enough else "yellow")
    if not seen.is_long_enough:
        raise typer.Exit(TOO_SHORT)
