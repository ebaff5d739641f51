"""`fastmas warmup`: compile now what simulations will need."""

# ruff: noqa: PLC0415  -- the engine brings Numba, which help must not wait for

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Annotated

import typer

from fastmas.cli import output
from fastmas.cli.options import Device, Dtype, Settings
from fastmas.cli.settings import build

if TYPE_CHECKING:
    from fastmas.model import Model


def warmup(
    names: Annotated[list[str] | None, typer.Argument(
        metavar="[MODEL]...",
        help="Models of `fastmas models`, or FILE.py:NAME for one of yours. By default all built-in ones.")] = None,
    *,
    settings: Settings = None,
    dtype: Dtype = "float32",
    device: Device = "cpu",
) -> None:
    """Compile the kernels of models, with all their rules and modes, and keep them for every later start."""
    from fastmas import models
    from fastmas.caching.folder import cache_directory
    from fastmas.simulate import warm_up

    wanted = [variant for name in names or models.names() for variant in _variants(name, settings or [])]
    n_compiled = 0
    with output.stoppable():
        for label, model in wanted:
            began = time.perf_counter()
            is_new = warm_up(model, dtype, device)
            n_compiled += is_new
            output.line(f"{label}: compiled in {time.perf_counter() - began:.1f} s" if is_new else
                        f"{label}: was there")
    what = f"{n_compiled} of {len(wanted)} compiled" if n_compiled else f"all {len(wanted)} were there"
    output.line(f"{what}; kept in {cache_directory()}")


def _variants(name: str, settings: list[str]) -> list[tuple[str, Model]]:
    """Name and model of each configuration that has kernels of its own, or of the one that is asked for."""
    asked, _ = build(name, settings)
    if settings:
        return [(f"{name} {' '.join(settings)}", asked)]
    return [(f"{name} {' '.join(f'{k}={v}' for k, v in variant.items())}".rstrip(),
             build(name, [f"{k}={v}" for k, v in variant.items()])[0]) for variant in asked.variants]
