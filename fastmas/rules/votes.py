"""Traders who all buy with one probability: each by a word of its own, or all by one number.

Both leave buyers minus sellers in `demand[w]`, for n traders on path w who buy with probability
words[LIMITS][w] / 2**32. `count_votes` gives every trader a word to hold against that threshold;
`draw_votes` draws the number of buyers, one exact Binomial. The law is the same to the last bit.

Traders who decide one by one have the words of `draw_agent`: of trader i the upper half is half h % 8 of
slot `slot + h // 8`, h = first + i, and the lower half is the same half of the slot REFINE above (half h
of a slot is the lower, h even, or upper one of word h // 2). Up to 31 traders have these words in
`count_votes` too, so that a trader's luck is the same under every rule. A type has slots of its own, and
`first` 0; the types of a small market share the slots of the public words, behind them.
"""

from __future__ import annotations

from numpy import int32, int64, uint32

from fastmas.kernel import kernel
from fastmas.random.binomial_lanes import binomial_below, number_of
from fastmas.random.counting import HALF, REFINE, ROWS, clear_row, count_agents, count_drawn, half_of
from fastmas.random.philox import draw_words

HITS, LIMITS, WORD = ROWS - 1, ROWS, ROWS + 1  # rows of `words`, behind those of the counting
N_WORDS = ROWS + 2
PER_SLOT = 8


@kernel
def balance(lanes, hits, n, demand):
    """Fill demand[w] from hits[w] buyers among n < 2**31, exactly before it is rounded."""
    for w in range(lanes):
        buyers = int32(hits[w])
        demand[w] = int32(buyers - int32(int32(n) - buyers))


@kernel
def count_votes(t, lanes, slot, n, demand, words, address):
    """Mode "agents": trader i's word is what `fastmas.random.counting` says, from `slot` on; n < 2**31."""
    count_agents(lanes, address, t, slot, n, words[LIMITS], words, words[HITS])
    balance(lanes, words[HITS], n, demand)


@kernel
def count_few_votes(t, lanes, slot, first, n, demand, words, address):
    """The same of a small market, whose two slots words[0] to words[7] hold already."""
    clear_row(lanes, words[HITS])
    count_drawn(lanes, address, t, slot, first, n, words[LIMITS], words, words[HITS])
    balance(lanes, words[HITS], n, demand)


@kernel
def draw_votes(t, lanes, slot, n, demand, words, address):
    """Mode "aggregate": one number at (path, t, slot), slot < 2**26; n <= 10**12."""
    if n > 0:
        binomial_below(lanes, address, t, slot, n, words[LIMITS], words)
        for w in range(lanes):
            buyers = number_of(w, words)
            demand[w] = int64(buyers - int64(int64(n) - buyers))
    else:
        for w in range(lanes):
            demand[w] = int32(0)


@kernel
def draw_agent(lanes, address, t, slot, first, i, words):
    """Fill words[WORD] with the word of trader i, for i = 0, 1, 2 and so on."""
    h = (first + i) % PER_SLOT
    if i == 0 or h == 0:
        s = slot + (first + i) // PER_SLOT
        draw_words(lanes, address, t, s, words[0], words[1], words[2], words[3])
        draw_words(lanes, address, t, s + REFINE, words[4], words[5], words[6], words[7])
    upper, lower, word = words[h // 2], words[4 + h // 2], words[WORD]
    for w in range(lanes):
        word[w] = uint32(uint32(half_of(h, upper[w]) << HALF) | half_of(h, lower[w]))
