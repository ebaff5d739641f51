"""A walk whose errors are known in closed form."""

import fastmas as fm
from fastmas.language import exp


class Walk(fm.Model):
    """log x moves by drift + sigma e."""

    drift = fm.Parameter(0.0, -0.2, 0.2)
    sigma = fm.Parameter(0.05, 0.005, 0.5, scale="log")
    price = fm.State(100)

    def step(self, t, draw):
        self.price *= exp(self.drift + self.sigma * draw.normal())
