"""Structural stochastic volatility of Franke and Westerhoff (2012): fundamentalists and chartists, with herding.

The variant that wins their contest: the shares follow a discrete choice (DCA) between attractions of herding,
predisposition and misalignment (HPM). Demands of the two groups have noise of their own, so that the volatility of
returns follows the shares. Equation numbers are those of the paper.

What is decided here: the two noises of a step enter the price only as n_f eps_f + n_c eps_c, which is one normal
number with the variance (n_f sigma_f)^2 + (n_c sigma_c)^2; one is drawn. Prices are natural logarithms and returns
per cent, as in the paper: 100 (p(t) - p(t-1)). A path starts at the fundamental value with equal shares.
"""

from __future__ import annotations

from fastmas.language import Model, Parameter, State, sigmoid, sqrt

TABLE = "table 1, DCA-HPM"


class FrankeWesterhoff(Model):
    """Shares of fundamentalists and chartists, and the log price that their demands move."""

    name = "franke-westerhoff"
    source = ("Franke and Westerhoff (2012), Structural stochastic volatility in asset pricing dynamics, "
              "J. Econ. Dyn. Control 36, 1193-1211")

    phi = Parameter(0.12, 0.0, 4.0, "linear", "", "aggressiveness of fundamentalists", TABLE)
    chi = Parameter(1.50, 0.0, 4.0, "linear", "", "aggressiveness of chartists", TABLE)
    sigma_f = Parameter(0.758, 0.01, 5.0, "log", "", "noise in the demand of fundamentalists", TABLE)
    sigma_c = Parameter(2.087, 0.01, 5.0, "log", "", "noise in the demand of chartists", TABLE)
    alpha_0 = Parameter(-0.327, -3.0, 3.0, "linear", "", "predisposition towards fundamentalism", TABLE)
    alpha_n = Parameter(1.79, 0.0, 4.0, "linear", "", "herding", TABLE)
    alpha_p = Parameter(18.43, 0.0, 50.0, "linear", "", "misalignment", TABLE)
    mu = Parameter(0.01, 1e-3, 0.1, "log", "", "price impact of demand", "s. 3, a normalisation")
    beta = Parameter(1.0, 0.01, 100.0, "log", "", "intensity of choice", "s. 3, a normalisation")
    log_value = Parameter(0.0, -100.0, 100.0, "linear", "log price", "fundamental value", "s. 3, a normalisation")

    log_return = State(0, "per cent", domain="real")
    log_price = State(log_value, "log price", domain="real")
    share = State(0.5, "share of fundamentalists", domain="share")
    before = State(log_value, "log price", shown=False, domain="real")

    def step(self, t, draw):
        n_f, n_c = self.share, 1 - self.share
        gap = self.log_value - self.log_price
        fundamental = self.phi * gap  # eq. (2), without its noise
        trend = self.chi * (self.log_price - self.before)  # eq. (3), without its noise
        sd = sqrt((n_f * self.sigma_f) ** 2 + (n_c * self.sigma_c) ** 2)  # of n_f eps_f + n_c eps_c
        attraction = self.alpha_0 + self.alpha_n * (n_f - n_c) + self.alpha_p * gap**2  # HPM
        change = self.mu * (n_f * fundamental + n_c * trend + sd * draw.normal())  # eq. (1)
        self.before = self.log_price
        self.log_price += change
        self.share = sigmoid(self.beta * attraction)  # DCA
        self.log_return = 100 * change

    def default_free(self, regime):
        return ("phi", "chi", "sigma_f", "sigma_c", "alpha_0", "alpha_n", "alpha_p")


MODEL = FrankeWesterhoff
