"""The ablation as one HTML page that needs no network."""

from __future__ import annotations

import base64
from html import escape
from typing import Any

import pandas as pd

from fastmas.ablate.tables import tables
from fastmas.bench.tables import Table
from fastmas.report.page import document

CAPTION = ("Bars are two standard errors. What is missing on the right has run off the axis: see the table. Where the "
           "sd of a path is many times that of the exact derivative, a mean and its standard error say nothing.")
WIDE = "body { max-width: 72rem; } td { white-space: nowrap; }"


def page(result: dict[str, Any], picture: bytes) -> str:
    """The page of a result, with its picture as PNG."""
    data = result["design"]
    title = f"Exact and smoothed rules of {data['model'].rpartition('/')[2]}"
    values = ", ".join(f"{name} = {value:g}" for name, value in data["fixed"].items())
    opening = (f"Free: {', '.join(data['free'])}{'; fixed: ' + values if values else ''}. Truth: {data['truth']}. "
               f"{data['sets']} data sets of {data['paths']} paths each, t = {data['warmup']} to "
               f"{data['warmup'] + data['horizon']}, seed {data['seed']}, fastmas {result['version']}."
               + (" Quick: sizes are small, figures rough." if data["quick"] else ""))
    first, *others = tables(result)
    words = "".join(f"<li><strong>{escape(name)}</strong>: {escape(text)}.</li>"
                    for name, text in result["definitions"].items())
    said = "".join(f"<li>{escape(text)}</li>" for text in result["notes"])
    image = base64.b64encode(picture).decode("ascii")
    parts = [f'<h1>{escape(title)}</h1><p class="soft">{escape(opening)}</p>', _table(first),
             f'<figure><img src="data:image/png;base64,{image}" alt="Bias and gradients by temperature">'
             f"<figcaption>{CAPTION}</figcaption></figure>", *map(_table, others),
             f"<h2>Notes</h2><ul>{said}</ul><h2>Words</h2><ul>{words}</ul>"]
    return document(title, parts, WIDE)


def _table(table: Table) -> str:
    frame = pd.DataFrame(table.rows, columns=table.names)
    return f'<h2>{escape(table.title)}</h2><div class="wide">{frame.to_html(index=False, border=0)}</div>'
