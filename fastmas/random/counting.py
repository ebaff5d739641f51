"""Agents with words of their own: many alike are counted at a fraction of a word each, exactly.

An agent buys if its 32-bit word lies below a threshold, and the first bits of the word nearly always
decide it: the rest is drawn only where it does not. Word of agent i of n, in slots from `slot` on:

- in a whole group of 32 agents, g = i // 32 < n // 32: bit 31 - k of the word is bit i % 32 of word k % 4
  of slot `slot + 8 * g + k // 4`. These bit planes are compared from the highest on; twelve of them decide
  all but one agent in 4,096.
- of the n % 32 agents behind the groups, j = i % 32: the upper half of the word is half j % 8 of slot
  `slot + 8 * (n // 32) + j // 8`, and the lower half is the same half of the slot REFINE above. Half h of
  a slot is the lower (h even) or upper (h odd) half of word h // 2.

Kernels here work in ROWS rows of `words`: the first eight hold words, the others what becomes of them.
"""

from __future__ import annotations

from numpy import float32, int32, uint16, uint32, uint64

from fastmas.kernel import kernel
from fastmas.random.halves import (
    HALF,
    LOW_HALF,
    NO_HALF,
    NONE,
    PER_SLOT,
    REFINE,  # noqa: F401 - callers have all of the half-words from here
    UPPER_HALF,
    below_bound,
    clear_row,
    compare_slot,
    decide_pool,
    half_of,  # noqa: F401
    set_bound,
)
from fastmas.random.parts import combine, n_parts, part_of
from fastmas.random.philox import MASK, draw_words, lane_words

ROWS = 15
GROUP = 32
SLOTS_PER_GROUP = 8
FULL = uint32(0xFFFFFFFF)
TOP_BIT = uint32(0x80000000)


@kernel
def count_bits(x):
    """How many bits of a uint32 are set."""
    x = uint32(x - uint32(uint32(x >> uint32(1)) & uint32(0x55555555)))
    x = uint32(uint32(x & uint32(0x33333333)) + uint32(uint32(x >> uint32(2)) & uint32(0x33333333)))
    x = uint32(uint32(x + uint32(x >> uint32(4))) & uint32(0x0F0F0F0F))
    return uint32(uint32(uint64(uint64(x) * uint64(0x01010101)) & MASK) >> uint32(24))


@kernel
def compare_plane(plane, bit, limit, below, open_):
    """Whether agents are below the limit, or still open, after one more bit of their words."""
    ours = FULL if uint32(limit & bit) != NONE else NONE
    parts = uint32(open_ & uint32(plane ^ ours))
    return uint32(below | uint32(parts & ours)), uint32(open_ ^ parts)


@kernel
def compare_planes(lanes, bit, threshold, words):
    """Four more bits of a group's words, in words[0] to words[3]; words[8] are those below, words[9] those open."""
    w0, w1, w2, w3, below, open_ = words[0], words[1], words[2], words[3], words[8], words[9]
    b1, b2, b3 = uint32(bit >> uint32(1)), uint32(bit >> uint32(2)), uint32(bit >> uint32(3))
    for w in range(lanes):
        limit = threshold[w]
        less, left = compare_plane(w0[w], bit, limit, below[w], open_[w])
        less, left = compare_plane(w1[w], b1, limit, less, left)
        less, left = compare_plane(w2[w], b2, limit, less, left)
        less, left = compare_plane(w3[w], b3, limit, less, left)
        below[w] = less
        open_[w] = left


@kernel
def decide_open(lanes, address, t, slot, threshold, words):
    """The other twenty bits, in the few lanes where an agent is still open."""
    below, open_ = words[8], words[9]
    for w in range(lanes):
        for k in range(3, SLOTS_PER_GROUP):
            if open_[w] != NONE:
                planes = lane_words(w, address, t, slot + k)
                for i in range(4):
                    bit = uint32(TOP_BIT >> uint32(4 * k + i))
                    below[w], open_[w] = compare_plane(planes[i], bit, threshold[w], below[w], open_[w])


@kernel
def count_groups(lanes, address, t, slot, n_groups, threshold, words, hits):
    """Add the agents of whole groups."""
    below, open_ = words[8], words[9]
    for g in range(part_of(address), n_groups, n_parts(address)):
        first = slot + SLOTS_PER_GROUP * g
        for w in range(lanes):
            below[w] = NONE
            open_[w] = FULL
        for k in range(3):
            draw_words(lanes, address, t, first + k, words[0], words[1], words[2], words[3])
            compare_planes(lanes, uint32(TOP_BIT >> uint32(4 * k)), threshold, words)
        left = NONE
        for w in range(lanes):
            left = uint32(left | open_[w])
        if left != NONE:
            decide_open(lanes, address, t, first, threshold, words)
        for w in range(lanes):
            hits[w] = uint32(hits[w] + count_bits(below[w]))


@kernel
def mask_of(pair):
    """Which halves of a word two bits stand for."""
    return uint32((LOW_HALF if pair & 1 else NONE) | (UPPER_HALF if pair & 2 else NONE))


@kernel
def set_bounds(lanes, first, n, threshold, words):
    """Upper halves of thresholds, twice in a row of words[9] to words[13] for each of words[3] to words[7].

    The bound is 0, which nothing undercuts, where a half belongs to no agent.
    """
    b3, b4, b5, b6, b7 = words[9], words[10], words[11], words[12], words[13]
    owned = ((1 << n) - 1) << (first - 6)
    m3, m4, m5 = mask_of(owned), mask_of(owned >> 2), mask_of(owned >> 4)
    m6, m7 = mask_of(owned >> 6), mask_of(owned >> 8)
    for w in range(lanes):
        bound = uint32(uint32(threshold[w] & UPPER_HALF) | uint32(threshold[w] >> HALF))
        b3[w] = uint32(bound & m3)
        b4[w] = uint32(bound & m4)
        b5[w] = uint32(bound & m5)
        b6[w] = uint32(bound & m6)
        b7[w] = uint32(bound & m7)


@kernel
def compare_halves(lanes, words):
    """Count halves below their bounds into the halves of words[8]; return whether any is equal.

    On rows of 16-bit numbers, two agents a lane.
    """
    w3, w4, w5 = words[3].view(uint16), words[4].view(uint16), words[5].view(uint16)
    w6, w7, sums = words[6].view(uint16), words[7].view(uint16), words[8].view(uint16)
    b3, b4, b5 = words[9].view(uint16), words[10].view(uint16), words[11].view(uint16)
    b6, b7 = words[12].view(uint16), words[13].view(uint16)
    nearest = uint16(LOW_HALF)
    for i in range(2 * lanes):
        below = uint16(below_bound(w3[i], b3[i]) + below_bound(w4[i], b4[i]))
        below = uint16(below + below_bound(w5[i], b5[i]))
        below = uint16(below + below_bound(w6[i], b6[i]))
        sums[i] = uint16(below + below_bound(w7[i], b7[i]))
        nearest = min(nearest, uint16(w3[i] ^ b3[i]))
        nearest = min(nearest, uint16(w4[i] ^ b4[i]))
        nearest = min(nearest, uint16(w5[i] ^ b5[i]))
        nearest = min(nearest, uint16(w6[i] ^ b6[i]))
        nearest = min(nearest, uint16(w7[i] ^ b7[i]))
    return nearest == NO_HALF


@kernel
def count_drawn(lanes, address, t, slot, first, n, threshold, words, hits):
    """Add n agents whose upper halves are drawn already: halves `first` on, 6 to 15, of words[0] to words[7].

    These rows hold slots `slot` and `slot + 1`; half h is of the first if h < 8. So types of a few agents, and
    what else a step draws, may share slots.
    """
    set_bounds(lanes, first, n, threshold, words)
    equal = compare_halves(lanes, words)
    sums = words[8]
    for w in range(lanes):
        hits[w] = uint32(hits[w] + uint32(uint32(sums[w] & LOW_HALF) + uint32(sums[w] >> HALF)))
    if equal:
        decide_pool(lanes, address, t, slot, first, n, threshold, words, hits)


@kernel
def mask_bound(lanes, n, bound, b0, b1, b2, b3):
    """The bounds of a slot's four words where its first n halves are agents, n < 8; 0 for the others."""
    owned = (1 << n) - 1
    m0, m1, m2, m3 = mask_of(owned), mask_of(owned >> 2), mask_of(owned >> 4), mask_of(owned >> 6)
    for w in range(lanes):
        b0[w] = uint32(bound[w] & m0)
        b1[w] = uint32(bound[w] & m1)
        b2[w] = uint32(bound[w] & m2)
        b3[w] = uint32(bound[w] & m3)


@kernel
def count_few(lanes, address, t, slot, n, threshold, words, hits):
    """Add n agents whose upper halves are the first of slots `slot`, slot + 1 and so on; n < 2**16."""
    sums, bound, b0, b1, b2, b3 = words[8], words[9], words[10], words[11], words[12], words[13]
    clear_row(lanes, sums)
    set_bound(lanes, threshold, bound)
    for s in range(n // PER_SLOT):
        draw_words(lanes, address, t, slot + s, words[0], words[1], words[2], words[3])
        if compare_slot(lanes, words, bound, bound, bound, bound, sums):
            decide_pool(lanes, address, t, slot + s, 0, PER_SLOT, threshold, words, hits)
    rest, last = n % PER_SLOT, slot + n // PER_SLOT
    if rest > 0:
        draw_words(lanes, address, t, last, words[0], words[1], words[2], words[3])
        mask_bound(lanes, rest, bound, b0, b1, b2, b3)
        if compare_slot(lanes, words, b0, b1, b2, b3, sums):
            decide_pool(lanes, address, t, last, 0, rest, threshold, words, hits)
    for w in range(lanes):
        hits[w] = uint32(hits[w] + uint32(uint32(sums[w] & LOW_HALF) + uint32(sums[w] >> HALF)))


@kernel
def count_agents(lanes, address, t, slot, n, threshold, words, hits):
    """Fill hits[w] with how many of n agents have a word below threshold[w], both uint32 rows.

    n is below 2**31 and takes n // 4 + 4 slots from `slot` on. `hits` and `threshold` are none of the first
    ROWS - 1 rows of `words`.
    """
    clear_row(lanes, hits)
    n_groups = n // GROUP
    count_groups(lanes, address, t, slot, n_groups, threshold, words, hits)
    for w in range(lanes):
        hits[w] = combine(address, hits[w])
    count_few(lanes, address, t, slot + SLOTS_PER_GROUP * n_groups, n - GROUP * n_groups, threshold, words, hits)


@kernel
def count_below(lanes, address, t, slot, n, threshold, words, count):
    """Add to count[w] how many of n agents have a word below threshold[w], as `count_agents`.

    `words` are ROWS rows to work in, none of them `threshold`. A float32 `count` is exact up to 2**24 agents.
    """
    hits = words[ROWS - 1]
    count_agents(lanes, address, t, slot, n, threshold, words, hits)
    for w in range(lanes):
        count[w] += float32(int32(hits[w]))
