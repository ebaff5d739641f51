"""Stylised facts of returns, and whether a simulator reproduces those of the data.

Every fact maps returns of shape (n_paths, n) to one number per path, shape (n_paths,); a path on which a
fact is not defined (constant returns, say) gets NaN. The list follows Cont, "Empirical properties of asset
returns: stylized facts and statistical issues", Quantitative Finance 1 (2001) 223-236: "Cont (2001)" below.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from fastmas.errors import DataError

LEVEL = 0.9  # of every range and test here, two-sided
Z_LEVEL = 1.6448536269514722  # normal quantile at (1 + LEVEL) / 2
AGGREGATION = 5  # steps summed: a trading week of daily returns


def log_returns(prices: np.ndarray) -> np.ndarray:
    """Return log(P(t) / P(t-1)): prices of shape (..., n + 1) give (..., n).

    Raises
    ------
    DataError
        If a price is not finite and above 0, or there are fewer than 2.
    """
    prices = np.asarray(prices, dtype=np.float64)
    if prices.ndim == 0 or prices.shape[-1] < 2:
        raise DataError(f"log returns need at least 2 prices, got an array of shape {prices.shape}")
    bad = ~(np.isfinite(prices) & (prices > 0))
    if bad.any():
        at = tuple(int(i) for i in np.argwhere(bad)[0])
        raise DataError(f"log returns need prices above 0, got {prices[at]:g} at index {at}")
    return np.diff(np.log(prices), axis=-1)


def standard_deviation(returns: np.ndarray) -> np.ndarray:
    """Return the standard deviation of each path, with 1/n."""
    return np.sqrt(np.mean(_deviations(returns) ** 2, axis=1))


def skewness(returns: np.ndarray) -> np.ndarray:
    """Return m3 / m2^1.5 of each path."""
    return np.mean(_standardised(returns) ** 3, axis=1)


def excess_kurtosis(returns: np.ndarray) -> np.ndarray:
    """Return m4 / m2^2 - 3 of each path."""
    return np.mean(_standardised(returns) ** 4, axis=1) - 3.0


def hill_index(returns: np.ndarray) -> np.ndarray:
    """Return Hill's tail index of |r| over the k = n // 20 largest values (5%) of each path.

    alpha = 1 / mean(log(x_(i) / x_(k+1))), i = 1..k; its standard error is alpha / sqrt(k).
    """
    n = returns.shape[1]
    first = n - n // 20 - 1
    top = np.partition(np.abs(returns), first, axis=1)[:, first:]
    threshold = top[:, :1]
    ratios = _ratio(top[:, 1:], threshold)  # at least 1, or NaN where the threshold is 0
    return _ratio(np.ones(len(returns)), np.mean(np.log(ratios), axis=1))


def autocorrelation(series: np.ndarray, lags: Sequence[int]) -> np.ndarray:
    """Return the autocorrelations of each path, (n_paths, n) -> (n_paths, n_lags).

    Mean and variance are those of the full path, so values lie in [-1, 1] and have expectation
    about -1/n on independent data.
    """
    deviations = _deviations(series)
    total = np.sum(deviations**2, axis=1)
    products = [np.einsum("ij,ij->i", deviations[:, lag:], deviations[:, :-lag]) for lag in lags]
    return np.stack([_ratio(product, total) for product in products], axis=1)


def leverage(returns: np.ndarray) -> np.ndarray:
    """Return the correlation of r(t) with r(t+1)^2 on each path."""
    today = _standardised(returns[:, :-1])
    tomorrow = _standardised(returns[:, 1:] ** 2)
    return np.mean(today * tomorrow, axis=1)


def aggregational_gaussianity(returns: np.ndarray) -> np.ndarray:
    """Return the excess kurtosis of 5-step returns minus that of 1-step returns, on each path."""
    n_paths, n = returns.shape
    whole = returns[:, : n - n % AGGREGATION]
    sums = whole.reshape(n_paths, -1, AGGREGATION).sum(axis=2)
    return excess_kurtosis(sums) - excess_kurtosis(returns)


def gain_loss_asymmetry(returns: np.ndarray) -> np.ndarray:
    """Return (q95 + q05 - 2 median) / (q95 - q05) on each path: negative if losses are the larger."""
    low, middle, high = np.quantile(returns, [0.05, 0.5, 0.95], axis=1)
    return _ratio(high + low - 2.0 * middle, high - low)


@dataclass(frozen=True, kw_only=True)
class Fact:
    """One stylised fact.

    Parameters
    ----------
    name : str
        Key in `FACTS`.
    title : str
        Plain words for a table.
    function : callable
        Returns of shape (n_paths, n) to (n_paths,) float64; NaN where not defined.
    min_length : int
        Fewest returns per path on which the fact means something; below, it is left out.
    doc, source : str
        One line each: what real markets show, and where that or the estimator is from.
    """

    name: str
    title: str
    function: Callable[[np.ndarray], np.ndarray]
    min_length: int
    doc: str
    source: str


def _lag(lag: int, *, absolute: bool) -> Callable[[np.ndarray], np.ndarray]:
    def at_lag(returns: np.ndarray) -> np.ndarray:
        return autocorrelation(np.abs(returns) if absolute else returns, [lag])[:, 0]
    return at_lag


def _clustering(lag: int) -> Fact:
    steps = "step" if lag == 1 else "steps"
    return Fact(
        name=f"ac_abs_{lag}", title=f"autocorrelation of |returns|, {lag} {steps} apart",
        function=_lag(lag, absolute=True),
        min_length=max(20, 4 * lag),  # no lag beyond n/4: Box and Jenkins, section 2.1
        doc="Positive and slow to decay: volatility comes in clusters.",
        source="Cont (2001), facts 6 and 8")


_LIST = (
    Fact(name="sd", title="standard deviation of returns", function=standard_deviation, min_length=2,
         doc="The size of a typical move; a scale that every fit should meet.", source="definition"),
    Fact(name="skewness", title="skewness of returns", function=skewness, min_length=20,
         doc="Mostly negative on stock indices; one crash can decide it.", source="Cont (2001), fact 3"),
    Fact(name="excess_kurtosis", title="excess kurtosis of returns (normal: 0)", function=excess_kurtosis,
         min_length=20, doc="Positive: heavier tails than the normal law.", source="Cont (2001), fact 2"),
    Fact(name="hill_index", title="tail index of |returns|, largest 5% (Hill)", function=hill_index,
         min_length=200,  # k >= 10, a standard error of about a third
         doc="Between 2 and 5; the smaller, the heavier the tail.",
         source="Hill, Annals of Statistics 3 (1975) 1163-1174; Cont (2001), fact 2"),
    Fact(name="ac_1", title="autocorrelation of returns, 1 step apart", function=_lag(1, absolute=False),
         min_length=20, doc="About 0: the next return cannot be read off the last.",
         source="Cont (2001), fact 1"),
    _clustering(1), _clustering(10), _clustering(50),
    Fact(name="leverage", title="correlation of a return with the next squared return",
         function=leverage, min_length=20, doc="Negative: falls raise volatility.",
         source="Cont (2001), fact 9"),
    Fact(name="aggregational_gaussianity", title="excess kurtosis of 5-step returns minus 1-step",
         function=aggregational_gaussianity, min_length=100,  # 20 sums
         doc="Negative: returns over longer times are closer to normal.", source="Cont (2001), fact 4"),
    Fact(name="gain_loss_asymmetry", title="gain/loss asymmetry of the 5% and 95% quantiles",
         function=gain_loss_asymmetry, min_length=100,  # 5 returns beyond each quantile
         doc="Negative: large losses exceed large gains; unlike skewness, no single day decides it.",
         source="Hinkley, Biometrika 62 (1975) 101-111; Cont (2001), fact 3"),
)

FACTS: dict[str, Fact] = {fact.name: fact for fact in _LIST}


def compare(observed: np.ndarray, simulated: np.ndarray) -> list[dict[str, Any]]:
    """Compare one observed series with simulated series of the same length, fact by fact.

    Parameters
    ----------
    observed : (n,) returns
    simulated : (n_sim, n) returns
        With 19 or more series the range holds the observed value with probability 0.9 if the simulator is
        right; with fewer it is their full range, and the probability (n_sim - 1) / (n_sim + 1).

    Returns
    -------
    list of dict
        name, title, observed, simulated (the median), low and high (5% and 95% quantiles), reproduced
        (low <= observed <= high). Facts that need more data, or are not defined here, are left out.

    Raises
    ------
    DataError
        If a shape is wrong, a value is not finite, or there are fewer than 2 simulated series.
    """
    observed = np.asarray(observed)[None] if np.ndim(observed) == 1 else np.asarray(observed)
    if observed.ndim != 2 or len(observed) != 1:
        raise DataError(f"observed must be one series of shape (n,), got {observed.shape}; "
                        "use compare_paths for many")
    return _compare(observed, simulated, series_range)


def compare_paths(observed: np.ndarray, simulated: np.ndarray) -> list[dict[str, Any]]:
    """Compare the means over many independent paths, fact by fact, by a two-sample z test at 90%.

    Parameters
    ----------
    observed : (n_paths, n) returns
    simulated : (m, n) returns

    Returns
    -------
    list of dict
        As `compare`, with observed and simulated the means over paths, and low to high the range in which
        the observed mean lies with probability 0.9 if the simulator is right.

    Raises
    ------
    DataError
        If a shape is wrong, a value is not finite, or there are fewer than 2 paths on either side.
    """
    return _compare(observed, simulated, mean_range)


def series_range(observed: np.ndarray, simulated: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return median, 5% and 95% quantile of (n_sim, ...) over the first axis; `observed` is not used.

    Weibull's plotting positions i / (n_sim + 1) give a range whose coverage of one new series is exact.
    """
    low, middle, high = np.quantile(
        simulated, [(1 - LEVEL) / 2, 0.5, (1 + LEVEL) / 2], axis=0, method="weibull")
    return middle, low, high


def mean_range(observed: np.ndarray, simulated: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the mean of (m, ...) over the first axis and the 90% range of the mean of (n_paths, ...)."""
    middle = simulated.mean(axis=0)
    variance = observed.var(axis=0, ddof=1) / len(observed) + simulated.var(axis=0, ddof=1) / len(simulated)
    half = Z_LEVEL * np.sqrt(variance)
    return middle, middle - half, middle + half


_Range = Callable[[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray, np.ndarray]]


def _compare(observed: np.ndarray, simulated: np.ndarray, range_of: _Range) -> list[dict[str, Any]]:
    observed, simulated = _checked(observed, "observed"), _checked(simulated, "simulated")
    if observed.shape[1] != simulated.shape[1]:
        raise DataError(f"observed paths have {observed.shape[1]} returns and simulated ones "
                        f"{simulated.shape[1]}: give both the same length, since estimators depend on it")
    fewest = 2 if range_of is mean_range else 1
    if len(observed) < fewest or len(simulated) < 2:
        raise DataError(f"{len(observed)} observed and {len(simulated)} simulated paths are too few: "
                        f"need {fewest} and 2")
    rows = []
    for fact in FACTS.values():
        if observed.shape[1] >= fact.min_length:
            seen, made = _defined(fact, observed), _defined(fact, simulated)
            if len(seen) >= fewest and len(made) >= 2:
                rows.append(_row(fact, seen, made, range_of))
    return rows


def _row(fact: Fact, observed: np.ndarray, simulated: np.ndarray, range_of: _Range) -> dict[str, Any]:
    mean = float(observed.mean())
    middle, low, high = (float(value) for value in range_of(observed, simulated))
    return {"name": fact.name, "title": fact.title, "observed": mean, "simulated": middle,
            "low": low, "high": high, "reproduced": low <= mean <= high}


def _defined(fact: Fact, returns: np.ndarray) -> np.ndarray:
    values = fact.function(returns)
    return values[np.isfinite(values)]


def _checked(returns: np.ndarray, name: str) -> np.ndarray:
    returns = np.asarray(returns, dtype=np.float64)
    if returns.ndim != 2:
        raise DataError(f"{name} returns must have shape (n_paths, n), got {returns.shape}")
    bad = ~np.isfinite(returns)
    if bad.any():
        path, step = (int(i) for i in np.argwhere(bad)[0])
        raise DataError(f"{name} returns: {returns[path, step]} at path {path}, step {step}")
    return returns


def _deviations(series: np.ndarray) -> np.ndarray:
    """Return deviations from the path's mean, exactly 0 on a constant path (not rounding noise)."""
    constant = np.ptp(series, axis=1, keepdims=True) == 0
    return np.where(constant, 0.0, series - series.mean(axis=1, keepdims=True))


def _standardised(series: np.ndarray) -> np.ndarray:
    deviations = _deviations(series)
    return _ratio(deviations, np.sqrt(np.mean(deviations**2, axis=1, keepdims=True)))


def _ratio(top: np.ndarray, bottom: np.ndarray) -> np.ndarray:
    """Return top / bottom, NaN where bottom is not above 0."""
    return np.divide(top, bottom, out=np.full(np.shape(top), np.nan), where=bottom > 0)
