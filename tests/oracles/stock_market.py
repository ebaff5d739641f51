"""The stock market once more, slow and obvious: one path at a time, float64, prices in a list.

It reads the same random words as the compiled text of mode "agents" (counter (path, t, slot, purpose), key
(seed, run), slots as fastmas/language/addresses.py has them) and shares nothing else with it, not the text: normals
are `ndtri` of the word's uniform, probabilities are `ndtr`, averages are sums over the list of prices. Every
decision is a method of its own, so that a test can plant a fault by overriding one.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from scipy.special import ndtr, ndtri

from fastmas.models.stock_market import StockMarket
from fastmas.random.counting import REFINE
from fastmas.random.philox import philox4x32

PUBLIC, PRIVATE, VIEWS = 0, 0x10000000, 0x40000000  # slots: the pool, and the ranges of the two types
SEEN = ("price", "demand_noise", "demand_technical", "demand_fundamental", "fundamental_value")


def normal(word: int) -> float:
    """Normal of a word: the lower half of the words are the negative numbers, symmetric, no zero."""
    if word < 2**31:
        return float(ndtri((word | 1) * 2.0**-32))
    return -float(ndtri(((2**32 - 1 - word) | 1) * 2.0**-32))


def sigmoid(x: float) -> float:
    return 0.5 + 0.5 * float(np.tanh(0.5 * x))


class Oracle:
    """One market with these parameter values, rounded as the engine rounds them."""

    def __init__(self, model: StockMarket, theta: Mapping[str, Any] | None = None, seed: int = 0,
                 dtype: type[np.floating] = np.float32) -> None:
        space = model.space(fixed=theta)
        self.model, self.seed = model, seed
        self.values = {e: float(dtype(v)) for e, v in zip(space.entries, space.base, strict=True)}

    def paths(self, n_paths: int, n_steps: int) -> dict[str, np.ndarray]:
        """Observables of paths 0 to n_paths - 1, each (n_paths, n_steps + 1)."""
        runs = [self.path(p, n_steps) for p in range(n_paths)]
        return {name: np.array([run[name] for run in runs]) for name in SEEN}

    def path(self, path: int, n_steps: int) -> dict[str, list[float]]:
        self.prices, self.values_seen = [self.v("price_0")], [self.v("value_0")]
        self.x = [self.v("variance_0")]
        demands = [(0.0, 0.0, 0.0)]
        for t in range(1, n_steps + 1):
            demands.append(self.step(path, t))
        d1, d2, d3 = zip(*demands, strict=True)
        columns = (self.prices, d1, d2, d3, self.values_seen)
        return {name: list(column) for name, column in zip(SEEN, columns, strict=True)}

    def step(self, path: int, t: int) -> tuple[float, float, float]:
        word = self.words(path, t, PUBLIC)
        signal = self.v("sigma_public") * normal(word[0])
        self.x.append(self.next_variance(normal(word[1])))
        self.values_seen.append(self.next_value(normal(word[2])))
        n1, n2, n3 = self.model.n_noise, self.model.n_technical, self.model.n_fundamental
        private, views = self.private_words(path, t, n1, n3)
        d1 = sum(self.noise(i, signal, private[i]) for i in range(n1))
        d2 = sum(self.technical(i, t) for i in range(n2))
        d3 = sum(self.fundamental(views[i]) for i in range(n3))
        self.prices.append(self.next_price(d1 + d2 + d3, n1 + n2 + n3))
        return d1, d2, d3

    # -- random words and parameters ------------------------------------------------------------

    def words(self, path: int, t: int, slot: int) -> list[int]:
        """The four words of a slot."""
        return [int(w) for w in philox4x32(path, t, slot, 0, self.seed, 0)]

    def private_words(self, path: int, t: int, n1: int, n3: int) -> tuple[list[int], list[int]]:
        """The words of the noise and of the fundamental traders: whole ones where their normals are wanted."""
        if self.model.rule != "exact":
            return self.whole_words(path, t, PRIVATE, n1), self.whole_words(path, t, VIEWS, n3)
        shared = n1 + n3 <= 10 and not self.own_signals()  # the public words leave room for ten
        places = ((PUBLIC, 6), (PUBLIC, 6 + n1)) if shared else ((PRIVATE, 0), (VIEWS, 0))
        return (self.agent_words(path, t, *places[0], n1, not self.own_signals()),
                self.agent_words(path, t, *places[1], n3, True))

    def whole_words(self, path: int, t: int, slot: int, n: int) -> list[int]:
        """A word for each of n agents, four to a slot."""
        return [self.words(path, t, slot + i // 4)[i % 4] for i in range(n)]

    def agent_words(self, path: int, t: int, slot: int, first: int, n: int, alike: bool) -> list[int]:
        """The word of each of n agents. Those who are alike have theirs from bit planes, 32 at a time."""
        grouped = n // 32 * 32 if alike else 0
        planes = [self.words(path, t, slot + s) for s in range(grouped // 4)]
        words = []
        for i in range(grouped):
            bits = [planes[i // 32 * 8 + k // 4][k % 4] >> i % 32 & 1 for k in range(32)]
            words.append(sum(bit << 31 - k for k, bit in enumerate(bits)))
        for h in range(first, first + n - grouped):
            upper, lower = (self.words(path, t, slot + grouped // 4 + h // 8 + up)[h % 8 // 2] for up in (0, REFINE))
            words.append((upper >> 16 * (h % 2) & 0xFFFF) << 16 | lower >> 16 * (h % 2) & 0xFFFF)
        return words

    def own_signals(self) -> bool:
        """Whether noise traders have values of their own."""
        return bool({"kappa", "b"} & set(self.model.per_agent))

    def v(self, name: str, i: int = 0) -> float:
        """A parameter's value, agent i's own where agents own it."""
        return self.values[name] if name in self.values else self.values[f"{name}[{i}]"]

    def weights(self, i: int) -> tuple[float, float]:
        """b and c of noise trader i; with a ratio alone, c = 1."""
        if self.model.signal_weights == "ratio":
            return self.v("kappa", i), 1.0
        return self.v("b", i), self.v("c", i)

    def width(self) -> float:
        return self.v("temperature") if self.model.rule == "relaxed" else 1.0

    # -- the fundamental value, eqs. (7) and (8) ------------------------------------------------

    def sigma(self, x: float) -> float:
        """f3 of Lord, Koekkoek and van Dijk (2010)."""
        return abs(x) if self.model.negative_variance == "reflection" else max(x, 0.0)

    def next_variance(self, shock: float) -> float:
        x = self.x[-1]
        f = {"full-truncation": (x, max(x, 0.0)), "reflection": (abs(x), abs(x)),
             "absorption": (max(x, 0.0), max(x, 0.0))}[self.model.negative_variance]
        return f[0] + self.v("v2") * (self.v("mu2") - f[1]) + self.sigma(x) ** 0.5 * shock

    def next_value(self, shock: float) -> float:
        value = self.values_seen[-1]
        return value + self.v("v1") * (self.v("mu1") - value) + self.sigma(self.x[-1]) ** 0.5 * shock

    # -- the traders, eqs. (3) to (6) and (9), smoothed in section 4 -------------------------------

    def noise(self, i: int, signal: float, word: int) -> float:
        b, c = self.weights(i)
        if self.model.rule == "exact":
            return 1 if word < 2.0**32 * ndtr(b / abs(c) * signal / self.v("sigma_individual")) else -1
        eta = b * signal + c * self.v("sigma_individual") * normal(word)
        return float(np.tanh(eta / (2 * self.width())))

    def technical(self, i: int, t: int) -> float:
        l1, l2 = int(self.v("window_short", i)), int(self.v("window_long", i))
        if t < self.first_step(l2):
            return 0
        m = self.mean(l1) - self.mean(l2)
        if self.model.rule == "smoothed":
            return float(np.tanh(self.v("d", i) * m / 2))
        gamma = self.v("gamma", i)
        if self.model.rule == "exact":
            return int(m >= gamma) - int(m <= -gamma)
        return sigmoid((m - gamma) / self.width()) - sigmoid((-m - gamma) / self.width())

    def first_step(self, l2: int) -> int:
        return l2 + 1 if self.model.moving_average == "literal" else l2

    def mean(self, length: int) -> float:
        """Mean of the last prices; the paper's literal sum has one term more than it divides by."""
        terms = length + 1 if self.model.moving_average == "literal" else length
        return sum(self.prices[-terms:]) / length

    def fundamental(self, word: int) -> float:
        gap, spread = self.values_seen[-1] - self.prices[-1], self.v("sigma_fundamental")
        if self.model.rule == "exact":
            return 1 if word < 2.0**32 * ndtr(gap / spread) else -1
        return float(np.tanh((gap + spread * normal(word)) / (2 * self.width())))

    def next_price(self, excess: float, n: int) -> float:
        return self.prices[-1] * (1 + self.v("rho") * excess / n)  # eq. (2)
