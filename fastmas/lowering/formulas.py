"""Nodes as expressions of generated code, for lane w."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any

from fastmas.language.addresses import HALF, OWN
from fastmas.language.draws import DRAWS
from fastmas.language.graph import BOOL, REAL, SHARED, TALLY, Node
from fastmas.language.words import WORDS
from fastmas.lowering.layout import MEAN, PAST

# Signs; Python's `and` and `or` would jump, and a loop that jumps is not vectorised.
INFIX = {sign: sign for sign in ("+", "-", "*", "/", "//", "%", "<", "<=", ">", ">=", "==", "!=")} | {
    "and": "&", "or": "|"}


def real_constant(value: float) -> str:
    """A real number of the run's precision."""
    if value == 0.0:
        return "ZERO"
    if value == 1.0:
        return "ONE"
    if not math.isfinite(value):
        return "theta.dtype.type(math.nan)" if math.isnan(value) else f"theta.dtype.type({'-' * (value < 0)}math.inf)"
    return f"theta.dtype.type({value!r})"


def as_number(text: str) -> str:
    """A condition as 1 or 0."""
    return f"(ONE if {text} else ZERO)"


def as_condition(text: str) -> str:
    """1 or 0 as a condition."""
    return f"({text} != ZERO)"


def plus(base: int) -> str:
    return f"{base} + " if base else ""


class Formulas:
    """Expressions of the nodes of one graph; `out` is the code they are written into."""

    def __init__(self, out: Any) -> None:
        self.out, self.layout = out, out.layout
        self.rounded: set[Node] = set()  # products that are rounded before they are added to another product

    def round_products(self, nodes: Iterable[Node]) -> None:
        """Of each sum of two products among these nodes one is rounded first."""
        self.rounded |= {_factor(n.args[1]) for n in nodes
                         if n.op in ("+", "-") and n.kind == REAL and all(_is_product(a) for a in n.args)}

    # ---- numbers that all paths share
    def shared(self, n: Any) -> str:
        """A whole number, or a condition on such numbers."""
        if not isinstance(n, Node):
            return repr(n)
        if n.op in OF_ALL:
            return OF_ALL[n.op](self, n)
        return f"({self.shared(n.args[0])} {n.op} {self.shared(n.args[1])})"

    def _whole(self, n: Node) -> str:
        return f"integers[{self.layout.integers[n.args[0]]}]"

    def _n_rows(self, n: Node) -> str:
        return f"integers[{self.layout.n_rows[n.args[0]]}]"

    def _whole_each(self, n: Node) -> str:
        name, index = n.args
        return f"integers[{self.layout.integers[name]} + {self.inside(index, self._n_own(name))}]"

    def _entry(self, n: Node) -> str:
        name, index, column = n.args
        table = self.layout.text.tables[name]
        row = self.inside(index, len(table.rows))
        return f"integers[{self.layout.integers[name] + column} + {table.width} * {row}]"

    # ---- elements, of which none lies outside
    def agent(self, name: str, index: Any) -> str:
        """The row of the history that has an agent's number."""
        return f"{plus(self.layout.agents[name])}{self.inside(index, self.layout.n_agents(name))}"

    def inside(self, index: Any, n: int) -> str:
        """A whole number as an index of n elements: beyond the ends it stands for the first or the last."""
        text = self.shared(index)
        return text if self._is_inside(index, n) else f"min(max({text}, 0), {max(n - 1, 0)})"

    def _is_inside(self, index: Any, n: int) -> bool:
        if not isinstance(index, Node):
            return 0 <= index < n
        if index.op == "index":
            return index.args[0].args[0] is not None and self._most(index.args[0].args[0]) <= n
        if index.op == "+" and isinstance(index.args[0], Node) and index.args[0].op == "*":  # of an agent's tangents
            agent, per = index.args[0].args
            direction = index.args[1]
            if not isinstance(per, Node) and isinstance(direction, Node) and n % per == 0:
                return self._is_inside(agent, n // per) and self._is_inside(direction, per)
        return False

    def _most(self, bound: Any) -> float:
        """The most turns that a loop has."""
        text = self.layout.text
        if not isinstance(bound, Node):
            return float(bound)
        if bound.op == "option":
            return float(text.options[bound.args[0]])
        if bound.op == "rows":
            return float(len(text.tables[bound.args[0]].rows))
        if bound.op == "integer":
            return text.parameters[bound.args[0]].high
        return float("inf")

    def _n_own(self, name: str) -> int:
        return self.layout.text.parameters[name].n_agents or 0

    # ---- what is read where it lies
    def direct(self, n: Node) -> str | None:
        """The expression of a node that has a place already; None for what must be computed."""
        if n.op in IN_PLACE:
            return IN_PLACE[n.op](self, n)
        if n.op in DRAWS and self.out.schedule.is_heavy(n):
            return DRAWS[n.op].text(self.out, n, None)
        return None

    def _each(self, n: Node) -> str:
        name, index = n.args
        return f"theta[{plus(self.layout.reals[name])}{self.inside(index, self._n_own(name))}, w]"

    def _carried(self, n: Node) -> str:
        text = f"{self.out.carried_row(n.args[0], n.args[1])}[w]"
        return as_condition(text) if n.kind == BOOL else text

    def _shared_number(self, n: Node) -> str | None:
        shared = not isinstance(n.args[0], Node) or n.args[0].kind in SHARED
        return f"theta.dtype.type({self.shared(n.args[0])})" if shared else None

    # ---- what is computed
    def formula(self, n: Node, key: Any) -> str:
        """The expression that computes a node in the loop `key`."""
        if n.op in COMPUTED:
            return COMPUTED[n.op](self, n, key)
        if n.op in DRAWS:
            return DRAWS[n.op].text(self.out, n, key)
        if n.op in ("+", "-") and all(_is_product(a) for a in n.args):
            self.rounded.add(_factor(n.args[1]))
        v = self._values(n, key)
        if n in self.rounded:
            return f"product({v[0]}, {v[1]})"
        return f"({v[0]} {INFIX[n.op]} {v[1]})" if n.op in INFIX else WORDS[n.op].lanes.format(*v)

    def _values(self, n: Node, key: Any) -> list[str]:
        return [self.out.value(x, key) for x in n.args if isinstance(x, Node)]

    def _pick(self, n: Node, key: Any) -> str:
        """Of an agent that the path chooses."""
        last = max(self.layout.n_agents(n.args[0]) - 1, 0)
        place = f"min(max(int64({self.out.value(n.args[1], key)}), 0), {last})"
        return f"history[{plus(self.layout.agents[n.args[0]])}{place}, w]"

    def _number(self, n: Node, key: Any) -> str:
        if n.args[0].kind == TALLY:
            return self._of_tally(n.args[0], key)
        return as_number(self._values(n, key)[0])

    def _select(self, n: Node, key: Any) -> str:
        test, yes, no = self._values(n, key)
        return f"({self.out.ahead(yes)} if {test} else {self.out.ahead(no)})"

    def _look_back(self, n: Node, key: Any) -> str:
        """Of sums about a reference: the sum up to t - 1 less the one before the window, over its length."""
        op, a = n.op, n.args
        base, mask = self.layout.ring[a[0], PAST if op == PAST else MEAN]
        row, direction = plus(base), a[-1] if a[-1].op == "index" else None
        if direction is not None:
            row = f"{base} + {mask + 1} * {self.shared(direction)} + "
        if op == PAST:
            return f"history[{row}((t - {self.shared(a[1])}) & {mask}), w]"
        now = f"history[{row}((t - 1) & {mask}), w]"
        lengths = a[1:3] if op == "mean_difference" else a[1:2]
        means = [f"({now} - history[{row}((t - 1 - {self.shared(n)}) & {mask}), w]) * {self._per(n)}" for n in lengths]
        if op == "mean_difference":
            return f"({means[0]} - {means[1]})"
        if direction is None:
            return f"({means[0]} + {self.out.reference(a[0])}[w])"
        return f"({means[0]} + history[{self.layout.references[a[0]]} + {self.shared(direction)}, w])"

    def _per(self, length: Any) -> str:
        if isinstance(length, Node):
            return f"(ONE / theta.dtype.type({self.shared(length)}))"
        return f"theta.dtype.type({1.0 / length!r})"

    # ---- whole numbers of a path, which are exact
    def _of_tally(self, n: Node, key: Any) -> str:
        """A count, or what is linear in counts, as a real number: rounded once."""
        if all(self.out.place(c).how in (HALF, OWN) for c in _counts(n)):
            return self._small(n, key)
        return f"theta.dtype.type({self._exact(n)})"

    def _small(self, n: Node, key: Any) -> str:
        """Of few agents, where real arithmetic is exact."""
        if n.op == "count":
            return f"theta.dtype.type({DRAWS['count'].text(self.out, n, key)})"
        if n.op == "neg":
            return f"(-{self._small_of(n.args[0], key)})"
        return f"({self._small_of(n.args[0], key)} {n.op} {self._small_of(n.args[1], key)})"

    def _small_of(self, x: Any, key: Any) -> str:
        if not isinstance(x, Node):
            return real_constant(float(x))
        return self._small(x, key) if x.kind == TALLY else f"theta.dtype.type({self.shared(x)})"

    def _exact(self, x: Any) -> str:
        if not isinstance(x, Node) or x.kind != TALLY:
            return f"int64({self.shared(x)})"
        if x.op == "count":
            return f"int64({DRAWS['count'].text(self.out, x, None)})"
        if x.op == "neg":
            return f"int64(-{self._exact(x.args[0])})"
        return f"int64({self._exact(x.args[0])} {x.op} {self._exact(x.args[1])})"


# Operations and their expressions: of numbers that all paths share, of what lies somewhere, of what is computed.
OF_ALL: dict[str, Callable[[Formulas, Node], str]] = {
    "integer": Formulas._whole, "option": Formulas._whole, "rows": Formulas._n_rows, "each": Formulas._whole_each,
    "entry": Formulas._entry,
    "t": lambda f, n: "t",
    "index": lambda f, n: f.out.index_name(n),
    "neg": lambda f, n: f"(-{f.shared(n.args[0])})",
    "not": lambda f, n: f"(not {f.shared(n.args[0])})",
    **{name: lambda f, n: f"{n.op}({', '.join(map(f.shared, n.args))})" for name in ("max", "min", "abs")},
}
IN_PLACE: dict[str, Callable[[Formulas, Node], str | None]] = {
    "const": lambda f, n: real_constant(n.args[0]),
    "param": lambda f, n: f"theta[{f.layout.reals[n.args[0]]}, w]",
    "state": lambda f, n: f"{f.layout.rows[n.args[0]]}[w]",
    "each": Formulas._each, "carried": Formulas._carried, "result": Formulas._carried,
    "number": Formulas._shared_number,
}
COMPUTED: dict[str, Callable[[Formulas, Node, Any], str]] = {
    MEAN: Formulas._look_back, PAST: Formulas._look_back, "mean_difference": Formulas._look_back,
    "load": lambda f, n, key: f"history[{f.agent(*n.args[:2])}, w]",
    "pick": Formulas._pick, "number": Formulas._number, "select": Formulas._select,
    "neg": lambda f, n, key: f"(-{f._values(n, key)[0]})",
    "not": lambda f, n, key: f"(not {f._values(n, key)[0]})",
}


def _factor(n: Node) -> Node:
    return n.args[0] if n.op == "neg" else n


def _is_product(n: Any) -> bool:
    return isinstance(n, Node) and _factor(n).op == "*" and _factor(n).kind == REAL


def _counts(n: Any) -> list[Node]:
    """The counts that a whole number of a path is made of."""
    if not isinstance(n, Node) or n.kind != TALLY:
        return []
    return [n] if n.op == "count" else [c for a in n.args for c in _counts(a)]
