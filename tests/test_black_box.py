"""A simulator outside fastmas is a model: its paths, its seeds, and what becomes of those that fail."""

from __future__ import annotations

import multiprocessing
import os
import pickle
import re
import signal
import subprocess
import sys
import time
import warnings
from pathlib import Path

import black_boxes as boxes
import numpy as np
import pytest

import fastmas as fm
from fastmas import models
from fastmas.errors import DeviceError, FastmasWarning, ModelError, ParameterError
from fastmas.random.address import Address

HERE = Path(__file__).parent
SIZES = {"n_paths": 40, "n_steps": 30, "seed": 3}


def box(function, **options):
    return fm.BlackBox(function, boxes.PARAMETERS, **options)


# -- paths ---------------------------------------------------------------------------------------------


def test_a_path_is_that_of_its_values_and_its_seed():
    paths = fm.simulate(boxes.AR1, [boxes.TRUTH, {"slope": -0.5}], dtype="float64", **SIZES)
    assert paths.shape == (2, 40, 31)
    for i, theta in enumerate([{"slope": 0.7, "sd": 1.0}, {"slope": -0.5, "sd": 3.0}]):
        for p in (0, 7, 39):
            seed = boxes.AR1.seed_of(Address(3), 40 * i + p)
            assert 0 <= seed < 2**63
            assert paths[i, p].tolist() == boxes.ar1(theta, seed, 30)


def test_no_bit_depends_on_the_number_of_processes():
    one, three = (fm.simulate(boxes.AR1, boxes.TRUTH, n_threads=n, **SIZES) for n in (1, 3))
    assert (one == three).all()
    assert len(np.unique(one[:, -1])) == 40


def test_common_random_numbers_give_every_theta_the_same_seeds():
    thetas = [{"slope": 0.5, "sd": 1.0}, {"slope": 0.5, "sd": 2.0}]
    common, own = (fm.simulate(boxes.AR1, thetas, common_random_numbers=c, dtype="float64", **SIZES) - 100
                   for c in (True, False))
    assert np.allclose(common[1], 2 * common[0])
    assert not np.allclose(own[1], 2 * own[0])


def test_a_window_is_the_end_of_a_path():
    whole = fm.simulate(boxes.AR1, **SIZES)
    assert (fm.simulate(boxes.AR1, warmup=10, **SIZES) == whole[:, 10:]).all()
    blocks = list(fm.iterate_paths(boxes.AR1, chunk_bytes=1000, **SIZES))
    assert len(blocks) > 1
    assert (np.concatenate(blocks) == whole).all()
    moments = fm.simulate(boxes.AR1, reduce="moments", **SIZES)
    assert np.allclose(moments.mean, whole.astype(float).mean(axis=0), rtol=1e-6)


def test_a_simulator_with_a_length_of_its_own_gives_its_last_values():
    found = fm.simulate(box(boxes.one_length), n_paths=3, n_steps=60, warmup=30, dtype="float64")
    seed = boxes.AR1.seed_of(Address(0), 2)
    assert found[2].tolist() == boxes.ar1({"slope": 0.0, "sd": 3.0}, seed, 120)[-31:]
    with pytest.raises(ModelError, match="returned 121 times and 201 are needed: let it return more"):
        fm.simulate(box(boxes.one_length), n_paths=3, n_steps=200)


def test_several_observables_and_parameters_of_every_kind():
    two = box(boxes.pair, observables=("price", "square"))
    price, square = (fm.simulate(two, observable=name, dtype="float64", **SIZES) for name in ("price", "square"))
    assert (square == price**2).all()
    seen = []
    kinds = fm.BlackBox(lambda theta, seed: seen.append(theta) or [0.0] * 9, [
        fm.Parameter(4, 1, 9, integer=True, name="n"), fm.Parameter(0.5, 0, 1, n_agents=2, name="b")])
    assert kinds.call.theta(np.array([4.0, 0.25, 0.5])) == {"n": 4, "b": [0.25, 0.5]}
    assert isinstance(kinds.call.theta(np.array([4.0, 0.25, 0.5]))["n"], int)


# -- faults --------------------------------------------------------------------------------------------


def line_in_boxes(text: str) -> str:
    lines = (HERE / "black_boxes.py").read_text().splitlines()
    return f"black_boxes.py:{next(i for i, line in enumerate(lines, start=1) if text in line)}"


@pytest.mark.parametrize(("function", "options", "words"), [
    (boxes.raises, {}, ["raised ZeroDivisionError: no agents left at", line_in_boxes("no agents left"), "sd=3.0"]),
    (boxes.leaves, {}, ["raised SystemExit: 4 at", line_in_boxes("SystemExit(4)")]),
    (boxes.dies, {}, ["ended its process (exit status 3) in", line_in_boxes("def dies"), "none of the first 3"]),
    (boxes.crashes, {}, ["ended its process (signal 11) in", line_in_boxes("def crashes")]),
    (boxes.hangs, {"timeout": 0.3}, ["took longer than timeout=0.3 s in", line_in_boxes("def hangs"), "give it more"]),
    (boxes.returns_text, {}, ["returned 'a path', which is no array of numbers"]),
    (boxes.too_wide, {}, ["returned an array of shape (30, 2): give (n_times,)"]),
    (boxes.too_short, {}, ["returned 27 times for n_steps=30: give 31, t = 0 to 30, or 30 without the first"]),
    (boxes.not_a_number, {}, ["returned nan at place 0 of 31"]),
])
def test_what_never_works_ends_in_one_line(function, options, words):
    began = time.monotonic()
    with pytest.raises(ModelError) as error:
        fm.simulate(box(function, **options), **SIZES)
    said = str(error.value)
    assert [word for word in words if word not in said] == []
    assert "\n" not in said
    assert f"model {function.__name__!r}" in said
    assert time.monotonic() - began < 20


def test_what_fails_now_and_then_is_survived_and_counted():
    model = box(boxes.now_and_then)
    given = {"n_paths": 300, "n_steps": 20, "dtype": "float64"}
    with pytest.warns(FastmasWarning) as told:
        paths = fm.simulate(model, **given)
    seeds = np.array([model.seed_of(Address(0), p) % 40 for p in range(300)])
    assert (np.isnan(paths).any(axis=1) == (seeds < 4)).all()
    sound = fm.simulate(boxes.AR1, **given)
    assert (paths[seeds >= 4] == sound[seeds >= 4]).all()  # whoever came after one that died has its own path
    (line,) = [str(one.message) for one in told]
    assert f"{(seeds < 4).sum()} of 300 paths of the black box were lost" in line
    for fault, words in enumerate(("ended their process", "raised an error (the first raised ValueError: bad luck at",
                                   "had another shape", "were not finite")):
        assert f"{(seeds == fault).sum()} {words}" in line


def test_one_that_hangs_costs_one_path():
    slow = box(lambda theta, seed: time.sleep(30) if seed % 10 == 0 else [1.0, 2.0], timeout=0.3)
    seeds = np.array([slow.seed_of(Address(0), p) % 10 for p in range(30)])
    with pytest.warns(FastmasWarning, match=f"{(seeds == 0).sum()} took too long"):
        paths = fm.simulate(slow, n_paths=30, n_steps=1)
    assert (np.isnan(paths[:, 0]) == (seeds == 0)).all()


def test_a_seed_that_decides_nothing_is_noticed():
    with pytest.warns(FastmasWarning, match="the same seed and values gave two different paths"):
        fm.simulate(box(boxes.careless), **SIZES)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fm.simulate(box(boxes.ar1), **SIZES)


@pytest.mark.parametrize(("make", "kind", "words"), [
    (lambda: fm.BlackBox(3, boxes.PARAMETERS), ModelError, "simulate=3 is no function"),
    (lambda: fm.BlackBox(lambda theta: 0, boxes.PARAMETERS), ModelError, "called as simulate(theta, seed)"),
    (lambda: box(boxes.ar1, timeout=-1), ParameterError, "timeout=-1: give seconds above 0"),
    (lambda: box(boxes.ar1, start_method="thread"), ParameterError, "is none of: fork, spawn, forkserver"),
    (lambda: box(boxes.ar1, observables=("a", "a")), ModelError, "give one name or more, each once"),
    (lambda: fm.BlackBox(boxes.ar1, {}), ModelError, "has no parameters"),
    (lambda: fm.BlackBox(boxes.ar1, {"a": 3}), ModelError, "3 is no parameter"),
    (lambda: fm.BlackBox(boxes.ar1, [fm.Parameter(1, 0, 2)]), ModelError, "a parameter has no name"),
    (lambda: fm.simulate(boxes.AR1, device="cuda", **SIZES), DeviceError, "simulate it with device='cpu'"),
    (lambda: fm.simulate(boxes.AR1, observable="volume", **SIZES), ModelError, "it has: price"),
    (lambda: fm.differentiate(boxes.AR1, wrt=["slope"], n_paths=2, n_steps=3), ModelError,
     "has rules of its own outside fastmas, which fastmas cannot differentiate"),
    (lambda: fm.simulate(box(lambda theta, seed: [1.0, 2.0], start_method="spawn"), n_paths=1, n_steps=1), ModelError,
     "needs a function that can be pickled"),
])
def test_what_cannot_be_is_said(make, kind, words):
    with pytest.raises(kind) as error:
        make()
    assert words in str(error.value)


# -- processes -----------------------------------------------------------------------------------------


def test_processes_that_are_started_anew_give_the_same_bits():
    there = fm.simulate(box(boxes.ar1, start_method="spawn"), **SIZES)
    assert (there == fm.simulate(boxes.AR1, **SIZES)).all()


def simulated(model):
    return fm.simulate(model, **SIZES)


@pytest.mark.parametrize("method", ["spawn", "fork"])
def test_it_can_be_pickled_and_runs_in_a_pool_of_processes(method):
    again = pickle.loads(pickle.dumps(boxes.AR1))
    here = fm.simulate(boxes.AR1, **SIZES)
    assert (fm.simulate(again, **SIZES) == here).all()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of a fork beside threads, which is what is tested
        with multiprocessing.get_context(method).Pool(1) as pool:
            assert (pool.map(simulated, [boxes.AR1])[0] == here).all()


def test_it_runs_under_joblib():
    joblib = pytest.importorskip("joblib")
    here = fm.simulate(boxes.AR1, **SIZES)
    found = joblib.Parallel(2)(joblib.delayed(simulated)(boxes.AR1) for _ in range(2))
    assert all((there == here).all() for there in found)


INTERRUPTED = """
import signal, sys, time
signal.signal(signal.SIGINT, signal.default_int_handler)  # a background job of a shell, and its children, ignore it
sys.path.insert(0, {tests!r})
import black_boxes as boxes, fastmas as fm
model = fm.BlackBox(boxes.sleeps, boxes.PARAMETERS)
fm.simulate(model, n_paths=4, n_steps=5)
print(*[worker.process.pid for worker in model.pool._workers], flush=True)
try:
    fm.simulate(model, n_paths=10000, n_steps=5{more})
except KeyboardInterrupt:
    print("heard", flush=True)
"""


@pytest.mark.parametrize("more", ["", ", reduce='moments'"])
def test_ctrl_c_is_heard_within_a_second_and_leaves_nobody_behind(more):
    child = subprocess.Popen([sys.executable, "-c", INTERRUPTED.format(tests=str(HERE), more=more)],
                             stdout=subprocess.PIPE, text=True)
    workers = [int(pid) for pid in child.stdout.readline().split()]
    time.sleep(0.5)
    began = time.monotonic()
    child.send_signal(signal.SIGINT)
    assert child.stdout.readline() == "heard\n"
    assert time.monotonic() - began < 1.0
    assert child.wait(30) == 0
    assert workers
    assert not any(is_running(pid) for pid in workers)


def test_workers_end_with_a_parent_that_is_killed():
    child = subprocess.Popen([sys.executable, "-c", INTERRUPTED.format(tests=str(HERE), more="")],
                             stdout=subprocess.PIPE, text=True)
    workers = [int(pid) for pid in child.stdout.readline().split()]
    time.sleep(0.3)
    child.kill()
    child.wait()
    until = time.monotonic() + 10
    while any(map(is_running, workers)) and time.monotonic() < until:
        time.sleep(0.05)
    assert not any(map(is_running, workers))


def is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_progress_is_told():
    events = []
    fm.simulate(box(boxes.sleeps), n_paths=12, n_steps=5, progress=events.append)
    assert [event["done"] for event in events] == sorted(event["done"] for event in events)
    assert events[-1]["done"] == events[-1]["total"] == 12
    assert len(events) > 1


# -- files ---------------------------------------------------------------------------------------------


FILE = """
import numpy as np
import fastmas as fm
PARAMETERS = {"sd": fm.Parameter(1.0, 0.1, 5.0)}
def walk(theta, seed, n_steps):
    "A random walk."
    return 100 + theta["sd"] * np.random.default_rng(seed).standard_normal(n_steps + 1).cumsum()
%s
"""


@pytest.mark.parametrize(("last", "name"), [
    ("MODEL = fm.BlackBox(walk, PARAMETERS)", "MODEL"), ("Walk = fm.BlackBox(walk, PARAMETERS)", "Walk"),
    ("def MODEL(kind='a'): return fm.BlackBox(walk, PARAMETERS)", "MODEL")])
def test_one_of_a_file_is_found_by_it_and_again(last, name, tmp_path):
    (tmp_path / "walk.py").write_text(FILE % last)
    model = models.get(str(tmp_path / "walk.py"))
    assert models.origin(model) == f"{tmp_path / 'walk.py'}:{name}"
    assert (simulated(models.get(models.origin(model), **model.config)) == simulated(model)).all()
    again = pickle.loads(pickle.dumps(model))
    assert models.origin(again) == models.origin(model)
    assert fm.check(model).ok


def test_one_that_no_file_binds_is_not_found_again():
    with pytest.raises(ModelError, match="cannot be found again: bind it to a name at the top level of a file"):
        models.origin(box(boxes.ar1))
    assert models.origin(boxes.AR1) == f"{HERE / 'black_boxes.py'}:AR1"


def test_check_finds_what_is_wrong():
    assert {f.check: f.status for f in fm.check(boxes.AR1).findings} == dict.fromkeys(
        ("paths", "seeds", "bounds", "place"), "ok")
    found = {f.check: f for f in fm.check(box(boxes.careless)).findings}
    assert found["seeds"].status == found["place"].status == "failed"
    assert [f.status for f in fm.check(box(boxes.raises)).findings] == ["failed"]


@pytest.mark.parametrize(("last", "words"), [
    ("MODEL = 3", "is 3, which is no model"), ("", "the file defines no model"),
    ("A = fm.BlackBox(walk, PARAMETERS)\nB = fm.BlackBox(walk, PARAMETERS)", "the file defines A, B"),
    ("def fail(theta, seed): raise KeyError('beta')\nMODEL = fm.BlackBox(fail, PARAMETERS)",
     r"raised KeyError: 'beta' at \S*walk.py:8, `def fail")])
def test_a_wrong_file_is_one_line_on_the_command_line(last, words, tmp_path):
    (tmp_path / "walk.py").write_text(FILE % last)
    done = subprocess.run([sys.executable, "-m", "fastmas", "simulate", "walk.py", "--paths", "5"], cwd=tmp_path,
                          capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1
    assert re.search(words, done.stderr)


def test_the_command_line_tells_of_lost_paths(tmp_path):
    (tmp_path / "walk.py").write_text(FILE % "def f(theta, seed):\n    assert seed % 5\n    return [1.0] * 200\n"
                                             "MODEL = fm.BlackBox(f, PARAMETERS)")
    done = subprocess.run([sys.executable, "-m", "fastmas", "simulate", "walk.py", "--paths", "50", "--out", "x.csv"],
                          cwd=tmp_path, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0
    (line,) = done.stderr.splitlines()
    assert re.match(r"fastmas: warning: model 'f': \d+ of 50 paths of the black box were lost .* AssertionError", line)
    assert os.path.exists(tmp_path / "x.csv")


