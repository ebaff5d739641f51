"""What a parameter reaches: which values move with it smoothly, which decisions jump with it."""

from __future__ import annotations

from typing import Any

from fastmas.language.draws import DRAWS
from fastmas.language.graph import BOOL, Block, Node, inner_blocks
from fastmas.language.reading import Graph
from fastmas.language.words import WORDS

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
        self.states = set(starting) & (set(graph.text.states) | set(graph.more_states))
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
            if self.of(value):
                (self.states if isinstance(key, str) else self.carried).add(key if isinstance(key, str)
                                                                            else (block.loop, key))
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
        nodes = [n for block in (self.graph.once, *self.blocks) for n in block.nodes]
        for node in nodes:
            decides = node.op in JUMPS or node.op == "gamma" or (node.kind == BOOL and node.op not in DRAWS)
            if decides and any(self.of(x) for x in node.args):
                found.append(node)
            if node.op == "pick" and self.of(node.args[1]):
                found.append(node)
        return found


def blind(graph: Graph, name: str, starting: set[str]) -> list[Node]:
    """The decisions of a step that move with a parameter and that neither tangents nor the score see."""
    return Activity(graph, (name,), starting).jumps
