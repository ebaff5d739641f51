"""Data of several observables, and of every domain, through the whole of a calibration."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from models.tiny import Tiny
from small_games import SMALL

import fastmas as fm
from fastmas import domains, report, statistics
from fastmas.cli.app import main
from fastmas.errors import DataError, FastmasError, ModelError, ParameterError
from fastmas.statistics import joint_features, joint_moments
from fastmas.statistics.joint_features import JointFeatures
from fastmas.statistics.joint_moments import JointMoments
from fastmas.statistics.views import views_of

BOTH = ["price", "volume"]
TEXT = str(Path(__file__).parent / "models" / "tiny.py")


def simulated(observable, theta=None, n_paths=60, n_times=30, seed=4):
    """Paths of the tiny text from t = 50 on; a single one is a series."""
    x = fm.simulate(Tiny(), theta, n_paths=n_paths, n_steps=49 + n_times, warmup=50, seed=seed, observable=observable)
    return x[0] if n_paths == 1 else x


def calibrate(x, observable, free, **given):
    chosen = {"updater": "moments", "budget": SMALL, "interval": False, "draws": 0, "n_threads": 1}
    return fm.calibrate(Tiny(), x, observable=observable, free=free, warmup=50, **{**chosen, **given})


# ---------------------------------------------------------------------- every domain

CASES = {  # of each domain: the observable, its parameter, the truth, a start far from it, and what is near
    "price": ("price", "volatility", 0.02, 0.1, 0.004),
    "real": ("level", "centre", 1.5, -3.0, 0.3),
    "count": ("arrivals", "chance", 0.3, 0.8, 0.04),
    "share": ("part", "tilt", 1.0, -2.0, 0.25),
    "category": ("code", "stays", 0.8, 0.3, 0.08),
}


@pytest.mark.parametrize("sizes", [(60, 30), (1, 300)], ids=["paths", "series"])
@pytest.mark.parametrize("domain", domains.names())
def test_every_domain_finds_a_parameter_from_afar(domain, sizes):
    observable, name, truth, start, near = CASES[domain]
    assert Tiny().observable(observable).domain == domain
    assert abs(start - truth) > 5 * near  # a game that does nothing is seen
    x = simulated(observable, {name: truth}, *sizes)
    fit = calibrate(x, observable, [name], start={name: start})
    assert fit.estimate[name] == pytest.approx(truth, abs=near)
    assert fit.p_value > 1e-3


def test_a_level_decides_where_increments_are_blind(monkeypatch):
    """Increments of a level about a centre do not know the centre: without figures of the level it is lost."""
    x = simulated("level", {"centre": 1.5}, 1, 300)
    monkeypatch.setattr(joint_moments, "level_figures", lambda *given: iter(()))
    fit = calibrate(x, "level", ["centre"], start={"centre": -3.0})
    assert abs(fit.estimate["centre"] - 1.5) > 0.5


@pytest.mark.parametrize("domain", domains.names())
def test_what_is_not_of_a_domain_is_wrong(domain):
    kind = domains.get(domain)
    good = {"price": [0.5, 3], "real": [-2.5, 0], "count": [0, 7], "share": [0, 1], "category": [-1, 3]}
    bad = {"price": [0, -1], "real": [], "count": [-1, 0.5], "share": [-0.01, 1.5], "category": [0.5]}
    assert not kind.is_wrong(np.array(good[domain], dtype=float)).any()
    assert kind.is_wrong(np.array(bad[domain], dtype=float)).all()
    for value in bad[domain]:
        said = domains.fault_of(kind, value)
        assert f"{value:g}" in said
        assert "correct" in said or "give" in said


@pytest.mark.parametrize(("declared", "name", "unit", "values", "found"), [
    ("count", "price", "", [1.0], "count"), ("", "x", "price units", [-1.0], "price"),
    ("", "mid_price", "", [0.0], "price"),
    ("", "log_price", "", [-1.0], "real"), ("", "x", "", [1.0, 2.0], "price"), ("", "x", "", [1.0, 0.0], "real"),
])
def test_what_is_not_declared_is_found(declared, name, unit, values, found):
    assert domains.resolved(declared, name, unit, np.array(values)) == found


def test_an_unknown_domain_is_refused_where_it_is_declared():
    with pytest.raises(ModelError, match="'prise'.*give one of category, count, price, real, share"):
        fm.State(0, domain="prise")
    with pytest.raises(ParameterError, match="unknown domain 'prise'"):
        fm.observe(np.ones((3, 4)), domain="prise")


def test_every_observable_of_the_models_has_a_domain():
    for name in fm.models.names():
        assert [o.name for o in fm.models.get(name).observables if not o.domain] == []


# ---------------------------------------------------------------------- simulating

def test_several_observables_stand_last_and_keep_their_bits():
    both = simulated(["price", "code"])
    assert both.shape == (60, 30, 2)
    for j, name in enumerate(("price", "code")):
        assert np.array_equal(both[..., j], simulated(name))
        assert np.array_equal(simulated([name]), simulated(name))
    thetas = [{"stays": 0.2}, {"stays": 0.9}]
    assert simulated(BOTH, thetas).shape == (2, 60, 30, 2)
    parts = list(fm.iterate_paths(Tiny(), n_paths=60, n_steps=79, warmup=50, seed=4, observable=["price", "code"],
                                  chunk_bytes=3000))
    assert np.array_equal(np.concatenate(parts), both)
    moments = fm.simulate(Tiny(), n_paths=60, n_steps=79, warmup=50, seed=4, observable=BOTH, reduce="moments")
    assert moments.mean.shape == (30, 2)
    assert moments.mean[:, 1] == pytest.approx(simulated("volume").mean(axis=0))
    summary = fm.simulate(Tiny(), n_paths=60, n_steps=79, warmup=50, seed=4, observable=["price", "code"],
                          reduce="summary")
    assert summary.mean[1] == pytest.approx(simulated("code").mean())
    assert np.isnan(summary.return_sd[1])
    assert summary.return_sd[0] == pytest.approx(np.diff(np.log(simulated("price"))).std(), rel=1e-3)


def test_any_state_is_an_observable_by_its_name():
    assert "hidden" not in [o.name for o in Tiny().observables]
    assert simulated("hidden") == pytest.approx(simulated("level") + 1, abs=1e-5)
    with pytest.raises(ModelError, match=r"no observable 'volum', did you mean 'volume'\?"):
        simulated(["price", "volum"])


# ---------------------------------------------------------------------- observing

def test_observations_of_several_observables():
    x = simulated(BOTH)
    seen = fm.observe(x, observable=BOTH)
    assert (seen.names, seen.domains) == (("price", "volume"), ("price", "price"))
    assert seen.x_obs.shape == (48, 30, 2)
    assert np.array_equal(seen.values, x.astype(np.float64))
    series = fm.observe(simulated(BOTH, None, 1, 400), observable=BOTH, horizon=20)
    assert series.x_obs.shape[1:] == (21, 2)
    assert series.values.shape == (1, 400, 2)
    assert np.array_equal(series.x_obs[1], series.series[10:31])
    one = fm.observe(x[..., 0])
    assert one.x_obs.shape == (48, 30)
    assert one.values.shape == (60, 30, 1)


def test_columns_are_found_by_name_or_given_in_order():
    x = simulated(BOTH, None, 1, 400).astype(np.float64)
    table = pd.DataFrame({"volume": x[:, 1], "price": x[:, 0], "vol2": x[:, 1]})
    by_name, by_order = fm.observe(table, observable=BOTH), fm.observe(table, observable=BOTH, column=["price", "vol2"])
    assert np.array_equal(by_name.series, x)
    assert np.array_equal(by_order.series, x)
    assert by_order.column == "price, vol2"
    with pytest.raises(DataError, match=r"no column 'volume'.*is it 'vol2'\?.*price, vol2.*column="):
        fm.observe(table.drop(columns="volume"), observable=BOTH)
    with pytest.raises(ParameterError, match="1 for column= and 2 observables"):
        calibrate(table, BOTH, ["volatility"], column=["price"])


@pytest.mark.parametrize("make", [np.ndarray.tolist, torch.as_tensor, lambda x: tuple(map(tuple, x))])
def test_lists_tuples_and_tensors_are_data(make):
    x = simulated("price").astype(np.float64)
    assert np.array_equal(fm.observe(make(x)).values, fm.observe(x).values)


def test_paths_of_several_lengths_are_cut_to_the_shortest():
    x = simulated("price").astype(np.float64)
    ragged = [path[:25 + i % 3] for i, path in enumerate(x)]
    seen = fm.observe(ragged)
    assert np.array_equal(seen.values[..., 0], x[:, :25])
    (said,) = seen.warnings
    assert "25 to 27 values" in said
    assert "60 of 1,560 values (4%) are not used" in said
    rows = [(i, t, value) for i, path in enumerate(ragged) for t, value in enumerate(path)]
    table = fm.observe(pd.DataFrame(rows, columns=["path", "t", "price"]))
    assert np.array_equal(table.values, seen.values)
    assert said.removeprefix("array: ") in table.warnings[0]


def test_missing_values_follow_the_rule_that_is_declared():
    series = simulated(BOTH, None, 1, 400).astype(np.float64)
    series[[7, 20], [0, 1]] = np.nan
    with pytest.raises(DataError, match="time 7.*'price': nan is a missing price"):
        fm.observe(series, observable=BOTH)
    seen = fm.observe(series, observable=BOTH, missing="drop")
    assert np.array_equal(seen.series, np.delete(series, [7, 20], axis=0))
    assert "2 of 400 rows with a missing value were dropped (row 7 (from 0), row 20 (from 0))" in seen.warnings[0]
    table = fm.observe(pd.DataFrame(series, columns=BOTH), observable=BOTH, missing="drop")
    assert np.array_equal(table.series, seen.series)
    paths = simulated(BOTH).astype(np.float64)
    paths[3, 5, 1] = np.nan
    seen = fm.observe(paths, observable=BOTH, missing="drop")
    assert np.array_equal(seen.values, np.delete(paths, 3, axis=0))
    with pytest.raises(ParameterError, match="missing='skip'.*error, drop"):
        fm.observe(paths, observable=BOTH, missing="skip")


@pytest.mark.parametrize("n", [60, 75, 100, 140])
def test_a_short_series_is_calibrated_and_said_to_be_short(n):
    fit = calibrate(simulated("price", {"volatility": 0.03}, 1, n), "price", ["volatility"])
    assert fit.estimate["volatility"] == pytest.approx(0.03, rel=0.35)
    assert [text for text in fit.warnings if f"a series of {n} values is short" in text]


# ---------------------------------------------------------------------- wrong input

WRONG = {
    "columns": (lambda x: x, {"observable": ["price", "volume", "code"]},
                "shape .60, 30, 2..*neither.*3 observables along"),
    "none named": (lambda x: x, {"observable": None}, "of 2 observables, name these with observable="),
    "negative counts": (lambda x: -np.rint(x[..., 0]), {"observable": "arrivals"}, "path 0, time 0.*count -"),
    "share": (lambda x: x[..., 0], {"observable": "part"}, "outside 0 to 1; give shares"),
    "twice": (lambda x: x, {"observable": ["price", "price"]}, "'price' is named twice"),
    "robust": (lambda x: x, {"observable": BOTH, "robust": True}, "robust=True.*these data have 2"),
    "gradients": (lambda x: x, {"observable": BOTH, "updater": "pathwise"}, "2 observables; use cma-es"),
    "constant": (lambda x: x * [1.0, 0.0] + [0.0, 2.0], {"observable": BOTH}, "constant values of 'volume'"),
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_input_is_one_line(name):
    make, given, message = WRONG[name]
    with pytest.raises(FastmasError, match=message) as caught:
        calibrate(make(simulated(BOTH).astype(np.float64)), free=["volatility"], **given)
    assert "\n" not in str(caught.value)


def test_a_category_that_the_model_cannot_produce_is_refused():
    x = simulated("code")
    with pytest.raises(DataError, match=r"code is 2 in the data, which the model gave in none of 512 paths.*gave 0, 1"):
        calibrate(np.where(x == 1, 2, x), "code", ["stays"])


# ---------------------------------------------------------------------- moments, figures and statistics

def joint_parts(observables=("price", "volume"), kinds=("price", "price"), n_paths=60, n_times=30, theta=None):
    x = np.ascontiguousarray(np.swapaxes(simulated(list(observables), theta, n_paths, n_times), 1, 2), dtype=np.float64)
    return x, views_of(x, observables, kinds)


def test_moments_do_not_depend_on_company_and_a_lost_path_has_none():
    x, views = joint_parts(("price", "code", "arrivals"), ("price", "category", "count"))
    for read in (JointMoments(views, False), JointFeatures(views, 30, False)):
        whole = read(x)
        assert np.array_equal(whole[7:9], read(x[7:9]))
        lost = x.copy()
        lost[3, 1, 4] = np.nan
        assert np.isnan(read(lost)[3]).all()
        assert np.array_equal(np.delete(read(lost), 3, axis=0), np.delete(whole, 3, axis=0))
    moments = JointMoments(views, True, 29)
    assert moments.hard(30).shape == moments(x).shape[1:]
    features = JointFeatures(views, 30, True, 29)
    assert len(features.names) == len(set(features.names)) == features(x).shape[1]
    assert features.is_hard.shape == (len(features.moment_names),)


def test_figures_are_named_after_their_observable():
    x, views = joint_parts(("price", "volume", "code"), ("price", "price", "category"), 200)
    read = JointFeatures(views, 30, False)
    named = {figure.name: figure for figure in read.figures}
    assert {"price: volatility", "volume: volatility", "code: share of 1", "price and volume: correlation",
            "volume where code is 1: mean"} <= set(named)
    means = dict(zip(read.names, read(x).mean(axis=0), strict=True))
    figure = named["price and volume: correlation"]
    moves = np.diff(np.log(x[:, :2]))
    expected = np.corrcoef(moves[:, 0].ravel(), moves[:, 1].ravel())[0, 1]
    assert float(figure.of(means)) == pytest.approx(expected, abs=1e-3)
    assert figure.say(0.1, 0.45, None) == "correlation of returns of price and returns of volume 0.10, data 0.45"
    assert named["volume: volatility"].say(0.0, np.log(1.25), None) == "volume: volatility of returns 20% too low"


def test_the_verdict_says_which_observable_is_off():
    """Volumes of the data move twice as much as any of the model's, and prices as they should."""
    x = simulated(BOTH, None, 200).astype(np.float64)
    x[..., 1] **= 2.0
    fit = calibrate(x, BOTH, ["centre"])  # which moves neither
    assert fit.p_value < 0.01
    assert fit.result["misfits"][0].startswith("volume: volatility of returns 50% too low")
    assert not [text for text in fit.result["misfits"] if text.startswith("price:")]


def test_two_observables_that_lost_each_other_are_told(monkeypatch):
    """Volumes of other paths: each observable is right by itself, and both together are not."""
    x = simulated(BOTH, {"volatility": 0.05}, 200).astype(np.float64)
    x[..., 1] = np.roll(x[..., 1], 1, axis=0)
    told = calibrate(x, BOTH, ["centre"], fixed={"volatility": 0.05})
    assert told.p_value < 0.01
    for module in (joint_moments, joint_features):  # planted: nothing joint is read
        monkeypatch.setattr(module, "joint", lambda *given: iter(()))
    assert calibrate(x, BOTH, ["centre"], fixed={"volatility": 0.05}).p_value > 0.01


def test_a_traded_price_is_read_where_there_was_a_trade():
    market = fm.models.get("otc-market")
    x = fm.simulate(market, {"mu_1": 0.6}, n_paths=100, n_steps=40, warmup=1, seed=2,
                    observable=["outcome", "traded_price"])
    moved = np.ascontiguousarray(np.swapaxes(x, 1, 2), dtype=np.float64)
    read = JointFeatures(views_of(moved, ("outcome", "traded_price"), ("category", "real")), 40, False)
    figure = next(f for f in read.figures if f.name == "traded_price where outcome is 1: mean")
    value = figure.of(dict(zip(read.names, read(moved).mean(axis=0), strict=True)))
    later = x[:, 1:]
    assert figure.worth(float(value), None) == pytest.approx(later[..., 1][later[..., 0] == 1].mean(), abs=0.02)


@pytest.mark.parametrize("statistic", ["windows", "return-windows", "prices", "log-returns", "levels", "counts"])
def test_windows_of_observables_stand_side_by_side(statistic):
    names, kinds = ("price", "arrivals", "code"), ("price", "count", "category")
    x, views = joint_parts(names, kinds)
    whole = statistics.fit(statistic, x, views)(x)
    alone = [statistics.fit(statistic, x[:, j], views_of(x[:, j], names[j:j + 1], kinds[j:j + 1]))(x[:, j])
             for j in range(3)]
    assert np.array_equal(whole, np.concatenate(alone, axis=-1))
    assert np.array_equal(alone[0], statistics.fit(statistic, x[:, 0])(x[:, 0]))
    as_tensor = statistics.fit(statistic, x, views)(torch.as_tensor(x))
    assert as_tensor.numpy() == pytest.approx(whole, abs=1e-5)


def test_a_game_is_played_on_several_observables():
    names = ["price", "arrivals", "code"]
    fit = calibrate(simulated(names), names, ["chance"], updater="cma-es", generations=2)
    assert fit.estimate["chance"] == pytest.approx(0.2, abs=0.03)
    assert "of price and arrivals and code" in fit.told_apart


def test_a_users_statistic_is_given_observables_last():
    shapes = set()

    def product(paths):
        shapes.add(paths.shape[1:])
        return np.stack([paths[..., 0].std(axis=1), (paths[..., 0] * paths[..., 1]).mean(axis=1)], axis=-1)

    calibrate(simulated(BOTH), BOTH, ["volatility"], updater="cma-es", statistic=product, generations=1)
    assert shapes == {(30, 2)}


# ---------------------------------------------------------------------- runs

@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A whole run of a price, a count and a code, with its fit."""
    path = tmp_path_factory.mktemp("observables") / "run"
    x = simulated(["price", "arrivals", "code"], {"chance": 0.4})
    fit = calibrate(x, ["price", "arrivals", "code"], ["chance", "volatility"], updater="cma-es", generations=3,
                    out=path, interval=True, draws=50)
    return path, fit


def test_a_run_of_several_observables_goes_on_to_the_same_bits(run, monkeypatch):
    path, fit = run
    config = json.loads((path / "config.json").read_text())
    assert config["data"]["names"] == ["price", "arrivals", "code"]
    assert config["data"]["domains"] == ["price", "count", "category"]
    (path / "result.json").unlink()
    again = fm.resume(path, n_threads=2, trust=True)
    assert again.estimate == fit.estimate
    assert again.interval == fit.interval
    assert (again.p_value, again.verdict) == (fit.p_value, fit.verdict)
    assert all(np.array_equal(again.draws[name], fit.draws[name]) for name in fit.draws)
    assert np.array_equal(again.sample["x_sim"], fit.sample["x_sim"])
    assert fit.sample["x_sim"].shape[2] == 3


def test_the_report_draws_each_observable(run):
    path, fit = run
    page = report.build(path).read_text(encoding="utf-8")
    figures = {file.stem for file in (path / "figures").iterdir()}
    assert {"paths", "returns", "paths-arrivals", "returns-arrivals", "paths-code", "returns-code",
            "autocorrelations-arrivals"} <= figures
    for text in ("price (price), arrivals (count), code (category)", "Distribution of returns of price",
                 "Distribution of values of arrivals", "How often code has each of its codes"):
        assert text in page
    assert len(fit.plot()) == 1 + 9


def test_the_command_line_takes_several_observables(tmp_path, capsys):
    file = tmp_path / "tiny.csv"
    assert main(["simulate", TEXT, "--observable", "arrivals,code", "--paths", "60", "--steps", "79", "--warmup", "50",
                 "--out", str(file)]) == 0
    assert list(pd.read_csv(file).columns) == ["path", "t", "arrivals", "code"]
    seen = fm.observe(file, observable=["arrivals", "code"], domain=["count", "category"])
    again = fm.simulate(Tiny(), n_paths=60, n_steps=79, warmup=50, seed=1, observable=["arrivals", "code"])
    assert np.array_equal(seen.values, again)
    packed = tmp_path / "tiny.npz"
    assert main(["simulate", TEXT, "--observable", "arrivals,code", "--paths", "60", "--steps", "79", "--warmup", "50",
                 "--out", str(packed)]) == 0
    seen = fm.observe(packed, observable=["arrivals", "code"], domain=["count", "category"])
    assert np.array_equal(seen.values, again)
    capsys.readouterr()
    assert main(["calibrate", TEXT, "--data", str(file), "--observable", "arrivals,cod", "--free", "chance"]) == 2
    said = capsys.readouterr().err
    assert "did you mean 'code'?" in said
    assert "Traceback" not in said


def test_a_model_beside_its_own_paths_with_zeros():
    sir = fm.models.sir_groups()
    x = fm.simulate(sir, n_paths=60, n_steps=60, seed=1, observable="cases")
    assert (x == 0).any()
    fit = fm.calibrate(sir, x, observable="cases", warmup=0, free=["gamma"], updater="moments", budget=SMALL, draws=0,
                       start={"gamma": 25.0})
    assert 8.0 < fit.estimate["gamma"] < 12.5
    low, high = fit.interval["gamma"]
    assert low < 10.0 < high or high - low < 4.0


def test_a_return_has_no_value_at_its_first_time():
    market = fm.models.stock_market()
    x = fm.simulate(market, n_paths=60, n_steps=80, warmup=50, seed=1, observable="log_return")
    assert np.isnan(x[:, 0]).all()
    given = {"observable": "log_return", "free": ["rho"], "updater": "moments", "budget": SMALL, "draws": 0,
             "interval": False}
    fit = fm.calibrate(market, x, warmup=51, **given)
    assert fit.estimate["rho"] == pytest.approx(0.1, rel=0.05)
    assert "the first time has no value" in fit.warnings[0]
    with pytest.raises(ParameterError, match="log_return has no value at t = 0; give a warmup of 1"):
        fm.calibrate(market, x, warmup=0, **given)
