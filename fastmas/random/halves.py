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
def set_bound(lanes, threshold, bound):
    """Upper halves of thresholds, twice in a row."""
    for w in range(lanes):
        bound[w] = uint32(uint32(threshold[w] & UPPER_HALF) | uint32(threshold[w] >> HALF))


@kernel
def compare_slot(lanes, words, b0, b1, b2, b3, sums):
    """Add the halves of words[0] to words[3] that are below their bounds to the halves of `sums`.

    Return whether any is equal.
    """
    w0, w1, w2, w3 = words[0].view(uint16), words[1].view(uint16), words[2].view(uint16), words[3].view(uint16)
    h0, h1, h2, h3, found = b0.view(uint16), b1.view(uint16), b2.view(uint16), b3.view(uint16), sums.view(uint16)
    nearest = uint16(LOW_HALF)
    for i in range(2 * lanes):
        below = uint16(below_bound(w0[i], h0[i]) + below_bound(w1[i], h1[i]))
        below = uint16(below + uint16(below_bound(w2[i], h2[i]) + below_bound(w3[i], h3[i])))
        found[i] = uint16(found[i] + below)
        nearest = min(nearest, uint16(w0[i] ^ h0[i]))
        nearest = min(nearest, uint16(w1[i] ^ h1[i]))
        nearest = min(nearest, uint16(w2[i] ^ h2[i]))
        nearest = min(nearest, uint16(w3[i] ^ h3[i]))
    return nearest == NO_HALF


@kernel
def lower_below(w, address, t, slot, h, limit):
    """Whether the lower half that belongs to half h of a slot is below the limit's."""
    return half_of(h, lane_words(w, address, t, slot + REFINE)[h % PER_SLOT // 2]) < uint32(limit & LOW_HALF)


@kernel
def add_refined(lanes, address, t, slot, h, row, limit, sums):
    """Add the agent of half h to sums[w] where it is in row[w] the limit's upper half, and its lower half below."""
    for w in range(lanes):
        if half_of(h, row[w]) == uint32(limit[w] >> HALF):
            sums[w] = uint32(sums[w] + (uint32(1) if lower_below(w, address, t, slot, h, limit[w]) else NONE))


@kernel
def decide_pool(lanes, address, t, slot, first, n, limit, pool, sums):
    """Add the agents below limit[w] to sums[w] whose upper half is the limit's, and so not counted yet.

    Their upper halves are first, ..., first + n - 1 of the rows of words `pool`: word k is word k % 4 of slot
    slot + k // 4, and half h is half h % 2 of word h // 2.
    """
    for h in range(first, first + n):
        row, equal = pool[h // 2], NONE
        for w in range(lanes):
            equal = uint32(equal | (uint32(1) if half_of(h, row[w]) == uint32(limit[w] >> HALF) else NONE))
        if equal != NONE:
            add_refined(lanes, address, t, slot + h // PER_SLOT, h, row, limit, sums)


@kernel
def decide_halves(lanes, address, t, slot, i, word, limit, hit):
    """Make hit[w] 1 or 0 where the upper half of agent i is the limit's: whether its word is below limit[w].

    The upper half is half i % 8 of `slot`, and word[w] is the word of that slot which it is in.
    """
    for w in range(lanes):
        if half_of(i, word[w]) == uint32(limit[w] >> HALF):
            hit[w] = uint32(1) if lower_below(w, address, t, slot, i, limit[w]) else NONE
