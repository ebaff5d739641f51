"""The founding paper's experiment: the plain loop is the market, the law is 0 at the truth, the page has figures."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.stats import ks_2samp

from fastmas import updaters
from fastmas.cli import main
from fastmas.errors import Interrupted, ParameterError, RunDirectoryError
from fastmas.files import to_json
from fastmas.lowering.torch_twin import Draws, TorchTwin
from fastmas.reproduce import baseline, law, methods, paper, runs
from fastmas.reproduce.bound import bound
from fastmas.reproduce.experiment import SEPARATE, TIED, Experiment, by_class, folded, market, split, values
from fastmas.reproduce.setting import Setting, choices, quick
from fastmas.simulate import simulate

TINY = replace(quick(Setting()), iterations=8, generations=2, n_paths=100, n_starts=2, n_law=200, n_information=2000)
UNEQUAL = np.concatenate([np.linspace(0.4, 1.6, 7), np.linspace(1.5, 0.5, 7), np.linspace(0.2, 0.8, 5)])


class Given(Draws):
    """The numbers of a `baseline.Noise`, for the torch twin: the text draws them in this order."""

    def __init__(self, drawn):
        self.drawn, self.seen = drawn, []

    def normal(self, node, t, turn):
        if node not in self.seen:
            self.seen.append(node)
        numbers = (self.drawn.signal, self.drawn.variance, self.drawn.value, self.drawn.private, self.drawn.view)
        found = numbers[self.seen.index(node)][t - 1]
        return (found if found.ndim == 1 else found[turn]).double()

    def uniform(self, node, t, turn):
        raise AssertionError("the smoothed market draws normal numbers alone")

    agents = gamma = uniform


@pytest.mark.parametrize("parameters", [TIED, SEPARATE])
def test_the_plain_loop_has_the_paths_of_the_market(parameters):
    theta = np.array([0.7, 1.4, 0.3]) if parameters == TIED else UNEQUAL
    drawn = baseline.noise(30, 50, torch.Generator().manual_seed(1))
    parts = {name: torch.tensor(np.atleast_1d(part), dtype=torch.float32) for name, part in split(theta).items()}
    setting = Setting(rho=0.2)
    plain = baseline.Market(setting.windows, setting.rho).simulate(**parts, drawn=drawn).T.double()
    twin = TorchTwin(market(setting, parameters)).simulate(values(theta, rho=0.2), n_paths=50, n_steps=30,
                                                           draws=Given(drawn))["price"]
    assert plain.shape == twin.shape == (50, 31)
    assert torch.allclose(plain, twin, rtol=2e-4)
    assert plain[:, 30].std() > 1


def test_the_plain_loop_has_the_law_of_the_kernels():
    """Two samples of 4,000: a share of 1e-4 of right ones is told apart at each of three times."""
    setting = Setting()
    plain = baseline.Market(setting.windows, 0.1).simulate(
        *(torch.tensor([x]) for x in (1.0, 1.0, 0.5)), drawn=baseline.noise(50, 4000, torch.Generator().manual_seed(2)))
    paths = simulate(market(setting), values(setting.truth), n_paths=4000, n_steps=50, seed=5)
    for t in (1, 11, 50):
        assert ks_2samp(plain[t].numpy(), paths[:, t]).pvalue > 1e-4


def test_the_baseline_learns_what_its_game_can_tell():
    """Its gradients are those of eq. (1): d, which is well identified, goes towards the truth from either side."""
    setting = replace(TINY, iterations=60, window="start", rate=0.01, n_paths=400)
    data = Experiment(setting).observations.x_obs
    for start in (0.0, 1.2):
        curve = baseline.train(setting, data, np.array([1.0, 1.0, start]), (1, 1, 1), 3).curve
        assert curve.shape == (61, 3)
        assert abs(curve[-1, 2] - 0.5) < abs(start - 0.5)


def test_the_signed_market_is_the_library_s():
    setting = Setting()
    paths = [simulate(market(setting, positive=positive), values(setting.truth), n_paths=20, n_steps=30, seed=1)
             for positive in (False, True)]
    assert np.array_equal(*paths)


def test_the_largest_error_is_nothing_at_the_truth_and_at_its_mirrors():
    setting = replace(Setting(), n_law=50)
    mirrors = np.array([[1, 1, 0.5], [-1, 1, 0.5], [1, -1, 0.5], [-1, -1, 0.5]])
    assert law.largest_errors(setting, mirrors, 50).max() == 0.0
    assert law.largest_errors(setting, np.repeat(setting.truth, (7, 7, 5)), 50).max() == 0.0
    off = law.largest_errors(setting, np.array([1.5, 1.0, 0.5]), 50)
    assert off.shape == (1, 50)
    assert off.min() > 0.0
    first = law.pair(setting, np.array([1.5, 1.0, 0.5]))
    assert first.error.max() == off[0, 0]
    assert first.error[0] == 0.0


def test_rho_makes_the_error():
    theta = np.array([[1.3, 1.0, 0.5]])
    small, large = (law.largest_errors(Setting(rho=rho), theta, 200) for rho in (0.01, 0.2))
    assert (small < 0.015).mean() == 1.0
    assert np.median(large) > 10 * np.median(small)


def test_signs_fold_away():
    assert folded(np.array([-1.0, -2.0, -0.5])).tolist() == [1.0, 2.0, -0.5]
    assert np.array_equal(folded(np.concatenate([-UNEQUAL[:7], -UNEQUAL[7:14], UNEQUAL[14:]])), UNEQUAL)
    assert np.allclose(by_class(UNEQUAL), [1.0, 1.0, 0.5])


def test_folded_signs_have_the_same_law():
    setting = Setting()
    one, other = (simulate(market(setting), values(np.array([b, c, 0.5])), n_paths=4000, n_steps=50, seed=seed)
                  for b, c, seed in ((0.8, 1.2, 1), (-0.8, -1.2, 2)))
    assert ks_2samp(one[:, 50], other[:, 50]).pvalue > 1e-4


def test_the_bound_sees_that_c_is_hardly_identified():
    found = bound(replace(Setting(), n_information=8000))
    assert (found.sd > 0).all()
    assert 2 < found.sd[1] / found.sd[0] < 10
    assert found.correlation > 0.6
    half = bound(replace(Setting(), n_information=8000, n_paths=500))
    assert np.allclose(half.sd / found.sd, np.sqrt(2))


@pytest.mark.parametrize(("window", "data", "generator"), [("settled", 50, 50), ("start", 1, 1), ("literal", 1, 50)])
def test_windows_of_data_and_generator(window, data, generator):
    setting = replace(TINY, window=window)
    assert (setting.first_of_data, setting.first_of_generator) == (data, generator)
    observed = Experiment(setting).observations
    assert observed.x_obs.shape == (100, 50)
    assert (observed.x_obs[:, 0].std() > 3) == (data == 50)


def test_a_window_that_is_none_is_refused():
    with pytest.raises(ParameterError, match="settled, start, literal"):
        Setting(window="whole")


def test_starts_are_the_same_for_all_methods_and_differ():
    experiment = Experiment(TINY)
    assert np.array_equal(experiment.start(1), Experiment(TINY).start(1))
    assert not np.array_equal(experiment.start(1), experiment.start(2))
    assert Experiment(TINY, SEPARATE).start(1).shape == (19,)


@pytest.mark.parametrize("parameters", [TIED, SEPARATE])
def test_the_paper_s_game_is_played_from_the_start(parameters):
    experiment, key = Experiment(TINY, parameters), runs.Key(parameters, 1, "pathwise", 1)
    run = runs.play(experiment, key)
    assert run.refused == ""
    assert (run.notes["discriminator"], run.notes["objective"]) == ("path", "saturating")
    assert run.curve.shape == (TINY.iterations + 1, sum(experiment.n_each))
    assert np.array_equal(run.curve[0], experiment.start(1))
    assert np.array_equal(run.estimate, run.curve[-1])
    steps = np.abs(np.diff(run.curve, axis=0))
    assert steps[0] == pytest.approx(np.full(len(run.estimate), TINY.rate), rel=1e-3)  # Adam's first one
    assert steps.max() < 10 * TINY.rate


def test_a_run_is_kept_bit_for_bit(tmp_path):
    key = runs.Key(TIED, 1, methods.BASELINE, 1)
    run = runs.play(Experiment(TINY), key)
    run.save(tmp_path)
    again = runs.load(tmp_path, key)
    assert np.array_equal(again.curve, run.curve)
    assert again.seconds == run.seconds
    assert runs.load(tmp_path, key._replace(start=2)) is None
    path = next(tmp_path.iterdir())
    path.write_bytes(path.read_bytes()[:-8])
    with pytest.raises(RunDirectoryError, match="delete it"):
        runs.load(tmp_path, key)


def test_a_method_that_cannot_play_is_told(monkeypatch):
    monkeypatch.setitem(methods.METHODS, "cma-es", methods.PAPERS)
    run = runs.play(Experiment(TINY), runs.Key(TIED, 1, "cma-es", 1))
    assert "unknown option 'rate' of the updater 'cma-es'" in run.refused


def test_the_usual_methods_are_names_and_new_updaters_are_found():
    assert set(updaters.names()) < set(methods.known())
    assert set(methods.usual()) <= set(methods.USUAL)
    assert methods.BASELINE in methods.usual()
    assert methods.method("pathwise").options(Setting())["rate"] == 0.002


# ---------------------------------------------------------------------- the command


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A tiny reproduction, and what it found."""
    out = tmp_path_factory.mktemp("paper") / "out"
    found = paper.reproduce(out, TINY, methods=["torch", "moments"], parameters=(TIED,))
    return out, found


def test_the_page_has_all_figures_and_says_what_is_open(made):
    out, found = made
    page = (out / "paper.html").read_text(encoding="utf-8")
    figures = sorted(file.stem for file in (out / "figures").iterdir())
    assert figures == sorted(["figure-2", "figure-3-torch-tied", "figure-3-moments-tied", "figure-4", "law",
                              "rho-and-windows"])
    assert page.count("data:image/png;base64,") == len(figures)
    assert all(choice.taken.split(";")[0].replace("'", "&#x27;") in page for choice in choices(TINY))
    for said in ("Signs are not identified", "Why c is slow", "Second modes", "2,400", "A quick look"):
        assert said in page
    assert "http" not in page.split("</style>")[1]


def test_the_result_is_what_was_found(made):
    out, found = made
    result = json.loads((out / "result.json").read_text())
    assert len(result["runs"]) == 4
    assert 0 <= result["law_of_largest_error"]["at the bound"]["share"] <= 1
    assert {row["rho"] for row in result["share_under_1.5%_by_rho_and_windows"]} == {0.01, 0.1}
    torch_row = next(row for row in result["times"] if row["method"] == "torch")
    assert torch_row["cpu_seconds"] > 0
    assert torch_row["times_faster_than_torch"] is None  # 8 iterations against 2,000 tell nothing


def test_a_finished_run_is_not_played_again(made, monkeypatch):
    out, found = made
    monkeypatch.setattr(paper, "play", lambda *_: pytest.fail("played again"))
    again = paper.reproduce(out, TINY, methods=["torch", "moments"], parameters=(TIED,))
    assert to_json(again.plain()) == to_json(found.plain())
    with pytest.raises(RunDirectoryError, match="another setting"):
        paper.reproduce(out, replace(TINY, seed=2), methods=["torch"])


def test_ctrl_c_leaves_what_is_finished(tmp_path, monkeypatch):
    play, played = runs.play, []

    def stopped(experiment, key, tell):
        if played:
            raise KeyboardInterrupt
        played.append(key)
        return play(experiment, key, tell)

    monkeypatch.setattr(paper, "play", stopped)
    with pytest.raises(Interrupted, match="1 of 2 runs are kept"):
        paper.reproduce(tmp_path / "out", TINY, methods=["torch"], parameters=(TIED,))
    assert [file.stem for file in (tmp_path / "out" / "runs").iterdir()] == [played[0].text]
    assert not (tmp_path / "out" / "paper.html").exists()


@pytest.mark.parametrize(("words", "said"), [
    (["--methods", "guessing"], "unknown method 'guessing'; there are: torch, "),
    (["--methods", "torch,torch"], "named twice"),
    (["--methods", ","], "no method is named"),
    (["--window", "whole"], "settled, start, literal"),
])
def test_wrong_words_are_one_line(words, said, tmp_path, capsys):
    assert main(["reproduce", "paper", "--out", str(tmp_path / "out"), *words]) == 2
    told = capsys.readouterr().err
    assert said in told
    assert told.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_a_folder_of_something_else_is_not_touched(tmp_path, capsys):
    (tmp_path / "mine.txt").write_text("mine")
    assert main(["reproduce", "paper", "--out", str(tmp_path), "--overwrite"]) == 2
    assert "neither empty nor a reproduction" in capsys.readouterr().err
    assert [file.name for file in tmp_path.iterdir()] == ["mine.txt"]
