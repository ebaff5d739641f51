"""The binomial numbers of `fastmas.random.binomial` for many lanes side by side, bit for bit.

What every lane needs, the first try and the squeeze that accepts most of them, is one loop over all
lanes. The lanes that it leaves are listed, and what they need (the full test, further tries, the sum
of an inversion) runs over the list, a whole vector at a time. Numbers and uniforms wait in pairs of
uint32 lane arrays: random words have them in every kernel.
"""

from __future__ import annotations

from typing import Any

from numba import types
from numba.extending import overload
from numpy import float64, int64, uint32, uint64

from fastmas.kernel import kernel
from fastmas.random.binomial import (
    INVERSION_LIMIT,
    NEGLIGIBLE,
    SLOTS,
    TRIES,
    accept,
    exp,
    log1p,
    place,
    shape,
    try_words,
    unit,
)
from fastmas.random.philox import draw_words, put_words

N_WORDS = 9  # lane arrays that `binomial_below` works in
PER_WORD = 2.0**-32
HALF = uint32(2**31)
ZERO = uint32(0)
LOW_BITS = int64(0xFFFFFFFF)
UPPER = int64(32)
# In the upper half of a number: it is not drawn yet, and this is how it will be.
BY_TRIES, BY_INVERSION = uint32(0xFFFFFFFF), uint32(0xFFFFFFFE)
VECTOR = 8  # float64 lanes of the widest register
TERMS = 8  # of a sum, between two looks at who is done


def size_of(n: Any, w: Any) -> Any:
    """The number of trials in lane w: n is one number for all lanes, or a row of real ones."""
    return whole_size(n[w]) if hasattr(n, "shape") and n.shape else n


@overload(size_of, inline="always")
def chosen_size(n, w):
    if isinstance(n, types.Array):
        return lambda n, w: whole_size(n[w])
    return lambda n, w: n


@kernel
def whole_size(size):
    """A real number of trials as int64: 0 where it is negative or NaN."""
    return int64(max(0.0, float64(size)))


@kernel
def put_bits(w, bits, low, high):
    """64 bits into lane w of two uint32 arrays."""
    low[w] = uint32(int64(bits) & LOW_BITS)
    high[w] = uint32(int64(int64(bits) >> UPPER) & LOW_BITS)


@kernel
def get_bits(w, low, high):
    """The int64 in lane w of two uint32 arrays."""
    return int64(int64(low[w]) | int64(int64(high[w]) << UPPER))


@kernel
def put_float(w, x, low, high):
    """A float64 into lane w of two uint32 arrays."""
    put_bits(w, float64(x).view(int64), low, high)


@kernel
def get_float(w, low, high):
    """The float64 in lane w of two uint32 arrays."""
    return int64(get_bits(w, low, high)).view(float64)


@kernel
def rare_part(limit):
    """The smaller of p = limit / 2**32 and 1 - p, and whether it is the latter."""
    flip = limit > HALF
    return float64(uint32(~limit + uint32(1)) if flip else limit) * PER_WORD, flip


@kernel
def first_try(lanes, n, threshold, words, low, high):
    """The first try of BTRS for every lane, as far as its squeeze decides; high[w] says what is left."""
    w0, w1, w2, w3 = words[0], words[1], words[2], words[3]
    for w in range(lanes):
        trials = size_of(n, w)
        size = float64(trials)
        p, flip = rare_part(threshold[w])
        _, b, a = shape(size, p)
        u, v = unit(uint64(w0[w]), uint64(w1[w])) - 0.5, unit(uint64(w2[w]), uint64(w3[w]))
        u = -u if flip else u
        edge = 0.5 - abs(u)
        x = place(size, p, a, b, u, 1.0 / edge)
        squeezed = edge >= 0.07 and v * b <= 0.92 * b - 4.2 and x >= 0.0 and x < size + 1.0
        few = size * p < INVERSION_LIMIT
        k = int64(trials - int64(x)) if flip else int64(x)
        left = BY_INVERSION if few else BY_TRIES
        put_bits(w, k, low, high)
        high[w] = high[w] if squeezed and not few else left


@kernel
def list_lanes(lanes, what, high, listed):
    """List the lanes that have `what` in high[w]; return how many."""
    m = 0
    for w in range(lanes):
        listed[m] = uint32(w)  # m <= w
        m += 1 if high[w] == what else 0
    return m


@kernel
def pad(m, lanes, listed):
    """Repeat the first listed lane up to a whole vector; return how many are listed then."""
    full = min((m + VECTOR - 1) // VECTOR * VECTOR, lanes)
    for j in range(m, full):
        listed[j] = listed[0]
    return full


@kernel
def bring_words(m, listed, words):
    """Move the words of the listed lanes, which come in order, to the front."""
    w0, w1, w2, w3 = words[0], words[1], words[2], words[3]
    for j in range(m):
        w = uint64(listed[j])
        w0[j], w1[j], w2[j], w3[j] = w0[w], w1[w], w2[w], w3[w]


@kernel
def draw_listed(m, address, t, slot, listed, words):
    """The words of (path, t, slot) for the listed lanes, in the order of the list."""
    for j in range(m):
        put_words(j, try_words(uint64(listed[j]), address, t, slot), words[0], words[1], words[2], words[3])


@kernel
def full_test(m, n, threshold, listed, words):
    """What a try gives for each listed lane, into words 0 and 1: the number, or BY_TRIES above."""
    w0, w1, w2, w3 = words[0], words[1], words[2], words[3]
    for j in range(m):
        trials = size_of(n, uint64(listed[j]))
        size = float64(trials)
        p, flip = rare_part(threshold[uint64(listed[j])])
        u, v = unit(uint64(w0[j]), uint64(w1[j])) - 0.5, unit(uint64(w2[j]), uint64(w3[j]))
        x = accept(size, p, -u if flip else u, v)
        put_bits(j, int64(trials - int64(x)) if flip else int64(x), w0, w1)
        w1[j] = w1[j] if x >= 0.0 else BY_TRIES


@kernel
def take_numbers(m, listed, words, low, high):
    """Numbers to their lanes; return how many stay listed."""
    w0, w1 = words[0], words[1]
    left = 0
    for j in range(m):
        w = listed[j]
        low[uint64(w)], high[uint64(w)] = w0[j], w1[j]
        listed[left] = w  # left <= j
        left += 1 if w1[j] == BY_TRIES else 0
    return left


@kernel
def begin_sum(m, n, threshold, listed, words):
    """The uniform of each listed lane into words 0 and 1, P(K = 0) into words 2 and 3."""
    w0, w1, w2, w3 = words[0], words[1], words[2], words[3]
    for j in range(m):
        size = float64(size_of(n, uint64(listed[j])))
        p, flip = rare_part(threshold[uint64(listed[j])])
        u = unit(uint64(w0[j]), uint64(w1[j]))
        put_float(j, 1.0 - u if flip else u, w0, w1)
        put_float(j, exp(size * log1p(-p)), w2, w3)


@kernel
def walk(m, first, n, threshold, listed, words, steps):
    """Up to TERMS more terms of each listed lane's sum; steps[j] says how many it took."""
    w0, w1, w2, w3 = words[0], words[1], words[2], words[3]
    for j in range(m):
        size = float64(size_of(n, uint64(listed[j])))
        p, _ = rare_part(threshold[uint64(listed[j])])
        odds = p / (1.0 - p)
        left, term, taken = get_float(j, w0, w1), get_float(j, w2, w3), ZERO
        for i in range(TERMS):
            k = float64(first + i)
            goes = left > term > NEGLIGIBLE
            left = left - term if goes else left
            term = term * (odds * (size - k) * (1.0 / (k + 1.0))) if goes else term
            taken = uint32(taken + (uint32(1) if goes else ZERO))
        put_float(j, left, w0, w1)
        put_float(j, term, w2, w3)
        steps[j] = taken


@kernel
def take_sums(m, first, n, threshold, listed, words, steps, low, high):
    """Numbers to their lanes; those whose sum goes on stay listed. Return how many."""
    w0, w1, w2, w3 = words[0], words[1], words[2], words[3]
    left = 0
    for j in range(m):
        w = listed[j]
        trials = int64(size_of(n, uint64(w)))
        k = min(int64(first + int64(steps[j])), trials)
        _, flip = rare_part(threshold[uint64(w)])
        put_bits(uint64(w), int64(trials - k) if flip else k, low, high)
        listed[left] = w  # left <= j
        w0[left], w1[left], w2[left], w3[left] = w0[j], w1[j], w2[j], w3[j]
        left += 1 if steps[j] == TERMS else 0
    return left


@kernel
def further_tries(lanes, address, t, slot, n, threshold, words, listed, low, high):
    """BTRS for the lanes whose first try the squeeze did not accept."""
    m = list_lanes(lanes, BY_TRIES, high, listed)
    bring_words(m, listed, words)
    for i in range(1, TRIES):
        if m == 0:
            break
        full_test(pad(m, lanes, listed), n, threshold, listed, words)
        m = take_numbers(m, listed, words, low, high)
        draw_listed(pad(m, lanes, listed), address, t, slot + i * SLOTS, listed, words)


@kernel
def inversions(lanes, address, t, slot, n, threshold, words, listed, steps, low, high):
    """Inversion for the lanes with n * min(p, 1 - p) < 10."""
    m = list_lanes(lanes, BY_INVERSION, high, listed)
    full = pad(m, lanes, listed)
    draw_listed(full, address, t, slot, listed, words)
    begin_sum(full, n, threshold, listed, words)
    first = 0
    while m > 0:
        walk(pad(m, lanes, listed), first, n, threshold, listed, words, steps)
        m = take_sums(m, first, n, threshold, listed, words, steps, low, high)
        first += TERMS


@kernel
def binomial_below(lanes, address, t, slot, n, threshold, words):
    """For every lane one Binomial(n, threshold[w] / 2**32) number, which `number_of` reads.

    The law of `count_below`, to the last bit of the probability, at a price that does not grow
    with n <= 10**12. `words` are N_WORDS uint32 lane arrays to work in; `threshold` may be
    words[7]. Numbers and slots are those of `binomial`. A row in place of n gives every lane its own.
    """
    listed, steps, low, high = words[4], words[5], words[6], words[8]
    draw_words(lanes, address, t, slot, words[0], words[1], words[2], words[3])
    first_try(lanes, n, threshold, words, low, high)
    further_tries(lanes, address, t, slot, n, threshold, words, listed, low, high)
    inversions(lanes, address, t, slot, n, threshold, words, listed, steps, low, high)


@kernel
def number_of(w, words):
    """The number that `binomial_below` left for lane w, int64."""
    return get_bits(w, words[6], words[8])
