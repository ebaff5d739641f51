"""The commands together, and what becomes of a fault."""

from __future__ import annotations

import os
import sys
import traceback
import warnings
from collections.abc import Sequence
from typing import Annotated, Any

import typer

from fastmas import __version__
from fastmas.cli.ablate import ablate
from fastmas.cli.bench import bench
from fastmas.cli.calibrate import calibrate
from fastmas.cli.check import check
from fastmas.cli.compare import compare
from fastmas.cli.facts import facts
from fastmas.cli.models import models
from fastmas.cli.network import network
from fastmas.cli.parts import parts
from fastmas.cli.report import report
from fastmas.cli.reproduce import reproduce
from fastmas.cli.resume import resume
from fastmas.cli.simulate import simulate
from fastmas.cli.tables import printable
from fastmas.cli.warmup import warmup
from fastmas.cli.warmup_check import warmup_check
from fastmas.errors import FastmasError, FastmasWarning, Interrupted

INTERNAL, WRONG_INPUT, INTERRUPTED = 1, 2, 130

app = typer.Typer(
    name="fastmas", rich_markup_mode="rich", pretty_exceptions_enable=False, add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for _command in (models, parts, check, simulate, calibrate, compare, facts, network, resume, report, warmup,
                 warmup_check):
    app.command()(_command)
app.add_typer(ablate, name="ablate")
app.add_typer(bench, name="bench")
app.add_typer(reproduce, name="reproduce")


@app.callback(invoke_without_command=True)
def fastmas_command(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
    debug: Annotated[bool, typer.Option(
        "--debug", help="Show the traceback of an error; may stand anywhere, FASTMAS_DEBUG=1 does the same.",
    )] = False,
) -> None:
    """Calibrate agent-based market models to data, with an adversary and no gradients."""
    if version:
        typer.echo(f"fastmas {__version__}")
        raise typer.Exit
    if context.invoked_subcommand is None:
        typer.echo(context.get_help(), nl=False)
        raise typer.Exit


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command.

    Returns
    -------
    Exit status: 0, 2 for a fault that the user can mend, 130 after Ctrl-C, 1 for a fault of ours.
    """
    given = list(sys.argv[1:] if arguments is None else arguments)
    warnings.showwarning = _warn
    debug = "--debug" in given or os.environ.get("FASTMAS_DEBUG", "0") not in ("", "0")
    try:
        words = [word for word in given if word != "--debug"]
        status = app(words, prog_name="fastmas", standalone_mode=False)
        sys.stdout.flush()
        return _say("fastmas: interrupted", INTERRUPTED) if status == INTERRUPTED else int(status or 0)
    except BrokenPipeError:  # whoever read our output has read enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # for the flush when Python ends
        return INTERNAL
    except (Exception, KeyboardInterrupt) as error:
        if debug:
            traceback.print_exception(error)
        return _tell(error)


def _tell(error: BaseException) -> int:
    """Say in one line what went wrong, and give the exit status."""
    if isinstance(error, Interrupted):
        return _say(f"fastmas: {error}", INTERRUPTED)
    if isinstance(error, (KeyboardInterrupt, typer.Abort)):
        return _say("fastmas: interrupted", INTERRUPTED)
    if isinstance(error, FastmasError):
        return _say(f"fastmas: error: {error}", WRONG_INPUT)
    if hasattr(error, "format_message"):  # typer's usage errors; their class moves between its versions
        path = getattr(getattr(error, "ctx", None), "command_path", "fastmas")
        message = error.format_message().rstrip(".")
        return _say(f"fastmas: error: {message}. See `{path} --help`.", WRONG_INPUT)
    return _say(f"fastmas: internal error: {type(error).__name__}: {error} (rerun with --debug to see where)",
                INTERNAL)


def _warn(message: Warning | str, category: type[Warning], filename: str, lineno: int, file: Any = None,
          line: str | None = None) -> None:
    """A warning of ours is for people: one line, without the line of code that gave it."""
    if issubclass(category, FastmasWarning):
        _say(f"fastmas: warning: {message}", 0)
    else:
        print(warnings.formatwarning(message, category, filename, lineno), file=sys.stderr, end="")


def _say(message: str, status: int) -> int:
    print(printable(" ".join(message.split())), file=sys.stderr)
    return status
