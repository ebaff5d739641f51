"""draw.count(n, p): how many of n agents say yes, each with probability p."""

from __future__ import annotations

from typing import Any

from fastmas.language.addresses import EACH, HALF, HALVES, ONE, OWN
from fastmas.language.draws.draw import Draw, limit_of
from fastmas.language.graph import REAL, TALLY, Node, Term
from fastmas.parameters import is_whole

LOW, UPPER = "b & LOW_HALF", "b & UPPER_HALF"

# Of a relaxed decision. In float32 a smaller one is rounding, and the slope of its root by a chance that is as good as
# 0 or 1 would be anything.
LEAST_VARIANCE = 1e-6


class Count(Draw):
    """Of few agents half-words held against a threshold, of many bit planes, or one exact binomial number."""

    arguments = ("n", "p")
    heavy = True
    takes_word = False
    decides = True

    def read(self, reader, e, values, label):
        n, p = values
        if not isinstance(n, Node) and not (is_whole(n) and n >= 0):
            raise reader.refuse(e, "crowd", n)
        size = n if reader.whole(n) else reader.real(e, n)
        if reader.relaxed:
            return self.relaxed(reader, e, size, reader.real(e, p), label)
        return reader.draw_site(e, "count", size, reader.real(e, p), kind=TALLY, name=label)

    def relaxed(self, reader, e, n, p, label):
        """Its mean, or a Gaussian number of the same mean and variance."""
        chance, size = (Term(reader.block, reader.real(e, x)) for x in (p, n))
        expected = size * chance
        if reader.relaxed == "mean":
            return expected.node
        spread = (size * (chance * (1.0 - chance)).of("max", LEAST_VARIANCE)).of("sqrt")
        return (expected + spread * Term(reader.block, reader.draw_site(e, "normal", name=label))).node

    def value(self, words: Any, n: float, p: float) -> int:
        how, limit = words.place.how, limit_of(p)
        if how == ONE:
            return words.binomial(int(n), limit)
        if how in (HALF, OWN, EACH):
            return words.few_below(int(n), limit)
        return words.many_below(int(n), limit)

    # ---- in lanes
    def write(self, out, node):
        limit = out.limits(node)
        how, n = out.place(node).how, node.args[0]
        if how in (HALF, OWN):
            _Halves(out, node, limit).write()
        elif _differs(n):
            self._write_each(out, node, limit)
        elif how == ONE:
            out.line(f"binomial_below(lanes, address, t, {self._agents(out, node)}, {limit}, words)")
            self._keep_number(out, node)
        else:
            hits = out.memo[node, "hits"] = out.words.new("hits")
            out.line(f"count_agents(lanes, address, t, {self._agents(out, node)}, {limit}, words, {hits})")

    def _agents(self, out, node):
        """First slot and number, as arguments."""
        return f"int64({self._slot(out, node)}), int64({out.shared(node.args[0])})"

    def _write_each(self, out, node, limit):
        """A crowd of another size on every path."""
        sizes = out.row(node)
        out.lane_loop([f"{sizes}[w] = {out.value(node.args[0], out.key(node))}"])
        if out.place(node).how == ONE:
            out.line(f"binomial_each(lanes, address, t, int64({self._slot(out, node)}), {sizes}, {limit}, words)")
            self._keep_number(out, node)
        else:
            hits = out.memo[node, "hits"] = out.words.new("hits")
            out.line(f"count_each(lanes, address, t, int64({self._slot(out, node)}), {sizes}, {limit}, words, {hits})")

    def _slot(self, out, node):
        """A turn of a loop has slots of its own: as many as its agents need, or one."""
        at, turn = out.place(node).at, out.turn(node)
        if turn == "0":
            return str(at)
        if out.place(node).how == ONE:
            return f"{at} + {turn}"
        return f"{at} + ({out.shared(node.args[0])} // 4 + 4) * {turn}"

    def _keep_number(self, out, node):
        low, high = (out.words.new(name) for name in ("low", "high"))
        out.memo[node, "number"] = low, high
        out.lane_loop(["n = number_of(w, words)", f"put_bits(w, n, {low}, {high})"])

    def text(self, out, node, key):
        if (node, "number") in out.memo:
            low, high = out.memo[node, "number"]
            return f"get_bits(w, {low}, {high})"
        if (node, "hits") in out.memo:
            return f"int32({out.memo[node, 'hits']}[w])"
        sums = out.memo[node, "sums"]
        return f"int32(uint32({sums}[w] & LOW_HALF) + uint32({sums}[w] >> HALF))"

    # ---- path by path
    def follow(self, out, name, node):
        how, at = out.place(node)
        limit = out.new_name("limit")
        out.line(f"{limit} = threshold({out.probability(node.args[1])})")
        if how == HALF:
            _follow_pool(out, name, (at, int(node.args[0])), limit)
            return
        n = out.value(node.args[0])
        slot = self._slot(out, node)
        if how == OWN:
            kind, given = "count_few_at", f"{slot}, 0, {n}"
        elif how == ONE:
            kind, given = "binomial_at", f"{slot}, {n}"
        else:
            kind, given = "count_each_at" if _differs(node.args[0]) else "count_many_at", f"{slot}, {n}"
        out.line(f"{name} = {kind}(w, address, t, {given}, {limit})")


def _follow_pool(out: Any, name: str, halves: tuple[int, int], limit: str) -> None:
    """Half-words of the pool, slot by slot."""
    first, last = halves[0], sum(halves)
    h = out.new_name("h")
    out.line(f"{name} = int64(0)")
    for slot in range(first // HALVES, -(-last // HALVES)):
        begin, end = max(first, HALVES * slot), min(last, HALVES * (slot + 1))
        out.line(f"for {h} in range({begin}, {end}):")
        out.line(f"    if half_below({out.pool(slot)}, w, address, t, 0, {h}, {limit}):")
        out.line(f"        {name} += 1")


def _differs(n: Any) -> bool:
    """Whether a crowd differs between paths."""
    return isinstance(n, Node) and n.kind == REAL


class _Halves:
    """The comparisons of few agents, written out: two agents a lane, in the words that hold their halves."""

    def __init__(self, out: Any, node: Node, limit: str) -> None:
        self.out, self.node, self.limit = out, node, limit
        place, self.n = out.place(node), int(node.args[0])
        self.own = place.how == OWN
        self.slot = place.at if self.own else 0
        self.first = 0 if self.own else place.at
        self.pool = self._drawn() if self.own else out.pool

    def _drawn(self) -> list[str]:
        """Rows of its own slots."""
        pool = []
        for k in range(-(-self.n // 8)):
            rows = [self.out.words.new("drawn") for _ in range(4)]
            self.out.line(f"draw_words(lanes, address, t, int64({self.slot + k}), {', '.join(rows)})")
            pool += rows
        return pool

    def write(self) -> None:
        out = self.out
        sums = out.memo[self.node, "sums"] = out.words.new("sums")
        if self.n == 0:
            out.lane_loop([f"{sums}[w] = NONE"])
            return
        bounds = self._bounds()
        for k, row in bounds.items():
            out.line(f"half_{k} = {self.pool[k]}.view(uint16)")
            out.line(f"bound_{k}_ = {row}.view(uint16)")
        out.line(f"agree = {sums}.view(uint16)")
        out.line("nearest = uint16(LOW_HALF)")
        out.line("for i in range(2 * lanes):")
        for j, k in enumerate(bounds):
            test = f"below_bound(half_{k}[i], bound_{k}_[i])"
            out.line(f"    below = {test}" if j == 0 else f"    below = uint16(below + {test})")
        for k in bounds:
            out.line(f"    nearest = min(nearest, uint16(half_{k}[i] ^ bound_{k}_[i]))")
        out.line("    agree[i] = below")
        out.line("if nearest == NO_HALF:")
        where = ", ".join(f"int64({x})" for x in (self.slot, self.first, self.n))
        out.line(f"    decide_pool(lanes, address, t, {where}, {self.limit}, ({', '.join(self.pool)},), {sums})")

    def _bounds(self) -> dict[int, str]:
        """For each word the row that its halves are held against: 0, which nothing undercuts, for a half of nobody."""
        last = self.first + self.n
        full = self.out.words.new("bound")
        lines = [f"b = uint32(uint32({self.limit}[w] & UPPER_HALF) | uint32({self.limit}[w] >> HALF))"]
        bounds, ends = {}, []
        for k in range(self.first // 2, (last - 1) // 2 + 1):
            low, high = (self.first <= h < last for h in (2 * k, 2 * k + 1))
            bounds[k] = full if low and high else self.out.words.new("bound")
            if not (low and high):
                ends.append(f"{bounds[k]}[w] = uint32({LOW if low else UPPER})")
        if full in bounds.values():
            lines.append(f"{full}[w] = b")
        self.out.lane_loop([*lines, *ends])
        return bounds


DRAW = Count()
