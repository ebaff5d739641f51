"""What a path does, one thing after the other."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from fastmas.language.graph import Node

LOCAL = "local"  # the operation of a node that reads a name of a path


class Action:
    """One thing that a path does."""


@dataclass(eq=False)
class Set(Action):
    """A name gets a value."""

    name: str
    value: Any


@dataclass(eq=False)
class SetState(Action):
    """A state gets a value."""

    name: str
    value: Node


@dataclass(eq=False)
class SetAgent(Action):
    """An agent's number gets a value."""

    name: str
    index: Any
    value: Node


@dataclass(eq=False)
class Draw(Action):
    """A name gets what is drawn at a site."""

    name: str
    site: Node


@dataclass(eq=False)
class Branch(Action):
    """One of two ways."""

    test: Node
    body: list[Action]
    orelse: list[Action]


@dataclass(eq=False)
class Loop(Action):
    """Turns: over range(*bounds), or without end if there are none.

    `index` is the name of its index, `counter` that of the running number of its turns in a step, "" where these
    are one; `place` is the key of its statement.
    """

    node: Node | None
    bounds: tuple[Any, ...]
    body: list[Action]
    index: str = ""
    counter: str = ""
    place: Any = None


@dataclass(eq=False)
class Leave(Action):
    """Out of the innermost loop."""


@dataclass(eq=False)
class Next(Action):
    """On to the next turn of the innermost loop."""


def all_of(actions: list[Action]) -> Iterator[Action]:
    """These actions and those inside them."""
    for one in actions:
        yield one
        if isinstance(one, (Branch, Loop)):
            yield from all_of(one.body)
        if isinstance(one, Branch):
            yield from all_of(one.orelse)
