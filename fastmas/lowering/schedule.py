"""When each node of a graph is computed: stages of a block, between which lie draws, heavy functions and loops.

What needs one of these comes a stage later than it. The light nodes of a stage are one loop over lanes, heavy ones
have a loop each; what crosses from one to the other needs a row.
"""

from __future__ import annotations

from typing import Any

from fastmas.language.addresses import RANGED, Addresses
from fastmas.language.draws import DRAWS
from fastmas.language.graph import PASSED_ON, Block, Node, inner_blocks, needed
from fastmas.language.reading import Graph
from fastmas.language.words import WORDS

LIGHT = "light"


class Schedule:
    """The stages of one graph.

    Attributes
    ----------
    alive : what the ends of the step depend on
    stage : of each such node
    last : of each block its last stage, in which its ends are set
    uses : of each node where it is read: (block, stage, "light" or a heavy node)
    """

    def __init__(self, graph: Graph, addresses: Addresses) -> None:
        self.graph, self.addresses = graph, addresses
        self.alive = needed(graph.step.ends)
        self.blocks = [graph.once, graph.step, *inner_blocks(graph.step)]
        self.readers: dict[Node, list[Node]] = {n: [] for n in self.alive}
        for n in self.alive:
            for a in n.args:
                if isinstance(a, Node) and a in self.readers:
                    self.readers[a].append(n)
        self.ends = {v for block in self.blocks for v in block.ends if isinstance(v, Node)}
        self.stage: dict[Node, int] = {}
        self.last: dict[Block, int] = {}
        for block in sorted(self.blocks, key=lambda b: b.depth):
            self._plan(block)
        self.uses: dict[Node, list[Any]] = {n: [] for n in self.alive}
        self._find_uses()

    def _plan(self, block: Block) -> None:
        mine = [n for n in block.nodes if n in self.alive]
        for n in mine:
            self.stage[n] = self._earliest(n, block)
        ends = [v for v in block.ends if isinstance(v, Node) and v.block is block and v in self.stage]
        self.last[block] = max((self._after(v) for v in ends or mine), default=0)

    def _earliest(self, n: Node, block: Block) -> int:
        reads = [a for a in n.args if isinstance(a, Node)]
        if n.body is not None:
            inside = needed(n.body.ends)
            reads += [a for i in inside for a in i.args if isinstance(a, Node)]
            reads += [v for v in n.body.ends if isinstance(v, Node)]
        return max((self._after(a) for a in reads if a.block is block and a in self.stage), default=0)

    def _after(self, n: Node) -> int:
        """The first stage in which a node can be read."""
        return self.stage[n] + int(self.is_heavy(n))

    def is_heavy(self, n: Node) -> bool:
        """Whether a node has loops over lanes of its own."""
        if n.body is not None:
            return True
        if n.op == "chance":
            return self.addresses.place[n].how == RANGED
        if n.op in DRAWS:
            return DRAWS[n.op].heavy
        if n.op == "Phi" and n.block.loop is not None and all(m.op == "chance" for m in self.readers.get(n, ())):
            return False  # goes into a threshold
        return n.op in WORDS and WORDS[n.op].heavy

    def is_threshold(self, n: Any) -> bool:
        """Whether this is a normal probability that only counts of agents read: they take its argument."""
        known = isinstance(n, Node) and n.op == "Phi" and n not in self.ends
        return known and all(m.op == "count" for m in self.readers[n])

    def key(self, n: Node) -> Any:
        """The loop over lanes that a node belongs to."""
        return n.block, self.stage[n], n if self.is_heavy(n) else LIGHT

    def _find_uses(self) -> None:
        for n in self.alive:
            if n.op in PASSED_ON:
                continue
            for a in n.args:
                if isinstance(a, Node) and a in self.uses:
                    self.uses[a].append(self.key(n))
            for c in n.body.nodes if n.body is not None else ():
                if c.op == "carried" and isinstance(c.args[2], Node):
                    self.uses[c.args[2]].append(self.key(n))
        for block in self.blocks:
            for v in (*block.outputs.values(), *block.stores.values()):
                if isinstance(v, Node) and v in self.uses:
                    self.uses[v].append((block, self.last[block], LIGHT))
