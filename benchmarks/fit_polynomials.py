"""Fit the coefficients of fastmas.random.normal and fastmas.random.functions; print errors.

Weighted minimax fits P(x)/Q(x), Q(0) = 1, by Lawson's iteration (least squares whose weights grow
where the error is large). Coefficients are rounded to float32 one after the other, lowest power
first, and the rest is fitted again, so that later coefficients absorb the rounding of earlier ones.

    python benchmarks/fit_polynomials.py
"""

from __future__ import annotations

import numpy as np
from scipy.special import erfinv, expit, ndtr, ndtri

from fastmas.random.functions import exp, log, sigmoid, tanh
from fastmas.random.normal import normal, normal_cdf

SWEEPS = 150


def lawson(x, target, weight, known, free):
    """Best free coefficients beside the known ones, and the largest weighted error.

    Coefficients are keyed (0, k) for x**k above the bar and (1, k) below it.
    """
    columns = np.stack([-target * x**k if below else x**k for below, k in free], axis=1)
    above = sum((c * x**k for (below, k), c in known.items() if not below), np.zeros_like(x))
    below_bar = 1.0 + sum((c * x**k for (below, k), c in known.items() if below), np.zeros_like(x))
    scale = np.abs(columns).max(axis=0)
    density, bar, best, best_error = np.full(len(x), 1.0 / len(x)), np.ones_like(x), {}, np.inf
    for _ in range(SWEEPS):
        root = np.sqrt(density) * weight / np.abs(bar)
        solution = np.linalg.lstsq(columns / scale * root[:, None],
                                   (target * below_bar - above) * root, rcond=1e-15)[0] / scale
        found = dict(zip(free, solution, strict=True))
        top = above + sum(c * x**k for (below, k), c in found.items() if not below)
        bar = below_bar + sum(c * x**k for (below, k), c in found.items() if below)
        error = np.abs(weight * (top / bar - target))
        if error.max() < best_error:
            best, best_error = found, error.max()
        density *= error / error.max() + 1e-3
        density /= density.sum()
    return best, best_error


def fit(name, x, target, weight, degrees):
    """Print float32 coefficients, highest power first, and the error before float32 evaluation.

    `degrees` are those above and below the bar; one alone stands for a polynomial.
    """
    free = sorted(((below, k) for below, degree in enumerate(degrees) for k in range(below, degree + 1)),
                  key=lambda key: (key[1], key[0]))
    known, error = {}, 0.0
    while free:
        best, error = lawson(x, target, weight, known, free)
        known[free[0]] = float(np.float32(best[free[0]]))
        free = free[1:]
    for below, label in enumerate(("above", "below")[:len(degrees)]):
        row = [f"{c:.9g}" for (b, _), c in sorted(known.items(), reverse=True) if b == below]
        print(f"{name}, {label}: {', '.join(row)}")
    print(f"{name}: weighted error {error:.2e}\n")


def inverse_normal():
    """a = -log(1 - v**2), z / v, v for v = 1 - 2u, where z is the normal quantile of 1 - u."""
    a = np.concatenate([np.linspace(1e-4, 1.0, 700), np.linspace(1.001, 20.85, 2500)])
    v = np.sqrt(-np.expm1(-a))
    tail = -ndtri(np.exp(-a) / (2.0 * (1.0 + v)))
    z = np.where(v < 0.9, np.sqrt(2.0) * erfinv(v), tail)
    return a, z / v, v


def log_weight(f):
    """How far an error in log(1 + f) moves z, at the worst exponent."""
    a, ratio, v = inverse_normal()
    slope = v * np.gradient(ratio, a)
    powers = np.arange(-30, 1)[:, None]
    minus_log = -np.log1p(f) - powers * np.log(2.0)
    return np.where(minus_log >= 0.0, np.interp(minus_log, a, slope), 0.0).max(axis=0)


def fit_all():
    """All fits, in the order of the modules."""
    f = np.linspace(np.sqrt(0.5) - 1.0, np.sqrt(2.0) - 1.0, 2001) + 1e-7
    fit("minus_log", f, np.log1p(f) / f, np.abs(f) * log_weight(f), (6,))
    a, ratio, v = inverse_normal()
    # Rounding errors grow with |z|: let the error of the approximation shrink there.
    fit("normal", a, ratio, v * (1.0 + ratio * v), (5, 5))
    x = np.linspace(0.002, 5.6, 2500)
    root = (2.0 * ndtr(-x)) ** 0.25
    fit("normal_cdf (x P + 1)", x, (root - 1.0) / x, 2.0 * x * root**3, (7,))
    fit("log", f, (np.log1p(f) - f) / f**2, f**2, (7,))
    r = np.linspace(-0.3467, 0.3467, 2001) + 1e-9
    fit("exp", r, (np.expm1(r) - r) / r**2, r**2 * np.exp(-r), (4,))


def largest_error(kernel, x, truth, unit=None):
    """Largest |kernel - truth| over x, in units of `unit`."""
    values = np.array([kernel(v) for v in x], dtype=np.float64)
    return np.max(np.abs(values - truth) / (1.0 if unit is None else unit))


def measure():
    """Errors of the kernels as they stand, against float64."""
    words = np.random.default_rng(1).integers(0, 2**32, 2**15, dtype=np.uint32)
    x = np.linspace(-8.0, 8.0, 2**15).astype(np.float32)
    x64 = x.astype(np.float64)
    wide = (x * np.float32(10.0)).astype(np.float32)
    wide64 = wide.astype(np.float64)
    positive = np.exp2(wide64).astype(np.float32)
    truth = np.log(positive.astype(np.float64))
    print("normal", largest_error(normal, words, ndtri((words | 1) / 2.0**32)))
    print("normal_cdf", largest_error(normal_cdf, x, ndtr(x64)))
    print("log, per max(1, |log x|)", largest_error(log, positive, truth, np.maximum(1.0, np.abs(truth))))
    print("exp, relative", largest_error(exp, wide, np.exp(wide64), np.exp(wide64)))
    print("tanh", largest_error(tanh, x, np.tanh(x64)))
    print("sigmoid, relative", largest_error(sigmoid, wide, expit(wide64), expit(wide64)))


if __name__ == "__main__":
    fit_all()
    measure()
