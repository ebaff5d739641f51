"""Volatility clustering by threshold behaviour, Cont (2007): traders who act on news beyond a threshold of their own.

Every step brings one public piece of news. A trader buys or sells if it exceeds the trader's threshold, and now and
then, with probability s, sets the threshold to the size of the last return. Equations are those of section 4.2.

What is decided here: the paper leaves the first thresholds open; they are drawn as |N(0, D^2)|, the law of the
news. The price function is linear, g(x) = x / lambda, as in the paper's simulations. A threshold that a trader sets
to |r(t)| after step t is set at the beginning of step t + 1, which is the same.
"""

from __future__ import annotations

from fastmas.errors import ParameterError
from fastmas.language import Agents, Model, Parameter, State, exp
from fastmas.parameters import is_whole, shown

MOST = 10**6  # traders


class Cont(Model):
    """N traders with thresholds, in one asset."""

    name = "cont"
    source = ("Cont (2007), Volatility clustering in financial markets: empirical facts and agent-based models, "
              "in Long Memory in Economics, Springer, 289-309")

    n: int = 1500

    s = Parameter(0.1, 0.0, 1.0, "linear", "per step", "probability that a trader sets the threshold anew",
                  "s. 4.3: 1/s is the time of a cluster, 0.001 to 0.1 per day")
    sigma_news = Parameter(0.001, 1e-5, 1.0, "log", "log return", "D, sd of the news", "s. 4.3")
    market_depth = Parameter(10.0, 2.0, 1000.0, "log", "", "lambda: all traders together move the price by 1/lambda",
                             "s. 4.3")
    price_0 = Parameter(100.0, 1e-2, 1e4, "log", "price units", "S(0)", "this project")

    log_return = State(0, "per step", domain="real")
    price = State(price_0, "price units", domain="price")
    threshold = Agents("n")

    def __post_init__(self):
        super().__post_init__()
        if not is_whole(self.n) or not 1 <= self.n <= MOST:
            raise ParameterError(f"n={shown(self.n)}: give a whole number of traders, 1 to {MOST}")

    def start(self, draw):
        for i in range(self.n):
            self.threshold[i] = abs(self.sigma_news * draw.normal())

    def step(self, t, draw):
        news = self.sigma_news * draw.normal()
        excess = 0
        for i in range(self.n):
            anew = draw.chance(self.s)
            if anew and t > 1:
                self.threshold[i] = abs(self.log_return)  # theta_i(t), of the step before
            if news > self.threshold[i]:
                excess += 1  # phi_i = 1
            if news < -self.threshold[i]:
                excess -= 1  # phi_i = -1
        self.log_return = excess / (self.n * self.market_depth)  # r(t) = g(Z(t) / N)
        self.price *= exp(self.log_return)

    def default_free(self, regime):
        return ("s", "sigma_news", "market_depth")


MODEL = Cont
