"""Expressions of a text: numbers, names, members, operators, comparisons."""

from __future__ import annotations

import ast
import builtins
import inspect
import math
import operator
from collections.abc import Callable, Container
from operator import attrgetter
from typing import Any, TypeGuard

from fastmas.language.graph import BOOL, FLAG, REAL, TALLY, WHOLE, Node, Term, mark, pure
from fastmas.language.reading.reader import NOT_SET, Reader, reads_expression
from fastmas.language.reading.values import AgentsOf, DrawOf, Each, MethodOf
from fastmas.language.text import Table, Text, locals_of

OPERATORS: dict[type, tuple[str, Any]] = {
    ast.Add: ("+", operator.add), ast.Sub: ("-", operator.sub), ast.Mult: ("*", operator.mul),
    ast.Div: ("/", operator.truediv), ast.FloorDiv: ("//", operator.floordiv), ast.Mod: ("%", operator.mod),
    ast.Pow: ("**", operator.pow)}
COMPARISONS: dict[type, tuple[str, Any]] = {
    ast.Lt: ("<", operator.lt), ast.LtE: ("<=", operator.le), ast.Gt: (">", operator.gt), ast.GtE: (">=", operator.ge),
    ast.Eq: ("==", operator.eq), ast.NotEq: ("!=", operator.ne)}
MOST_CHOSEN = 32  # elements of a tuple that t, or a loop's own number, may index
LARGEST_POWER = 64  # of a whole exponent that is written as products


def of_self(e: ast.AST) -> TypeGuard[ast.Attribute]:
    """Whether this is self.NAME."""
    return isinstance(e, ast.Attribute) and isinstance(e.value, ast.Name) and e.value.id == "self"


def as_read(target: ast.expr) -> ast.expr:
    """What is assigned to, as an expression."""
    made = ast.parse(ast.unparse(target), mode="eval").body
    for node in ast.walk(made):
        ast.copy_location(node, target)
    return made


# ---- names and members
@reads_expression(ast.Constant)
def literal(reader: Reader, e: ast.Constant) -> Any:
    return e.value


@reads_expression(ast.Tuple)
def elements(reader: Reader, e: ast.Tuple) -> Any:
    return tuple(reader.read(one) for one in e.elts)


@reads_expression(ast.Name)
def name(reader: Reader, e: ast.Name) -> Any:
    if e.id in reader.env:
        value = reader.env[e.id]
        if value is NOT_SET:
            raise reader.refuse(e, "one way", e.id)
        return value
    if e.id == "draw" and "draw" in reader.method.arguments:
        return DrawOf("")
    if e.id == "self" and "self" in reader.method.arguments:
        raise reader.refuse(e, "self")
    if e.id in locals_of(reader.method.tree):
        raise reader.refuse(e, "unknown", e.id)
    if e.id in reader.method.reached:
        return reader.method.reached[e.id]
    if hasattr(builtins, e.id):
        return getattr(builtins, e.id)
    raise reader.refuse(e, "unknown", e.id)


@reads_expression(ast.Attribute)
def attribute(reader: Reader, e: ast.Attribute) -> Any:
    if of_self(e):
        return member(reader, e)
    of = reader.read(e.value)
    if isinstance(of, DrawOf) and not of.name:
        return DrawOf(e.attr)
    if isinstance(of, Node) or not hasattr(of, e.attr):
        raise reader.refuse(e, "unknown", ast.unparse(e))
    return getattr(of, e.attr)


def member(reader: Reader, e: ast.Attribute) -> Any:
    """self.NAME: a state as it is now, a parameter, an option, a constant."""
    name, text = e.attr, reader.text
    for declared, read in MEMBERS:
        if name in declared(text):
            return read(reader, name)
    value = inspect.getattr_static(text.cls, name, NOT_SET)
    if value is NOT_SET or type(value) in (type(one) for one in (*text.parameters.values(), *text.states.values())):
        raise reader.refuse(e, "no member", name)
    if isinstance(value, property):
        return reader.read(ast.copy_location(ast.Call(e, [], []), e))
    return MethodOf(name) if text.has(name) else value


def _parameter(reader: Reader, name: str) -> Any:
    one = reader.text.parameters[name]
    if one.n_agents is not None:
        return Each(name)
    return pure(reader.graph.once, "integer" if one.integer else "param", name, kind=WHOLE if one.integer else REAL)


# What a class declares, and what a name of it is worth; the first that has the name.
MEMBERS: tuple[tuple[Callable[[Text], Container[str]], Callable[[Reader, str], Any]], ...] = (
    (attrgetter("states"), lambda reader, name: reader.state[name]),
    (attrgetter("parameters"), _parameter),
    (attrgetter("agents"), lambda reader, name: AgentsOf(name)),
    (attrgetter("tables"), lambda reader, name: reader.text.tables[name]),
    (attrgetter("at_run_time"), lambda reader, name: pure(reader.graph.once, "option", name, kind=WHOLE)),
    (attrgetter("options"), lambda reader, name: reader.text.options[name]),
)


@reads_expression(ast.Subscript)
def element(reader: Reader, e: ast.Subscript) -> Any:
    of = reader.read(e.value)
    if isinstance(e.slice, ast.Slice):
        raise reader.place.construct(e.slice)
    index = reader.read(e.slice)
    if isinstance(of, AgentsOf):
        return _agent(reader, e, of, index)
    if isinstance(of, Table) and isinstance(index, Node) and reader.whole(index):
        row = tuple(reader.add("entry", of.name, index, k, kind=WHOLE, e=e) for k in range(of.width))
        return row[0] if of.flat else row
    if isinstance(of, Table):
        of = tuple(row[0] if of.flat else row for row in of.rows)
    if isinstance(of, Each):
        if not reader.whole(index):
            raise reader.place.not_for_lanes(e, "index")
        one = reader.text.parameters[of.name]
        if not isinstance(index, Node) and not 0 <= index < (one.n_agents or 0):
            raise reader.refuse(e, "outside", index, one.n_agents)
        integer = one.integer
        return reader.add("each", of.name, index, kind=WHOLE if integer else REAL, e=e)
    if isinstance(of, tuple):
        if 0 < len(of) <= MOST_CHOSEN and reader.whole(index) and isinstance(index, Node) and all(map(reader.kind, of)):
            return _chosen(reader, e, of, index)
        if not isinstance(index, int):
            raise reader.place.not_for_lanes(e, "index")
        if not 0 <= index < len(of):
            raise reader.refuse(e, "outside", index, len(of))
        return of[index]
    raise reader.refuse(e, "no elements")


def _chosen(reader: Reader, e: ast.Subscript, of: tuple[Any, ...], index: Node) -> Any:
    """The element at an index that all paths share."""
    out = of[-1]
    for k in reversed(range(len(of) - 1)):
        out = select(reader, e, reader.add("==", index, k, kind=FLAG, e=e), (of[k], out))
    return out


def _agent(reader: Reader, e: ast.Subscript, of: AgentsOf, index: Any) -> Node:
    """An agent's number: as this turn has set it, or as it was; of an agent that the path picks, as it was."""
    if not reader.whole(index):
        return reader.add("pick", of.name, reader.real(e, index), *_now(reader, of.name), e=e)
    crowd = reader.text.crowd(reader.text.agents[of.name])
    if not isinstance(index, Node) and not 0 <= index < crowd:
        raise reader.refuse(e, "outside", index, crowd)
    for block in reader.block.outwards():
        if (of.name, index) in block.stores:
            return block.stores[of.name, index]
    return load(reader, of.name, index, e)


def load(reader: Reader, name: str, index: Any, e: Any = None) -> Node:
    """An agent's number, as this turn has found it."""
    return reader.add("load", name, index, *_now(reader, name), e=e)


def _now(reader: Reader, name: str) -> tuple[Node, ...]:
    """Ties a read of agents' numbers to the loops before it that set some, to the turns that do, and to the step."""
    ties = []
    for block in reader.block.outwards():
        ties += [n for n in block.nodes if n.body is not None and n.body.ends][-1:]
        if name in block.sets and block.loop is not None:
            ties.append(block.loop.args[1])
    return (*ties, mark(reader.block))


# ---- operators
@reads_expression(ast.BinOp)
def operation(reader: Reader, e: ast.BinOp) -> Any:
    return binary(reader, e, e.op, reader.read(e.left), reader.read(e.right))


def binary(reader: Reader, e: Any, op: ast.operator, a: Any, b: Any) -> Any:
    """a OP b, of whole numbers as whole numbers."""
    if type(op) not in OPERATORS:
        raise reader.refuse(e, "operator", type(op).__name__)
    sign, python = OPERATORS[type(op)]
    for value in (a, b):
        if isinstance(value, (Each, AgentsOf)):
            raise reader.refuse(e, "all of them", value.name)
    if not isinstance(a, Node) and not isinstance(b, Node):
        return known(reader, e, python, a, b)
    if sign == "**":
        return _power(reader, e, a, b)
    if sign == "*" and (a == 1 or b == 1):
        return b if isinstance(b, Node) else a
    if reader.whole(a) and reader.whole(b) and sign != "/":
        return reader.add(sign, a, b, kind=WHOLE, e=e)
    linear = sign in "+-" or (sign == "*" and (reader.whole(a) or reader.whole(b)))
    if reader.countable(a) and reader.countable(b) and linear:
        return reader.add(sign, a, b, kind=TALLY, e=e)
    return _of_reals(reader, e, sign, a, b)


def _of_reals(reader: Reader, e: Any, sign: str, a: Any, b: Any) -> Node:
    if sign in ("//", "%"):
        raise reader.place.not_for_lanes(e, "whole division", sign)
    if sign == "-" and _means_of_one(a, b):
        return reader.add("mean_difference", a.args[0], a.args[1], b.args[1], a.args[2], e=e)
    return reader.add(sign, reader.real(e, a), reader.real(e, b), e=e)


def known(reader: Reader, e: Any, python: Any, *values: Any) -> Any:
    """What Python makes of values that are known."""
    try:
        return python(*values)
    except (ArithmeticError, TypeError, ValueError) as error:
        raise reader.refuse(e, "no value", error) from None


def _means_of_one(a: Any, b: Any) -> bool:
    """Whether these are two means of one state: their difference cancels what running sums leave out."""
    return all(isinstance(x, Node) and x.op == "mean" for x in (a, b)) and a.args[0] == b.args[0]


def _power(reader: Reader, e: Any, a: Any, b: Any) -> Node:
    """a ** b, where one of them is a node."""
    if not isinstance(b, Node) and reader.kind(b) and b == int(b) and abs(b) <= LARGEST_POWER:
        return _product(reader, e, reader.real(e, a), int(b))
    if not isinstance(b, Node) and b == 0.5:
        return reader.add("sqrt", reader.real(e, a), e=e)
    base, exponent = (Term(reader.block, reader.real(e, x)) for x in (a, b))
    if not isinstance(a, Node) and a > 0:
        return (exponent * math.log(a)).of("exp").node
    size = base.of("abs") if reader.whole(b) else base
    power = (exponent * (size > 0.0).choose(size, 1.0).of("log")).of("exp")
    of_nothing = exponent.of("==", 0.0, kind=BOOL).choose(1.0, 0.0)
    if not reader.whole(b):
        return (base > 0.0).choose(power, (base >= 0.0).choose(of_nothing, math.nan)).node
    odd = reader.add("==", reader.add("%", b, 2, kind=WHOLE, e=e), 1, kind=FLAG, e=e)
    signed = (base >= 0.0).choose(power, Term(reader.block, odd).choose(-power, power))
    return (size > 0.0).choose(signed, of_nothing).node


def _product(reader: Reader, e: Any, base: Node, n: int) -> Node:
    """base ** n by squares."""
    out, square, left = None, base, abs(n)
    while left:
        if left % 2:
            out = square if out is None else reader.add("*", out, square, e=e)
        left //= 2
        square = reader.add("*", square, square, e=e) if left else square
    out = reader.real(e, 1) if out is None else out
    return out if n >= 0 else reader.add("/", reader.real(e, 1), out, e=e)


@reads_expression(ast.UnaryOp)
def unary(reader: Reader, e: ast.UnaryOp) -> Any:
    value = reader.read(e.operand)
    if isinstance(e.op, ast.Not):
        return negation(reader, e, value)
    if isinstance(e.op, ast.Invert):
        raise reader.refuse(e, "operator", "~")
    if not isinstance(value, Node):
        return known(reader, e, operator.neg if isinstance(e.op, ast.USub) else operator.pos, value)
    if isinstance(e.op, ast.UAdd):
        return value
    if reader.countable(value):
        return reader.add("neg", value, kind=value.kind, e=e)
    return reader.add("neg", reader.real(e, value), e=e)


def negation(reader: Reader, e: Any, value: Any) -> Any:
    """not value."""
    test = reader.test(e, value)
    if not isinstance(test, Node):
        return not test
    if test in reader.soft:
        return reader.soften(reader.add("-", reader.real(e, 1), test, e=e))
    return reader.add("not", test, kind=test.kind, e=e)


@reads_expression(ast.Compare)
def comparison(reader: Reader, e: ast.Compare) -> Any:
    values = [reader.read(one) for one in (e.left, *e.comparators)]
    found = [_compared(reader, e, *three) for three in zip(values, e.ops, values[1:], strict=False)]
    return both(reader, e, "and", found)


def _compared(reader: Reader, e: ast.Compare, a: Any, op: ast.cmpop, b: Any) -> Any:
    if not isinstance(a, Node) and not isinstance(b, Node) and isinstance(op, (ast.In, ast.NotIn)):
        return known(reader, e, lambda x, many: x in many, a, b) == isinstance(op, ast.In)
    if isinstance(op, (ast.Is, ast.IsNot)) and (a is None or b is None):
        return (a is b) == isinstance(op, ast.Is)
    if type(op) not in COMPARISONS:
        raise reader.refuse(e, "comparison")
    sign, python = COMPARISONS[type(op)]
    if not isinstance(a, Node) and not isinstance(b, Node):
        return bool(known(reader, e, python, a, b))
    if reader.whole(a) and reader.whole(b):
        return reader.add(sign, a, b, kind=FLAG, e=e)
    return reader.add(sign, reader.real(e, a), reader.real(e, b), kind=BOOL, e=e)


@reads_expression(ast.BoolOp)
def logic(reader: Reader, e: ast.BoolOp) -> Any:
    """Conditions are joined; of numbers the value is one of them, as in Python."""
    op = "and" if isinstance(e.op, ast.And) else "or"
    values: list[Any] = []
    for one in e.values:
        n_sites = len(reader.graph.sites)
        value = reader.read(one)
        if len(reader.graph.sites) > n_sites and values:
            raise reader.place.not_for_lanes(e, "short circuit", op)
        test = reader.test(e, value)
        if isinstance(test, Node):
            values.append(value)
        elif test == (op == "or") or one is e.values[-1]:  # what is known has decided it, or is left
            values.append(value)
            break
    if len(values) == 1:
        return values[0]
    if all(is_condition(reader, v) for v in values):
        return both(reader, e, op, [reader.test(e, v) for v in values])
    out = values[-1]
    for v in reversed(values[:-1]):
        out = select(reader, e, reader.test(e, v), (out, v) if op == "and" else (v, out))
    return out


def is_condition(reader: Reader, value: Any) -> bool:
    decides = isinstance(value, Node) and value.op == "above"  # 1 or 0
    return decides or reader.kind(value) in (BOOL, FLAG) or value in reader.soft


def both(reader: Reader, e: Any, op: str, values: list[Any]) -> Any:
    """All, or any, of these conditions."""
    known = [bool(v) for v in values if not isinstance(v, Node)]
    if (op == "or") in known:
        return op == "or"
    left = [v for v in values if isinstance(v, Node)]
    if not left:
        return op == "and"
    if any(v in reader.soft for v in left):
        return _soft_logic(reader, e, op, left)
    out = left[0]
    for v in left[1:]:
        out = reader.add(op, out, v, kind=FLAG if out.kind == v.kind == FLAG else BOOL, e=e)
    return out


def _soft_logic(reader: Reader, e: Any, op: str, values: list[Node]) -> Node:
    """The product for `and`; for `or` by De Morgan."""
    if op == "or":
        inverse = [negation(reader, e, v) for v in values]
        return negation(reader, e, _soft_logic(reader, e, "and", inverse))
    out = reader.real(e, values[0])
    for v in values[1:]:
        out = reader.add("*", out, reader.real(e, v), e=e)
    return reader.soften(out)


@reads_expression(ast.IfExp)
def conditional(reader: Reader, e: ast.IfExp) -> Any:
    test = reader.test(e, reader.read(e.test))
    if not isinstance(test, Node):
        return reader.read(e.body if test else e.orelse)
    return select(reader, e, test, (reader.read(e.body), reader.read(e.orelse)))


def select(reader: Reader, e: Any, test: Node, ways: tuple[Any, Any]) -> Node:
    """The first where the condition holds, else the second; a relaxed condition mixes them."""
    if test in reader.soft:
        yes, no = (reader.real(e, way) for way in ways)
        mixed = reader.add("+", no, reader.add("*", test, reader.add("-", yes, no, e=e), e=e), e=e)
        return reader.soften(mixed) if all(is_condition(reader, way) for way in ways) else mixed
    if any(way in reader.soft for way in ways) and all(is_condition(reader, way) for way in ways):
        return reader.soften(reader.add("select", test, *(reader.real(e, way) for way in ways), e=e))
    if all(reader.kind(way) in (BOOL, FLAG) for way in ways):
        inverse = reader.add("not", test, kind=test.kind, e=e)
        first, second = (both(reader, e, "and", [a, b]) for a, b in zip((test, inverse), ways, strict=True))
        return both(reader, e, "or", [first, second])
    return reader.add("select", test, *(reader.real(e, way) for way in ways), e=e)
