"""draw.chance(p): yes with probability p."""

from __future__ import annotations

from typing import Any

from fastmas.language.addresses import HALVES, RANGED
from fastmas.language.draws.draw import Draw, limit_of
from fastmas.language.graph import BOOL, Term


class Chance(Draw):
    """Drawn once, a word below a threshold; in a loop half a word, and its other half where that does not decide."""

    arguments = ("p",)
    in_halves = True
    decides = True

    def read(self, reader, e, values, label):
        p = reader.real(e, values[0])
        if not reader.relaxed:
            return reader.draw_site(e, "chance", p, kind=BOOL, name=label)
        return self.relaxed(reader, e, p, label)

    def relaxed(self, reader, e, p, label):
        """Concrete (Maddison et al. 2017): a logistic step of the odds against those of a uniform."""
        block = reader.block
        u = Term(block, reader.draw_site(e, "uniform", name=label))
        inside = Term(block, p).of("max", 1e-6).of("min", 1.0 - 1e-6)
        odds = (inside / (1.0 - inside)).of("log") - (u / (1.0 - u)).of("log")
        return reader.soften((odds / Term(block, reader.temperature())).of("sigmoid").node)

    def value(self, words: Any, p: float) -> bool:
        return words.is_below(limit_of(p))

    def write(self, out, node):
        """The halves of this turn's agents against their thresholds."""
        limit, hit = out.words.new("limit"), out.words.new("hit")
        out.memo[node, "hit"] = hit
        word, turn, p = out.word(node), out.turn(node), out.value(node.args[0], out.key(node))
        out.line("equal = NONE")
        out.lane_loop([
            f"l = threshold({p})", f"half, b = half_of({turn}, {word}[w]), uint32(l >> HALF)", f"{limit}[w] = l",
            f"{hit}[w] = BIT if half < b else NONE", "equal = uint32(equal | (BIT if half == b else NONE))"])
        out.line("if equal != NONE:")
        slot = f"int64({out.place(node).at} + {turn} // 8)"
        out.line(f"    decide_halves(lanes, address, t, {slot}, int64({turn}), {word}, {limit}, {hit})")

    def text(self, out, node, key):
        if out.place(node).how == RANGED:
            return f"({out.memo[node, 'hit']}[w] != NONE)"
        return f"({out.word(node)}[w] < threshold({out.value(node.args[0], key)}))"

    def follow(self, out, name, node):
        limit = f"threshold({out.value(node.args[0])})"
        if out.place(node).how != RANGED:
            out.line(f"{name} = {out.word(node)} < {limit}")
            return
        words, at = out.words(node, HALVES), out.place(node).at
        out.line(f"{name} = half_below({words}, w, address, t, {at}, {out.turn(node)}, {limit})")


DRAW = Chance()
