"""Facts that a library computes: arch and statsmodels, the extra `baselines`; returns (n_paths, n) to (n_paths,)."""

# ruff: noqa: PLC0415  -- they are extra, and slow to import

from __future__ import annotations

import importlib.util
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

INSTALL = 'pip install "fastmas[baselines]"'
RATIO_STEPS = 20
PERCENT = 100.0  # arch fits best near this scale


def is_there(package: str) -> bool:
    """Whether a package is installed; nothing is imported."""
    return importlib.util.find_spec(package) is not None


def variance_ratio(returns: np.ndarray) -> np.ndarray:
    """Return the variance of 20-step returns over 20 times that of 1-step ones."""
    from arch.unitroot import VarianceRatio

    return _each(lambda r: float(VarianceRatio(_log_prices(r), lags=RATIO_STEPS).vr), returns)


def garch_persistence(returns: np.ndarray) -> np.ndarray:
    """Return alpha + beta of a GARCH(1,1) with normal shocks and a constant mean."""
    return _each(lambda r: float(garch_fit(r).params[["alpha[1]", "beta[1]"]].sum()), returns)


def residual_kurtosis(returns: np.ndarray) -> np.ndarray:
    """Return the excess kurtosis of the standardised residuals of that GARCH."""
    from scipy.stats import kurtosis

    return _each(lambda r: float(kurtosis(garch_fit(r).std_resid)), returns)


def unit_root(returns: np.ndarray) -> np.ndarray:
    """Return the p-value of the augmented Dickey-Fuller test of the log price, lags chosen by AIC."""
    from statsmodels.tsa.stattools import adfuller

    def p_value(r: np.ndarray) -> float:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)  # of the form that its result will have one day
            return float(adfuller(_log_prices(r))[1])

    return _each(p_value, returns)


def garch_fit(returns: np.ndarray) -> Any:
    """arch's fit by likelihood to returns (n,), which it sees in percent; its result."""
    from arch import arch_model

    return arch_model(PERCENT * returns, mean="Constant", vol="GARCH", p=1, q=1, rescale=False).fit(
        disp="off", show_warning=False)


def _log_prices(returns: np.ndarray) -> np.ndarray:
    return np.concatenate([[0.0], np.cumsum(returns)])


def _each(of: Callable[[np.ndarray], float], returns: np.ndarray) -> np.ndarray:
    """One number for each path, NaN for one that does not move."""
    return np.array([of(path) if np.ptp(path) > 0 else np.nan for path in returns])
