"""Parameters and their space: scales, bounds, whole numbers, agents' own values, and every refusal."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from fastmas.errors import FastmasError, ModelError, ParameterError
from fastmas.model import Model, Observable
from fastmas.parameters import SCALES, Parameter, ParameterSpace


def parameter(**change) -> Parameter:
    return Parameter(**({"name": "x", "default": 2.0, "low": 1.0, "high": 5.0} | change))


LINEAR = parameter(name="a")
LOG = parameter(name="b", scale="log", low=0.1, high=10.0, unit="per step")
LOGIT = parameter(name="c", scale="logit")
WHOLE = parameter(name="k", integer=True, high=9)
OWNED = parameter(name="g", n_agents=3, default=(1.0, 2.0, 3.0), scale="log")
ALL = (LINEAR, LOG, LOGIT, WHOLE, OWNED)
ENTRIES = ("a", "b", "c", "k", "g[0]", "g[1]", "g[2]")


def refused(words: str, call, *args, **kwargs) -> None:
    """The call raises a ParameterError of one line that holds these words."""
    with pytest.raises(ParameterError) as caught:
        call(*args, **kwargs)
    assert words in str(caught.value), str(caught.value)
    assert "\n" not in str(caught.value)


# -- one parameter ------------------------------------------------------------------------------------


@pytest.mark.parametrize("scale", SCALES)
def test_theta_survives_the_search_coordinate(scale):
    one = parameter(scale=scale)
    theta = np.linspace(1.05, 4.95, 40)
    np.testing.assert_allclose(one.to_theta(one.to_z(theta)), theta, rtol=1e-12)


@pytest.mark.parametrize("scale", SCALES)
def test_no_coordinate_leads_out_of_the_bounds(scale):
    one = parameter(scale=scale)
    with np.errstate(over="ignore"):
        theta = one.to_theta(np.array([-1e3, -7.0, 0.0, 7.0, 1e3]))
    assert theta.min() == 1.0
    assert theta.max() == 5.0
    assert (np.diff(theta) >= 0).all()


@pytest.mark.parametrize("scale", SCALES)
def test_search_bounds_lead_to_the_bounds(scale):
    """A logit is cut at +-6, which is 1 / (1 + e^6) = .0025 of the box inside; the others are exact."""
    one = parameter(scale=scale)
    low, high = one.to_theta(np.array(one.z_bounds))
    inside = 4 / (1 + np.exp(6)) if scale == "logit" else 0.0
    np.testing.assert_allclose([low, high], [1 + inside, 5 - inside], rtol=1e-12)


def test_scales_are_what_they_say():
    np.testing.assert_allclose(LINEAR.to_z(np.array([1.0, 3.0])), [1.0, 3.0])
    np.testing.assert_allclose(LOG.to_z(np.array([1.0, 10.0])), [0.0, np.log(10)])
    np.testing.assert_allclose(LOGIT.to_z(np.array([3.0, 4.0])), [0.0, np.log(3)], atol=1e-15)


def test_bounds_themselves_have_finite_coordinates_on_every_scale():
    for scale in SCALES:
        assert np.isfinite(parameter(scale=scale).to_z(np.array([1.0, 5.0]))).all()


def test_whole_numbers_are_rounded_to_whole_numbers():
    np.testing.assert_array_equal(WHOLE.to_theta(np.array([0.2, 3.4, 3.6, 99.0])), [1, 3, 4, 9])


def test_values_at_the_bounds_are_allowed():
    for value in (1.0, 5.0):
        parameter().check(value)
        parameter(default=value)


@pytest.mark.parametrize(("value", "words"), [
    (0.05, "parameter 'b': 0.05 is outside [0.1, 10] [per step]"),
    (11, "parameter 'b': 11 is outside [0.1, 10] [per step]"),
    (np.nan, "parameter 'b': nan is outside"),
    (np.inf, "parameter 'b': inf is outside"),
])
def test_values_outside_the_bounds_are_refused_with_bounds_and_unit(value, words):
    refused(words, LOG.check, value)


def test_a_broken_number_is_refused_where_a_whole_one_is_due():
    refused("parameter 'k': 2.5 is not a whole number", WHOLE.check, 2.5)
    refused("parameter 'k': 2.5 is not a whole number", ParameterSpace, ALL, fixed={"k": 2.5})


@pytest.mark.parametrize(("change", "words"), [
    ({"scale": "sqrt"}, "scale 'sqrt' is none of ('linear', 'log', 'logit')"),
    ({"low": 5.0}, "low=5.0 must be below high=5.0"),
    ({"low": np.nan}, "low=nan is no bound, give a finite number"),
    ({"low": -np.inf}, "low=-inf is no bound"),
    ({"high": np.inf}, "high=inf is no bound, give a finite number"),
    ({"high": np.nan}, "high=nan is no bound"),
    ({"high": "five"}, "high='five' is no bound"),
    ({"high": None}, "high=None is no bound"),
    ({"high": 3.5, "integer": True}, "parameter 'x': high=3.5 must be whole, as the parameter is"),
    ({"low": 0.5, "integer": True}, "low=0.5 must be whole"),
    ({"low": 0.0, "scale": "log"}, "a log scale needs low > 0, got 0.0"),
    ({"default": 6.0}, "parameter 'x': 6 is outside [1, 5]"),
    ({"default": 1.5, "integer": True}, "1.5 is not a whole number"),
    ({"n_agents": 2, "default": (1.0, 2.0, 3.0)}, "3 defaults for 2 agents"),
    ({"n_agents": 2, "default": (1.0, 7.0)}, "7 is outside [1, 5]"),
])
def test_a_parameter_that_contradicts_itself_is_refused(change, words):
    refused(words, parameter, **change)


def test_agents_own_entries_and_share_defaults():
    assert OWNED.entries == ("g[0]", "g[1]", "g[2]")
    assert OWNED.defaults == (1.0, 2.0, 3.0)
    assert parameter(n_agents=2).defaults == (2.0, 2.0)
    assert parameter(n_agents=0).entries == ()
    assert LINEAR.entries == ("a",)
    assert LINEAR.defaults == (2.0,)


# -- the space ----------------------------------------------------------------------------------------


def test_a_space_lists_every_entry_in_order_with_its_default():
    space = ParameterSpace(ALL)
    assert space.entries == ENTRIES
    np.testing.assert_array_equal(space.base, [2, 2, 2, 2, 1, 2, 3])
    assert space.d == 0
    assert space.z_bounds.shape == (0, 2)
    np.testing.assert_array_equal(space.full(np.empty((2, 0))), [space.base, space.base])


def test_free_values_come_in_the_order_they_were_named():
    space = ParameterSpace(ALL, free=["g[1]", "a", "k"])
    assert space.free == ("g[1]", "a", "k")
    assert [p.name for p in space.free_parameters] == ["g", "a", "k"]
    np.testing.assert_array_equal(space.integer, [False, False, True])
    np.testing.assert_array_equal(space.start, [2, 2, 2])
    np.testing.assert_allclose(space.z_bounds, [[0, np.log(5)], [1, 5], [1, 9]])
    np.testing.assert_array_equal(space.full([[4, 3, 7]]), [[2 + 1, 2, 2, 7, 1, 4, 3]])


def test_a_name_frees_or_fixes_all_agents_at_once():
    space = ParameterSpace(ALL, free=["g"], fixed={"g": 4.0})
    assert space.free == ("g[0]", "g[1]", "g[2]")
    np.testing.assert_array_equal(space.start, [4, 4, 4])
    np.testing.assert_array_equal(ParameterSpace(ALL, fixed={"g": [1, 2, 5]}).base[4:], [1, 2, 5])
    np.testing.assert_array_equal(ParameterSpace(ALL, fixed={"g": 4, "g[1]": 5}).base[4:], [4, 5, 4])


def test_spaces_map_each_column_on_its_own_scale():
    space = ParameterSpace(ALL, free=["a", "b", "c", "k", "g"])
    theta = np.array([[1.5, 0.2, 4.0, 3.0, 1.1, 2.2, 3.3], [4.5, 9.0, 1.5, 8.0, 1.2, 4.9, 1.0]])
    z = space.to_z(theta)
    np.testing.assert_allclose(z[:, 1], np.log(theta[:, 1]))
    np.testing.assert_allclose(space.to_theta(z), theta, rtol=1e-12)
    np.testing.assert_allclose(space.to_theta(z[0]), theta[0], rtol=1e-12)
    assert space.to_theta(np.zeros((2, 3, 7))).shape == (2, 3, 7)


def test_a_string_is_one_name_and_not_its_letters():
    pair = (parameter(name="ab"), parameter(name="a"), parameter(name="b"))
    assert ParameterSpace(pair, free="ab").free == ("ab",)
    assert ParameterSpace(ALL, free="g").free == ("g[0]", "g[1]", "g[2]")
    assert ParameterSpace(ALL, free="g[1]").free == ("g[1]",)


def test_fixing_a_value_leaves_other_spaces_alone():
    ParameterSpace(ALL, fixed={"a": 5.0})
    assert ParameterSpace(ALL).base[0] == 2.0


@pytest.mark.parametrize(("options", "words"), [
    ({"free": ["a", "z"]}, "unknown parameter 'z'; this model has: a, b, c, k, g"),
    ({"free": ["g[3]"]}, "unknown parameter 'g[3]'"),
    ({"free": "kappa"}, "unknown parameter 'kappa'"),
    ({"free": [1]}, "unknown parameter 1"),
    ({"free": ["a", "b", "a"]}, "parameter 'a' is named twice"),
    ({"free": ["g", "g[1]"]}, "parameter 'g[1]' is named twice"),
    ({"fixed": {"z": 1.0}}, "unknown parameter 'z'"),
    ({"fixed": {"a": 0.5}}, "parameter 'a': 0.5 is outside [1, 5]"),
    ({"fixed": {"g": [1.0, 2.0]}}, "parameter 'g': 2 values for 3 agents"),
    ({"fixed": {"g": [1.0, 2.0, 9.0]}}, "parameter 'g[2]': 9 is outside [1, 5]"),
    ({"fixed": {"a": [1.0, 2.0]}}, "parameter 'a': 2 values for 1 agents"),
    ({"fixed": {"a": "much"}}, "parameter 'a': 'much' is not a number, give one"),
    ({"fixed": {"a": {}}}, "parameter 'a': {} is not a number"),
    ({"fixed": {"a": None}}, "parameter 'a': nan is outside"),
    ({"fixed": {"g": [1.0, [2.0, 3.0]]}}, "parameter 'g': [1.0, [2.0, 3.0]] is not a number"),
    ({"fixed": [1.0]}, "parameter values [1.0]: give a mapping of names to numbers"),
    ({"fixed": "a=1"}, "parameter values 'a=1': give a mapping"),
])
def test_names_and_values_that_cannot_be_are_refused(options, words):
    refused(words, ParameterSpace, ALL, **options)


def test_free_values_are_checked_by_name():
    space = ParameterSpace(ALL, free=["g[1]", "k"])
    space.check(np.array([[2.0, 3.0], [5.0, 9.0]]))
    refused("parameter 'g[1]': 6 is outside [1, 5]", space.check, np.array([[2.0, 3.0], [6.0, 3.0]]))
    refused("parameter 'k': 3.5 is not a whole number", space.check, np.array([2.0, 3.5]))


# -- the model's side ---------------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True, kw_only=True)
class Pair(Model):
    name = "pair"
    observables = (Observable("x", 0), Observable("y", 1))
    size: int = 3

    @property
    def parameters(self):
        return ALL

    def check(self, values):
        if values["a"] > values["b"]:
            raise ParameterError(f"a={values['a']:g} must not be above b={values['b']:g}")


def test_models_split_real_from_whole_values_in_order():
    reals, whole = Pair().split(np.array([[1.5, 0.2, 4.0, 3.0, 1.1, 2.2, 3.3]]))
    assert reals.dtype == np.float64  # the engine rounds them to the precision it runs in
    assert whole.dtype == np.int64
    np.testing.assert_array_equal(reals, np.array([[1.5, 0.2, 4.0, 1.1, 2.2, 3.3]]))
    np.testing.assert_array_equal(whole, [[3]])


def test_models_check_values_against_each_other():
    Pair().space(fixed={"a": 2.0, "b": 2.0})
    refused("a=3 must not be above b=2", Pair().space, fixed={"a": 3.0})


def test_models_know_their_observables_and_configuration():
    assert Pair().observable().name == "x"
    assert Pair().observable("y").row == 1
    assert Pair(size=4).config == {"size": 4}
    with pytest.raises(ModelError, match="model 'pair' has no observable 'z'; it has: x, y"):
        Pair().observable("z")


def test_every_fault_is_one_family():
    """The command line turns this family, and nothing else, into one line."""
    assert issubclass(ParameterError, FastmasError)
    assert issubclass(ModelError, FastmasError)
    with pytest.raises(dataclasses.FrozenInstanceError):
        LINEAR.low = 0.0
