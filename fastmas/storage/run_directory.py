"""The folder of one calibration: configuration, checkpoint, history and result, each file whole.

Nothing in it is ever unpickled, and no link in it is followed. Times when a process may be killed: between any two
calls, and in the middle of one; the folder can be resumed all the same.

A run that replaces another is made in the folder SUCCESSOR inside it, and takes its place when it is finished: until
then the old one is whole (`fastmas.storage.replacing`).
"""

from __future__ import annotations

import csv
import io
import os
import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from fastmas import __version__
from fastmas.errors import FastmasError, Interrupted, OutputError, RunDirectoryError
from fastmas.files import cannot_write, pack_tensors, to_json, unpack_tensors, write_atomically
from fastmas.storage import digests
from fastmas.storage.layout import (
    CHECKPOINT,
    CONFIG,
    FORMAT,
    HISTORY,
    OTHERS,
    RESULT,
    SUCCESSOR,
    read,
    read_arrays,
    read_json,
)
from fastmas.storage.locking import locked
from fastmas.storage.replacing import (
    check_replaceable,
    discard,
    drop_successor,
    is_occupied,
    make_folder,
    recover,
    replace_by_successor,
    successor,
)


class RunDirectory:
    """One run on disk; make it with `create` or `open`."""

    def __init__(self, path: Path, config: dict[str, Any]) -> None:
        self.path = path
        self.config = config

    # ------------------------------------------------------------------ create and open

    @classmethod
    def create(cls, path: str | Path, config: Mapping[str, Any], *, overwrite: bool = False) -> RunDirectory:
        """Make the folder, with config.json in it from its first moment on.

        Parameters
        ----------
        config : mapping
            Plain values; "format", "version" and "digest" are added.
        overwrite : bool
            Replace a run that is there, when the new one is finished (`finish`): the files known to fastmas go, any
            others stay. A folder that is not a run is never touched.

        Raises
        ------
        RunDirectoryError
            If there is a run already, or something that is no run.
        OutputError
            If the folder cannot be written.
        """
        path = Path(path)
        content = digests.stamped({**config, "format": FORMAT, "version": __version__})
        try:
            if not is_occupied(path):
                make_folder(path, content)
                return cls(path, content)
            check_replaceable(path, overwrite)
            drop_successor(path)
            make_folder(path / SUCCESSOR, content)
        except OSError as error:
            raise cannot_write(path, error) from error
        return cls(path / SUCCESSOR, content)

    @classmethod
    @contextmanager
    def begin(cls, path: str | Path, config: Mapping[str, Any], *, overwrite: bool = False) -> Iterator[RunDirectory]:
        """`create`, with other processes kept out from before the first file until the block ends.

        A run that a fault ends before its first checkpoint is deleted.

        Raises
        ------
        RunDirectoryError, OutputError
            As `create`, or another process is in.
        """
        home = Path(path)
        with ExitStack() as stack:
            if is_occupied(home):
                check_replaceable(home, overwrite)
                stack.enter_context(locked(home))
                run = cls.create(home, config, overwrite=overwrite)
            else:
                run = cls.create(home, config, overwrite=overwrite)
                stack.enter_context(locked(home))
            try:
                yield run
            except FastmasError as error:
                if not isinstance(error, Interrupted) and not (run.path / CHECKPOINT).exists():
                    discard(run.path)
                raise

    @staticmethod
    def check(path: str | Path, *, overwrite: bool = False) -> None:
        """Raise what `create` would raise of a folder that cannot be made or replaced; nothing is written."""
        path = Path(path)
        if is_occupied(path):
            check_replaceable(path, overwrite)
        there = next(place for place in (path, *path.absolute().parents) if place.exists())
        if not (there.is_dir() and os.access(there, os.W_OK | os.X_OK)):
            raise OutputError(f"cannot write {path}: {there} is no folder that you may write in")

    @classmethod
    def open(cls, path: str | Path, *, unfinished: bool = False) -> RunDirectory:
        """Open a run that is there.

        Parameters
        ----------
        unfinished : bool
            The one that replaces it, if there is one.

        Raises
        ------
        RunDirectoryError
            If it is missing, not a run, damaged, changed, or of another version of fastmas. Versions that differ in
            their last number alone read each other's runs.
        """
        path = Path(path)
        if not path.is_dir():
            raise RunDirectoryError(f"{path} is no folder; give the --out of a calibration")
        recover(path)
        path = (unfinished and successor(path)) or path
        if not (path / CONFIG).exists():
            raise RunDirectoryError(f"{path} is not a run directory: it has no {CONFIG}")
        config = read_json(path / CONFIG)
        if not isinstance(config, dict) or config.get("format") != FORMAT:
            raise RunDirectoryError(f'{path} is not a run directory: {CONFIG} has no "format": "{FORMAT}"')
        _check_version(path, config.get("version"))
        digests.check(path / CONFIG, config)
        return cls(path, config)

    @property
    def home(self) -> Path:
        """The folder that the user named."""
        return self.path.parent if self.path.name == SUCCESSOR else self.path

    def finish(self) -> RunDirectory:
        """Put a run that has its result in the place of the one that it replaces.

        Raises
        ------
        OutputError
            If the folder cannot be written; `open` or `create` goes on where this stopped.
        """
        if self.path == self.home:
            return self
        try:
            replace_by_successor(self.home)
        except OSError as error:
            raise cannot_write(self.home, error) from error
        return RunDirectory(self.home, self.config)

    def lock(self) -> AbstractContextManager[None]:
        """Keep other processes out while the block runs; see `fastmas.storage.locking.locked`."""
        return locked(self.home)

    # ------------------------------------------------------------------ checkpoint

    def save_checkpoint(self, arrays: Mapping[str, np.ndarray], state: Mapping[str, Any]) -> None:
        """Replace the checkpoint by these arrays and this state.

        Parameters
        ----------
        arrays : mapping of str to ndarray
            Numbers or bools of any shape; they come back bit for bit.
        state : mapping
            Values for JSON. NaN and infinities come back as they are, tuples as lists.

        Raises
        ------
        ValueError
            If an array holds neither numbers nor bools.
        OutputError
            If it cannot be written; the checkpoint before it is untouched then.
        """
        write_atomically(self.path / CHECKPOINT, pack_tensors(arrays, state))

    def load_checkpoint(self) -> tuple[dict[str, np.ndarray], dict[str, Any]] | None:
        """The arrays and the state of the last `save_checkpoint`, or None if there was none.

        Raises
        ------
        RunDirectoryError
            If the file is damaged.
        """
        path = self.path / CHECKPOINT
        if not path.exists():
            return None
        try:
            return unpack_tensors(read(path))
        except ValueError as error:
            raise RunDirectoryError(
                f"{path} is damaged ({error}); restore it, or delete it and `fastmas resume "
                f"{shlex.quote(str(self.home))}` begins anew") from error

    # ------------------------------------------------------------------ results

    @property
    def has_result(self) -> bool:
        """Whether the run is finished."""
        return (self.path / RESULT).exists()

    def save_json(self, name: str, content: Mapping[str, Any]) -> None:
        """Write a JSON object such as "result.json", with its digest; NaN and infinities become null.

        Raises
        ------
        OutputError
            If it cannot be written.
        """
        write_atomically(self._file(name), to_json(digests.stamped(content)))

    def load_json(self, name: str) -> Any:
        """What `save_json` was given.

        Raises
        ------
        RunDirectoryError
            If it is missing, damaged, or was changed.
        """
        content = read_json(self._file(name))
        return digests.unstamped(self._file(name), content)

    def save_arrays(self, name: str, arrays: Mapping[str, np.ndarray]) -> None:
        """Write arrays of numbers, bools or text into a file such as "sample.npz".

        Raises
        ------
        ValueError
            If an array holds Python objects, which would have to be pickled.
        OutputError
            If it cannot be written.
        """
        for key, array in arrays.items():
            if np.asarray(array).dtype.hasobject:
                raise ValueError(f"array {key!r} holds Python objects")
        buffer = io.BytesIO()
        np.savez_compressed(buffer, **arrays)  # type: ignore[arg-type]
        write_atomically(self._file(name), buffer.getvalue())

    def load_arrays(self, name: str) -> dict[str, np.ndarray]:
        """Arrays of a file such as "sample.npz".

        Raises
        ------
        RunDirectoryError
            If it is missing or damaged.
        MemoryLimitError
            If what is packed in it needs more memory than there is.
        """
        return read_arrays(self._file(name))

    def save_history(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Write history.csv, one row a generation; a column for every key, empty where a row lacks it.

        Raises
        ------
        OutputError
            If it cannot be written.
        """
        columns = list(dict.fromkeys(key for row in rows for key in row))
        buffer = io.StringIO()
        writer = csv.DictWriter(buffer, columns, restval="", lineterminator="\n")
        writer.writeheader()
        writer.writerows({key: _cell(value) for key, value in row.items()} for row in rows)
        write_atomically(self.path / HISTORY, buffer.getvalue())

    def load_history(self) -> list[dict[str, Any]]:
        """Rows of history.csv, numbers as numbers and empty cells as None; none before the first.

        Raises
        ------
        RunDirectoryError
            If the file is damaged.
        """
        path = self.path / HISTORY
        if not path.exists():
            return []
        try:
            header, *lines = list(csv.reader(read(path).decode("utf-8").splitlines())) or [[]]
        except (ValueError, csv.Error) as error:
            raise RunDirectoryError(f"{path} is damaged ({error}); restore it") from error
        for number, line in enumerate(lines, start=2):
            if len(line) != len(header):
                raise RunDirectoryError(
                    f"{path} is damaged: line {number} has {len(line)} of {len(header)} cells; restore it")
        return [{key: _value(cell) for key, cell in zip(header, line, strict=True)} for line in lines]

    def _file(self, name: str) -> Path:
        if name not in (CONFIG, RESULT, *OTHERS):
            raise ValueError(f"{name!r} is no file of a run; the list is fastmas.storage.layout.OTHERS")
        return self.path / name


def _check_version(path: Path, version: Any) -> None:
    if str(version).split(".")[:2] != __version__.split(".")[:2]:
        raise RunDirectoryError(
            f"{path} was made by fastmas {version} and this is fastmas {__version__}; "
            f"install fastmas=={version} to go on with it, or start anew in another folder")


def _cell(value: Any) -> Any:
    if value is None:
        return ""
    if isinstance(value, (np.ndarray, np.generic)):
        value = value.item()
    return int(value) if isinstance(value, bool) else value


def _value(cell: str) -> Any:
    if cell == "":
        return None
    if re.fullmatch(r"[+-]?\d+", cell):
        return int(cell)
    try:
        return float(cell)
    except ValueError:
        return cell
