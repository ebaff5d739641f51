"""Draws of one lane: bit for bit those of the lanes."""

import numpy as np
import pytest
from test_binomial import below, mixed_limits
from test_counting import LANES, SLOT, T, address, half, hits_below, slot_words, words_of_agents
from test_philox import address_of, plain

from fastmas.random import (
    binomial_at,
    chance_at,
    chance_word,
    count_few_at,
    count_many_at,
    draw_normals,
    draw_words,
    half_at,
    half_below,
    lane_words,
    normal_at,
    normal_of,
    pick,
    pick_half,
    threshold,
    uniform,
    uniform_at,
    uniform_of,
    word_at,
)
from fastmas.random.halves import REFINE

ITEMS = [0, 1, 2, 3, 4, 7, 13, 30]


def word_in_halves(path, i):
    upper, lower = (half(slot_words(path, SLOT + i // 8 + up), i % 8) for up in (0, int(REFINE)))
    return upper << 16 | lower


def rows_of(slot):
    rows = tuple(np.empty(LANES, dtype=np.uint32) for _ in range(4))
    draw_words(LANES, address(), T, slot, *rows)
    return rows


@pytest.mark.parametrize("i", ITEMS)
def test_a_word_is_the_one_of_its_lane(i):
    row = rows_of(SLOT + i // 4)[i % 4]
    assert [word_at(w, address(), T, SLOT, i) for w in range(LANES)] == row.tolist()
    assert [pick(lane_words(w, address(), T, SLOT + i // 4), i) for w in range(LANES)] == row.tolist()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("i", ITEMS)
def test_numbers_have_the_bits_of_the_lanes(dtype, i):
    like, row, normals = np.zeros((3, LANES), dtype=dtype), rows_of(SLOT + i // 4)[i % 4], np.empty(LANES, dtype=dtype)
    draw_normals(LANES, row, normals)
    found = np.array([normal_at(w, address(), T, SLOT, i, like) for w in range(LANES)])
    np.testing.assert_array_equal(found, normals)
    np.testing.assert_array_equal([normal_of(word, like) for word in row], normals)
    uniforms = np.array([uniform(word) for word in row], dtype=dtype)
    np.testing.assert_array_equal([uniform_at(w, address(), T, SLOT, i, like) for w in range(LANES)], uniforms)
    np.testing.assert_array_equal([uniform_of(word, like[0, 0]) for word in row], uniforms)


@pytest.mark.parametrize("i", [*ITEMS, 8, 9, 23])
def test_chances_are_decided_by_half_words(i):
    """At limits of any kind, the word itself and the one above it."""
    for path in range(LANES):
        word = word_in_halves(path, i)
        upper = word >> 16
        assert half_at(path, address(), T, SLOT, i) == upper
        words4 = lane_words(path, address(), T, SLOT + i // 8)
        assert pick_half(words4, i) == upper
        for limit in (word, min(word + 1, 2**32 - 1), word ^ 0x8000, word ^ 0x80000000, 0, 2**32 - 1):
            assert chance_at(path, address(), T, SLOT, i, limit / 2.0**32) == (word < limit)
            assert half_below(words4, path, address(), T, SLOT, i, np.uint32(limit)) == (word < limit)


def test_a_chance_has_the_threshold_of_its_precision():
    for path in range(LANES):
        word = slot_words(path, SLOT + 1)[2]
        for p in (word / 2.0**32, (word + 1) / 2.0**32, np.float32(0.4), 0.0, -1.0):
            assert chance_word(path, address(), T, SLOT, 6, p) == (word < int(threshold(p)))


@pytest.mark.parametrize("n", [0, 1, 8, 31, 32, 45, 100])
def test_agents_are_counted_as_in_lanes(n):
    """At limits that a word of an agent, or the one above it, makes; and at the ends."""
    words = [words_of_agents(path, n) for path in range(LANES)]
    limits = np.array([min(own[path * n // LANES] + path % 2, 2**32 - 1) if own else 5 << 28
                       for path, own in enumerate(words)], dtype=np.uint32)
    limits[:2] = 0, 2**32 - 1
    found = [count_many_at(w, address(), T, SLOT, n, limits[w]) for w in range(LANES)]
    assert found == hits_below(limits, n)


@pytest.mark.parametrize(("first", "n"), [(0, 0), (0, 8), (6, 7), (13, 3), (7, 18), (3, 0)])
def test_few_agents_share_slots_with_other_draws(first, n):
    for path in range(LANES):
        words = [word_in_halves(path, h) for h in range(first, first + n)]
        for limit in (2**31, *((words[path % n], words[path % n] + 1) if n else (0,))):
            assert count_few_at(path, address(), T, SLOT, first, n, np.uint32(limit)) == sum(w < limit for w in words)


@pytest.mark.parametrize("n", [0, 15, 1000, 10**9])
def test_a_binomial_number_is_that_of_its_lane(n):

    limits = mixed_limits(LANES)

    one = address_of(range(LANES), 2**32 - 1)
    assert [binomial_at(w, one, 5, 6, n, limits[w]) for w in range(LANES)] == below(LANES, n, limits).tolist()


def sample():
    """Some of each, as lists."""
    like = np.zeros(1)
    return [[int(word_at(w, address(), T, SLOT, 6)) for w in range(9)],
            [float(uniform_at(w, address(), T, SLOT, 6, like)) for w in range(9)],
            [bool(chance_at(w, address(), T, SLOT, 6, 0.3)) for w in range(9)],
            [int(count_many_at(w, address(), T, SLOT, 45, np.uint32(2**31 + 3))) for w in range(9)],
            [int(binomial_at(w, address(), T, SLOT, 45, np.uint32(2**31 + 3))) for w in range(9)]]


def test_plain_python_gives_the_same():
    assert plain(__file__) == sample()
