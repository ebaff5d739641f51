"""`fastmas bench engine`: what the engine does on this machine, beside its peers."""

# ruff: noqa: PLC0415  -- what is measured is slow to import, and help must not wait for it

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from fastmas.cli import output
from fastmas.cli.options import PLACE, SIZES, Device, Overwrite, whole
from fastmas.cli.progress import reporter

if TYPE_CHECKING:
    from fastmas.bench.tables import Table

WHAT = "What is measured"

bench = typer.Typer(help="Measure fastmas on this machine, beside its peers.", no_args_is_help=True,
                    context_settings={"help_option_names": ["-h", "--help"]})


@bench.callback()
def _bench() -> None:
    """Measure fastmas on this machine, beside its peers."""


@bench.command()
def engine(
    tasks: Annotated[str | None, typer.Option(
        metavar="A,B", rich_help_panel=WHAT, help="Tasks to run. By default all; an unknown one lists them.")] = None,
    peers: Annotated[str | None, typer.Option(
        metavar="A,B", rich_help_panel=WHAT, help="Peers beside fastmas. By default all that are installed.")] = None,
    quick: Annotated[bool, typer.Option(
        "--quick", rich_help_panel=WHAT, help="A few tasks and rounds, in a minute: to see that it works.")] = False,
    repeats: Annotated[int | None, typer.Option(
        parser=whole, metavar="N", rich_help_panel=SIZES, show_default=False,
        help="Rounds, in which peers take turns. By default 31, or 5 if quick.")] = None,
    seed: Annotated[int, typer.Option(
        parser=whole, metavar="N", rich_help_panel=SIZES, help="Of the first round.")] = 1,
    device: Device = "cpu",
    out: Annotated[Path | None, typer.Option(
        metavar="FILE", rich_help_panel=PLACE, help="JSON lines to write; the first names the machine.")] = None,
    plot: Annotated[Path | None, typer.Option(
        metavar="FILE", rich_help_panel=PLACE, help="Picture of the task scaling: .png, .svg or .pdf.")] = None,
    overwrite: Overwrite = False,
) -> None:
    """Time fixed tasks with fastmas and its peers in turns: medians, ratios, scaling, starts.

    A cell of a table is the median cost in nanoseconds, with CPU time over that of fastmas in brackets.
    """
    from fastmas.bench import engine as benchmark
    from fastmas.bench.child import measure_apart
    from fastmas.export import check_free

    for place in filter(None, (out, plot)):
        check_free(place, overwrite)
    plan = benchmark.plan(tasks, peers, device=device, quick=quick, repeats=repeats, seed=seed)
    if plot is not None:
        benchmark.check_plot(plan, plot.suffix)
    with output.stoppable(), reporter() as progress:
        rows = list(measure_apart(plan, lambda text: progress({"phase": text})))
    _write(rows, out, plot)
    _print(rows)
    for place in filter(None, (out, plot)):
        output.line(f"written to {place}")


def _write(rows: list[dict[str, Any]], out: Path | None, plot: Path | None) -> None:
    from fastmas.files import plain, write_atomically

    if out is not None:
        write_atomically(out, "".join(json.dumps(plain(row), allow_nan=False) + "\n" for row in rows))
    if plot is not None:
        from fastmas.bench.picture import draw_scaling

        write_atomically(plot, draw_scaling(rows, plot.suffix[1:]))


def _print(rows: list[dict[str, Any]]) -> None:
    from fastmas.bench import tables
    from fastmas.bench.figures import figures

    head = rows[0]["machine"]
    output.line(", ".join(f"{key} {output.show(value)}" for key, value in head.items()))
    for table in tables.task_tables(rows):
        _table(table)
    for note in tables.notes(rows):
        output.line(note)
    found = figures(rows)
    for table in [*tables.study_tables(rows), *([tables.figure_table(found)] if found else [])]:
        _table(table)


def _table(table: Table) -> None:
    output.line(f"\n{table.title}", style="bold")
    output.table(table.names, table.rows)
