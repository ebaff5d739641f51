"""`fastmas simulate`: exact paths of a model into a file, or their moments."""

# ruff: noqa: PLC0415  -- the engine brings Numba, which help must not wait for

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fastmas.cli import output
from fastmas.cli.options import PLACE, SIZES, ModelName, Overwrite, Seed, Settings, Threads
from fastmas.cli.progress import Progress, reporter
from fastmas.cli.settings import build

if TYPE_CHECKING:
    import numpy as np

    from fastmas.export import Moments


def simulate(
    model: ModelName,
    *,
    settings: Settings = None,
    observable: Annotated[str | None, typer.Option(
        metavar="NAME", help="What to observe, of `fastmas models MODEL`. By default the first one.")] = None,
    paths: Annotated[int, typer.Option(metavar="N", rich_help_panel=SIZES, help="Number of paths.")] = 1000,
    steps: Annotated[int, typer.Option(
        metavar="N", rich_help_panel=SIZES, help="Steps of a path, counted from t = 0.")] = 100,
    warmup: Annotated[int, typer.Option(
        metavar="N", rich_help_panel=SIZES, help="First steps that are simulated and not returned.")] = 0,
    seed: Seed = 1,
    threads: Threads = None,
    out: Annotated[Path | None, typer.Option(
        metavar="FILE", rich_help_panel=PLACE,
        help="File to write: .parquet, .csv or .npz. Without it a summary is printed.")] = None,
    overwrite: Overwrite = False,
) -> None:
    """Simulate exact paths of a model and write them to a file, or summarise them."""
    from fastmas.export import check_place, summarise, write_paths
    from fastmas.simulate import iterate_paths

    if out is not None:
        check_place(out, overwrite)
    built, theta = build(model, settings or [])
    name = built.observable(observable).name

    def stream(n_paths: int) -> Iterator[np.ndarray]:
        return iterate_paths(built, theta, n_paths=n_paths, n_steps=steps, warmup=warmup,
                             seed=1 if seed is None else seed, observable=name, n_threads=threads)

    with output.stoppable(), reporter() as progress:
        next(stream(1))  # compile, and check what was asked for, before the clock runs
        began = time.perf_counter()
        blocks = _counted(progress, paths, stream(paths))
        if out is None:
            moments = summarise(blocks)
        else:
            write_paths(out, _numbered(blocks), observable=name, times=range(warmup, steps + 1),
                        overwrite=overwrite)
    seconds = time.perf_counter() - began
    output.line(f"{paths} paths of {steps} steps in {seconds:.3g} s, {paths / seconds:,.0f} paths/s")
    if out is None:
        _print_moments(name, *moments)
    else:
        output.line(f"written to {out}")


def _print_moments(name: str, values: Moments, returns: Moments | None) -> None:
    rows = [(name, values.mean, values.sd)]
    if returns is not None:
        rows.append((f"log return of {name}", returns.mean, returns.sd))
    output.table(("observable", "mean", "sd"), rows)


def _counted(progress: Progress, total: int, blocks: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
    done = 0
    for block in blocks:
        yield block
        done += len(block)
        progress({"phase": "paths", "done": done, "total": total})


def _numbered(blocks: Iterable[np.ndarray]) -> Iterator[tuple[int, int, np.ndarray]]:
    first = 0
    for block in blocks:
        yield 0, first, block
        first += len(block)
