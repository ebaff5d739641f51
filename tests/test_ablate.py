"""The ablation of smoothing: bias by temperature, gradients, the folder, faults in one line."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from fastmas import models, updaters
from fastmas.ablate import arms as arms_module
from fastmas.ablate import design_of, smoothing, study
from fastmas.ablate.arms import TWIN, arms_of
from fastmas.ablate.fits import fit_row
from fastmas.ablate.folder import PAGE, PICTURE, RESULT, Folder
from fastmas.ablate.functionals import FUNCTIONALS
from fastmas.ablate.gradients import Setting, estimators, gradient_rows, truth_rows
from fastmas.ablate.summary import errors, summary
from fastmas.ablate.tables import plus_minus, tables
from fastmas.cli.app import main
from fastmas.errors import Interrupted, ModelError, ParameterError, RunDirectoryError
from fastmas.language import Model, Parameter, State, above
from fastmas.models.stock_market import stock_market
from fastmas.study_folder import ROWS

pytestmark = pytest.mark.usefixtures("one_thread")


class Crowd(Model):
    """A count, and a threshold under noise of its own."""

    n: int = 12
    follow = Parameter(0.5, 0.05, 0.95)
    rho = Parameter(0.05, 0.001, 0.5, "log")
    level = Parameter(0.3, 0.01, 3.0, "log")
    price = State(100)
    mood = State(0)

    def step(self, t, draw):
        buyers = draw.count(self.n, 0.5 + 0.5 * self.follow * self.mood)
        alarm = above(draw.normal(), self.level)
        self.mood = 2 * buyers / self.n - 1
        self.price *= 1 + self.rho * (self.mood - 0.2 * alarm)


class Waiting(Model):
    """A text that lanes cannot follow."""

    rho = Parameter(0.05, 0.001, 0.5, "log")
    price = State(100)

    def step(self, t, draw):
        gone = 0
        while gone < 3 and draw.chance(0.5):
            gone += 1
        self.price *= 1 + self.rho * gone


def crowd_design(**options):
    return design_of(Crowd(), free=["follow", "rho"], quick=True, horizon=10, warmup=5, **options)


# ---- what cannot be

@pytest.mark.parametrize(("temperature", "said"), [
    (0.0, "must be above 0; leave it out for the exact rules"), (-1.0, "must be above 0"),
    (float("nan"), "must be above 0"), (20.0, "outside"), ("x", "not a number"), (True, "not a number")])
def test_temperatures_that_cannot_be(temperature, said):
    with pytest.raises(ParameterError, match=said):
        crowd_design(temperatures=[1.0, temperature])


@pytest.mark.parametrize(("model", "said"), [
    (models.get("kirman"), "no above, draw.chance or draw.count"),
    (stock_market(rule="relaxed"), "leave it out"), (Waiting(), "path by path")])
def test_models_without_a_comparison(model, said):
    with pytest.raises(ModelError, match=said):
        design_of(model)


def test_a_model_with_kernels_of_its_own():
    model = models.get(f"{Path(__file__).parent / 'models' / 'rfq.py'}")
    with pytest.raises(ModelError, match="kernels of its own"):
        design_of(model)


@pytest.mark.parametrize(("options", "said"), [
    ({"sets": 0}, "sets=0"), ({"paths": 3}, "paths=3"), ({"truth": "x"}, "truth="), ({"seed": -1}, "seed=-1"),
    ({"updaters": ["x"]}, "unknown updater"), ({"game_sets": -1}, "game_sets"),
    ({"gradient_paths": 3}, "gradient_paths=3"), ({"temperatures": []}, "at least one")])
def test_options_that_cannot_be(options, said):
    with pytest.raises(ParameterError, match=said):
        crowd_design(**options)


def test_the_command_says_it_in_one_line(tmp_path, capsys):
    for given in (["--temperatures", "0"], ["--temperatures", "1,x"], ["--free", "nix"]):
        assert main(["ablate", "smoothing", "--model", "stock-market", "--out", str(tmp_path / "run"), *given]) == 2
        assert capsys.readouterr().err.count("\n") == 1
    assert not (tmp_path / "run").exists()


# ---- arms and data sets

def test_arms_of_the_market():
    found = arms_of(design_of(stock_market(), temperatures=[1, 0.1]))
    names = [arm.name for arm in found]
    assert names[0] == "exact, moments"
    assert {"exact, cma-es", f"{TWIN} at 0.1, moments", "rule=relaxed at 1, moments",
            "rule=smoothed, moments"} <= set(names)
    assert len(set(names)) == len(names)
    smoothed = next(arm for arm in found if arm.rules == "rule=smoothed")
    assert smoothed.free == ("kappa", "d")
    assert smoothed.compared == ("kappa",)
    assert all(arm.fixed["temperature"] == arm.temperature for arm in found if arm.temperature is not None)


def test_a_new_updater_is_an_arm_of_the_exact_rules_and_pathwise_one_of_smoothed_ones(monkeypatch):
    real = updaters.names(), updaters.get
    monkeypatch.setattr(updaters, "names", lambda: [*real[0], "pathwise", "straight-through"])
    monkeypatch.setattr(updaters, "get", lambda name: real[1](name if name in real[0] else "cma-es"))
    names = {arm.name for arm in arms_of(design_of(stock_market(), temperatures=[1]))}
    assert {"exact, straight-through", "rule=smoothed, pathwise", "rule=relaxed at 1, pathwise"} <= names


def test_every_data_set_has_numbers_of_its_own_and_drawn_truths_lie_inside():
    design = crowd_design(truth="drawn")
    seeds = [seed for number in range(20) for seed in design.seeds_of(number)]
    assert len(set(seeds)) == len(seeds)
    follow = [design.truth_of(number)["follow"] for number in range(20)]
    assert len(set(follow)) == 20
    assert all(0.05 < x < 0.95 for x in follow)
    assert not np.array_equal(design.data_of(0), design.data_of(1))


# ---- what temperature does: 2 data sets of 60 paths, each of which gives kappa within about 7%, one standard error

def biases_of_kappa():
    """By temperature of rule=relaxed, and of the exact rules under None: the mean in percent."""
    design = design_of(stock_market(), quick=True, sets=2, temperatures=[1.0, 0.01])
    chosen = [arm for arm in arms_of(design) if arm.rules in ("exact", "rule=relaxed")]
    kappa = design.space.free_parameters[0]
    found = {}
    for arm in chosen:
        e = errors(kappa, "kappa", [fit_row(design, arm, number, 1) for number in range(design.sets)])
        found[arm.temperature] = e.mean()
    return found


def check_biases(found):
    """About +100% at temperature 1; else within four standard errors, 4 * 7% / sqrt(2), of none."""
    assert found[1.0] > 50
    assert abs(found[None]) < 20
    assert abs(found[0.01]) < 20


@pytest.mark.statistical
def test_temperature_1_doubles_kappa_and_exact_rules_do_not():
    check_biases(biases_of_kappa())


@pytest.mark.statistical
def test_a_temperature_that_is_ignored_is_found(monkeypatch):
    real = arms_module._arm

    def careless(*given):
        arm = real(*given)
        return replace(arm, fixed={k: v for k, v in arm.fixed.items() if k != "temperature"})

    monkeypatch.setattr(arms_module, "_arm", careless)
    with pytest.raises(AssertionError):
        check_biases(biases_of_kappa())


# ---- gradients

@pytest.mark.parametrize("name", FUNCTIONALS)
def test_slopes_of_functionals(name):
    f, y = FUNCTIONALS[name], np.random.default_rng(1).normal(size=(3, 6))
    for t in range(6):
        h = np.zeros_like(y)
        h[:, t] = 1e-6
        assert np.allclose((f.of(y + h) - f.of(y - h)) / 2e-6, f.slope(y)[:, t], atol=1e-8)


def gradients_of_the_crowd():
    design = crowd_design(temperatures=[1.0])
    setting = Setting(design, 1)
    truth = truth_rows(setting)
    rows = [row for one in estimators(setting) for row in gradient_rows(setting, one, truth)]
    assert not [row["failed"] for row in rows if "failed" in row]
    return ({(r["functional"], r["parameter"]): r for r in truth},
            {(r["estimator"], r["functional"], r["parameter"]): r for r in rows})


@pytest.mark.statistical
def test_the_decision_score_agrees_with_differences_and_relaxed_slopes_have_exact_paths():
    """Within 4.5 standard errors of both; differences have an error of h^2, far below. A right one fails in 1e-5."""
    exact, found = gradients_of_the_crowd()
    for key, truth in exact.items():
        row = found["decision score", *key]
        assert truth["sd"] > 0
        assert abs(row["value"] - truth["value"]) < 4.5 * np.hypot(row["se"], truth["se"]), key
    for key in exact:
        row = found["straight-through", *key]
        assert abs(row["level"] - 1.0) < 4.5 * 2 / np.sqrt(row["n"])  # sd of a functional: at most twice its mean
    # what is exact moves much with rho: a price that rho moves by itself
    assert exact["squares", "rho"]["value"] == pytest.approx(2.0, abs=0.1)


@pytest.mark.statistical
def test_a_score_without_its_decisions_is_found(monkeypatch):
    from fastmas.ablate import gradients  # noqa: PLC0415

    real = gradients.differentiate
    monkeypatch.setattr(gradients, "differentiate", lambda *a, **k: real(*a, **k)._replace(
        scores=np.zeros_like(real(*a, **k).scores)))
    with pytest.raises(AssertionError, match="follow"):
        test_the_decision_score_agrees_with_differences_and_relaxed_slopes_have_exact_paths()


# ---- the folder

def test_a_cut_row_is_dropped_and_another_design_is_refused(tmp_path):
    folder = Folder(tmp_path / "a", {"paths": 60})
    folder.add({"kind": "fit", "x": float("nan")})
    with open(tmp_path / "a" / ROWS, "a") as file:
        file.write('{"kind": "fi')
    assert Folder(tmp_path / "a", {"paths": 60}).rows == [{"kind": "fit", "x": None}]
    assert (tmp_path / "a" / ROWS).read_text().endswith("}\n")
    with pytest.raises(RunDirectoryError, match="paths=60, not 61"):
        Folder(tmp_path / "a", {"paths": 61})
    assert Folder(tmp_path / "a", {"paths": 61}, overwrite=True).rows == []
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "mine.txt").write_text("mine")
    with pytest.raises(RunDirectoryError, match="something else"):
        Folder(tmp_path / "b", {"paths": 61}, overwrite=True)


def test_a_damaged_row_is_named(tmp_path):
    Folder(tmp_path, {})
    (tmp_path / ROWS).write_text("{}\nnonsense\n{}\n")
    with pytest.raises(RunDirectoryError, match="line 2"):
        Folder(tmp_path, {})


def test_ctrl_c_keeps_rows_and_the_same_call_goes_on(tmp_path, monkeypatch):
    done = []

    def fake(design, arm, number, n_threads):
        if len(done) == 2 and not (tmp_path / "again").exists():
            raise KeyboardInterrupt
        done.append((arm.name, number))
        return {"kind": "fit", "arm": arm.name, "set": number, "failed": "not tried"}

    monkeypatch.setattr(study, "fit_row", fake)
    monkeypatch.setattr(study, "estimators", lambda setting: [])
    monkeypatch.setattr(study, "_finish", lambda design, folder: folder.rows)
    given = {"free": ["follow"], "quick": True, "horizon": 10, "warmup": 5, "out": tmp_path / "run"}
    with pytest.raises(Interrupted, match="the same command goes on"):
        smoothing(Crowd(), **given)
    (tmp_path / "again").touch()
    rows = [row for row in smoothing(Crowd(), **given) if row["kind"] == "fit"]
    assert len(rows) == len(done) == len(set(done)) == 3 * len(arms_of(design_of(
        Crowd(), **{k: v for k, v in given.items() if k != "out"})))


# ---- the result

def made_rows(design, shift):
    """Rows of estimates that are known, six data sets."""
    return [{"kind": "fit", "arm": arm.name, "set": number, "truth": design.truth_of(number), "p_value": 0.04 * number,
             "estimate": {"follow": 0.5 + 0.01 * number + (shift if arm.rules == TWIN else 0.0), "rho": 0.05 * 1.1},
             "seconds": 1.0, "paths_simulated": 10, "at_bound": ["rho"] if number == 5 else []}
            for arm in arms_of(design) for number in range(6)]


def test_bias_spread_and_shares_of_known_estimates():
    design = replace(crowd_design(), sets=6)
    result = summary(design, arms_of(design), made_rows(design, 1.0))
    exact, twin = (next(a for a in result["fits"] if a["rules"] == rules) for rules in ("exact", TWIN))
    assert exact["parameters"]["follow"]["bias"] == pytest.approx(0.025)
    assert exact["parameters"]["follow"]["spread"] == pytest.approx(np.std(np.arange(6) * 0.01, ddof=1))
    assert exact["parameters"]["rho"]["bias"] == pytest.approx(10.0)  # percent, of a log scale
    assert twin["parameters"]["follow"]["bias"] == pytest.approx(1.025)
    assert (exact["noticed"], exact["converged"], twin["near"]) == (2, 5, 0)
    assert [table.title for table in tables(result)][0].startswith("Fits to 6 data sets")


@pytest.mark.parametrize(("value", "se", "said"), [
    (1.2345, 0.0234, "+1.23 ± 0.02"), (-103.4, 2.6, "-103 ± 3"), (0.5, None, "+0.5"), (0.0, 0.0, "+0"), 
    (None, None, ""), (2.0e7, 3.0e6, "+2.0e+07 ± 3e+06"),
])
def test_digits(value, se, said):
    assert plus_minus(value, se) == said


def test_the_command_from_end_to_end(tmp_path, capsys):
    given = ["ablate", "smoothing", "--model", "herd", "--quick", "--sets", "2", "--horizon", "20", "--warmup", "5",
             "--threads", "1", "--out", str(tmp_path / "run")]
    assert main(given) == 0
    printed = capsys.readouterr().out
    assert "relaxed twin" in printed
    assert "straight-through" in printed
    result = json.loads((tmp_path / "run" / RESULT).read_text())
    assert [arm["n"] for arm in result["fits"]] == [2] * len(result["fits"])
    assert (tmp_path / "run" / PICTURE).read_bytes().startswith(b"\x89PNG")
    page = (tmp_path / "run" / PAGE).read_text()
    assert "data:image/png;base64," in page
    assert "http" not in page.replace("http-equiv", "")
    rows = (tmp_path / "run" / ROWS).read_bytes()
    assert main(given) == 0
    assert (tmp_path / "run" / ROWS).read_bytes() == rows
    assert main([*given[:-2], "--paths", "61", "--out", str(tmp_path / "run")]) == 2
