"""The command line: options to library calls, no logic. One file per command.

Nothing here imports Numba, torch, pandas or matplotlib before a command runs, so that help is there
at once.
"""

from fastmas.cli.app import app, main

__all__ = ["app", "main"]
