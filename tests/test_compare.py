"""Which market: rows and their order, what goes on after a stop, a model that fails, the page, wrong input."""

from __future__ import annotations

import json
import re
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from small_games import SMALL

import fastmas as fm
from fastmas import models
from fastmas.cli.app import main
from fastmas.compare import compare_runs, study
from fastmas.compare.candidates import Candidate, candidates, minutes
from fastmas.compare.pictures import pictures
from fastmas.compare.ranking import ranked, row_of, sentence
from fastmas.errors import Interrupted, ModelError, ParameterError, RunDirectoryError
from fastmas.markets import is_market

RUNAWAY = '''
import fastmas as fm

class Runaway(fm.Model):
    """Its price leaves the numbers wherever it starts."""
    push = fm.Parameter(5.0, 2.0, 10.0)
    price = fm.State(100.0)

    def step(self, t, draw):
        self.price *= self.push + abs(draw.normal())
'''
N_TIMES = 1200


@pytest.fixture(scope="module")
def data():
    """One series of GARCH(1,1), which every market here is wrong for."""
    return fm.simulate(models.get("garch"), n_paths=1, n_steps=199 + N_TIMES, warmup=200, seed=5)[0].astype(float)


@pytest.fixture(scope="module")
def runaway(tmp_path_factory):
    file = tmp_path_factory.mktemp("models") / "runaway.py"
    file.write_text(RUNAWAY)
    return str(file)


def compared(data, names, out, **more):
    return fm.compare(data, models=names, out=out, budget=SMALL, n_threads=1, **more)


@pytest.fixture(scope="module")
def names(runaway):
    return ["herd", runaway]


@pytest.fixture(scope="module")
def done(data, names, tmp_path_factory):
    out = tmp_path_factory.mktemp("compare") / "out"
    return out, compared(data, names, out)


def row(found, name):
    return next(one for one in found.rows if one["name"] == name)


def test_the_model_of_the_data_is_ahead_and_a_market_that_is_wrong_is_rejected(done):
    """499 data sets stand behind a p-value: a herd of 20, its returns on a grid and nearly normal, has the least."""
    _, found = done
    assert [one["name"] for one in found.rows] == [
        "garch", *sorted(("herd", "random-walk", "random-walk-student"), key=lambda n: found.rows.index(row(found, n))),
        "runaway"]
    assert row(found, "garch")["grade"] == "no misfit found"
    assert row(found, "herd")["p_value"] == 0.002
    assert row(found, "random-walk")["p_value"] <= 0.01
    assert found.best == "herd"
    assert found.said.startswith("No market fits array. The one least off is herd (p < 0.002, with ")
    assert found.said.endswith(" garch, without agents, does.")


def test_a_model_that_fails_is_a_row_that_says_why(done):
    _, found = done
    assert "ran away" in row(found, "runaway")["failed"]
    assert found.rows[-1]["name"] == "runaway"


def test_every_run_is_a_run_directory_with_a_report(done):
    out, found = done
    for name in ("herd", "garch", "random-walk", "random-walk-student"):
        assert (out / name / "report.html").exists()
        result = json.loads((out / name / "result.json").read_text())
        assert row_of({"name": name, "yardstick": name != "herd", "options": row(found, name)["options"]},
                      result) == row(found, name)
    kept = json.loads((out / "compare.json").read_text())
    assert (kept["best"], kept["updater"], kept["seed"]) == ("herd", "moments", 1)
    assert [one["name"] for one in kept["rows"]] == [one["name"] for one in found.rows]


def test_the_page_has_every_row_and_opens_its_reports(done):
    out, found = done
    text = (out / "compare.html").read_text()
    for link in re.findall(r'href="([^"]+)"', text):
        assert (out / link).exists()
    assert text.count("data:image/png;base64,") == 2
    assert all(one["name"] in text for one in found.rows)
    assert "runaway</td>" in text
    for picture in pictures(found):
        assert all(ax.has_data() for ax in picture.figure.axes)


def test_what_is_on_record_is_not_calibrated_again(done, data, names, tmp_path, monkeypatch):
    out = shutil.copytree(done[0], tmp_path / "out")

    def never(*given, **options):
        raise AssertionError

    monkeypatch.setattr(study, "calibrate", lambda model, *given, **options: (
        study_calibrate(model, *given, **options) if model.name == "runaway" else never()))
    assert compared(data, names, out).rows == done[1].rows
    (out / "rows.jsonl").unlink()  # killed after the runs, before their rows
    assert compared(data, names, out).rows == done[1].rows


study_calibrate = study.calibrate


def test_an_interrupted_comparison_goes_on_to_the_same_bits(done, data, names, tmp_path, monkeypatch):
    out, seen = tmp_path / "out", []

    def stopping(model, *given, **options):
        seen.append(model.name)
        if len(seen) == 3:
            raise KeyboardInterrupt
        return study_calibrate(model, *given, **options)

    with monkeypatch.context() as patched:
        patched.setattr(study, "calibrate", stopping)
        with pytest.raises(Interrupted, match="the same command goes on with"):
            compared(data, names, out)
    (out / "garch").mkdir()  # as a kill leaves it, before it had data
    shutil.copy(done[0] / "garch" / "config.json", out / "garch")
    again = compared(data, names, out)

    def told(found):
        return [{key: value for key, value in one.items() if key != "seconds"} for one in found.rows]

    assert told(again) == told(done[1])


def test_a_folder_of_other_data_is_refused_until_overwritten(done, data, names):
    with pytest.raises(RunDirectoryError, match="holds a different comparison, with data="):
        compared(data[:-1], names, done[0])
    with pytest.raises(RunDirectoryError, match="with seed=1, not 2"):
        compared(data, names, done[0], seed=2)


def test_what_takes_too_long_is_left_out_unless_it_is_named(data):
    herd = models.get("herd")
    plan = study.Plan(fm.observe(data), "moments", 1, SMALL, 0.0, 1, None, lambda event: None)
    assert re.match(r"left out: about \d+ minutes of CPU; name it with --models", study._row(
        plan, Candidate("herd", herd), False)[0]["failed"])
    assert study._too_long(replace(plan, limit=1e9), Candidate("herd", herd)) == ""
    assert minutes(herd, 2000) == pytest.approx(2 * minutes(herd, 1000), rel=2.0)
    assert minutes(herd, 1000) > 0


def test_many_paths_are_compared_too(monkeypatch):
    x = fm.simulate(models.get("herd"), n_paths=60, n_steps=80, warmup=50, seed=1)
    monkeypatch.setattr(study, "candidates", lambda given: [Candidate("herd", models.get("herd"), asked=True)])
    found = fm.compare(x, budget=SMALL, n_threads=1)
    assert found.rows[0]["auc_of"] == "held out"
    assert found.rows[0]["p_value"] > 0.01
    assert [picture.name for picture in pictures(found)] == ["facts"]


# ---- order and words


def planted(name, p, off=0, sds=0.0, auc=0.5, facts=10, yardstick=False):
    return {"name": name, "p_value": p, "figures_off": off, "largest_sds": sds, "auc": auc, "facts_in_range": facts,
            "n_facts": 20, "yardstick": yardstick, "grade": "no misfit found" if p > 0.05 else "does not fit",
            "misfits": ["tails too thin"] * off, "verdict": "The model does not fit."}


def test_the_order_is_p_then_figures_then_their_size_then_auc_then_facts():
    rows = [planted("best", 0.3), planted("second", 0.1), planted("few", 0.002, 1, 30.0),
            planted("near", 0.002, 2, 5.0), planted("far", 0.002, 2, 9.0, auc=0.5),
            planted("apart", 0.002, 2, 9.0, auc=0.9, facts=9), planted("poor", 0.002, 2, 9.0, auc=0.9, facts=8),
            {"name": "failed", "failed": "why", "yardstick": False}]
    for seed in range(5):
        mixed = [rows[i] for i in np.random.default_rng(seed).permutation(len(rows))]
        assert [one["name"] for one in ranked(mixed)] == [one["name"] for one in rows]


@pytest.mark.parametrize(("rows", "said"), [
    ([planted("kirman", 0.3), planted("alfi", 0.01, 2)], "1 of 2 markets fit x: kirman (p = 0.3)."),
    ([planted("kirman", 0.3)], "The market fits x: kirman (p = 0.3)."),
    ([planted("walk", 0.2, yardstick=True), planted("alfi", 0.01, 1)],
     "No market fits x. The one least off is alfi (p = 0.01, with 1 named figure off): tails too thin. walk, without "
     "agents, does."),
    ([planted("walk", 0.2, yardstick=True), {"name": "a", "failed": "", "yardstick": False}],
     "No market could be calibrated to x.")])
def test_the_sentence_says_what_fits(rows, said):
    assert sentence(rows, "x") == said


# ---- which models


def test_markets_say_so_themselves():
    built_in = [models.get(name) for name in models.names()]
    assert {model.name for model in built_in if not is_market(model)} == {
        "brock-hommes", "otc-market", "sir", "sir-groups", "supply-chain"}
    assert {model.name for model in built_in if model.yardstick} == {"garch", "random-walk"}
    assert [one.name for one in candidates(None)][-3:] == ["garch", "random-walk", "random-walk-student"]


@pytest.mark.parametrize(("given", "error", "said"), [
    (["kirmann"], ModelError, "unknown model 'kirmann' (did you mean 'kirman'?)"),
    (["sir"], ModelError, "model 'sir' is no market: it shows cases"),
    (["brock-hommes"], ModelError, "is no market: it shows x,"),
    ([], ParameterError, "name at least one"),
    (["herd", "herd"], ParameterError, "'herd' is named twice")])
def test_wrong_models_are_named(given, error, said):
    with pytest.raises(error, match=re.escape(said)):
        candidates(given)


# ---- runs side by side


def test_runs_stand_side_by_side(done, data, tmp_path, capsys):
    out, found = done
    runs = [str(out / name) for name in ("herd", "garch")]
    beside = compare_runs(runs)
    assert [Path(one["name"]).name for one in beside.rows] == ["garch", "herd"]
    assert main(["compare", *runs]) == 0
    assert "markets fit array" in " ".join(capsys.readouterr().out.split())
    other = shutil.copytree(out / "herd", tmp_path / "other")
    np.savez(other / "data.npz", x_obs=np.ones((2, 2)))
    with pytest.raises(RunDirectoryError, match="was calibrated to other data than"):
        compare_runs([runs[0], other])
    (other / "result.json").unlink()
    with pytest.raises(RunDirectoryError, match="is no finished calibration"):
        compare_runs([runs[0], other])


# ---- the command


def test_the_command_calibrates_prints_and_says_where(data, tmp_path, monkeypatch, capsys):
    np.save(tmp_path / "prices.npy", data)
    monkeypatch.setattr(study, "FULL", SMALL)
    monkeypatch.setattr(study, "candidates", lambda given: [Candidate(given[0], models.get(given[0]), asked=True)])
    file, out = tmp_path / "prices.npy", tmp_path / "out"
    assert main(["compare", "--data", str(file), "--models", "random-walk", "--threads", "1", "--out", str(out)]) == 0
    told = capsys.readouterr()
    assert "random-walk *" in told.out
    assert f"written to {out / 'compare.html'}" in told.out.replace("\n", "")
    assert "random-walk: start" in told.err


@pytest.mark.parametrize(("arguments", "said"), [
    ([], "give --data FILE to calibrate every market to, or two finished runs or more"),
    (["--data", "sp500"], "give --out DIR"),
    (["--data", "sp500", "--models", "kirmann", "--out", "x"], "did you mean 'kirman'?"),
    (["--data", "sp500", "--updater", "fast", "--out", "x"], "unknown updater 'fast'"),
    (["--data", "nowhere.csv", "--out", "x"], "no such file"),
    (["run", "--data", "sp500"], "give finished runs alone"),
    (["run"], "run is no folder")])
def test_a_wrong_command_is_one_line_and_leaves_nothing(arguments, said, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["compare", *arguments]) == 2
    told = capsys.readouterr().err
    assert said in told
    assert told.count("\n") == 1
    assert not list(tmp_path.iterdir())
