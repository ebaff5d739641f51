"""Write the figures and the page of a run, each file whole or not at all."""

from __future__ import annotations

import io
import os
from pathlib import Path

from matplotlib.figure import Figure

from fastmas.errors import OutputError
from fastmas.report.page import page
from fastmas.report.pictures import pictures
from fastmas.report.reading import read

DPI = 150  # 960 pixels wide


def build(directory: str | Path) -> Path:
    """Write figures/*.png and report.html into a run directory, and return the path of the page.

    The page is one file that needs no network. A run that is not finished gets a page of what there is.

    Raises
    ------
    RunDirectoryError
        If a file of the run is missing or damaged; nothing is written then.
    OutputError
        If the run directory cannot be written to.
    """
    run = read(directory)
    drawn = list(pictures(run))
    images = [_png(picture.figure) for picture in drawn]
    target = run.directory / "report.html"
    content = page(run, list(zip(drawn, images, strict=True))).encode("utf-8")
    try:
        (run.directory / "figures").mkdir(exist_ok=True)
        for picture, image in zip(drawn, images, strict=True):
            _replace(run.directory / "figures" / f"{picture.name}.png", image)
        _replace(target, content)
    except OSError as error:
        raise OutputError(f"cannot write the report into {run.directory}: {error.strerror}") from error
    return target


def _png(figure: Figure) -> bytes:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=DPI)
    return buffer.getvalue()


def _replace(path: Path, content: bytes) -> None:
    """Write `content` beside `path` and move it there, so that a reader sees the old or the new file."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        temporary.write_bytes(content)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
