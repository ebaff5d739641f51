"""The folder of a study of many runs: its design, rows as they come, and what is made of them."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar

from fastmas import __version__
from fastmas.errors import RunDirectoryError
from fastmas.files import cannot_write, plain, to_json, write_atomically
from fastmas.storage.locking import locked

DESIGN, ROWS = "design.json", "rows.jsonl"

Row = dict[str, Any]


class StudyFolder:
    """One study on disk; `rows` are those on record.

    A folder that holds the same design goes on with its rows; what the design does not name may change. A kind of
    study sets `format`, what it is called, and the files that are `made` of the rows.

    Raises
    ------
    RunDirectoryError
        It holds something else, another design, or a damaged row; nothing is changed then.
    OutputError
        It cannot be written.
    """

    format: ClassVar[str]
    kind: ClassVar[str]
    made: ClassVar[tuple[str, ...]]

    def __init__(self, path: str | Path, identity: Mapping[str, Any], *, overwrite: bool = False) -> None:
        self.path, self.rows = Path(path), list[Row]()
        wanted = json.loads(to_json({**identity, "format": self.format, "version": __version__}))
        try:
            self._open(wanted, overwrite)
        except OSError as error:
            raise cannot_write(self.path, error) from error

    def _open(self, wanted: Row, overwrite: bool) -> None:
        if self.path.exists() and not self.path.is_dir():
            raise RunDirectoryError(f"{self.path} is a file; name a folder")
        there = self.path.is_dir() and any(self.path.iterdir())
        if there and not (self.path / DESIGN).exists():
            raise RunDirectoryError(f"{self.path} holds something else: it has no {DESIGN}; name another folder")
        if there and not overwrite:
            self._check(wanted)
            self.rows = self._read()
            return
        self.path.mkdir(parents=True, exist_ok=True)
        for name in (*self.made, ROWS):
            (self.path / name).unlink(missing_ok=True)
        write_atomically(self.path / DESIGN, to_json(wanted))

    def _check(self, wanted: Row) -> None:
        try:
            kept = json.loads((self.path / DESIGN).read_text("utf-8"))
        except ValueError as error:
            raise RunDirectoryError(f"{self.path / DESIGN} is damaged ({error}); --overwrite begins anew") from error
        if not isinstance(kept, dict) or kept.get("format") != self.format:
            raise RunDirectoryError(f"{self.path} is no {self.kind}; name another folder")
        for name, value in wanted.items():
            if kept.get(name) != value:
                raise RunDirectoryError(f"{self.path} holds a different {self.kind}, with {name}={kept.get(name)!r}, "
                                        f"not {value!r}: --overwrite replaces it, or name another folder")

    def _read(self) -> list[Row]:
        """All rows; the last one, if a kill has cut it, is gone from the file too."""
        file = self.path / ROWS
        if not file.exists():
            return []
        whole, _, rest = file.read_bytes().rpartition(b"\n")
        rows = []
        for number, line in enumerate(whole.splitlines(), start=1):
            try:
                rows.append(json.loads(line))
            except ValueError as error:
                raise RunDirectoryError(f"{file}, line {number}, is damaged; delete it, or give --overwrite") from error
        if rest:
            write_atomically(file, whole + b"\n" if whole else b"")
        return rows

    def add(self, row: Row) -> None:
        """Put a row on record, on disk before this returns."""
        row = plain(row)
        try:
            with open(self.path / ROWS, "a", encoding="utf-8") as file:
                file.write(json.dumps(row, allow_nan=False) + "\n")
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise cannot_write(self.path / ROWS, error) from error
        self.rows.append(row)

    def write(self, name: str, content: bytes | str) -> None:
        """A file of the folder, whole or not at all."""
        write_atomically(self.path / name, content)

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Keep other processes out; RunDirectoryError names the one that is in."""
        with locked(self.path):
            yield
