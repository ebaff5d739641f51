"""Requests for quotes: dealers' offers to a client, section 3.2 of the paper. A model in one file.

Each step is one auction: the middle price M is uniform, the client's value is M + half_spread x
(mu_0 + sigma_0 z), dealer i offers M + half_spread x (mu_1 + sigma_1 z_i), and the client takes the
lowest offer if it is below that value. The exponential power law of z, exp(-|z|^alpha / alpha), is
Laplace for alpha = 1 and normal for alpha = 2. At t = 0, before any auction, nothing is offered: 0.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from numpy import float32, int32, uint32

from fastmas.errors import ModelError
from fastmas.kernel import kernel
from fastmas.model import Kernels, Model, Observable
from fastmas.parameters import Parameter
from fastmas.random import draw_words, normal, uniform
from fastmas.random.functions import log

MU_0, SIGMA_0, MU_1, SIGMA_1, PRICE_LOW, PRICE_RANGE, HALF_SPREAD = range(7)
N_DEALERS = 0
BEST, COVER, ACCEPTED, MIDDLE, VALUE = range(5)
CLIENT_SLOT, DEALER_SLOT = 0, 1  # dealer i owns word i % 4 of slot DEALER_SLOT + i // 4
ONE, ZERO = float32(1.0), float32(0.0)
NO_OFFER = float32(3e38)


@kernel
def laplace(word):
    """Laplace of scale 1: the first bit is the sign, the others an exponential."""
    magnitude = -log(uniform(uint32(word << uint32(1))))
    return magnitude if int32(word) >= int32(0) else -magnitude


@kernel
def init(lanes, state, history, theta, integers):
    """No auction yet."""


def make_step(sample):
    """One auction whose views and offers have this law."""

    @kernel
    def step(t, lanes, state, words, history, address, theta, integers):
        best, cover, middle, value = state[BEST], state[COVER], state[MIDDLE], state[VALUE]
        draw_words(lanes, address, t, CLIENT_SLOT, words[0], words[1], words[2], words[3])
        for w in range(lanes):
            middle[w] = theta[PRICE_LOW, w] + theta[PRICE_RANGE, w] * uniform(words[0][w])
            view = theta[MU_0, w] + theta[SIGMA_0, w] * sample(words[1][w])
            value[w] = middle[w] + theta[HALF_SPREAD, w] * view
            best[w] = NO_OFFER
            cover[w] = NO_OFFER
        for i in range(integers[N_DEALERS]):
            if i % 4 == 0:
                draw_words(lanes, address, t, DEALER_SLOT + i // 4, words[0], words[1], words[2], words[3])
            word = words[i % 4]
            for w in range(lanes):
                quote = theta[MU_1, w] + theta[SIGMA_1, w] * sample(word[w])
                offer = middle[w] + theta[HALF_SPREAD, w] * quote
                cover[w] = min(cover[w], max(best[w], offer))
                best[w] = min(best[w], offer)
        for w in range(lanes):
            state[ACCEPTED][w] = ONE if best[w] < value[w] else ZERO

    return step


laplace_step = make_step(laplace)
normal_step = make_step(normal)
LAWS = {"laplace": Kernels(init, laplace_step), "normal": Kernels(init, normal_step)}


def _real(name: str, default: float, bounds: tuple[float, float], doc: str, **more: str) -> Parameter:
    return Parameter(name=name, default=default, low=bounds[0], high=bounds[1], doc=doc,
                     source="s. 3.2; value not given in the paper", **more)


@dataclass(frozen=True, kw_only=True)
class Rfq(Model):
    """Auctions whose views and offers follow this `law`: laplace or normal."""

    name: ClassVar[str] = "rfq"
    source: ClassVar[str] = "A GAN approach to calibrate multi-agent simulators, s. 3.2"
    n_state: ClassVar[int] = 5
    n_words: ClassVar[int] = 4
    observables: ClassVar[tuple[Observable, ...]] = (
        Observable("best_offer", BEST, "price units"),
        Observable("second_best_offer", COVER, "price units"),
        Observable("accepted", ACCEPTED),
    )
    parameters: ClassVar[tuple[Parameter, ...]] = (
        _real("mu_0", 0.0, (-3, 3), "client's mean view", unit="half spreads"),
        _real("sigma_0", 1.0, (0.05, 10), "scale of the client's view", unit="half spreads", scale="log"),
        _real("mu_1", 0.5, (-3, 3), "mean offer of a dealer", unit="half spreads"),
        _real("sigma_1", 0.5, (0.05, 10), "scale of a dealer's offer", unit="half spreads", scale="log"),
        _real("price_low", 95.0, (1, 1000), "lowest middle price", unit="price units"),
        _real("price_range", 10.0, (0.01, 100), "range of middle prices", unit="price units", scale="logit"),
        _real("half_spread", 0.25, (0.01, 10), "half the composite spread", unit="price units", scale="log"),
        Parameter(name="n_dealers", default=5, low=2, high=20, integer=True, doc="dealers asked"),
    )

    law: str = "laplace"

    def __post_init__(self) -> None:
        if self.law not in LAWS:
            raise ModelError(f"law={self.law!r} is none of: {', '.join(LAWS)}")

    @property
    def kernels(self) -> Kernels:
        return LAWS[self.law]


MODEL = Rfq
