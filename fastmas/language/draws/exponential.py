"""draw.exponential(): an exponential number of mean 1, by inversion of a uniform."""

from __future__ import annotations

import math
from typing import Any

from fastmas.language.draws.draw import Draw


class Exponential(Draw):
    """-log(u)."""

    def read(self, reader, e, values, label):
        return reader.add("neg", reader.add("log", reader.draw_site(e, "uniform", name=label), e=e), e=e)

    def value(self, words: Any) -> float:
        return -math.log((words.word() >> 9) * 2.0**-23 + 2.0**-24)


DRAW = Exponential()
