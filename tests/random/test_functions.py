"""log, exp, tanh and sigmoid: errors in both precisions, ends and symmetry."""

import math

import numpy as np
import pytest
from numba import njit
from scipy.special import expit
from test_normal import over
from test_philox import plain

from fastmas.random import exp, log, sigmoid, tanh

SMALLEST, LARGEST = 1.1754944e-38, 3.4028235e38


@pytest.fixture(scope="module")
def points():
    rng = np.random.default_rng(30)
    parts = [rng.uniform(-87.0, 87.0, 2**19), rng.uniform(-10.0, 10.0, 2**19), rng.normal(0.0, 1.0, 2**19),
             10.0 ** -rng.uniform(0.0, 37.0, 2**16)]
    return np.concatenate(parts).astype(np.float32)


def test_log_error():
    rng = np.random.default_rng(31)
    parts = [np.exp(rng.uniform(-87.0, 88.0, 2**20)), rng.uniform(0.5, 2.0, 2**20),
             rng.normal(1.0, 1e-4, 2**18), [SMALLEST, LARGEST]]
    x = np.concatenate(parts).astype(np.float32)
    truth = np.log(x.astype(np.float64))
    assert np.max(np.abs(over(log, x) - truth) / np.maximum(1.0, np.abs(truth))) <= 9e-8
    assert log(np.float32(1.0)) == 0.0


def test_exp_error_and_ends(points):
    assert np.abs(over(exp, points) / np.exp(points.astype(np.float64)) - 1.0).max() <= 9e-8
    assert exp(np.float32(0.0)) == 1.0
    ends = over(exp, np.array([-np.inf, -88.0, -87.0, 87.0, 88.0, np.inf], dtype=np.float32))
    assert ends[0] == ends[1] == ends[2] > 0.0
    assert ends[3] == ends[4] == ends[5] < np.inf


def test_tanh_error_oddness_and_saturation(points):
    truth = np.tanh(points.astype(np.float64))
    found = over(tanh, points)
    assert np.abs(found - truth).max() <= 9e-8
    assert np.abs(found / truth - 1.0).max() <= 1.9e-7
    np.testing.assert_array_equal(over(tanh, -points), -found)
    assert np.abs(found).max() == 1.0
    assert (over(tanh, np.array([9.0, 1e9, np.inf], dtype=np.float32)) == 1.0).all()
    assert tanh(np.float32(0.0)) == 0.0


def test_sigmoid_error_and_ends(points):
    inside = points[points >= -87.0]
    assert np.abs(over(sigmoid, inside) / expit(inside.astype(np.float64)) - 1.0).max() <= 1.5e-7
    assert sigmoid(np.float32(0.0)) == 0.5
    assert sigmoid(np.float32(1e9)) == 1.0
    assert 0.0 < sigmoid(np.float32(-1e9)) < 2e-38


@pytest.mark.parametrize("function", [exp, tanh, sigmoid])
def test_nan_stays_nan(function):
    assert np.isnan(function(np.float32(np.nan)))


def logistic(x):
    return 1.0 / (1.0 + math.exp(-x))


@pytest.mark.parametrize(("function", "truth"), [
    (exp, math.exp), (tanh, math.tanh), (sigmoid, logistic), (log, math.log)])
def test_float64_has_its_own_precision(function, truth):
    rng = np.random.default_rng(33)
    x = np.concatenate([rng.uniform(-87.0, 87.0, 500), rng.normal(0.0, 1.0, 500), [0.3]])
    x = np.exp(x) if function is log else x
    found = over(function, x, np.float64)
    np.testing.assert_allclose(found, [truth(v) for v in x], rtol=1e-14)
    np.testing.assert_allclose([function(v) for v in x[:20]], found[:20], rtol=1e-15)


def test_ends_in_float64():
    assert over(exp, np.array([-np.inf, np.inf]), np.float64).tolist() == [math.exp(-708.0), math.exp(709.0)]
    assert 0.0 < sigmoid(-1e9) < 1e-300
    assert sigmoid(1e9) == 1.0
    assert log(0.0) == -math.inf
    assert math.isnan(log(-1.0))
    assert np.isnan([exp(math.nan), tanh(math.nan), log(math.nan)]).all()


@pytest.mark.parametrize("function", [exp, tanh, sigmoid, log])
def test_a_loop_in_float32_is_a_loop_of_vectors(function):
    @njit(error_model="numpy", fastmath={"contract"})
    def loop(x, out):
        for i in range(x.size):
            out[i] = function(x[i])

    if not hasattr(loop, "inspect_llvm"):
        pytest.skip("nothing is compiled")
    loop(np.ones(64, dtype=np.float32), np.empty(64, dtype=np.float32))
    code = "".join(loop.inspect_llvm().values())
    assert " x float>" in code
    assert " double" not in code


def sample():
    """Every function at a few points, as lists."""
    x = np.concatenate([[0.0, 100.0, -100.0, np.inf], np.random.default_rng(32).normal(0.0, 5.0, 300)])
    x = x.astype(np.float32)
    positive = np.exp2(np.clip(x, -100.0, 100.0)).astype(np.float32)
    kinds = [(function, x) for function in (exp, tanh, sigmoid)] + [(log, positive)]
    return [[float(function(v)) for v in points.astype(dtype)] for function, points in kinds
            for dtype in (np.float32, np.float64)]


def test_plain_python_gives_the_same_numbers():
    # Plain Python does not fuse multiply and add: two units in the last place.
    np.testing.assert_allclose(plain(__file__), sample(), rtol=2.5e-7, atol=1e-12)
