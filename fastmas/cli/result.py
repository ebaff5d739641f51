"""What the end of a calibration prints."""

# ruff: noqa: PLC0415  -- the report brings matplotlib, which help must not wait for

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fastmas.cli import output


def print_fit(fit: Any, units: Mapping[str, str]) -> None:
    """Print the estimates of a `fastmas.calibrate.Fit`, its verdict and its warnings."""
    interval = fit.interval or {}
    rows = [(name, float(value), _span(interval.get(name)), units.get(name, ""))
            for name, value in fit.estimate.items()]
    output.line()
    output.table(("parameter", "estimate", "interval", "unit"), rows)
    output.line()
    output.line(fit.verdict)
    output.line(fit.told_apart)
    for warning in fit.warnings:
        output.line(f"warning: {warning}", style="yellow")
    output.line(f"calibrated in {fit.seconds:.3g} s")


def print_report(run: Path) -> None:
    """Build the report of a run and print where it is."""
    from fastmas import report

    output.line(f"report: {report.build(run)}")


def _span(ends: Any) -> str | None:
    return None if ends is None else f"{output.show(float(ends[0]))} to {output.show(float(ends[1]))}"
