"""Normals, the distribution function and thresholds: errors against float64, symmetry, types."""

import os

import numba
import numpy as np
import pytest
from numba import njit
from scipy.special import ndtr, ndtri
from test_philox import plain

from fastmas.engine.lanes import stack_array
from fastmas.random import cdf_thresholds, draw_normals, normal, normal_cdf, threshold, uniform

LAST = 2**32 - 1


def over(kernel, x, dtype=np.float32):
    """The kernel at every element of x, compiled as one loop."""
    @njit(error_model="numpy", fastmath={"contract"})
    def loop(x, out):
        for i in range(x.size):
            out[i] = kernel(x[i])

    out = np.empty(x.size, dtype=dtype)
    loop(x, out)
    return out


@pytest.fixture(scope="module")
def words():
    """Evenly spaced words, both tails and both sides of the middle, and random words."""
    rng = np.random.default_rng(20)
    near = np.arange(2**15)
    parts = [np.arange(0, 2**32, 2**16), near, LAST - near, 2**31 + near, 2**31 - 1 - near,
             rng.integers(0, 2**32, 2**20)]
    return np.concatenate(parts).astype(np.uint32)


@pytest.fixture(scope="module")
def points():
    rng = np.random.default_rng(21)
    grid = np.sort(np.concatenate([np.linspace(-9.0, 9.0, 2**20), rng.normal(0.0, 1.5, 2**20)]))
    return grid.astype(np.float32)


def quantiles(words):
    """The exact normal of each word: the quantile at the middle of its pair of words."""
    lower = np.where(words < 2**31, words, LAST - words)
    return np.where(words < 2**31, 1.0, -1.0) * ndtri((lower | 1) / 2.0**32)


def test_normal_error(words):
    z = np.empty(words.size, dtype=np.float32)
    draw_normals(words.size, words, z)
    truth = quantiles(words)
    error = np.abs(z - truth)
    # The bounds of the docstring, found over all 2**32 words.
    assert error[np.abs(truth) < 4.0].max() <= 1.2e-6
    assert error.max() <= 1.3e-6
    assert np.abs(z).max() < 6.231


def test_normal_is_odd(words):
    np.testing.assert_array_equal(over(normal, words), -over(normal, ~words))


def test_normal_in_float64(words):
    """`ndtri` is exact to a few units in the last place; the middle words are the smallest numbers."""
    chosen = np.concatenate([words[::37], 2**31 + np.arange(-99, 99)]).astype(np.uint32)
    z = np.empty(chosen.size)
    draw_normals(chosen.size, chosen, z)
    np.testing.assert_allclose(z, quantiles(chosen), rtol=1e-15, atol=4e-15)


def test_thresholds_in_float64(points):
    x, limits = points[::9].astype(np.float64), np.empty(points[::9].size, dtype=np.uint32)
    cdf_thresholds(x.size, x, limits)
    assert np.abs(limits - np.minimum(ndtr(x) * 2.0**32, 2**32 - 1)).max() <= 1.0


def test_normal_cdf_error_and_order(points):
    found = over(normal_cdf, points)
    assert np.abs(found - ndtr(points.astype(np.float64))).max() <= 1.8e-7
    assert (np.maximum.accumulate(found.astype(np.float64)) - found).max() <= 1.2e-7
    assert found.min() >= 0.0
    assert found.max() == 1.0


def test_normal_cdf_in_float64(points):
    x = points[::99].astype(np.float64)
    np.testing.assert_allclose(over(normal_cdf, x, np.float64), ndtr(x), rtol=1e-14)


def test_normal_cdf_at_zero_and_far_out():
    far = np.array([5.632, 9.0, 1e3, 3e38, np.inf], dtype=np.float32)
    assert normal_cdf(np.float32(0.0)) == 0.5
    assert (over(normal_cdf, far) == 1.0).all()
    limits = np.empty(far.size, dtype=np.uint32)
    cdf_thresholds(far.size, -far, limits)
    assert (limits == 0).all()
    assert np.isnan(normal_cdf(np.float32(np.nan)))


def test_threshold_is_exact():
    rng = np.random.default_rng(22)
    p = np.concatenate([rng.random(10_000), 10.0 ** -rng.uniform(0, 12, 10_000)]).astype(np.float32)
    np.testing.assert_array_equal(over(threshold, p, np.uint32), np.floor(p.astype(np.float64) * 2.0**32))
    assert threshold(np.float32(0.0)) == 0
    assert threshold(np.float32(1.0)) == 2**32 - 2**8
    p = np.concatenate([rng.random(10_000), [0.0, 2.0**-32]])
    np.testing.assert_array_equal(over(threshold, p, np.uint32), np.floor(p * 2.0**32))
    assert threshold(1.0) == 2**32 - 1


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_what_is_no_probability_has_the_threshold_of_the_nearer_end(dtype):
    p = np.array([-1e-9, -3.0, np.nan, -np.inf, np.inf, 1.5] * 16, dtype=dtype)
    last = int(threshold(dtype(1.0)))
    assert over(threshold, p, np.uint32).tolist() == [0, 0, 0, 0, last, last] * 16
    assert [int(threshold(v)) for v in p[:6]] == [0, 0, 0, 0, last, last]


def test_cdf_thresholds(points):
    limits = np.empty(points.size, dtype=np.uint32)
    cdf_thresholds(points.size, points, limits)
    np.testing.assert_array_equal(limits, over(threshold, over(normal_cdf, points), np.uint32))
    # The error of normal_cdf, 1.8e-7, and that of the cut at 1 - 2**-24.
    assert np.abs(limits / 2.0**32 - ndtr(points.astype(np.float64))).max() <= 2.4e-7


def test_uniform_is_the_middle_of_its_cell(words):
    u = over(uniform, words)
    np.testing.assert_array_equal(u, ((words >> 9) + 0.5) / 2.0**23)
    np.testing.assert_array_equal(1.0 - u.astype(np.float64), over(uniform, ~words))
    assert u.min() > 0.0
    assert u.max() < 1.0


def sample():
    """Values of every kernel at a few words and points, as lists."""
    rng = np.random.default_rng(23)
    words = np.concatenate([[0, 1, 2**31 - 1, 2**31, LAST], rng.integers(0, 2**32, 500)]).astype(np.uint32)
    x = np.concatenate([[0.0, -6.0, 6.0, 50.0, -np.inf], rng.normal(0, 2, 500)]).astype(np.float32)
    z, limits = np.empty(words.size, dtype=np.float32), np.empty(x.size, dtype=np.uint32)
    draw_normals(words.size, words, z)
    cdf_thresholds(x.size, x, limits)
    return [z.tolist(), [float(normal_cdf(v)) for v in x], limits.tolist(),
            [float(uniform(word)) for word in words]]


def test_plain_python_gives_the_same_numbers():
    z, cdf, limits, u = (np.array(row) for row in plain(__file__))
    compiled = [np.array(row) for row in sample()]
    # Compiled code fuses multiply and add, plain Python rounds in between: each keeps its own bound.
    assert np.abs(z - compiled[0]).max() <= 2.4e-6
    assert np.abs(cdf - compiled[1]).max() <= 2.4e-7
    assert np.abs(limits - compiled[2]).max() <= 2.4e-7 * 2**32
    np.testing.assert_array_equal(u, compiled[3])


@pytest.mark.skipif(os.environ.get("NUMBA_DISABLE_JIT") == "1", reason="nothing is compiled")
def test_loops_are_float32_vectors_without_calls():
    """In a block as the engine has it, where arrays and so their precision are known."""
    normals, limits = stack_array((64,), numba.float32), stack_array((64,), numba.uint32)

    @njit(error_model="numpy", fastmath={"contract"})
    def block(words, out):
        z, bounds = normals(), limits()
        draw_normals(64, words, z)
        cdf_thresholds(64, z, bounds)
        for w in range(64):
            out[w] = bounds[w]

    block(np.arange(64, dtype=np.uint32), np.zeros(64, dtype=np.uint32))
    code = "".join(block.inspect_llvm().values())
    assert " x float>" in code
    assert " double" not in code
    assert "@erfc" not in code
    assert "@log" not in code
