"""draw.uniform(): a number between 0 and 1, neither of which it is."""

from __future__ import annotations

from typing import Any

from fastmas.language.draws.draw import Draw


class Uniform(Draw):
    """The midpoint of one of 2**23 cells, from one word."""

    def read(self, reader, e, values, label):
        return reader.draw_site(e, "uniform", name=label)

    def value(self, words: Any) -> float:
        return (words.word() >> 9) * 2.0**-23 + 2.0**-24

    def text(self, out, node, key):
        return f"theta.dtype.type(uniform({out.word(node)}[w]))"

    def follow(self, out, name, node):
        out.line(f"{name} = uniform_of({out.word(node)}, theta)")


DRAW = Uniform()
