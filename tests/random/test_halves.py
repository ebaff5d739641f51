"""Half-words: the few agents that the upper half leaves undecided, one pool for many types and one by one."""

import numpy as np
import pytest
from test_counting import LANES, SLOT, T, address, half, slot_words
from test_philox import plain

from fastmas.random import decide_halves, decide_pool, draw_words
from fastmas.random.halves import REFINE, clear_row

N_SLOTS = 3


def pool():
    rows = tuple(np.empty(LANES, dtype=np.uint32) for _ in range(4 * N_SLOTS))
    for k in range(N_SLOTS):
        draw_words(LANES, address(), T, SLOT + k, *rows[4 * k:4 * k + 4])
    return rows


def halves_of(path, refined):
    """All halves of the pool of a path, or those that refine them."""
    slots = [slot_words(path, SLOT + k + refined * int(REFINE)) for k in range(N_SLOTS)]
    return [half(words, h) for words in slots for h in range(8)]


def limits_at(h, step):
    """Limits with the upper half of half h of each path, and its lower half or one more."""
    return np.array([halves_of(p, 0)[h] << 16 | min(halves_of(p, 1)[h] + step, 0xFFFF) for p in range(LANES)],
                    dtype=np.uint32)


@pytest.mark.parametrize("step", [0, 1])
@pytest.mark.parametrize(("first", "n", "h"), [(0, 24, 13), (5, 4, 8), (6, 7, 6), (13, 3, 15), (6, 7, 5), (6, 7, 13)])
def test_a_pool_adds_those_whose_upper_half_is_the_limits(first, n, h, step):
    limits, sums = limits_at(h, step), np.full(LANES, 9, dtype=np.uint32)
    decide_pool(LANES, address(), T, SLOT, first, n, limits, pool(), sums)
    expected = []
    for p, limit in enumerate(limits.tolist()):
        upper, lower = halves_of(p, 0), halves_of(p, 1)
        expected.append(9 + sum(upper[k] == limit >> 16 and lower[k] < limit & 0xFFFF for k in range(first, first + n)))
    assert sums.tolist() == expected
    assert (max(expected) > 9) == (step == 1 and first <= h < first + n)


@pytest.mark.parametrize("step", [0, 1])
@pytest.mark.parametrize("i", [0, 5, 7, 8, 19])
def test_one_agent_is_decided_where_its_upper_half_is_the_limits(i, step):
    limits, hit = limits_at(i, step), np.full(LANES, 7, dtype=np.uint32)
    limits[::3] ^= np.uint32(0x80000000)
    decide_halves(LANES, address(), T, SLOT + i // 8, i, pool()[i // 2], limits, hit)
    assert hit.tolist() == [7 if p % 3 == 0 else step for p in range(LANES)]


@pytest.mark.parametrize("dtype", [np.uint32, np.float32, np.float64])
def test_a_row_is_cleared_up_to_its_lanes(dtype):
    row = np.full(8, 5, dtype=dtype)
    clear_row(6, row)
    assert row.tolist() == [0] * 6 + [5] * 2


def sample():
    """Both, as lists."""
    sums, hit = np.full(LANES, 9, dtype=np.uint32), np.full(LANES, 7, dtype=np.uint32)
    decide_pool(LANES, address(), T, SLOT, 5, 9, limits_at(6, 1), pool(), sums)
    decide_halves(LANES, address(), T, SLOT, 6, pool()[3], limits_at(6, 1), hit)
    return [sums.tolist(), hit.tolist()]


def test_plain_python_decides_the_same():
    assert plain(__file__) == sample()
