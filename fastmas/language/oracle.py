"""The oracle: a text run as it stands, by Python, in float64, with the random numbers of its compiled form.

Its lines are those of the author's file, so that a debugger stops in them. Each draw learns where in the text it
stands, which is its address.
"""

from __future__ import annotations

import ast
import copy
import inspect
import itertools
import traceback
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from types import CodeType
from typing import Any, NamedTuple

import numpy as np

from fastmas.errors import FastmasError, ModelError, SimulationError
from fastmas.language.path_words import PathWords
from fastmas.language.reading.expressions import of_self
from fastmas.language.sites import Sites, sites_of
from fastmas.language.text import Method, Text
from fastmas.language.words import HISTORY
from fastmas.model import Agents, Model, State
from fastmas.parameters import Parameter
from fastmas.random.address import Address

FIRST = Address(0)
RUN = "run_of_this_path"  # the name under which rewritten methods reach their path


def oracle(model: Model, theta: Mapping[str, Any] | None = None, *, n_paths: int, n_steps: int,
           address: Address = FIRST, mode: str = "") -> dict[str, np.ndarray]:
    """Run a model's text in plain Python.

    Parameters
    ----------
    theta : mapping, optional
        Values by name; what is not named keeps its default.
    mode : str
        How agents are counted; as the compiled model does if not given.

    Returns
    -------
    Every state by name, float64 (n_paths, n_steps + 1), t = 0..n_steps

    Raises
    ------
    ModelError
        The text says what has no meaning, the rules are no text, or the model is a relaxed twin, whose decisions are
        numbers where Python has yes or no.
    SimulationError
        It looks back further than there are steps.
    """
    if not model.sources:
        raise ModelError(f"model {model.name!r} has kernels of its own: only a text can be run by Python")
    if model.relaxation:
        raise ModelError(f"model {model.name!r} is relaxed, and Python runs the exact rules: give the exact model")
    text = Text(model)
    space = model.space(fixed=theta)
    values = dict(zip(space.entries, space.base.tolist(), strict=True))
    sites = sites_of(text, mode)
    paths = [Path(text, values, sites, address._replace(first_path=address.first_path + k)) for k in range(n_paths)]
    for path in paths:
        path.run(n_steps)
    return {n: np.array([path.kept[n] for path in paths]) for n in text.states}


class Turn(NamedTuple):
    """Of a loop around a draw: which turn, and how many there are, or None if the number is a running one."""

    number: int
    n: int | None


class Path:
    """One path in the making: what `self` is, its past, where its draws stand."""

    def __init__(self, text: Text, values: Mapping[str, float], sites: Mapping[str, Sites],
                 address: Address) -> None:
        self.text, self.sites, self.address = text, sites, address
        self.me = Me(text, values)
        self.kept: dict[str, list[float]] = {}
        self.calls: tuple[Any, ...] = ()
        self.turns: tuple[int, ...] = ()
        self.loops: list[Turn] = []
        self.counts: Counter[Any] = Counter()  # of turns in this step
        self._functions: dict[str, Any] = {}

    def run(self, n_steps: int) -> None:
        """Start, then so many steps."""
        if "start" in self.sites:
            self._advance("start", 0)
        for n in self.text.states:
            self.kept[n] = [float(getattr(self.me, n))]
        for t in range(1, n_steps + 1):
            self._advance("step", t)
            for n, kept in self.kept.items():
                kept.append(float(getattr(self.me, n)))

    def _advance(self, name: str, t: int) -> None:
        method = self.text.method(name)
        self.words = PathWords(self.address, t)
        self.here = self.sites[name]
        self.counts.clear()
        given = {"self": self.me, "t": t, "draw": None}
        try:
            self._function(method)(*(given[a] for a in method.arguments))
        except FastmasError:
            raise
        except Exception as error:
            line = traceback.extract_tb(error.__traceback__)[-1]
            raise SimulationError(f"model {self.text.name!r}, run by Python at t={t}: {type(error).__name__}: {error} "
                                  f"({line.filename}:{line.lineno}, `{line.line}`)") from error

    def _function(self, method: Method) -> Any:
        if method.name not in self._functions:
            space = {**method.reached, RUN: self}
            exec(_compiled(self.text, method), space)  # the author's own code, as its import ran it
            self._functions[method.name] = space[method.tree.name]
        return self._functions[method.name]

    # ---- what rewritten methods call
    def site(self, line: int, column: int) -> PathWords:
        """The draws at this place of the text."""
        place = self.here.places[self.calls, line, column, self.turns]
        self.words.place, self.words.turn = place, self._turn()
        return self.words

    def _turn(self) -> int:
        turn = 0
        for number, n in self.loops:
            turn = number if n is None else turn * n + number
        return turn

    def turning(self, line: int, column: int, values: Iterable[Any], length: int | None) -> Iterator[Any]:
        """The values of a loop at this place, counting its turns."""
        place, depth = (self.calls, line, column, self.turns), len(self.loops)
        counted = place in self.here.counted
        try:
            for turn, value in enumerate(values):
                number = self.counts[place] if counted else turn
                self.counts[place] += 1
                self.loops[depth:] = [Turn(number, None if counted else length)]
                yield value
        finally:
            del self.loops[depth:]

    def range(self, line: int, column: int) -> Callable[..., Iterator[int]]:
        """range, for the loop at this place."""
        def turns(*bounds: Any) -> Iterator[int]:
            values = range(*map(int, bounds))
            return self.turning(line, column, values, len(values))
        return turns

    def endless(self, line: int, column: int) -> Iterator[int]:
        """The turns of a `while`."""
        return self.turning(line, column, itertools.count(), None)

    def over(self, line: int, column: int, values: Any) -> Iterator[Any]:
        """A tuple written out: each turn is another place. A table is a loop at run time."""
        if any(values is self.text.options[name] for name in self.text.tables):
            yield from self.turning(line, column, values, len(values))
            return
        around = self.turns
        try:
            for turn, value in enumerate(values):
                self.turns = (*around, turn)
                yield value
        finally:
            self.turns = around

    def method(self, name: str, line: int, column: int) -> Any:
        """The method of this name, called from this place."""
        method = self.text.method(name)
        function = self._function(method)

        def called(*arguments: Any) -> Any:
            kept = self.calls, self.turns
            self.calls, self.turns = (*self.calls, (name, line, column, self.turns)), ()
            try:
                return function(self.me, *arguments)
            finally:
                self.calls, self.turns = kept
        return called

    def mean(self, state: str, length: int) -> float:
        """The mean of the last values of a state."""
        self._check(state, length)
        return float(np.sum(self.kept[state][-length:])) / length

    def past(self, state: str, k: int) -> float:
        """A value of a state, k steps ago."""
        self._check(state, k)
        return self.kept[state][-k]

    def _check(self, state: str, length: int) -> None:
        known = len(self.kept[state])
        if not 1 <= length <= known:
            raise SimulationError(f"model {self.text.name!r}: {length} past values of {state} at t={known}, where "
                                  f"{known} exist: let the rule wait until t >= {length}")


def _compiled(text: Text, method: Method) -> CodeType:
    """A method's code with its draws, loops and calls rewritten, made once for all paths."""
    if method.name not in text.codes:
        tree = Rewriting(text, method).visit(copy.deepcopy(method.tree))
        tree.decorator_list = []
        module = ast.fix_missing_locations(ast.Module([tree], []))
        text.codes[method.name] = compile(module, method.place.path, "exec", dont_inherit=True)
    return text.codes[method.name]


class Me:
    """What `self` is in a text: states that may be set, and all else that may be read."""

    def __init__(self, text: Text, values: Mapping[str, float]) -> None:
        own = vars(self)
        own["_states"] = frozenset(text.states)
        own["_class"] = text.cls
        own |= text.options
        for n, p in text.parameters.items():
            whole = [int(values[e]) if p.integer else float(values[e]) for e in p.entries]
            own[n] = Numbers(n, whole, fixed=True) if p.n_agents is not None else whole[0]
        for n, a in text.agents.items():
            own[n] = Numbers(n, [float(a.start)] * text.crowd(a))
        for n, s in text.states.items():
            own[n] = float(own[s.start.name] if isinstance(s.start, Parameter) else s.start)

    def __setattr__(self, name: str, value: Any) -> None:
        if name not in self._states:
            raise ModelError(f"{name} is not a state; declare it in the class: {name} = State(...)")
        vars(self)[name] = value

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._class, name)
        if isinstance(value, (Parameter, State, Agents)):
            raise ModelError(f"self.{name} is not among this model's parameters, with these options")
        return value


class Numbers(list):
    """A number of each agent; an index below zero is no agent's."""

    def __init__(self, name: str, values: list[Any], fixed: bool = False) -> None:
        super().__init__(values)
        self.name, self.fixed = name, fixed

    def __getitem__(self, index: Any) -> Any:
        return super().__getitem__(self._checked(index))

    def __setitem__(self, index: Any, value: Any) -> None:
        if self.fixed:
            raise ModelError(f"{self.name} is a parameter, which a step cannot change")
        super().__setitem__(self._checked(index), float(value))

    def _checked(self, index: Any) -> int:
        if not 0 <= index < len(self):
            raise SimulationError(f"{self.name}[{index}]: agents are 0 to {len(self) - 1}")
        return int(index)


class Rewriting(ast.NodeTransformer):
    """Draws, loops, looks back and calls of methods go through the path that runs."""

    def __init__(self, text: Text, method: Method) -> None:
        self.text, self.method = text, method

    def _through(self, e: ast.AST, source: str) -> ast.expr:
        made = ast.parse(f"{RUN}.{source}", mode="eval").body
        for node in ast.walk(made):
            ast.copy_location(node, e)
        return made

    def visit_For(self, node: ast.For) -> ast.For:
        self.generic_visit(node)
        iterated = node.iter
        if isinstance(iterated, ast.Call) and isinstance(iterated.func, ast.Name) and iterated.func.id == "range":
            iterated.func = self._through(node, f"range({node.lineno}, {node.col_offset})")
        else:
            call = self._through(node, f"over({node.lineno}, {node.col_offset})")
            call.args.append(iterated)  # type: ignore[attr-defined]
            node.iter = call
        return node

    def visit_While(self, node: ast.While) -> ast.For:
        """A loop over turns that tests first."""
        self.generic_visit(node)
        test = ast.If(ast.UnaryOp(ast.Not(), node.test), [ast.Break()], [])
        turns = self._through(node, f"endless({node.lineno}, {node.col_offset})")
        loop = ast.For(ast.Name("turn_of_a_while", ast.Store()), turns, [test, *node.body], [])
        for made in (loop, loop.target, test, test.test, test.body[0]):
            ast.copy_location(made, node)
        return loop

    def visit_Attribute(self, node: ast.Attribute) -> ast.expr:
        self.generic_visit(node)
        is_property = isinstance(inspect.getattr_static(self.text.cls, node.attr, None), property)
        if of_self(node) and is_property and self.text.has(node.attr):
            return self._through(node, f"method({node.attr!r}, {node.lineno}, {node.col_offset})()")
        return node

    def visit_Call(self, node: ast.Call) -> ast.expr:
        of = node.func
        if isinstance(of, ast.Attribute) and isinstance(of.value, ast.Name) and of.value.id == "draw":
            self.generic_visit(node)
            of.value = self._through(node, f"site({node.lineno}, {node.col_offset})")
            _drop_name(node)
            return node
        if of_self(of) and self.text.has(of.attr):
            node.args = [self.visit(a) for a in node.args]
            node.func = self._through(node, f"method({of.attr!r}, {node.lineno}, {node.col_offset})")
            return node
        name = self._history(of)
        if name:
            state = node.args[0].attr  # type: ignore[attr-defined]
            node.args = [ast.copy_location(ast.Constant(state), node), self.visit(node.args[1])]
            node.func = self._through(node, name)
            return node
        self.generic_visit(node)
        return node

    def _history(self, of: ast.expr) -> str:
        """The word that looks back, if this is one."""
        known: Any = None
        if isinstance(of, ast.Name):
            known = self.method.reached.get(of.id)
        elif isinstance(of, ast.Attribute) and isinstance(of.value, ast.Name):
            known = getattr(self.method.reached.get(of.value.id), of.attr, None)
        return next((name for name, meaning in HISTORY.items() if known is meaning), "")


def _drop_name(node: ast.Call) -> None:
    """A draw's name is for its address."""
    node.keywords = []
    if node.args and isinstance(node.args[-1], ast.Constant) and isinstance(node.args[-1].value, str):
        node.args.pop()
