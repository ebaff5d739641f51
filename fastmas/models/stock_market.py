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

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from functools import cached_property
from typing import Any, ClassVar

import numpy as np
from numpy import float32, int64

from fastmas.errors import ModelError, ParameterError
from fastmas.kernel import kernel
from fastmas.model import Kernels, Model, Observable
from fastmas.parameters import Parameter, is_whole, shown
from fastmas.random.normal import draw_normals
from fastmas.random.philox import draw_words
from fastmas.rules import fundamental, noise, technical
from fastmas.rules.value import SCHEMES, value_step, variance_step

# Rows of theta that every rule has; each type's own rows follow.
RHO, SD_PUBLIC, SD_INDIVIDUAL, SD_VIEW, MU1, V1, MU2, V2, PRICE_0, VALUE_0, VARIANCE_0, WIDTH = range(12)
N_COMMON = 12
# Entries of `integers`; the windows follow, all short ones first.
N_NOISE, N_TECHNICAL, N_FUNDAMENTAL, NOISE_STRIDE, NOISE_ROWS, TECHNICAL_STRIDE, WINDOW_STRIDE = range(7)
EXTRA_TERM, SCHEME, WINDOWS = 7, 8, 9
# Rows of the state.
PRICE, DEMAND_NOISE, DEMAND_TECHNICAL, DEMAND_FUNDAMENTAL, VALUE, VARIANCE, ROOT = range(7)
SIGNAL, SCRATCH, RATE = 7, 8, 9
PUBLIC_SLOT = 0
RUN_AWAY = float32(2.0**30)  # beyond it sums of 512 prices would leave the fixed point of `technical`
BEYOND = float32(np.inf)

MOST_AGENTS = 2**24  # float32 counts them exactly up to here
TINY_WEIGHT = 1e-12
DEFAULT_LONGEST_WINDOW = 10

_SECTION_4 = "s. 4"
_OPEN = "not given in the paper; see the module's docstring"
COMMON = (
    Parameter(name="rho", default=0.1, low=1e-3, high=0.5, scale="log",
              doc="price impact: largest proportional change of the price in a step", source=_OPEN),
    Parameter(name="sigma_public", default=1.0, low=0.01, high=100.0, scale="log",
              doc="sd of the public signal S", source=_SECTION_4),
    Parameter(name="sigma_individual", default=3.0, low=0.01, high=100.0, scale="log",
              doc="sd of the individual signals S_i", source=_SECTION_4),
    Parameter(name="sigma_fundamental", default=1.0, low=0.05, high=50.0, scale="log", unit="price units",
              doc="sd of a fundamental trader's view of the value", source=_OPEN),
    Parameter(name="mu1", default=100.0, low=1.0, high=1e4, scale="log", unit="price units",
              doc="mean of the fundamental value, eq. (7)", source=_SECTION_4),
    Parameter(name="v1", default=0.1, low=0.0, high=1.0, unit="per step",
              doc="mean reversion of the fundamental value, eq. (7)", source=_SECTION_4),
    Parameter(name="mu2", default=0.01, low=1e-6, high=25.0, scale="log", unit="price units^2",
              doc="mean of the value's variance, eq. (8)", source=_SECTION_4),
    Parameter(name="v2", default=0.1, low=0.0, high=1.0, unit="per step",
              doc="mean reversion of the value's variance, eq. (8)", source=_SECTION_4),
    Parameter(name="price_0", default=100.0, low=1.0, high=1e4, scale="log", unit="price units",
              doc="P(0)", source=_SECTION_4),
    Parameter(name="value_0", default=100.0, low=1.0, high=1e4, scale="log", unit="price units",
              doc="P*(0)", source=_SECTION_4),
    Parameter(name="variance_0", default=0.01, low=0.0, high=100.0, unit="price units^2",
              doc="sigma(0)", source=_SECTION_4),
)
TEMPERATURE = Parameter(name="temperature", default=1.0, low=1e-3, high=10.0, scale="log",
                        doc="width of the relaxed rules; exact as it goes to zero", source="this project")
KAPPA = Parameter(name="kappa", default=1.0, low=0.2, high=8.0, scale="log",
                  doc="|b|/|c|, weight of the public against the individual signal", source="eq. (3)")
B = Parameter(name="b", default=1.0, low=0.05, high=20.0, scale="log",
              doc="weight of the public signal; its sign is not identified", source="eq. (3)")
C = Parameter(name="c", default=1.0, low=0.05, high=20.0, scale="log",
              doc="weight of the individual signal; its sign is not identified", source="eq. (3)")
GAMMA = Parameter(name="gamma", default=2.0, low=0.5, high=8.0, scale="log", unit="price units",
                  doc="threshold of the technical traders", source="eq. (6); value " + _OPEN)
D = Parameter(name="d", default=0.5, low=0.01, high=10.0, scale="log", unit="per price unit",
              doc="sensitivity of the technical traders", source=_SECTION_4)


@kernel
def init(lanes, state, history, theta, integers):
    """P(0), P*(0), sigma(0); no price has been summed yet."""
    total = float32(integers[N_NOISE] + integers[N_TECHNICAL] + integers[N_FUNDAMENTAL])
    for w in range(lanes):
        state[PRICE][w] = theta[PRICE_0, w]
        state[VALUE][w] = theta[VALUE_0, w]
        state[VARIANCE][w] = theta[VARIANCE_0, w]
        state[ROOT][w] = np.sqrt(max(theta[VARIANCE_0, w], float32(0.0)))
        state[RATE][w] = theta[RHO, w] / total


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
                   N_COMMON, integers[N_NOISE], integers[NOISE_STRIDE], SD_INDIVIDUAL, WIDTH)

        for w in range(lanes):
            state[SIGNAL][w] = state[VALUE][w] - state[PRICE][w]
        fundamental_rule(t, lanes, state[SIGNAL], state[DEMAND_FUNDAMENTAL], scratch, words, address,
                         theta, integers[N_FUNDAMENTAL], SD_VIEW, WIDTH)

        for w in range(lanes):
            demand[w] = float32(0.0)
        n, mask, extra = integers[N_TECHNICAL], history.shape[0] - 1, integers[EXTRA_TERM]
        own = N_COMMON + integers[NOISE_ROWS]
        long_windows = WINDOWS + ((n - 1) * integers[WINDOW_STRIDE] + 1)
        for i in range(n):
            l1 = integers[WINDOWS + i * integers[WINDOW_STRIDE]]
            l2 = integers[long_windows + i * integers[WINDOW_STRIDE]]
            if t >= l2 + extra:
                technical.oscillator(t, lanes, history, mask, theta[PRICE_0], l1, l2, extra, scratch)
                technical_rule(lanes, scratch, demand, theta, own + i * integers[TECHNICAL_STRIDE], WIDTH)

        price, now, before = state[PRICE], t & mask, (t - 1) & mask
        for w in range(lanes):
            excess = state[DEMAND_NOISE][w] + demand[w] + state[DEMAND_FUNDAMENTAL][w]
            moved = price[w] + price[w] * (state[RATE][w] * excess)  # eq. (2)
            price[w] = moved if moved < RUN_AWAY else BEYOND
        for w in range(lanes):
            history[now, w] = history[before, w] + int64(
                (price[w] - theta[PRICE_0, w]) * technical.FIXED_POINT)

    return step


exact_step = make_step(noise.exact, technical.exact, fundamental.exact)
smoothed_step = make_step(noise.smoothed, technical.smoothed, fundamental.smoothed)
relaxed_step = make_step(noise.smoothed, technical.relaxed, fundamental.smoothed)

RULES = {
    "exact": Kernels(init, exact_step),
    "smoothed": Kernels(init, smoothed_step),
    "relaxed": Kernels(init, relaxed_step),
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
    names the parameters of which each agent has a value of its own.
    """

    name: ClassVar[str] = "stock-market"
    source: ClassVar[str] = (
        "A generative adversarial network approach to calibrate multi-agent simulators, s. 3.1")
    n_state: ClassVar[int] = 10
    n_words: ClassVar[int] = 5
    history_dtype: ClassVar[str] = "int64"
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

    def __post_init__(self) -> None:
        self._check_choice("rule", tuple(RULES))
        self._check_choice("signal_weights", ("ratio", "separate"))
        self._check_choice("moving_average", ("mean", "literal"))
        self._check_choice("negative_variance", SCHEMES)
        for name in ("n_noise", "n_technical", "n_fundamental"):
            _check_count(name, getattr(self, name))
        if self.n_noise + self.n_technical + self.n_fundamental == 0:
            raise ParameterError("a market with zero agents: give n_noise, n_technical or n_fundamental")
        self._check_windows()
        self._check_owned()

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
        return RULES[self.rule]

    @property
    def n_history(self) -> int:
        return 1 << (self._longest_window + 3).bit_length()

    @cached_property
    def parameters(self) -> tuple[Parameter, ...]:
        return (*COMMON, *self._temperature, *self._own_parameters(self.per_agent), *self._window_parameters)

    def default_free(self, regime: str) -> tuple[str, ...]:
        own = tuple(p.name for p in self._own_parameters(()))
        return own if regime == "paths" else (*own, "rho", "sigma_fundamental", "v1")

    def check(self, values: Mapping[str, float]) -> None:
        short = [v for k, v in values.items() if k.startswith("window_short")]
        long = [v for k, v in values.items() if k.startswith("window_long")]
        for l1, l2 in zip(short, long, strict=True):
            if l1 >= l2:
                raise ParameterError(f"window_short={l1:g} must be below window_long={l2:g}")

    def split(self, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        column = self._columns(values)
        own = self._noise_rows(column)
        reals = [values[:, :len(COMMON)], column.get("temperature", np.ones((len(values), 1))), own,
                 column["gamma" if self.rule != "smoothed" else "d"]]
        head = [self.n_noise, self.n_technical, self.n_fundamental, int(self._owned("kappa", "b")),
                own.shape[1], int(self._owned("gamma", "d")), int(len(self.windows) > 1),
                int(self.moving_average == "literal"), SCHEMES.index(self.negative_variance)]
        whole = [np.tile(head, (len(values), 1)), column["window_short"], column["window_long"]]
        return (np.ascontiguousarray(np.hstack(reals), dtype=np.float32),
                np.ascontiguousarray(np.rint(np.hstack(whole)), dtype=np.int64))

    def _columns(self, values: np.ndarray) -> dict[str, np.ndarray]:
        """The values of each parameter, (n_theta, 1 or its number of agents)."""
        counts = [1 if p.n_agents is None else p.n_agents for p in self.parameters]
        blocks = np.split(values, np.cumsum(counts)[:-1], axis=1)
        return {p.name: block for p, block in zip(self.parameters, blocks, strict=True)}

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
    def _longest_window(self) -> int:
        return max([DEFAULT_LONGEST_WINDOW, *(l2 for _, l2 in self.windows)])

    @property
    def _temperature(self) -> tuple[Parameter, ...]:
        return (TEMPERATURE,) if self.rule == "relaxed" else ()

    def _own_parameters(self, per_agent: tuple[str, ...]) -> tuple[Parameter, ...]:
        weights = (KAPPA,) if self.signal_weights == "ratio" else (B, C)
        chosen = (*weights, D if self.rule == "smoothed" else GAMMA)
        count = {"kappa": self.n_noise, "b": self.n_noise, "c": self.n_noise}
        return tuple(
            replace(p, n_agents=count.get(p.name, self.n_technical)) if p.name in per_agent else p
            for p in chosen)

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
        moving_average, negative_variance.

    Raises
    ------
    ParameterError, ModelError
        A count, a window or a choice that cannot be.
    """
    _check_count("n_technical", n_technical)
    frozen = _draw_windows(windows_seed, max(n_technical, 1)) if windows is None else _pairs(windows)
    unknown = set(config) - {f.name for f in fields(StockMarket)}
    if unknown:
        raise ModelError(f"stock-market has no option {sorted(unknown)[0]!r}; it has: "
                         + ", ".join(f.name for f in fields(StockMarket)) + ", windows_seed")
    owned = config.pop("per_agent", ())  # a list, when it comes from a file
    owned = (owned,) if isinstance(owned, str) else tuple(owned)
    return StockMarket(windows=frozen, n_technical=n_technical, per_agent=owned, **config)


def _draw_windows(seed: int, n: int) -> tuple[tuple[int, int], ...]:
    """Pairs (l1, l2) of n traders, drawn from {2..10} by this seed.

    Raises
    ------
    ParameterError
        If the seed is not a whole number in [0, 2**32).
    """
    if not is_whole(seed) or not 0 <= seed < 2**32:
        raise ParameterError(f"windows_seed={shown(seed)}: give a whole number in [0, 2**32)")
    rng = np.random.Generator(np.random.Philox(key=int(seed)))
    pairs = [sorted(rng.choice(np.arange(2, 11), size=2, replace=False)) for _ in range(n)]
    return tuple((int(l1), int(l2)) for l1, l2 in pairs)


def _check_count(name: str, count: Any) -> None:
    """Raise ParameterError unless `count` is a number of traders."""
    if isinstance(count, bool) or not isinstance(count, (int, np.integer)) or count < 0:
        raise ParameterError(f"{name}={shown(count)}: give a whole number of traders, 0 or more")
    if count > MOST_AGENTS:
        raise ParameterError(f"{name}={count}: at most {MOST_AGENTS} traders of a type")


def _pairs(windows: Any) -> tuple[tuple[int, int], ...]:
    """Windows as pairs of whole numbers."""
    pairs = list(windows) if isinstance(windows, Iterable) and not isinstance(windows, str) else [windows]
    for pair in pairs:
        if not (hasattr(pair, "__len__") and len(pair) == 2 and all(is_whole(length) for length in pair)):
            raise ParameterError(
                f"windows={shown(pair)}: give pairs of whole numbers, as [(2, 6), (3, 9)] in Python "
                "or windows=2:6,3:9 on the command line")
    return tuple((int(l1), int(l2)) for l1, l2 in pairs)


MODEL = stock_market
