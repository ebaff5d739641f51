"""Path features against plain sums, and named figures: what they are, in what units, and in what words."""

import re

import numpy as np
import pytest
from small_games import market_paths, market_series

from fastmas.calibration.judgement import TIERS, _in_order
from fastmas.statistics.named_figures import FIGURES, Terms, defined, too, values_of
from fastmas.statistics.path_features import PathFeatures
from fastmas.statistics.scaling import Scaling

DATA = {"paths": market_paths().astype(np.float64), "series": market_series(900)[None].astype(np.float64)}


def read(regime):
    x = DATA[regime]
    return PathFeatures(Scaling.of(x), x.shape[1], regime == "series")


def figures_of(regime, x):
    """Values by name, of a data set."""
    features = read(regime)
    figures = defined(features.names)
    values = values_of(figures, features.names, features(x).mean(axis=0))
    return dict(zip([f.name for f in figures], values, strict=True))


def worth(regime, x):
    """The same in the user's units."""
    terms, by_name = Terms.of(read(regime).scaling), {f.name: f for f in FIGURES}
    return {name: by_name[name].worth(float(v), terms) for name, v in figures_of(regime, x).items()}


@pytest.mark.parametrize("regime", DATA)
def test_features_have_names_of_their_own_and_are_finite(regime):
    features = read(regime)
    values = features(DATA[regime])
    assert values.shape == (len(DATA[regime]), len(features.names))
    assert len(set(features.names)) == len(features.names)
    assert features.names[:len(features.moment_names)] == features.moment_names
    assert np.isfinite(values).all()


def test_figures_are_what_they_are_called():
    """Against plain statistics of log returns, in the user's units."""
    x = DATA["paths"]
    r, found = np.diff(np.log(x)), worth("paths", x)
    assert found["volatility"] == pytest.approx(np.sqrt((r**2).mean()), rel=1e-5)
    assert found["kurtosis"] == pytest.approx((r**4).mean() / (r**2).mean() ** 2, rel=1e-5)
    assert found["skewness"] == pytest.approx((r**3).mean() / (r**2).mean() ** 1.5, abs=1e-5)
    assert found["ac 1"] == pytest.approx((r[:, 1:] * r[:, :-1]).mean() / (r**2).mean(), abs=1e-5)
    assert found["unmoved"] == pytest.approx((np.diff(x) == 0).mean())
    start = np.log(x[:, :3]).mean(axis=1)
    assert found["spread at the start"] == pytest.approx(start.std(), rel=1e-5)
    assert found["level at the start"] == pytest.approx(np.exp(start.mean()), rel=1e-5)
    halves = [0.5 * np.log((part**2).mean(axis=1)) for part in (r[:, :15], r[:, 15:])]
    assert found["late / early"] == pytest.approx(np.exp((halves[1] - halves[0]).mean()), rel=1e-4)


def test_repeats_are_counted_by_gaps():
    """Values a rounding apart are one value; 30 returns of which 20 take four values and ten are alone."""
    rng = np.random.default_rng(1)
    r = np.r_[np.tile([0.01, -0.01, 0.02, -0.02], 5) * (1 + 1e-7 * rng.standard_normal(20)), 0.001 * np.arange(21, 31)]
    path = 100 * np.exp(np.cumsum(np.r_[0.0, r]))
    features = PathFeatures(Scaling.of(path[None]), 31, False)
    found = dict(zip(features.names, features(path[None])[0], strict=True))
    assert found["repeated"] == pytest.approx(16 / 30)


def test_a_series_has_blocks_and_paths_have_ends():
    ends = {"spread at the start", "level at the start", "spread at the end", "level at the end"}
    blocks = {"volatility of blocks varies", "volatility jumps", "40-step volatility", "200-step volatility"}
    of_paths, of_series = set(figures_of("paths", DATA["paths"])), set(figures_of("series", DATA["series"]))
    assert ends <= of_paths
    assert not ends & of_series
    assert blocks <= of_series
    assert not blocks & of_paths
    names = PathFeatures(Scaling.of(DATA["series"]), 300, True).names
    assert not blocks & {f.name for f in defined(names)}  # too short for two blocks of 200


def test_every_figure_is_defined_somewhere_and_can_be_said():
    terms, seen = Terms.of(read("paths").scaling), set()
    for regime, x in DATA.items():
        for name, value in figures_of(regime, x).items():
            figure = next(f for f in FIGURES if f.name == name)
            low, high = (figure.say(float(value) + side, float(value), terms) for side in (-0.5, 0.5))
            assert low != high, name
            assert "{" not in figure.title.format(**vars(terms))
            seen.add(name)
    assert seen == {f.name for f in FIGURES}


@pytest.mark.parametrize(("name", "model", "data", "said"), [
    ("volatility", np.log(0.55), 0.0, "volatility of returns 45% too low"),
    ("volatility", np.log(1.08), 0.0, "volatility of returns 8.0% too high"),
    ("volatility", np.log(4.0), 0.0, "volatility of returns 4 times too high"),
    ("spread at the start", np.log(0.1), 0.0, "paths at the start of the window 90% too close together"),
    ("spread at the end", np.log(1.2), 0.0, "paths at the end of the window 20% too far apart"),
    ("spread at the start", np.log(1e-4), 0.0, "paths at the start of the window all alike"),
    ("kurtosis", np.log(3.0), np.log(9.0), "tails too thin (kurtosis 3.0, data 9.0)"),
    ("unmoved", 0.0, 0.099, "0.0% of prices stay as they were, data 9.9%"),
    ("ac 1", 0.27, 0.23, "autocorrelation of returns 0.27 at lag 1, data 0.23"),
    ("late / early", 0.0, np.log(1.45), "volatility rises by 45% more from the first half to the second in the data"),
    ("largest", np.log(0.5), 0.0, "largest moves 50% too small"),
    ("volatility of blocks varies", 0.21, 0.91,
     "volatility changes too little over time (sd of log variance 0.21, data 0.91)")])
def test_words(name, model, data, said):
    figure = next(f for f in FIGURES if f.name == name)
    assert figure.say(float(model), float(data), Terms.of(read("paths").scaling)) == said


def test_values_that_are_no_prices_are_not_called_so():
    terms = Terms.of(Scaling.of(DATA["paths"] - 100.0))
    said = " ".join(f.say(0.1, 0.3, terms) + f.title.format(**vars(terms)) for f in FIGURES)
    assert not re.search("return|price", said)
    assert terms.level(0.0) == pytest.approx((DATA["paths"] - 100.0).mean())


@pytest.mark.parametrize(("ratio", "said"), [
    (0.004, "100% too low"), (0.952, "4.8% too low"), (2.99, "199% too high"), (3.01, "3 times too high")])
def test_deviations_are_percentages_or_factors(ratio, said):
    assert too(np.log(ratio), 0.0, "low", "high") == said


def test_figures_are_told_by_tiers_and_one_of_a_family():
    """Beyond 10 sd first, then beyond 6, in the table's order within each; a family speaks once."""
    names = ("volatility", "kurtosis", "ac 1", "ac 2", "skewness")
    figures = tuple(next(f for f in FIGURES if f.name == name) for name in names)
    order = _in_order(figures, np.array([4.0, -30.0, 5.0, 7.0, 2.0]), 3.0)
    assert [names[j] for j in order] == ["kurtosis", "ac 2", "volatility"]
    assert TIERS == (10.0, 6.0)
