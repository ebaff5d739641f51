"""The peers: each file of this folder is one, found by its name.

A peer's file defines `PEER`, an object with `versions()` and `prepare(task)`. Its library is imported when
it is asked for, never before.
"""

from __future__ import annotations

import importlib.metadata
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from fastmas.bench.tasks import Task
from fastmas.registry import find, parts

REFERENCE = "fastmas"


class LeftOut(Exception):
    """Why a peer has no figure: a missing library, or a task that it cannot do."""


@dataclass(frozen=True)
class Prepared:
    """A task that is ready to run.

    `call` takes a seed and returns the result in the peer's own form; `prices` turns it into an array
    (n_paths, n_steps + 1), outside the time that is measured. `compiles` says that a first call takes longer.
    """

    call: Callable[[int], Any]
    n_threads: int = 1
    prices: Callable[[Any], np.ndarray] = np.asarray
    compiles: bool = True


class Peer(Protocol):
    """See the module's docstring."""

    def versions(self) -> dict[str, str]:
        """What it is made of; LeftOut if something is missing."""

    def prepare(self, task: Task) -> Prepared:
        """Everything before the clock runs; LeftOut if it cannot do this task."""


def get(name: str) -> Peer:
    """The peer of this name; ParameterError if there is none."""
    return find(__name__, "PEER", name, "peer")


def names() -> list[str]:
    """All peers, the reference first."""
    return sorted(parts(__name__, "PEER"), key=lambda name: (name != REFERENCE, name))


def package_versions(*packages: str) -> dict[str, str]:
    """Versions of installed packages.

    Raises
    ------
    LeftOut
        If one is not installed.
    """
    found = {}
    for package in packages:
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            raise LeftOut(f"{package} is not installed: pip install 'fastmas[bench]'") from None
    return found
