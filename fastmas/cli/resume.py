"""`fastmas resume`: go on with a calibration that was interrupted."""

# ruff: noqa: PLC0415  -- calibrating brings torch, which help must not wait for

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from fastmas.cli import output
from fastmas.cli.options import Threads
from fastmas.cli.progress import reporter
from fastmas.cli.result import print_fit, print_report


def resume(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="Folder that was the --out of a calibration.")],
    *,
    trust: Annotated[bool, typer.Option(
        "--trust", help="Run the code of a model of your own, which the run names. Built-in models need no "
                        "trust.")] = False,
    threads: Threads = None,
) -> None:
    """Go on with a calibration that was interrupted; it ends with the bits it would have had."""
    from fastmas.storage.run_directory import RunDirectory

    config = RunDirectory.open(run, unfinished=True).config  # its faults need not wait for torch
    from fastmas.calibrate import resume as play_on

    with output.stoppable(run), reporter() as progress:
        fit = play_on(run, n_threads=threads, progress=progress, trust=trust)
    print_fit(fit, {name: _unit(config, name) for name in fit.estimate})
    print_report(run)


def _unit(config: dict[str, Any], name: str) -> str:
    """Unit of a parameter, or of the type's that a single agent's b[0] belongs to."""
    parameters = config.get("parameters") or {}
    spec = parameters.get(name) or parameters.get(name.partition("[")[0]) or {}
    return spec.get("unit", "")
