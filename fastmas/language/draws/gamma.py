"""draw.gamma(shape): a gamma number of scale 1, for any shape above 0."""

from __future__ import annotations

from typing import Any

from fastmas.language.draws.draw import Draw

SLOTS = 64  # of a turn: one for each try


class Gamma(Draw):
    """By the rejection of Marsaglia and Tsang (2000)."""

    arguments = ("shape",)
    heavy = True
    takes_word = False

    def read(self, reader, e, values, label):
        return reader.draw_site(e, "gamma", reader.real(e, values[0]), name=label)

    def value(self, words: Any, shape: float) -> float:
        return words.gamma_number(shape)

    def write(self, out, node):
        row, shape = out.row(node), out.new_row("shape")
        out.lane_loop([f"{shape}[w] = {out.value(node.args[0], out.key(node))}"])
        turn = out.turn(node)
        slot = str(out.place(node).at) + ("" if turn == "0" else f" + {SLOTS} * {turn}")
        out.line(f"draw_gammas(lanes, address, t, int64({slot}), {shape}, words, {row})")

    def text(self, out, node, key):
        return f"{out.row(node)}[w]"

    def follow(self, out, name, node):
        shape = out.value(node.args[0])
        out.line(f"{name} = gamma_at(w, address, t, {out.place(node).at}, {out.turn(node)}, {shape}, theta)")


DRAW = Gamma()
