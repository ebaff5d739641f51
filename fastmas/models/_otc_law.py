"""Closed forms of the over-the-counter market: how often clients trade, and the laws of the best quote and the cover.

With F and G the distribution functions of views and quotes, N dealers and buying clients, the best quote is the least
of N, the cover the second, and a client trades where the best is below her view: P = E[1 - (1 - G(V))^N].
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from fastmas.errors import ParameterError

FAR = 1e-14  # of probability beyond the ends of an integral, on each side


@dataclass(frozen=True)
class OtcLaw:
    """The law of a round, by SciPy's `gennorm` and quadrature; `OtcMarket.law` builds it.

    Quotes are half-spreads from the mid, as the model's observables are. Densities take arrays of any one shape and
    give that shape.
    """

    values: Mapping[str, float]
    n_dealers: int
    sign: int = 1  # -1 where clients sell: everything is the mirror image

    @cached_property
    def p_trade(self) -> float:
        """Probability that the client accepts the best quote."""
        from scipy.integrate import quad  # noqa: PLC0415

        law, middles = self._views, sorted(self.values[name] for name in ("mu_0", "mu_1"))
        low, high = (float(law.ppf(p)) for p in (FAR, 1.0 - FAR))
        points = [x for x in middles if low < x < high]
        return float(quad(lambda v: law.pdf(v) * self._best_below(v), low, high, points=points, limit=400,
                          epsabs=1e-11)[0])

    def best_density(self, quote: ArrayLike, traded: bool = False) -> np.ndarray:
        """Density of the best quote, of all rounds or of those that end with a trade."""
        x = self.sign * np.asarray(quote, dtype=np.float64)
        g, n = self._quotes, self.n_dealers
        found = n * g.pdf(x) * g.sf(x) ** (n - 1)
        return found * self._views.sf(x) / self.p_trade if traded else found

    def joint_density(self, quote: ArrayLike, cover: ArrayLike, traded: bool = False) -> np.ndarray:
        """Density of the best quote and the cover, of all rounds or of those that end with a trade.

        Raises
        ------
        ParameterError
            A single dealer has no cover.
        """
        return np.exp(self._log_joint(quote, cover, traded)) / (self.p_trade if traded else 1.0)

    def log_likelihood(self, outcome: ArrayLike, traded_price: ArrayLike, traded_cover: ArrayLike) -> np.ndarray:
        """Of each round, as its dealers see it: the two prices count where the outcome is 1."""
        traded = np.asarray(outcome, dtype=np.float64) > 0.5  # noqa: PLR2004  -- outcomes are 0 and 1
        price, cover = (np.asarray(x, dtype=np.float64) for x in (traded_price, traded_cover))
        found = np.full(traded.shape, np.log1p(-self.p_trade))
        found[traded] = self._log_joint(price[traded], cover[traded], True)
        return found

    def _log_joint(self, quote: ArrayLike, cover: ArrayLike, traded: bool) -> np.ndarray:
        if self.n_dealers < 2:  # noqa: PLR2004
            raise ParameterError(f"n_dealers={self.n_dealers}: a single dealer has no cover")
        x, y = (self.sign * np.asarray(one, dtype=np.float64) for one in (quote, cover))
        g, n = self._quotes, self.n_dealers
        found = np.log(n * (n - 1)) + g.logpdf(x) + g.logpdf(y) + (n - 2) * g.logsf(y)
        found = np.where(x <= y, found, -np.inf)
        return found + self._views.logsf(x) if traded else found

    def _best_below(self, x: Any) -> Any:
        return -np.expm1(self.n_dealers * self._quotes.logsf(x))

    @cached_property
    def _views(self) -> Any:
        return self._power_law("0")

    @cached_property
    def _quotes(self) -> Any:
        return self._power_law("1")

    def _power_law(self, which: str) -> Any:
        """The paper's exp(-|z|^alpha / alpha) / (c sigma): SciPy's scale holds alpha^(1 / alpha)."""
        from scipy.stats import gennorm  # noqa: PLC0415

        mu, sigma, alpha = (self.values[f"{name}_{which}"] for name in ("mu", "sigma", "alpha"))
        return gennorm(alpha, loc=mu, scale=sigma * alpha ** (1.0 / alpha))
