"""Values of a text that are no numbers: what may be indexed, looped over or called."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Each:
    """A parameter of which every agent has a value of its own."""

    name: str


@dataclass(frozen=True)
class AgentsOf:
    """The numbers of the agents."""

    name: str


@dataclass(frozen=True)
class RangeOf:
    """range(bound)."""

    bound: Any


@dataclass(frozen=True)
class DrawOf:
    """A method of draw; "" for draw itself."""

    name: str


@dataclass(frozen=True)
class MethodOf:
    """A method of the model."""

    name: str
