"""`fastmas models`: what there is."""

# ruff: noqa: PLC0415  -- models bring Numba, which help must not wait for

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from fastmas.cli import output
from fastmas.cli.options import Settings
from fastmas.cli.settings import build
from fastmas.errors import ModelError

if TYPE_CHECKING:
    from fastmas.model import Model


def models(
    name: Annotated[str | None, typer.Argument(
        metavar="[NAME]", help="A model of the list, or FILE.py[:NAME] for one of yours.")] = None,
    settings: Settings = None,
    kernel: Annotated[bool, typer.Option("--kernel", help="Print the code that is made of the model's text.")] = False,
) -> None:
    """List the models, or show one: parameters, observables, options, how its rules run, what derivatives see."""
    if name is None:
        if kernel:
            raise ModelError("--kernel prints the code of one model: name it")
        _list()
    elif kernel:
        _show_code(build(name, settings or [])[0])
    else:
        _show(*build(name, settings or []))


def _list() -> None:
    from fastmas import models

    rows = []
    for name in [*models.names(), *models.brought()]:
        try:
            model = models.get(name)
            rows.append((name, what(model), model.source))
        except ModelError as error:
            if name in models.names():
                raise
            rows.append((name, str(error), ""))
    output.table(("model", "what it is", "source"), rows)


def _show(model: Model, values: dict[str, object]) -> None:
    from fastmas.model import choices_of

    space = model.space(fixed=values)
    output.line(f"{model.name}: {what(model)}")
    if model.source:
        output.line(f"Source: {model.source}")
    output.line(f"Rules: {_lowering(model)}\n")
    now = dict(zip(space.entries, space.base.tolist(), strict=True))
    numbers = [
        (p.name, [now[e] for e in p.entries], p.low, p.high, p.unit, "whole number" if p.integer else p.scale)
        for p in model.parameters]
    value = "value" if values else "default"
    output.table(("parameter", value, "low", "high", "unit", "scale"), numbers)
    seen = _derivatives(model)
    said = [(p.name, p.doc, p.source, seen.get(p.name, "")) for p in model.parameters]
    if any(any(row[1:]) for row in said):
        output.line()
        output.table(("parameter", "what it is", "source", "derivative by"), said)
    output.line()
    output.table(("observable", "unit", "domain"),
                 [(o.name, o.unit or "-", o.domain or "as the data say") for o in model.observables])
    choices = choices_of(model)
    options = [(k, output.show(v) or "none", choices.get(k)) for k, v in model.config.items()]
    if options:
        output.line()
        output.table(("option", "value", "choices"), options)


def _show_code(model: Model) -> None:
    from fastmas.lowering.program import program_of

    code = program_of(model).code
    if not code:
        raise ModelError(f"model {model.name!r} has {model.rules}: the code is in its file")
    print(code)


def _lowering(model: Model) -> str:
    """How the rules run, in words."""
    if not model.sources:
        return model.rules
    from fastmas.lowering.program import program_of

    program = program_of(model)
    how = "a text, run in lanes" if not program.reason else f"a text, run {program.lowering}, {program.reason}"
    return f"{how}; agents are counted by mode={program.mode!r}" if program.mode else how


def _derivatives(model: Model) -> dict[str, str]:
    """How a derivative by each parameter can be had; nothing where no text says so."""
    if not model.sources:
        return {}
    from fastmas.differentiate import reaches

    try:
        found = reaches(model)
    except ModelError:
        return {p.name: "differences: no lanes" for p in model.parameters}
    return {p.name: str(found.get(p.name, "whole number")) for p in model.parameters}


def what(model: Model) -> str:
    """First paragraph of the docstring of the model's module, or of the model."""
    text = getattr(model, "doc", "") or sys.modules[type(model).__module__].__doc__ or type(model).__doc__ or ""
    return " ".join(text.strip().split("\n\n")[0].split())
