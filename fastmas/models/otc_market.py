"""An over-the-counter market: a client asks dealers for quotes and takes the best one if it beats her own view.

The founding paper, section 3.2. A step is one request for a quote (RFQ); rounds do not depend on each other. The
client's view V and the offers O_i of the dealers are exponential power numbers about the mid price P(t), in units of
the half-spread Delta: shape 1 is Laplace, 2 normal. What the text leaves open, and what is decided here:

- it opens with clients who sell and writes out those who buy. They buy; `side="sell"` is the mirror image about the
  mid: dealers bid, and the highest bid is the best quote.
- views and quotes are shown in half-spreads from the mid, which everybody sees: a quote q is the price P + Delta q.
  In price units the mid would hide what the agents do.
- the density as printed lacks the factor 1 / Delta, and its z is (x - mu) / sigma.
- parameters are not given. A normal client and five dealers who quote Laplace numbers half-way to the ask trade in
  59% of rounds. Fermanian, Gueant and Pu (2016) report normal clients and up to 6 dealers.
- without a trade `traded_price` is 0: read it with `outcome`. The cover price is the second best quote; of a single
  dealer it is her own.

How often clients trade, and the gap between quotes, depend on mu_0 and mu_1 by their difference alone: show the
calibration a price beside the outcome.
"""

from typing import Literal

from fastmas.errors import ParameterError
from fastmas.language import Model, Parameter, State

FAR = 1e9  # half-spreads: worse than any quote
OPEN = "not given in the paper; see the module's docstring"


class OtcMarket(Model):
    source = "A generative adversarial network approach to calibrate multi-agent simulators, s. 3.2"
    variants = ({}, {"side": "sell"})

    n_dealers: int = 5
    side: Literal["buy", "sell"] = "buy"

    mu_0 = Parameter(0.0, -10.0, 10.0, "linear", "half-spreads", "middle of the client's views, f_0", OPEN)
    sigma_0 = Parameter(1.0, 0.01, 20.0, "log", "half-spreads", "scale of the client's views, f_0", OPEN)
    alpha_0 = Parameter(2.0, 0.3, 10.0, "log", "", "shape of the client's views, f_0", OPEN)
    mu_1 = Parameter(0.5, -10.0, 10.0, "linear", "half-spreads", "middle of the dealers' quotes, g_0", OPEN)
    sigma_1 = Parameter(0.5, 0.01, 20.0, "log", "half-spreads", "scale of the dealers' quotes, g_0", OPEN)
    alpha_1 = Parameter(1.0, 0.3, 10.0, "log", "", "shape of the dealers' quotes, g_0", OPEN)
    p_min = Parameter(99.0, 0.01, 1e4, "log", "price units", "lowest mid price", OPEN)
    p_max = Parameter(101.0, 0.01, 1e4, "log", "price units", "highest mid price", OPEN)

    outcome = State(0, "1 for a trade, else 0", domain="category")
    traded_price = State(0, "half-spreads from the mid", domain="real")
    best_quote = State(0, "half-spreads from the mid", domain="real")
    cover_price = State(0, "half-spreads from the mid", domain="real")
    mid_price = State(0, "price units", domain="price")

    def step(self, t, draw):
        self.mid_price = self.p_min + (self.p_max - self.p_min) * draw.uniform()
        view = self.mu_0 + self.sigma_0 * self.exponential_power(self.alpha_0, draw)  # f_0
        best, cover = FAR, FAR
        for i in range(self.n_dealers):  # noqa: B007  -- each dealer has draws of her own
            offer = self.mu_1 + self.sigma_1 * self.exponential_power(self.alpha_1, draw)  # g_0
            cover = min(cover, max(best, offer))
            best = min(best, offer)
        sign = 1 if self.side == "buy" else -1
        self.outcome = 1 if best < view else 0
        self.traded_price = sign * best if best < view else 0
        self.best_quote = sign * best
        self.cover_price = sign * (cover if self.n_dealers > 1 else best)

    def exponential_power(self, alpha, draw):
        """A number z of density exp(-|z|^alpha / alpha) / c: |z|^alpha / alpha is Gamma(1 / alpha)."""
        size = (alpha * draw.gamma(1 / alpha)) ** (1 / alpha)
        return size if draw.chance(0.5) else -size

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.n_dealers < 1:
            raise ParameterError(f"n_dealers={self.n_dealers}: give at least 1")


MODEL = OtcMarket
