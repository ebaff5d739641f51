"""Texts that together say everything the language can say, and say it in awkward ways."""

# ruff: noqa: B007, F841, PLR0912, PLR1714, PLR1730, RET504  -- they are awkward on purpose

# ruff: noqa: B007, F841, PLR0912, PLR1714, PLR1730, RET504
from __future__ import annotations

import math

import numpy as np

from fastmas.language import (
    Agents,
    Model,
    Parameter,
    Phi,
    State,
    above,
    exp,
    floor,
    log,
    mean,
    past,
    sigmoid,
    sqrt,
    tanh,
)
from fastmas.language import words as language

LEVELS = (0.5, 1.5, -2.0)
half = 0.5  # which a text below hides behind a name of its own


def spread(a, b):
    """A helper: read in place of its call."""
    low = min(a, b)
    return max(a, b) - low, low


class Choices(Model):
    """if, elif, else, nested; conditional expressions; chained comparisons; and, or, not; values in one way only."""

    rule: str = "second"
    nothing: tuple = ()
    switch: bool = True
    a = Parameter(0.4, 0.0, 1.0)
    x = State(0.3)
    y = State(0.0)
    z = State(0.0)
    kind = State(0.0, shown=True)

    def step(self, t, draw):
        u = draw.uniform()
        if u < 0.2:
            level = -1.0
            self.y = 0.1
        elif u < 0.5 or self.x > 2:
            level = 0.5
            if self.x > 0.5 and not u < 0.3:
                level += 1
            else:
                extra = 3.0
                level -= 0.25 * extra
        elif 0.6 <= u < 0.8 != self.x:
            level = 2.0
        else:
            level, self.z = 3.0, self.z + 1
        if self.rule == "second":
            known = 2.0
        if self.rule in ("first", "second") and self.switch:
            self.x = 0.9 * self.x + 0.1 * level * known
        if self.nothing or self.rule is None:
            self.x = math.nan
        before = self.x  # as this step has set it
        self.x = self.x if -1 < before <= 1 else (1.0 if before > 1 else -1.0)
        both = self.x > 0 and u > 0.5
        either = both or t % 3 == 0
        self.kind = both + 2 * either + 4 * (not both) + 8 * ((u > 0.9) == both)
        number = self.y or 5.0
        self.z = self.z + (number and self.x) + (t > 5 and 0.25) + (u < 0.5 and 2)
        hit = self.x > 0.2 if u < 0.5 else u > 0.9
        if t > 4:
            hit = not hit
        if hit:
            self.y += 0.5
        if t == 3 or t == 7:
            self.y = self.y - 1
        pass


class Numbers(Model):
    """Operators of whole numbers and of the path's; powers; constants; infinity."""

    n: int = 40
    few: int = 3
    k = Parameter(5, 1, 9, integer=True)
    a = Parameter(0.4, 0.0, 1.0)
    PER = 0.125
    x = State(0.5)
    y = State(0.0)
    w = State(0.0)
    lowest = State(0.0)
    t_seen = State(0.0)

    def step(self, t, draw):
        g = draw.normal()
        whole = (t * self.k + self.n) // self.few - self.n % (t + 1) + -t // 4
        self.w = whole / 7 + (-7) // 2 + 2**self.few + (t + 1) ** 2 + 7 % 3
        self.x = 0.5 * self.x + g**2 + (-abs(g)) ** 3 + g**9 * 1e-3 + g**0 + abs(g) ** 0.5 + abs(g) ** 1.5 + g**2.0
        self.x = self.x / (1 + abs(g) ** -2) + (-1) ** t + 0.9**t + g**self.k * 0.01 + 2.0 ** (0.1 * g) + (g - g) ** 1.5
        buyers = draw.count(self.few, self.a)
        sellers = draw.count(self.n, self.a)
        self.y = 2 * buyers - self.few + buyers * sellers + (-sellers) * t + sellers**2 / 9 - (buyers > 1) * 0.5
        self.y += min(buyers, 2, sellers) + max(sellers, 3, self.x) + +buyers
        best = float("inf")
        for level in LEVELS:
            best = min(best, level + g)
        worst = -math.inf
        for level in (0.1, g, self.PER):
            worst = max(worst, level)
        self.lowest = best + worst + sum((1, 2.5, g)) + len(LEVELS) + sum((1, 2)) + math.pi + np.pi
        third = (draw.chance(self.a) / 3 + (0.1 if g > 0 else 0.7) / 3) * exp(0.5 if g > 0 else 2.0)
        self.lowest += third + math.log(3) * (g > 0) + log(0.5 if g > 1 else 2.5) - sqrt(2 if g < 0 else 3) / 7
        self.t_seen = t + float(self.k) + int(t) + round(2.4)


class Loops(Model):
    """Loops over range, tables and tuples; carried names and states; loops that feed loops; nested draws."""

    n: int = 12
    many: int = 45
    windows: tuple = ((1, 3), (2, 5), (4, 9))
    sizes: tuple = (3, 40, 7)
    rates: tuple = (0.1, 0.5)
    empty: tuple = ()
    a = Parameter(0.4, 0.0, 1.0)
    x = State(0.0)
    y = State(1.0)
    total = State(0.0)
    last = State(0.0)
    big = State(0.0)

    def step(self, t, draw):
        count = 0
        for i in range(self.n):
            if draw.chance(self.a):
                count += 1
            self.total += 0.01 * i
        self.x = count + draw.normal()
        inner = 0.0
        for i in range(3):
            for j in range(self.n):
                inner += (j - i) * 0.1 + draw.uniform() * draw.chance(0.5)
            inner = inner * 0.5 + draw.normal()
        self.y = inner
        seen = self.x > 0
        for i in range(less_one(self.n)):
            seen = seen and i < 8
            self.x = self.x * 0.9 + (0.1 if seen else 0.2)
        for short, long in self.windows:
            if t > long:
                self.last += mean(self.x, short) - mean(self.x, long) + draw.normal() * 0.1
        for k in range(len(self.windows)):
            self.last = 0.5 * self.last + self.windows[k][1] * 0.01 + self.sizes[k]
        for n in self.sizes:
            self.big += 0.001 * n * draw.uniform()
        for rate in self.rates:
            self.big += draw.chance(rate)
        for nobody in self.empty:
            self.big += nobody
        chosen = self.windows
        for short, long in chosen:
            self.big += draw.uniform() * (long - short)
        for i in range(0):
            self.big = math.nan
        for i in range(self.many):
            self.big += 1e-3 * draw.exponential() * draw.laplace()
        for first, second in ((1, self.x), (2, self.y)):
            self.total += first * second * draw.normal()
        if t > 3:
            for i in range(self.n):
                self.total += 0.1 * draw.normal()
        if t % 2 == 0:
            for i in range(t):
                self.total += 0.1 * i
        else:
            for i in range(2):
                self.total -= 0.1 * self.n


def less_one(n):
    return n - 1


class Crowd(Model):
    """Agents: own index, a network, two arrays, stores under an if, before and after loops that set them."""

    n: int = 10
    grid: int = 40
    size = Parameter(1.0, 0.1, 10.0, each="n")
    shift = Parameter(2, 0, 4, integer=True)
    a = Parameter(0.4, 0.0, 1.0)
    x = State(0.0)
    first = State(0.0)
    behind = State(0.0)
    nested = State(0.0)
    sum_of_all = State(0.0)
    wealth = Agents("n", 1.5)
    friend = Agents("n")
    old = Agents("n")
    cells = Agents("grid", -1)
    alone = Agents(1)

    def start(self, draw):
        for i in range(self.n):
            self.friend[i] = floor(draw.uniform() * self.n)
        self.x = draw.normal()

    def step(self, t, draw):
        self.first = self.wealth[0] + self.wealth[self.n - 1]  # before the loops that set them
        if self.x > 0:
            for i in range(self.n):
                self.wealth[i] += 0.25 * i
            self.behind = self.wealth[3]
        else:
            for i in range(self.n):
                if i < 4:
                    self.wealth[i] = self.wealth[i] * 0.5
        for i in range(self.n):
            self.old[i] = self.wealth[i]
        for i in range(self.n):
            gift = 0.1 * self.old[self.friend[i]]
            if draw.chance(self.a):
                self.wealth[i] = self.wealth[i] + gift * self.size[i] + 0.01 * draw.normal()
            elif self.old[i] > 1:
                self.wealth[i] -= gift
            if self.wealth[i] > 4:
                self.wealth[i] = 4
        self.behind += self.wealth[0] - self.first + self.wealth[t % self.n] + self.wealth[self.shift]
        together = 0.0
        for i in range(self.n):
            together += self.cells[5]
            for j in range(self.grid):
                self.cells[j] += 0.01
            together += self.cells[5] + self.wealth[i]
        self.nested = together
        if t > 2:
            for i in range(self.n):
                self.wealth[i] *= 0.99
        for i in range(1):
            self.alone[i] = self.alone[i] + t
        self.put(draw)
        total = 0
        for i in range(self.n):
            if i % 2 == 0 and i < 7:
                total += self.wealth[i] + self.cells[3 * i]
        self.sum_of_all = total + self.alone[0]
        self.x = draw.normal() + self.old[floor(abs(self.x))]

    def put(self, draw):
        for i in range(3):
            self.place(i)

    def place(self, k):
        return k


class Parts(Model):
    """Methods with values, tuples and nothing; properties; early returns; helpers; methods that draw, called twice."""

    rule: str = "fast"
    a = Parameter(0.4, 0.0, 1.0)
    x = State(a)
    y = State(0.0)
    z = State(0.0)

    def step(self, t, draw):
        first, second = self.noises(draw)
        third = self.one(draw) + 10 * self.one(draw) + 100 * self.again(draw) + 1000 * self.again(draw)
        self.x = 0.5 * self.x + first + second + self.speed * self.doubled
        wide, low = spread(self.x, third)
        self.y = wide - 2 * low
        self.move(draw, 0.5)
        self.move(draw, self.one(draw))
        half = self.x * 2
        self.z += half + self.late(t)
        for i in range(4):
            self.z += i * self.one(draw)

    def noises(self, draw):
        return draw.normal(), self.one(draw)

    def one(self, draw):
        """A number."""
        return draw.uniform()

    def again(self, draw):
        return self.one(draw) - self.one(draw)

    def move(self, draw, by):
        self.z = self.z * 0.5 + by * draw.normal() * half

    @property
    def speed(self):
        if self.rule == "fast":
            return 2.0
        return 1.0

    @property
    def doubled(self):
        return 2 * self.a

    def late(self, t):
        value = 1 if t > 3 else 2
        return value


class Heir(Parts):
    """A text that inherits one, with other options, parameters and methods."""

    rule: str = "slow"
    extra: int = 50
    a = Parameter(0.7, 0.0, 1.0)
    more = State(0.0)

    def one(self, draw):
        self.more = self.more + self.extra
        return 3 + draw.normal()


class Lookback(Model):
    """mean and past, with numbers, options, integer parameters and a table of lengths."""

    lag: int = 4
    lags: tuple = (2, 6)
    far: int = 40
    length = Parameter(3, 1, 8, integer=True)
    lengths = Parameter((2, 5), 1, 7, n_agents=2, integer=True)
    x = State(1.0)
    y = State(0.0)
    waits = State(0.0)

    def step(self, t, draw):
        value = 0.5 * past(self.x, 1) + draw.normal()
        if t >= self.lag:
            value += 0.1 * mean(self.x, self.lag) - 0.05 * past(self.x, self.lag)
        if t >= 8:
            value += 0.1 * language.mean(self.x, self.length) + 0.2 * (mean(self.y, 8) - mean(self.y, self.length))
            for k in range(2):
                value += 0.01 * mean(self.x, self.lengths[k]) * past(self.y, self.lengths[k])
        if t > self.far:
            value -= 0.1 * mean(self.x, self.far)
        for lag in self.lags:
            if t >= lag + 1:
                value += 0.02 * past(self.x, lag) + 0.01 * mean(self.x, lag + 1)
        self.x = value
        self.y = 0.3 * self.y + mean(self.x, 1) + self.x  # mean sees t - 1
        self.waits = past(self.y, 1)


class Words(Model):
    """Every word and every draw; test_draws.py has what counts can be."""

    a = Parameter(0.6, 0.1, 2.0)
    x = State(0.0)
    y = State(0.0)
    agents = State(0.0)
    price = State(1.0)

    def step(self, t, draw):
        g, unused = draw.normal(), draw.normal()
        level = above(g, 0.2) + Phi(g) + sigmoid(3 * g) + tanh(g) + exp(-abs(g)) + log(1 + g * g) + sqrt(abs(g))
        level += math.exp(-1) + np.sqrt(2.0) + math.tanh(0.5) + math.floor(g) + np.maximum(g, 0.1) + math.fabs(g)
        self.x = level + floor(-3.5) + draw.gamma(self.a) + draw.gamma(2.5)
        self.y = draw.exponential() - draw.laplace() + draw.uniform()
        for i in range(3):
            self.y += draw.gamma(0.5 + i)
        self.agents = draw.count(0, 0.3) + draw.count(33, self.a / 3) + draw.count(7, Phi(g)) + draw.chance(1.5)
        self.price = exp(0.01 * draw.normal("news")) * self.price * (1 + 0.1 * draw.chance(0.1, name="jump"))
        self.price += 0.001 * draw.count(5, 0.5, "crowd")


class Names(Model):
    """States, names and loops that are called what generated code calls its own."""

    t_1: int = 2
    w = State(1.0)
    lanes = State(1.0)
    limit = State(1.0)
    low = State(1.0)
    high = State(1.0)
    hit = State(1.0)
    half_1 = State(1.0)
    new_0 = State(1.0)
    e1 = State(1.0)
    i_1 = State(1.0)
    draw_words = State(1.0)
    theta = State(1.0)
    uniform = State(1.0)
    agents = Agents("n")
    history = Agents("n", 2)
    n: int = 9

    def step(self, t, draw):
        words = draw.normal()
        float32 = words + self.w
        for i in range(3):
            for half in range(self.n):
                self.agents[half] += 0.1 * half + draw.chance(0.4)
            self.i_1 = self.i_1 * 0.5 + i * draw.uniform()
        for new in range(2):
            self.new_0 += new + draw.normal()
        self.limit = draw.count(12, sigmoid(words)) + 0.1 * self.limit
        self.low, self.high = self.high * 0.5 + words, self.low
        self.hit = above(words, 0) + self.agents[2] + self.history[3]
        self.half_1 = float32
        self.e1 = self.half_1 if words > 0 else self.e1 / 2
        self.draw_words = mean(self.lanes, 2) if t > 1 else 0.5
        self.lanes = self.theta
        self.theta = draw.uniform() + self.uniform
        self.uniform = 0.5 * self.uniform
        self.w = 0.5 * self.w


class Begun(Model):
    """start without draws, from parameters, with agents."""

    n: int = 5
    a = Parameter(0.4, 0.0, 1.0)
    of_each = Parameter((0.1, 0.2, 0.3, 0.4, 0.5), 0.0, 1.0, n_agents=5)
    x = State(a)
    y = State(0.0)
    own = Agents("n", 1)

    def start(self):
        self.y = self.x + self.of_each[3]
        for i in range(self.n):
            self.own[i] = self.own[i] + i * self.of_each[i]

    def step(self, t, draw):
        for i in range(self.n):
            self.own[i] = 0.9 * self.own[i] + draw.normal() * self.of_each[i]
        self.x = self.own[0] + self.own[4] + past(self.y, 1)
        self.y = 0.5 * self.y + draw.normal()


TEXTS = (Choices, Numbers, Loops, Crowd, Parts, Heir, Lookback, Words, Names, Begun)
