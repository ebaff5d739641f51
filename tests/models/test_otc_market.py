"""The over-the-counter market against order statistics, by numerical integration of exponential power densities."""

from __future__ import annotations

import numpy as np
import pytest
from laws import UNLIKELY, assert_threads_change_no_bit
from scipy.integrate import quad
from scipy.stats import gennorm, kstest

from fastmas import models
from fastmas.errors import ParameterError
from fastmas.simulate import simulate

N = 5
SEEN = ("outcome", "traded_price", "best_quote", "cover_price", "mid_price", "traded_cover", "gap", "seat",
        "seat_quote", "seat_cover")
# The defaults (a normal client, Laplace dealers), and shapes that no other law has.
THETAS = {
    "defaults": {"mu_0": 0.0, "sigma_0": 1.0, "alpha_0": 2.0, "mu_1": 0.5, "sigma_1": 0.5, "alpha_1": 1.0},
    "flat": {"mu_0": 0.2, "sigma_0": 0.7, "alpha_0": 4.0, "mu_1": 0.4, "sigma_1": 0.9, "alpha_1": 3.0},
    "peaked": {"mu_0": -0.4, "sigma_0": 0.8, "alpha_0": 0.6, "mu_1": 0.1, "sigma_1": 0.3, "alpha_1": 0.8},
}
SDS = 5.0


def law(theta, which: int):
    """The paper's density exp(-|z|^alpha / alpha) / (c sigma), as SciPy has it: its scale holds alpha^(1 / alpha)."""
    mu, sigma, alpha = (theta[f"{name}_{which}"] for name in ("mu", "sigma", "alpha"))
    return gennorm(alpha, loc=mu, scale=sigma * alpha ** (1 / alpha))


def integral(f, theta) -> float:
    points = [theta["mu_0"], theta["mu_1"]]
    return quad(f, -60, 60, points=points, limit=400, epsabs=1e-10)[0]


def market(theta, n_paths=50_000, **config) -> dict[str, np.ndarray]:
    """The fourth round of each path: rounds are alike."""
    return {name: simulate(models.otc_market(**config), theta, n_paths=n_paths, n_steps=4, warmup=4, seed=1,
                           observable=name)[:, 0].astype(np.float64) for name in SEEN}


def test_the_density_is_the_papers():
    """c = 2 alpha^(1/alpha - 1) Gamma(1/alpha): at the middle it is 1 / (c sigma)."""
    from math import gamma  # noqa: PLC0415

    for theta in THETAS.values():
        a = theta["alpha_1"]
        c = 2 * a ** (1 / a - 1) * gamma(1 / a)
        assert law(theta, 1).pdf(theta["mu_1"]) == pytest.approx(1 / (c * theta["sigma_1"]))


@pytest.mark.statistical
@pytest.mark.parametrize("case", THETAS)
def test_trades_and_quotes_are_those_of_order_statistics(case):
    """P(min O < V) = E[1 - (1 - G(V))^N] (.5912 by default), E[min O], E[second O], E[min O; trade] within 5 errors."""
    theta = THETAS[case]
    f, g = law(theta, 0), law(theta, 1)
    expected = {
        "outcome": integral(lambda v: f.pdf(v) * (1 - g.sf(v) ** N), theta),
        "traded_price": integral(lambda o: o * N * g.pdf(o) * g.sf(o) ** (N - 1) * f.sf(o), theta),
        "best_quote": integral(lambda o: o * N * g.pdf(o) * g.sf(o) ** (N - 1), theta),
        "cover_price": integral(lambda o: o * N * (N - 1) * g.pdf(o) * g.cdf(o) * g.sf(o) ** (N - 2), theta),
    }
    seen = market(theta)
    for name, value in expected.items():
        error = seen[name].std() / np.sqrt(len(seen[name]))
        assert abs(seen[name].mean() - value) < SDS * error, (name, seen[name].mean(), value)
    assert models.otc_market().law(theta).p_trade == pytest.approx(expected["outcome"], abs=1e-7)
    if case == "defaults":
        assert expected["outcome"] == pytest.approx(0.5912, abs=1e-4)


def cells(law, edges, traded: bool) -> np.ndarray:
    """Probabilities of (best, cover) in a grid of these edges, (k, k), by Gauss and Legendre in each cell."""
    x, w = np.polynomial.legendre.leggauss(12)
    low, half = edges[:-1, None], np.diff(edges)[:, None] / 2
    nodes, weights = (low + half * (x + 1)).ravel(), (half * w).ravel()
    joint = law.joint_density(nodes[:, None], nodes[None, :], traded) * np.outer(weights, weights)
    k = len(edges) - 1
    return joint.reshape(k, len(x), k, len(x)).sum(axis=(1, 3))


def worst_cell(seen, law, traded: bool) -> float:
    """The largest gap between a cell's frequency and its probability, in standard errors.

    Cells on the diagonal, in which the density breaks off, are left out; each other one expects 20 rounds or more.
    """
    kept = seen["outcome"] == 1 if traded else slice(None)
    edges = np.linspace(-2.0, 2.0, 17)
    counts = np.histogram2d(seen["best_quote"][kept], seen["cover_price"][kept], bins=[edges, edges])[0]
    n = len(seen["best_quote"][kept])
    p = np.triu(cells(law, edges, traded), 1)
    large = n * p > 20
    assert large.sum() > 10
    return float(np.max(np.abs(counts - n * p)[large] / np.sqrt(n * p * (1 - p))[large]))


@pytest.mark.statistical
@pytest.mark.parametrize("traded", [False, True])
@pytest.mark.parametrize("case", THETAS)
def test_best_and_cover_have_their_joint_law(case, traded):
    """Some 60 cells: all within 5 standard errors (one false alarm in 20,000 seeds). A sigma_1 that is 10% larger moves
    one by more than 5, and so does the law of all rounds where those with a trade are seen."""
    theta, seen, market_ = THETAS[case], market(THETAS[case]), models.otc_market()
    assert worst_cell(seen, market_.law(theta), traded) < SDS
    wrong = theta | {"sigma_1": 1.1 * theta["sigma_1"]}
    assert worst_cell(seen, market_.law(wrong), traded) > SDS
    if traded:
        chosen = {name: x[seen["outcome"] == 1] for name, x in seen.items()}
        assert worst_cell(chosen, market_.law(theta), False) > SDS


def test_densities_are_densities():
    law = models.otc_market().law(THETAS["flat"])
    for traded in (False, True):
        x = np.linspace(-3, 3, 2001)
        assert np.trapezoid(law.best_density(x, traded), x) == pytest.approx(1, abs=1e-4)
        joint = law.joint_density(x[:, None], x[None, :], traded)
        best = np.trapezoid(joint, x, axis=1)
        np.testing.assert_allclose(best[200:-200:100], law.best_density(x, traded)[200:-200:100], atol=0.02)
    mirror = models.otc_market(side="sell").law(THETAS["flat"])
    assert mirror.p_trade == law.p_trade
    assert mirror.best_density(-0.3) == law.best_density(0.3)
    with pytest.raises(ParameterError, match="single dealer"):
        models.otc_market(n_dealers=1).law().joint_density(0.0, 1.0)
    with pytest.raises(ParameterError, match="sigma_2"):
        models.otc_market().law({"sigma_2": 1.0})


@pytest.mark.statistical
def test_the_score_of_the_likelihood_has_mean_zero_at_the_truth():
    """In each parameter, within 5 standard errors of 50,000 rounds; 3% away from sigma_1 it has not."""
    theta, seen = THETAS["defaults"], market(THETAS["defaults"])

    def score(name, at):
        up, down = (models.otc_market().law(at | {name: at[name] + h}).log_likelihood(
            seen["outcome"], seen["traded_price"], seen["traded_cover"]) for h in (1e-3, -1e-3))
        slope = (up - down) / 2e-3
        return abs(slope.mean()) / (slope.std() / np.sqrt(len(slope)))

    assert max(score(name, theta) for name in theta) < SDS
    assert score("sigma_1", theta | {"sigma_1": 0.515}) > SDS


@pytest.mark.statistical
def test_a_seat_is_what_one_of_five_alike_is_told():
    """Each dealer is as likely to trade, and to be the cover: P / 5 each, within 5 errors, and the prices agree."""
    seen, law = market(THETAS["defaults"]), models.otc_market().law()
    for code, share in ((1, 0.2), (2, 0.6), (3, 0.2)):
        p = share * law.p_trade
        assert abs((seen["seat"] == code).mean() - p) < SDS * np.sqrt(p * (1 - p) / 50_000), code
    assert ((seen["seat"] == 0) == (seen["outcome"] == 0)).all()
    done, cover = seen["seat"] == 1, seen["seat"] == 3
    np.testing.assert_array_equal(seen["seat_quote"][done], seen["best_quote"][done])
    np.testing.assert_array_equal(seen["seat_quote"][cover], seen["cover_price"][cover])
    np.testing.assert_array_equal(seen["seat_cover"], np.where(done, seen["cover_price"], 0))
    np.testing.assert_array_equal(seen["traded_cover"], seen["outcome"] * seen["cover_price"])


@pytest.mark.statistical
@pytest.mark.parametrize("case", THETAS)
def test_best_and_second_quote_have_their_laws(case):
    """Kolmogorov and Smirnov: 1 - (1 - G)^N, and that plus N G (1 - G)^(N - 1) less it."""
    theta = THETAS[case]
    g, seen = law(theta, 1), market(theta)
    assert kstest(seen["best_quote"], lambda o: 1 - g.sf(o) ** N).pvalue > UNLIKELY
    assert kstest(seen["cover_price"], lambda o: 1 - g.sf(o) ** N - N * g.cdf(o) * g.sf(o) ** (N - 1)).pvalue > UNLIKELY
    assert kstest(seen["mid_price"], "uniform", (99, 2)).pvalue > UNLIKELY


def test_a_price_is_traded_where_there_is_a_trade():
    seen = market(THETAS["defaults"], n_paths=500)
    assert set(seen["outcome"]) == {0.0, 1.0}
    np.testing.assert_array_equal(seen["traded_price"], seen["outcome"] * seen["best_quote"])
    assert (seen["best_quote"] < seen["cover_price"]).all()


def test_selling_is_the_mirror_image():
    """On the same random numbers; in float64, so that decisions differ in few of 2,000 rounds."""
    sell = models.otc_market(side="sell")
    for name, sign in zip(SEEN, (1, -1, -1, -1, 1, -1, 1, 1, -1, -1), strict=True):
        a = simulate(models.otc_market(), n_paths=200, n_steps=10, seed=5, observable=name)
        b = simulate(sell, n_paths=200, n_steps=10, seed=5, observable=name, dtype="float64")
        assert (np.abs(a - sign * b) > 1e-3).sum() <= 3
        assert np.ptp(b) > 0
    assert_threads_change_no_bit(sell)


def test_a_market_without_dealers_is_refused():
    with pytest.raises(ParameterError, match="n_dealers=0"):
        models.otc_market(n_dealers=0)
