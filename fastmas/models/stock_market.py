"""The stock market of the founding paper, section 3.1: noise, technical and fundamental traders.

What its text leaves open, and what is decided here (alternatives are options):

- moving averages have l terms ending at t-1; the paper's literal l+1 terms over l is
  `moving_average="literal"`. Technical trader i acts from t = l2.
- decisions at t see P(t-1); P*(t) is current.
- the variance (8) goes below zero in 46% of paths after one step. Lord, Koekkoek and van Dijk (2010) write every
  mend as x(t) = f1(x) + v2 (mu2 - f2(x)) + sqrt(f3(x)) e2: full truncation (x, x+, x+), the default;
  `negative_variance` offers reflection (|x|, |x|, |x|) and absorption (x+, x+, x+).
- the public signal has sd `sigma_public` = 1, the private ones `sigma_individual` = 3. A private signal that
  nobody else reads is not drawn: a trader buys with its probability.
- rho = 0.1 (Cont's 1/lambda) and sigma_fundamental = 1 are not given in the paper.
- the exact rule knows only kappa = |b| / |c|; `signal_weights="separate"` offers b and c all the
  same. Below a threshold gamma of about 1 the market trends away.
- the smoothed rules (section 4) are `rule="smoothed"`; `rule="relaxed"` keeps gamma and tends to
  the exact rule as `temperature` goes to zero.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from functools import cached_property
from typing import Any, Literal

from fastmas.errors import ModelError, ParameterError
from fastmas.language import (
    Model,
    Observable,
    Parameter,
    Phi,
    State,
    above,
    log_return,
    mean,
    sigmoid,
    sqrt,
    tanh,
)
from fastmas.language.addresses import AGGREGATE, MOST, resolved
from fastmas.models._windows import LONGEST_DRAWN, draw_windows, gathered, window_pairs
from fastmas.parameters import is_whole, shown

MOST_OWNERS = 10**7  # agents of a type with values of their own
SECTION_4 = "s. 4"
OPEN = "not given in the paper; see the module's docstring"


class StockMarket(Model):
    """The market; build it with `stock_market`, which draws the windows.

    `windows` holds (l1, l2) of every technical trader, or one pair that all share, or, with `crowds`, the pair of
    each crowd of so many traders. `per_agent` names the parameters of which each agent has a value of its own.
    """

    name = "stock-market"
    source = "A generative adversarial network approach to calibrate multi-agent simulators, s. 3.1"
    variants = ({}, {"n_noise": 100}, {"mode": "aggregate"}, {"rule": "smoothed"}, {"rule": "relaxed"})

    windows: tuple
    crowds: tuple = ()
    n_noise: int = 7
    n_technical: int = 5
    n_fundamental: int = 3
    rule: Literal["exact", "smoothed", "relaxed"] = "exact"
    signal_weights: Literal["ratio", "separate"] = "ratio"
    per_agent: tuple = ()
    moving_average: Literal["mean", "literal"] = "mean"
    negative_variance: Literal["full-truncation", "reflection", "absorption"] = "full-truncation"

    rho = Parameter(0.1, 1e-3, 0.5, "log", "", "price impact: largest proportional change of the price in a step", OPEN)
    sigma_public = Parameter(1.0, 0.01, 100.0, "log", "", "sd of the public signal S", SECTION_4)
    sigma_individual = Parameter(3.0, 0.01, 100.0, "log", "", "sd of the individual signals S_i", SECTION_4)
    sigma_fundamental = Parameter(1.0, 0.05, 50.0, "log", "price units",
                                  "sd of a fundamental trader's view of the value", OPEN)
    mu1 = Parameter(100.0, 1.0, 1e4, "log", "price units", "mean of the fundamental value, eq. (7)", SECTION_4)
    v1 = Parameter(0.1, 0.0, 1.0, "linear", "per step", "mean reversion of the fundamental value, eq. (7)", SECTION_4)
    mu2 = Parameter(0.01, 1e-6, 25.0, "log", "price units^2", "mean of the value's variance, eq. (8)", SECTION_4)
    v2 = Parameter(0.1, 0.0, 1.0, "linear", "per step", "mean reversion of the value's variance, eq. (8)", SECTION_4)
    price_0 = Parameter(100.0, 1.0, 1e4, "log", "price units", "P(0)", SECTION_4)
    value_0 = Parameter(100.0, 1.0, 1e4, "log", "price units", "P*(0)", SECTION_4)
    variance_0 = Parameter(0.01, 0.0, 100.0, "linear", "price units^2", "sigma(0)", SECTION_4)
    temperature = Parameter(1.0, 1e-3, 10.0, "log", "", "width of the relaxed rules; exact as it goes to zero",
                            "this project")
    kappa = Parameter(1.0, 0.2, 8.0, "log", "", "|b|/|c|, weight of the public against the individual signal",
                      "eq. (3)")
    b = Parameter(1.0, 0.05, 20.0, "log", "", "weight of the public signal; its sign is not identified", "eq. (3)")
    c = Parameter(1.0, 0.05, 20.0, "log", "", "weight of the individual signal; its sign is not identified", "eq. (3)")
    gamma = Parameter(2.0, 0.5, 8.0, "log", "price units", "threshold of the technical traders",
                      "eq. (6); value " + OPEN)
    d = Parameter(0.5, 0.01, 10.0, "log", "per price unit", "sensitivity of the technical traders", SECTION_4)
    window_short = Parameter(2, 1, LONGEST_DRAWN, "linear", "steps", "prices in the short moving average", SECTION_4,
                             True)
    window_long = Parameter(3, 2, LONGEST_DRAWN, "linear", "steps", "prices in the long moving average", SECTION_4,
                            True)

    price = State(price_0, "price units", domain="price")
    log_return = Observable(of="price", unit="per step", transform=log_return, domain="real")
    demand_noise = State(0, "units of the asset", domain="real")
    demand_technical = State(0, "units of the asset", domain="real")
    demand_fundamental = State(0, "units of the asset", domain="real")
    fundamental_value = State(value_0, "price units", domain="real")
    variance = State(variance_0, "price units^2", shown=False, domain="real")

    # ---- the rules
    def step(self, t, draw):
        signal = draw.normal() * self.sigma_public
        self.revise_value(draw)
        if self.rule == "exact":
            self.demand_noise = 2 * self.noise_buyers(signal, draw) - self.n_noise  # eq. (5)
            chance = Phi((self.fundamental_value - self.price) / self.sigma_fundamental)
            self.demand_fundamental = 2 * draw.count(self.n_fundamental, chance) - self.n_fundamental  # eq. (9)
        else:
            self.smoothed_demands(signal, draw)
        self.demand_technical = self.trends(t) if self.n_technical > 0 else 0
        n = self.n_noise + self.n_technical + self.n_fundamental
        excess = self.demand_noise + self.demand_technical + self.demand_fundamental
        self.price += self.price * (self.rho / n * excess)  # eq. (2)

    def revise_value(self, draw):
        x, sd = self.variance, sqrt(max(self.variance, 0))
        if self.negative_variance == "full-truncation":
            self.variance = x + self.v2 * (self.mu2 - max(x, 0)) + sd * draw.normal()  # eq. (8)
        elif self.negative_variance == "reflection":
            self.variance = abs(abs(x) + self.v2 * (self.mu2 - abs(x)) + sd * draw.normal())  # eq. (8)
        else:
            self.variance = max(max(x, 0) + self.v2 * (self.mu2 - max(x, 0)) + sd * draw.normal(), 0)  # eq. (8)
        value, sd = self.fundamental_value, sqrt(max(self.variance, 0))
        self.fundamental_value = value + self.v1 * (self.mu1 - value) + sd * draw.normal()  # eq. (7)

    def noise_buyers(self, signal, draw):
        """Who buys by eqs. (3), (4): b S + c S_i >= 0 has probability Phi(kappa S / sigma_individual)."""
        if "kappa" in self.per_agent or "b" in self.per_agent:
            buyers, view = 0, signal / self.sigma_individual
            for i in range(self.n_noise):
                if draw.chance(Phi(self.ratio(i) * view)):
                    buyers += 1
        else:
            buyers = draw.count(self.n_noise, Phi(self.ratio(0) * signal / self.sigma_individual))
        return buyers

    def ratio(self, i):
        if self.signal_weights == "separate":
            ratio = self.b[i] / abs(self.c[i]) if "b" in self.per_agent else self.b / abs(self.c)
        else:
            ratio = self.kappa[i] if "kappa" in self.per_agent else self.kappa
        return ratio

    def trends(self, t):
        """What all technical traders demand."""
        demand = 0
        if len(self.windows) > 1:
            for i in range(len(self.windows)):
                n = self.crowds[i] if len(self.crowds) > 0 else 1
                demand += n * self.trend(t, i, self.window_short[i], self.window_long[i])
        elif "gamma" in self.per_agent or "d" in self.per_agent:
            for i in range(self.n_technical):
                demand += self.trend(t, i, self.window_short, self.window_long)
        else:
            demand = self.n_technical * self.trend(t, 0, self.window_short, self.window_long)
        return demand

    def trend(self, t, i, short, long):
        """What one technical trader demands, eq. (6), or its smoothed twin."""
        demand, extra = 0, 1 if self.moving_average == "literal" else 0
        if t >= long + extra:
            if self.moving_average == "literal":
                m = (short + 1) / short * mean(self.price, short + 1) - (long + 1) / long * mean(self.price, long + 1)
            else:
                m = mean(self.price, short) - mean(self.price, long)
            if self.rule == "smoothed":
                demand = tanh((self.d[i] if "d" in self.per_agent else self.d) * m / 2)  # s. 4
            else:
                demand = self.beyond(m, self.gamma[i] if "gamma" in self.per_agent else self.gamma)
        return demand

    def beyond(self, m, gamma):
        if self.rule == "exact":
            demand = above(m, gamma) - above(-m, gamma)  # eq. (6)
        else:
            demand = sigmoid((m - gamma) / self.temperature) - sigmoid((-m - gamma) / self.temperature)
        return demand

    def smoothed_demands(self, signal, draw):
        """Section 4: a trader demands 2 sigmoid(x / width) - 1, where the exact one has the sign of x."""
        width = self.temperature if self.rule == "relaxed" else 1
        self.demand_noise = 0
        for i in range(self.n_noise):
            if self.signal_weights == "separate":
                b, c = (self.b[i], self.c[i]) if "b" in self.per_agent else (self.b, self.c)
            else:
                b, c = self.kappa[i] if "kappa" in self.per_agent else self.kappa, 1
            eta = b * signal + c * self.sigma_individual * draw.normal()  # eq. (3)
            self.demand_noise += tanh(0.5 * eta / width)
        self.demand_fundamental = 0
        for i in range(self.n_fundamental):  # noqa: B007  -- each has a view of its own
            view = self.fundamental_value - self.price + self.sigma_fundamental * draw.normal()
            self.demand_fundamental += tanh(0.5 * view / width)

    # ---- options and what depends on them
    def __post_init__(self) -> None:
        super().__post_init__()
        counts = {name: getattr(self, name) for name in ("n_noise", "n_technical", "n_fundamental")}
        for name, count in counts.items():
            check_count(name, count)
        if not sum(counts.values()):
            raise ParameterError("a market with zero agents: give n_noise, n_technical or n_fundamental")
        self._check_windows()
        self._check_owned()
        self._check_mode(counts)

    def _check_windows(self) -> None:
        n = len(self.windows)
        if self.crowds and (len(self.crowds) != n or sum(self.crowds) != self.n_technical):
            raise ParameterError(f"crowds={shown(self.crowds)}: {self.n_technical} technical traders in {n} crowds, "
                                 "one for each pair of windows")
        if n != 1 and not self.crowds and n != self.n_technical and self.n_technical > 0:
            raise ParameterError(f"{n} window pairs for {self.n_technical} technical traders: give one each or one")
        for l1, l2 in self.windows:
            if not 1 <= l1 < l2:
                raise ParameterError(
                    f"windows ({l1}, {l2}): the short one must be below the long one and at least 1")

    def _check_owned(self) -> None:
        known = self._own
        for name in self.per_agent:
            if name not in known:
                raise ParameterError(
                    f"per_agent names {name!r}; under this rule agents can own: {', '.join(known)}")
            if self._n_owners(name) > MOST_OWNERS:
                raise ParameterError(f"per_agent: {self._n_owners(name)} traders cannot each own {name}, "
                                     f"at most {MOST_OWNERS} of a type can")
        if ("b" in self.per_agent) != ("c" in self.per_agent):
            raise ParameterError("per_agent needs both b and c, or neither")

    def _check_mode(self, counts: Mapping[str, int]) -> None:
        """Turn "auto" into what is cheaper, and refuse what cannot be."""
        objection = ("" if self.rule == "exact" else f"rule={self.rule!r} lets every trader demand another amount")
        if "kappa" in self.per_agent or "b" in self.per_agent:
            objection = objection or "every noise trader has its own values"
        if self.mode == AGGREGATE and objection:
            raise ModelError(f"mode='aggregate' draws one number for all traders of a type, but {objection}: "
                             "use mode='agents'")
        mode = resolved(self.mode, [self.n_noise, self.n_fundamental]) if not objection else "agents"
        object.__setattr__(self, "mode", mode)
        for name, count in counts.items():
            if count > MOST[mode]:
                raise ParameterError(f"{name}={count}: mode={mode!r} has words for at most {MOST[mode]} traders of a "
                                     f"type; {objection or 'use mode=' + repr(AGGREGATE)}")

    @cached_property
    def parameters(self) -> tuple[Parameter, ...]:
        """Those that the rule reads; `per_agent` and the windows say of which every agent has one."""
        declared = {p.name: p for p in super().parameters}
        for name in ("kappa", "b", "c", "gamma", "d", "temperature"):
            known = self.rule == "relaxed" if name == "temperature" else name in self._own
            if not known:
                del declared[name]
            elif name in self.per_agent:
                declared[name] = replace(declared[name], n_agents=self._n_owners(name))
        for k, name in enumerate(("window_short", "window_long")):
            lengths = tuple(float(pair[k]) for pair in self.windows)
            several = len(lengths) > 1
            declared[name] = replace(
                declared[name], default=lengths if several else lengths[0], n_agents=len(lengths) if several else None,
                high=max(LONGEST_DRAWN, *(l2 for _, l2 in self.windows)))
        return tuple(declared.values())

    def default_free(self, regime: str) -> tuple[str, ...]:
        return self._own if regime == "paths" else (*self._own, "rho", "sigma_fundamental", "v1")

    def check(self, values: Mapping[str, float]) -> None:
        windows = [p.entries for p in self.parameters if p.name in ("window_short", "window_long")]
        for short, long in zip(*windows, strict=True):
            if values[short] >= values[long]:
                raise ParameterError(f"window_short={values[short]:g} must be below window_long={values[long]:g}")

    @property
    def _own(self) -> tuple[str, ...]:
        """Parameters of the traders themselves, under this rule."""
        weights = ("kappa",) if self.signal_weights == "ratio" else ("b", "c")
        return (*weights, "d" if self.rule == "smoothed" else "gamma")

    def _n_owners(self, name: str) -> int:
        return self.n_noise if name in ("kappa", "b", "c") else self.n_technical


def check_count(name: str, count: Any) -> None:
    """Raise ParameterError unless `count` is a number of traders."""
    if isinstance(count, bool) or not is_whole(count) or count < 0:
        raise ParameterError(f"{name}={shown(count)}: give a whole number of traders, 0 or more")
    if count > MOST[AGGREGATE]:
        raise ParameterError(f"{name}={count}: at most {MOST[AGGREGATE]} traders of a type")


def stock_market(*, windows: Sequence[Sequence[int]] | None = None, windows_seed: int = 0,
                 n_technical: int = 5, **config: Any) -> StockMarket:
    """The stock market with these numbers of traders and options.

    Parameters
    ----------
    windows : sequence of (int, int), optional
        (l1, l2) of each technical trader, or one pair for all. Drawn once from {2..10} by
        `windows_seed` if not given (paper, section 4), and kept in the configuration; where more traders than
        there are pairs are drawn, those of one pair make a crowd.
    n_technical : int
    config
        The other options of `StockMarket`: n_noise, n_fundamental, rule, signal_weights, per_agent,
        moving_average, negative_variance, mode ("auto", "agents" or "aggregate").

    Raises
    ------
    ParameterError, ModelError
        A count, a window or a choice that cannot be.
    """
    check_count("n_technical", n_technical)
    unknown = set(config) - {f.name for f in fields(StockMarket)}
    if unknown:
        raise ModelError(f"stock-market has no option {sorted(unknown)[0]!r}; it has: "
                         + ", ".join(f.name for f in fields(StockMarket)) + ", windows_seed")
    owned = config.pop("per_agent", ())  # a list, when it comes from a file
    owned = (owned,) if isinstance(owned, str) else tuple(owned)
    pairs = draw_windows(windows_seed, max(n_technical, 1)) if windows is None else window_pairs(windows)
    if windows is None and n_technical > MOST_KINDS and not {"gamma", "d"} & set(owned):
        pairs, config["crowds"] = gathered(pairs)
    return StockMarket(windows=pairs, n_technical=n_technical, per_agent=owned, **config)


MOST_KINDS = LONGEST_DRAWN * (LONGEST_DRAWN - 1) // 2  # pairs that may be drawn, and more
MODEL = stock_market
