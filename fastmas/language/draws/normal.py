"""draw.normal(): a standard normal number."""

from __future__ import annotations

from typing import Any

from fastmas.language.draws.draw import Draw


class Normal(Draw):
    """By the inverse distribution function, from one word."""

    heavy = True

    def read(self, reader, e, values, label):
        return reader.draw_site(e, "normal", name=label)

    def value(self, words: Any) -> float:
        return words.standard_normal(words.word())

    def write(self, out, node):
        out.line(f"draw_normals(lanes, {out.word(node)}, {out.row(node)})")

    def text(self, out, node, key):
        return f"{out.row(node)}[w]"

    def follow(self, out, name, node):
        out.line(f"{name} = normal_of({out.word(node)}, theta)")


DRAW = Normal()
