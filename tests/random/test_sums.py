"""Past values and running sums of paths: against lists of all that has been."""

import math

import numpy as np
import pytest
from test_philox import plain

from fastmas.random import remember_mean, remember_past
from fastmas.random.sums import RECENTRE

LANES, BASE, MASK = 5, 3, 15
STEPS = 5 * RECENTRE + 7


def walk(dtype, steps=STEPS):
    """Values (steps + 1, LANES) about 100."""
    rng = np.random.default_rng(3)
    return (100.0 + rng.normal(size=(steps + 1, LANES)).cumsum(axis=0)).astype(dtype)


def histories(values, remember):
    """The history at the end of every step, of a kernel called as remember(t, history, row)."""
    history = np.zeros((BASE + MASK + 3, LANES), dtype=values.dtype)
    for t, row in enumerate(values[1:], 1):
        remember(t, history, row)
        yield t, history.copy()


def means(values, lengths):
    """Means over the last values after the start, for every t, from the sums: [t][length] rows."""
    reference, scratch = values[0].copy(), np.empty_like(values[0])
    found = {}
    for t, h in histories(values, lambda t, history, row: remember_mean(
            t, LANES, history, BASE, MASK, row, reference, scratch)):
        last = h[BASE + (t & MASK)]
        assert (h[:BASE] == 0).all()
        assert (h[BASE + MASK + 1:] == 0).all()
        found[t] = {length: reference + (last - h[BASE + ((t - length) & MASK)]) / values.dtype.type(length)
                    for length in lengths if length <= t}
    return found


@pytest.mark.parametrize(("dtype", "error"), [(np.float32, 4e-5), (np.float64, 1e-13)])
def test_means_from_running_sums(dtype, error):
    values = walk(dtype)
    for t, by_length in means(values, (1, 2, 3, 10, MASK)).items():
        for length, found in by_length.items():
            wanted = [math.fsum(column) / length for column in values[t - length + 1:t + 1].T.tolist()]
            np.testing.assert_allclose(found, wanted, rtol=0, atol=error)


def test_a_mean_stays_exact_however_long_the_path():
    """Sums that never move their reference lose a digit in float32 for every factor of ten in time."""
    values = walk(np.float32, 20_000)
    found = means(values, (10,))
    wanted = np.array([values[t - 9:t + 1].astype(np.float64).mean(axis=0) for t in range(10, len(values))])
    error = np.array([found[t][10] for t in range(10, len(values))]) - wanted
    assert np.abs(error).max() <= 1e-5 * np.abs(wanted).max()


def test_past_values_are_kept_as_they_are():
    values = walk(np.float32)
    for t, history in histories(values, lambda t, history, row: remember_past(t, LANES, history, BASE, MASK, row)):
        for k in range(min(t, MASK + 1)):
            np.testing.assert_array_equal(history[BASE + ((t - k) & MASK)], values[t - k])
        assert (history[:BASE] == 0).all()
        assert (history[BASE + MASK + 1:] == 0).all()


def sample():
    """Means of both precisions, as lists."""
    return [[float(x) for rows in means(walk(dtype), (1, 2)).values() for row in rows.values() for x in row]
            for dtype in (np.float32, np.float64)]


def test_plain_python_gives_the_same_numbers():
    for found, wanted in zip(plain(__file__), sample(), strict=True):
        np.testing.assert_allclose(found, wanted, rtol=3e-7)
