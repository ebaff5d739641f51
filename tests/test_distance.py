"""The metric against closed forms: what it whitens, and when and how far it believes that a model is wrong."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import chi2
from test_moments import LOW, TRUTH, problem

from fastmas.distance import weigh
from fastmas.updaters.scoring import compare

SHARE = 0.01
SD = np.array([1.0, 2.0, 0.5, 1.0])
SOFT = np.array([False, True, True, True])


def independent(n=400, seed=1):
    """Features with an identity for covariance, times SD, to the last bit of rounding."""
    z = np.random.default_rng(seed).standard_normal((n, len(SD)))
    z = z - z.mean(axis=0)
    return z @ np.linalg.inv(np.linalg.cholesky(np.cov(z.T))).T * SD


def test_rows_whiten_what_is_correlated():
    x = independent() @ np.array([[1.0, 0.9, 0, 0], [0, 1, -0.5, 0], [0, 0, 1, 0.8], [0, 0, 0, 1]])
    rows = weigh(x, SHARE).rows
    np.testing.assert_allclose(rows @ (SHARE * np.cov(x.T)) @ rows.T, np.eye(4), atol=1e-9)


def test_a_right_model_has_no_misfit():
    """As far as chance goes once in a thousand times."""
    gap = np.sqrt(SHARE) * SD * [0.0, 1.0, 1.0, 1.0] * np.sqrt(0.99 * chi2.ppf(0.999, 3) / 3)
    assert weigh(independent(), SHARE, gap=gap, soft=SOFT).tau == 0.0
    assert weigh(independent(), SHARE, gap=1.1 * gap, soft=SOFT).tau > 0.0


@pytest.mark.parametrize("far", [4.0, 50.0])
def test_the_misfit_is_what_is_beside_chance(far):
    """Each soft feature `far` errors off: far^2 / (1 + tau^2) = 1, and the hard one is weighed as before."""
    gap = np.sqrt(SHARE) * SD * far * SOFT
    weight = weigh(independent(), SHARE, gap=gap, soft=SOFT)
    assert weight.tau == pytest.approx(np.sqrt(far**2 - 1), rel=1e-3)
    assert weight.distance(gap) == pytest.approx(SOFT.sum(), rel=1e-3)
    assert weight.distance(np.array([np.sqrt(SHARE), 0.0, 0.0, 0.0])) == pytest.approx(1.0, rel=1e-3)


def test_where_nothing_may_be_off_nothing_is_excused():
    gap = np.sqrt(SHARE) * SD * 50.0
    for soft in (None, np.zeros(4, dtype=bool)):
        weight = weigh(independent(), SHARE, gap=gap, soft=soft)
        assert weight.tau == 0.0
        assert weight.distance(gap) == pytest.approx(4 * 50.0**2)


def test_points_are_compared_in_the_metric_of_the_nearest():
    """A point whose own paths vary widely is near by its own errors and far by those of the truth."""
    fit, wide = problem(3), TRUTH + [0.0, 1.5]
    seen = compare(fit, np.stack([wide, TRUTH, LOW]))
    metric, _ = fit.weight(TRUTH, fit.n_polish, 8)
    gap = fit.weight(wide, fit.n_polish, 8)[1].mean(axis=0) - fit.observed
    assert seen.distances[0] == pytest.approx(metric.distance(gap))
    assert seen.distances[1] == seen.distances.min()
