"""Minimal market of Alfi, Cristelli, Pietronero and Zaccaria (2009): chartists and fundamentalists who change sides.

Chartists push the price away from its moving average, fundamentalists pull it to a constant value, and every trader
may change sides by herding and by what the price says. A small market is caught by chartists, a large one by
fundamentalists; in between it is intermittent, and shows fat tails and clustered volatility.

What is decided here: all traders decide at once on the price and the shares of the step before, which also move the
price. Chartists wait until there are M prices. Probabilities above 1 are 1. The paper's constants could not be
checked; N = 500 as its intermittent market, and defaults with that market's regimes at N = 50, 500 and 5000.
"""

from __future__ import annotations

from fastmas.errors import ParameterError
from fastmas.language import Model, Parameter, State, exp, mean
from fastmas.parameters import is_whole, shown

HERE = "this project"
MOST = 10**6  # traders, and prices of an average


class Alfi(Model):
    """N traders on two sides, and the price that they move."""

    name = "alfi"
    source = ("Alfi, Cristelli, Pietronero and Zaccaria (2009), Minimal agent based model for financial markets I, "
              "Eur. Phys. J. B 67, 385-397")

    n: int = 500
    memory: int = 100

    b = Parameter(1.0, 0.0, 1.9, "linear", "", "strength of chartists; prices run away from 2 on", HERE)
    gamma = Parameter(0.006, 1e-5, 1.0, "log", "", "strength of fundamentalists", HERE)
    sigma = Parameter(1.0, 1e-3, 100.0, "log", "price units", "sd of the noise", HERE)
    K = Parameter(0.002, 1e-6, 1.0, "log", "", "change of sides without herding", HERE)
    B = Parameter(0.1, 1e-4, 1.0, "log", "per step", "pace of changing sides", HERE)
    delta = Parameter(0.003, 0.0, 1.0, "linear", "", "favour of fundamentalism", HERE)
    value = Parameter(5000.0, 1.0, 1e6, "log", "price units", "p_f, the fundamental value", HERE)

    price = State(value, "price units", domain="price")
    chartists = State(0, "traders", domain="count")

    def __post_init__(self):
        super().__post_init__()
        for name, least in (("n", 1), ("memory", 2)):
            if not is_whole(getattr(self, name)) or not least <= getattr(self, name) <= MOST:
                raise ParameterError(f"{name}={shown(getattr(self, name))}: give a whole number, {least} to {MOST}")

    def start(self):
        self.chartists = self.n // 2

    def step(self, t, draw):
        trend = self.price - mean(self.price, self.memory) if t >= self.memory else 0
        push = self.b / (self.memory - 1) * trend  # of a chartist
        pull = self.gamma * (self.value - self.price)  # of a fundamentalist
        fundamentalists = self.n - self.chartists
        to_value = self.B * (1 + self.delta) * (self.K + fundamentalists / self.n) * exp(abs(pull))  # P_CF
        to_trend = self.B * (1 - self.delta) * (self.K + self.chartists / self.n) * exp(abs(push))  # P_FC
        leave = draw.count(self.chartists, min(to_value, 1))
        join = draw.count(fundamentalists, min(to_trend, 1))
        excess = self.chartists * push + fundamentalists * pull
        self.price += excess / self.n + self.sigma * draw.normal()
        self.chartists += join - leave

    def default_free(self, regime):
        return ("b", "gamma", "sigma", "K", "B", "delta")


MODEL = Alfi
