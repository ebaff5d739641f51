"""From a graph to lane code: blocks stage by stage, the light nodes of a stage in one loop over lanes.

An expression is written where it is read, unless it is read twice or in another loop over lanes: then it has a
name, or a row. No load stands inside a branch of a selection: it would keep the loop from being vectorised.
"""

from __future__ import annotations

from typing import Any

from fastmas.language.addresses import RANGED, WORD, Addresses
from fastmas.language.draws import DRAWS
from fastmas.language.graph import BOOL, FLAG, SHARED, TALLY, Block, Node
from fastmas.language.reading import Graph
from fastmas.lowering.formulas import Formulas, as_condition, as_number
from fastmas.lowering.layout import Layout
from fastmas.lowering.rows import Rows
from fastmas.lowering.schedule import LIGHT, Schedule

IN_RANGE = ("Phi", "sigmoid")  # probabilities that need no bounds


class Lanes:
    """Code of one graph in the making.

    Parameters
    ----------
    graph, addresses, layout
    state, words : Rows
        Lane arrays that the kernels share; what is computed once has rows in them, by `held`.
    held : dict, optional
        Node of the block `once` to the row that `init` leaves it in. Without it that block is computed in place.
    """

    def __init__(self, graph: Graph, addresses: Addresses, layout: Layout, rows: tuple[Rows, Rows],
                 held: dict[Node, str] | None = None) -> None:
        self.graph, self.addresses, self.layout = graph, addresses, layout
        self.mode = addresses.mode
        self.state, self.words = rows
        self.held = held
        self.schedule = Schedule(graph, addresses)
        self.formulas = Formulas(self)
        self.formulas.round_products(self.schedule.alive)
        self.memo: dict[Any, Any] = {}  # rows that draws leave numbers in
        self.pool: list[str] = []
        self.lines: list[str] = []
        self._indent = 1
        self._rows: dict[Node, str] = {}
        self._names: dict[Node, str] = {}
        self._carried: dict[Any, str] = {}
        self._index_names: dict[Node, str] = {}
        self._early: dict[str, str] = {}
        self._pending: list[str] = []  # lines that come before the one being written
        self._counter = 0
        self._once = False  # while the block `once` is written, in `init`

    # ---- whole kernels' bodies
    def write_step(self) -> None:
        """Every step: the words of the pool, then the step's block."""
        self.draw_pool()
        self.write(self.graph.step)

    def write_once(self) -> None:
        """What depends on parameters alone, for those nodes that a step reads."""
        self._once = True
        self.write(self.graph.once)
        self._once = False

    def draw_pool(self) -> None:
        """All words of the pool, call by call: a loop would index `words` at run time, which costs a GPU registers."""
        self.pool = [self.words.new(f"pool_{k}") for k in range(4 * self.addresses.n_slots)]
        for k in range(self.addresses.n_slots):
            self.line(f"draw_words(lanes, address, t, int64({k}), {', '.join(self.pool[4 * k:4 * k + 4])})")

    def write(self, block: Block) -> None:
        """A block, stage by stage."""
        mine = [n for n in block.nodes if n in self.schedule.alive and (n.kind not in SHARED or n.body is not None)]
        if self._once:
            needed = self._needed_once()
            mine = [n for n in mine if n in needed]
        for site in mine:
            if site.op in DRAWS and DRAWS[site.op].takes_word and self.place(site).how != WORD:
                self._draw_word(site)
        for stage in range(self.schedule.last[block] + 1):
            key, lines = (block, stage, LIGHT), []
            for n in mine:
                if self.key(n) == key:
                    lines += self._keep(n, key)
            if stage == self.schedule.last[block] and not self._once:
                lines += self._ends(block, key)
            self.lane_loop(lines)
            for n in mine:
                if self.schedule.stage[n] == stage and self.schedule.is_heavy(n):
                    self._write_heavy(n)

    def _needed_once(self) -> set[Node]:
        if "once" not in self.memo:
            found: set[Node] = set()
            left = list(self.held or ())
            while left:
                n = left.pop()
                if n not in found:
                    found.add(n)
                    left += [a for a in n.args if isinstance(a, Node)]
            self.memo["once"] = found
        return self.memo["once"]

    # ---- nodes
    def _keep(self, n: Node, key: Any) -> list[str]:
        """The line that computes a light node, unless it is written into its only reader."""
        if n.kind == TALLY or self.formulas.direct(n) is not None:
            return []
        uses = self.schedule.uses[n]
        elsewhere = [k for k in uses if k != key]
        kept = self._is_held(n)
        if not elsewhere and not kept and len(uses) <= 1 and n.op not in ("load", "pick"):
            return []
        value = self.formulas.formula(n, key)
        name = self._new_name(n)
        before, self._pending = self._pending, []
        self._names[n] = name
        if not elsewhere and not kept:
            return [*before, f"{name} = {value}"]
        row = self._own_row(n)
        return [*before, f"{name} = {value}", f"{row}[w] = {as_number(name) if n.kind == BOOL else name}"]

    def _write_heavy(self, n: Node) -> None:
        if n.body is not None:
            self._write_loop(n)
        elif n.op in DRAWS:
            DRAWS[n.op].write(self, n)
        elif not self.schedule.is_threshold(n):
            self.lane_loop([f"{self._own_row(n)}[w] = {self.formulas.formula(n, self.key(n))}"])

    def _ends(self, block: Block, key: Any) -> list[str]:
        """New values of states, carried names and agents: all computed, then all set."""
        sets = []
        for name, v in block.outputs.items():
            row = self.layout.rows[name] if isinstance(name, str) else self.carried_row(block.loop, name)
            target = f"{row}[w]"
            value = self.value(v, key)
            value = as_number(value) if isinstance(v, Node) and v.kind == BOOL else value
            if value != target:
                sets.append((target, value))
        for (agents, index), v in block.stores.items():
            sets.append((f"history[{self.formulas.agent(agents, index)}, w]", self.value(v, key)))
        before, self._pending = self._pending, []
        if len(sets) == 1:
            return [*before, f"{sets[0][0]} = {sets[0][1]}"]
        return [*before, *(f"new_{k} = {value}" for k, (_, value) in enumerate(sets)),
                *(f"{target} = new_{k}" for k, (target, _) in enumerate(sets))]

    def value(self, n: Any, key: Any) -> str:
        """The expression of a node in the loop `key`."""
        if n.kind in SHARED:
            return self.shared(n)
        text = self.formulas.direct(n)
        if text is None and n.kind != TALLY:
            text = self._kept(n, key)
        return self.formulas.formula(n, key) if text is None else text

    def _kept(self, n: Node, key: Any) -> str | None:
        """The name or the row that a node has already."""
        if n in self._names and self.key(n) == key:
            return self._names[n]
        row = self._row_for(n, key)
        return None if row is None else self._read_row(n, row)

    def _row_for(self, n: Node, key: Any) -> str | None:
        """The row that the loop `key` reads a node from: of the block `once` one that `init` fills."""
        if n.block is self.graph.once and self.held is not None and not self._once:
            if n not in self.held:
                self.held[n] = self.state.new(n.name or n.op)
            return self.held[n]
        if self.key(n) == key:
            return None
        return self.held[n] if n not in self._rows and self._is_held(n) else self._rows.get(n)  # type: ignore[index]

    def _is_held(self, n: Node) -> bool:
        """Whether `init` is being written and leaves this node for the steps."""
        return self._once and self.held is not None and n in self.held

    def _own_row(self, n: Node) -> str:
        return self.held[n] if self._is_held(n) else self.row(n)  # type: ignore[index]

    def _read_row(self, n: Node, row: str) -> str:
        return as_condition(f"{row}[w]") if n.kind == BOOL else f"{row}[w]"

    # ---- what draws ask for
    def place(self, n: Node) -> Any:
        return self.addresses.place[n]

    def key(self, n: Node) -> Any:
        return self.schedule.key(n)

    def shared(self, n: Any) -> str:
        return self.formulas.shared(n)

    def row(self, n: Node) -> str:
        """The row of a node's values."""
        if n not in self._rows:
            self._rows[n] = self.state.new(n.name or n.op)
        return self._rows[n]

    def new_row(self, name: str) -> str:
        return self.state.new(name)

    def scratch(self) -> str:
        """A row that nobody reads in the next loop over lanes but one."""
        if "scratch" not in self.memo:
            self.memo["scratch"] = self.state.new("scratch")
        return self.memo["scratch"]

    def word(self, n: Node) -> str:
        """The row of random words that a site reads."""
        place = self.place(n)
        return self.pool[place.at] if place.how == WORD else self.memo[n, "word"]

    def turn(self, n: Node) -> str:
        """The number of this turn among all turns of the loops around a draw."""
        loops = [b.loop for b in n.block.outwards() if b.loop is not None and b.loop.args[1].name]
        if not loops:
            return "0"
        text = self.index_name(loops[-1].args[1])
        for inner in reversed(loops[:-1]):
            text = f"({text} * {self.shared(inner.args[0])} + {self.index_name(inner.args[1])})"
        return text

    def limits(self, n: Node) -> str:
        """A row of thresholds: an agent whose word lies below says yes."""
        p, row = n.args[1], self.words.new("limit")
        if self.schedule.is_threshold(p):
            x = p.args[0]
            place = self._rows.get(x)
            if place is None:
                place = self.scratch()
                self.lane_loop([f"{place}[w] = {self.value(x, self.key(p))}"])
            self.line(f"cdf_thresholds(lanes, {place}, {row})")
        else:
            self.lane_loop([f"{row}[w] = threshold({self.probability(p, self.key(n))})"])
        return row

    def probability(self, p: Node, key: Any) -> str:
        """A probability not below zero, which would have no threshold."""
        text = self.value(p, key)
        return text if p.op in IN_RANGE or (p.op == "const" and p.args[0] >= 0) else f"max({text}, ZERO)"

    # ---- loops
    def _write_loop(self, n: Node) -> None:
        lines, key = [], self.key(n)
        assert n.body is not None
        for c in n.body.nodes:
            if c.op == "carried":
                start = self.value(c.args[2], key)
                lines.append(f"{self.carried_row(n, c.args[1])}[w] = {as_number(start) if c.kind == BOOL else start}")
        self.lane_loop(lines)
        bound = self.shared(n.args[0])
        branch = isinstance(n.args[0], Node) and n.args[0].kind == FLAG
        self.line(f"if {bound}:" if branch else f"for {self.index_name(n.args[1])} in range({bound}):")
        self._indent += 1
        self.write(n.body)
        self._indent -= 1

    def _draw_word(self, site: Node) -> None:
        """The words of a draw that has slots of its own: four turns share a slot, or eight where half-words do."""
        place, kind = self.place(site), DRAWS[site.op]
        rows = [self.words.new("drawn") for _ in range(4)]
        if place.how != RANGED:
            self.line(f"draw_words(lanes, address, t, int64({place.at}), {', '.join(rows)})")
            self.memo[site, "word"] = rows[0]
            return
        per, first = 8 if kind.in_halves else 4, self.words.names.index(rows[0])
        turn, word = self.turn(site), f"word_{first}"
        inner = site.block.loop.args[1] if site.block.loop is not None else None
        index = self.index_name(inner) if inner is not None and inner.name else "0"
        begins = f"{turn} % {per} == 0" if turn == index else f"{index} == 0 or {turn} % {per} == 0"
        new = "True" if turn == "0" else begins
        self.line(f"if {new}:")
        self.line(f"    draw_words(lanes, address, t, int64({place.at} + {turn} // {per}), {', '.join(rows)})")
        self.line(f"{word} = words[{first} + {turn} % {per}{' // 2' if per == 8 else ''}]")
        self.memo[site, "word"] = word

    def carried_row(self, loop: Any, what: Any) -> str:
        """The row of a value that a loop hands from turn to turn."""
        if (loop, what) not in self._carried:
            self._carried[loop, what] = self.state.new(f"{what[1]}_now")
        return self._carried[loop, what]

    def index_name(self, index: Node) -> str:
        """The variable of a loop: two loops one inside the other never share one."""
        if index not in self._index_names:
            self._index_names[index] = self.state.only(f"{index.name or 'turn'}_{len(self._index_names) + 1}")
        return self._index_names[index]

    # ---- lines
    def ahead(self, text: str) -> str:
        """A name for what is computed ahead of a selection."""
        if "[" not in text and "/" not in text:
            return text
        if text not in self._early:
            self._counter += 1
            self._early[text] = f"e{self._counter}"
            self._pending.append(f"{self._early[text]} = {text}")
        return self._early[text]

    def reference(self, state: str) -> str:
        """The row of what the running sums of a state leave out."""
        return self.layout.reference_rows[state]

    def line(self, text: str) -> None:
        self.lines.append("    " * self._indent + text)

    def lane_loop(self, lines: list[str]) -> None:
        """These lines for every lane."""
        lines, self._pending, self._early = [*self._pending, *lines], [], {}
        if lines:
            self.line("for w in range(lanes):")
            self.lines += ["    " * (self._indent + 1) + one for one in lines]

    def _new_name(self, n: Node) -> str:
        self._counter += 1
        return f"v{self._counter}_{n.name}".rstrip("_")
