"""Calibrations from end to end: truths recovered, data and models of every kind, files, bits, words."""

import csv
import json
import re
import textwrap
from dataclasses import replace

import numpy as np
import pytest
import torch
from small_games import SMALL, TRUTH, make_parts, market, market_paths, market_series, z_of

import fastmas as fm
from fastmas import updaters
from fastmas.calibration import budget
from fastmas.calibration import game as playing
from fastmas.calibration.budget import Budget, ToldApartEffort
from fastmas.calibration.game import Game, average
from fastmas.calibration.record import Record
from fastmas.calibration.simulator import Simulator
from fastmas.calibration.start import find_start
from fastmas.calibration.workers import Workers
from fastmas.data import observe
from fastmas.errors import (
    DataError,
    Interrupted,
    MemoryLimitError,
    ModelError,
    ParameterError,
    RunDirectoryError,
    SimulationError,
)
from fastmas.random.address import Purpose
from fastmas.storage.run_directory import RunDirectory
from fastmas.updaters import moments

FREE = ["kappa", "gamma"]


@pytest.fixture
def no_verdict(monkeypatch):
    """The verdict takes half of the time and these tests do not look at it."""
    monkeypatch.setattr(budget, "FULL", replace(budget.FULL, told_apart=ToldApartEffort(steps=5)))


def calibrate(data=None, model=None, **options):
    given = {"free": FREE, "generations": 4, "n_threads": 1, "interval": False, "seed": 1, **options}
    return fm.calibrate(model or market(), market_paths() if data is None else data, **given)


def same(first, second):
    """Everything but the seconds."""
    def plain(fit):
        rows = [{k: v for k, v in row.items() if k != "seconds"} for row in fit.history]
        result = {k: v for k, v in fit.result.items() if not k.startswith("seconds")}
        return rows, result

    np.testing.assert_equal(plain(first), plain(second))
    for name, array in first.sample.items():
        assert np.array_equal(array, second.sample[name]), name


# ---------------------------------------------------------------------- recovery

# Information bound of log kappa at kappa = 1 for 1,000 paths of 50 steps, demand of the others hidden; and the largest
# error of log gamma that the prototypes of this game made on such data.
BOUND_KAPPA, WORST_GAMMA = 0.015, 0.028
N_TRAIN = 270


@pytest.mark.statistical
@pytest.mark.parametrize(("updater", "discriminator", "generations"), [
    ("moments", None, None), ("cma-es", "amortised", 15), ("parameter-score", "amortised", 15),
    pytest.param("parameter-score", "windowed", 40, marks=pytest.mark.slow)])
def test_the_exact_market_is_recovered(updater, discriminator, generations, no_verdict):
    """Four bounds, and four times the worst error of gamma, both for 270 paths: a short game is not better."""
    fit = calibrate(market_paths(300, 51), updater=updater, discriminator=discriminator, generations=generations,
                    n_threads=None)
    scale = np.sqrt(1000 / N_TRAIN)
    assert abs(np.log(fit.estimate["kappa"] / TRUTH["kappa"])) < 4 * BOUND_KAPPA * scale
    assert abs(np.log(fit.estimate["gamma"] / TRUTH["gamma"])) < 4 * WORST_GAMMA * scale


@pytest.mark.statistical
def test_one_series_is_enough(no_verdict):
    """1,500 prices, 1,200 to train on: the bounds of 24 paths, and three of them."""
    fit = calibrate(market_series(1500), generations=10, n_threads=None)
    scale = np.sqrt(1000 * 50 / 1200)
    assert fit.result["regime"] == "series"
    assert fit.config["horizon"] == 50
    assert abs(np.log(fit.estimate["kappa"] / TRUTH["kappa"])) < 3 * BOUND_KAPPA * scale
    assert abs(np.log(fit.estimate["gamma"] / TRUTH["gamma"])) < 3 * WORST_GAMMA * scale
    assert fit.result["effective_windows"] == 1199 // 50
    assert fit.result["auc_blocked"] is not None


@pytest.mark.parametrize(("updater", "free"), [
    ("cma-es", ["window_short"]), ("moments", ["gamma", "window_short"]),
    pytest.param("cma-es", ["gamma", "window_short"], marks=pytest.mark.slow),
    pytest.param("moments", ["window_short"], marks=pytest.mark.slow)])
def test_a_whole_number_is_recovered(updater, free, no_verdict):
    """A window of 3 or 4 instead of 3 against one of 8 moves every decision near the threshold."""
    model = market(windows=((2, 8),))
    x = fm.simulate(model, {**TRUTH, "window_short": 3}, n_paths=300, n_steps=100, warmup=50, seed=5)
    fit = calibrate(x, model, free=free, updater=updater, generations=8, n_threads=None, interval=updater == "moments")
    assert fit.estimate["window_short"] == 3.0
    if updater == "moments":
        low, high = fit.interval["window_short"]
        assert low in (2.0, 3.0)
        assert high in (3.0, 4.0)


USERS_MODEL = '''
    """A random walk with drift: log x moves by drift + sigma e."""

    from dataclasses import dataclass
    from typing import ClassVar

    from numpy import float32

    from fastmas import Kernels, Model, Observable, Parameter, kernel
    from fastmas.random import draw_words, normal
    from fastmas.random.functions import exp


    @kernel
    def init(lanes, state, history, theta, integers):
        for w in range(lanes):
            state[0][w] = float32(100.0)


    @kernel
    def step(t, lanes, state, words, history, address, theta, integers):
        draw_words(lanes, address, t, 0, words[0], words[1], words[2], words[3])
        for w in range(lanes):
            state[0][w] = state[0][w] * exp(theta[0, w] + theta[1, w] * normal(words[0][w]))


    @dataclass(frozen=True, kw_only=True)
    class Walk(Model):
        name: ClassVar[str] = "walk"
        n_state: ClassVar[int] = 1
        n_words: ClassVar[int] = 4
        kernels: ClassVar[Kernels] = Kernels(init, step)
        observables: ClassVar[tuple[Observable, ...]] = (Observable("price", 0),)
        parameters: ClassVar[tuple[Parameter, ...]] = (
            Parameter(name="drift", default=0.0, low=-0.2, high=0.2),
            Parameter(name="sigma", default=0.01, low=0.001, high=0.2, scale="log"),
        )
'''


@pytest.fixture(scope="module")
def walk_file(tmp_path_factory):
    file = tmp_path_factory.mktemp("own") / "my_walk.py"
    file.write_text(textwrap.dedent(USERS_MODEL))
    return f"{file}:Walk"


def gaussian_walk(n_paths, n_times, drift=0.01, sigma=0.05, seed=4):
    steps = drift + sigma * np.random.default_rng(seed).standard_normal((n_paths, n_times))
    steps[:, 0] = 0.0
    return 100.0 * np.exp(np.cumsum(steps, axis=1))


@pytest.mark.statistical
def test_a_model_from_a_file_is_calibrated_and_kept(walk_file, tmp_path, no_verdict):
    """The data are NumPy's. Of n = 54 x 40 returns the drift has the error sigma / sqrt(n), log sigma 1 / sqrt(2 n)."""
    run = tmp_path / "run"
    fit = calibrate(gaussian_walk(60, 41), fm.models.get(walk_file), free=None, updater="moments", warmup=0, out=run)
    assert set(fit.estimate) == {"drift", "sigma"}
    n = 54 * 40
    assert abs(fit.estimate["drift"] - 0.01) < 4 * 0.05 / np.sqrt(n)
    assert abs(np.log(fit.estimate["sigma"] / 0.05)) < 4 / np.sqrt(2 * n)
    config = json.loads((run / "config.json").read_text())
    assert config["model_factory"] == walk_file
    (run / "result.json").unlink()
    same(fit, fm.resume(run, n_threads=1, trust=True))


def test_a_model_that_always_runs_away_is_named(walk_file, small):
    """A drift of 20% a step for 3,000 steps is beyond float32."""
    with pytest.raises(SimulationError, match="ran away"):
        calibrate(gaussian_walk(30, 21), fm.models.get(walk_file), free=["sigma"], fixed={"drift": 0.2}, warmup=3000)


def test_a_model_that_is_no_market(small):
    """Sick people, counted directly; they may be none, which a price may not."""
    from models.sir import Sir  # noqa: PLC0415

    model = Sir(n_people=40)
    x = fm.simulate(model, {"infection": 0.6}, n_paths=60, n_steps=30, seed=3)
    assert (x == 0).any()
    fit = calibrate(x, model, free=["infection"], updater="cma-es", warmup=0)
    assert 0.3 < fit.estimate["infection"] < 1.2
    assert fit.result["stylised_facts"] == []


# ---------------------------------------------------------------------- options


def test_a_statistic_of_the_users(small):
    def extremes(paths):
        return np.stack([paths.min(axis=1), paths.max(axis=1), paths[:, -1]], axis=-1)

    def with_torch(paths):
        x = torch.as_tensor(np.asarray(paths, dtype=np.float64))
        return torch.stack([x.amin(dim=1), x.amax(dim=1), x[:, -1]], dim=-1)

    first, second = calibrate(statistic=extremes), calibrate(statistic=with_torch)
    assert first.result["statistic"] == "extremes"
    assert first.estimate == second.estimate
    assert first.result["candidates"] != calibrate().result["candidates"]


@pytest.mark.parametrize("statistic", ["windows", "return-windows", "prices", "log-returns"])
def test_every_statistic_plays(small, statistic):
    fit = calibrate(statistic=statistic)
    assert fit.result["statistic"] == statistic
    assert np.isfinite(list(fit.estimate.values())).all()


@pytest.mark.parametrize("updater", ["cma-es", "parameter-score"])
@pytest.mark.parametrize("discriminator", ["amortised", "conditional", "windowed", "path"])
def test_every_updater_plays_every_discriminator(small, updater, discriminator):
    fit = calibrate(updater=updater, discriminator=discriminator)
    assert (fit.result["updater"], fit.result["discriminator"]) == (updater, discriminator)
    assert len(fit.history) == 4 * fit.result["rounds"]
    assert np.isfinite([row["loss"] for row in fit.history]).all()
    assert fit.config["statistic"] == ("prices" if discriminator == "path" else "windows")
    more = fit.result["degrees"] - calibrate(updater="moments").result["degrees"]
    assert (more > 2) == (discriminator == "amortised")  # what it has learned of five monomials has a say to the end


@pytest.mark.parametrize(("training", "said"), [
    ({"nobody": {}}, "unknown discriminator 'nobody'"), ({"amortised": {"stops": 3}}, "'amortised' has no 'stops'")])
def test_a_budget_for_nothing_is_refused(training, said):
    with pytest.raises(ParameterError, match=re.escape(said)):
        Budget(training=training)


def test_objectives_differ_where_they_may_be_chosen(small):
    fits = {o: calibrate(updater="parameter-score", discriminator="windowed", objective=o)
            for o in ("saturating", "non-saturating")}
    assert fits["saturating"].history != fits["non-saturating"].history
    assert calibrate(updater="parameter-score", discriminator="windowed").result["objective"] == "non-saturating"


def test_fixed_values_take_the_place_of_defaults(small):
    fit = calibrate(free=["kappa"], fixed={"gamma": 3.0, "rho": 0.2}, updater="moments")
    assert fit.config["values"]["gamma"] == 3.0
    assert fit.config["values"]["rho"] == 0.2
    assert fit.estimate != calibrate(free=["kappa"], updater="moments").estimate


def test_the_models_own_choice_is_free_unless_it_has_a_value(small):
    assert set(calibrate(free=None, updater="moments").estimate) == {"kappa", "gamma"}
    assert set(calibrate(free=None, fixed={"gamma": 2.0}, updater="moments").estimate) == {"kappa"}
    assert calibrate(market_series(600), free=None, updater="moments").config["free"] == [
        "kappa", "gamma", "rho", "sigma_fundamental", "v1"]


def test_bounds_keep_the_search_and_are_kept(small, tmp_path):
    """The truth of gamma is 2, outside: the estimate goes to that end and the resumed run knows the bounds."""
    run, options = tmp_path / "run", {"bounds": {"gamma": (3.0, 6.0)}, "start": {"gamma": 5.0}}
    fit = calibrate(out=run, interval=True, **options)
    assert 3.0 <= fit.estimate["gamma"] < 4.0
    assert fit.interval["gamma"][0] >= 3.0 - 1e-9
    (run / "result.json").unlink()
    same(fit, fm.resume(run, n_threads=1))


def test_a_start_of_the_users_takes_the_place_of_the_scan(small, monkeypatch):
    monkeypatch.setattr(moments, "_scan", None)
    x, start = market_paths(200), {"kappa": 0.6, "gamma": 3.0}
    begun = calibrate(x, updater="moments", start=start)
    assert begun.estimate == calibrate(x, updater="moments", start=start).estimate
    assert begun.estimate["gamma"] == pytest.approx(TRUTH["gamma"], rel=0.5)
    with pytest.raises(TypeError):
        calibrate(updater="moments")


def test_more_unknowns_than_figures_are_refused(small):
    model = market(n_technical=20, per_agent=("gamma",))
    with pytest.raises(ParameterError, match="20 free parameters and 14 moments of paths of 2 prices: more unknowns"):
        calibrate(market_paths()[:, :2], model, free=["gamma"], updater="moments")


def test_no_generations_leave_the_moment_fit(small):
    """And its last step on all data, as without a game."""
    fit = calibrate(generations=0)
    assert fit.result["estimate_training"] == fit.start
    assert fit.history == []
    assert fit.estimate == calibrate(updater="moments").estimate


def test_an_estimate_at_its_bound_is_said(small):
    x = fm.simulate(market(), {"kappa": 8.0, "gamma": 2.0}, n_paths=120, n_steps=80, warmup=50, seed=3)
    fit = calibrate(x, free=["kappa"], updater="moments")
    assert "kappa ended at its upper bound: widen the bounds or fix it" in fit.warnings


@pytest.mark.parametrize("interval", [True, False])
def test_what_the_data_do_not_separate_is_said(interval):
    fit = calibrate(model=market(signal_weights="separate"), free=["b", "c"], updater="moments", interval=interval,
                    budget=replace(SMALL, sizes=replace(SMALL.sizes, least_polish=1000)))
    said = [text for text in fit.warnings if text.startswith("b and c move together")]
    assert len(said) == 1
    assert said[0].endswith("the data identify b / c, not each of them")


def test_intervals_hold_the_estimate_or_are_left_away(small):
    fit = calibrate(interval=True)
    for name, (low, high) in fit.interval.items():
        assert low < fit.estimate[name] < high
    assert (fit.result["interval_level"], fit.result["interval"]) == (0.9, fit.interval)
    without = calibrate(interval=False)
    assert without.interval is without.result["interval"] is without.result["interval_method"] is None
    assert without.estimate == fit.estimate


@pytest.mark.parametrize("n_paths", [2, 7])
def test_few_paths_are_little_and_not_a_fault(small, n_paths):
    fit = calibrate(market_paths()[:n_paths], interval=True)
    assert all(np.isfinite(ends).all() for ends in fit.interval.values())


@pytest.mark.parametrize("n_times", [102, 150, 300])
def test_short_series_are_little_and_not_a_fault(small, n_times):
    fit = calibrate(market_series(n_times), interval=True)
    assert all(np.isfinite(ends).all() for ends in fit.interval.values())
    assert 0.0 <= fit.auc_heldout <= 1.0


@pytest.mark.parametrize("n_times", [2, 6])
def test_short_paths_are_little_and_not_a_fault(small, n_times):
    fit = calibrate(market_paths()[:, :n_times], interval=True)
    assert all(np.isfinite(ends).all() for ends in fit.interval.values())


def test_what_was_observed_before(small):
    seen = observe(market_paths(), heldout_share=0.5)
    assert calibrate(seen, updater="moments").config["data"]["n_heldout"] == 30
    with pytest.raises(ParameterError, match="horizon=10: these data are observed already"):
        calibrate(seen, horizon=10)


def test_held_out_paths_are_a_tenth_and_fifty_at_most(small):
    assert calibrate(updater="moments").config["data"]["n_heldout"] == 6
    assert calibrate(market_paths(700, 5), updater="moments").config["data"]["n_heldout"] == 50
    assert calibrate(heldout_share=0.3, updater="moments").config["data"]["n_heldout"] == 18


# ---------------------------------------------------------------------- bits


@pytest.mark.parametrize("options", [
    {"updater": "cma-es"}, {"updater": "parameter-score", "discriminator": "windowed"},
    {"updater": "cma-es", "discriminator": "conditional"}, {"updater": "parameter-score", "discriminator": "path"}],
    ids=lambda o: "-".join(o.values()))
def test_the_number_of_threads_changes_no_bit(small, options):
    same(calibrate(n_threads=1, interval=True, **options), calibrate(n_threads=2, interval=True, **options))


def test_every_thread_has_a_torch_of_one_thread():
    """Products of this shape differ in their last bits where the matrix library of a thread believes it has two."""
    torch.manual_seed(0)
    a, b = torch.randn(128, 6), torch.randn(128, 48)
    workers = Workers(2)
    before = torch.get_num_threads()
    with workers.at_work():
        alone = a.T @ b
        assert all(torch.equal(alone, other) for other in workers.map(lambda _: a.T @ b, range(8)))
    assert torch.get_num_threads() == before


def test_same_seed_same_bits_and_other_seed_other_bits(small):
    first = calibrate(seed=7, interval=True)
    same(first, calibrate(seed=7, interval=True))
    other = calibrate(seed=8, interval=True)
    assert other.estimate != first.estimate
    assert other.history[0]["loss"] != first.history[0]["loss"]


def test_the_datas_seed_may_be_the_calibrations(small):
    """Numbers of `simulate` have a purpose of their own: no path of any phase repeats one of the data."""
    x = fm.simulate(market(), TRUTH, n_paths=60, n_steps=80, warmup=50, seed=1)
    data = {tuple(path) for path in x[:, 1:6].tolist()}
    simulator, seen = make_parts(x, seed=1).simulator, []
    for purpose in range(Purpose.MOMENTS, Purpose.SAMPLE + 1):
        paths = simulator.simulate(z_of(simulator, **TRUTH)[None], 60, 0, purpose)[0]
        seen.append({tuple(path) for path in paths[:, 1:6].tolist()})
        assert not data & seen[-1]
    assert not seen[0] & seen[1]
    assert {tuple(path) for path in fm.simulate(market(), TRUTH, n_paths=60, n_steps=80, warmup=50, seed=1)[
        :, 1:6].tolist()} == data


def test_purposes_differ():
    values = [v for k, v in vars(Purpose).items() if k.isupper()]
    assert len(set(values)) == len(values) == 12
    assert 0 not in values


def test_every_simulation_of_a_calibration_has_an_address_of_its_own(small, monkeypatch):
    """But for the moment fit, which repeats its runs so that differences show theta alone."""
    monkeypatch.setattr(playing, "SETTLED", 0.0)  # round after round
    monkeypatch.setattr(playing, "VAGUE", 1.0)
    seen = []
    simulate = Simulator.simulate

    def spy(self, z, n_paths, run, purpose, **options):
        if purpose != Purpose.MOMENTS:
            seen.append((run, purpose, len(z)))
        return simulate(self, z, n_paths, run, purpose, **options)

    monkeypatch.setattr(Simulator, "simulate", spy)
    fit = calibrate(interval=True)
    assert fit.result["rounds"] > 1
    repeated = {one for one in seen if seen.count(one) > 1}
    # Above and below share numbers.
    assert {purpose for _, purpose, _ in repeated} <= {Purpose.INTERVAL, Purpose.BOOTSTRAP}


# ---------------------------------------------------------------------- rounds


def search_of(game, record):
    search = game.search(record)
    assert game.table(record, search, updaters.get("cma-es")).region is search.region
    return search


@pytest.fixture
def begun(small):
    simulator, settings = make_parts(market_paths())
    with simulator.workers.at_work():
        record = Record(start=find_start(simulator, settings))
    return Game(simulator, settings, lambda *a: None, lambda event: None), record


def test_a_region_is_a_part_of_the_box_around_the_start(begun):
    game, record = begun
    search, box = search_of(game, record), game.simulator.region
    assert (search.region.low >= box.low).all()
    assert (search.region.high <= box.high).all()
    assert (search.region.low < record.start.z).all()
    assert (record.start.z < search.region.high).all()
    assert np.array_equal(search.start, record.start.z)


@pytest.mark.parametrize("side", [0.0, 1.0])
def test_a_start_at_a_bound_is_moved_inside(begun, side):
    game, record = begun
    record.region = game.simulator.region.low + side * game.simulator.region.width
    search = search_of(game, record)
    assert (search.start > search.region.low).all()
    assert (search.start < search.region.high).all()


def finished(game, record, where):
    """Where a round ended: at `where`, -1 to 1 within its region."""
    search = search_of(game, record)
    end = search.region.middle + np.asarray(where) * search.region.width / 2
    record.centres, record.generation = [end] * 4, 4
    game._finish_round(record, search)
    return end


def test_another_round_goes_where_the_search_left_for(begun, monkeypatch):
    game, record = begun
    monkeypatch.setattr(playing, "REGION", 2.0)
    monkeypatch.setattr(playing, "VAGUE", 1.0)  # few paths leave kappa vague
    end = finished(game, record, [0.9, 0.0])
    assert (record.round, record.generation, record.centres) == (1, 0, [])
    assert not record.is_played
    assert np.array_equal(record.region, end)
    assert np.array_equal(search_of(game, record).start, end)


def test_a_search_that_stays_in_the_middle_has_settled(begun):
    game, record = begun
    end = finished(game, record, [0.4, -0.4])
    assert record.is_played
    assert record.is_settled
    assert np.array_equal(average(record, game.settings.updater), end)


def test_rounds_are_limited_and_the_last_one_says_so(begun, monkeypatch):
    game, record = begun
    monkeypatch.setattr(playing, "REGION", 2.0)
    for _ in range(game.simulator.observed.regime.most_rounds):
        assert not record.is_played
        finished(game, record, [-0.9, 0.9])
    assert record.is_played
    assert not record.is_settled


def test_an_end_at_the_edge_of_the_box_is_no_reason_to_go_on(begun):
    game, record = begun
    record.region = game.simulator.region.high.copy()
    finished(game, record, [1.0, 1.0])
    assert record.is_played
    assert record.is_settled


def test_a_game_of_several_rounds(small, monkeypatch):
    monkeypatch.setattr(playing, "SETTLED", 0.0)
    monkeypatch.setattr(playing, "VAGUE", 1.0)
    fit = calibrate()
    assert fit.result["rounds"] == 4
    assert [row["round"] for row in fit.history] == [r for r in range(4) for _ in range(4)]
    assert [row["generation"] for row in fit.history] == list(range(16))
    assert any("no convergence" in text for text in fit.warnings)


# ---------------------------------------------------------------------- results and files

KEYS = {"model", "rule", "mode", "updater", "objective", "seed", "estimate", "interval", "auc_heldout",
        "paths_simulated", "seconds", "version"}


def test_a_run_directory_holds_what_is_promised(small, tmp_path):
    run, events = tmp_path / "run", []
    fit = calibrate(interval=True, out=run, progress=events.append)
    result = json.loads((run / "result.json").read_text())
    assert set(result) >= KEYS
    assert result["estimate"] == fit.estimate
    assert result["version"] == fm.__version__
    assert result["paths_simulated"] == fit.paths_simulated > 0
    config = json.loads((run / "config.json").read_text())
    assert (config["format"], config["free"], config["seed"]) == ("fastmas-run", FREE, 1)
    with open(run / "history.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["generation"] for row in rows] == ["0", "1", "2", "3"]
    assert float(rows[-1]["kappa"]) == fit.history[-1]["kappa"]
    assert "60 paths of 31 times" in events.pop(0)["said"]
    assert [event["phase"] for event in events] == ["start", *["game"] * 5, "last step", "stationarity", "verdict",
                                                  "interval", "posterior"]
    assert [event.get("done") for event in events[1:6]] == [0, 1, 2, 3, 4]
    assert events[5]["estimate"].keys() == fit.estimate.keys()


@pytest.mark.parametrize("updater", ["cma-es", "moments"])
@pytest.mark.parametrize("regime", ["paths", "series"])
def test_a_fit_is_saved_and_plotted(small, tmp_path, updater, regime):
    fit = calibrate(market_paths() if regime == "paths" else market_series(300), updater=updater)
    page = fit.save(tmp_path / "run")
    assert page == tmp_path / "run" / "report.html"
    assert page.exists()
    assert json.loads((tmp_path / "run" / "result.json").read_text())["estimate"] == fit.estimate
    with pytest.raises(RunDirectoryError, match="--overwrite replaces it"):
        fit.save(tmp_path / "run")
    fit.save(tmp_path / "run", overwrite=True)
    figures = fit.plot()
    assert len(figures) == (4 if updater == "cma-es" else 3)


def test_a_report_of_a_run_that_is_not_finished(small, tmp_path):
    from fastmas import report  # noqa: PLC0415

    def stop(event):
        if event["phase"].startswith("game"):
            raise KeyboardInterrupt

    with pytest.raises(Interrupted):
        calibrate(out=tmp_path / "run", progress=stop)
    assert report.build(tmp_path / "run").exists()


def test_paths_simulated_counts_every_path(small, monkeypatch):
    counted = []
    simulate = Simulator.simulate

    def spy(self, z, n_paths, *arguments, **options):
        counted.append(len(z) * n_paths)
        return simulate(self, z, n_paths, *arguments, **options)

    monkeypatch.setattr(Simulator, "simulate", spy)
    assert calibrate(interval=True).paths_simulated == sum(counted)


# ---------------------------------------------------------------------- faults


@pytest.mark.parametrize(("options", "fault", "said"), [
    ({"updater": "sgd"}, ParameterError, "unknown updater 'sgd'"),
    ({"discriminator": "oracle"}, ParameterError, "unknown discriminator 'oracle'"),
    ({"objective": "w-gan"}, ParameterError, "unknown objective 'w-gan'"),
    ({"objective": "saturating", "discriminator": "amortised"}, ParameterError, "discriminator 'amortised' plays"),
    ({"statistic": "volume"}, ParameterError, "unknown statistic 'volume'"),
    ({"free": ["kapa"]}, ParameterError, "unknown parameter 'kapa'"),
    ({"free": []}, ParameterError, "nothing to calibrate"),
    ({"free": ["kappa", "kappa"]}, ParameterError, "named twice"),
    ({"fixed": {"gamma": 1.0}}, ParameterError, "'gamma' is both free and given a value"),
    ({"fixed": {"rho": 3.0}}, ParameterError, "parameter 'rho': 3 is outside"),
    ({"bounds": {"gamma": (0.1, 99.0)}}, ParameterError, r"bounds of 'gamma': \[0.1, 99\] leaves the model's own"),
    ({"bounds": {"gamma": (3.0, 1.0)}}, ParameterError, "low=3 must be below high=1"),
    ({"bounds": {"gamma": 3.0}}, ParameterError, "3.0 is no pair of numbers"),
    ({"bounds": {"rho": (0.1, 0.2)}}, ParameterError, "bounds of 'rho': it is not free; free are kappa, gamma"),
    ({"start": {"gamma": 0.01}}, ParameterError, "start of 'gamma': 0.01 is outside its bounds"),
    ({"start": {"gamma": 5.0}, "bounds": {"gamma": (1.0, 4.0)}}, ParameterError, r"5 is outside its bounds \[1, 4\]"),
    ({"start": {"gamma": "two"}}, ParameterError, "start of 'gamma': 'two' is not a number"),
    ({"start": 2.0}, ParameterError, "start=2.0: give a mapping of names"),
    ({"generations": -1}, ParameterError, "generations=-1: give a whole number of at least 0"),
    ({"generations": 1.5}, ParameterError, "generations=1.5: give a whole"),
    ({"generations": float("nan")}, ParameterError, "generations=nan: give a whole"),
    ({"paths": 7}, ParameterError, "paths=7: give a whole number of at least 8"),
    ({"paths": "many"}, ParameterError, "paths='many': give a whole"),
    ({"paths": 10**9}, MemoryLimitError, "paths=1000000000: a generation of 8 candidates needs"),
    ({"warmup": -1}, ParameterError, "warmup=-1"), ({"warmup": True}, ParameterError, "warmup=True"),
    ({"seed": -1}, ParameterError, "seed=-1"), ({"seed": 2**32}, ParameterError, "seed=4294967296"),
    ({"seed": None}, ParameterError, "seed=None"),
    ({"n_threads": 0}, ParameterError, "threads=0"), ({"heldout_share": 2.0}, ParameterError, "heldout_share=2.0"),
    ({"horizon": 7}, ParameterError, "horizon=7 differs from the 30 steps"),
    ({"column": "close"}, ParameterError, "column='close': an array has no columns"),
    ({"statistic": len}, ParameterError, r"statistic 'len' returned shape \(\) for 54 paths"),
])
def test_faults_are_named_before_anything_is_written(small, tmp_path, options, fault, said):
    with pytest.raises(fault, match=said):
        calibrate(**{"out": tmp_path / "run", **options})
    assert list(tmp_path.iterdir()) == []


def test_a_function_is_not_kept_in_a_run_directory(small, tmp_path):
    with pytest.raises(ParameterError, match="cannot keep a statistic that is a function: leave `out` away"):
        calibrate(statistic=lambda paths: paths[:, :3], out=tmp_path / "run")
    assert list(tmp_path.iterdir()) == []


def test_a_model_that_cannot_be_found_again_is_not_kept(small, tmp_path):
    class Hidden(type(market())):
        pass

    with pytest.raises(ModelError, match="cannot be found again"):
        calibrate(model=Hidden(**market().config), out=tmp_path / "run")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("options", "said"), [
    ({"statistic": "prices"}, "statistic 'prices' gives 240 numbers for 240 prices and 60 for 60: one series needs"),
    ({"discriminator": "path"}, "statistic 'log-returns' gives 239 numbers"),
    ({"statistic": lambda paths: paths}, "returned 60 numbers for paths of 60 prices and 240 for 240"),
])
def test_one_series_needs_a_statistic_of_one_size(small, options, said):
    with pytest.raises(ParameterError, match=said):
        calibrate(market_series(300), **options)


def test_a_series_too_short_for_its_statistic(small):
    def extremes(paths):
        return np.stack([paths.min(axis=1), paths.max(axis=1)], axis=-1)

    with pytest.raises(DataError, match="array: 51 prices to hold out give 0 samples of the statistic 'return-wind"):
        calibrate(market_series(230), horizon=50)
    with pytest.raises(DataError, match="1 samples of the statistic 'extremes', and 8 are needed"):
        calibrate(market_series(300), statistic=extremes)


def test_a_fault_in_the_middle_leaves_a_run_that_can_go_on(small, tmp_path):
    def fail(event):
        if event.get("done") == 2:
            raise RuntimeError("the user's own callback")

    with pytest.raises(RuntimeError, match="callback"):
        calibrate(out=tmp_path / "run", progress=fail)
    assert not RunDirectory.open(tmp_path / "run").has_result
    assert fm.resume(tmp_path / "run", n_threads=1).estimate == calibrate().estimate


@pytest.mark.statistical
def test_the_scale_of_a_series_is_met_under_a_wrong_model(walk_file, no_verdict):
    """Returns of Student's t with 3 degrees, fitted by normal ones: sigma is their own sd, and the misfit is told.

    The simulated log sd of 1,500 normal returns has an error of 1 / sqrt(2 x 1,500 x 100) = .002; learned scores and
    moments of heavy tails gave 20% less.
    """
    steps = 0.01 * np.random.default_rng(3).standard_t(3, 1500)
    x = 100.0 * np.exp(np.cumsum(steps))
    fit = calibrate(x, fm.models.get(walk_file), free=["sigma"], fixed={"drift": 0.0}, updater="moments")
    assert abs(np.log(fit.estimate["sigma"] / np.diff(np.log(x)).std())) < 0.02
    assert fit.result["misfit"] > 0.5
