"""Statements that a path follows."""

from __future__ import annotations

import ast
from typing import Any

from fastmas.language.following.actions import Branch, Leave, Loop, Next, SetAgent, SetState
from fastmas.language.following.expressions import safe_index
from fastmas.language.following.follower import Follower, Returned, ends, follows_statement
from fastmas.language.graph import TALLY, WHOLE, Node
from fastmas.language.reading.expressions import as_read, negation, of_self
from fastmas.language.reading.reader import NOT_SET
from fastmas.language.reading.statements import (
    alone,
    element_of,
    is_loop_of_one,
    is_short,
    not_a_state,
    nothing,
    unpacked,
)
from fastmas.language.reading.values import AgentsOf
from fastmas.language.text import Table

follows_statement(ast.Pass)(nothing)
follows_statement(ast.Expr)(alone)


# ---- assignments
@follows_statement(ast.Assign)
def assignment(reader: Follower, s: ast.Assign) -> None:
    value = reader.read(s.value)
    if isinstance(value, tuple) or len(s.targets) > 1:
        value = reader.argument(value)  # assigning one part does not change the next
    for target in s.targets:
        assign(reader, target, value)


@follows_statement(ast.AnnAssign)
def annotated(reader: Follower, s: ast.AnnAssign) -> None:
    if s.value is not None:
        assign(reader, s.target, reader.read(s.value))


@follows_statement(ast.AugAssign)
def augmented(reader: Follower, s: ast.AugAssign) -> None:
    before = as_read(s.target)
    combined = ast.copy_location(ast.BinOp(before, s.op, s.value), s)
    assign(reader, s.target, reader.read(combined))


def assign(reader: Follower, target: ast.expr, value: Any) -> None:
    """Give a value to names, a state or an agent's number."""
    if isinstance(target, (ast.Tuple, ast.List)):
        for one, part in unpacked(reader, target, value):
            assign(reader, one, part)
    elif isinstance(target, ast.Name):
        reader.env[target.id] = reader.bind(target.id, value)
    elif isinstance(target, ast.Attribute) and of_self(target):
        if target.attr not in reader.text.states:
            raise not_a_state(reader, target)
        reader.real(target, value)
        value = reader.keep(value, target.attr)
        reader.do(SetState(target.attr, reader.real(target, value)))
        reader.state[target.attr] = value
    elif isinstance(target, ast.Subscript):
        _set_agent(reader, target, value)
    else:
        raise reader.refuse(target, "not a state", ast.unparse(target))


def _set_agent(reader: Follower, target: ast.Subscript, value: Any) -> None:
    of = reader.read(target.value)
    if not isinstance(of, AgentsOf):
        raise reader.refuse(target, "not a state", ast.unparse(target.value))
    value = reader.keep(reader.real(target, value))
    index = safe_index(reader, target, of, reader.read(target.slice))
    reader.do(SetAgent(of.name, index, value))


# ---- choices
@follows_statement(ast.If)
def choice(reader: Follower, s: ast.If) -> Returned | None:
    """One way where the condition is known; else a branch."""
    test = reader.test(s, reader.read(s.test))
    if not isinstance(test, Node):
        return reader.read_body(s.body if test else s.orelse)
    if is_loop_of_one(reader, s, test):
        with reader.turn_block(test, ""):
            _branch(reader, s, test)
    else:
        _branch(reader, s, test)
    return None


def _branch(reader: Follower, s: ast.If, test: Node) -> None:
    with reader.region([*s.body, *s.orelse]) as names:
        before = dict(reader.env), reader.state.fork()
        ways, left = [], []
        for body in (s.body, s.orelse):
            reader.env, reader.state = dict(before[0]), before[1].fork()
            ways.append(reader.captured(reader.read_inner, body)[0])
            left.append(reader.env)
        reader.at = s
        for name in names:
            yes, no = (env.get(name, NOT_SET) for env in left)
            if ends(ways[0]):
                reader.env[name] = no
            elif ends(ways[1]):
                reader.env[name] = yes
            else:
                reader.env[name] = yes if no is not NOT_SET else NOT_SET
    reader.do(Branch(test, ways[0], ways[1]))


# ---- loops
@follows_statement(ast.While)
def repetition(reader: Follower, s: ast.While) -> None:
    if s.orelse:
        raise reader.refuse_else(s)
    with reader.region([s]), reader.turn_block(None, "turn") as index:
        loop = _loop(reader, s, index, ())
        with reader.frame(loop) as frame:
            test = reader.test(s, reader.read(s.test))
            if isinstance(test, Node):
                reader.do(Branch(negation(reader, s, test), [Leave()], []))
            elif not test:
                reader.do(Leave())
            _body(reader, s, (frame, frame))


def _loop(reader: Follower, s: ast.stmt, index: Node, bounds: tuple[Any, ...]) -> Loop:
    """A loop; one whose number of turns differs between paths counts them."""
    counted = len(bounds) != 1 or (isinstance(bounds[0], Node) and bounds[0].kind != WHOLE)
    if counted:
        index.kind = TALLY
    return Loop(index.args[0], bounds, [], reader.new_name(index.name), reader.new_name("turn") if counted else "",
                reader.key_of(s))


def _body(reader: Follower, s: ast.For | ast.While, targets: Any) -> None:
    reader.targets.append(targets)
    reader.read_inner(s.body)
    reader.targets.pop()


@follows_statement(ast.For)
def iteration(reader: Follower, s: ast.For) -> None:
    """A loop over a known tuple is written out; one over a range, or over a table, stays a loop."""
    if s.orelse:
        raise reader.refuse_else(s)
    if isinstance(s.iter, ast.Call) and reader.read(s.iter.func) is range:
        bounds = tuple(reader.whole_number(one) for one in s.iter.args)
        if not isinstance(s.target, ast.Name):
            raise reader.refuse(s, "unpack", len(getattr(s.target, "elts", ())), 1)
        if len(bounds) == 1 and is_short(reader, s, bounds[0]) and not _jumps(s):
            _written_out(reader, s, tuple(range(bounds[0])))
        else:
            _turns(reader, s, bounds, None)
        return
    over = reader.read(s.iter)
    if isinstance(over, Table):
        _turns(reader, s, (reader.add("rows", over.name, kind=WHOLE, e=s),), over)
    elif isinstance(over, tuple):
        _written_out(reader, s, over)
    else:
        raise reader.refuse(s, "loop over")


def _turns(reader: Follower, s: ast.For, bounds: tuple[Any, ...], table: Table | None) -> None:
    name = s.target.id if isinstance(s.target, ast.Name) else "row"
    with reader.region([s]), reader.turn_block(bounds[0], name) as index:
        loop = _loop(reader, s, index, bounds)
        with reader.frame(loop) as frame:
            assign(reader, s.target, index if table is None else element_of(reader, s, index))
            _body(reader, s, (frame, frame))


def _jumps(s: ast.For) -> bool:
    return any(isinstance(n, (ast.Break, ast.Continue)) for b in s.body for n in ast.walk(b))


def _written_out(reader: Follower, s: ast.For, values: tuple[Any, ...]) -> None:
    """Turn by turn; a jump out of a turn leaves a stretch of text."""
    around = reader.turns
    if not _jumps(s):
        for turn, value in enumerate(values):
            reader.turns = (*around, turn)
            assign(reader, s.target, value)
            reader.read_inner(s.body)
    else:
        with reader.region([s]), reader.frame(Loop(None, (), [])) as outer:
            for turn, value in enumerate(values):
                reader.turns = (*around, turn)
                with reader.region([s]), reader.frame(Loop(None, (), [])) as inner:
                    assign(reader, s.target, value)
                    _body(reader, s, (outer, inner))
    reader.turns = around


@follows_statement(ast.Break)
def leave(reader: Follower, s: ast.Break) -> None:
    reader.jump(reader.targets[-1][0], Leave)


@follows_statement(ast.Continue)
def go_on(reader: Follower, s: ast.Continue) -> None:
    reader.jump(reader.targets[-1][1], Next)
