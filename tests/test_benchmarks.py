"""The programs of `benchmarks/`: their files, their figures, and every task of the calibrations, in tiny sizes."""

import json
import sys
import warnings
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from scipy.stats import norm

import fastmas as fm
from fastmas.errors import FastmasWarning

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"
sys.path.insert(0, str(BENCHMARKS))

import black_box  # noqa: E402
import calibration  # noqa: E402
import franke_westerhoff  # noqa: E402
import lines  # noqa: E402
from calibration import Run, chosen_runs, one, prepared, ratio, root_mean_square, tables  # noqa: E402
from calibration_tasks import TASKS, bounds, exact_market  # noqa: E402


def fit_of(off, **more):
    """What `calibrate` might give: estimates that are off by a factor, from a start that is off twice as far."""
    def calibrate(model, data, *, free, **options):
        truth, size = {p.name: p.default for p in model.parameters}, off * (1 + float(np.log(data).mean()) % 1)
        estimate, start = ({n: truth[n] * factor for n in free} for factor in (1 + size, 1 + 2 * size))
        return SimpleNamespace(
            estimate=estimate, start=start, interval={n: [0.9 * x, 1.1 * x] for n, x in estimate.items()},
            p_value=0.5, verdict="No misfit found", warnings=["the data identify kappa * rho, not each of them"],
            paths_simulated=100, result={"seconds_by_phase": {"start": 1.0}, "distance": 30.0, "unknown": 1},
            history=[{"round": r, **estimate} for r in (0, 0, 1)], **more)
    return calibrate


class Draws(dict):
    """Of any parameter."""

    rng = np.random.default_rng(1)

    def __missing__(self, name):
        return self.rng.normal(1.0, 0.1, 9)


def options_of(path, *given):
    return SimpleNamespace(**{"tasks": "exact2", "sets": range(2), "updaters": "moments", "seed": 1, "jobs": 1,
                              "threads": 1, "fresh": False, "out": path} | dict(given))


# -- lines ---------------------------------------------------------------------------------------------


def test_a_line_that_was_cut_off_is_no_row(tmp_path):
    path = tmp_path / "new" / "rows.jsonl"
    lines.write(path, [lines.head(seed=1), {"set": 0, "x": np.float32(0.5)}])
    lines.append(path, {"set": 1})
    with path.open("a") as file:
        file.write('{"set": 2, "x')
    head, *rows = lines.read(path)
    assert set(head) == {"machine", "seed"}
    assert rows == [{"set": 0, "x": 0.5}, {"set": 1}]
    assert lines.read(tmp_path / "none.jsonl") == []


# -- runs ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", TASKS)
def test_every_task_has_data_from_inside_the_box(name):
    task = TASKS[name]
    for number in (0, task.n_sets - 1):
        case = task.make(number)
        space = case.model.space(list(case.truth))
        z = space.to_z(np.array(list(case.truth.values())))
        assert ((space.z_bounds[:, 0] < z) & (z < space.z_bounds[:, 1])).all()
        assert (case.data > 0).all()
        assert set(case.units) | set(task.logs) <= set(case.truth)
    assert set(task.errors(case.truth, case.truth).values()) == {0.0}


def test_bounds_are_those_of_the_data_sets_of_the_task():
    for number, row in bounds().items():
        assert exact_market(number)[1] == row["truth"]
        assert TASKS["exact2"].make(number).units["kappa"] == row["sd"]


@pytest.mark.parametrize("name", TASKS)
def test_a_run_is_a_row_and_tables_read_it(name, monkeypatch):
    monkeypatch.setattr(fm, "calibrate", fit_of(0.05, draws=Draws()))
    rows = [json.loads(json.dumps(one(Run(name, number, updater, 1), 1))) for number in range(3)
            for updater in ("cma-es", "moments")]
    assert rows[0]["distance"] == 30.0
    assert rows[0]["played"] == rows[0]["estimate"]
    assert "unknown" not in rows[0]
    assert set(rows[0]["posterior_mean"]) == set(rows[0]["truth"])
    shown = "\n".join(tables(rows))
    assert "cma-es, 3 runs" in shown
    assert '"not each of them": 3 of 3 runs' in shown
    assert "1.00 +- 0.00" in shown  # of cma-es to moments, which are equal here
    assert list(tables(rows[:1]))  # one run has no standard errors


def test_a_run_that_fails_says_why_and_is_done_again(tmp_path, monkeypatch):
    def fails(*given, **options):
        raise ValueError("no start found")
    monkeypatch.setattr(fm, "calibrate", fails)
    row = one(Run("exact2", 0, "moments", 1), 1)
    assert row == {"task": "exact2", "set": 0, "updater": "moments", "seed": 1, "failed": "ValueError: no start found"}
    assert "moments, 0 runs in kappa in bounds, 1 failed" in "\n".join(tables([row]))
    lines.write(tmp_path / "out.jsonl", [row])
    options = options_of(tmp_path / "out.jsonl")
    assert len(prepared(options.out, chosen_runs(options), options)) == 2


def test_a_benchmark_goes_on_where_it_stopped(tmp_path):
    path = tmp_path / "out.jsonl"
    kept, done = ({"task": task, "set": 0, "updater": "moments", "seed": 1} for task in ("fw5", "exact2"))
    lines.write(path, [{"set": 0, "updater": "moments"}, lines.head(), kept, done])
    path.write_text(path.read_text() + '{"task": "exact2", "set": 1, "upd')
    for _ in range(2):  # a head that no row follows gives way to the next
        options = options_of(path)
        assert prepared(path, chosen_runs(options), options) == [Run("exact2", 1, "moments", 1)]
        assert [row.get("task") for row in lines.read(path)] == [None, "fw5", "exact2", None]
    options = options_of(path, ("fresh", True))
    assert len(prepared(path, chosen_runs(options), options)) == 2
    assert [row.get("task") for row in lines.read(path)] == [None, "fw5", None]


# -- figures -------------------------------------------------------------------------------------------


@pytest.mark.statistical
def test_standard_errors_are_those_of_many_repetitions():
    """Of 2,000 repetitions the sd is good to 1/sqrt(4,000) = 1.6%, and the delta method to O(1/n): a tenth."""
    rng = np.random.default_rng(1)
    common, a, b = rng.standard_normal((3, 2000, 40))
    above, below = common + a, common + 2 * b
    for function, given in ((root_mean_square, (above,)), (ratio, (above, below))):
        values, errors = np.array([function(*x) for x in zip(*given, strict=True)]).T
        assert abs(np.sqrt((errors**2).mean()) / values.std() - 1) < 0.1


def test_a_figure_of_one_run_has_no_error():
    assert root_mean_square([2.0])[0] == 2.0
    assert np.isnan(root_mean_square([2.0])[1])
    assert np.isnan(ratio([0.0, 0.0], [1.0, 2.0])).all()
    assert calibration.span("3") == range(3, 4)
    assert calibration.span("0-19") == range(20)


# -- Franke and Westerhoff -----------------------------------------------------------------------------


def test_prices_are_those_of_the_model_of_the_package():
    known = fm.simulate(fm.models.get("franke-westerhoff"), n_paths=1, n_steps=300, warmup=200, observable="log_price",
                        seed=3, dtype="float64")
    found = fm.simulate(franke_westerhoff.Prices(), franke_westerhoff.TRUTH, n_paths=1, n_steps=300, warmup=200, seed=3,
                        dtype="float64")
    assert np.abs(np.log(found) - known).max() < 1e-12


def test_the_middle_of_the_box_has_the_figure_of_the_protocol():
    middle = np.mean(list(franke_westerhoff.BOX.values()), axis=1)
    assert franke_westerhoff.root_mean_square(middle[None]).mean() == pytest.approx(1.402, abs=1e-3)


def test_the_likelihood_is_that_of_the_steps_given_the_shares():
    model, n = franke_westerhoff.Prices(), franke_westerhoff.FORGETS
    p, share = (fm.simulate(model, n_paths=1, n_steps=700, warmup=200, observable=name, seed=4, dtype="float64")[0]
                for name in ("log_price", "share"))
    theta, n_f = np.array(list(franke_westerhoff.TRUTH.values())), share[1:-1]
    mean = 0.01 * (-n_f * theta[0] * p[1:-1] + (1 - n_f) * theta[1] * np.diff(p)[:-1])
    sd = 0.01 * np.hypot(n_f * 0.758, (1 - n_f) * 2.087)
    likely = norm.logpdf(np.diff(p)[1:], mean, sd)[n:].sum() + 0.5 * np.log(2 * np.pi) * len(mean[n:])
    # the share at the first price is a guess, and what is left of it after FORGETS steps shows in the fourth digit
    assert franke_westerhoff.log_likelihood(p, theta) == pytest.approx(likely, rel=1e-4)


# -- black boxes ---------------------------------------------------------------------------------------


def test_the_share_of_a_black_box_is_the_time_inside_it():
    """A simulator of 2 ms, one process: most of the time, and never more than there is."""
    model = black_box.box(2.0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FastmasWarning)
        row = black_box.simulated(model, 50, 2, 1)
        idle = black_box.simulated(black_box.box(0.0), 50, 2, 1)
    assert row["path_ms"] >= 2.0
    assert idle["share"] < row["share"] <= 1.0
    assert row["share"] == pytest.approx(row["path_ms"] * 100 / 1e3 / row["wall_s"])
