"""Counts among a crowd that differs from lane to lane: each of its agents by a word, or all by one number.

`sizes` is a row of whole numbers, in the precision of the lanes; what is below 1, and NaN, is an empty crowd.
"""

from __future__ import annotations

from numpy import float32, int32, int64, uint32

from fastmas.kernel import kernel
from fastmas.random.binomial_lanes import binomial_below
from fastmas.random.halves import (
    HALF,
    LOW_HALF,
    NONE,
    PER_SLOT,
    UPPER_HALF,
    add_refined,
    clear_row,
    compare_slot,
    set_bound,
)
from fastmas.random.parts import combine, n_parts, part_of
from fastmas.random.philox import draw_words

NOBODY = float32(0.0)
MOST = float32(2.0**30)  # agents that are counted one by one
# Slots of which a lane's two sums of 16 bits hold the counts.
STRETCH = 4096


@kernel
def smallest_and_largest(lanes, sizes):
    """The sizes of the smallest and the largest crowd of these lanes, int64."""
    least, most = int32(MOST), int32(0)
    for w in range(lanes):
        n = int32(min(max(NOBODY, sizes[w]), MOST))
        least, most = min(least, n), max(most, n)
    return int64(least), int64(most)


@kernel
def own_bounds(lanes, first, sizes, bound, b0, b1, b2, b3):
    """The bounds of a slot's words, whose first half is agent `first`: 0 where a lane has no such agent."""
    before = sizes.dtype.type(first)
    for w in range(lanes):
        left, own = sizes[w] - before, bound[w]
        low, high = uint32(own & LOW_HALF), uint32(own & UPPER_HALF)
        b0[w] = uint32((low if left > float32(0) else NONE) | (high if left > float32(1) else NONE))
        b1[w] = uint32((low if left > float32(2) else NONE) | (high if left > float32(3) else NONE))
        b2[w] = uint32((low if left > float32(4) else NONE) | (high if left > float32(5) else NONE))
        b3[w] = uint32((low if left > float32(6) else NONE) | (high if left > float32(7) else NONE))


@kernel
def decide_each(lanes, address, t, slot, first, sizes, limit, words, hits):
    """The agents of a slot whose upper half is their lane's limit's."""
    own = words[4]
    for h in range(PER_SLOT):
        for w in range(lanes):
            # Nothing is below a limit of 0.
            own[w] = limit[w] if sizes[w] > sizes.dtype.type(first + h) else NONE
        add_refined(lanes, address, t, slot, h, words[h // 2], own, hits)


@kernel
def count_stretch(lanes, address, t, slot, begin, end, everybody, sizes, limit, words, hits):
    """Add the agents of slots `slot + begin` to `slot + end - 1`; the first `everybody` slots are full in all lanes."""
    sums, bound, b0, b1, b2, b3 = words[8], words[9], words[10], words[11], words[12], words[13]
    clear_row(lanes, sums)
    for s in range(begin + part_of(address), end, n_parts(address)):
        draw_words(lanes, address, t, slot + s, words[0], words[1], words[2], words[3])
        if s < everybody:
            equal = compare_slot(lanes, words, bound, bound, bound, bound, sums)
        else:
            own_bounds(lanes, PER_SLOT * s, sizes, bound, b0, b1, b2, b3)
            equal = compare_slot(lanes, words, b0, b1, b2, b3, sums)
        if equal:
            decide_each(lanes, address, t, slot + s, PER_SLOT * s, sizes, limit, words, hits)
    for w in range(lanes):
        hits[w] = uint32(hits[w] + uint32(uint32(sums[w] & LOW_HALF) + uint32(sums[w] >> HALF)))


@kernel
def count_each(lanes, address, t, slot, sizes, limit, words, hits):
    """Fill hits[w] with how many of the first sizes[w] agents have a word below limit[w], uint32.

    The upper half of the word of agent i is half i % 8 of slot `slot + i // 8`, the lower one that of the slot
    REFINE above. The price is that of the largest crowd of a block of lanes, at most 2**28 agents. `words` are
    ROWS rows to work in; `hits` and `limit` are none of the first ROWS - 1.
    """
    least, most = smallest_and_largest(lanes, sizes)
    n_slots = (most + PER_SLOT - 1) // PER_SLOT
    clear_row(lanes, hits)
    set_bound(lanes, limit, words[9])
    for begin in range(0, n_slots, STRETCH):
        end = min(begin + STRETCH, n_slots)
        count_stretch(lanes, address, t, slot, begin, end, least // PER_SLOT, sizes, limit, words, hits)
    for w in range(lanes):
        hits[w] = combine(address, hits[w])


@kernel
def binomial_each(lanes, address, t, slot, sizes, limit, words):
    """For every lane one Binomial(sizes[w], limit[w] / 2**32) number, which `number_of` reads.

    As `binomial_below`, which has one size for all lanes; sizes[w] <= 10**12.
    """
    binomial_below(lanes, address, t, slot, sizes, limit, words)
