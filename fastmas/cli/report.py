"""`fastmas report`: the page and the figures of a run."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fastmas.cli.result import print_report


def report(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="Folder that was the --out of a calibration.")],
) -> None:
    """Write the figures and the page of a run, finished or not, and print where the page is."""
    print_report(run)
