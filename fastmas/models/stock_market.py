"""The stock market of the founding paper, section 3.1: noise, technical and fundamental traders.

What its text leaves open, and what is decided here (alternatives are configuration fields):

- moving averages have l terms ending at t-1; the paper's literal l+1 terms over l is
  `moving_average="literal"`. Technical trader i acts from t = l2.
- decisions at t see P(t-1); P*(t) is current.
- the variance (8) is fully truncated; `negative_variance` offers reflection and absorption.
- the public signal has sd `sigma_public` = 1, the private ones `sigma_individual` = 3.
- rho = 0.1 (Cont's 1/lambda) and sigma_fundamental = 1 are not given in the paper.
- the exact rule knows only kappa = |b| / |c|; `signal_weights="separate"` offers b and c all the
  same. Below a threshold gamma of about 1 the market trends away.
- the smoothed rules (section 4) are `rule="smoothed"`; `rule="relaxed"` keeps gamma and tends to
  the exact rule as `temperature` goes to zero.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from functools import cached_property
from itertools import accumulate
from typing import Any, ClassVar

import numpy as np
from numpy import float32

from fastmas.errors import ModelError, ParameterError
from fastmas.kernel import kernel
from fastmas.model import Kernels, Model, Observable
from fastmas.models._stock_market import (
    COMMON,
    GAMMA,
    KAPPA,
    MOST_OWNERS,
    TEMPERATURE,
    B,
    C,
    D,
    WindowGroups,
    by_group,
    check_count,
    check_size,
    choose_mode,
    draw_windows,
    group_tables,
    group_windows,
    window_pairs,
)
from fastmas.parameters import Parameter
from fastmas.random.normal import draw_normals
from fastmas.random.philox import draw_words
from fastmas.rules import fundamental, noise, technical
from fastmas.rules.value import SCHEMES, value_step, variance_step
from fastmas.rules.votes import N_WORDS

# Rows of theta that every rule has; each type's own rows follow.
RHO, SD_PUBLIC, SD_INDIVIDUAL, SD_VIEW, MU1, V1, MU2, V2, PRICE_0, VALUE_0, VARIANCE_0, WIDTH = range(12)
N_COMMON = 12
# Entries of `integers`; the groups of technical traders follow, each with its windows (l1, l2), how many
# traders the groups before it have, and how many it has.
N_NOISE, N_TECHNICAL, N_FUNDAMENTAL, NOISE_STRIDE, NOISE_ROWS, TECHNICAL_STRIDE = range(6)
EXTRA_TERM, SCHEME, NOISE_SLOT, NOISE_FIRST, FUNDAMENTAL_SLOT, FUNDAMENTAL_FIRST, N_GROUPS, GROUPS = range(6, 14)
PER_GROUP = 4
# Rows of the state.
PRICE, DEMAND_NOISE, DEMAND_TECHNICAL, DEMAND_FUNDAMENTAL, VALUE, VARIANCE, ROOT = range(7)
SIGNAL, SCRATCH, RATE, REFERENCE = 7, 8, 9, 10
PUBLIC_SLOT = 0
PUBLIC_HALVES, HALVES = 6, 16  # three normals are half-words 0 to 5 of the public slot; two slots have sixteen

TINY_WEIGHT = 1e-12
DEFAULT_LONGEST_WINDOW = 10


@kernel
def init(lanes, state, history, theta, integers):
    """P(0), P*(0), sigma(0); no price has been summed yet."""
    total = theta.dtype.type(integers[N_NOISE] + integers[N_TECHNICAL] + integers[N_FUNDAMENTAL])
    for w in range(lanes):
        state[PRICE][w] = theta[PRICE_0, w]
        state[VALUE][w] = theta[VALUE_0, w]
        state[VARIANCE][w] = theta[VARIANCE_0, w]
        state[ROOT][w] = np.sqrt(max(theta[VARIANCE_0, w], float32(0.0)))
        state[RATE][w] = theta[RHO, w] / total
        state[REFERENCE][w] = theta[PRICE_0, w]


def make_step(noise_rule, technical_rule, fundamental_rule):
    """The step of one market: three rules around the value process (7)(8) and the price (2)."""

    @kernel
    def step(t, lanes, state, words, history, address, theta, integers):
        scratch, demand = state[SCRATCH], state[DEMAND_TECHNICAL]
        draw_words(lanes, address, t, PUBLIC_SLOT, words[0], words[1], words[2], words[3])
        draw_normals(lanes, words[0], state[SIGNAL])
        for w in range(lanes):
            state[SIGNAL][w] = state[SIGNAL][w] * theta[SD_PUBLIC, w]
        draw_normals(lanes, words[1], scratch)
        variance_step(lanes, integers[SCHEME], state[VARIANCE], state[ROOT], scratch, theta[V2], theta[MU2])
        draw_normals(lanes, words[2], scratch)
        value_step(lanes, state[VALUE], state[ROOT], scratch, theta[V1], theta[MU1])

        noise_rule(t, lanes, state[SIGNAL], state[DEMAND_NOISE], scratch, words, address, theta,
                   integers[NOISE_SLOT], integers[NOISE_FIRST], N_COMMON, integers[N_NOISE],
                   integers[NOISE_STRIDE], SD_INDIVIDUAL, WIDTH)

        for w in range(lanes):
            state[SIGNAL][w] = state[VALUE][w] - state[PRICE][w]
        fundamental_rule(t, lanes, state[SIGNAL], state[DEMAND_FUNDAMENTAL], scratch, words, address,
                         theta, integers[FUNDAMENTAL_SLOT], integers[FUNDAMENTAL_FIRST],
                         integers[N_FUNDAMENTAL], SD_VIEW, WIDTH)

        for w in range(lanes):
            demand[w] = float32(0.0)
        mask, extra, stride = history.shape[0] - 1, integers[EXTRA_TERM], integers[TECHNICAL_STRIDE]
        own = N_COMMON + integers[NOISE_ROWS]
        for g in range(integers[N_GROUPS]):
            at = GROUPS + PER_GROUP * g
            l1, l2, first, n = integers[at], integers[at + 1], integers[at + 2], integers[at + 3]
            if t >= l2 + extra:
                technical.oscillator(t, lanes, history, mask, state[REFERENCE], l1, l2, extra, scratch)
                technical_rule(lanes, scratch, demand, words, theta, own + stride * first, n, stride, WIDTH)

        price = state[PRICE]
        for w in range(lanes):
            excess = state[DEMAND_NOISE][w] + demand[w] + state[DEMAND_FUNDAMENTAL][w]
            price[w] += price[w] * (state[RATE][w] * excess)  # eq. (2)
        technical.remember(t, lanes, history, mask, price, state[REFERENCE], scratch)

    return step


few = make_step(noise.exact_few, technical.exact, fundamental.exact_few)
few_ranked = make_step(noise.exact_few, technical.exact_own, fundamental.exact_few)
many = make_step(noise.exact, technical.exact, fundamental.exact)
many_ranked = make_step(noise.exact, technical.exact_own, fundamental.exact)
own = make_step(noise.exact_own, technical.exact, fundamental.exact)
own_ranked = make_step(noise.exact_own, technical.exact_own, fundamental.exact)
aggregate = make_step(noise.aggregate, technical.exact, fundamental.aggregate)
aggregate_ranked = make_step(noise.aggregate, technical.exact_own, fundamental.aggregate)
smoothed = make_step(noise.smoothed, technical.smoothed, fundamental.smoothed)
relaxed = make_step(noise.smoothed, technical.relaxed, fundamental.smoothed)

RULES = ("exact", "smoothed", "relaxed")
# Of each kind of market the step where technical traders share a threshold, and where each has one. Several
# short steps: a long one that can do everything takes three times as long to compile.
STEPS = {
    "few": (few, few_ranked),
    "many": (many, many_ranked),
    "own": (own, own_ranked),
    "aggregate": (aggregate, aggregate_ranked),
    "smoothed": (smoothed, smoothed),
    "relaxed": (relaxed, relaxed),
}


def log_return(price: np.ndarray) -> np.ndarray:
    """Log returns of prices (..., n); the first is NaN, so that times stay aligned."""
    out = np.full(price.shape, np.nan, dtype=price.dtype)
    np.log(price[..., 1:] / price[..., :-1], out=out[..., 1:])
    return out


@dataclass(frozen=True, kw_only=True)
class StockMarket(Model):
    """Configuration of the market; build it with `stock_market`, which draws the windows.

    `windows` holds (l1, l2) of every technical trader, or one pair that all share. `per_agent`
    names the parameters of which each agent has a value of its own. `mode` is how the buyers among
    noise and fundamental traders are found: "agents" gives each trader a random word of its own,
    "aggregate" draws the number of buyers of a type, one exact Binomial, at a price that does not grow
    with the type; the law is the same. "auto" becomes the cheaper of the two that can be.
    """

    name: ClassVar[str] = "stock-market"
    source: ClassVar[str] = (
        "A generative adversarial network approach to calibrate multi-agent simulators, s. 3.1")
    n_state: ClassVar[int] = 11
    n_words: ClassVar[int] = N_WORDS
    variants: ClassVar[tuple[dict[str, Any], ...]] = (
        {}, {"n_noise": 100}, {"mode": "aggregate"}, {"rule": "smoothed"}, {"rule": "relaxed"})
    observables: ClassVar[tuple[Observable, ...]] = (
        Observable("price", PRICE, "price units"),
        Observable("log_return", PRICE, "per step", log_return),
        Observable("demand_noise", DEMAND_NOISE, "units of the asset"),
        Observable("demand_technical", DEMAND_TECHNICAL, "units of the asset"),
        Observable("demand_fundamental", DEMAND_FUNDAMENTAL, "units of the asset"),
        Observable("fundamental_value", VALUE, "price units"),
    )

    windows: tuple[tuple[int, int], ...]
    n_noise: int = 7
    n_technical: int = 5
    n_fundamental: int = 3
    rule: str = "exact"
    signal_weights: str = "ratio"
    per_agent: tuple[str, ...] = ()
    moving_average: str = "mean"
    negative_variance: str = "full-truncation"
    mode: str = "auto"

    def __post_init__(self) -> None:
        self._check_choice("rule", RULES)
        self._check_choice("signal_weights", ("ratio", "separate"))
        self._check_choice("moving_average", ("mean", "literal"))
        self._check_choice("negative_variance", SCHEMES)
        for name in ("n_noise", "n_technical", "n_fundamental"):
            check_count(name, getattr(self, name))
        if self.n_noise + self.n_technical + self.n_fundamental == 0:
            raise ParameterError("a market with zero agents: give n_noise, n_technical or n_fundamental")
        self._check_windows()
        self._check_owned()
        object.__setattr__(self, "mode", choose_mode(
            self.mode, (self.n_noise, self.n_fundamental), self._objection))
        self._check_sizes()

    def _check_sizes(self) -> None:
        for name in ("n_noise", "n_technical", "n_fundamental"):
            check_size(name, getattr(self, name), self.mode, self._objection)
        for name in self.per_agent:
            if self._n_owners(name) > MOST_OWNERS:
                raise ParameterError(f"per_agent: {self._n_owners(name)} traders cannot each own {name}, "
                                     f"at most {MOST_OWNERS} of a type can")

    def _check_windows(self) -> None:
        if len(self.windows) not in (1, self.n_technical) and self.n_technical > 0:
            raise ParameterError(f"{len(self.windows)} window pairs for {self.n_technical} technical "
                                 "traders: give one each or one")
        for l1, l2 in self.windows:
            if not 1 <= l1 < l2:
                raise ParameterError(
                    f"windows ({l1}, {l2}): the short one must be below the long one and at least 1")

    def _check_owned(self) -> None:
        known = [p.name for p in self._own_parameters(())]
        for name in self.per_agent:
            if name not in known:
                raise ParameterError(
                    f"per_agent names {name!r}; under this rule agents can own: {', '.join(known)}")
        if ("b" in self.per_agent) != ("c" in self.per_agent):
            raise ParameterError("per_agent needs both b and c, or neither")

    @property
    def kernels(self) -> Kernels:
        return Kernels(init, STEPS[self._kind][self._owned("gamma")])

    @property
    def n_history(self) -> int:
        return 1 << (self._longest_window + 3).bit_length()

    @property
    def n_counted(self) -> int:
        return max(self.n_noise, self.n_fundamental) if self.mode == "agents" else 0

    @cached_property
    def parameters(self) -> tuple[Parameter, ...]:
        return (*COMMON, *self._temperature, *self._own_parameters(self.per_agent), *self._window_parameters)

    def default_free(self, regime: str) -> tuple[str, ...]:
        own = tuple(p.name for p in self._own_parameters(()))
        return own if regime == "paths" else (*own, "rho", "sigma_fundamental", "v1")

    def check(self, values: Mapping[str, float]) -> None:
        for short, long in self._window_entries:
            if values[short] >= values[long]:
                raise ParameterError(f"window_short={values[short]:g} must be below window_long={values[long]:g}")

    def split(self, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        column = self._columns(values)
        own, groups = self._noise_rows(column), self._window_groups(column)
        acting = column["gamma" if self.rule != "smoothed" else "d"]
        if self._owned("gamma", "d"):
            acting = by_group(acting, groups)
        reals = [values[:, :len(COMMON)], column.get("temperature", np.ones((len(values), 1))), own, acting]
        head = [self.n_noise, self.n_technical, self.n_fundamental, int(self._owned("kappa", "b")),
                own.shape[1], int(self._owned("gamma", "d")), int(self.moving_average == "literal"),
                SCHEMES.index(self.negative_variance), *self._places]
        whole = [np.tile(np.array(head, dtype=np.int64), (len(values), 1)), group_tables(groups)]
        return np.ascontiguousarray(np.hstack(reals), dtype=np.float64), np.ascontiguousarray(np.hstack(whole))

    @property
    def _kind(self) -> str:
        """Which steps are this market's."""
        if self.rule != "exact" or self.mode == "aggregate":
            return self.rule if self.rule != "exact" else self.mode
        return "own" if self._owned("kappa", "b") else "few" if self._shares_slots else "many"

    @property
    def _shares_slots(self) -> bool:
        """Whether all words of a step are in two slots."""
        few = PUBLIC_HALVES + self.n_noise + self.n_fundamental <= HALVES
        return few and self.mode == "agents" and not self._owned("kappa", "b")

    @property
    def _places(self) -> tuple[int, int, int, int]:
        """Slot and first half-word of the noise traders, and of the fundamental ones."""
        if self._shares_slots:
            return PUBLIC_SLOT, PUBLIC_HALVES, PUBLIC_SLOT, PUBLIC_HALVES + self.n_noise
        return noise.SLOT, 0, fundamental.SLOT, 0

    def _window_groups(self, column: Mapping[str, np.ndarray]) -> list[WindowGroups]:
        """The groups of technical traders for each theta."""
        short, long = column["window_short"], column["window_long"]
        if (short == short[0]).all() and (long == long[0]).all():
            return [group_windows(short[0], long[0], self.n_technical)] * len(short)
        return [group_windows(*pair, self.n_technical) for pair in zip(short, long, strict=True)]

    def _columns(self, values: np.ndarray) -> dict[str, np.ndarray]:
        """The values of each parameter, (n_theta, 1 or its number of agents)."""
        counts = [1 if p.n_agents is None else p.n_agents for p in self.parameters]
        return {p.name: values[:, end - n:end]
                for p, n, end in zip(self.parameters, counts, accumulate(counts), strict=True)}

    def _noise_rows(self, column: Mapping[str, np.ndarray]) -> np.ndarray:
        """What the noise rule reads: kappa, or all weights of the public signal and then of the others."""
        if self.signal_weights == "ratio":
            b, c = column["kappa"], np.ones_like(column["kappa"])
        else:
            b, c = column["b"], column["c"]
        return b / np.maximum(np.abs(c), TINY_WEIGHT) if self.rule == "exact" else np.hstack([b, c])

    def _owned(self, *names: str) -> bool:
        return any(n in self.per_agent for n in names)

    @property
    def _objection(self) -> str:
        """Why one number cannot stand for a type's traders, for a message; "" if it can."""
        if self.rule != "exact":
            return f"rule={self.rule!r} lets every trader demand another amount"
        return "every noise trader has its own values" if self._owned("kappa", "b") else ""

    @cached_property
    def _longest_window(self) -> int:
        return max([DEFAULT_LONGEST_WINDOW, *(l2 for _, l2 in self.windows)])

    @property
    def _temperature(self) -> tuple[Parameter, ...]:
        return (TEMPERATURE,) if self.rule == "relaxed" else ()

    def _own_parameters(self, per_agent: tuple[str, ...]) -> tuple[Parameter, ...]:
        weights = (KAPPA,) if self.signal_weights == "ratio" else (B, C)
        chosen = (*weights, D if self.rule == "smoothed" else GAMMA)
        return tuple(
            replace(p, n_agents=self._n_owners(p.name)) if p.name in per_agent else p for p in chosen)

    def _n_owners(self, name: str) -> int:
        """How many traders have this parameter, of the type whose it is."""
        return self.n_noise if name in ("kappa", "b", "c") else self.n_technical

    @property
    def _window_parameters(self) -> tuple[Parameter, ...]:
        shared = len(self.windows) == 1
        text = "prices in the {} moving average"
        return tuple(
            Parameter(
                name=f"window_{which}", low=low, high=self._longest_window, integer=True, unit="steps",
                default=float(self.windows[0][k]) if shared else tuple(float(w[k]) for w in self.windows),
                n_agents=None if shared else self.n_technical, doc=text.format(which), source="s. 4")
            for k, (which, low) in enumerate((("short", 1), ("long", 2))))

    @cached_property
    def _window_entries(self) -> list[tuple[str, str]]:
        return list(zip(*(p.entries for p in self._window_parameters), strict=True))

    def _check_choice(self, name: str, choices: tuple[str, ...]) -> None:
        if getattr(self, name) not in choices:
            raise ModelError(f"{name}={getattr(self, name)!r} is none of: {', '.join(choices)}")


def stock_market(*, windows: Sequence[Sequence[int]] | None = None, windows_seed: int = 0,
                 n_technical: int = 5, **config: Any) -> StockMarket:
    """The stock market with these numbers of traders and options.

    Parameters
    ----------
    windows : sequence of (int, int), optional
        (l1, l2) of each technical trader, or one pair for all. Drawn once from {2..10} by
        `windows_seed` if not given (paper, section 4), and kept in the configuration.
    n_technical : int
    config
        The other fields of `StockMarket`: n_noise, n_fundamental, rule, signal_weights, per_agent,
        moving_average, negative_variance, mode ("auto", "agents" or "aggregate").

    Raises
    ------
    ParameterError, ModelError
        A count, a window or a choice that cannot be.
    """
    check_count("n_technical", n_technical)
    frozen = draw_windows(windows_seed, max(n_technical, 1)) if windows is None else window_pairs(windows)
    unknown = set(config) - {f.name for f in fields(StockMarket)}
    if unknown:
        raise ModelError(f"stock-market has no option {sorted(unknown)[0]!r}; it has: "
                         + ", ".join(f.name for f in fields(StockMarket)) + ", windows_seed")
    owned = config.pop("per_agent", ())  # a list, when it comes from a file
    owned = (owned,) if isinstance(owned, str) else tuple(owned)
    return StockMarket(windows=frozen, n_technical=n_technical, per_agent=owned, **config)


MODEL = stock_market
