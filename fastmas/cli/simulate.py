"""`fastmas simulate`: exact paths of a model into a file, or their moments."""

# ruff: noqa: PLC0415  -- the engine brings Numba, which help must not wait for

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from fastmas.cli import output
from fastmas.cli.options import (
    PLACE,
    SIZES,
    Device,
    Dtype,
    ModelName,
    Observable,
    Overwrite,
    Seed,
    Settings,
    Threads,
    whole,
)
from fastmas.cli.progress import reporter
from fastmas.cli.settings import build, one_or_several
from fastmas.progress import PATIENCE

if TYPE_CHECKING:
    import numpy as np

    from fastmas.model import Model


def simulate(
    model: ModelName,
    *,
    settings: Settings = None,
    observable: Observable = None,
    paths: Annotated[int, typer.Option(
        parser=whole, metavar="N", rich_help_panel=SIZES, help="Number of paths.")] = 1000,
    steps: Annotated[int, typer.Option(
        parser=whole, metavar="N", rich_help_panel=SIZES, help="Steps of a path, counted from t = 0.")] = 100,
    warmup: Annotated[int, typer.Option(
        parser=whole, metavar="N", rich_help_panel=SIZES,
        help="First steps that are simulated and not returned: the times t of a file begin here.")] = 0,
    seed: Seed = 1,
    threads: Threads = None,
    dtype: Dtype = "float32",
    device: Device = "cpu",
    memory_limit: Annotated[str | None, typer.Option(
        metavar="SIZE", rich_help_panel=SIZES, help="Memory that paths may take at a time, as 500MB or 2GB.")] = None,
    out: Annotated[Path | None, typer.Option(
        metavar="FILE", rich_help_panel=PLACE,
        help="File to write: .parquet, .csv or .npz. Without it a summary is printed.")] = None,
    overwrite: Overwrite = False,
) -> None:
    """Simulate exact paths of a model and write them to a file, or summarise them."""
    from fastmas.export import check_place, check_space, write_paths
    from fastmas.simulate import iterate_paths, warm_up
    from fastmas.simulate import simulate as run

    if out is not None:
        check_place(out, overwrite)
    built, theta = build(model, settings or [])
    names = [one.name for one in built.observed(one_or_several(observable))]
    given: dict[str, Any] = {
        "n_paths": paths, "n_steps": steps, "warmup": warmup, "seed": 1 if seed is None else seed, "observable": names,
        "n_threads": threads, "dtype": dtype, "device": device, "memory_limit": memory_limit}

    with output.stoppable():
        iterate_paths(built, theta, **given)  # sees what cannot be, and draws nothing
        if out is not None:
            check_space(out, paths * (steps - warmup + 1) * len(names), dtype)
        warm_up(built, dtype, device)  # before the clock runs
        with reporter(patience=PATIENCE) as progress:
            began, summary = time.perf_counter(), None
            if out is None:
                summary = run(built, theta, reduce="summary", progress=progress, **given)
            else:
                blocks = iterate_paths(built, theta, progress=progress, **given)
                write_paths(out, _numbered(blocks), observable=names, times=range(warmup, steps + 1),
                            overwrite=overwrite, dtype=dtype)
            seconds = time.perf_counter() - began
    output.line(f"{paths} paths of {steps} steps{_mode(built)} in {seconds:.3g} s, {paths / seconds:,.0f} paths/s")
    if summary is not None:
        _print_summary(names, summary)
    else:
        output.line(f"written to {out}, t = {warmup} to {steps}")


def _mode(model: Model) -> str:
    from fastmas.lowering.program import mode_used

    mode = mode_used(model)
    return f", mode {mode}," if mode else ""


def _print_summary(names: Sequence[str], summary: Iterable[np.ndarray]) -> None:
    rows = []
    each = zip(*(part.ravel().tolist() for part in summary), strict=True)
    for name, (mean, sd, return_mean, return_sd) in zip(names, each, strict=True):
        rows.append((name, mean, sd))
        if not math.isnan(return_mean):
            rows.append((f"log return of {name}", return_mean, return_sd))
    output.table(("observable", "mean", "sd"), rows)


def _numbered(blocks: Iterable[np.ndarray]) -> Iterator[tuple[int, int, np.ndarray]]:
    first = 0
    for block in blocks:
        yield 0, first, block
        first += len(block)
