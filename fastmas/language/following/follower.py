"""The reader that keeps statements: names of a path, what is known of them, and ways in and out of loops.

In a straight line a name stands for its value: what is known stays known, and every assignment makes a new name.
Where statements may run never or again, in a region, the names that they set are variables.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from fastmas.language.following.actions import LOCAL, Action, Branch, Draw, Leave, Loop, Next, Set, SetState, all_of
from fastmas.language.graph import BOOL, FLAG, REAL, TALLY, WHOLE, Block, Node, fresh, pure
from fastmas.language.reading.reader import NOT_SET, Reader, Returned
from fastmas.language.reading.statements import NAME, assigned
from fastmas.language.refusals import Refused
from fastmas.language.text import Text
from fastmas.language.words import HISTORY

STATEMENTS: dict[type, Callable[[Follower, Any], Any]] = {}
EXPRESSIONS: dict[type, Callable[[Follower, Any], Any]] = {}
OF_PATH = {WHOLE: TALLY, FLAG: BOOL}  # the kind of what differs between paths
NOTHING = {REAL: 0, TALLY: 0, BOOL: False}
RETURNED = "return"  # no name of a text


def follows_statement(kind: type) -> Callable[[Any], Any]:
    """Register the function that follows statements of this kind."""
    def register(function: Any) -> Any:
        STATEMENTS[kind] = function
        return function
    return register


def follows_expression(kind: type) -> Callable[[Any], Any]:
    """Register the function that follows expressions of this kind."""
    def register(function: Any) -> Any:
        EXPRESSIONS[kind] = function
        return function
    return register


@dataclass(eq=False)
class Known:
    """What one reading leaves to the next: kinds of variables, and all values that names get."""

    kinds: dict[str, str] = field(default_factory=dict)
    held: dict[str, dict[Any, Any]] = field(default_factory=dict)  # name -> where it is set -> value
    changed: bool = False


@dataclass(eq=False)
class Frame:
    """A loop, or a stretch of text, that a jump can leave."""

    loop: Loop
    flags: dict[type, str] = field(default_factory=dict)  # names that say that a jump from further in leads here
    through: list[tuple[Frame, type]] = field(default_factory=list)  # jumps to frames further out


class States(dict[str, Any]):
    """Values of states as they are now; one that is not known is read from the path."""

    def __init__(self, reader: Follower, values: dict[str, Any]) -> None:
        super().__init__(values)
        self.reader = reader

    def __missing__(self, name: str) -> Node:
        self[name] = self.reader.keep(Node("state", (name,), REAL, self.reader.graph.step), name)
        return self[name]

    def fork(self) -> States:
        return States(self.reader, self)


class Follower(Reader):
    """Reads methods of one text into actions."""

    def __init__(self, text: Text, known: Known, started: bool = True) -> None:
        super().__init__(text, started=started)
        self.known = known
        self.actions: list[Action] = []
        self.state: States = States(self, {})
        self.regions = 0  # of this method, around what is read
        self.frames: list[Frame] = []  # of this method
        self.targets: list[tuple[Frame, Frame]] = []  # of its loops: what break and continue leave
        self.returns: Frame | None = None  # where an early return of this method leads
        self.at: ast.AST = self.method.tree
        self._names: dict[Any, str] = {}
        self._taken = {name for one in text.states for name in (one, f"{one}_row", f"reference_{one}")}
        self._single: set[str] = set()

    def run(self, name: str, arguments: tuple[str, ...]) -> Any:
        self.begin(name, arguments)
        self.read_method(self.method.tree.body)
        return self.graph

    # ---- actions
    def do(self, action: Action) -> None:
        self.actions.append(action)

    def captured(self, read: Callable[..., Any], *arguments: Any) -> tuple[list[Action], Any]:
        """What read(*arguments) does, kept aside, and what it gives."""
        outer, self.actions = self.actions, []
        value = read(*arguments)
        inner, self.actions = self.actions, outer
        return inner, value

    # ---- reading
    def read_statement(self, s: ast.stmt) -> Returned | None:
        self.at = s
        follow = STATEMENTS.get(type(s))
        if follow is None:
            raise self.place.construct(s)
        return follow(self, s)

    def read(self, e: ast.expr) -> Any:
        follow = EXPRESSIONS.get(type(e))
        return super().read(e) if follow is None else follow(self, e)

    def read_body(self, body: list[ast.stmt]) -> Returned | None:
        returned = super().read_body(body)
        if returned is not None and self.returns is not None:
            self.bind(RETURNED, self.argument(returned.value))
            self.env[RETURNED] = returned.value
            self.jump(self.returns, Leave)
            return None
        return returned

    def read_method(self, body: list[ast.stmt]) -> Any:
        kept, at = (self.regions, self.frames, self.targets, self.returns), self.at
        self.regions, self.frames, self.targets, self.returns = 0, [], [], None
        if any(isinstance(n, ast.Return) and n is not body[-1] for s in body for n in ast.walk(s)):
            value = self._read_early(body)
        else:
            value = self.argument(super().read_method(body))
        self.regions, self.frames, self.targets, self.returns = kept
        self.at = at
        return value

    def _read_early(self, body: list[ast.stmt]) -> Any:
        """A method that may return before its end."""
        with self.region(body, (RETURNED,)), self.frame(Loop(None, (), [])) as frame:
            self.returns = frame
            self.read_body(body)
        value = self.env.get(RETURNED)
        return None if value is NOT_SET else value

    def whole(self, value: Any) -> bool:
        return self.kind(value) in (WHOLE, TALLY)

    def add(self, op: str, *args: Any, kind: str = REAL, e: Any = None) -> Node:
        if op in HISTORY:
            args = (args[0], self.argument(args[1]), *args[2:])
        if kind in OF_PATH and any(isinstance(a, Node) and a.kind not in OF_PATH for a in args):
            kind = OF_PATH[kind]
        return super().add(op, *args, kind=kind, e=e)

    def draw_site(self, e: ast.Call, op: str, *args: Any, kind: str = REAL, name: str = "") -> Node:
        if op == "count" and self.kind(args[0]) == TALLY:
            args = (self.real(e, args[0]), *args[1:])
        site = super().draw_site(e, op, *args, kind=kind, name=name)
        local = self._local(self.new_name(op), kind, single=True)
        self.do(Draw(local.args[0], site))
        return local

    def whole_part(self, e: ast.expr, value: Any) -> Node:
        return value if self.whole(value) else self.add("whole_part", self.real(e, value), kind=TALLY, e=e)

    def whole_number(self, e: ast.expr) -> Any:
        """A whole number, of which a real one gives its whole part."""
        value = self.read(e)
        return value if self.whole(value) else self.whole_part(e, self.real(e, value))

    # ---- names
    def new_name(self, name: str) -> str:
        """A name that nothing else has."""
        k = 1
        while f"{name}_{k}" in self._taken:
            k += 1
        self._taken.add(f"{name}_{k}")
        return f"{name}_{k}"

    def _local(self, text: str, kind: str, single: bool = False) -> Node:
        if single:
            self._single.add(text)
        return pure(self.graph.step, LOCAL, text, kind=kind)

    def _hold(self, text: str, value: Any) -> None:
        held = self.known.held.setdefault(text, {})
        held[len(self.calls), getattr(self.at, "lineno", 0), self.turns, self.calls] = value

    def held_by(self, local: Node) -> list[Any]:
        return list(self.known.held.get(local.args[0], {}).values())

    def keep(self, value: Any, name: str = "") -> Any:
        """A value that later statements do not change: itself, or a new name for it."""
        if not isinstance(value, Node) or self._stays(value):
            return value
        text = self.new_name(name or value.name or "value")
        self._hold(text, value)
        self.do(Set(text, value))
        return self._local(text, value.kind, single=True)

    def _stays(self, value: Node) -> bool:
        if value.op == LOCAL:
            return value.args[0] in self._single
        return value.op in ("const", "param", *HISTORY) or value.kind in (WHOLE, FLAG)

    def argument(self, value: Any) -> Any:
        return tuple(self.argument(one) for one in value) if isinstance(value, tuple) else self.keep(value)

    def bind(self, name: str, value: Any) -> Any:
        """Give a name a value; what then stands for it."""
        if isinstance(value, tuple):
            return tuple(self.bind(f"{name}_{k}", one) for k, one in enumerate(value))
        if not self.kind(value):
            return value
        if self.regions:
            variable = self.set_variable(name, value)
            return value if not isinstance(value, Node) or self._stays(value) else variable
        return self.keep(value, name)

    def set_variable(self, name: str, value: Any) -> Node:
        """The variable behind a name gets this value."""
        text = self.variable_name(name)
        if isinstance(value, Node) and value.op == LOCAL and value.args[0] == text:
            return value
        kind = OF_PATH.get(self.kind(value), self.kind(value))
        before = self.known.kinds.setdefault(text, kind)
        if before != kind:
            kind = REAL
        if self.known.kinds[text] != kind or text not in self.known.held:
            self.known.kinds[text], self.known.changed = kind, True
        self._hold(text, value)
        self.do(Set(text, self._as(kind, value)))
        return self._local(text, kind)

    def _as(self, kind: str, value: Any) -> Any:
        if kind == REAL:
            return self.real(self.at, value)
        return self.test(self.at, value) if kind == BOOL else value

    def variable_name(self, name: str) -> str:
        key = self.calls, name
        if key not in self._names:
            self._names[key] = self.new_name(name.partition("@")[0])
        return self._names[key]

    def name_at(self, e: ast.expr) -> str:
        """A name for the value of an expression, which no text can have."""
        return f"value@{e.lineno}:{e.col_offset}:{self.turns}"

    def variable(self, name: str, shape: Any) -> Any:
        """The variable, or variables, that hold values of this shape."""
        if isinstance(shape, tuple):
            return tuple(self.variable(f"{name}_{k}", one) for k, one in enumerate(shape))
        if shape is NOT_SET or not self.kind(shape):
            return NOT_SET
        text = self.variable_name(name)
        return self._local(text, self.known.kinds.get(text, REAL))

    # ---- regions
    @contextmanager
    def region(self, body: list[ast.stmt], more: tuple[str, ...] = ()) -> Iterator[list[str]]:
        """Around statements that may run never, or more than once; gives the names that they set.

        Afterwards these are variables, as `env` has them at its end.
        """
        found = assigned(self, body)
        returns = self.returns is not None and any(isinstance(n, ast.Return) for s in body for n in ast.walk(s))
        names = [*(name for where, name in found if where == NAME), *more, *([RETURNED] if returns else [])]
        for name in names:
            self._settle(name)
        states = [name for where, name in found if where != NAME]
        for name in states:
            self.state.pop(name, None)
        env, state = dict(self.env), self.state.fork()
        self.regions += 1
        yield names
        self.regions -= 1
        self.state = state
        after = {name: self._after(name, env.get(name, NOT_SET)) for name in names}
        self.env = {**env, **{name: value for name, value in after.items() if name in env or name in self.env}}

    def _settle(self, name: str) -> None:
        """Make a name a variable, with the value that it has; a variable that has none yet is set to nothing."""
        value = self.env.get(name, NOT_SET)
        if value is not NOT_SET:
            self.set_all(name, value)
            shape = self.variable(name, value)
            self.env[name] = value if shape is NOT_SET else shape
            return
        text = self.variable_name(name)
        if text in self.known.kinds and not self.regions:  # an outer region has done so
            kind = self.known.kinds[text]
            self.do(Set(text, self._as(kind, NOTHING[kind])))

    def set_all(self, name: str, value: Any) -> None:
        if isinstance(value, tuple):
            for k, one in enumerate(value):
                self.set_all(f"{name}_{k}", one)
        elif self.kind(value):
            self.set_variable(name, value)

    def _after(self, name: str, before: Any) -> Any:
        now = self.env.get(name, NOT_SET)
        if now is before:
            return before
        shape = self.variable(name, now)
        return shape if before is NOT_SET or not isinstance(before, tuple) or isinstance(shape, tuple) else NOT_SET

    # ---- loops and jumps
    @contextmanager
    def turn_block(self, bound: Any, name: str) -> Iterator[Node]:
        """Around the body of a loop, as draws see it; gives its index."""
        outer = self.block
        node = Node("loop", (bound, None), FLAG, outer, getattr(self.at, "lineno", 0))
        self.block = node.body = Block(parent=outer, loop=node)
        index = fresh(self.block, "index", node, kind=WHOLE)
        index.name = name
        node.args = (bound, index)
        yield index
        self.block = outer

    @contextmanager
    def frame(self, loop: Loop) -> Iterator[Frame]:
        """Around the body of a loop, which it becomes."""
        frame = Frame(loop)
        self.frames.append(frame)
        outer, self.actions = self.actions, loop.body
        yield frame
        self.actions = outer
        self.frames.pop()
        if loop.node is None and not (loop.body and isinstance(loop.body[-1], Leave)):
            loop.body.append(Leave())  # a stretch of text, not a loop
        self._close(frame)

    def _close(self, frame: Frame) -> None:
        for target, kind in frame.through:
            if self.frames[-1] is target:
                self.do(Set(target.flags[kind], False))
        self.actions.append(frame.loop)
        for target, kind in frame.through:
            arrived = self.frames[-1] is target
            if not arrived and (target, kind) not in self.frames[-1].through:
                self.frames[-1].through.append((target, kind))
            leave = kind() if arrived else Leave()
            self.do(Branch(self._local(target.flags[kind], BOOL), [leave], []))

    def jump(self, target: Frame, kind: type) -> None:
        """Leave a frame, or go on with its next turn."""
        kind = Leave if target.loop.node is None else kind
        inner = self.frames[-1]
        if inner is target:
            self.do(kind())
            return
        if (target, kind) not in inner.through:
            inner.through.append((target, kind))
        if kind not in target.flags:
            target.flags[kind] = self.new_name("left")
        self.do(Set(target.flags[kind], True))
        self.do(Leave())

    def refuse_else(self, s: ast.For | ast.While) -> Refused:
        return self.refuse(s, "else")


def ends(actions: list[Action]) -> bool:
    """Whether what stands behind these actions is never reached."""
    return bool(actions) and isinstance(actions[-1], (Leave, Next))


def states_set(actions: list[Action]) -> set[str]:
    """The states that actions set."""
    return {one.name for one in all_of(actions) if isinstance(one, SetState)}


