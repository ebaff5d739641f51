"""draw.laplace(): a Laplace number of scale 1, by inversion of a uniform."""

from __future__ import annotations

import math
from typing import Any

from fastmas.language.draws.draw import Draw
from fastmas.language.graph import Term


class Laplace(Draw):
    """log(2 u) below the middle, -log(2 (1 - u)) above it."""

    def read(self, reader, e, values, label):
        u = Term(reader.block, reader.draw_site(e, "uniform", name=label))
        tail = (2.0 * u.of("min", 1.0 - u)).of("log")
        return u.of("<", 0.5, kind="bool").choose(tail, -tail).node

    def value(self, words: Any) -> float:
        u = (words.word() >> 9) * 2.0**-23 + 2.0**-24
        return math.log(2 * u) if u < 0.5 else -math.log(2 * min(u, 1 - u))


DRAW = Laplace()
