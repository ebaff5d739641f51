"""Half-words: agents whose first 16 bits nearly always decide, two of them in a word.

An agent's word has its upper half in one slot and its lower half in the same place of the slot REFINE above,
which is drawn only where the upper half is the threshold's own. Half h of a slot is the lower (h even) or
upper (h odd) half of word h // 2.
"""

from __future__ import annotations

from numpy import int64, uint16, uint32

from fastmas.kernel import kernel
from fastmas.random.philox import lane_words

REFINE = int64(2**25)
PER_SLOT = 8
NONE = uint32(0)
HALF = uint32(16)
LOW_HALF = uint32(0xFFFF)
UPPER_HALF = uint32(0xFFFF0000)
NO_HALF = uint16(0)
ONE_HALF = uint16(1)


@kernel
def below_bound(half, bound):
    return ONE_HALF if half < bound else NO_HALF


@kernel
def half_of(h, word):
    """Half h of a slot's words, from the word it is in."""
    return uint32(uint32(word >> uint32(16 * (h % 2))) & LOW_HALF)


@kernel
def clear_row(lanes, row):
    for w in range(lanes):
        row[w] = row.dtype.type(0)


@kernel
def decide_pool(lanes, address, t, slot, first, n, limit, pool, sums):
    """Add the agents below limit[w] to sums[w] whose upper half is the limit's, and so not counted yet.

    Their upper halves are first, ..., first + n - 1 of the rows of words `pool`: word k is word k % 4 of slot
    slot + k // 4, and half h is half h % 2 of word h // 2.
    """
    for w in range(lanes):
        bound, rest = uint32(limit[w] >> HALF), uint32(limit[w] & LOW_HALF)
        for h in range(first, first + n):
            if half_of(h, pool[h // 2][w]) == bound:
                lower = half_of(h, lane_words(w, address, t, slot + REFINE + h // PER_SLOT)[h % PER_SLOT // 2])
                sums[w] = uint32(sums[w] + (uint32(1) if lower < rest else NONE))


@kernel
def decide_halves(lanes, address, t, slot, i, word, limit, hit):
    """Make hit[w] 1 or 0 where the upper half of agent i is the limit's: whether its word is below limit[w].

    The upper half is half i % 8 of `slot`, and word[w] is the word of that slot which it is in.
    """
    for w in range(lanes):
        if half_of(i, word[w]) == uint32(limit[w] >> HALF):
            lower = half_of(i, lane_words(w, address, t, slot + REFINE)[i % PER_SLOT // 2])
            hit[w] = uint32(1) if lower < uint32(limit[w] & LOW_HALF) else NONE
