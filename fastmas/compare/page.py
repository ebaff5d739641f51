"""A comparison as one HTML page that needs no network."""

from __future__ import annotations

from html import escape

from fastmas.compare.pictures import pictures
from fastmas.compare.ranking import COLUMNS, YARDSTICK, Comparison, cells
from fastmas.report.page import document, figure, table
from fastmas.report.writing import png

WIDE = "body { max-width: 64rem; }"
HOW = ("Ranked by p-value (how often data sets simulated at the estimate differ as much as the data do), then by how "
       "many named figures are off and how far. AUC: how easily a discriminator trained from scratch tells real from "
       "simulated, over blocks of the training part for one series; 0.5 cannot tell. Facts in range: stylised facts of "
       "the data that lie where nine in ten simulated series do.")


def page(found: Comparison) -> str:
    """The page, with its pictures inside."""
    title = f"Which market? {found.source}"
    drawn = [figure(picture, png(picture.figure)) for picture in pictures(found)]
    rows = [[escape(str(cell)) if cell is not None else "–" for cell in cells(row, place)]
            for place, row in enumerate(found.rows, start=1)]
    for row, line in zip(found.rows, rows, strict=True):
        if row["name"] in found.samples:
            line[1] = f'<a href="{escape(row["name"])}/report.html">{line[1]}</a>'
    notes = "".join(f"<li>{escape(note)}</li>" for note in [YARDSTICK, *found.notes])
    design = ", ".join(f"{name} {value}" for name, value in found.design.items())
    return document(title, [
        f'<h1>{escape(title)}</h1><div class="verdict"><strong>{escape(found.said)}</strong></div>',
        f'<p class="soft">{HOW}</p>', table(COLUMNS, rows, words=True), f"<ul>{notes}</ul>", *drawn,
        "<h2>Verdicts</h2>", _verdicts(found), f'<p class="soft">Settings: {escape(design)}.</p>'], WIDE)


def _verdicts(found: Comparison) -> str:
    items = "".join(f"<li><strong>{escape(row['name'])}</strong>: {escape(row['verdict'])} Estimate: "
                    + escape(", ".join(f"{name} {value:.4g}" for name, value in row["estimate"].items())) + ".</li>"
                    for row in found.rows if "failed" not in row)
    return f"<ul>{items}</ul>"
