"""What is measured of fastmas alone, or beside C: each file of this folder is one study, found by its name.

A study's file defines `STUDY`, a function of `Options` that yields rows: mappings with "study", and what it
found.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from fastmas.registry import find, parts

Row = dict[str, Any]


@dataclass(frozen=True)
class Options:
    """How much is measured."""

    repeats: int
    seed: int
    quick: bool
    device: str = "cpu"


Study = Callable[[Options], Iterator[Row]]


def get(name: str) -> Study:
    """The study of this name; ParameterError if there is none."""
    return find(__name__, "STUDY", name, "study")


def names(device: str = "cpu") -> list[str]:
    """All studies of a device; those of a GPU begin with "gpu"."""
    return [name for name in parts(__name__, "STUDY") if name.startswith("gpu") == (device != "cpu")]
