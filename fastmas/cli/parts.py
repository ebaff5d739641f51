"""`fastmas parts`: what a calibration can be made of."""

# ruff: noqa: PLC0415  -- parts bring torch, which help must not wait for

from __future__ import annotations

from typing import Annotated

import typer

from fastmas.cli import output
from fastmas.errors import FastmasError, ParameterError
from fastmas.names import unknown

MODEL = "model"


def parts(
    kind: Annotated[str | None, typer.Argument(
        metavar="[KIND]",
        help="model, statistic, objective, discriminator, updater or estimator. By default all.")] = None,
) -> None:
    """List the parts of a calibration by their kind, those of other packages too, one line each."""
    from fastmas import registry

    kinds = [MODEL, *registry.KINDS]
    if kind is not None and kind not in kinds:
        raise ParameterError(unknown("kind of part", kind, kinds))
    rows = [row for one in kinds if kind in (None, one) for row in (_models() if one == MODEL else _parts(one))]
    output.table(("kind", "name", "from", "what it is"), rows)


def _models() -> list[tuple[str, str, str, str]]:
    from fastmas import models, registry
    from fastmas.cli.models import what

    found = []
    for name in [*models.names(), *models.brought()]:
        try:
            said = what(models.get(name))
        except FastmasError as error:
            said = str(error)
        found.append((MODEL, name, registry.source_of(models.__name__, name, tuple(models.names())), said))
    return found


def _parts(kind: str) -> list[tuple[str, str, str, str]]:
    from fastmas import registry

    package, attribute = registry.KINDS[kind]
    own = tuple(registry.parts(package, attribute))
    found = []
    for name in registry.names(package, attribute):
        try:
            said = registry.what_it_is(registry.find(package, attribute, name, kind))
        except FastmasError as error:
            said = str(error)
        found.append((kind, name, registry.source_of(package, name, own), said))
    return found
