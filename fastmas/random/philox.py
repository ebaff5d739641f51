"""Philox4x32-10 (Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3").

Every random number has an address: key = (seed, run), counter = (path, t, slot, purpose). A word
can be computed again anywhere, so results depend neither on threads nor on blocks nor on order.

Inside a block of paths the first two rounds split into a part that depends on the path alone
(`path_part`, once per block) and a part that depends on (t, slot) alone (a scalar), which leaves
eight rounds per word. Words travel as uint64 whose upper half is ignored: LLVM then multiplies
with one 32x32->64 instruction per lane.
"""

from __future__ import annotations

from numpy import uint32, uint64

from fastmas.kernel import kernel

MASK = uint64(0xFFFFFFFF)
SHIFT = uint64(32)
MUL_0 = uint64(0xD2511F53)
MUL_1 = uint64(0xCD9E8D57)
WEYL_0 = uint64(0x9E3779B9)
WEYL_1 = uint64(0xBB67AE85)
TWO = uint64(2)


@kernel
def philox_round(c0, c1, c2, c3, k0, k1):
    """One round on uint64 carriers of 32-bit words; the upper halves are ignored and not cleared."""
    p0 = uint64((c0 & MASK) * MUL_0)
    p1 = uint64((c2 & MASK) * MUL_1)
    return uint64((p1 >> SHIFT) ^ c1 ^ k0), p1, uint64((p0 >> SHIFT) ^ c3 ^ k1), p0


@kernel
def philox4x32(c0, c1, c2, c3, k0, k1):
    """Return the four uint32 words of counter (c0, c1, c2, c3) under key (k0, k1)."""
    x0, x1, x2, x3 = uint64(c0), uint64(c1), uint64(c2), uint64(c3)
    key_0, key_1 = uint64(k0), uint64(k1)
    for _ in range(10):
        x0, x1, x2, x3 = philox_round(x0, x1, x2, x3, key_0, key_1)
        key_0 = uint64(key_0 + WEYL_0) & MASK
        key_1 = uint64(key_1 + WEYL_1) & MASK
    return uint32(x0 & MASK), uint32(x1 & MASK), uint32(x2 & MASK), uint32(x3 & MASK)


@kernel
def path_part(path, purpose, run):
    """What rounds one and two owe to the path: three uint64, to be kept for the whole block."""
    key_1 = uint64(run)
    product = uint64(uint64(path) * MUL_0)
    a = uint64((product >> SHIFT) ^ uint64(purpose) ^ key_1)
    b = uint64((a & MASK) * MUL_1)
    return b >> SHIFT, b & MASK, (product & MASK) ^ (uint64(key_1 + WEYL_1) & MASK)


@kernel
def step_part(t, slot, seed):
    """What rounds one and two owe to (t, slot): three uint64 scalars."""
    key_0 = uint64(seed)
    p1 = uint64((uint64(slot) & MASK) * MUL_1)
    s0 = uint64((p1 >> SHIFT) ^ uint64(t) ^ key_0) & MASK
    p0 = uint64(s0 * MUL_0)
    return uint64(p1 & MASK) ^ (uint64(key_0 + WEYL_0) & MASK), p0 >> SHIFT, p0 & MASK


@kernel
def last_rounds(c0, c1, c2, c3, k0, k1):
    """Rounds three to ten; k0 and k1 are the keys of round three."""
    for _ in range(8):
        p0 = uint64((c0 & MASK) * MUL_0)
        p1 = uint64((c2 & MASK) * MUL_1)
        c0 = uint64((p1 >> SHIFT) ^ c1 ^ k0)
        c1 = p1
        c2 = uint64((p0 >> SHIFT) ^ c3 ^ k1)
        c3 = p0
        k0 = uint64(k0 + WEYL_0) & MASK
        k1 = uint64(k1 + WEYL_1) & MASK
    return c0, c1, c2, c3


@kernel
def counter(address, w, e):
    """Lane w's counter before round three; `e` is what `step_part` gave."""
    a, b, c = address[0], address[1], address[2]
    return a[w] ^ e[0], b[w], c[w] ^ e[1], e[2]


@kernel
def lane_words(w, address, t, slot):
    """The four words of (path, t, slot) in one lane."""
    seed, k0, k1 = address[3]
    c0, c1, c2, c3 = counter(address, w, step_part(t, slot, seed))
    x0, x1, x2, x3 = last_rounds(c0, c1, c2, c3, k0, k1)
    return uint32(x0), uint32(x1), uint32(x2), uint32(x3)


@kernel
def pick(words4, i):
    """Word i % 4 of a slot."""
    lower = words4[1] if i & 1 else words4[0]
    upper = words4[3] if i & 1 else words4[2]
    return upper if i & 2 else lower


@kernel
def four_once(x, y, z, u, k0, k1):
    """One round of four counters, and the keys of the next one."""
    return (philox_round(x[0], x[1], x[2], x[3], k0, k1), philox_round(y[0], y[1], y[2], y[3], k0, k1),
            philox_round(z[0], z[1], z[2], z[3], k0, k1), philox_round(u[0], u[1], u[2], u[3], k0, k1),
            uint64(k0 + WEYL_0) & MASK, uint64(k1 + WEYL_1) & MASK)


@kernel
def four_twice(x, y, z, u, k0, k1):
    """Two rounds of four counters."""
    x, y, z, u, k0, k1 = four_once(x, y, z, u, k0, k1)
    return four_once(x, y, z, u, k0, k1)


@kernel
def last_rounds_of_four(x, y, z, u, k0, k1):
    """Rounds three to ten of four counters side by side: each hides the latency of the others.

    Written out, because LLVM does not vectorise around a loop too long to be unrolled.
    """
    x, y, z, u, k0, k1 = four_twice(x, y, z, u, k0, k1)
    x, y, z, u, k0, k1 = four_twice(x, y, z, u, k0, k1)
    x, y, z, u, k0, k1 = four_twice(x, y, z, u, k0, k1)
    x, y, z, u, k0, k1 = four_twice(x, y, z, u, k0, k1)
    return x, y, z, u


@kernel
def put_words(w, x, w0, w1, w2, w3):
    """Four words into lane w."""
    w0[w] = uint32(x[0])
    w1[w] = uint32(x[1])
    w2[w] = uint32(x[2])
    w3[w] = uint32(x[3])


@kernel
def draw_words(lanes, address, t, slot, w0, w1, w2, w3):
    """Fill four uint32 lane arrays with the words of (path, t, slot) for every lane.

    `address` is what the engine hands to a model's step; it carries the paths, the seed and the run.
    """
    seed, k0, k1 = address[3]
    e = step_part(t, slot, seed)
    quarter = lanes // 4
    for w in range(quarter):
        v, r, s = w + quarter, w + 2 * quarter, w + 3 * quarter
        x, y, z, u = last_rounds_of_four(counter(address, w, e), counter(address, v, e),
                                         counter(address, r, e), counter(address, s, e), k0, k1)
        put_words(w, x, w0, w1, w2, w3)
        put_words(v, y, w0, w1, w2, w3)
        put_words(r, z, w0, w1, w2, w3)
        put_words(s, u, w0, w1, w2, w3)
    for w in range(4 * quarter, lanes):
        c0, c1, c2, c3 = counter(address, w, e)
        put_words(w, last_rounds(c0, c1, c2, c3, k0, k1), w0, w1, w2, w3)
