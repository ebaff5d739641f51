"""A text as its lowerings see it: the options and declarations of one model, and the syntax trees of its methods."""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from types import CodeType
from typing import Any, NamedTuple

from fastmas.errors import ModelError
from fastmas.language.refusals import REASONS, Place
from fastmas.model import Agents, Model, State, declared
from fastmas.parameters import Parameter, is_whole

WRITTEN_OUT = 31  # whole-number options up to it are written into a kernel; above it they are numbers of one kernel


@dataclass(frozen=True)
class Table:
    """An option that is a tuple of whole numbers, or of rows of them: loops over it are loops at run time."""

    name: str
    rows: tuple[tuple[int, ...], ...]
    flat: bool  # of numbers, not of rows

    @property
    def width(self) -> int:
        return len(self.rows[0])

    @property
    def value(self) -> tuple[Any, ...]:
        """The option as it was given."""
        return tuple(row[0] for row in self.rows) if self.flat else self.rows

    @property
    def room(self) -> int:
        """Rows set aside, so that a longer table rarely needs another kernel."""
        return 1 << max(3, (len(self.rows) - 1).bit_length())


class Method(NamedTuple):
    """A function of a text: its tree, with the lines of its file, and what its globals and closures reach."""

    name: str
    tree: ast.FunctionDef
    reached: Mapping[str, Any]
    place: Place

    @property
    def arguments(self) -> list[str]:
        return [a.arg for a in self.tree.args.args]


class Text:
    """What the rules of a model are made of.

    Parameters
    ----------
    model : Model
        Whose class has a `step`.
    """

    def __init__(self, model: Model) -> None:
        self.model, self.cls = model, type(model)
        self.options: dict[str, Any] = {k: v for k, v in model.config.items() if k not in ("mode", "relaxed")}
        self.relaxation = model.relaxation
        self.parameters: dict[str, Parameter] = {p.name: p for p in model.parameters}
        self.states: dict[str, State] = declared(self.cls, State)
        self.agents: dict[str, Agents] = declared(self.cls, Agents)
        self._methods: dict[str, Method] = {}
        self.codes: dict[str, CodeType] = {}  # what the oracle has made of methods

    @property
    def name(self) -> str:
        return self.model.name

    @cached_property
    def tables(self) -> dict[str, Table]:
        found = {name: table_of(name, value) for name, value in self.options.items()}
        return {name: table for name, table in found.items() if table is not None}

    @cached_property
    def at_run_time(self) -> tuple[str, ...]:
        """Options that are numbers of a kernel."""
        return tuple(n for n, v in self.options.items() if type(v) is int and v > WRITTEN_OUT)

    def crowd(self, agents: Agents) -> int:
        """How many numbers an `Agents` has."""
        return int(self.options[agents.n] if isinstance(agents.n, str) else agents.n)

    def has(self, name: str) -> bool:
        """Whether the class has a method of this name."""
        return name in self.cls.sources

    def method(self, name: str) -> Method:
        """The method of this name.

        Raises
        ------
        ModelError
            If its source cannot be found.
        """
        if name not in self._methods:
            value = inspect.getattr_static(self.cls, name)
            self._methods[name] = self._read(name, value.fget if isinstance(value, property) else value)
        return self._methods[name]

    def _read(self, name: str, function: Any) -> Method:
        source = self.cls.sources.get(name)
        if source is None:
            reason, remedy = (text.format(f"{self.cls.__name__}.{name}") for text in REASONS["source"])
            raise ModelError(f"model {self.name!r}: {reason}; {remedy}")
        return read(name, function, source)


def read(name: str, function: Any, source: Any) -> Method:
    """The syntax tree of a function, its lines numbered as in its file."""
    tree = ast.parse(textwrap.dedent(source.text)).body[0]
    assert isinstance(tree, ast.FunctionDef)
    ast.increment_lineno(tree, source.first_line - 1)
    reached = {**function.__globals__, **inspect.getclosurevars(function).nonlocals}
    return Method(name, tree, reached, Place(source.file, source.lines()))


@cache
def locals_of(tree: ast.FunctionDef) -> frozenset[str]:
    """The names that a function sets: Python looks for them nowhere else."""
    return frozenset(n.id for n in ast.walk(tree) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store))


def table_of(name: str, value: Any) -> Table | None:
    """The table that an option is, if it is one."""
    if not isinstance(value, tuple) or not value:
        return None
    if all(is_whole(one) for one in value):
        return Table(name, tuple((int(one),) for one in value), True)
    rows = [one for one in value if isinstance(one, tuple) and one and all(is_whole(x) for x in one)]
    if len(rows) < len(value) or len({len(row) for row in rows}) > 1:
        return None
    return Table(name, tuple(tuple(int(x) for x in row) for row in rows), False)
