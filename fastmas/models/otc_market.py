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
- without a trade `traded_price` and `traded_cover` are 0: read them with `outcome`. The cover price is the second best
  quote; of a single dealer it is her own.
- `seat` is what one of the dealers is told: not traded, done with her, traded away, or traded away while her quote was
  the cover. She knows her `seat_quote`, and of what was done with her `seat_cover`, the next best quote, 0 elsewhere.

How often clients trade, and the gap between quotes, depend on mu_0 and mu_1 by their difference alone: show the
calibration a price beside the outcome. `OtcMarket.law` has the closed forms.
"""

from collections.abc import Mapping
from typing import Literal

from fastmas.errors import ParameterError
from fastmas.language import Model, Parameter, State
from fastmas.models._otc_law import OtcLaw

FAR = 1e9  # half-spreads: worse than any quote
NOT_TRADED, DONE, AWAY, COVER = range(4)  # what a dealer is told
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
    traded_cover = State(0, "half-spreads from the mid", domain="real")
    gap = State(0, "half-spreads between best quote and cover", domain="real")
    seat = State(NOT_TRADED, "0 not traded, 1 done, 2 traded away, 3 traded away, hers the cover", domain="category")
    seat_quote = State(0, "half-spreads from the mid", domain="real")
    seat_cover = State(0, "half-spreads from the mid", domain="real")

    def step(self, t, draw):
        self.mid_price = self.p_min + (self.p_max - self.p_min) * draw.uniform()
        view = self.mu_0 + self.sigma_0 * self.exponential_power(self.alpha_0, draw)  # f_0
        mine = self.mu_1 + self.sigma_1 * self.exponential_power(self.alpha_1, draw)  # g_0
        best, cover = mine, FAR
        for i in range(self.n_dealers - 1):  # noqa: B007  -- each dealer has draws of her own
            offer = self.mu_1 + self.sigma_1 * self.exponential_power(self.alpha_1, draw)  # g_0
            cover = min(cover, max(best, offer))
            best = min(best, offer)
        cover = cover if self.n_dealers > 1 else best
        sign, traded = 1 if self.side == "buy" else -1, best < view
        self.outcome = 1 if traded else 0
        self.traded_price = sign * best if traded else 0
        self.traded_cover = sign * cover if traded else 0
        self.best_quote, self.cover_price = sign * best, sign * cover
        self.gap = cover - best
        self.seat_quote = sign * mine
        away = AWAY if mine > cover else COVER
        self.seat = (away if mine > best else DONE) if traded else NOT_TRADED
        self.seat_cover = sign * cover if self.seat == DONE else 0

    def exponential_power(self, alpha, draw):
        """A number z of density exp(-|z|^alpha / alpha) / c.

        |z|^alpha / alpha is Gamma(1 / alpha), hence Gamma(1 + 1 / alpha) times the alpha-th power of a uniform number.
        """
        size = (alpha * draw.gamma(1 + 1 / alpha)) ** (1 / alpha)
        return size * (2 * draw.uniform() - 1)

    def default_free(self, regime):
        return ("mu_0", "sigma_0", "alpha_0", "mu_1", "sigma_1", "alpha_1")

    def law(self, theta: Mapping[str, float] | None = None) -> OtcLaw:
        """The closed forms of a round at these parameters; those not named are at their defaults.

        Raises
        ------
        ParameterError
            A name that the model does not have, or a value outside its bounds.
        """
        space = self.space(fixed=theta)
        values = {p.name: float(x) for p, x in zip(self.parameters, space.base, strict=True)}
        return OtcLaw(values, self.n_dealers, 1 if self.side == "buy" else -1)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.n_dealers < 1:
            raise ParameterError(f"n_dealers={self.n_dealers}: give at least 1")


MODEL = OtcMarket
