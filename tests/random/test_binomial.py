"""Binomial numbers: their law against scipy, their addresses against an oracle, their ends."""

import math

import numpy as np
import pytest
from scipy import stats
from test_philox import address_of, plain

from fastmas.random import ROWS, binomial, binomial_below, count_below, draw_binomial, draw_words, number_of
from fastmas.random.binomial import exp, log1p, margin, unit
from fastmas.random.binomial_lanes import N_WORDS

LANES, STEPS = 2**10, 128
N_DRAWS = LANES * STEPS
# Both sides of n * min(p, 1 - p) = 10, p above 1/2, and n from 1 to 10**9.
GRID = [
    (1, 0.3), (15, 0.5), (40, 0.24), (40, 0.26), (1000, 0.0099), (1000, 0.0101), (10**6, 5e-6),
    (100, 0.5), (1000, 0.3), (1000, 0.7), (40, 0.76), (30, 0.95), (10**5, 0.4), (10**9, 5e-9),
    (10**9, 0.5), (10**9, 0.9999),
]
# 20 chi-square tests and 6 z-scores with a true null: one in 10**5 each makes a false alarm in all of
# them less likely than 3e-4. Seeds are fixed: a test that passes once always passes.
LEVEL = 1e-5
N_ORACLE, ORACLE_T, ORACLE_SLOT = 20_000, 7, 12345


def draws(n, p, seed=5, dtype=np.int64):
    """N_DRAWS numbers, from LANES paths and STEPS steps."""
    address, probability = address_of(range(LANES), seed, run=3), np.full(LANES, p)
    out = np.empty((STEPS, LANES), dtype=dtype)
    for t in range(STEPS):
        draw_binomial(LANES, address, t, 11, n, probability, out[t])
    return out.ravel()


def chi_square_level(sample, n, p):
    """P value of the sample under Binomial(n, p), in up to 66 cells of about equal probability."""
    law = stats.binom(n, p)
    edges = np.unique(law.ppf(np.concatenate([[1e-3], np.arange(1, 64) / 64, [1 - 1e-3]])))
    edges = edges[edges < n]
    expected = np.diff(law.cdf(edges), prepend=0.0, append=1.0) * sample.size
    observed = np.bincount(np.searchsorted(edges, sample), minlength=edges.size + 1)
    # Rare first and last cells join their neighbours: chi-square needs a handful expected.
    while expected[-1] < 10:
        expected = np.append(expected[:-2], expected[-2:].sum())
        observed = np.append(observed[:-2], observed[-2:].sum())
    while expected[0] < 10:
        expected = np.append(expected[:2].sum(), expected[2:])
        observed = np.append(observed[:2].sum(), observed[2:])
    return stats.chi2.sf(np.sum((observed - expected) ** 2 / expected), expected.size - 1)


@pytest.mark.statistical
@pytest.mark.parametrize(("n", "p"), GRID)
def test_law(n, p):
    sample = draws(n, p)
    assert sample.min() >= 0
    assert sample.max() <= n
    assert chi_square_level(sample, n, p) > LEVEL


@pytest.mark.statistical
@pytest.mark.parametrize(("n", "p", "shift"), [(1000, 0.3, 5e-4), (15, 0.5, 5e-3), (10**9, 0.5, 1e-6)])
def test_law_catches_a_small_shift_of_p(n, p, shift):
    # The shift moves the mean by shift * sqrt(n / (p q)) = 0.03 to 0.06 standard deviations: a
    # noncentrality of at least 2**17 * 0.03**2 = 130, where 64 degrees of freedom need about
    # 4.3 * sqrt(2 * 64) = 50 for the level and as much again to be sure of passing it.
    assert chi_square_level(draws(n, p + shift), n, p) < LEVEL


@pytest.mark.statistical
@pytest.mark.parametrize("p", [1e-7, 0.3, 0.75])
def test_mean_and_variance_of_a_billion(p):
    n = 10**9
    sample = draws(n, p, seed=6).astype(np.float64) - n * p
    variance = n * p * (1 - p)
    z_limit = stats.norm.isf(LEVEL / 2)
    assert abs(sample.mean()) / math.sqrt(variance / N_DRAWS) < z_limit
    assert abs(sample.var() / variance - 1) / math.sqrt(2 / N_DRAWS) < z_limit


@pytest.mark.statistical
@pytest.mark.parametrize("p", [0.25, 0.7])
def test_counting_agents_has_the_same_law(p):
    n, limits = 100, np.full(LANES, p * 2**32, dtype=np.uint32)
    address, count = address_of(range(LANES), seed=7), np.zeros((STEPS, LANES), dtype=np.float32)
    words = tuple(np.empty(LANES, dtype=np.uint32) for _ in range(ROWS))
    for t in range(STEPS):
        count_below(LANES, address, t, 0, n, limits, words, count[t])
    assert chi_square_level(count.ravel(), n, limits[0] / 2**32) > LEVEL
    assert chi_square_level(draws(n, limits[0] / 2**32), n, p) > LEVEL


def units(address, slot):
    """Two uniforms of 52 bits from the four words of each lane."""
    words = [np.empty(len(address[0]), dtype=np.uint32) for _ in range(4)]
    draw_words(len(address[0]), address, ORACLE_T, slot, *words)
    words = [word.astype(np.uint64) for word in words]
    return [((words[i] << np.uint64(20) | words[i + 1] >> np.uint64(12)) + 0.5) / 2**52 for i in (0, 2)]


def by_inversion(address, n, p):
    """The quantiles of scipy, of p above 1/2 from the other end."""
    u, _ = units(address, ORACLE_SLOT)
    return stats.binom(n, p).ppf(u) if p <= 0.5 else n - stats.binom(n, 1 - p).ppf(1 - u)


def by_rejection(address, n, p):
    """BTRS without its squeeze and with the probabilities of scipy."""
    rare, sign = min(p, 1 - p), 1 if p <= 0.5 else -1
    law = stats.binom(n, rare)
    spread = math.sqrt(n * rare * (1 - rare))
    b = 1.15 + 2.53 * spread
    a, alpha = -0.0873 + 0.0248 * b + 0.01 * rare, (2.83 + 5.1 / b) * spread
    top = law.logpmf(math.floor((n + 1) * rare))
    found = np.full(len(address[0]), -1.0)
    for trial in range(64):
        u, v = units(address, ORACLE_SLOT + trial * 2**26)
        edge = 0.5 - np.abs(u - 0.5)
        k = np.floor((2 * a / edge + b) * sign * (u - 0.5) + n * rare + 0.5)
        fits = np.log(v * alpha / (a / edge**2 + b)) <= law.logpmf(k) - top
        found = np.where((found < 0) & fits, k, found)
    return found if p <= 0.5 else n - found


@pytest.mark.parametrize(("n", "p"), [(1, 0.4), (15, 0.5), (20, 0.8), (500, 0.01), (10**9, 9.9e-9)])
def test_numbers_by_inversion(n, p):
    address, count = address_of(range(N_ORACLE), seed=2**32 - 9), np.empty(N_ORACLE)
    draw_binomial(N_ORACLE, address, ORACLE_T, ORACLE_SLOT, n, np.full(N_ORACLE, p), count)
    np.testing.assert_array_equal(count, by_inversion(address, n, p))


@pytest.mark.parametrize(("n", "p"), [(40, 0.26), (40, 0.7), (10**6, 2e-5), (3000, 0.2), (10**5, 0.5)])
def test_numbers_by_rejection(n, p):
    address, count = address_of(range(N_ORACLE), seed=2**32 - 9), np.empty(N_ORACLE)
    draw_binomial(N_ORACLE, address, ORACLE_T, ORACLE_SLOT, n, np.full(N_ORACLE, p), count)
    np.testing.assert_array_equal(count, by_rejection(address, n, p))


@pytest.mark.parametrize(("n", "p"), [(21, 0.5), (1000, 0.01), (10**5, 0.3), (10**9, 1e-8), (10**9, 0.5)])
def test_log_ratio_of_probabilities(n, p):
    mode = math.floor((n + 1) * p)
    wide = min(2000, math.ceil(4 * math.sqrt(n * p)))
    for k in {max(0, mode - wide), max(0, mode - 3), mode, mode + 3, min(n, mode + wide)}:
        # P(j + 1) / P(j) = (n - j) p / ((j + 1) (1 - p)).
        low, high = min(k, mode), max(k, mode)
        steps = math.fsum(math.log((n - j) * p / ((j + 1) * (1 - p))) for j in range(low, high))
        expected = steps if k >= mode else -steps
        for height in (1.0, 0.7, 1e-9):
            found = margin(float(n), p, float(k), height) + math.log(height)
            assert found == pytest.approx(expected, rel=1e-11, abs=1e-11)


def test_logarithm_and_exponential():
    x = np.concatenate([-np.geomspace(1e-300, 1 - 1e-9, 2000), np.geomspace(1e-300, 1e9, 2000)])
    found = np.array([log1p(f) for f in x])
    np.testing.assert_allclose(found, np.log1p(x), rtol=4e-14)
    x = np.linspace(-20, 20, 2001)
    np.testing.assert_allclose([exp(y) for y in x], np.exp(x), rtol=1e-14)


def test_unit_is_the_middle_of_its_cell():
    words = np.random.default_rng(40).integers(0, 2**32, (100, 2)).tolist() + [[0, 0], [2**32 - 1] * 2]
    for high, low in words:
        u = ((high << 20 | low >> 12) + 0.5) / 2**52
        # The upper halves of the carriers of Philox words hold anything.
        assert unit(np.uint64(high + 2**40), np.uint64(low + 2**50)) == u
        assert 0.0 < u < 1.0
        assert 1.0 - (1.0 - u) == u


def test_ends():
    address = address_of(range(4))
    for n, p, expected in [(0, 0.5, 0), (50, 0.0, 0), (50, 1.0, 50), (10**9, 1.0, 10**9), (50, math.nan, 0),
                           (-1, 0.5, 0), (50, -0.1, 0), (50, 1.1, 50)]:
        assert [binomial(w, address, 0, 0, n, p) for w in range(4)] == [expected] * 4
    tiny = np.finfo(np.float64).tiny
    assert binomial(0, address, 0, 0, 10**9, tiny) == 0
    assert binomial(0, address, 0, 0, 10**9, 1.0 - 2.0**-53) == 10**9


def test_more_chance_never_means_fewer():
    address = address_of(range(50), seed=8)
    chances = np.linspace(0.01, 0.99, 99)
    numbers = np.array([[binomial(w, address, 0, 0, 15, p) for p in chances] for w in range(50)])
    assert (np.diff(numbers, axis=1) >= 0).all()


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int64])
def test_lane_arrays_of_every_type_hold_the_count(dtype):
    np.testing.assert_array_equal(draws(1000, 0.3, dtype=dtype), draws(1000, 0.3))


def test_a_float32_probability_is_taken_as_it_is():
    address = address_of(range(8))
    p = np.float32(0.1)
    for n in (20, 10**9):
        count = np.empty(8, dtype=np.int64)
        draw_binomial(8, address, 1, 2, n, np.full(8, p), count)
        assert count.tolist() == [binomial(w, address, 1, 2, n, float(p)) for w in range(8)]


# -- many lanes side by side --------------------------------------------------------------------------


def below(lanes, n, limits, t=5, slot=6, seed=2**32 - 1):
    """Numbers of `binomial_below` for one step."""
    words = tuple(np.zeros(lanes, dtype=np.uint32) for _ in range(N_WORDS))
    binomial_below(lanes, address_of(range(lanes), seed), t, slot, n, limits, words)
    return np.array([number_of(w, words) for w in range(lanes)])


def mixed_limits(lanes):
    """Thresholds of every size, both ends included."""
    rng = np.random.default_rng(41)
    limits = (rng.random(lanes) ** rng.integers(1, 12, lanes) * 2.0**32).astype(np.uint32)
    limits[1::2] = np.uint32(2**32 - 1) - limits[1::2]
    limits[:5] = [0, 1, 2**31, 2**31 + 1, 2**32 - 256]
    return limits


@pytest.mark.parametrize("n", [0, 1, 15, 40, 100, 3000, 10**6, 10**9, 10**12])
@pytest.mark.parametrize("lanes", [1, 7, 64, 1000])
def test_numbers_side_by_side_are_those_of_each_lane_alone(n, lanes):
    limits = mixed_limits(1000)[:lanes]
    address = address_of(range(lanes), seed=2**32 - 1)
    alone = [binomial(w, address, 5, 6, n, limit / 2**32) for w, limit in enumerate(limits.tolist())]
    np.testing.assert_array_equal(below(lanes, n, limits), alone)


def test_a_threshold_may_lie_among_the_words():
    limits, lanes = mixed_limits(64), 64
    words = tuple(np.zeros(lanes, dtype=np.uint32) for _ in range(N_WORDS))
    words[7][:] = limits
    binomial_below(lanes, address_of(range(lanes), 2**32 - 1), 5, 6, 1000, words[7], words)
    np.testing.assert_array_equal([number_of(w, words) for w in range(lanes)], below(lanes, 1000, limits))
    np.testing.assert_array_equal(words[7], limits)


@pytest.mark.statistical
@pytest.mark.parametrize(("n", "p"), [(15, 0.5), (40, 0.24), (1000, 0.7), (10**9, 0.5), (10**12, 0.3)])
def test_law_side_by_side(n, p):
    limits = np.full(LANES, p * 2**32, dtype=np.uint32)
    sample = np.concatenate([below(LANES, n, limits, t=t, slot=2, seed=5) for t in range(STEPS)])
    assert chi_square_level(sample, n, limits[0] / 2**32) > LEVEL


@pytest.mark.statistical
def test_a_normal_number_in_place_of_twenty_agents_is_caught():
    """The rounded normal of the same mean and variance: at n = 20, p = 1/4 its skewness is missing.

    The distance of the laws, sum of (q - p)^2 / p, is 0.020 here: noncentrality 2**17 * .020 = 2,600.
    """
    n, limits = 20, np.full(LANES, 2**30, dtype=np.uint32)
    exact = np.concatenate([below(LANES, n, limits, t=t, slot=2, seed=6) for t in range(STEPS)])
    law = stats.norm(n * 0.25, math.sqrt(n * 0.25 * 0.75))
    rounded = np.clip(np.rint(law.ppf(np.random.default_rng(6).random(N_DRAWS))), 0, n)
    assert chi_square_level(exact, n, 0.25) > LEVEL
    assert chi_square_level(rounded, n, 0.25) < LEVEL


def sample():
    """Numbers of a few addresses by both methods, alone and side by side, as lists."""
    address = address_of(range(40), seed=2**32 - 1)
    alone = [[int(binomial(w, address, 5, 6, n, p)) for w in range(40)]
             for n, p in [(15, 0.5), (40, 0.9), (100, 0.3), (10**9, 0.6)]]
    return alone + [below(40, n, mixed_limits(40)).tolist() for n in (15, 1000, 10**9)]


def test_plain_python_gives_the_same_numbers():
    assert plain(__file__) == sample()
