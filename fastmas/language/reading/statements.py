"""Statements of a text: assignments, choices, loops."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from typing import Any

from fastmas.language.draws import DRAWS
from fastmas.language.graph import BOOL, FLAG, READS, REAL, WHOLE, Block, Node, fresh, inner_blocks, touched
from fastmas.language.reading.expressions import as_read, binary, load, negation, of_self, select
from fastmas.language.reading.reader import NOT_SET, Reader, Returned, reads_statement
from fastmas.language.reading.values import AgentsOf, DrawOf, RangeOf
from fastmas.language.text import Table

STATE, NAME = "state", "name"  # whose value a loop carries
SHORT = 8  # turns: of a loop without draws they are written out, side by side in registers


@reads_statement(ast.Pass)
def nothing(reader: Reader, s: ast.Pass) -> None:
    """pass"""


@reads_statement(ast.Expr)
def alone(reader: Reader, s: ast.Expr) -> None:
    """A docstring, or the call of a method for what it does."""
    if isinstance(s.value, ast.Constant):
        return
    called = s.value.func if isinstance(s.value, ast.Call) else s.value
    if called is s.value or not of_self(called) or not reader.text.has(called.attr):
        raise reader.refuse(s, "dropped")
    reader.read(s.value)


@reads_statement(ast.Assign)
def assignment(reader: Reader, s: ast.Assign) -> None:
    value = reader.read(s.value)
    if isinstance(value, DrawOf):
        raise reader.refuse(s, "a draw", ", ".join(sorted(DRAWS)))
    for target in s.targets:
        assign(reader, target, value)


@reads_statement(ast.AnnAssign)
def annotated(reader: Reader, s: ast.AnnAssign) -> None:
    if s.value is not None:
        assign(reader, s.target, reader.read(s.value))


@reads_statement(ast.AugAssign)
def augmented(reader: Reader, s: ast.AugAssign) -> None:
    before = as_read(s.target)
    assign(reader, s.target, binary(reader, s, s.op, reader.read(before), reader.read(s.value)))


def unpacked(reader: Reader, target: ast.Tuple | ast.List, value: Any) -> Iterator[tuple[ast.expr, Any]]:
    """The targets of a tuple, each with its part of the value."""
    if not isinstance(value, tuple) or len(value) != len(target.elts):
        raise reader.refuse(target, "unpack", len(target.elts), len(value) if isinstance(value, tuple) else 1)
    return zip(target.elts, value, strict=True)


def assign(reader: Reader, target: ast.expr, value: Any) -> None:
    """Give a value to names, a state or an agent's number."""
    if isinstance(target, (ast.Tuple, ast.List)):
        for one, part in unpacked(reader, target, value):
            assign(reader, one, part)
    elif isinstance(target, ast.Name):
        _name(value, target.id)
        reader.env[target.id] = value
    elif isinstance(target, ast.Attribute) and of_self(target):
        if target.attr not in reader.text.states:
            raise not_a_state(reader, target)
        _name(value, target.attr)
        reader.real(target, value)
        reader.state[target.attr] = value
    elif isinstance(target, ast.Subscript):
        _set_agent(reader, target, value)
    else:
        raise reader.refuse(target, "not a state", ast.unparse(target))


def _name(value: Any, name: str) -> None:
    if isinstance(value, Node) and not value.name:
        value.name = name


def not_a_state(reader: Reader, target: ast.Attribute) -> Exception:
    if target.attr in reader.text.parameters:
        return reader.refuse(target, "parameter set", target.attr)
    if target.attr in reader.text.options:
        return reader.refuse(target, "option set", target.attr)
    return reader.refuse(target, "not a state", target.attr)


def _set_agent(reader: Reader, target: ast.Subscript, value: Any) -> None:
    of = reader.read(target.value)
    if not isinstance(of, AgentsOf):
        raise reader.refuse(target, "not a state", ast.unparse(target.value))
    index = reader.read(target.slice)
    loop = reader.block.loop
    if loop is None or index is not loop.args[1]:
        raise reader.place.not_for_lanes(target, "other agent", of.name)
    reader.block.stores[of.name, index] = reader.real(target, value)


# ---- choices
@reads_statement(ast.If)
def choice(reader: Reader, s: ast.If) -> Returned | None:
    """One way where the condition is known; else both, and a selection of what they leave."""
    test = reader.test(s, reader.read(s.test))
    if not isinstance(test, Node):
        return reader.read_body(s.body if test else s.orelse)
    if is_loop_of_one(reader, s, test):
        loop(reader, s, test, "")  # a loop of one turn or none: a branch that all paths take together
        return None
    before = dict(reader.env), dict(reader.state), dict(reader.block.stores)
    _read_way(reader, s.body, test)
    then = reader.env, reader.state, reader.block.stores
    reader.env, reader.state, reader.block.stores = (dict(one) for one in before)
    _read_way(reader, s.orelse, negation(reader, s, test))
    _merge(reader, s, test, reader.env, then[0])
    _merge(reader, s, test, reader.state, then[1])
    mine, other = reader.block.stores, then[2]
    for key in [*mine, *(k for k in other if k not in mine)]:
        old = load(reader, *key)
        mine[key] = _merged(reader, s, test, (other.get(key, old), mine.get(key, old)))
    return None


def _read_way(reader: Reader, body: list[ast.stmt], test: Node) -> None:
    """One way of a choice: loops in it leave agents' numbers alone where it is not taken."""
    reader.ways.append(test)
    reader.read_inner(body)
    reader.ways.pop()


def _merge(reader: Reader, s: ast.If, test: Node, mine: dict[str, Any], other: dict[str, Any]) -> None:
    for name in [*mine, *(k for k in other if k not in mine)]:
        mine[name] = _merged(reader, s, test, (other.get(name, NOT_SET), mine.get(name, NOT_SET)))


def _merged(reader: Reader, s: ast.If, test: Node, ways: tuple[Any, Any]) -> Any:
    yes, no = ways
    if yes is no:
        return yes
    if not isinstance(yes, Node) and not isinstance(no, Node) and type(yes) is type(no) and yes == no:
        return yes
    if yes is NOT_SET or no is NOT_SET:
        return NOT_SET
    if isinstance(yes, tuple) and isinstance(no, tuple) and len(yes) == len(no):
        return tuple(_merged(reader, s, test, pair) for pair in zip(yes, no, strict=True))
    return select(reader, s, test, ways)


def is_loop_of_one(reader: Reader, s: ast.If, test: Node) -> bool:
    """Whether a choice is one of all paths together, with loops inside."""
    return test.kind == FLAG and not s.orelse and _has_loop(reader, s.body)


def _has_loop(reader: Reader, body: list[ast.stmt], seen: tuple[str, ...] = ()) -> bool:
    """Whether these statements, or methods that they call, have a loop."""
    for node in (n for s in body for n in ast.walk(s)):
        if isinstance(node, ast.For):
            return True
        called = node.attr if of_self(node) and reader.text.has(node.attr) else None
        if called and called not in seen and _has_loop(reader, reader.text.method(called).tree.body, (*seen, called)):
            return True
    return False


# ---- loops
@reads_statement(ast.For)
def iteration(reader: Reader, s: ast.For) -> None:
    """A loop over a known tuple is written out; one over range(n), or over a table, stays a loop."""
    if s.orelse:
        raise reader.refuse(s, "else")
    over = reader.read(s.iter)
    if isinstance(over, RangeOf):
        if not isinstance(s.target, ast.Name):
            raise reader.refuse(s, "unpack", len(getattr(s.target, "elts", ())), 1)
        if is_short(reader, s, over.bound):
            _write_out(reader, s, range(over.bound))
        else:
            loop(reader, s, over.bound, s.target.id)
    elif isinstance(over, Table):
        loop(reader, s, reader.add("rows", over.name, kind=WHOLE, e=s), "row")
    elif isinstance(over, tuple):
        _write_out(reader, s, over)
    else:
        raise reader.refuse(s, "loop over")


def _write_out(reader: Reader, s: ast.For, values: Iterable[Any]) -> None:
    around = reader.turns
    for turn, value in enumerate(values):
        reader.turns = (*around, turn)
        assign(reader, s.target, value)
        reader.read_inner(s.body)
    reader.turns = around


def is_short(reader: Reader, s: ast.For, bound: Any) -> bool:
    """Whether a loop is written out."""
    return isinstance(bound, int) and bound <= SHORT and not _needs_turns(reader, s.body)


def _needs_turns(reader: Reader, body: list[ast.stmt]) -> bool:
    """Whether a loop must stay one: its draws are numbered by turns, or it sets numbers of agents or loops again."""
    nodes = [n for s in body for n in ast.walk(s)]
    return _has_loop(reader, body) or bool(_agents_set(reader, body)) or any(
        isinstance(n, ast.Name) and n.id == "draw" for n in nodes)


def loop(reader: Reader, s: ast.For | ast.If, bound: Any, name: str) -> None:
    """Read the body once, with nodes in place of what turns carry on."""
    outer = reader.block
    node = Node("loop", (bound, None), FLAG, outer, s.lineno)
    node.body = reader.block = Block(parent=outer, loop=node)
    index = fresh(reader.block, "index", node, kind=WHOLE)
    index.name = name
    node.args = (bound, index)
    node.body.sets = frozenset(_agents_set(reader, s.body))
    before = dict(reader.env), dict(reader.state)
    carried = _carry(reader, node, s.body)
    if isinstance(s, ast.For):
        assign(reader, s.target, element_of(reader, s, index))
    reader.read_inner(s.body)
    for (where, key), one in carried.items():
        value = (reader.state if where == STATE else reader.env)[key]
        if value is NOT_SET:
            raise reader.refuse(s, "one way", key)
        if one.kind == BOOL and reader.kind(value) not in (BOOL, FLAG):
            raise reader.refuse(s, "condition", key)
        node.body.outputs[where, key] = reader.test(s, value) if one.kind == BOOL else reader.real(s, value)
    for place, value in node.body.stores.items():
        for test in reversed(reader.ways):
            value = select(reader, s, test, (value, load(reader, *place)))  # noqa: PLW2901
        node.body.stores[place] = value
    _check_stores(reader, s, node.body)
    reader.block = outer
    node.args = (*node.args, *_before(outer, node))
    outer.nodes.append(node)  # behind what its body has left outside
    reader.env, reader.state = before
    for where, key in assigned(reader, [s]):
        if where == NAME and (where, key) not in carried:
            reader.env.pop(key, None)
    for (where, key), one in carried.items():
        result = fresh(outer, "result", node, (where, key), one, kind=one.kind)
        result.name = key
        (reader.state if where == STATE else reader.env)[key] = result


def element_of(reader: Reader, s: ast.For, index: Node) -> Any:
    """What the target of a loop is set to in a turn."""
    over = reader.read(s.iter)
    if not isinstance(over, Table):
        return index
    row = tuple(reader.add("entry", over.name, index, k, kind=WHOLE, e=s) for k in range(over.width))
    return row[0] if over.flat else row


def _carry(reader: Reader, node: Node, body: list[ast.stmt]) -> dict[tuple[str, str], Node]:
    """Nodes for the values that a turn finds: of states and names that the body sets and that have one."""
    found: dict[tuple[str, str], Node] = {}
    for where, name in assigned(reader, body):
        scope = reader.state if where == STATE else reader.env
        if name not in scope or scope[name] is NOT_SET:
            continue
        start = scope[name]
        if isinstance(start, tuple) or not reader.kind(start):
            del scope[name]  # no number that turns hand on: it is known behind where a turn sets it
            continue
        kind = BOOL if reader.kind(start) == BOOL else REAL
        begin = start if kind == BOOL else reader.real(node, start)
        one = fresh(reader.block, "carried", node, (where, name), begin, kind=kind)
        one.name = name
        scope[name] = found[where, name] = one
    return found


def assigned(reader: Reader, body: list[ast.stmt], seen: tuple[str, ...] = ()) -> list[tuple[str, str]]:
    """Names and states that these statements set, also in methods that they call."""
    found: dict[tuple[str, str], None] = {}
    for node in (n for s in body for n in ast.walk(s)):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store) and not seen:
            found[NAME, node.id] = None
        if isinstance(node, ast.Attribute) and of_self(node):
            if isinstance(node.ctx, ast.Store) and node.attr in reader.text.states:
                found[STATE, node.attr] = None
            elif reader.text.has(node.attr) and node.attr not in seen:
                inner = reader.text.method(node.attr).tree.body
                found |= dict.fromkeys(assigned(reader, inner, (*seen, node.attr)))
    return list(found)


def _agents_set(reader: Reader, body: list[ast.stmt], seen: tuple[str, ...] = ()) -> set[str]:
    """The agents whose numbers these statements set, also in methods that they call."""
    found = set()
    for node in (n for s in body for n in ast.walk(s)):
        if isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Store) and of_self(node.value):
            found.add(node.value.attr)
        if of_self(node) and reader.text.has(node.attr) and node.attr not in seen:
            inner = reader.text.method(node.attr).tree.body
            found |= _agents_set(reader, inner, (*seen, node.attr))
    return found


def _check_stores(reader: Reader, s: ast.stmt, body: Block) -> None:
    """In a loop that sets numbers of agents no other agent's may be read: they are old or new, as the turn has it."""
    inside = [body, *inner_blocks(body)]
    mine = {name for name, _ in body.stores}
    for name, _ in (key for block in inside[1:] for key in block.stores):
        if name in mine:
            raise reader.place.not_for_lanes(s, "set twice", name)
    for name, own in body.stores:
        for node in (n for block in inside for n in block.nodes):
            if node.op in READS and node.args[0] == name and node.args[1] is not own:
                raise reader.place.not_for_lanes(s, "set while read", name)


def _before(outer: Block, node: Node) -> list[Node]:
    """What must be computed before a loop: reads of agents' numbers that it sets, and loops that look at them."""
    assert node.body is not None
    stored = {key[0] for block in [node.body, *inner_blocks(node.body)] for key in block.stores}
    reads = [n for n in outer.nodes if n.op in READS and n.args[0] in stored]
    return [*reads, *(n for n in outer.nodes if n.body is not None and stored & touched(n.body))]
