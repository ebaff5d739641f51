"""`fastmas facts`: stylised facts of prices or of a model."""

# ruff: noqa: PLC0415  -- data bring pandas and models Numba, which help must not wait for

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from fastmas.cli import output
from fastmas.cli.options import PLACE, SIZES, Column, Overwrite, Seed, Settings
from fastmas.cli.settings import build
from fastmas.errors import ParameterError
from fastmas.names import nearest

if TYPE_CHECKING:
    from fastmas.facts import StylisedFacts

DIGITS = 3


def facts(
    what: Annotated[str, typer.Argument(
        metavar="FILE|MODEL", help="Prices: a file, or the name of built-in data such as sp500. Or a model that shows "
                                   "a price: one of `fastmas models`, or FILE.py:NAME.")],
    *,
    column: Column = None,
    settings: Settings = None,
    paths: Annotated[int | None, typer.Option(
        metavar="N", min=1, rich_help_panel=SIZES, help="Series of a model; 100 by default.")] = None,
    steps: Annotated[int | None, typer.Option(
        metavar="N", min=2, rich_help_panel=SIZES, help="Returns of each; 5000 by default.")] = None,
    warmup: Annotated[int | None, typer.Option(
        metavar="N", min=0, rich_help_panel=SIZES, help="Steps simulated before; 200 by default.")] = None,
    seed: Seed = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON in place of a table.")] = False,
    plot: Annotated[Path | None, typer.Option(
        metavar="FILE", rich_help_panel=PLACE, help="Picture to write: facts as dots on bands, .png, .svg or .pdf.",
    )] = None,
    overwrite: Overwrite = False,
) -> None:
    """Print stylised facts of a series of prices, or of the series that a model simulates, beside their bands.

    A band is where the literature puts daily returns. Some facts are computed by arch and statsmodels, the extra
    `baselines`, and are left out without them.
    """
    from fastmas.facts import facts as find

    if plot is not None:
        _check_place(plot, overwrite)
    sizes = {name: value for name, value in (("paths", paths), ("steps", steps), ("warmup", warmup), ("seed", seed))
             if value is not None}
    if _is_data(what):
        for name, given in (("--set", settings), *((f"--{name}", value) for name, value in sizes.items())):
            if given is not None:
                raise ParameterError(f"{name} is for a model, and {what} are data; leave it out")
        found = find(what, column=column)
    else:
        model, theta = build(what, settings or [])
        found = find(model, column=column, theta=theta or None, **sizes)
    if plot is not None:
        found.plot().savefig(plot, dpi=150)
    if as_json:
        from fastmas.files import to_json

        print(to_json(found.plain()))
        return
    _print(found)
    if plot is not None:
        output.line(f"picture: {plot}")


def _is_data(what: str) -> bool:
    """Whether it names data and no model; ParameterError where it names neither."""
    from fastmas import models
    from fastmas.data.files import BUILT_IN

    if what in models.names() or ".py" in what:
        return False
    if what in BUILT_IN or Path(what).suffix or Path(what).exists():
        return True
    known = [*models.names(), *BUILT_IN]
    alike = nearest(what, known)
    raise ParameterError(f"{what!r} is no file, no built-in data ({', '.join(BUILT_IN)}) and no model"
                         + (f"; did you mean {alike[0]!r}?" if alike else "; see `fastmas models`"))


def _check_place(plot: Path, overwrite: bool) -> None:
    if plot.suffix not in (".png", ".svg", ".pdf"):
        raise ParameterError(f"--plot {plot}: name a .png, .svg or .pdf file")
    if plot.exists() and not overwrite:
        raise ParameterError(f"--plot {plot}: is there already; --overwrite replaces it")
    if not plot.absolute().parent.is_dir():
        raise ParameterError(f"--plot {plot}: there is no folder {plot.parent}")


def _print(found: StylisedFacts) -> None:
    several = f"{found.n_series} series of " if found.n_series > 1 else ""
    output.line(f"{found.source}: {several}{found.n_returns} returns", style="bold")
    names = ["fact", "median" if several else "value", "5%", "95%", "band", "in band", "band of"]
    output.table(names, [_cells(row) for row in found.rows])
    output.line(f"{found.in_band} of {found.with_band} lie in their band")
    for one in found.left_out:
        output.line(one)


def _cells(row: dict[str, Any]) -> list[Any]:
    inside = {True: "yes", False: "no", None: None}[row["in_band"]]
    return [row["title"], *(_number(row[key]) for key in ("value", "low", "high")), _band(row["band"]), inside,
            row["band_source"]]


def _band(band: tuple[float, float] | None) -> str | None:
    if band is None:
        return None
    low, high = band
    if low == -float("inf"):
        return f"below {high:g}"
    return f"above {low:g}" if high == float("inf") else f"{low:g} to {high:g}"


def _number(value: float | None) -> str | None:
    return None if value is None else f"{value:.{DIGITS}g}"
