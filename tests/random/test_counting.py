"""Agents counted by bit planes and by halves: every one of them has the word that its address says."""

import os

import numpy as np
import pytest
from scipy import stats
from test_philox import address_of, plain

from fastmas.random import ROWS, count_agents, count_below, count_drawn, draw_words, philox4x32
from fastmas.random.counting import REFINE, count_bits

LANES = 40
T, SLOT, SEED, RUN, PURPOSE = 3, 17, 2**32 - 5, 9, 2


def slot_words(path, slot):
    return [int(word) for word in philox4x32(path, T, slot, PURPOSE, SEED, RUN)]


def half(words, h):
    return words[h // 2] >> 16 * (h % 2) & 0xFFFF


def words_of_agents(path, n):
    """The word of each of n agents, put together bit by bit and half by half as the module says."""
    groups, words = n // 32, []
    for i in range(32 * groups):
        planes = [word for k in range(8) for word in slot_words(path, SLOT + 8 * (i // 32) + k)]
        words.append(sum((plane >> i % 32 & 1) << 31 - k for k, plane in enumerate(planes)))
    for j in range(n % 32):
        slot = SLOT + 8 * groups + j // 8
        words.append(half(slot_words(path, slot), j % 8) << 16 | half(slot_words(path, slot + REFINE), j % 8))
    return words


def rows(lanes=LANES):
    """Rows of words to work in, full of what an earlier step may have left."""
    rng = np.random.default_rng(lanes)
    return tuple(rng.integers(0, 2**32, lanes, dtype=np.uint32) for _ in range(ROWS))


def address():
    return address_of(range(LANES), SEED, RUN, PURPOSE)


def hits_below(limits, n):
    hits = np.full(LANES, 77, dtype=np.uint32)
    count_agents(LANES, address(), T, SLOT, n, limits, rows(), hits)
    return hits.tolist()


@pytest.mark.parametrize("n", [0, 1, 2, 7, 8, 9, 15, 31, 32, 33, 40, 64, 71, 100])
def test_agents_are_counted_by_their_words(n):
    """Any threshold, the two ends, a word itself and the one above it, and words that differ in a single bit."""
    words = [words_of_agents(path, n) for path in range(LANES)]
    rng = np.random.default_rng(n)
    limits = rng.integers(0, 2**32, LANES).astype(np.uint32)
    limits[:3] = 0, 2**32 - 1, 2**31
    for path in range(3, LANES if n else 3):
        limits[path] = min(words[path][path * n // LANES] + path % 2, 2**32 - 1)
    single = [word[path * n // LANES] ^ 1 << path % 32 for path, word in enumerate(words)] if n else [0] * LANES
    for tried in (limits, np.array(single, dtype=np.uint32)):
        expected = [sum(word < limit for word in own) for own, limit in zip(words, tried.tolist(), strict=True)]
        assert hits_below(tried, n) == expected


@pytest.mark.parametrize(("first", "n"), [(6, 1), (6, 7), (7, 2), (8, 8), (13, 3), (6, 10), (15, 1)])
def test_halves_that_are_drawn_already(first, n):
    lanes, words = range(LANES), rows()
    draw_words(LANES, address(), T, SLOT, *words[:4])
    draw_words(LANES, address(), T, SLOT + 1, *words[4:8])
    upper = [slot_words(path, SLOT) + slot_words(path, SLOT + 1) for path in lanes]
    lower = [slot_words(path, SLOT + REFINE) + slot_words(path, SLOT + REFINE + 1) for path in lanes]
    own = [[half(upper[p], h) << 16 | half(lower[p], h) for h in range(first, first + n)] for p in lanes]
    limits = np.array([own[p][p % n] + p % 2 for p in lanes], dtype=np.uint32)
    limits[:2] = 0, 2**31
    hits = np.full(LANES, 5, dtype=np.uint32)
    count_drawn(LANES, address(), T, SLOT, first, n, limits, words, hits)
    assert hits.tolist() == [5 + sum(word < limits[p] for word in own[p]) for p in lanes]


def test_count_below_adds_to_what_is_there():
    limits = np.full(LANES, 2**31, dtype=np.uint32)
    count = np.full(LANES, 5.0, dtype=np.float32)
    count_below(LANES, address(), T, SLOT, 45, limits, rows(), count)
    assert (count - 5).tolist() == hits_below(limits, 45)


def test_fewer_agents_never_buy_more():
    """With common words a higher threshold keeps every buyer: what common random numbers rest on."""
    limits = np.linspace(0, 2**32 - 1, 200).astype(np.uint32)
    hits = np.array([hits_below(np.full(LANES, limit), 77) for limit in limits])
    assert (np.diff(hits, axis=0) >= 0).all()
    assert hits[-1].min() == 77


def test_bits_are_counted():
    numbers = [0, 1, 2**31, 2**32 - 1, 0xDEADBEEF, 0x01010101, 0x80000001]
    assert [int(count_bits(np.uint32(x))) for x in numbers] == [x.bit_count() for x in numbers]


@pytest.mark.statistical
@pytest.mark.parametrize("n", [7, 45, 320])
def test_counts_have_the_binomial_law(n):
    """Chi-square of 4,000 x 40 counts over cells that expect 20 or more; wrong once in 10,000 seeds."""
    steps, limit = 4000, np.uint32(0.3 * 2**32)
    limits, hits, counts = np.full(LANES, limit), np.zeros(LANES, dtype=np.uint32), []
    words = rows()
    for t in range(steps):
        count_agents(LANES, address(), t, SLOT, n, limits, words, hits)
        counts.append(hits.copy())
    sample, law = np.concatenate(counts), stats.binom(n, int(limit) / 2**32)
    expected = steps * LANES * law.pmf(np.arange(n + 1))
    seen = np.bincount(sample, minlength=n + 1)
    kept = expected >= 20
    seen, expected = np.append(seen[kept], seen[~kept].sum()), np.append(expected[kept], expected[~kept].sum())
    keep = expected > 1
    assert stats.chisquare(seen[keep], expected[keep] * seen[keep].sum() / expected[keep].sum()).pvalue > 1e-4


def sample():
    """Counts by all three ways, as lists."""
    limits = np.array([0, 2**31, 2**32 - 1, *range(37)], dtype=np.uint32)
    limits[3:] = limits[3:] * np.uint32(115_000_000)
    return [hits_below(limits, n) for n in (5, 32, 77)]


@pytest.mark.skipif(os.environ.get("NUMBA_DISABLE_JIT") == "1", reason="is the plain Python")
def test_plain_python_counts_the_same():
    assert plain(__file__) == sample()
