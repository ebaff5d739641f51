"""Tangents and the score of decisions: more nodes in a graph, so that lowerings know nothing of calculus.

Along each of some parameters every state has a tangent, its derivative where draws keep their words and decisions
their outcomes. What frozen outcomes leave out the score carries: each path sums up d log P(decisions) / d theta. Both
are arrays with a number for each parameter, and a loop over parameters at the end of a block computes them anew; so
code does not grow with their number.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

from fastmas.language.activity import Activity, entry_of
from fastmas.language.draws import DRAWS
from fastmas.language.graph import FLAG, REAL, WHOLE, Block, Node, Term, constant, fresh, mark, needed, pure
from fastmas.language.reading import Graph
from fastmas.language.words import WORDS

SCORE = "score_of_decisions"
LOOK_BACK = ("mean", "past", "mean_difference")
LEAST = 1e-7  # of a probability and of its complement, in a score


def tangent_of(name: str) -> str:
    """The array of the tangents of a state, an agent's number or a carried value."""
    return f"tangent_of_{name}"


class Tangents:
    """Adds tangents, and the score if asked for, to a graph.

    Parameters
    ----------
    graph : Graph
        Of a step or a start; it is changed.
    parameters : tuple of str
        Entries of real parameters, as "kappa" or "kappa[3]".
    score : bool
    starting : set of str
        States and agents that move with a parameter from the start.
    """

    def __init__(self, graph: Graph, parameters: tuple[str, ...], score: bool, starting: set[str]) -> None:
        self.graph, self.parameters, self.score = graph, parameters, score
        self.activity = Activity(graph, parameters, starting)
        self.n = len(parameters)
        self.arrays: dict[Any, str] = {}  # of carried values
        for name in [n for n in graph.text.states if n in self.activity.states]:
            graph.more_agents[tangent_of(name)] = self.n
        for name in [n for n in graph.text.agents if n in self.activity.agents]:
            graph.more_agents[tangent_of(name)] = self.n * graph.text.crowd(graph.text.agents[name])
        for number, key in enumerate(sorted(self.activity.carried, key=_order)):
            self.arrays[key] = tangent_of(f"{key[1][1]}_{number}")
            graph.more_agents[self.arrays[key]] = self.n
        if score:
            graph.more_agents[SCORE] = self.n
        for name in [n for n in graph.look_back if n in self.activity.states]:
            graph.look_back[tangent_of(name)] = dict(graph.look_back[name])
        self._extend(graph.step)
        self._forget()

    def _forget(self) -> None:
        """Past tangents that nothing reads, as behind a threshold, are not kept."""
        read = {(n.args[0], "past" if n.op == "past" else "mean") for n in needed(self.graph.step.ends)
                if n.op in LOOK_BACK}
        for name in [n for n in self.graph.look_back if n in self.graph.more_agents]:
            kept = {word: longest for word, longest in self.graph.look_back.pop(name).items() if (name, word) in read}
            if kept:
                self.graph.look_back[name] = kept

    def _extend(self, block: Block) -> None:
        """Loops over parameters: before each inner loop what it begins with, then, last, what the block leaves."""
        for loop in [n for n in block.nodes if n.body is not None]:
            self._begin(block, loop)
            assert loop.body is not None
            self._extend(loop.body)
        ends = _Directions(self, block)
        for key, value in block.outputs.items():
            ends.put(self._array(block, key), value)
        for (name, index), value in block.stores.items():
            if name in self.activity.agents:
                ends.put(tangent_of(name), value, index)
        if self.score:
            ends.add_score([s.node for s in self.graph.sites if s.node.block is block])
        ends.close()

    def _array(self, block: Block, key: Any) -> str | None:
        if isinstance(key, str):
            return tangent_of(key) if key in self.activity.states else None
        return self.arrays.get((block.loop, key))

    def _begin(self, block: Block, loop: Node) -> None:
        assert loop.body is not None
        first = _Directions(self, block, loop)
        for node in [n for n in loop.body.nodes if n.op == "carried"]:
            first.put(self.arrays.get((loop, node.args[1])), node.args[2])
        closed = first.close()
        if closed is not None:
            loop.args = (*loop.args, closed)


def _order(key: tuple[Node, Any]) -> tuple[int, str]:
    return key[0].line, str(key[1])


class _Directions:
    """One loop over parameters in a block, and the rules of differentiation inside it; None is zero."""

    def __init__(self, calculus: Tangents, outer: Block, before: Node | None = None) -> None:
        self.calculus, self.outer, self.before = calculus, outer, before
        self.place_in_block = outer.nodes.index(before) if before is not None else len(outer.nodes)
        self.done = [n for n in outer.nodes[:self.place_in_block] if n.body is not None]  # loops that come first
        self.loop = Node("loop", (calculus.n, None), FLAG, outer)
        self.block = self.loop.body = Block(parent=outer, loop=self.loop)
        self.direction = fresh(self.block, "index", self.loop, kind=WHOLE)
        self.direction.name = "direction"
        self.loop.args = (calculus.n, self.direction)
        self._known: dict[Node, Term | None] = {}

    def close(self) -> Node | None:
        """Put the loop into its block, if it sets anything."""
        if not self.block.stores:
            return None
        self.loop.args = (*self.loop.args, *self.done)
        self.outer.nodes.insert(self.place_in_block if self.before is not None else len(self.outer.nodes), self.loop)
        return self.loop

    def put(self, array: str | None, value: Any, agent: Any = None) -> None:
        """Set an array's number for this direction to the tangent of a value."""
        if array is None:
            return
        tangent = self.of(value)
        self.block.stores[array, self._place(agent)] = constant(self.block, 0.0) if tangent is None else tangent.node

    def add_score(self, sites: list[Node]) -> None:
        """Add what the decisions made in this block say of each parameter."""
        total = None
        for site in sites:
            if site.op not in DRAWS or not DRAWS[site.op].decides:
                continue
            n, p = site.args if site.op == "count" else (1, site.args[0])
            slope = self.of(p)
            if slope is not None:
                total = _plus(total, self._surprise(site, n, p) * slope)
        if total is not None:
            self.block.stores[SCORE, self.direction] = (self._load(SCORE) + total).node

    def _surprise(self, site: Node, n: Any, p: Node) -> Term:
        """(k - n p) / (p (1 - p)), which has mean 0 given p."""
        size = self._term(n) if isinstance(n, Node) and n.kind == REAL else self._number(n)
        inside = self._term(p).of("max", LEAST).of("min", 1.0 - LEAST)
        return (self._number(site) - size * self._term(p)) / (inside * (1.0 - inside))

    # ---- terms
    def _term(self, node: Node) -> Term:
        return Term(self.block, node)

    def _number(self, value: Any) -> Term:
        if not isinstance(value, Node):
            return self._term(constant(self.block, float(value)))
        return self._term(pure(self.block, "number", value))

    def _place(self, agent: Any = None) -> Node:
        """Where this direction's number is: of an agent behind those of the agents before it."""
        if agent is None:
            return self.direction
        first = pure(self.block, "*", agent, self.calculus.n, kind=WHOLE)
        return pure(self.block, "+", first, self.direction, kind=WHOLE)

    def _load(self, array: str, agent: Any = None) -> Term:
        return self._term(pure(self.block, "load", array, self._place(agent), *self.done[-1:], mark(self.block)))

    # ---- rules
    def of(self, node: Any) -> Term | None:
        """The tangent of a value."""
        if not isinstance(node, Node) or not self.calculus.activity.of(node):
            return None
        if node not in self._known:
            self._known[node] = self._rule(node)(self, node, *node.args)
        return self._known[node]

    def _rule(self, node: Node) -> Callable[..., Term | None]:
        if node.op in RULES:
            return RULES[node.op]
        return _Directions._by_slopes

    def _by_slopes(self, node: Node, *arguments: Node) -> Term | None:
        """The chain rule, by the slopes of a word."""
        slopes = WORDS[node.op].slopes
        assert slopes is not None
        total = None
        for slope, a in zip(slopes(self._term(node), *map(self._term, arguments)), arguments, strict=True):
            inner = self.of(a)
            if inner is not None:
                total = _plus(total, self._times(inner, slope))
        return total

    def _times(self, inner: Term, factor: Term) -> Term:
        """inner * factor; what is the same for all directions is multiplied first, outside of their loop."""
        node = inner.node
        if factor.node.block is self.block or node.block is not self.block:
            return inner * factor
        if node.op == "neg":
            return self._times(self._term(node.args[0]), -factor)
        outside = [a for a in node.args if node.op == "*" and a.block is not self.block]
        if not outside:
            return inner * factor
        (moving,) = (a for a in node.args if a is not outside[0])
        return self._term(moving) * (self._term(outside[0]) * factor)

    def _parameter(self, node: Node, name: str, index: Any = None) -> Term | None:
        """1 along itself."""
        found = None
        for place, entry in enumerate(self.calculus.parameters):
            base, agent = entry_of(entry)
            if base == name:
                here = pure(self.block, "==", self.direction, place, kind=FLAG)
                if agent is not None:
                    its = pure(self.block, "==", index, agent, kind=FLAG)
                    here = pure(self.block, "and", here, its, kind=FLAG)
                found = _plus(found, self._number(here))
        return found

    def _state(self, node: Node, name: str, *_: Any) -> Term:
        return self._load(tangent_of(name))

    def _passed_on(self, node: Node, loop: Node, what: Any, *_: Any) -> Term:
        return self._load(self.calculus.arrays[loop, what])

    def _agent(self, node: Node, name: str, index: Node, *_: Any) -> Term:
        return self._load(tangent_of(name), index)

    def _picked(self, node: Node, name: str, index: Node, *_: Any) -> Term:
        place = self._term(index).of("floor") * float(self.calculus.n) + self._number(self.direction)
        ties = self.done[-1:]
        return self._term(pure(self.block, "pick", tangent_of(name), place.node, *ties, mark(self.block)))

    def _look_back(self, node: Node, name: str, *rest: Any) -> Term:
        return self._term(pure(self.block, node.op, tangent_of(name), *rest, self.direction))

    def _sum(self, node: Node, a: Node, b: Node) -> Term | None:
        return _plus(self.of(a), self.of(b))

    def _difference(self, node: Node, a: Node, b: Node) -> Term | None:
        first, second = self.of(a), self.of(b)
        if first is None or second is None:
            return first if second is None else -second
        return first - second

    def _product(self, node: Node, a: Node, b: Node) -> Term | None:
        first, second = self.of(a), self.of(b)
        left = None if first is None else self._times(first, self._term(b))
        return _plus(left, None if second is None else self._times(second, self._term(a)))

    def _quotient(self, node: Node, a: Node, b: Node) -> Term | None:
        first, second = self.of(a), self.of(b)
        per = self._per(b)
        if second is None:
            return None if first is None else self._times(first, per)
        inner = self._times(second, self._term(node))
        return self._times(-inner, per) if first is None else self._times(first - inner, per)

    def _per(self, under: Node) -> Term:
        """1 over a value: one division for all directions."""
        if under.op == "const":
            return self._term(constant(self.block, 1.0 / under.args[0] if under.args[0] else math.inf))
        return 1.0 / self._term(under)

    def _negative(self, node: Node, a: Node) -> Term | None:
        inner = self.of(a)
        return None if inner is None else -inner

    def _selected(self, node: Node, test: Node, a: Node, b: Node) -> Term:
        zero = self._term(constant(self.block, 0.0))
        return self._term(test).choose(self.of(a) or zero, self.of(b) or zero)


def _plus(a: Term | None, b: Term | None) -> Term | None:
    return b if a is None else a if b is None else a + b


RULES: Mapping[str, Callable[..., Term | None]] = {
    "param": _Directions._parameter, "each": _Directions._parameter, "state": _Directions._state,
    "carried": _Directions._passed_on, "result": _Directions._passed_on, "load": _Directions._agent,
    "pick": _Directions._picked, "mean": _Directions._look_back, "past": _Directions._look_back,
    "mean_difference": _Directions._look_back, "+": _Directions._sum, "-": _Directions._difference,
    "*": _Directions._product, "/": _Directions._quotient, "neg": _Directions._negative,
    "select": _Directions._selected}
