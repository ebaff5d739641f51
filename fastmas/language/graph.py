"""The graph that a text becomes: nodes in blocks, a pure one in the outermost block that knows its arguments.

Blocks nest: `once` (parameters alone, computed before the first step), the step, and one for the body of each
loop. So what does not change in a loop, or from step to step, leaves it by construction, and equal expressions
are one node.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

REAL, BOOL = "real", "bool"  # differ from path to path
TALLY = "tally"  # a whole number that differs from path to path: a count and what is linear in it
WHOLE, FLAG = "whole", "flag"  # the same for all paths: t, options, integer parameters, loop indices
SHARED = (WHOLE, FLAG)
PASSED_ON = ("carried", "result")  # what a loop hands from turn to turn, and leaves behind
READS = ("load", "pick")  # of agents' numbers


@dataclass(eq=False)
class Node:
    """One operation: its name, its arguments (nodes, names, numbers), the kind of its value, where it lives."""

    op: str
    args: tuple[Any, ...]
    kind: str
    block: Block
    line: int = 0
    name: str = ""
    body: Block | None = None  # of a loop

    def __repr__(self) -> str:
        return f"{self.op}({', '.join(map(repr, self.args))})"


@dataclass(eq=False)
class Block:
    """What is computed together: once, every step, or every turn of a loop."""

    parent: Block | None = None
    loop: Node | None = None
    nodes: list[Node] = field(default_factory=list)
    known: dict[Any, Node] = field(default_factory=dict)
    outputs: dict[Any, Any] = field(default_factory=dict)  # state or carried name -> its new value
    stores: dict[tuple[str, Any], Any] = field(default_factory=dict)  # (agents, index) -> new value
    sets: frozenset[str] = frozenset()  # agents whose numbers it sets, also in loops inside it

    @property
    def depth(self) -> int:
        return 0 if self.parent is None else 1 + self.parent.depth

    def outwards(self) -> Iterator[Block]:
        """This block and those around it."""
        block: Block | None = self
        while block is not None:
            yield block
            block = block.parent

    @property
    def ends(self) -> list[Any]:
        """All that a block leaves: new values, and loops that set numbers of agents."""
        return [*self.outputs.values(), *self.stores.values(), *loops_that_store(self)]


def pure(block: Block, op: str, *args: Any, kind: str = REAL, line: int = 0) -> Node:
    """The node of this operation: the one there is, or a new one."""
    depth = max((a.block.depth for a in args if isinstance(a, Node)), default=0)
    home = next(b for b in block.outwards() if b.depth == depth)
    key = (op, kind, *(a if isinstance(a, Node) else (type(a).__name__, a) for a in args))
    if key not in home.known:
        home.known[key] = Node(op, args, kind, home, line)
        home.nodes.append(home.known[key])
    return home.known[key]


def fresh(block: Block, op: str, *args: Any, kind: str = REAL, line: int = 0) -> Node:
    """A node that is like no other: a draw, a loop, what a loop carries."""
    node = Node(op, args, kind, block, line)
    block.nodes.append(node)
    return node


def mark(block: Block) -> Node:
    """Ties to the step's block what changes from step to step though it has no arguments."""
    step = next(b for b in block.outwards() if b.depth <= 1)
    return pure_in(step, "mark", kind=FLAG)


def pure_in(block: Block, op: str, *args: Any, kind: str = REAL) -> Node:
    """The node of this operation in this very block."""
    key = (op, kind, *args)
    if key not in block.known:
        block.known[key] = Node(op, args, kind, block)
        block.nodes.append(block.known[key])
    return block.known[key]


def constant(block: Block, value: float) -> Node:
    """A real number."""
    once = list(block.outwards())[-1]
    return pure_in(once, "const", float(value))


def loops_that_store(block: Block) -> list[Node]:
    """Loops of this block in which, or within which, numbers of agents are set."""
    loops = [n for n in block.nodes if n.body is not None]
    return [n for n in loops if n.body is not None and (n.body.stores or loops_that_store(n.body))]


def inner_blocks(block: Block) -> list[Block]:
    """The bodies of all loops in a block, and in those."""
    found = [n.body for n in block.nodes if n.body is not None]
    return [*found, *(inner for one in found for inner in inner_blocks(one))]


def touched(block: Block) -> set[str]:
    """The agents whose numbers are read or set in a block."""
    blocks = [block, *inner_blocks(block)]
    return {n.args[0] for b in blocks for n in b.nodes if n.op in READS} | {k[0] for b in blocks for k in b.stores}


def operands(node: Node) -> list[Node]:
    """The nodes that a node reads; of a loop also what its body leaves."""
    found = [a for a in node.args if isinstance(a, Node)]
    if node.body is not None:
        found += [v for v in node.body.ends if isinstance(v, Node)]
    return found


def needed(roots: Iterable[Any]) -> set[Node]:
    """All nodes that these depend on."""
    seen: set[Node] = set()
    left = [r for r in roots if isinstance(r, Node)]
    while left:
        node = left.pop()
        if node not in seen:
            seen.add(node)
            left += operands(node)
    return seen


class Term:
    """A node under the operators of arithmetic: formulas over terms add nodes to a block."""

    __slots__ = ("block", "node")

    def __init__(self, block: Block, node: Node) -> None:
        self.block, self.node = block, node

    def of(self, op: str, *others: Any, kind: str = REAL) -> Term:
        """op(self, *others)."""
        return Term(self.block, pure(self.block, op, self.node, *(self._node(o) for o in others), kind=kind))

    def _node(self, other: Any) -> Node:
        return other.node if isinstance(other, Term) else constant(self.block, other)

    def __add__(self, other: Any) -> Term: return self.of("+", other)
    def __sub__(self, other: Any) -> Term: return self.of("-", other)
    def __mul__(self, other: Any) -> Term: return self.of("*", other)
    def __truediv__(self, other: Any) -> Term: return self.of("/", other)
    def __neg__(self) -> Term: return self.of("neg")
    def __ge__(self, other: Any) -> Term: return self.of(">=", other, kind=BOOL)
    def __gt__(self, other: Any) -> Term: return self.of(">", other, kind=BOOL)
    def __rmul__(self, other: Any) -> Term: return Term(self.block, self._node(other)) * self
    def __radd__(self, other: Any) -> Term: return Term(self.block, self._node(other)) + self
    def __rsub__(self, other: Any) -> Term: return Term(self.block, self._node(other)) - self
    def __rtruediv__(self, other: Any) -> Term: return Term(self.block, self._node(other)) / self

    def choose(self, yes: Any, no: Any) -> Term:
        """yes where this holds, else no."""
        return self.of("select", yes, no)
