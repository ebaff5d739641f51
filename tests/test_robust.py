"""Robust calibrations: what is an outlier, that data and paths are treated alike, and that wrong ticks move nothing."""

import sys
from pathlib import Path

import numpy as np
import pytest
from small_games import SMALL, TRUTH, make_parts, market, market_paths, market_series, z_of
from typer.testing import CliRunner

import fastmas as fm
from fastmas import calibrate as calibrate_function
from fastmas.calibration import budget, keeping, robust
from fastmas.calibration.robust import Contamination, replace_outliers
from fastmas.cli.app import app
from fastmas.errors import Interrupted, ParameterError
from fastmas.statistics.outliers import OutlierFilter, interpolated
from fastmas.storage.run_directory import RunDirectory

sys.path.insert(0, str(Path(__file__).parents[1] / "benchmarks"))

import robustness  # noqa: E402

N_TIMES = 51


@pytest.fixture
def small(small, monkeypatch):
    """And fewer prices are simulated for the limits."""
    monkeypatch.setattr(robust, "N_PRICES", 1 << 17)


def paths_of(n_paths, seed=1003):
    return market_paths(n_paths, N_TIMES, seed).astype(np.float64)


def dirty(x, share=0.01, seed=5):
    return robustness.ticks(share)(x, np.random.default_rng(seed))


def calibrate(data, **options):
    given = {"free": list(TRUTH), "updater": "moments", "n_threads": 1, "seed": 3, "interval": False, "draws": 0}
    return calibrate_function(market(), data, **given | options)


def plain(fit):
    """All that was found, without what it cost."""
    return {k: v for k, v in fit.result.items() if not k.startswith(("seconds", "paths_simulated"))}


# -- outliers ------------------------------------------------------------------------------------------


def test_interpolation_is_numpys():
    rng = np.random.default_rng(1)
    level, gone = rng.standard_normal((60, 12)), rng.random((60, 12)) < rng.choice([0.1, 0.5, 0.9], (60, 1))
    gone[0], t = True, np.arange(12)
    done = interpolated(level, gone)
    np.testing.assert_array_equal(done[0], level[0])
    for i in np.flatnonzero(~gone.all(axis=1)):
        expected = np.where(gone[i], np.interp(t, t[~gone[i]], level[i, ~gone[i]]), level[i])
        np.testing.assert_allclose(done[i], expected, rtol=1e-12, atol=1e-12)


def test_a_price_that_is_contradicted_on_both_sides_is_one_and_a_crash_is_none():
    rng = np.random.default_rng(2)
    x = 100 * np.exp(np.cumsum(0.01 * rng.standard_normal((3, 400)), axis=1))
    x[0, 200] *= 1.2
    x[1, 200:] *= 0.8
    x[2, 0] *= 1.3
    for outliers in (OutlierFilter.rough(x), OutlierFilter(True, 0.06, 0.06)):
        found = outliers.found(x)
        assert np.argwhere(found).tolist() == [[0, 200], [2, 0]]
    done = outliers.replaced(x, found)
    np.testing.assert_array_equal(done[~found], x[~found])
    assert done[0, 200] == pytest.approx(np.sqrt(x[0, 199] * x[0, 201]))
    assert done[2, 0] == pytest.approx(x[2, 1])


def test_limits_of_simulated_paths_are_never_exceeded_by_them():
    x = market_paths(500, N_TIMES)
    x = np.concatenate([x, np.full((1, N_TIMES), np.nan, dtype=x.dtype)])
    outliers = OutlierFilter.beyond(x, logarithm=True)
    assert 0.05 < outliers.inner < outliers.outer < 0.11
    assert not outliers.found(x).any()
    assert outliers.replaced(x, outliers.found(x)) is x


@pytest.mark.parametrize("x", [np.full((2, 9), 5.0), np.ones((2, 2)), np.array([[1.0, 2.0, 1.0]])])
def test_prices_that_say_nothing_have_no_outliers(x):
    assert not OutlierFilter.rough(x).found(x).any()


# -- contamination -------------------------------------------------------------------------------------


@pytest.mark.parametrize("share", [0.01, 0.05])
def test_share_and_sizes_are_found(share):
    x, paths = paths_of(1000), market_paths(4000, N_TIMES, 7)
    outliers = OutlierFilter.beyond(paths, logarithm=True)
    seen = Contamination.of(outliers, dirty(x, share), paths)
    sd = np.sqrt(share / x.size)
    assert abs(seen.share - share) < 5 * sd  # the data's own binomial number, and what the filter misses
    assert np.median(np.abs(seen.sizes)) == pytest.approx(0.1, abs=0.01)
    assert Contamination.of(outliers, x, paths).share == 0
    again = Contamination.from_arrays(seen.arrays(), logarithm=True)
    np.testing.assert_array_equal(again(paths, (1, 2)), seen(paths, (1, 2)))
    assert not np.array_equal(seen(paths, (1, 3)), seen(paths, (1, 2)))


def test_data_and_paths_at_the_truth_are_alike():
    """Squared distance of mean moments over their number: 1 by chance, the sd of 77 that hang together about .5.

    With a filter on the data alone it is 12, by half of the outliers 5.5.
    """
    simulator, _ = make_parts(fm.observe(dirty(paths_of(600), 0.05), heldout_share=0.1), updater="moments")
    raw, z = simulator.observed, z_of(simulator, **TRUTH)

    def distance():
        paths = simulator.simulate(z[None], 4000, 9, 1)[0]
        seen, data = simulator.observed.moments_of(paths), simulator.observed.moments_of(simulator.observed.x_train)
        sd = seen.std(axis=0) * np.sqrt(1 / len(data) + 1 / len(seen))
        gap = (data.mean(axis=0) - seen.mean(axis=0))[sd > 0] / sd[sd > 0]
        return float(np.mean(gap**2))

    assert distance() > 1000
    outliers = OutlierFilter.beyond(market_paths(4000, N_TIMES, 7), logarithm=True)
    robust._see_through(simulator, raw, Contamination.of(outliers, raw.x_train, market_paths(4000, N_TIMES, 7)))
    assert distance() < 3
    simulator.treatment = None
    assert distance() > 6


# -- calibrations --------------------------------------------------------------------------------------


def test_wrong_ticks_move_the_plain_fit_and_not_the_robust_one(small):
    x = paths_of(300)
    clean, spoilt, treated = (
        calibrate(x, interval=True), calibrate(dirty(x)), calibrate(dirty(x), robust=True))
    se = {n: np.diff(np.log(clean.interval[n]))[0] / (2 * 1.645) for n in TRUTH}

    def moved(fit):
        return max(abs(np.log(fit.estimate[n] / clean.estimate[n])) / se[n] for n in TRUTH)

    assert moved(spoilt) > 6
    assert moved(treated) < 3
    said = [text for text in treated.warnings if text.startswith("robust: ")]
    assert len(said) == 1
    assert "of 15,300 prices lie further from those on either side than the model ever goes: path" in said[0]
    assert not any("prices lie" in text or "price lies" in text for text in clean.warnings)
    said = [text for text in spoilt.warnings if text.endswith("or calibrate with robust=True (--robust)")]
    assert len(said) == 1
    assert "of 15,300 prices lie" in said[0]


def test_clean_data_are_fitted_to_the_bit(small):
    x = paths_of(100)
    np.testing.assert_equal(plain(calibrate(x, robust=True)), plain(calibrate(x)))


@pytest.mark.parametrize("share", [0.0, 0.02])
def test_a_robust_run_that_is_stopped_goes_on(share, small, monkeypatch, tmp_path):
    monkeypatch.setattr(keeping, "SAVE_EVERY", 0.0)
    x, options = dirty(paths_of(40), share), {"updater": "cma-es", "generations": 3, "robust": True}
    whole = calibrate(x, **options)

    def stop(event):
        if event.get("phase") == "game" and event.get("done") == 2:
            raise KeyboardInterrupt

    with pytest.raises(Interrupted):
        calibrate(x, out=tmp_path / "run", progress=stop, **options)
    found = {}
    monkeypatch.setattr("fastmas.calibration.robust.find_start", lambda *a: found.setdefault("again", a))
    fit = fm.resume(tmp_path / "run", n_threads=1)
    assert not found, "outliers were looked for once more"
    np.testing.assert_equal(plain(fit), plain(whole))


def test_one_series(small):
    x = market_series(1200).astype(np.float64)
    x[[300, 700, 1150]] *= 1.3
    fit = calibrate(x, robust=True)
    assert any("robust: 3 of 1,200 prices" in text and "price 300; price 700; price 1150" in text
               for text in fit.warnings)
    np.testing.assert_allclose(fit.sample["series_obs"][700], np.sqrt(x[699] * x[701]))
    simulator, settings = make_parts(x, updater="moments")
    replace_outliers(simulator, settings)
    assert len(simulator.observed.x_train[0]) + len(simulator.observed.x_heldout[0]) == 1200


def test_what_is_no_truth_value_is_refused():
    with pytest.raises(ParameterError, match="robust='yes': give True or False"):
        calibrate(paths_of(60), robust="yes")


def test_the_command_line(tmp_path, monkeypatch):
    monkeypatch.setattr(budget, "FULL", SMALL)
    np.save(tmp_path / "x.npy", dirty(paths_of(60), 0.03))
    words = ["calibrate", "stock-market", "--data", str(tmp_path / "x.npy"), "--free", "kappa,gamma", "--updater",
             "moments", "--no-interval", "--draws", "0", "--threads", "1", "--seed", "1"]
    done = CliRunner().invoke(app, [*words, "--robust", "--out", str(tmp_path / "run")])
    assert done.exit_code == 0, done.output
    assert "warning: robust: " in " ".join(done.output.split())
    assert RunDirectory.open(tmp_path / "run").config["robust"] is True


# -- the benchmark -------------------------------------------------------------------------------------


def test_dirt_is_what_it_is_called():
    _, x = robustness.data_of(0, 400, "clean")
    assert x.shape == (400, N_TIMES)
    for name, share in (("1% ticks", 0.01), ("5% ticks", 0.05), ("5% foreign paths", 0.05)):
        y = robustness.data_of(0, 400, name)[1]
        hit = (y != x) if "ticks" in name else (y != x).any(axis=1)
        assert abs(hit.mean() - share) < 4 * np.sqrt(share / hit.size)
    y = robustness.data_of(0, 400, "20% stale")[1]
    moved = np.diff(x) != 0
    assert abs((np.diff(y) == 0)[moved].mean() - 0.2) < 0.03
    y = robustness.data_of(0, 400, "missing week")[1]
    assert y.shape == x.shape
    np.testing.assert_array_equal(y[:, 0], x[:, 0])
    assert 0.3 < (y == x).mean() < 0.7


def test_movements_are_from_the_clean_fit_by_the_same_means():
    base = {"set": 0, "paths": 200, "updater": "moments", "objective": None, "dirt": "clean", "robust": False,
            "estimate": {"kappa": 1.0, "gamma": 2.0}, "game": None, "p_value": 0.5, "verdict": "", "warnings": [],
            "cpu_seconds": 1.0, "se": {"kappa": 0.1, "gamma": 0.05}}
    other = {**base, "dirt": "1% ticks", "estimate": {"kappa": np.exp(0.2), "gamma": 2.0}, "p_value": 0.01}
    np.testing.assert_allclose(robustness.moved([base, other], other, "estimate"), [2.0, 0.0])
    last = robustness.table([base, other]).splitlines()[-1]
    assert last == "| 200 | `moments` | – | 1% ticks | no | 1 | 2.0, 2.0 | 0.0, 0.0 | 1 | – | 1 | 0 | 1 |"
    game = {**base, "updater": "cma-es"}
    assert robustness.moved([base, other, game], {**game, "updater": "avo"}, "estimate") is None
