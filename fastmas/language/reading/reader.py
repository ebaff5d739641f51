"""The reader of a text: its state while it reads, and the tables of what it can read."""

from __future__ import annotations

import ast
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from fastmas.language.graph import BOOL, FLAG, REAL, TALLY, WHOLE, Block, Node, constant, fresh, mark, pure
from fastmas.language.reading.values import AgentsOf, Each
from fastmas.language.refusals import Place, Refused
from fastmas.language.text import Method, Table, Text

NOT_SET = object()  # of a name that has a value on one way only
STATEMENTS: dict[type, Callable[[Reader, Any], Any]] = {}
EXPRESSIONS: dict[type, Callable[[Reader, Any], Any]] = {}


@dataclass(frozen=True, eq=False)
class Site:
    """A place of the text where something is drawn: each has random numbers of its own."""

    node: Node
    key: Any  # (calls around it, line, column, turns of unrolled loops): what the oracle finds it by
    name: str = ""  # given in the text


@dataclass(frozen=True, eq=False)
class Returned:
    """What a `return` has given back, and where it stands."""

    value: Any
    statement: ast.Return


@dataclass(eq=False)
class Graph:
    """A method of a text as a graph."""

    text: Text
    once: Block
    step: Block
    sites: list[Site] = field(default_factory=list)
    look_back: dict[str, dict[str, int]] = field(default_factory=dict)  # state -> word -> how many steps at most
    more_agents: dict[str, int] = field(default_factory=dict)  # arrays that calculus adds, with their lengths


def reads_statement(kind: type) -> Callable[[Any], Any]:
    """Register the function that reads statements of this kind."""
    def register(function: Any) -> Any:
        STATEMENTS[kind] = function
        return function
    return register


def reads_expression(kind: type) -> Callable[[Any], Any]:
    """Register the function that reads expressions of this kind."""
    def register(function: Any) -> Any:
        EXPRESSIONS[kind] = function
        return function
    return register


class Reader:
    """Reads methods of one text into one graph.

    What it reads are values: nodes, where they differ between paths or steps, and plain Python values, where they
    are known now.
    """

    def __init__(self, text: Text, relaxed: str = "", started: bool = True) -> None:
        self.text, self.relaxed, self.started = text, relaxed, started
        once = Block()
        self.graph = Graph(text, once, Block(parent=once))
        self.block = self.graph.step
        self.env: dict[str, Any] = {}
        self.state: dict[str, Any] = {}
        self.soft: set[Node] = set()  # relaxed decisions: numbers in (0, 1) where the exact model has yes or no
        self.calls: tuple[Any, ...] = ()  # of methods, around what is read
        self.turns: tuple[int, ...] = ()  # of unrolled loops
        self.ways: list[Node] = []  # conditions of the choices around what is read
        self.asking: list[str] = []  # names whose largest value is being found
        self.method: Method = text.method("step" if started else "start")

    @property
    def place(self) -> Place:
        return self.method.place

    def run(self, name: str, arguments: tuple[str, ...]) -> Graph:
        """Read a method from outside; its arguments must have these names."""
        self.begin(name, arguments)
        self.state = {n: pure(self.block, "state", n, mark(self.block)) for n in self.text.states}
        self.read_method(self.method.tree.body)
        self.graph.step.outputs = {n: self.real(self.method.tree, v) for n, v in self.state.items()}
        return self.graph

    def begin(self, name: str, arguments: tuple[str, ...]) -> None:
        """Stand at the head of a method."""
        self.method = self.text.method(name)
        if tuple(self.method.arguments) != arguments:
            raise self.refuse(self.method.tree, "signature" if name == "step" else "start")
        if "t" in arguments:
            self.env["t"] = pure(self.block, "t", mark(self.block), kind=WHOLE)

    # ---- what reading is made of
    def read_method(self, body: list[ast.stmt]) -> Any:
        """Read all of a method; the value that it returns."""
        returned = self.read_body(body)
        return None if returned is None else returned.value

    def read_body(self, body: list[ast.stmt]) -> Returned | None:
        """Read statements, up to a `return`."""
        for statement in body:
            if isinstance(statement, ast.Return):
                return Returned(None if statement.value is None else self.read(statement.value), statement)
            returned = self.read_statement(statement)
            if returned is not None:
                return returned
        return None

    def read_statement(self, s: ast.stmt) -> Returned | None:
        read = STATEMENTS.get(type(s))
        if read is None:
            raise self.place.construct(s)
        return read(self, s)

    def read_inner(self, body: list[ast.stmt]) -> None:
        """Read statements that not all paths run, or not once: they cannot return."""
        returned = self.read_body(body)
        if returned is not None:
            raise self.place.construct(returned.statement)

    def read(self, e: ast.expr) -> Any:
        """The value of an expression."""
        read = EXPRESSIONS.get(type(e))
        if read is None:
            raise self.place.construct(e)
        return read(self, e)

    def refuse(self, e: Any, key: str, *seen: Any) -> Refused:
        return self.place.refuse(e, key, *seen)

    def argument(self, value: Any) -> Any:
        """A value that is handed to a method."""
        return value

    def whole_part(self, e: ast.expr, value: Any) -> Any:
        """int(value)."""
        raise self.place.not_for_lanes(e, "whole part")

    def held_by(self, local: Node) -> list[Any]:
        """All values that a name of a path gets."""
        return []

    def add(self, op: str, *args: Any, kind: str = REAL, e: Any = None) -> Node:
        return pure(self.block, op, *args, kind=kind, line=getattr(e, "lineno", 0))

    def draw_site(self, e: ast.Call, op: str, *args: Any, kind: str = REAL, name: str = "") -> Node:
        """A new place where something is drawn."""
        node = fresh(self.block, op, *args, kind=kind, line=e.lineno)
        for other in self.graph.sites:
            if name and other.name == name:
                raise self.refuse(e, "name twice", name)
        self.graph.sites.append(Site(node, self.key_of(e), name))
        return node

    def key_of(self, e: ast.expr | ast.stmt) -> Any:
        return self.calls, e.lineno, e.col_offset, self.turns

    # ---- the relaxed twin
    def temperature(self) -> Node:
        """The width of relaxed decisions, a parameter of the relaxed twin."""
        return pure(self.graph.once, "param", "temperature", kind=REAL)

    def soften(self, node: Node) -> Node:
        """This node, as a relaxed decision."""
        self.soft.add(node)
        return node

    # ---- kinds
    def kind(self, value: Any) -> str:
        """What kind of value this is; "" for what is no number."""
        if isinstance(value, Node):
            return value.kind
        if isinstance(value, (bool, np.bool_)):
            return FLAG
        if isinstance(value, (int, np.integer)):
            return WHOLE
        return REAL if isinstance(value, (float, np.floating)) else ""

    def real(self, e: Any, value: Any) -> Node:
        """A value as a real number."""
        kind = self.kind(value)
        if not kind and isinstance(value, (Each, AgentsOf)):
            raise self.refuse(e, "all of them", value.name)
        if not kind:
            raise self.refuse(e, "mixed")
        if not isinstance(value, Node):
            return constant(self.block, float(value))
        return value if kind == REAL else self.add("number", value)

    def whole(self, value: Any) -> bool:
        """Whether a value is a whole number that all paths share."""
        return self.kind(value) == WHOLE

    def countable(self, value: Any) -> bool:
        """Whether a value is a whole number, perhaps of the path."""
        return self.kind(value) in (WHOLE, TALLY)

    def test(self, e: Any, value: Any) -> Any:
        """A value as a condition."""
        kind = self.kind(value)
        if isinstance(value, Node) and (kind in (BOOL, FLAG) or value in self.soft):
            return value
        if isinstance(value, Node):
            nothing = constant(self.block, 0.0) if kind == REAL else 0
            return self.add("!=", value, nothing, kind=FLAG if kind == WHOLE else BOOL, e=e)
        if isinstance(value, Table):
            return True  # an empty one is a tuple
        if not kind and value is not None and not isinstance(value, (str, tuple)):
            raise self.refuse(e, "no choice")
        return bool(value)
