"""Two values of one parameter that no data can tell apart."""

import fastmas as fm
from fastmas.language import exp


class Twins(fm.Model):
    """log x moves by .05 width^2 e."""

    width = fm.Parameter(0.5, -2.0, 2.0, "linear")
    price = fm.State(100)

    def step(self, t, draw):
        self.price *= exp(0.05 * self.width**2 * draw.normal())
