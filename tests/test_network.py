"""The black box: it learns, it is judged as a model is, and it is kept and told beside a calibration."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from small_games import SMALL, market_paths, market_series
from torch.func import functional_call

import fastmas as fm
from fastmas.calibration.judgement import judge_at
from fastmas.calibration.observed import Observed
from fastmas.calibration.workers import Workers
from fastmas.cli import main
from fastmas.data import observe
from fastmas.errors import ParameterError, RunDirectoryError
from fastmas.network import fitting, game
from fastmas.network.simulator import NOWHERE, NetworkSimulator, noise, simulate_network
from fastmas.network.transition import Frame, build, weights_of

QUICK = replace(SMALL, training={"windowed": {"batch": 512, "warmup": 60}})
FOLLOW = 0.8
N_LEARNING, N_IDLE = 60, 5  # generations
FALLS = 4.0  # times, at least: a walk, where training begins, is 4,000 times as far as chance
N_OWN, MOST_REJECTED = 12, 3  # of 12 right ones at 5%: four or more have probability .002


def herd_paths(n=300, n_times=21, seed=5):
    return fm.simulate(fm.models.herd(), {"follow": FOLLOW}, n_paths=n, n_steps=49 + n_times, warmup=50, seed=seed)


def trained(data, generations=3, **options):
    return fm.fit_network(data, **{"generations": generations, "paths": 16, "n_threads": 1, "budget": SMALL, **options})


@pytest.fixture(scope="module")
def hardly():
    """Trained for three generations on many paths."""
    return trained(herd_paths(60))


@pytest.fixture(scope="module")
def on_series():
    """Trained for three generations on one series."""
    return trained(market_series(400))


def memory(paths):
    """Correlation of returns one step apart: about FOLLOW in a herd, 0 in the walk where training begins."""
    r = np.diff(np.log(paths.astype(float)), axis=1)
    return np.corrcoef(r[:, :-1].ravel(), r[:, 1:].ravel())[0, 1]


# -- learning ------------------------------------------------------------------------------------------


def learns(generations=N_LEARNING):
    """Train on herds and assert that what makes them herds has been found."""
    data = herd_paths()
    fit = trained(data, generations, paths=64, budget=QUICK)
    assert fit.result["mean_moment_distance_start"] > FALLS * fit.result["mean_moment_distance"]
    assert memory(fit.simulate(500, 20)) > memory(data) / 2
    return fit


@pytest.fixture(scope="module")
def learned():
    return learns()


def test_it_learns_a_herd(learned):
    assert learned.n_parameters > 1000
    assert [row["generation"] for row in learned.history] == list(range(1, N_LEARNING + 1))
    assert all(np.isfinite(row[name]) for row in learned.history for name in ("loss", "discriminator_loss"))


def test_a_network_that_takes_no_steps_does_not(monkeypatch):
    """Planted: the test above turns red."""
    monkeypatch.setattr(game, "RATE", 0.0)
    with pytest.raises(AssertionError):
        learns(N_IDLE)


@pytest.mark.parametrize("data", ["paths", "series"])
def test_the_gradient_is_that_of_differences(data, one_thread):
    """Of the objective along a direction in the weights, through paths and statistic; in float64."""
    observations = observe(herd_paths(60) if data == "paths" else market_series(400), heldout_share=0.2)
    observed = Observed(observations, "windows" if data == "paths" else "return-windows")
    network = build(Frame.of(observed, 0), 1).double()
    drawn = noise(network, 8, 70, 3).double()
    weights = {name: value.detach() for name, value in network.named_parameters()}
    direction = {name: 0.1 * torch.randn(value.shape, generator=torch.Generator().manual_seed(i)).double()
                 for i, (name, value) in enumerate(weights.items())}

    def loss(step):
        moved = {name: value + step * direction[name] for name, value in weights.items()}
        return torch.tanh(observed.scaling.increments(functional_call(network, moved, drawn))).square().sum()

    step = torch.zeros((), dtype=torch.float64, requires_grad=True)
    (along,) = torch.autograd.grad(loss(step), step)
    assert float(along) == pytest.approx(float(loss(1e-5) - loss(-1e-5)) / 2e-5, rel=1e-5)
    assert abs(float(along)) > 1e-3


# -- the verdict ---------------------------------------------------------------------------------------


def judged(network, paths):
    simulator = NetworkSimulator(network, Observed(observe(paths, heldout_share=0.2), "windows"), Workers(1), 1)
    with simulator.workers.at_work():
        return judge_at(simulator, NOWHERE, SMALL.bootstrap)


def test_a_network_is_rejected_as_seldom_as_it_should_be_on_paths_of_its_own(learned):
    """What the verdict needs of whatever simulates is nothing else than its paths."""
    own = [simulate_network(learned.network, Workers(1), 150, 21, 77, i) for i in range(N_OWN)]
    p = [judged(learned.network, paths).p_value for paths in own]
    assert sum(one <= 0.05 for one in p) <= MOST_REJECTED
    assert 2 <= sum(one <= 0.5 for one in p) <= 10  # of 12: outside has probability .006
    untrained = build(learned.network.frame, 1)
    assert judged(untrained, own[0]).p_value <= 0.01


def test_the_verdict_names_what_a_network_cannot_do(learned):
    """Its values lie on no grid, as those of a few agents do."""
    assert learned.p_value <= 0.05
    assert "returns repeat a value" in learned.verdict
    assert any("weights are not stepped" in said for said in learned.warnings)


# -- the same bits -------------------------------------------------------------------------------------


@pytest.mark.parametrize("data", ["paths", "series"])
def test_threads_change_no_bit(data, hardly, on_series):
    one = hardly if data == "paths" else on_series
    three = trained(herd_paths(60) if data == "paths" else market_series(400), n_threads=3)
    weights = [weights_of(fit.network) for fit in (one, three)]
    assert all(np.array_equal(weights[0][name], weights[1][name]) for name in weights[0])
    timed = {"seconds", "seconds_by_phase"}
    assert {k: v for k, v in one.result.items() if k not in timed} == {
        k: v for k, v in three.result.items() if k not in timed}
    assert one.history == three.history
    paths = [fit.simulate(1100, 30, seed=4, n_threads=n) for fit, n in ((one, 1), (three, 2))]
    assert np.array_equal(*paths)
    assert paths[0].shape == (1100, 31)
    assert paths[0].dtype == np.float32
    assert (paths[0] > 0).all()
    assert not np.array_equal(paths[0][:, 1:], one.simulate(1100, 30, seed=5)[:, 1:])


def test_another_seed_is_another_network(hardly):
    other = trained(herd_paths(60), generations=1, seed=2)
    assert other.history[0]["loss"] != hardly.history[0]["loss"]


def test_the_caller_s_settings_change_no_bit(hardly):
    torch.manual_seed(9)
    torch.set_default_dtype(torch.float64)
    try:
        with torch.no_grad():
            changed = trained(herd_paths(60))
    finally:
        torch.set_default_dtype(torch.float32)
    assert changed.history == hardly.history


def test_a_series_begins_at_its_first_price_and_wanders(on_series):
    x, paths = market_series(400), on_series.simulate(50, 300)
    assert np.allclose(paths[:, 0], x[0], rtol=1e-5)
    r = np.diff(np.log(paths), axis=1)
    assert 0.3 < r.std() / np.diff(np.log(x)).std() < 3.0


@pytest.mark.parametrize("options", [
    {"discriminator": "path"}, {"objective": "wasserstein"}, {"objective": "hinge"}, {"statistic": "log-returns"}])
def test_other_players_play(options):
    fit = trained(herd_paths(60), **options)
    assert {name: fit.result[name] for name in options} == options
    assert len(fit.history) == 3


# -- kept and loaded -----------------------------------------------------------------------------------


def test_what_is_saved_comes_back(hardly, tmp_path):
    fit = hardly
    page = fit.save(tmp_path / "net")
    assert page.read_text().count("<img") == 5  # paths, returns, autocorrelations, facts, the game
    again = fm.load_network(tmp_path / "net")
    assert np.array_equal(again.simulate(30, 40, seed=3), fit.simulate(30, 40, seed=3))
    assert (again.p_value, again.verdict, again.history) == (fit.p_value, fit.verdict, fit.history)
    assert again.result == json.loads(json.dumps(fit.result))
    again.save(tmp_path / "copy")
    assert np.array_equal(fm.load_network(tmp_path / "copy").simulate(5, 9), fit.simulate(5, 9))
    with pytest.raises(RunDirectoryError, match="--overwrite replaces it"):
        fit.save(tmp_path / "net")


@pytest.mark.parametrize(("name", "content", "said"), [
    ("network.npz", b"PK", "network.npz is damaged"), ("result.json", b"{", "result.json is damaged"),
    ("result.json", b"{}", "does not belong"), ("history.csv", b"a,b\n1\n", "history.csv is damaged")])
def test_damage_is_told(name, content, said, hardly, tmp_path):
    hardly.save(tmp_path / "net")
    (tmp_path / "net" / name).write_bytes(content)
    with pytest.raises(RunDirectoryError, match=said) as error:
        fm.load_network(tmp_path / "net")
    assert "\n" not in str(error.value)


def test_weights_of_another_network_are_told(hardly, on_series, tmp_path):
    hardly.save(tmp_path / "net")
    on_series.save(tmp_path / "other")
    (tmp_path / "net" / "network.npz").write_bytes((tmp_path / "other" / "network.npz").read_bytes())
    with pytest.raises(RunDirectoryError, match="does not belong") as error:
        fm.load_network(tmp_path / "net")
    assert "\n" not in str(error.value)


# -- the command ---------------------------------------------------------------------------------------


@pytest.fixture
def herd_file(tmp_path):
    np.save(tmp_path / "herd.npy", herd_paths(60))
    return tmp_path / "herd.npy"


@pytest.fixture
def run(herd_file, small):
    """A calibration to the same data."""
    folder = herd_file.parent / "run"
    fm.calibrate(fm.models.herd(), str(herd_file), updater="moments", interval=False, draws=0, out=folder, n_threads=1)
    return folder


def called(data, out, *more):
    return main([str(a) for a in ("network", "--data", data, "--out", out, "--generations", "2", "--paths", "8",
                                  "--threads", "1", *more)])


def test_the_command_tells_both_beside_each_other(herd_file, run, small, capsys):
    out = herd_file.parent / "net"
    assert called(herd_file, out, "--against", run) == 0
    said = capsys.readouterr().out
    (head,) = [line for line in said.splitlines() if line.split() == ["herd", "network"]]
    (counts,) = [line for line in said.splitlines() if line.startswith("parameters ")]
    fit = fm.load_network(out)
    assert counts.split() == ["parameters", "2", str(fit.n_parameters)]
    for part in ("p-value", "AUC on held-out data", "largest misfits", "seconds to fit", "paths simulated",
                 fit.verdict[:40]):
        assert part in said
    result = json.loads((out / "result.json").read_text())
    calibrated = json.loads((run / "result.json").read_text())
    rows = {row[0]: row[1:] for row in result["against"]["rows"]}
    assert rows["p-value"] == [calibrated["p_value"], result["p_value"]]
    assert rows["paths simulated"] == [calibrated["paths_simulated"], result["paths_simulated"]]
    page = (out / "report.html").read_text()
    assert "Mechanism beside black box" in page
    assert "A network trained on" in page
    assert "<h2>Estimates</h2>" not in page
    assert main(["report", str(out)]) == 0
    capsys.readouterr()
    assert main(["resume", str(out)]) == 2
    assert "fastmas report" in capsys.readouterr().err


def refuse(capsys, status, *parts):
    said = capsys.readouterr()
    assert status == 2, said
    assert said.out == ""
    (line,) = said.err.splitlines()
    assert line.startswith("fastmas: error: ")
    for part in parts:
        assert str(part) in line


WRONG = {
    "discriminator": (["--discriminator", "judge"], ["judge", "windowed"]),
    "amortised": (["--discriminator", "amortised"], ["amortised", "path or windowed"]),
    "conditional": (["--discriminator", "conditional"], ["conditional", "path or windowed"]),
    "closed form": (["--objective", "mmd"], ["mmd", "path or windowed"]),
    "objective": (["--objective", "w-gan"], ["w-gan", "non-saturating"]),
    "statistic": (["--statistic", "volume"], ["volume", "windows"]),
    "generations": (["--generations", "0"], ["generations=0", "at least 1"]),
    "paths": (["--paths", "3"], ["paths=3", "at least 8"]),
    "seed": (["--seed", "-1"], ["seed=-1"]),
    "column": (["--column", "close"], ["close"]),
    "horizon": (["--horizon", "7"], ["horizon=7", "20"]),
    "no run": (["--against", "nowhere"], ["nowhere", "calibration"]),
    "option": (["--updater", "moments"], ["--updater"]),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_wrong_option_is_one_line(case, herd_file, capsys):
    more, parts = WRONG[case]
    out = herd_file.parent / "net"
    refuse(capsys, called(herd_file, out, *more), *parts)
    assert not out.exists()


def test_wrong_places_are_one_line(herd_file, run, small, capsys):
    folder = herd_file.parent
    other, out = folder / "other.npy", folder / "net"
    np.save(other, market_paths())
    refuse(capsys, called(folder / "none.npy", out), "none.npy")
    refuse(capsys, called(other, out, "--against", run), "run", "other data", "other.npy")
    refuse(capsys, called(herd_file, run), "run", "--overwrite")
    (run / "result.json").rename(folder / "kept.json")
    refuse(capsys, called(herd_file, out, "--against", run), "run is not finished")
    (run / "data.npz").unlink()
    (folder / "kept.json").rename(run / "result.json")
    refuse(capsys, called(herd_file, out, "--against", run), "data.npz")
    refuse(capsys, called(herd_file, herd_file), "herd.npy is a file")
    refuse(capsys, called(herd_file, herd_file / "net"), "herd.npy")
    assert not out.exists()
    with pytest.raises(RunDirectoryError, match="is a calibration's"):
        fm.load_network(run)


def test_ctrl_c_leaves_nothing(herd_file, monkeypatch, capsys):
    def stop(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(fitting, "judge", stop)
    out = herd_file.parent / "net"
    assert called(herd_file, out) == 130
    assert "interrupted" in capsys.readouterr().err
    assert not out.exists()


def test_a_network_is_no_mechanism(herd_file, small, capsys):
    out = herd_file.parent / "net"
    assert called(herd_file, out) == 0
    capsys.readouterr()
    refuse(capsys, called(herd_file, herd_file.parent / "new", "--against", out), "net is a network's")


def test_a_function_as_statistic_has_no_gradient():
    with pytest.raises(ParameterError, match="gradient"):
        trained(herd_paths(60), statistic=np.log)


def test_a_count_that_cannot_be_is_told(hardly):
    with pytest.raises(ParameterError, match="n_paths=0: give a whole number of at least 1"):
        hardly.simulate(0, 5)
