"""What a parameter reaches: which values move with it smoothly, which decisions jump with it."""

from __future__ import annotations

from typing import Any, NamedTuple

from fastmas.language.draws import DRAWS
from fastmas.language.graph import BOOL, Block, Node, inner_blocks, needed
from fastmas.language.reading import Graph
from fastmas.language.words import WORDS
from fastmas.parameters import Parameter

JUMPS = tuple(name for name, word in WORDS.items() if word.slopes is None)


def entry_of(name: str) -> tuple[str, int | None]:
    """"kappa[3]" as ("kappa", 3), "kappa" as ("kappa", None)."""
    base, _, index = name.partition("[")
    return base, int(index[:-1]) if index else None


class Activity:
    """The values that have a tangent along some of these parameters.

    Attributes
    ----------
    states, agents : set of str
    carried : set of (loop, what)
    jumps : nodes that decide by a threshold that moves, which no tangent and no score sees
    """

    def __init__(self, graph: Graph, parameters: tuple[str, ...], starting: set[str] = frozenset()) -> None:  # type: ignore[assignment]
        self.graph = graph
        self.names = {entry_of(name)[0] for name in parameters}
        self.states = set(starting) & set(graph.text.states)
        self.agents = set(starting) & set(graph.text.agents)
        self.carried: set[tuple[Node, Any]] = set()
        self.blocks = [graph.step, *inner_blocks(graph.step)]
        while self._grow():
            pass
        self.jumps = self._jumps()

    def _grow(self) -> bool:
        self._known: dict[Node, bool] = {}
        before = len(self.states), len(self.agents), len(self.carried)
        for block in self.blocks:
            self._grow_by(block)
        return before != (len(self.states), len(self.agents), len(self.carried))

    def _grow_by(self, block: Block) -> None:
        for key, value in block.outputs.items():
            if self.of(value) and isinstance(key, str):
                self.states.add(key)
            elif block.loop is not None and self.of(value):
                self.carried.add((block.loop, key))
        for (name, _), value in block.stores.items():
            if self.of(value):
                self.agents.add(name)
        for node in block.nodes:
            if node.op == "carried" and self.of(node.args[2]):
                self.carried.add((node.args[0], node.args[1]))

    def of(self, node: Any) -> bool:
        """Whether a value moves with a parameter."""
        if not isinstance(node, Node):
            return False
        if node not in self._known:
            self._known[node] = False  # of a circle, until it is known
            self._known[node] = self._moves(node)
        return self._known[node]

    def _moves(self, node: Node) -> bool:
        op, a = node.op, node.args
        if op in ("param", "each"):
            return a[0] in self.names
        if op in ("state", "mean", "past", "mean_difference"):
            return a[0] in self.states
        if op in ("load", "pick"):
            return a[0] in self.agents
        if op in ("carried", "result"):
            return (a[0], a[1]) in self.carried
        if op in DRAWS or op in JUMPS or node.kind != "real" or op == "number":
            return False
        inputs = a[1:] if op == "select" else a
        return any(self.of(x) for x in inputs)

    def _jumps(self) -> list[Node]:
        found = []
        for node in needed(self.graph.step.ends):
            decides = node.op in JUMPS or node.op == "gamma" or (node.kind == BOOL and node.op not in DRAWS)
            if decides and any(self.of(x) for x in node.args):
                found.append(node)
            if node.op == "pick" and self.of(node.args[1]):
                found.append(node)
        return found


def starting(step: Graph, start: Graph | None, parameters: tuple[str, ...]) -> set[str]:
    """States and agents that move with a parameter at t = 0."""
    names = {entry_of(name)[0] for name in parameters}
    declared = {n for n, s in step.text.states.items() if isinstance(s.start, Parameter) and s.start.name in names}
    if start is None:
        return declared
    begun = Activity(start, parameters, declared)
    return begun.states | begun.agents


def blind(step: Graph, name: str, start: Graph | None = None) -> list[Node]:
    """The decisions of a step that move with a parameter and that neither tangents nor the score see."""
    return Activity(step, (name,), starting(step, start, (name,))).jumps


class Reach(NamedTuple):
    """How a derivative by a parameter can be had.

    Attributes
    ----------
    tangent : whether states move with it while decisions stay
    score : whether the chances of decisions do
    jumps : lines of the decisions that jump with it, which neither of the two sees
    """

    tangent: bool
    score: bool
    jumps: tuple[int, ...]

    def __str__(self) -> str:
        if self.jumps:
            lines = ", ".join(map(str, self.jumps))
            return f"differences: a threshold moves in line{'s' * (len(self.jumps) > 1)} {lines}"
        return " + ".join(w for w, has in (("score", self.score), ("tangent", self.tangent)) if has) or "none: not read"


def reach(step: Graph, name: str, start: Graph | None = None) -> Reach:
    """How a derivative by this parameter can be had."""
    found = Activity(step, (name,), starting(step, start, (name,)))
    chances = [s.node.args[-1] for s in step.sites if DRAWS[s.node.op].decides]
    lines = sorted({n.line for n in found.jumps if n.line})
    return Reach(bool(found.states or found.agents), any(found.of(p) for p in chances), tuple(lines))
