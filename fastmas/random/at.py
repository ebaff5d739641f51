"""Draws of one lane, with the words and the numbers of the lanes' draws: for paths that run one at a time.

Item i of a run of draws has word i % 4 of slot `slot + i // 4`, or half i % 8 of slot `slot + i // 8` where a
half-word may do. Kernels named `..._at` compute the Philox block of their item. Where a loop goes through the
items, `words4 = lane_words(w, address, t, slot + i // 4)` of every fourth (of halves, eighth) turn serves all
of them: `pick` takes a word from it, `normal_of` and `uniform_of` make it a number, `half_below` holds a half
against a limit. `like`, an array or a number, says in which precision a real number is wanted.
"""

from __future__ import annotations

from numpy import float64, int64, uint32

from fastmas.kernel import kernel
from fastmas.random.binomial import binomial
from fastmas.random.binomial_lanes import PER_WORD, whole_size
from fastmas.random.counting import (
    FULL,
    GROUP,
    SLOTS_PER_GROUP,
    TOP_BIT,
    compare_plane,
    count_bits,
)
from fastmas.random.gamma import SLOTS as GAMMA_SLOTS
from fastmas.random.gamma import finish_gamma
from fastmas.random.halves import HALF, LOW_HALF, NONE, PER_SLOT, half_of, lower_below
from fastmas.random.normal import normal_of, threshold, uniform_of
from fastmas.random.parts import combine, n_parts, part_of
from fastmas.random.philox import lane_words, pick


@kernel
def pick_half(words4, h):
    """Half h % 8 of a slot."""
    return half_of(h, pick(words4, h // 2))


@kernel
def half_below(words4, w, address, t, slot, i, limit):
    """Whether the word of item i is below a uint32 limit; `words4` is slot `slot + i // 8`, its upper half's.

    The lower half is drawn from the slot REFINE above where the upper one is the limit's.
    """
    upper, bound = pick_half(words4, i), uint32(limit >> HALF)
    if upper == bound:
        return lower_below(w, address, t, slot + i // PER_SLOT, i, limit)
    return upper < bound


@kernel
def word_at(w, address, t, slot, i):
    """The word of item i, uint32."""
    return pick(lane_words(w, address, t, slot + i // 4), i)


@kernel
def normal_at(w, address, t, slot, i, like):
    """The standard normal number of item i."""
    return normal_of(word_at(w, address, t, slot, i), like)


@kernel
def uniform_at(w, address, t, slot, i, like):
    """The uniform number of item i, in (0, 1)."""
    return uniform_of(word_at(w, address, t, slot, i), like)


@kernel
def gamma_at(w, address, t, slot, i, shape, like):
    """The gamma number of item i, whose tries have slots `slot + 64 * i` on: that of `draw_gammas`."""
    first = slot + GAMMA_SLOTS * i
    return finish_gamma(lane_words(w, address, t, first), w, address, t, first, shape, like)


@kernel
def half_at(w, address, t, slot, h):
    """Half h % 8 of slot `slot + h // 8`, a uint32 below 2**16."""
    return pick_half(lane_words(w, address, t, slot + h // PER_SLOT), h)


@kernel
def chance_at(w, address, t, slot, i, p):
    """Whether item i, which has half-words, happens: with probability p, to the `threshold` of it."""
    words4 = lane_words(w, address, t, slot + i // PER_SLOT)
    return half_below(words4, w, address, t, slot, i, threshold(p))


@kernel
def chance_word(w, address, t, slot, i, p):
    """The same of an item that has a whole word."""
    return word_at(w, address, t, slot, i) < threshold(p)


@kernel
def two_halves(word, bound, owned):
    """How many of a word's halves, of those that two bits stand for, are below a bound, and how many are it."""
    low, high = uint32(word & LOW_HALF), uint32(word >> HALF)
    first, second = (owned & 1) != 0, (owned & 2) != 0
    below = (1 if first & (low < bound) else 0) + (1 if second & (high < bound) else 0)
    return below, (1 if first & (low == bound) else 0) + (1 if second & (high == bound) else 0)


@kernel
def count_slot(words4, w, address, t, slot, begin, end, limit):
    """How many of halves begin, ..., end - 1 of a slot belong to words below the limit."""
    bound, owned = uint32(limit >> HALF), (1 << end) - (1 << begin)
    below_0, equal_0 = two_halves(words4[0], bound, owned)
    below_1, equal_1 = two_halves(words4[1], bound, owned >> 2)
    below_2, equal_2 = two_halves(words4[2], bound, owned >> 4)
    below_3, equal_3 = two_halves(words4[3], bound, owned >> 6)
    found = below_0 + below_1 + below_2 + below_3
    if equal_0 + equal_1 + equal_2 + equal_3 > 0:
        for h in range(begin, end):
            if pick_half(words4, h) == bound and lower_below(w, address, t, slot, h, limit):
                found += 1
    return found


@kernel
def count_few_at(w, address, t, slot, first, n, limit):
    """How many of items first, ..., first + n - 1, which have half-words, are below the limit; int64."""
    found, end = int64(0), first + n
    for s in range(first // PER_SLOT, (end + PER_SLOT - 1) // PER_SLOT):
        words4, before = lane_words(w, address, t, slot + s), PER_SLOT * s
        begin = max(first - before, 0)
        found += count_slot(words4, w, address, t, slot + s, begin, max(begin, min(end - before, PER_SLOT)), limit)
    return found


@kernel
def count_group_at(w, address, t, slot, limit):
    """How many of a whole group of 32 agents are below the limit, from the bit planes of eight slots."""
    below, open_ = NONE, FULL
    for k in range(SLOTS_PER_GROUP):
        if open_ != NONE:
            planes = lane_words(w, address, t, slot + k)
            for i in range(4):
                bit = uint32(TOP_BIT >> uint32(4 * k + i))
                below, open_ = compare_plane(pick(planes, i), bit, limit, below, open_)
    return int64(count_bits(below))


@kernel
def count_many_at(w, address, t, slot, n, limit):
    """How many of n agents have a word below the limit, int64: those of `count_agents`."""
    n_groups, found = n // GROUP, int64(0)
    for g in range(part_of(address), n_groups, n_parts(address)):
        found += count_group_at(w, address, t, slot + SLOTS_PER_GROUP * g, limit)
    rest = count_few_at(w, address, t, slot + SLOTS_PER_GROUP * n_groups, 0, n - GROUP * n_groups, limit)
    return combine(address, found) + rest


@kernel
def count_each_at(w, address, t, slot, size, limit):
    """How many of a real, whole number of agents are below the limit, int64: that of `count_each`."""
    return count_few_at(w, address, t, slot, 0, whole_size(size), limit)


@kernel
def binomial_at(w, address, t, slot, n, limit):
    """One Binomial(n, limit / 2**32) number, int64: that of `binomial_below` or `binomial_each`; slot < 2**26."""
    return binomial(w, address, t, slot, n, float64(limit) * PER_WORD)
