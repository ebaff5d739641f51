"""Gradients of an expected loss: against differences of many paths, coordinate by coordinate."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from small_games import SMALL, TRUTH, make_parts, market, market_paths, z_of

import fastmas as fm
from fastmas import discriminators, estimators, updaters
from fastmas.calibration.game import Game
from fastmas.calibration.record import Record
from fastmas.discriminators.evaluating import evaluate
from fastmas.errors import ModelError, ParameterError
from fastmas.estimators import chain
from fastmas.estimators.decision_score import DecisionScore, ScoredPaths, blind_of, directions
from fastmas.language.relaxed import relaxed
from fastmas.statistics import fit
from fastmas.updaters.moments import MomentFit

pytestmark = pytest.mark.usefixtures("one_thread")
SMOOTH = fm.models.stock_market(rule="smoothed", signal_weights="separate")


def scene_of(free, *, n_paths=4000, model=None, statistic=None, fixed=None):
    """A scene in which the market is looked at through windows, at its truth."""
    simulator, _ = make_parts(market_paths(60, 31), free, model=model, fixed=fixed, statistic=statistic)
    return simulator, simulator.scene(n_paths, 0.02 * simulator.region.width)


def energy(samples, z=None):
    """A loss that every parameter moves: the mean square of returns in a window, and of the level."""
    samples = torch.as_tensor(samples)
    return (samples[..., :-1] ** 2).mean() + 0.3 * torch.tanh(samples[..., -1]).mean()


def credit(samples, z=None):
    return (samples[..., :-1] ** 2).mean(dim=-1) + 0.3 * torch.tanh(samples[..., -1])


def slope_by_differences(simulator, z, j, step, n_paths):
    """d energy / d z_j by common random numbers, and its standard error over groups of paths."""
    ends = np.stack([z, z])
    ends[:, j] += [step, -step]
    groups = []
    for run in range(16):
        above, below = simulator.sample(ends, n_paths // 16, 1000 + run, 77)
        groups.append((float(energy(above)) - float(energy(below))) / (2 * step))
    return np.mean(groups), np.std(groups) / 4.0


def gradients(estimator, scene, z, n):
    """(n, d), each of other random numbers."""
    class Table:
        rollout, device = staticmethod(lambda z, run: estimator.rollout(scene, z, run, 0.0)), "cpu"

    return np.stack([evaluate(Table, run, z[None], energy, credit).gradient[0] for run in range(n)])


def squared_returns(paths):
    """A sample for each step."""
    return (np.diff(np.log(paths)) ** 2)[..., None]


def agrees(found, truth, error, most=4.0):
    mean, own = found.mean(axis=0), found.std(axis=0, ddof=1) / np.sqrt(len(found))
    return np.abs(mean - truth) < most * np.hypot(own, error)


# ---------------------------------------------------------------------- unbiased


@pytest.mark.statistical
def test_decision_score_is_unbiased_in_every_coordinate():
    """kappa has a score alone, sigma_fundamental score and tangent, gamma and rho a threshold: differences."""
    free = ("kappa", "sigma_fundamental", "gamma", "rho")
    simulator, scene = scene_of(free)
    scene = replace(scene, spread=0.005 * simulator.region.width)
    z = z_of(simulator, **TRUTH, sigma_fundamental=1.0, rho=0.1)
    found = gradients(DecisionScore(), scene, z, 24)
    seen = [slope_by_differences(simulator, z, j, 0.05, 100_000) for j in range(4)]
    truth, error = np.array(seen).T
    assert agrees(found, truth, error).all(), (found.mean(axis=0), found.std(axis=0) / 24**0.5, truth, error)
    assert (np.abs(truth) > 6 * np.hypot(error, found.std(axis=0) / 24**0.5)).all()  # or zero would pass


@pytest.mark.statistical
def test_pathwise_is_unbiased_for_smooth_rules():
    simulator, scene = scene_of(("b", "c", "d", "rho", "sigma_fundamental"), model=SMOOTH)
    z = z_of(simulator, b=1.0, c=1.0, d=0.5, rho=0.1, sigma_fundamental=1.0)
    found = gradients(estimators.get("pathwise"), scene, z, 8)
    truth, error = np.array([slope_by_differences(simulator, z, j, 0.02, 64_000) for j in range(5)]).T
    assert agrees(found, truth, error + 0.003 * np.abs(truth)).all()
    assert (np.abs(truth) > 6 * error).sum() >= 3


@pytest.mark.statistical
def test_each_variance_reduction_leaves_the_mean_and_cuts_the_variance():
    """sd of one path for 10^4 E[mean r^2] over 50 steps, kappa: 33.5, 7.3, 20.3 and 5.3 were seen in another market."""
    paths = fm.simulate(market(), n_paths=50, n_steps=50, seed=7)
    simulator, _ = make_parts(paths, ("kappa",), statistic=squared_returns, warmup=0)
    scene = simulator.scene(20_000, 0.02 * simulator.region.width)
    z = z_of(simulator, kappa=1.0)
    seen = {}
    for name, options in (("none", (0, 0)), ("constant", (1, 0)), ("to go", (0, 1)), ("both", (2, 1))):
        estimator = DecisionScore(baseline=options[0], to_go=options[1])
        rollout = estimator.rollout(scene, z, 5, 0.0)
        by_path = rollout.by_score(1e4 * squared_returns(rollout.paths)[..., 0])[0]  # samples are standardised
        seen[name] = by_path.mean(), by_path.std()
    mean, sd = seen["both"]
    for name, (other, spread) in seen.items():
        assert abs(other - mean) < 4 * np.hypot(spread, sd) / 20_000**0.5, name
    assert sd < 0.8 * seen["constant"][1] < 0.25 * seen["none"][1]
    assert sd < 0.4 * seen["to go"][1] < 0.4 * seen["none"][1]


def test_a_score_without_the_decisions_of_the_warm_up_is_biased():
    """The planted fault: decisions before the window count, since the window begins where they have led."""
    simulator, scene = scene_of(("kappa",), n_paths=50_000)
    z = z_of(simulator, kappa=1.0)
    rollout = DecisionScore().rollout(scene, z, 5, 0.0)
    level = np.tanh(rollout.samples[..., -1])
    whole = rollout.by_score(level**2)[0]
    rollout._found = rollout._found._replace(scores=rollout._found.scores - rollout._found.scores[:, :, :1])
    cut = rollout.by_score(level**2)[0]
    assert abs(whole.mean() - cut.mean()) > 4 * np.std(whole - cut) / len(whole) ** 0.5


# ---------------------------------------------------------------------- parts


def test_what_is_blind():
    simulator, _ = make_parts(market_paths(), ("kappa", "gamma", "rho", "sigma_fundamental"))
    assert blind_of(market(), simulator.space.free).tolist() == [False, True, True, False]


def test_many_blind_coordinates_move_together():
    """A pair for each of two; for five one pair by random signs, which change from run to run and average out."""
    assert directions(np.array([False, True, True]), 1, 3).tolist() == [[0, 1, 0], [0, 0, 1]]
    blind = np.array([True] * 5 + [False])
    signs = np.concatenate([directions(blind, 1, run) for run in range(400)])
    assert signs.shape == (400, 6)
    assert set(np.abs(signs[:, :5]).ravel()) == {1.0}
    assert not signs[:, 5].any()
    assert np.abs(np.corrcoef(signs[:, :5].T) - np.eye(5)).max() < 0.2


@pytest.mark.parametrize(("statistic", "ends"), [("windows", list(range(11, 31))), ("prices", [30])])
def test_a_sample_ends_with_the_last_price_it_reads(statistic, ends):
    paths = market_paths(60, 31)
    assert chain.ends_of(fit(statistic, paths), paths[0]).tolist() == ends


def test_slopes_through_a_statistic_of_the_users_are_those_of_torch():
    """A function of arrays goes by small steps along the tangents."""
    def squares(paths):
        return np.stack([np.diff(np.log(paths)) ** 2, paths[:, 1:] / 100.0], axis=2)

    _, scene = scene_of(("b", "d"), model=SMOOTH, n_paths=50)
    own = fit(squares, market_paths(60, 31))
    z = z_of(make_parts(market_paths(60, 31), ("b", "d"), model=SMOOTH)[0], b=1.0, d=0.5)
    found = estimators.get("pathwise").rollout(scene, z, 3, 0.0).found
    slope = np.random.default_rng(1).standard_normal((50, 30, 2)).astype(np.float32)
    by_steps = chain.along_paths(replace(scene, statistic=own, reads_tensors=False), found.paths, found.tangents, slope)
    mean, sd = squares(market_paths(60, 31)).mean(axis=(0, 1)), squares(market_paths(60, 31)).std(axis=(0, 1))

    def in_torch(paths):
        both = torch.stack([paths.log().diff(dim=1) ** 2, paths[:, 1:] / 100.0], dim=2)
        return ((both - torch.tensor(mean)) / torch.tensor(sd)).clamp(-8, 8).float()

    by_torch = chain.along_paths(replace(scene, statistic=in_torch), found.paths, found.tangents, slope)
    assert by_steps.sum(axis=1) == pytest.approx(by_torch.sum(axis=1), rel=2e-2, abs=2e-2 * np.abs(by_torch).max())


def test_tangents_of_a_relaxed_twin_are_the_same_in_both_precisions():
    """In float32 the slope of a nearly certain decision's noise once was anything."""
    both = [fm.differentiate(relaxed(market()), {"kappa": 1.4, "gamma": 1.5, "temperature": 1.0}, wrt=["kappa"],
                             n_paths=500, n_steps=60, seed=3, score=False, dtype=dtype).tangents[0]
            for dtype in ("float32", "float64")]
    for t in (20, 40, 60):
        small, large = (np.quantile(np.abs(x[:, t]), [0.5, 0.99]) for x in both)
        assert small == pytest.approx(large, rel=0.05)


def test_one_path_does_not_outweigh_all_others_under_relaxed_rules():
    _, scene = scene_of(("kappa", "gamma"), n_paths=400)
    simulator, _ = make_parts(market_paths(60, 31))
    z = z_of(simulator, kappa=4.0, gamma=0.9)
    limited, free = (replace(estimators.get("relaxed"), most=most).rollout(scene, z, 2, 0.0) for most in (5.0, 0.0))
    view = estimators.View(None, np.ones_like(limited.samples), None)
    assert (np.abs(limited.gradient(view)) < np.abs(free.gradient(view))).all()


# ---------------------------------------------------------------------- what it refuses


@pytest.mark.parametrize(("updater", "model", "free", "said"), [
    ("pathwise", None, ["kappa"], "'kappa' moves the chances of decisions"),
    ("pathwise", None, ["gamma"], "'gamma' moves a threshold in line"),
    ("relaxed", SMOOTH, ["window_short"], "takes whole numbers"),
    ("straight-through", None, ["window_short"], "takes whole numbers"),
])
def test_an_updater_that_a_model_cannot_serve_says_what_is_missing(updater, model, free, said, small):
    with pytest.raises(ModelError, match=said) as told:
        fm.calibrate(model or market(), market_paths(), free=free, updater=updater, generations=2)
    assert "use " in str(told.value)


def test_gradients_are_asked_of_discriminators_that_have_them(small):
    with pytest.raises(ParameterError, match="'amortised' has not; name conditional or path or windowed"):
        fm.calibrate(market(), market_paths(), updater="decision-score", discriminator="amortised")


def test_a_function_of_arrays_has_no_straight_through(small):
    with pytest.raises(ParameterError, match="function of arrays"):
        fm.calibrate(market(), market_paths(), free=["kappa"], updater="straight-through",
                     statistic=lambda paths: np.diff(np.log(paths)))


# ---------------------------------------------------------------------- whole games


@pytest.mark.parametrize("updater", estimators.names())
def test_a_short_game_is_the_same_with_any_threads_and_resumed(updater, small, tmp_path):
    model, free = (SMOOTH, ["b", "d"]) if updater == "pathwise" else (market(), ["kappa", "gamma"])
    x = fm.simulate(model, n_paths=60, n_steps=80, warmup=50, seed=3)
    given = {"free": free, "updater": updater, "generations": 4, "interval": False, "draws": 0, "seed": 2}
    one = fm.calibrate(model, x, n_threads=1, **given)
    two = fm.calibrate(model, x, n_threads=2, out=tmp_path / "run", **given)
    assert one.estimate == two.estimate
    assert [row["loss"] for row in one.history] == [row["loss"] for row in two.history]
    assert len({row[free[0]] for row in one.history}) > 1


def test_paths_are_counted(small):
    """A game of decision-score: two more candidates for gamma, none for kappa."""
    for free, n_candidates in ((["kappa"], 1), (["kappa", "gamma"], 3)):
        simulator, settings = make_parts(market_paths(), free, updater="decision-score", paths=64, generations=4)
        start = z_of(simulator, **{name: TRUTH[name] for name in free})
        record = Record(start=MomentFit(start, 1e-4 * np.eye(len(free)), 0.0, 1))
        with simulator.workers.at_work():
            Game(simulator, settings, lambda *a: None, lambda event: None).play(record)
        steps_before = -(-SMALL.training["windowed"]["warmup"] // 3)
        assert simulator.n_simulated == 64 * (steps_before + 4 * (1 + n_candidates))  # its own first


def test_every_discriminator_has_gradients_or_says_so():
    from fastmas.registry import parts  # noqa: PLC0415

    kinds = parts("fastmas.discriminators", "DISCRIMINATOR")
    assert [name for name, kind in kinds.items() if not kind.has_gradients] == ["amortised"]
    assert discriminators.differentiable("mmd") == ["closed-form"]
    assert updaters.get("decision-score").discriminator in discriminators.differentiable("non-saturating")


def test_scored_paths_are_those_of_simulate():
    simulator, scene = scene_of(("kappa",), n_paths=64)
    z = z_of(simulator, kappa=1.3)
    seen = ScoredPaths(DecisionScore(), scene, z, 9)
    assert np.array_equal(seen.paths, scene.simulate(z[None], 9)[0])


@pytest.mark.parametrize("objective", ["non-saturating", "quantile"])
@pytest.mark.parametrize("rule", ["exact", "smoothed", "relaxed"])
@pytest.mark.parametrize("updater", [name for name in updaters.names() if updaters.get(name).is_game])
def test_every_updater_plays_under_every_rule_or_says_why_not(updater, rule, objective, small):
    """Two generations against a network and against a distance in closed form; rules that jump have no tangent."""
    model, free = market(rule=rule), ("kappa", "d" if rule == "smoothed" else "gamma")
    given = {"model": model, "updater": updater, "objective": objective, "generations": 2, "paths": 16}
    if updater == "pathwise" and rule == "exact":
        with pytest.raises(ModelError, match="use decision-score"):
            make_parts(market_paths(40, 21), free, **given)
        return
    simulator, settings = make_parts(market_paths(40, 21), free, **given)
    start = simulator.region.middle
    record = Record(start=MomentFit(start, 1e-4 * np.eye(2), 0.0, 1))
    with simulator.workers.at_work():
        Game(simulator, settings, lambda *a: None, lambda event: None).play(record)
    assert np.isfinite([row["loss"] for row in record.rows]).all()
    assert not np.array_equal(record.centres[-1], start)
