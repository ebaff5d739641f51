"""Facts of prices and of models: the table that was measured before, libraries beside ours, bands, wrong input."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from scipy import stats

import fastmas as fm
from fastmas.cli.app import main
from fastmas.errors import DataError, ModelError, ParameterError
from fastmas.facts import facts_of
from fastmas.report.dots import dots
from fastmas.statistics import library_facts
from fastmas.statistics.long_memory import decay_exponent, fluctuation_exponent
from fastmas.statistics.stylised_facts import FACTS, autocorrelation, ljung_box, log_returns
from fastmas.statistics.waiting import first_passages, usual_wait

# Column "S&P 99-18" of the table of daily series in docs/facts.md, measured there by other code on the same closes
# (arch's sp500, 5,030 returns), and how far its last digit reaches.
TABLE = {
    "sd": (0.01204, 5e-6), "skewness": (-0.20, 0.005), "excess_kurtosis": (8.2, 0.05), "excess_kurtosis_5": (4.1, 0.05),
    "excess_kurtosis_20": (4.0, 0.05), "excess_kurtosis_60": (2.7, 0.05), "hill_index": (2.93, 0.005),
    "ac_1": (-0.070, 5e-4), "ac_abs_100": (0.120, 5e-4), "ac_abs_decay": (0.30, 0.005), "ljung_box": (7028, 0.5),
    "leverage": (-0.114, 1e-3), "leverage_function": (-30, 0.5), "fluctuations": (0.48, 0.015),
    "fluctuations_abs": (0.94, 0.015)}


@pytest.fixture(scope="module")
def sp500():
    return fm.facts("sp500")


def returns(n_paths=50, n=1000, seed=1):
    return 0.01 * np.random.default_rng(seed).standard_normal((n_paths, n))


def test_the_table_of_daily_series_is_met_for_the_sp500(sp500):
    value = {row["name"]: row["value"] for row in sp500.rows}
    assert sp500.n_returns == 5030
    off = {name: value[name] for name, (known, last) in TABLE.items() if abs(value[name] - known) > last * (1 + 1e-6)}
    assert off == {}


def test_the_tables_correlations_of_sizes_are_smoothed_as_franke_and_westerhoff_smooth_them():
    """Franke and Westerhoff (2012): lag 1 over lags 1 and 2, others over the lag and its neighbours."""
    r = np.abs(log_returns(fm.observe("sp500").series))[None]
    found = [autocorrelation(r, lags).mean() for lags in ([1, 2], [9, 10, 11], [49, 50, 51], [99, 100, 101])]
    np.testing.assert_allclose(found, [0.294, 0.289, 0.165, 0.120], atol=1e-3)


def test_the_sp500_lies_in_the_bands(sp500):
    assert sp500.in_band == sp500.with_band >= 19
    assert repr(sp500).startswith("<stylised facts of sp500, column close: 5030 returns, ")


def test_noise_does_not():
    """Normal returns: excess kurtosis 0 for 3.9 to 40, autocorrelations of sizes 0 (sd .03), a tail index above 5."""
    outside = {row["name"] for row in facts_of(returns(), "noise").rows if row["in_band"] is False}
    assert {"excess_kurtosis", "ac_abs_1", "ac_abs_10", "hill_index", "ljung_box", "fluctuations_abs"} <= outside


def test_moments_are_those_of_scipy():
    r = returns(3, 500) ** 3
    np.testing.assert_allclose(FACTS["skewness"].function(r), stats.skew(r, axis=1))
    np.testing.assert_allclose(FACTS["excess_kurtosis"].function(r), stats.kurtosis(r, axis=1))


def test_correlations_are_those_of_statsmodels():
    pytest.importorskip("statsmodels")
    from statsmodels.stats.diagnostic import acorr_ljungbox  # noqa: PLC0415
    from statsmodels.tsa.stattools import acf  # noqa: PLC0415

    r = returns(1, 400)
    np.testing.assert_allclose(autocorrelation(r, [1, 5, 20])[0], acf(r[0], nlags=20)[[1, 5, 20]], rtol=1e-9)
    assert ljung_box(r)[0] == pytest.approx(float(acorr_ljungbox(r[0], lags=[20])["lb_stat"].iloc[0]))


def test_the_likelihood_of_arch_finds_a_garch():
    """alpha + beta .959 of the benchmark; arch's standard error from 2,000 returns is about .01, here 4 of them."""
    pytest.importorskip("arch")
    x = fm.simulate(fm.models.garch(), n_paths=1, n_steps=2200, warmup=200, seed=3)
    r = log_returns(x)
    assert library_facts.garch_persistence(r)[0] == pytest.approx(0.959, abs=0.04)
    assert abs(library_facts.residual_kurtosis(r)[0]) < 4 * math.sqrt(24 / 2000)  # shocks are normal
    assert library_facts.variance_ratio(r)[0] == pytest.approx(1, abs=0.5)
    assert library_facts.unit_root(r)[0] > 0.001


def test_a_missing_library_costs_its_facts_alone(monkeypatch):
    monkeypatch.setattr(library_facts, "is_there", lambda package: package not in ("arch", "statsmodels"))
    found = facts_of(returns(1, 1300), "noise")
    assert "garch_persistence" not in {row["name"] for row in found.rows}
    line = next(line for line in found.left_out if "want of arch" in line)
    assert line.startswith("left out, for want of arch: variance_ratio, garch_persistence, conditional_kurtosis; pip")


def test_memory_of_known_processes():
    """A decay that is a power, exactly; noise forgets (H 1/2), its sums do not (H 3/2)."""
    lags = np.arange(1.0, 101)
    np.testing.assert_allclose(decay_exponent(np.stack([lags**-0.3, 0.2 * lags**-0.7])), [0.3, 0.7])
    noise = returns(20, 4000)
    assert fluctuation_exponent(noise).mean() == pytest.approx(0.5, abs=0.04)
    assert fluctuation_exponent(np.cumsum(noise, axis=1)).mean() == pytest.approx(1.5, abs=0.06)


def test_waits_of_a_straight_line():
    up = np.full((1, 200), 0.011) + 1e-9 * np.arange(200)  # five steps of .011 pass .05, four do not
    assert first_passages(up, 0.05)[0].nonzero()[0].tolist() == [5]
    assert usual_wait(up, 0.05) == 5
    assert np.isnan(usual_wait(up, -0.05)[0])
    assert usual_wait(-up, -0.05) == 5


def test_a_model_has_a_median_and_a_range():
    found = fm.facts(fm.models.garch(), theta={"alpha": 0.1, "beta": 0.88}, paths=20, steps=600, seed=2)
    table = found.table
    assert (found.n_series, found.n_returns) == (20, 600)
    assert (table["low"] <= table["value"]).all()
    assert (table["value"] <= table["high"]).all()
    again = fm.facts(fm.models.garch(), theta={"alpha": 0.1, "beta": 0.88}, paths=20, steps=600, seed=2)
    assert again.rows == found.rows
    assert any("for want of returns: excess_kurtosis_60" in one for one in found.left_out)


def test_many_paths_are_read_as_a_model_is():
    x = 100 * np.exp(np.cumsum(returns(40, 300), axis=1))
    found = fm.facts(x)
    assert (found.n_series, found.n_returns) == (40, 299)


def test_the_picture_has_a_row_for_each_fact(sp500):
    (ax,) = sp500.plot().axes
    assert len(ax.get_yticks()) == len(sp500.rows)
    assert ax.has_data()


def test_a_dot_beyond_the_picture_is_a_triangle():
    row = {"title": "a", "band": (0.0, 1.0), "value": 9.0}
    marks = [line.get_marker() for line in dots([row], band="band").axes[0].lines]
    assert marks == [">"]
    inside = [line.get_marker() for line in dots([row | {"value": 0.5}], band="band").axes[0].lines]
    assert inside == ["o"]


def test_wrong_input_is_one_line():
    with pytest.raises(ModelError, match="is no market: it shows cases, .* a market shows `price` first"):
        fm.facts(fm.models.sir())
    with pytest.raises(ParameterError, match="theta is for a model"):
        fm.facts("sp500", theta={"mu": 0.1})
    with pytest.raises(ParameterError, match="a model has no columns"):
        fm.facts(fm.models.garch(), column="close")
    with pytest.raises(DataError, match="constant prices"):
        fm.facts(np.full(500, 3.0))


def test_the_command_prints_json_and_draws(tmp_path, capsys):
    assert main(["facts", "sp500", "--json", "--plot", str(tmp_path / "facts.png")]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["in_band"] == found["with_band"]
    assert {row["name"]: row["band"] for row in found["facts"]}["ljung_box"] == [31.4, None]
    assert (tmp_path / "facts.png").read_bytes().startswith(b"\x89PNG")


def test_the_command_prints_a_table(capsys):
    assert main(["facts", "garch", "--paths", "20", "--steps", "300"]) == 0
    told = capsys.readouterr().out
    assert told.startswith("model garch: 20 series of 300 returns\n")
    assert "above 31.4" in told
    assert "lie in their band" in told


@pytest.mark.parametrize(("arguments", "said"), [
    (["kirmann"], "no model; did you mean 'kirman'?"),
    (["nowhere.csv"], "no such file"),
    (["sp500", "--paths", "3"], "--paths is for a model, and sp500 are data"),
    (["garch", "--set", "alfa=1"], "did you mean 'alpha'?"),
    (["sp500", "--plot", "facts.gif"], "name a .png, .svg or .pdf file")])
def test_a_wrong_command_is_one_line(arguments, said, capsys):
    assert main(["facts", *arguments]) == 2
    told = capsys.readouterr()
    assert said in told.err
    assert told.err.count("\n") == 1
    assert not told.out
