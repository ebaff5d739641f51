"""Counts among crowds that differ from lane to lane: every agent has the word that its address says."""

import numpy as np
import pytest
from scipy import stats
from test_at import word_in_halves
from test_binomial import LEVEL, mixed_limits
from test_counting import LANES, SLOT, T, address, rows
from test_philox import address_of, plain

from fastmas.random import binomial, binomial_at, binomial_each, count_each, count_each_at, number_of
from fastmas.random.binomial_lanes import N_WORDS

DTYPES = [np.float32, np.float64]
SIZES = {
    "mixed": [0, 1, 2, 7, 8, 9, 15, 16, 40, 41] * 4,
    "large and small": [20 + w % 3 for w in range(LANES)],
    "nobody": [0] * LANES,
    "all alike": [24] * LANES,
    "no numbers": [np.nan, -3, 5, 0] * 10,
}


def whole(size):
    return int(size) if size > 0 else 0


def hits_of(sizes, limits, t=T):
    hits = np.full(len(sizes), 77, dtype=np.uint32)
    count_each(len(sizes), address(), t, SLOT, sizes, limits, rows(), hits)
    return hits.tolist()


def chosen_limits(words):
    """The ends, a word of a path, the one above it, or one that differs in a single bit."""
    limits = np.random.default_rng(len(words)).integers(0, 2**32, LANES).astype(np.uint32)
    for path, own in enumerate(words):
        if own:
            word = own[path * len(own) // LANES]
            limits[path] = [word, min(word + 1, 2**32 - 1), word ^ 1 << path % 32][path % 3]
    limits[:2] = 0, 2**32 - 1
    return limits


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", SIZES)
def test_agents_are_counted_by_their_words(name, dtype):
    sizes = np.array(SIZES[name], dtype=dtype)
    words = [[word_in_halves(path, i) for i in range(whole(n))] for path, n in enumerate(sizes)]
    limits = chosen_limits(words)
    expected = [sum(word < limit for word in own) for own, limit in zip(words, limits.tolist(), strict=True)]
    assert hits_of(sizes, limits) == expected
    assert [count_each_at(w, address(), T, SLOT, sizes[w], limits[w]) for w in range(LANES)] == expected


def test_an_absent_agent_whose_word_is_the_limit_is_not_counted():
    """Not even where another lane makes a slot's lower halves be looked at."""
    sizes = np.array([w % 9 for w in range(LANES)], dtype=np.float32)
    words = [[word_in_halves(w, i) for i in range(8)] for w in range(LANES)]
    limits = np.array([min(own[w % 9 % 8] + 1, 2**32 - 1) for w, own in enumerate(words)], dtype=np.uint32)
    expected = [sum(word < limits[w] for word in own[:w % 9]) for w, own in enumerate(words)]
    assert hits_of(sizes, limits) == expected


def test_a_crowd_of_many_slots_does_not_overflow():
    """At a sure limit, all: more than 16 bits hold for each of two sums, and more than one stretch of slots."""
    sizes = np.array([300_000 - w for w in range(LANES)], dtype=np.float64)
    assert hits_of(sizes, np.full(LANES, 2**32 - 1, dtype=np.uint32)) == sizes.astype(int).tolist()


def numbers(sizes, limits, t=5, seed=2**32 - 1):
    lanes = len(sizes)
    words = tuple(np.zeros(lanes, dtype=np.uint32) for _ in range(N_WORDS))
    binomial_each(lanes, address_of(range(lanes), seed), t, 6, sizes, limits, words)
    return np.array([number_of(w, words) for w in range(lanes)])


def mixed_sizes(lanes, dtype):
    """Sizes of every order of magnitude, exact in float32."""
    sizes = np.rint(2.0 ** np.random.default_rng(3).uniform(0.0, 30.0, lanes)).astype(np.float32).astype(dtype)
    sizes[:6] = np.array([0, 1, 10, np.nan, -2, 2**30])[:lanes]
    return sizes


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("lanes", [1, 7, 64, 1000])
def test_numbers_are_those_of_each_lane_alone(lanes, dtype):
    sizes, limits = mixed_sizes(lanes, dtype), mixed_limits(1000)[::-1][:lanes].copy()
    one, found = address_of(range(lanes), 2**32 - 1), numbers(sizes, limits)
    alone = [binomial(w, one, 5, 6, whole(sizes[w]), limits[w] / 2**32) for w in range(lanes)]
    np.testing.assert_array_equal(found, alone)
    np.testing.assert_array_equal([binomial_at(w, one, 5, 6, sizes[w], limits[w]) for w in range(lanes)], alone)


def spread(sample, sizes, p):
    """P value of counts, each of its own crowd: spread over its probability a count is uniform; 50 cells."""
    law = stats.binom(sizes, p)
    u = law.cdf(sample - 1) + np.random.default_rng(1).random(sample.size) * law.pmf(sample)
    return stats.chisquare(np.histogram(u, bins=50, range=(0, 1))[0]).pvalue


@pytest.mark.statistical
@pytest.mark.parametrize("way", ["agents", "one number"])
def test_law(way):
    """40,000 counts of crowds from 1 to 60, and how a size too large by one is caught.

    The mean count moves by p = .3 where a sd is 2.5 on average: by 24 sd of a mean of 40,000.
    """
    sizes = (1 + np.arange(LANES) * 59 // (LANES - 1)).astype(np.float32)
    limits = np.full(LANES, int(0.3 * 2**32), dtype=np.uint32)
    found = [np.array(hits_of(sizes, limits, t)) if way == "agents" else numbers(sizes, limits, t, seed=3)
             for t in range(1000)]
    sample, crowd = np.concatenate(found), np.tile(sizes.astype(int), 1000)
    assert spread(sample, crowd, limits[0] / 2**32) > LEVEL
    assert spread(sample, crowd + 1, limits[0] / 2**32) < LEVEL


def sample():
    """Counts by both ways, as lists."""
    sizes, limits = np.array(SIZES["mixed"], dtype=np.float32), mixed_limits(LANES)
    return [hits_of(sizes, limits), numbers(mixed_sizes(LANES, np.float32), limits).tolist()]


def test_plain_python_counts_the_same():
    assert plain(__file__) == sample()
