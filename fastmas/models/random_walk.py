"""A random walk: log returns that know nothing of one another; no agents, but what every market has to beat.

Bachelier (1900), of logarithms as in Osborne (1959), with normal returns; `shocks="student"` gives returns by Student's
law, as in Praetz (1972), of the same sd. What is decided here: `sigma` is the sd of the returns under either law, so
that `nu` must be above 2; prices are 100 exp(sum of returns / 100). The default sd is that of the daily S&P 500, 1.2%.
"""

from functools import cached_property
from typing import Literal

from fastmas.language import Model, Parameter, State, exp, sqrt

HERE = "this project"


class RandomWalk(Model):
    name = "random-walk"
    source = ("Osborne (1959), Brownian motion in the stock market, Operations Research 7, 145-173; Praetz (1972), The "
              "distribution of share price changes, J. Business 45, 49-55")
    yardstick = True
    variants = ({}, {"shocks": "student"})

    shocks: Literal["normal", "student"] = "normal"

    mu = Parameter(0.0, -1.0, 1.0, "linear", "% per step", "mean of the returns", HERE)
    sigma = Parameter(1.2, 0.01, 20.0, "log", "% per step", "sd of the returns", HERE)
    nu = Parameter(4.0, 2.1, 50.0, "log", "", "degrees of freedom of Student's law; normal returns have none", HERE)

    price = State(100, "price units", domain="price")
    log_return = State(0, "% per step", domain="real")

    @cached_property
    def parameters(self) -> tuple[Parameter, ...]:
        """Without `nu`, where returns are normal."""
        return tuple(p for p in super().parameters if p.name != "nu" or self.shocks == "student")

    def step(self, t, draw):
        shock = draw.normal()
        if self.shocks == "student":
            chi_square = 2 * draw.gamma(self.nu / 2)
            shock = shock * sqrt((self.nu - 2) / chi_square)  # Student's t in units of its sd
        self.log_return = self.mu + self.sigma * shock
        self.price *= exp(self.log_return / 100)

    def default_free(self, regime):
        return ("sigma", "nu") if self.shocks == "student" else ("sigma",)


MODEL = RandomWalk
