"""Heterogeneous beliefs of Brock and Hommes (1998): types of belief gain followers by the profits they make.

x(t) is the price less its fundamental value. Type h believes in E_h[x(t+1)] = g_h x(t-1) + b_h; its share follows
the profits of its last finished trade by a discrete choice of intensity beta, and its costs. The defaults are the
four types of the paper's section 4.4; `n_types` gives other numbers of types, 2 and 3 with the values of sections
4.1.1 and 4.3.

What is decided here: profits are counted in units of a sigma^2 = 1, as in the paper's figures. Noise enters the price
equation as in Platt (2020), R x(t) = sum_h n_h (g_h x(t-1) + b_h) + sigma eps(t), whose beta and sigma are the
defaults; sigma = 0 is the paper's deterministic skeleton. Before t = 0 the deviation is x_0 throughout. Where no type
is a fundamentalist, deviations run away if extrapolation, |g_h| > R, pays best.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property

from fastmas.errors import ParameterError
from fastmas.language import Model, Parameter, State, exp
from fastmas.parameters import is_whole, shown

FOUR_TYPES = "s. 4.4"
PLATT = "Platt (2020), J. Econ. Dyn. Control 113, 103859"
MOST_TYPES = 1000
EXAMPLES: dict[int, dict[str, tuple[float, ...]]] = {  # of the paper, by their number of types: g, b, cost
    2: {"g": (0.0, 1.2), "cost": (1.0, 0.0)},  # s. 4.1.1, fundamentalists against trend followers
    3: {"b": (0.0, 0.2, -0.2)},  # s. 4.3, fundamentalists against opposite biases
    4: {"g": (0.0, 0.9, 0.9, 1.01), "b": (0.0, 0.2, -0.2, 0.0)},  # s. 4.4
}


class BrockHommes(Model):
    """The deviation of a price from its fundamental value, and the beliefs about it."""

    name = "brock-hommes"
    source = ("Brock and Hommes (1998), Heterogeneous beliefs and routes to chaos in a simple asset pricing model, "
              "J. Econ. Dyn. Control 22, 1235-1274")

    n_types: int = 4

    beta = Parameter(120.0, 0.0, 1000.0, "linear", "", "intensity of choice", PLATT)
    g = Parameter(0.0, -2.0, 2.0, "linear", "", "trend that a type extrapolates", FOUR_TYPES, each="n_types")
    b = Parameter(0.0, -2.0, 2.0, "linear", "price units", "bias of a type", FOUR_TYPES, each="n_types")
    cost = Parameter(0.0, 0.0, 10.0, "linear", "price units^2", "what a type pays for its belief", "s. 4.1",
                     each="n_types")
    r = Parameter(0.01, 0.0, 1.0, "linear", "per step", "interest, R = 1 + r", FOUR_TYPES)
    sigma = Parameter(0.04, 0.0, 1.0, "linear", "price units", "sd of the noise", PLATT)
    x_0 = Parameter(0.0, -10.0, 10.0, "linear", "price units", "deviation at t = 0 and before", "this project")

    x = State(x_0, "price units", domain="real")
    x_1 = State(x_0, "price units", shown=False, domain="real")
    x_2 = State(x_0, "price units", shown=False, domain="real")

    def __post_init__(self):
        super().__post_init__()
        if not is_whole(self.n_types) or not 1 <= self.n_types <= MOST_TYPES:
            raise ParameterError(f"n_types={shown(self.n_types)}: give a whole number of types, 1 to {MOST_TYPES}")

    @cached_property
    def parameters(self) -> tuple[Parameter, ...]:
        """Types of which the paper has no example are fundamentalists, g = b = cost = 0, unless told otherwise."""
        example = EXAMPLES.get(self.n_types, {})
        return tuple(replace(p, default=example.get(p.name, p.default)) for p in super().parameters)

    def step(self, t, draw):
        gross = 1 + self.r
        excess = self.x - gross * self.x_1  # what a share bought two steps ago has earned
        best = self.profit(0, gross, excess)
        for h in range(self.n_types):
            best = max(best, self.profit(h, gross, excess))
        total, belief = 0, 0
        for h in range(self.n_types):
            weight = exp(self.beta * (self.profit(h, gross, excess) - best))
            total += weight
            belief += weight * (self.g[h] * self.x + self.b[h])
        self.x_2 = self.x_1
        self.x_1 = self.x
        self.x = (belief / total + self.sigma * draw.normal()) / gross  # R x(t) = sum n_h f_h + noise

    def profit(self, h, gross, excess):
        """U_h(t-1) = (x(t-1) - R x(t-2)) (g_h x(t-3) + b_h - R x(t-2)) - C_h."""
        return excess * (self.g[h] * self.x_2 + self.b[h] - gross * self.x_1) - self.cost[h]


MODEL = BrockHommes
