"""Results as JSON lines: the first names the machine, its load and the versions, each other one is a row."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from fastmas.bench.machine import machine
from fastmas.files import write_atomically

Row = dict[str, Any]


def place_of(name: str) -> Path:
    """Where the results of a benchmark are kept."""
    return Path(__file__).parent / "results" / f"{name}.jsonl"


def head(**more: Any) -> Row:
    return {"machine": machine(), **more}


def read(path: Path) -> list[Row]:
    """The rows of a file, or none; a last line that was cut off is no row."""
    if not path.exists():
        return []
    whole = path.read_text(encoding="utf-8").rpartition("\n")[0]
    return [json.loads(line) for line in whole.splitlines() if line]


def begun(path: Path) -> list[Row]:
    """The rows of a file that goes on, without its head; a new one gets its head."""
    if not read(path):
        write(path, [head()])
    return read(path)[1:]


def write(path: Path, rows: Iterable[Row]) -> None:
    """Replace a file: whoever reads it sees the old rows or the new."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, "".join(map(_line, rows)))


def append(path: Path, row: Row) -> None:
    """Add a row to a file whose last line is whole; it is on the disk when this returns."""
    with path.open("a", encoding="utf-8") as file:
        file.write(_line(row))
        file.flush()
        os.fsync(file.fileno())


def _line(row: Row) -> str:
    return json.dumps(row, default=float) + "\n"
