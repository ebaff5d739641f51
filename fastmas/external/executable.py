"""A program in any language that is given parameters as arguments and writes a path as CSV, as a model."""

from __future__ import annotations

import csv
import re
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from fastmas.errors import ModelError
from fastmas.external.black_box import TIMEOUT, BlackBox
from fastmas.external.call import BadPath, Failed
from fastmas.model import Observable
from fastmas.parameters import Parameter, shown

PLACE = re.compile(r"\{\{|\}\}|\{(\w+)\}")
SEED, STEPS = "seed", "n_steps"
MOST_SAID = 200  # characters of what a program says when it fails


@dataclass(frozen=True)
class Command:
    """The words of a command with places such as {beta}; called as a simulator is."""

    words: tuple[str, ...]
    columns: tuple[str, ...]

    @property
    def places(self) -> set[str]:
        return {name for word in self.words for name in PLACE.findall(word) if name}

    def __call__(self, theta: Mapping[str, Any], seed: int, n_steps: int = 0) -> np.ndarray:
        given = {**theta, SEED: seed, STEPS: n_steps}
        words = [PLACE.sub(lambda found: str(given[found[1]]) if found[1] else found[0][0], word)
                 for word in self.words]
        try:  # the group of the worker is the program's, too: it ends with it
            done = subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, check=False)
        except OSError as error:
            raise Failed(f"could not start {self.words[0]} ({error.strerror or error})") from error
        if done.returncode:
            how = f"exit status {done.returncode}" if done.returncode > 0 else f"signal {-done.returncode}"
            raise Failed(f"ended with {how}: {_last_line(done.stderr) or 'it said nothing on standard error'}")
        return self._read(done.stdout.decode("utf-8", "replace"))

    def _read(self, text: str) -> np.ndarray:
        """The columns of the observables, (n, k)."""
        header, *rows = [row for row in csv.reader(text.splitlines()) if row] or [[]]
        names = [name.strip() for name in header]
        missing = [name for name in self.columns if name not in names]
        if missing:
            raise BadPath(f"wrote no column {missing[0]!r}: its first line is {shown(','.join(header))}")
        places = [names.index(name) for name in self.columns]
        try:
            path = np.array([_numbers(row, places) for row in rows])
        except _NoNumber as error:
            raise BadPath(f"wrote {shown(','.join(error.args[0]))}, which has no number for each column") from None
        return path.reshape(len(rows), len(places))


class Executable(BlackBox):
    """A program that you already have, as a model.

    Parameters
    ----------
    command : sequence of str
        The program and its arguments, with a place for each parameter by its name, for the seed and, if it is to be
        told, for the number of steps: ["./sim", "--beta", "{beta}", "--seed", "{seed}", "--steps", "{n_steps}"]. No
        shell reads it. Braces that are no place are written twice.
    parameters : mapping of str to Parameter, or sequence of named Parameters
        What calibration may move.
    observables : sequence of str or Observable
        The columns to read of the CSV, with a header, that the program writes to standard output; others are left
        alone. A row is a time: rows t = 0 to n_steps, or without the first.
    name, timeout, start_method
        As of a `BlackBox`. What takes too long is ended with all processes that it has started.

    Raises
    ------
    ModelError, ParameterError
        No such program, a place that is no parameter, a parameter or a seed without a place.

    Notes
    -----
    `{seed}` is a whole number below 2**31, which every language's generator takes.
    """

    rules = "rules of its own in another program"
    seed_bits = 31

    def __init__(
        self, command: Sequence[str | Path], parameters: Mapping[str, Parameter] | Sequence[Parameter], *,
        observables: str | Sequence[str | Observable] = ("value",), name: str = "", timeout: float | None = TIMEOUT,
        start_method: str | None = None,
    ) -> None:
        words = _words(command)
        listed = [observables] if isinstance(observables, (str, Observable)) else list(observables)
        columns = tuple(one.name if isinstance(one, Observable) else str(one) for one in listed)
        called = Command(words, columns)
        super().__init__(called, parameters, observables=observables, name=name or Path(words[0]).stem,
                         timeout=timeout, start_method=start_method)
        self._check_places(called)
        vars(self).update(call=replace(self.call, takes_steps=STEPS in called.places),
                          doc=f"the program {words[0]}")

    def _check_places(self, command: Command) -> None:
        known = [one.name for one in self.parameters]
        wrong = sorted(command.places - {*known, SEED, STEPS})
        if wrong:
            raise ModelError(f"model {self.name!r}: the command has a place {{{wrong[0]}}}, which is no parameter; "
                             f"there are: {', '.join([*known, SEED, STEPS])}; braces of its own are written twice")
        missing = [name for name in (*known, SEED) if name not in command.places]
        if missing:
            raise ModelError(f"model {self.name!r}: the command has no place for {missing[0]}: write {{{missing[0]}}} "
                             "where the program reads it")


def _words(command: Any) -> tuple[str, ...]:
    if isinstance(command, (str, bytes)) or not command or not all(isinstance(w, (str, Path)) for w in command):
        raise ModelError(f"command={shown(command)}: give the program and its arguments one by one, as "
                         "['./sim', '--beta', '{beta}', '--seed', '{seed}']")
    words = tuple(map(str, command))
    if shutil.which(words[0]) is None:
        raise ModelError(f"command {words[0]!r}: there is no such program that may be run; give its path, as './sim'")
    return words


class _NoNumber(Exception):
    """A row in which a number is missing."""


def _numbers(row: list[str], places: list[int]) -> list[float]:
    try:
        return [float(row[j]) for j in places]
    except (ValueError, IndexError):
        raise _NoNumber(row) from None


def _last_line(said: bytes) -> str:
    lines = [line.strip() for line in said.decode("utf-8", "replace").splitlines() if line.strip()]
    return lines[-1][:MOST_SAID] if lines else ""
