"""Stylised facts of returns, and whether a simulator reproduces those of the data.

Every fact maps returns of shape (n_paths, n) to one number per path, shape (n_paths,); a path on which a
fact is not defined (constant returns, say) gets NaN. The list follows Cont, "Empirical properties of asset
returns: stylized facts and statistical issues", Quantitative Finance 1 (2001) 223-236: "Cont (2001)" below.
A band is where the literature puts daily returns; where it gives no figure, it is the range over nine daily series that
were measured with these estimators ("nine series", docs/facts.md).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from fastmas.errors import DataError
from fastmas.statistics import library_facts
from fastmas.statistics.long_memory import decay_exponent, fluctuation_exponent
from fastmas.statistics.waiting import usual_wait

LEVEL = 0.9  # of every range and test here, two-sided
Z_LEVEL = 1.6448536269514722  # normal quantile at (1 + LEVEL) / 2
AGGREGATION = 5  # steps summed: a trading week of daily returns
DECAY_LAGS = range(1, 101)
LJUNG_BOX_LAGS = 20
MOVE = 0.05  # of the price, that is waited for
INFINITY = float("inf")


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


def leverage_function(returns: np.ndarray) -> np.ndarray:
    """Return E[r(t) r(t+1)^2] / E[r^2]^2 of each path, returns less their mean, in 1 / return."""
    centred = _deviations(returns)
    square = np.mean(centred**2, axis=1)
    return _ratio(np.mean(centred[:, :-1] * centred[:, 1:] ** 2, axis=1), square**2)


def ljung_box(series: np.ndarray) -> np.ndarray:
    """Return Ljung and Box's Q of 20 lags of each path: chi-square with 20 degrees where values are independent."""
    n = series.shape[1]
    lags = np.arange(1, LJUNG_BOX_LAGS + 1)
    return n * (n + 2) * (autocorrelation(series, lags.tolist()) ** 2 / (n - lags)).sum(axis=1)


def summed(returns: np.ndarray, steps: int) -> np.ndarray:
    """Returns over so many steps that do not overlap, (n_paths, n) to (n_paths, n // steps)."""
    n_paths, n = returns.shape
    return returns[:, : n - n % steps].reshape(n_paths, -1, steps).sum(axis=2)


def aggregational_gaussianity(returns: np.ndarray) -> np.ndarray:
    """Return the excess kurtosis of 5-step returns minus that of 1-step returns, on each path."""
    return excess_kurtosis(summed(returns, AGGREGATION)) - excess_kurtosis(returns)


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
    band : (low, high), optional
        Where daily returns of real markets lie; an end may be infinite.
    band_source : str
        Whose figure that is.
    needs : str
        The package that computes it, without which it is left out; calibrations do not compare it.
    """

    name: str
    title: str
    function: Callable[[np.ndarray], np.ndarray]
    min_length: int
    doc: str
    source: str
    band: tuple[float, float] | None = None
    band_source: str = ""
    needs: str = ""


def _lag(lag: int, *, absolute: bool) -> Callable[[np.ndarray], np.ndarray]:
    def at_lag(returns: np.ndarray) -> np.ndarray:
        return autocorrelation(np.abs(returns) if absolute else returns, [lag])[:, 0]
    return at_lag


def _clustering(lag: int, low: float, high: float) -> Fact:
    steps = "step" if lag == 1 else "steps"
    return Fact(
        name=f"ac_abs_{lag}", title=f"autocorrelation of |returns|, {lag} {steps} apart",
        function=_lag(lag, absolute=True),
        min_length=max(20, 4 * lag),  # no lag beyond n/4: Box and Jenkins, section 2.1
        doc="Positive and slow to decay: volatility comes in clusters.",
        source="Cont (2001), facts 6 and 8", band=(low, high), band_source=NINE)


def _kurtosis_over(steps: int, low: float, high: float) -> Fact:
    return Fact(
        name=f"excess_kurtosis_{steps}", title=f"excess kurtosis of {steps}-step returns",
        function=lambda returns: excess_kurtosis(summed(returns, steps)), min_length=20 * steps,  # 20 sums
        doc="Above 0, and on the whole the smaller the longer the time.", source="Cont (2001), fact 4",
        band=(low, high), band_source=NINE)


def _wait(name: str, what: str, level: float, low: float, high: float) -> Fact:
    return Fact(
        name=name, title=f"usual wait for a {what} of {MOVE:.0%}, steps",
        function=lambda returns: usual_wait(returns, level), min_length=1000,
        doc="Losses of stock indices come sooner than gains.",
        source="Jensen, Johansen and Simonsen, Physica A 324 (2003) 338-343", band=(low, high), band_source=NINE)


CONT, NINE = "Cont (2001)", "nine series"
_LIST = (
    Fact(name="sd", title="standard deviation of returns", function=standard_deviation, min_length=2,
         doc="The size of a typical move; a scale that every fit should meet.", source="definition"),
    Fact(name="skewness", title="skewness of returns", function=skewness, min_length=20,
         doc="Mostly negative on stock indices; one crash can decide it.", source="Cont (2001), fact 3",
         band=(-1.8, 0.5), band_source=NINE),
    Fact(name="excess_kurtosis", title="excess kurtosis of returns (normal: 0)", function=excess_kurtosis,
         min_length=20, doc="Positive: heavier tails than the normal law.", source="Cont (2001), fact 2",
         band=(3.9, 40.0), band_source=NINE),
    _kurtosis_over(5, 1.4, 9.3), _kurtosis_over(20, -0.3, 6.7), _kurtosis_over(60, 0.2, 5.0),
    Fact(name="hill_index", title="tail index of |returns|, largest 5% (Hill)", function=hill_index,
         min_length=200,  # k >= 10, a standard error of about a third
         doc="Between 2 and 5; the smaller, the heavier the tail.",
         source="Hill, Annals of Statistics 3 (1975) 1163-1174; Cont (2001), fact 2", band=(2.0, 5.0),
         band_source=CONT),
    Fact(name="ac_1", title="autocorrelation of returns, 1 step apart", function=_lag(1, absolute=False),
         min_length=20, doc="About 0: the next return cannot be read off the last.",
         source="Cont (2001), fact 1", band=(-0.08, 0.03), band_source=NINE),
    _clustering(1, 0.15, 0.32), _clustering(10, 0.15, 0.31), _clustering(50, 0.06, 0.22), _clustering(100, 0.0, 0.19),
    Fact(name="ac_abs_decay", title="exponent of its decay, lags 1 to 100",
         function=lambda returns: decay_exponent(autocorrelation(np.abs(returns), DECAY_LAGS)), min_length=400,
         doc="A power of the lag, 0.2 to 0.4: memory of volatility is long.", source="Cont (2001), fact 8",
         band=(0.2, 0.4), band_source=CONT),
    Fact(name="ljung_box", title="Ljung-Box Q of squared returns, 20 lags",
         function=lambda returns: ljung_box(returns**2), min_length=100,
         doc="Far above 31.4, the 95% point where returns are independent; grows with the number of returns.",
         source="Ljung and Box, Biometrika 65 (1978) 297-303", band=(31.4, INFINITY),
         band_source="chi-square, 20 degrees"),
    Fact(name="fluctuations", title="fluctuation exponent of returns (DFA)", function=fluctuation_exponent,
         min_length=200, doc="About 1/2: signs have no memory.",
         source="Peng et al., Physical Review E 49 (1994) 1685-1689", band=(0.39, 0.54), band_source=NINE),
    Fact(name="fluctuations_abs", title="fluctuation exponent of |returns| (DFA)",
         function=lambda returns: fluctuation_exponent(np.abs(returns)), min_length=200,
         doc="Well above 1/2: sizes have a long one.",
         source="Peng et al., Physical Review E 49 (1994) 1685-1689", band=(0.8, 0.95), band_source=NINE),
    Fact(name="leverage", title="correlation of a return with the next squared return",
         function=leverage, min_length=20, doc="Negative: falls raise volatility.",
         source="Cont (2001), fact 9", band=(-0.13, 0.03), band_source=NINE),
    Fact(name="leverage_function", title="leverage function L(1), per unit of return", function=leverage_function,
         min_length=20, doc="Negative: the same in units that do not depend on tails.",
         source="Bouchaud, Matacz and Potters, Physical Review Letters 87 (2001) 228701", band=(-54.0, 5.0),
         band_source=NINE),
    Fact(name="aggregational_gaussianity", title="excess kurtosis of 5-step returns minus 1-step",
         function=aggregational_gaussianity, min_length=100,  # 20 sums
         doc="Negative: returns over longer times are closer to normal.", source="Cont (2001), fact 4",
         band=(-INFINITY, 0.0), band_source=CONT),
    Fact(name="gain_loss_asymmetry", title="gain/loss asymmetry of the 5% and 95% quantiles",
         function=gain_loss_asymmetry, min_length=100,  # 5 returns beyond each quantile
         doc="Negative: large losses exceed large gains; unlike skewness, no single day decides it.",
         source="Hinkley, Biometrika 62 (1975) 101-111; Cont (2001), fact 3", band=(-INFINITY, 0.0), band_source=CONT),
    _wait("wait_gain", "gain", float(np.log1p(MOVE)), 4.0, 32.0),
    _wait("wait_loss", "loss", float(np.log1p(-MOVE)), 3.0, 25.0),
    Fact(name="variance_ratio", title="variance ratio, 20 steps", min_length=400,
         function=library_facts.variance_ratio, doc="About 1: what has come is not taken back, nor gone on with.",
         source="Lo and MacKinlay, Review of Financial Studies 1 (1988) 41-66", needs="arch"),
    Fact(name="garch_persistence", title="alpha + beta of a GARCH(1,1), by likelihood", min_length=500,
         function=library_facts.garch_persistence, doc="Just below 1.",
         source="Bollerslev, Journal of Econometrics 31 (1986) 307-327", band=(0.95, 1.0),
         band_source="Engle and Bollerslev, Econometric Reviews 5 (1986) 1-50", needs="arch"),
    Fact(name="conditional_kurtosis", title="excess kurtosis of its residuals", min_length=500,
         function=library_facts.residual_kurtosis, doc="Above 0, and far less than before: tails stay heavy.",
         source="Cont (2001), fact 7", band=(0.0, INFINITY), band_source=CONT, needs="arch"),
    Fact(name="unit_root", title="p-value of a unit root in log prices", min_length=100,
         function=library_facts.unit_root, doc="Above .05: prices wander.",
         source="Dickey and Fuller, J. American Statistical Association 74 (1979) 427-431", band=(0.05, 1.0),
         band_source="level of the test", needs="statsmodels"),
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
        if observed.shape[1] >= fact.min_length and not fact.needs:
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
