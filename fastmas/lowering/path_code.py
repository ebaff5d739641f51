"""From what a path does to code of lane w: action by action, draws by their addresses.

A draw in a loop keeps the four words of its slot, which serve the next turns.
"""

from __future__ import annotations

from typing import Any

from fastmas.language.addresses import PER_SLOT, RANGED, WORD, Addresses
from fastmas.language.draws import DRAWS
from fastmas.language.following import Follower
from fastmas.language.following.actions import (
    LOCAL,
    Action,
    Branch,
    Draw,
    Leave,
    Loop,
    Next,
    Set,
    SetAgent,
    SetState,
    all_of,
)
from fastmas.language.graph import BOOL, FLAG, TALLY, WHOLE, Node
from fastmas.lowering.formulas import INFIX, Formulas, plus
from fastmas.lowering.layout import Layout

OF_WHOLE = (WHOLE, FLAG, TALLY)
NOT_DRAWN = "NO_WORDS"


class PathFormulas(Formulas):
    """Expressions of nodes that read names of a path."""

    def shared(self, n: Any) -> str:
        """A whole number, be it the path's own."""
        if not isinstance(n, Node):
            return repr(n)
        op, a = n.op, n.args
        if op == LOCAL:
            return a[0]
        if op == "clip":
            return f"min(max({self.shared(a[0])}, 0), {self.shared(a[1])})"
        if op == "whole_part":
            return f"int64({self.out.value(a[0])})"
        if op == "select":
            return f"({self.shared(a[1])} if {self.out.value(a[0])} else {self.shared(a[2])})"
        return super().shared(n)

    def inside(self, index: Any, n: int) -> str:
        """An index, which has been clipped already."""
        return super().inside(index, n) if isinstance(index, Node) and index.op == "index" else self.shared(index)

    def formula(self, n: Node, key: Any = None) -> str:
        if n.op == "chosen":
            return f"({', '.join(self.out.value(x) for x in n.args[1:])},)[{self.shared(n.args[0])}]"
        return super().formula(n, key)

    def _of_tally(self, n: Node, key: Any) -> str:
        return f"theta.dtype.type({self.shared(n)})"


class PathCode:
    """Code of one method in the making.

    Parameters
    ----------
    follower : what the path does
    addresses : of its sites
    layout : where its numbers are
    """

    def __init__(self, follower: Follower, addresses: Addresses, layout: Layout) -> None:
        self.follower, self.addresses, self.layout = follower, addresses, layout
        self.formulas = PathFormulas(self)
        self.lines: list[str] = []
        self.first: list[str] = []  # lines that come before all others
        self._indent = 2
        loops = [one for one in all_of(follower.actions) if isinstance(one, Loop)]
        self._loops = {one.node: one for one in loops if one.node is not None}
        self._pool: dict[int, str] = {}

    def write(self) -> list[str]:
        """The loop over paths."""
        self._write(self.follower.actions)
        counters = [f"{one.counter} = int64(-1)" for one in self._loops.values() if one.counter]
        before = [f"        {line}" for line in [*counters, *self.first]]
        return ["    for w in range(lanes):", *before, *self.lines] if before or self.lines else []

    # ---- actions
    def _write(self, actions: list[Action]) -> None:
        for one in actions:
            if isinstance(one, Set):
                self.line(f"{one.name} = {self.value(one.value)}")
            elif isinstance(one, SetState):
                self.line(f"{self.layout.rows[one.name]}[w] = {self.value(one.value)}")
            elif isinstance(one, SetAgent):
                place = f"{plus(self.layout.agents[one.name])}{self.formulas.shared(one.index)}"
                self.line(f"history[{place}, w] = {self.value(one.value)}")
            elif isinstance(one, Draw):
                DRAWS[one.site.op].follow(self, one.name, one.site)
            elif isinstance(one, Branch):
                self._branch(one)
            elif isinstance(one, Loop):
                self._loop(one)
            else:
                self.line("break" if isinstance(one, Leave) else "continue")
                assert isinstance(one, (Leave, Next))

    def _branch(self, one: Branch) -> None:
        self.line(f"if {self.value(one.test)}:")
        self._inner(one.body)
        if one.orelse:
            self.line("else:")
            self._inner(one.orelse)

    def _loop(self, one: Loop) -> None:
        bounds = ", ".join(self.formulas.shared(b) for b in one.bounds)
        self.line(f"for {one.index} in range({bounds}):" if bounds else "while True:")
        if one.counter:
            self.line(f"    {one.counter} += 1")
        self._inner(one.body)

    def _inner(self, actions: list[Action]) -> None:
        self._indent += 1
        self._write(actions)
        if not actions:
            self.line("pass")
        self._indent -= 1

    def line(self, text: str) -> None:
        self.lines.append("    " * self._indent + text)

    # ---- values
    def value(self, n: Any, key: Any = None) -> str:
        """The expression of a value."""
        if not isinstance(n, Node):
            return repr(n)
        if n.op == LOCAL:
            return n.args[0]
        if n.kind in OF_WHOLE or self._compares_whole(n):
            return self.formulas.shared(n)
        return self.formulas.direct(n) or self.formulas.formula(n)

    def _compares_whole(self, n: Node) -> bool:
        return n.kind == BOOL and n.op in INFIX and any(not isinstance(a, Node) or a.kind in OF_WHOLE for a in n.args)

    def shared(self, n: Any) -> str:
        return self.formulas.shared(n)

    def ahead(self, text: str) -> str:
        """Selections of a path are branches: nothing need come ahead of them."""
        return text

    def reference(self, state: str) -> str:
        return self.layout.reference_rows[state]

    def index_name(self, index: Node) -> str:
        return self._loops[index.args[0]].index

    # ---- what draws ask for
    def place(self, site: Node) -> Any:
        return self.addresses.place[site]

    def new_name(self, name: str) -> str:
        return self.follower.new_name(name)

    def probability(self, p: Node) -> str:
        """A probability not below zero."""
        return f"max({self.value(p)}, ZERO)"

    def pool(self, slot: int) -> str:
        """The four words of a slot of the step's pool."""
        if slot not in self._pool:
            self._pool[slot] = self.new_name("pool")
            self.first.append(f"{self._pool[slot]} = lane_words(w, address, t, {slot})")
        return self._pool[slot]

    def turn(self, site: Node) -> str:
        """The number of this turn among all turns of the loops around a draw.

        Of a loop whose length differs between paths it is the running number of its turns in this step.
        """
        loops = [b.loop for b in site.block.outwards() if b.loop is not None and b.loop.args[1].name]
        text = "0"
        for loop in reversed(loops):
            counter = self._loops[loop].counter
            index = counter or self._loops[loop].index
            text = index if counter or text == "0" else f"({text} * {self.shared(loop.args[0])} + {index})"
        return text

    def word(self, site: Node) -> str:
        """The word of a draw that takes a whole one."""
        how, at = self.place(site)
        if how == WORD:
            return f"{self.pool(at // PER_SLOT)}[{at % PER_SLOT}]"
        if how != RANGED:
            return f"lane_words(w, address, t, {at})[0]"
        return f"pick({self.words(site, PER_SLOT)}, {self.turn(site)})"

    def words(self, site: Node, per: int) -> str:
        """The words of this turn's slot, which `per` turns share: drawn where the last turn had another."""
        turn, at = self.turn(site), self.place(site).at
        if turn == "0":
            return f"lane_words(w, address, t, {at})"
        slot, words = self.new_name("slot"), self.new_name("words")
        self.first += [f"{slot} = int64(-1)", f"{words} = {NOT_DRAWN}"]
        now = f"{turn} >> {2 if per == PER_SLOT else 3}"
        self.line(f"if {now} != {slot}:")
        self.line(f"    {slot} = {now}")
        self.line(f"    {words} = lane_words(w, address, t, {at} + {slot})")
        return words



