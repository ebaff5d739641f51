"""Intervals and warnings: what is said, the words, and standard errors against the moment fit's and the bound."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import norm
from small_games import make_parts, market, market_paths, market_series, z_of

import fastmas as fm
from fastmas.calibration import interval
from fastmas.calibration.interval import BY_DRAWS, METHOD, Uncertainty, intervals, uncertainty, warnings
from fastmas.calibration.posterior import Posterior
from fastmas.calibration.record import Record
from fastmas.calibration.settle import ALL_RUN, whole_problem
from fastmas.calibration.simulator import Simulator
from fastmas.calibration.start import find_start
from fastmas.parameters import Parameter, ParameterSpace
from fastmas.updaters.scoring import covariance_at


def space_of(*parameters):
    """All of them are free."""
    return ParameterSpace(parameters, [p.name for p in parameters])


def parameter(name, low=0.1, high=10.0, scale="log", **more):
    return Parameter(name=name, default=1.0, low=low, high=high, scale=scale, **more)


def covariance(sd, correlation=0.0):
    sd = np.asarray(sd, dtype=float)
    out = np.outer(sd, sd) * correlation
    np.fill_diagonal(out, sd**2)
    return out


SETTLED = Record(is_settled=True)
B_C = space_of(parameter("b"), parameter("c"))


# ---------------------------------------------------------------------- ends


def test_ends_are_those_of_a_normal_in_search_coordinates():
    space = space_of(parameter("b"), parameter("m", -5.0, 5.0, "linear"))
    ends = Uncertainty(covariance([0.1, 0.5])).interval(space, np.array([np.log(2.0), 1.0]))
    reach = norm.ppf(0.95)
    assert ends["b"] == pytest.approx([2.0 * np.exp(-0.1 * reach), 2.0 * np.exp(0.1 * reach)])
    assert ends["m"] == pytest.approx([1.0 - 0.5 * reach, 1.0 + 0.5 * reach])


def test_ends_stay_inside_the_bounds():
    ends = Uncertainty(covariance([5.0, 5.0])).interval(B_C, np.log([0.2, 9.0]))
    assert ends["b"] == pytest.approx([0.1, 10.0])
    assert ends["c"] == pytest.approx([0.1, 10.0])


def test_whole_numbers_have_whole_ends():
    space = space_of(parameter("l", 1, 10, "linear", integer=True))
    assert Uncertainty(covariance([0.5])).interval(space, np.array([4.0])) == {"l": [3.0, 5.0]}


SLOPING = Posterior(np.column_stack([np.linspace(-1.0, 0.5, 1001), np.linspace(0.5, 1.5, 1001)]), "", is_learned=True)


def test_ends_are_quantiles_of_the_draws_where_a_series_leaves_a_parameter_vague():
    """A box of 4.6: a standard error of .5 is vague. The estimate is below all draws of c, and inside all the same."""
    ends, method = intervals(B_C, np.zeros(2), Uncertainty(covariance([0.5, 0.1])), SLOPING, is_series=True)
    assert method == BY_DRAWS
    assert np.log(ends["b"]) == pytest.approx([-0.925, 0.425])
    assert np.log(ends["c"]) == pytest.approx([0.0, 1.45])


@pytest.mark.parametrize(("sd", "drawn", "is_series"), [
    (0.1, SLOPING, True), (0.5, SLOPING, False), (0.5, None, True), (0.5, replace(SLOPING, is_learned=False), True),
    (0.5, replace(SLOPING, z=SLOPING.z[:100]), True)], ids=["sharp", "paths", "no draws", "a normal law", "few draws"])
def test_ends_are_those_of_the_estimate_otherwise(sd, drawn, is_series):
    found = Uncertainty(covariance([sd, 0.1]))
    ends, method = intervals(B_C, np.zeros(2), found, drawn, is_series=is_series)
    assert (ends, method) == (found.interval(B_C, np.zeros(2)), METHOD)


def test_a_calibration_says_which_ends_it_tells(small, monkeypatch):
    monkeypatch.setattr(interval, "covariance_at", lambda problem, z: np.diag([0.1, 2.0]) ** 2)
    fit = fm.calibrate(market(), market_series(600), free=["gamma", "rho"], updater="moments", n_threads=1)
    assert fit.result["interval_method"] == BY_DRAWS
    for name, (low, high) in fit.interval.items():
        ends = [*np.quantile(fit.draws[name], [0.05, 0.95]), fit.estimate[name]]
        assert [low, high] == pytest.approx([min(ends), max(ends)], rel=1e-3)


# ---------------------------------------------------------------------- warnings


def test_nothing_is_said_where_nothing_is_wrong():
    assert warnings(B_C, SETTLED, np.zeros(2), covariance([0.1, 0.1], 0.9)) == []


def test_a_search_that_did_not_settle():
    said = warnings(B_C, Record(is_settled=False), np.zeros(2), covariance([0.1, 0.1]))
    assert len(said) == 1
    assert "no convergence" in said[0]


@pytest.mark.parametrize(("value", "where"), [(0.1, "lower"), (0.104, "lower"), (10.0, "upper"), (9.6, "upper")])
def test_an_estimate_at_its_bound(value, where):
    said = warnings(B_C, SETTLED, np.log([1.0, value]), covariance([0.1, 0.1]))
    assert said == [f"c ended at its {where} bound: widen the bounds or fix it"]
    assert warnings(B_C, SETTLED, np.log([1.0, 0.11]), covariance([0.1, 0.1])) == []


def test_a_parameter_that_the_data_do_not_show():
    """The box is log 100 wide, and a uniform over it has an sd of 29% of that."""
    width = np.log(100.0)
    said = warnings(B_C, SETTLED, np.zeros(2), covariance([0.1, 0.25 * width]))
    assert said == ["c is hardly identified by these data: its standard error is 25% of its range"]
    assert warnings(B_C, SETTLED, np.zeros(2), covariance([0.1, 0.15 * width])) == []


MIDDLES = space_of(parameter("m", 0.0, 4.0, "linear"), parameter("n", 0.0, 4.0, "linear"))
LINEAR = space_of(parameter("b"), parameter("m", 0.0, 4.0, "linear"))
MIDDLE = {B_C: np.zeros(2), LINEAR: np.array([0.0, 2.0]), MIDDLES: np.full(2, 2.0)}
RIDGE = 0.204 * np.log(100.0)  # b / c known and nothing else: a uniform over the diagonal of the box, sd in b and c


@pytest.mark.parametrize(("space", "sd", "correlation", "combination"), [
    (B_C, [0.1, 0.1], 0.99, "b / c"),
    (B_C, [0.1, 0.1], -0.99, "b * c"),
    (B_C, [0.1, 0.05], 0.99, "b^-0.5 * c"),
    (B_C, [0.05, 0.1], -0.99, "b * c^0.5"),
    (B_C, [RIDGE, RIDGE], 0.999, "b / c"),
    (LINEAR, [0.1, 0.2], 0.99, "log(b) - 0.5 m"),
    (MIDDLES, [0.6, 0.6], 0.99, "m - n"),
    (MIDDLES, [0.6, 0.6], -0.99, "m + n"),
])
def test_parameters_that_move_together(space, sd, correlation, combination):
    said = warnings(space, SETTLED, MIDDLE[space], covariance(sd, correlation))
    names = space.free
    assert said == [f"{names[0]} and {names[1]} move together (correlation {correlation:+.2f}): the data identify "
                    f"{combination}, not each of them"]


def test_the_combination_is_the_one_that_varies_least():
    """As weights of the words say: b^-0.5 * c has a tenth of the sd that c has."""
    wide = covariance([0.1, 0.05], 0.99)
    weights = np.array([-0.5, 1.0])
    assert np.sqrt(weights @ wide @ weights) < 0.15 * 0.05


def test_a_product_of_three_is_named():
    """Each pair's correlation is -.5 and says nothing: b * c * g is known to 1%, each only to a box's part."""
    space = space_of(parameter("b"), parameter("c"), parameter("g"))
    wide = np.eye(3) - np.ones((3, 3)) / 3 + 0.0001 * np.ones((3, 3)) / 3
    said = warnings(space, SETTLED, np.zeros(3), 0.25 * wide)
    assert said == ["b, c and g move together: the data identify b * c * g, not each of them"]


def test_what_is_known_by_itself_is_not_called_unknown():
    """A correlation of .99 between errors of 0.5% of the box is no news."""
    tight = 0.005 * np.log(100.0)
    assert warnings(B_C, SETTLED, np.zeros(2), covariance([tight, tight], 0.99)) == []


def test_pairs_are_named_apart_from_what_is_alone_vague():
    space = space_of(parameter("b"), parameter("c"), parameter("g"))
    wide = np.zeros((3, 3))
    wide[:2, :2] = covariance([RIDGE, RIDGE], 0.999)
    wide[2, 2] = (0.28 * np.log(100.0)) ** 2
    said = warnings(space, SETTLED, np.zeros(3), wide)
    assert [text.split()[0] for text in said] == ["g", "b"]


# ---------------------------------------------------------------------- on the market


def uncertain(simulator, settings, z):
    """Of z, with the moments alone."""
    with simulator.workers.at_work():
        return uncertainty(simulator, settings, Record(), simulator.observed.moments_of, z)


@pytest.mark.statistical
def test_the_standard_error_is_that_of_the_information_bound():
    """kappa alone, 160 paths of 50 steps. The bound is .015 for 1,000 paths, so .0375 here, demand of others hidden.

    A learned score cannot beat it but by the errors of J and S, which come from 2,000 paths each: some 5%, so that .8
    is four of them. Windows hold nearly all of the information: a score worth less than half (1 / 1.4^2) is a fault.
    """
    parts = make_parts(market_paths(200, 51), ("kappa",), n_threads=2)
    found = uncertain(*parts, z_of(parts.simulator, kappa=1.0))
    assert 0.8 < found.spread[0] / (0.015 * np.sqrt(1000 / 160)) < 1.4


def test_the_interval_is_that_of_the_last_step_on_all_data(small):
    """Its covariance as it is derived, over the features of all data."""
    simulator, settings = make_parts(market_paths())
    observed, z = simulator.observed, z_of(simulator, kappa=1.0, gamma=2.0)
    found = uncertain(simulator, settings, z)
    problem = whole_problem(simulator, settings, Record(), observed.moments_of)
    assert problem.n_observed == len(observed.x_all) > len(observed.x_train)
    np.testing.assert_allclose(found.covariance, covariance_at(problem, z), rtol=1e-9)


def test_a_calibration_tells_that_interval(small, monkeypatch):
    monkeypatch.setattr(interval, "covariance_at", lambda problem, z: np.diag([0.1, 0.2]) ** 2)
    fit = fm.calibrate(market(), market_paths(), free=["kappa", "gamma"], updater="moments", n_threads=1)
    for name, sd in (("kappa", 0.1), ("gamma", 0.2)):
        reach = np.exp(sd * norm.ppf(0.95))
        assert fit.interval[name] == pytest.approx([fit.estimate[name] / reach, fit.estimate[name] * reach])


def test_a_ridge_is_found(small):
    """Under the exact rule b and c act through b / c alone: its error is small and that of each is the box's."""
    model = market(signal_weights="separate")
    simulator, settings = make_parts(market_paths(), ("b", "c"), model=model)
    z, record = z_of(simulator, b=1.0, c=1.0), Record(start=find_start(simulator, settings))
    for wide in (uncertain(simulator, settings, z).covariance, record.start.covariance):
        assert np.sqrt([1, -1] @ wide @ [1, -1]) < 0.2 * np.sqrt([1, 1] @ wide @ [1, 1])
        said = [text for text in warnings(simulator.space, record, z, wide) if "move together" in text]
        assert len(said) == 1
        assert "identify b / c, not each of them" in said[0]


def test_a_series_has_an_uncertainty_too(small):
    parts = make_parts(market_series(600))
    found = uncertain(*parts, z_of(parts.simulator, kappa=1.0, gamma=2.0))
    assert np.isfinite(found.covariance).all()
    assert (np.linalg.eigvalsh(found.covariance) > 0).all()


def test_differences_of_a_whole_number_are_whole(small, monkeypatch):
    model = market(windows=((2, 8),))
    parts = make_parts(market_paths(), ("gamma", "window_short"), model=model)
    asked, featured = [], Simulator.featured

    def spy(self, features, z, n_paths, run, common, **options):
        if run >= ALL_RUN:
            asked.extend(z)
        return featured(self, features, z, n_paths, run, common, **options)

    monkeypatch.setattr(Simulator, "featured", spy)
    uncertain(*parts, z_of(parts.simulator, gamma=2.0, window_short=4.0))
    values = np.array(asked)[:, 1]
    assert (values == np.rint(values)).all()
    assert len(set(values)) >= 3
