"""Expressions that a path follows in another way than lanes: what may stop early, and indices of its own."""

from __future__ import annotations

import ast
from typing import Any

from fastmas.language.following.actions import Action, Branch, Set
from fastmas.language.following.follower import Follower, follows_expression, states_set
from fastmas.language.graph import REAL, TALLY, WHOLE, Node
from fastmas.language.reading.expressions import OPERATORS, binary, both, element, is_condition, negation, select
from fastmas.language.reading.values import AgentsOf, Each
from fastmas.language.text import Table


@follows_expression(ast.BinOp)
def operation(reader: Follower, e: ast.BinOp) -> Any:
    """// and % take real numbers too."""
    a = reader.read(e.left)
    b = reader.read(e.right)
    sign = OPERATORS.get(type(e.op), ("", None))[0]
    differs = [x for x in (a, b) if isinstance(x, Node) and reader.kind(x) == REAL]
    if sign in ("//", "%") and differs:
        return reader.add(sign, reader.real(e, a), reader.real(e, b), e=e)
    return binary(reader, e, e.op, a, b)


# ---- what may stop early
def _tested(reader: Follower, e: ast.BoolOp, one: ast.expr) -> Any:
    return reader.test(e, reader.read(one))


@follows_expression(ast.BoolOp)
def logic(reader: Follower, e: ast.BoolOp) -> Any:
    """Conditions are joined; of numbers the value is one of them, as in Python."""
    op = "and" if isinstance(e.op, ast.And) else "or"
    value = reader.read(e.values[0])
    for one in e.values[1:]:
        test = reader.test(e, value)
        if not isinstance(test, Node):
            if test == (op == "or"):
                return value
            value = reader.read(one)
            continue
        before = reader.state.fork()
        actions, other = reader.captured(reader.read, one)
        if not _harmless(actions):
            value = _stopped_early(reader, e, (op, value), (actions, other))
            _forget(reader, before, actions)
            continue
        reader.actions += actions
        if all(is_condition(reader, v) for v in (value, other)):
            value = both(reader, e, op, [test, reader.test(e, other)])
        else:
            value = select(reader, e, test, (other, value) if op == "and" else (value, other))
    return value


def _stopped_early(reader: Follower, e: ast.BoolOp, first: tuple[str, Any], second: tuple[list[Action], Any]) -> Node:
    op, value = first
    name = reader.name_at(e)
    result = reader.set_variable(name, value)
    actions = reader.captured(reader.set_variable, name, second[1])[0]
    test = reader.test(e, result)
    reader.do(Branch(test if op == "and" else negation(reader, e, test), [*second[0], *actions], []))
    return reader.variable(name, result)


@follows_expression(ast.IfExp)
def conditional(reader: Follower, e: ast.IfExp) -> Any:
    test = reader.test(e, reader.read(e.test))
    if not isinstance(test, Node):
        return reader.read(e.body if test else e.orelse)
    before = reader.state.fork()
    ways, values = [], []
    for one in (e.body, e.orelse):
        actions, value = reader.captured(reader.read, one)
        ways.append(actions)
        values.append(value)
        reader.state = before.fork()
    if all(_harmless(actions) for actions in ways):
        reader.actions += [*ways[0], *ways[1]]
        return _selected(reader, e, test, (values[0], values[1]))
    name = reader.name_at(e)
    for actions, value in zip(ways, values, strict=True):
        actions.extend(reader.captured(reader.set_all, name, value)[0])
    _forget(reader, before, [*ways[0], *ways[1]])
    reader.do(Branch(test, ways[0], ways[1]))
    return reader.variable(name, values[0])


def _selected(reader: Follower, e: ast.IfExp, test: Node, ways: tuple[Any, Any]) -> Any:
    if all(isinstance(way, tuple) for way in ways) and len(ways[0]) == len(ways[1]):
        return tuple(_selected(reader, e, test, pair) for pair in zip(*ways, strict=True))
    if all(reader.whole(way) for way in ways):
        return reader.add("select", test, *ways, kind=WHOLE, e=e)
    return select(reader, e, test, ways)


def _harmless(actions: list[Action]) -> bool:
    """Whether these may be done for nothing: they only name values."""
    return all(isinstance(one, Set) for one in actions)


def _forget(reader: Follower, before: Any, actions: list[Action]) -> None:
    """States as they were, but for those that a way may have set."""
    reader.state = before
    for name in states_set(actions):
        reader.state.pop(name, None)


# ---- elements
@follows_expression(ast.Subscript)
def item(reader: Follower, e: ast.Subscript) -> Any:
    """An element of what a path indexes; an index beyond the ends stands for the first or the last."""
    if isinstance(e.slice, ast.Slice):
        raise reader.place.construct(e.slice)
    of = reader.read(e.value)
    index = reader.read(e.slice)
    if isinstance(of, AgentsOf):
        number = reader.add("load", of.name, safe_index(reader, e, of, index), e=e)
        return reader.keep(number, of.name)
    if not isinstance(index, Node) or index.kind == WHOLE:
        return element(reader, e)
    if isinstance(of, Each):
        p = reader.text.parameters[of.name]
        clipped = _clipped(reader, e, index, (p.n_agents or 1) - 1)
        return reader.add("each", of.name, clipped, kind=WHOLE if p.integer else REAL, e=e)
    if isinstance(of, Table):
        last = reader.add("-", reader.add("rows", of.name, kind=WHOLE), 1, kind=WHOLE)
        clipped = _clipped(reader, e, index, last)
        row = tuple(reader.add("entry", of.name, clipped, k, kind=WHOLE, e=e) for k in range(of.width))
        return row[0] if of.flat else row
    if isinstance(of, tuple) and of and all(reader.kind(one) for one in of):
        numbers = [reader.real(e, one) for one in of]
        return reader.add("chosen", _clipped(reader, e, index, len(of) - 1), *numbers, e=e)
    return element(reader, e)


def safe_index(reader: Follower, e: ast.Subscript, of: AgentsOf, index: Any) -> Any:
    """An index among all agents."""
    crowd = reader.text.crowd(reader.text.agents[of.name])
    if isinstance(index, int):
        if not 0 <= index < crowd:
            raise reader.refuse(e, "outside", index, crowd)
        return index
    if isinstance(index, Node) and index.op == "index" and _bound(reader, index) <= crowd:
        return index
    return _clipped(reader, e, index, crowd - 1)


def _bound(reader: Follower, index: Node) -> float:
    """How many turns a loop has at most, where options alone say so."""
    bound = index.args[0].args[0]
    if index.kind != WHOLE:
        return float("inf")
    if isinstance(bound, Node):
        return float(reader.text.options[bound.args[0]]) if bound.op == "option" else float("inf")
    return float(bound)


def _clipped(reader: Follower, e: ast.expr, index: Any, last: Any) -> Node:
    whole = reader.whole_part(e, index) if isinstance(index, Node) else index
    if not reader.whole(whole):
        raise reader.refuse(e, "index")
    return reader.add("clip", whole, last, kind=TALLY, e=e)
