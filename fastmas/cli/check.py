"""`fastmas check`: whether a model is what the engine takes it for."""

# ruff: noqa: PLC0415  -- models bring Numba, which help must not wait for

from __future__ import annotations

import typer

from fastmas.cli import output
from fastmas.cli.options import ModelName, Settings
from fastmas.cli.settings import build

FAILED = 1
STYLES = {"failed": "red", "warning": "yellow", "skipped": "dim"}


def check(model: ModelName, *, settings: Settings = None) -> None:
    """Examine a model, yours above all: whether what is compiled is what its text says.

    Python runs the text beside its compiled paths. Kernels, also those that are
    written by hand, must keep to their block, their lanes and their random
    numbers. The exit status is 0 if all is well, 1 if a check failed and 2 if
    there is no such model.
    """
    from fastmas.conformance import check as examine

    built, theta = build(model, settings or [])
    with output.stoppable():
        report = examine(built, theta, tell=lambda finding: output.line(str(finding), STYLES.get(finding.status)))
    if not report.ok:
        raise typer.Exit(FAILED)
