"""`fastmas models`: what there is."""

# ruff: noqa: PLC0415  -- models bring Numba, which help must not wait for

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from fastmas.cli import output
from fastmas.cli.options import Settings
from fastmas.cli.settings import build

if TYPE_CHECKING:
    from fastmas.model import Model


def models(
    name: Annotated[str | None, typer.Argument(
        metavar="[NAME]", help="A model of the list, or FILE.py:NAME for one of yours.")] = None,
    settings: Settings = None,
) -> None:
    """List the models, or show the parameters, observables and options of one."""
    if name is None:
        _list()
    else:
        _show(*build(name, settings or []))


def _list() -> None:
    from fastmas import models

    found = [models.get(name) for name in models.names()]
    output.table(("model", "what it is", "source"), [(m.name, _what(m), m.source) for m in found],
                 text=("what it is", "source"))


def _show(model: Model, values: dict[str, object]) -> None:
    space = model.space(fixed=values)
    output.line(f"{model.name}: {_what(model)}")
    output.line(f"Source: {model.source}\n")
    now = dict(zip(space.entries, space.base.tolist(), strict=True))
    numbers = [
        (p.name, [now[e] for e in p.entries], p.low, p.high, p.unit, "whole number" if p.integer else p.scale)
        for p in model.parameters]
    value = "value" if values else "default"
    output.table(("parameter", value, "low", "high", "unit", "scale"), numbers)
    output.line()
    output.table(("parameter", "what it is", "source"), [(p.name, p.doc, p.source) for p in model.parameters],
                 text=("what it is", "source"))
    output.line()
    output.table(("observable", "unit"), [(o.name, o.unit or "-") for o in model.observables])
    output.line()
    output.table(("option", "value"), [(k, output.show(v) or "none") for k, v in model.config.items()])


def _what(model: Model) -> str:
    """First paragraph of the docstring of the model's module, or of the model."""
    text = sys.modules[type(model).__module__].__doc__ or type(model).__doc__ or ""
    return " ".join(text.strip().split("\n\n")[0].split())
