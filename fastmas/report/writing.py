"""Write the figures and the page of a run, each file whole or not at all."""

from __future__ import annotations

import io
from pathlib import Path

from matplotlib.figure import Figure

from fastmas.errors import OutputError
from fastmas.files import write_atomically
from fastmas.report.page import page
from fastmas.report.pictures import pictures
from fastmas.report.reading import read
from fastmas.storage.layout import FIGURES

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
    images = [png(picture.figure) for picture in drawn]
    target = run.directory / "report.html"
    content = page(run, list(zip(drawn, images, strict=True))).encode("utf-8")
    figures = run.directory / FIGURES
    try:
        figures.mkdir(exist_ok=True)
    except OSError as error:
        raise OutputError(f"cannot write the report into {run.directory}: {error.strerror}") from error
    if figures.is_symlink():
        raise OutputError(f"cannot write the report: {figures} is a link, which is not followed here; delete it")
    for picture, image in zip(drawn, images, strict=True):
        write_atomically(figures / f"{picture.name}.png", image)
    write_atomically(target, content)
    return target


def png(figure: Figure) -> bytes:
    """A figure as the bytes of its file."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=DPI, metadata={"Software": "fastmas"})  # by which it is known as ours
    return buffer.getvalue()
