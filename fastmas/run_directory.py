"""The folder of one calibration: configuration, checkpoint, history and result, each file whole.

Nothing in it is ever unpickled. Times when a process may be killed: between any two calls, and in
the middle of one; the folder can be resumed all the same.
"""

from __future__ import annotations

import contextlib
import csv
import io
import json
import os
import re
import shlex
import shutil
import tempfile
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from fastmas import __version__
from fastmas.errors import OutputError, RunDirectoryError
from fastmas.files import (
    TEMPORARY,
    cannot_write,
    pack_tensors,
    plain,
    to_json,
    unpack_tensors,
    write_atomically,
)

try:
    import fcntl
except ImportError:  # not a POSIX system: two processes in one run go unnoticed there
    fcntl = None  # type: ignore[assignment]

FORMAT = "fastmas-run"
CONFIG, RESULT, HISTORY, CHECKPOINT, LOCK = (
    "config.json", "result.json", "history.csv", "checkpoint.safetensors", "lock")
# Files that `overwrite` may delete and `save_json` and `save_arrays` may write, besides the above.
OTHERS = ("baseline.json", "data.npz", "draws.npz", "network.npz", "sample.npz", "report.html")
FIGURES = "figures"


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
            Plain values; "format" and "version" are added.
        overwrite : bool
            Replace a run that is there: the files known to fastmas go, any others stay. A folder that is
            not a run is never touched.

        Raises
        ------
        RunDirectoryError
            If there is a run already, or something that is no run, or the run is in use.
        OutputError
            If the folder cannot be written.
        """
        path = Path(path)
        stamped = {**plain(dict(config)), "format": FORMAT, "version": __version__}
        try:
            if _is_occupied(path):
                _check_replaceable(path, overwrite)
                _replace_run(cls(path, stamped))
            else:
                _make_run(path, stamped)
        except OSError as error:
            raise cannot_write(path, error) from error
        return cls(path, stamped)

    @staticmethod
    def check(path: str | Path, *, overwrite: bool = False) -> None:
        """Raise what `create` would raise of a folder that cannot be made or replaced; nothing is written."""
        path = Path(path)
        if _is_occupied(path):
            _check_replaceable(path, overwrite)
        there = next(place for place in (path, *path.absolute().parents) if place.exists())
        if not (there.is_dir() and os.access(there, os.W_OK | os.X_OK)):
            raise OutputError(f"cannot write {path}: {there} is no folder that you may write in")

    @classmethod
    def open(cls, path: str | Path) -> RunDirectory:
        """Open a run that is there.

        Raises
        ------
        RunDirectoryError
            If it is missing, not a run, damaged, or of another version of fastmas. Versions that differ in
            their last number alone read each other's runs.
        """
        path = Path(path)
        if not path.is_dir():
            raise RunDirectoryError(f"{path} is no folder; give the --out of a calibration")
        if not (path / CONFIG).exists():
            raise RunDirectoryError(f"{path} is not a run directory: it has no {CONFIG}")
        config = _read_json(path / CONFIG)
        if not isinstance(config, dict) or config.get("format") != FORMAT:
            raise RunDirectoryError(f'{path} is not a run directory: {CONFIG} has no "format": "{FORMAT}"')
        _check_version(path, config.get("version"))
        return cls(path, config)

    @contextlib.contextmanager
    def lock(self) -> Iterator[None]:
        """Keep other processes out while the block runs; the system frees the lock of a killed one.

        Raises
        ------
        RunDirectoryError
            If another process holds it; names its id.
        """
        try:
            handle = os.open(self.path / LOCK, os.O_RDWR | os.O_CREAT, 0o666)
        except OSError as error:
            raise cannot_write(self.path / LOCK, error) from error
        try:
            self._take(handle)
            self._sweep()
            yield
        finally:
            os.close(handle)

    def _take(self, handle: int) -> None:
        try:
            if fcntl is not None:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            holder = os.read(handle, 32).decode("ascii", "replace").strip() or "unknown"
            raise RunDirectoryError(
                f"{self.path} is in use by process {holder}; wait until it ends, or stop it") from error
        except OSError as error:
            raise cannot_write(self.path / LOCK, error) from error
        os.ftruncate(handle, 0)
        os.write(handle, f"{os.getpid()}\n".encode("ascii"))

    def _sweep(self) -> None:
        """Remove what a killed process left half-written; only the holder of the lock may."""
        for leftover in self.path.glob(TEMPORARY):
            leftover.unlink(missing_ok=True)

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
            return unpack_tensors(_read(path))
        except ValueError as error:
            raise RunDirectoryError(
                f"{path} is damaged ({error}); restore it, or delete it and `fastmas resume "
                f"{shlex.quote(str(self.path))}` begins anew") from error

    # ------------------------------------------------------------------ results

    @property
    def has_result(self) -> bool:
        """Whether the run is finished."""
        return (self.path / RESULT).exists()

    def save_json(self, name: str, content: Any) -> None:
        """Write a JSON file such as "result.json"; NaN and infinities become null.

        Raises
        ------
        OutputError
            If it cannot be written.
        """
        write_atomically(self._file(name), to_json(content))

    def load_json(self, name: str) -> Any:
        """Content of a JSON file.

        Raises
        ------
        RunDirectoryError
            If it is missing or damaged.
        """
        return _read_json(self._file(name))

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
        """
        path = self._file(name)
        content = _read(path)
        try:
            with np.load(io.BytesIO(content), allow_pickle=False) as archive:
                return {key: archive[key] for key in archive.files}
        except (ValueError, OSError, EOFError, TypeError, AttributeError, zipfile.BadZipFile) as error:
            raise RunDirectoryError(f"{path} is damaged ({error}); restore it") from error

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
            header, *lines = list(csv.reader(_read(path).decode("utf-8").splitlines())) or [[]]
        except (ValueError, csv.Error) as error:
            raise RunDirectoryError(f"{path} is damaged ({error}); restore it") from error
        for number, line in enumerate(lines, start=2):
            if len(line) != len(header):
                raise RunDirectoryError(
                    f"{path} is damaged: line {number} has {len(line)} of {len(header)} cells; restore it")
        return [{key: _value(cell) for key, cell in zip(header, line, strict=True)} for line in lines]

    def _file(self, name: str) -> Path:
        if name not in (CONFIG, RESULT, *OTHERS):
            raise ValueError(f"{name!r} is no file of a run; the list is fastmas.run_directory.OTHERS")
        return self.path / name


# ---------------------------------------------------------------------- folders


def _is_occupied(path: Path) -> bool:
    if path.is_symlink() and not path.exists():
        raise RunDirectoryError(f"{path} is a link to nowhere; give --out another folder")
    if path.exists() and not path.is_dir():
        raise RunDirectoryError(f"{path} is a file; give --out another folder")
    return path.is_dir() and any(path.iterdir())


def _check_replaceable(path: Path, overwrite: bool) -> None:
    try:
        config = _read_json(path / CONFIG)
    except RunDirectoryError:
        config = None
    if not isinstance(config, dict) or config.get("format") != FORMAT:
        raise RunDirectoryError(
            f"{path} is neither empty nor a run directory, and nothing in it was touched; "
            "give --out another folder")
    if not overwrite:
        raise RunDirectoryError(
            f"{path} holds a run already; `fastmas resume {shlex.quote(str(path))}` continues it, "
            "--overwrite replaces it")


def _make_run(path: Path, config: dict[str, Any]) -> None:
    """Fill a folder beside the place, then move it there: a rename is whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(prefix=f".{path.name}.", suffix=".tmp", dir=path.parent))
    try:
        write_atomically(temporary / CONFIG, to_json(config))
        temporary.chmod(0o777 & ~_umask())  # mkdtemp makes folders that only the owner enters
        temporary.rename(path)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise


def _replace_run(run: RunDirectory) -> None:
    """Delete what is known, the configuration last: killed in between, the old run begins anew."""
    with run.lock():
        for name in (CHECKPOINT, RESULT, HISTORY, *OTHERS):
            (run.path / name).unlink(missing_ok=True)
        for figure in (run.path / FIGURES).glob("*.png"):
            figure.unlink()
        with contextlib.suppress(OSError):  # it is not there, or holds files of the user's
            (run.path / FIGURES).rmdir()
        write_atomically(run.path / CONFIG, to_json(run.config))


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def _check_version(path: Path, version: Any) -> None:
    if str(version).split(".")[:2] != __version__.split(".")[:2]:
        raise RunDirectoryError(
            f"{path} was made by fastmas {version} and this is fastmas {__version__}; "
            f"install fastmas=={version} to go on with it, or start anew in another folder")


# ---------------------------------------------------------------------- files


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise RunDirectoryError(f"{path} cannot be read: {error.strerror or error}") from error


def _read_json(path: Path) -> Any:
    try:
        return json.loads(_read(path))
    except ValueError as error:  # not JSON, or not even text
        raise RunDirectoryError(
            f"{path} is damaged ({error}); restore it, or start anew in another folder") from error


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
