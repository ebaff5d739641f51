"""Gamma numbers of any shape by address, in the precision of the lanes.

The rejection method of Marsaglia and Tsang 2000, "A simple method for generating gamma variables", ACM Trans.
Math. Softw. 26: d v with v = (1 + c x)^3, d = a - 1/3, c = 1 / sqrt(9 d), x normal, for a shape a >= 1; a
smaller shape a has the number of a + 1 times U^(1/a).

Addresses: two tries share a slot: the even one has word 0 for its normal and word 1 for its uniform, the odd one words
2 and 3. The first two of a draw have the slot that it is called with, try k has that slot plus k // 2, k < TRIES;
word 0 of the draw's last slot is U. At least 95% of tries are accepted, whatever the shape, and the last one always
is: one draw in 1e83 gets so far.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from numpy import float32, float64, int32, uint32

from fastmas.kernel import kernel, product
from fastmas.random.functions import exp, log
from fastmas.random.normal import draw_normals, normal_double, normal_of, uniform, uniform_of
from fastmas.random.philox import draw_words, lane_words
from fastmas.random.precision import in_precision

SLOTS = 64  # of a draw
TRIES, LAST = 64, SLOTS - 1  # the most tries of one, and its slot of U
ZERO = float32(0.0)
HALF = float32(0.5)
ONE = float32(1.0)
THREE = float32(3.0)
NINE = float32(9.0)
DONE, LEFT = uint32(0), uint32(1)


@kernel
def scales(shape):
    """d and c of Marsaglia and Tsang, of a shape below 1 those of the one above it."""
    d = (THREE * (shape if shape >= ONE else shape + ONE) - ONE) / THREE
    return d, math.sqrt(ONE / (NINE * d))


@kernel
def cube(x, c):
    root = ONE + c * x
    return root * root * root


@kernel
def fits(x, v, u, d):
    """Whether a try is accepted."""
    return (v > ZERO) & (log(u) < HALF * x * x + product(d, ONE - v + log(v)))


@kernel
def boost(word, shape, like):
    """U^(1/shape) of a shape below 1, else 1."""
    return exp(log(uniform_of(word, like)) / shape) if shape < ONE else ONE


@kernel
def accepted(words4, begin, w, address, t, slot, shape, like):
    """The number of the first try from `begin` on that is accepted; `words4` are those of `slot`, of tries 0 and 1."""
    d, c = scales(shape)
    v = d
    four = words4
    for k in range(begin, TRIES):
        if k > 1 and k % 2 == 0:
            four = lane_words(w, address, t, slot + k // 2)
        one, other = (four[0], four[1]) if k % 2 == 0 else (four[2], four[3])
        x, u = normal_of(one, like), uniform_of(other, like)
        v = cube(x, c)
        if fits(x, v, u, d):
            break
    return d * v


@kernel
def finish_gamma(words4, w, address, t, slot, shape, like):
    """One Gamma(shape) number of lane w in the precision of `like`; `words4` are those of `slot`."""
    a = in_precision(like, shape, float32, float64)
    number = accepted(words4, 0, w, address, t, slot, a, like)
    if a < ONE:
        number *= boost(lane_words(w, address, t, slot + LAST)[0], a, like)
    return number


@kernel
def first_gammas(lanes, shape, left, out):
    """Make the normals of `out` the numbers of the first tries, and their uniforms' words those of 0 where accepted.

    Returns how many are not, and whether a shape is below 1. No squeeze spares logarithms: side by side they cost less
    than to look again, lane by lane, at the 3 to 5% of tries that it leaves open.
    """
    n_left, small = int32(0), DONE
    for w in range(lanes):
        d, c = scales(shape[w])
        x = out[w]
        v = cube(x, c)
        state = DONE if fits(x, v, uniform_of(left[w], out), d) else LEFT
        left[w] = state
        n_left = int32(n_left + int32(state))
        out[w] = d * v
        small = uint32(small | (LEFT if shape[w] < ONE else DONE))
    return n_left, small != DONE


@kernel
def draw_gammas(lanes, address, t, slot, shape, words, out):
    """Fill out[w] with a Gamma(shape[w]) number of scale 1 at (path, t, slot), for every lane.

    `shape` > 0 and `out` are rows of one precision, `words` four uint32 rows to work in. In float32 the law holds
    for shapes up to 1e4, and numbers below 1e-38 become about that.
    """
    w0, w1, w2, w3 = words[0], words[1], words[2], words[3]
    draw_words(lanes, address, t, slot, w0, w1, w2, w3)
    draw_normals(lanes, w0, out)
    n_left, small = first_gammas(lanes, shape, w1, out)
    w = 0
    while n_left > int32(0):
        if w1[w] != DONE:
            out[w] = accepted((DONE, DONE, w2[w], w3[w]), 1, w, address, t, slot, shape[w], out)
            n_left = int32(n_left - int32(1))
        w += 1
    if small:
        draw_words(lanes, address, t, slot + LAST, w0, w1, w2, w3)
        for w in range(lanes):
            out[w] = out[w] * boost(w0[w], shape[w], out)


def gamma_of(shape: float, slot: int, words_of: Callable[[int], Sequence[int]]) -> float:
    """What a gamma number is, in float64, slow and obvious: for tests to hold kernels against.

    `words_of` gives the four words of a slot.
    """
    d = (shape if shape >= 1.0 else shape + 1.0) - 1.0 / 3.0
    v = 0.0
    for k in range(TRIES):
        words = words_of(slot + k // 2)[2 * (k % 2):]
        x, u = float(normal_double(uint32(words[0]))), float(uniform(uint32(words[1])))
        v = (1.0 + x / math.sqrt(9.0 * d)) ** 3
        if v > 0.0 and math.log(u) < 0.5 * x * x + d * (1.0 - v + math.log(v)):
            break
    return d * v * (float(uniform(uint32(words_of(slot + LAST)[0]))) ** (1.0 / shape) if shape < 1.0 else 1.0)
