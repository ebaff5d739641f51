"""Volatility clustering of Lux and Marchesi (2000): optimists, pessimists and fundamentalists who change groups.

Traders move between three groups with rates of herding, price trend and profit, a market maker moves the price by
ticks, and volatility breaks out whenever chartists are too many: on-off intermittency. The defaults are the paper's
parameter set I. A step is one unit of time (the paper's figures are returns over it) of micro-steps of dt = 0.01.
Equation numbers are those of the paper, section 2.

What is decided here: within a micro-step all traders and the market maker act at once on the same state. Probabilities
are rates times dt, that of a tick is |beta (ED + mu)| dt / 0.01, all of them at most 1; the paper takes finer
micro-steps, dt = 0.002, in bursts, here `micro_steps` sets dt = 0.2 / micro_steps throughout. The price trend is taken
over the last 0.2 units. Of each group four traders stay, as in the paper: who would leave them does not.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property

from fastmas.errors import ParameterError
from fastmas.language import Agents, Model, Observable, Parameter, State, exp, floor, log_return
from fastmas.parameters import is_whole, shown

SET_1 = "parameter set I"
TICK = 0.01  # price units
TREND = 0.2  # units of time over which the price trend is taken
FIFTHS = 5  # of them in a unit
LEAST = 4  # traders of a group
MOST = 10**6  # traders


class LuxMarchesi(Model):
    """N traders in three groups; `micro_steps` are those in 0.2 units of time."""

    name = "lux-marchesi"
    source = ("Lux and Marchesi (2000), Volatility clustering in financial markets: a microsimulation of interacting "
              "agents, Int. J. Theor. Appl. Finance 3, 675-702")

    n: int = 500
    micro_steps: int = 20

    nu1 = Parameter(3.0, 0.01, 20.0, "log", "per unit of time", "revisions of opinion", SET_1)
    nu2 = Parameter(2.0, 0.01, 20.0, "log", "per unit of time", "revisions of strategy", SET_1)
    beta = Parameter(6.0, 0.1, 50.0, "log", "", "speed of the price", SET_1)
    T_c = Parameter(10.0, 0.1, 100.0, "log", "", "N t_c, what all chartists together would trade", SET_1)
    T_f = Parameter(5.0, 0.1, 100.0, "log", "", "N gamma, reaction of all fundamentalists together", SET_1)
    alpha1 = Parameter(0.6, 0.0, 3.0, "linear", "", "weight of the majority's opinion", SET_1)
    alpha2 = Parameter(0.2, 0.0, 3.0, "linear", "", "weight of the price trend", SET_1)
    alpha3 = Parameter(0.5, 0.0, 3.0, "linear", "", "weight of profits", SET_1)
    s = Parameter(0.75, 0.0, 1.0, "linear", "", "discount of fundamentalists' profits", SET_1)
    sigma_mu = Parameter(0.05, 0.0, 1.0, "linear", "", "sd of the noise in excess demand", SET_1)
    dividend = Parameter(0.004, 0.0, 1.0, "linear", "per unit of time", "r, nominal dividend", "s. 3")
    R = Parameter(0.0004, 0.0, 1.0, "linear", "per unit of time", "average real return of other investments", "s. 3")
    p_f = Parameter(10.0, 1.0, 1000.0, "log", "price units", "fundamental value, and first price", "s. 3")
    chartists_0 = Parameter(50, 2 * LEAST, MOST, integer=True, unit="traders", source="s. 3",
                            doc="chartists at the start, half of them optimists; 10% of the traders")

    price = State(p_f, "price units", domain="price")
    log_return = Observable(of="price", unit="per unit of time", transform=log_return, domain="real")
    optimists = State(0, "traders", domain="count")
    pessimists = State(0, "traders", domain="count")
    ticks = State(0, "0.01 price units", shown=False, domain="count")
    past_ticks = Agents("micro_steps")

    def __post_init__(self):
        super().__post_init__()
        for name, least, most in (("n", 3 * LEAST, MOST), ("micro_steps", 1, MOST)):
            if not is_whole(getattr(self, name)) or not least <= getattr(self, name) <= most:
                raise ParameterError(f"{name}={shown(getattr(self, name))}: give a whole number, {least} to {most}")

    @cached_property
    def parameters(self) -> tuple[Parameter, ...]:
        return tuple(replace(p, default=max(2 * LEAST, self.n // 10)) if p.name == "chartists_0" else p
                     for p in super().parameters)

    def check(self, values):
        if values["chartists_0"] > self.n - LEAST:
            raise ParameterError(f"chartists_0={values['chartists_0']:g}: of n={self.n} traders at least {LEAST} are "
                                 "fundamentalists")

    def start(self):
        self.optimists = self.chartists_0 // 2
        self.pessimists = self.chartists_0 - self.chartists_0 // 2
        self.ticks = floor(self.p_f / TICK + 0.5)
        self.price = TICK * self.ticks
        for k in range(self.micro_steps):
            self.past_ticks[k] = self.ticks

    def step(self, t, draw):
        for fifth in range(FIFTHS):  # noqa: B007
            for k in range(self.micro_steps):
                self.micro_step(k, draw)
        self.price = TICK * self.ticks

    def micro_step(self, k, draw):
        dt = TREND / self.micro_steps
        price = TICK * self.ticks
        trend = TICK * (self.ticks - self.past_ticks[k]) / TREND  # dp/dt
        plus, minus = self.optimists, self.pessimists
        chartists = plus + minus
        fundamentalists = self.n - chartists
        opinion = self.alpha1 * (plus - minus) / chartists + self.alpha2 * trend / self.nu1  # U_1, eq. (2.2)
        profit = (self.dividend + trend / self.nu2) / price - self.R
        gain = self.s * abs((self.p_f - price) / price)
        up = self.alpha3 * (profit - gain)  # U_2,1, eq. (2.4)
        down = self.alpha3 * (-profit - gain)  # U_2,2, eq. (2.4)
        turn, switch = dt * self.nu1 * chartists / self.n, dt * self.nu2 / self.n
        # Who leaves a group for the first of two others leaves with p1, of the rest for the second with p2 / (1 - p1).
        to_minus, to_plus = turn * exp(-opinion), turn * exp(opinion)  # eq. (2.1)
        plus_minus = draw.count(plus, min(to_minus, 1))
        plus_value = draw.count(plus - plus_minus, switch * fundamentalists * exp(-up) / max(1 - to_minus, dt))
        minus_plus = draw.count(minus, min(to_plus, 1))
        minus_value = draw.count(minus - minus_plus, switch * fundamentalists * exp(-down) / max(1 - to_plus, dt))
        to_plus, to_minus = switch * plus * exp(up), switch * minus * exp(down)  # eq. (2.3)
        value_plus = draw.count(fundamentalists, min(to_plus, 1))
        value_minus = draw.count(fundamentalists - value_plus, to_minus / max(1 - to_plus, dt))
        plus_minus, plus_value = self.leaving(plus, plus_minus, plus_value)
        minus_plus, minus_value = self.leaving(minus, minus_plus, minus_value)
        value_plus, value_minus = self.leaving(fundamentalists, value_plus, value_minus)
        self.optimists += minus_plus + value_plus - plus_minus - plus_value
        self.pessimists += plus_minus + value_minus - minus_plus - minus_value
        self.past_ticks[k] = self.ticks
        excess = ((plus - minus) * self.T_c + fundamentalists * self.T_f * (self.p_f - price)) / self.n
        jump = self.beta * (excess + self.sigma_mu * draw.normal()) * dt / TICK  # eq. (2.5)
        if draw.uniform() < abs(jump):
            self.ticks = max(self.ticks + 1, 1) if jump > 0 else max(self.ticks - 1, 1)

    def leaving(self, crowd, first, second):
        """How many leave for the one and the other group, so that LEAST stay."""
        first = min(first, crowd - LEAST)
        return first, min(second, crowd - LEAST - first)

    def default_free(self, regime):
        return ("nu1", "nu2", "beta", "T_c", "T_f", "alpha1", "alpha2", "alpha3", "sigma_mu")


MODEL = LuxMarchesi
