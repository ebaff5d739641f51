"""The engine and `simulate` around it: compiled once, cached by content, honest about what cannot be."""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
import threading
import tracemalloc
import types
from pathlib import Path

import numpy as np
import pytest

from fastmas import models
from fastmas.caching.folder import cache_directory
from fastmas.engine import lanes, source, threads
from fastmas.engine.job import Job, Rows
from fastmas.errors import MemoryLimitError, ModelError, ParameterError, SimulationError
from fastmas.kernel import kernel
from fastmas.lowering.program import program_of
from fastmas.model import Kernels, Model, Observable
from fastmas.parameters import Parameter
from fastmas.random.address import Address
from fastmas.simulate import iterate_paths, simulate, simulate_job

SIR = str(Path(__file__).parent / "models" / "sir.py")
RFQ = str(Path(__file__).parent / "models" / "rfq.py")
simulate_module = sys.modules["fastmas.simulate"]

TINY_HELPER = """
from numpy import float32
from fastmas.kernel import kernel

@kernel
def grow(x, rate):
    return x * rate * float32(1.0)
"""
TINY_MODEL = """
from numpy import float32
import tiny_helper
from tiny_helper import grow
from fastmas.kernel import kernel
from fastmas.model import Kernels, Model, Observable
from fastmas.parameters import Parameter

@kernel
def init(lanes, state, history, theta, integers):
    for w in range(lanes):
        state[0][w] = float32(1.0)

@kernel
def step(t, lanes, state, words, history, address, theta, integers):
    for w in range(lanes):
        state[0][w] = grow(state[0][w], theta[0, w])

class Tiny(Model):
    name = "tiny"
    kernels = Kernels(init, step)
    observables = (Observable("x", 0),)
    parameters = (Parameter(name="rate", default=2.0, low=0.0, high=10.0, doc="growth in a step"),)

MODEL = Tiny
"""


# -- compilation and its cache ------------------------------------------------------------------------


@pytest.fixture
def tiny(tmp_path, monkeypatch):
    """A function that writes the two files of a model and imports them afresh, always under one name."""
    monkeypatch.setenv("FASTMAS_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    monkeypatch.syspath_prepend(tmp_path)

    def load(model: str = TINY_MODEL, helper: str = TINY_HELPER) -> Model:
        (tmp_path / "tiny_model.py").write_text(model)
        (tmp_path / "tiny_helper.py").write_text(helper)
        for name in ("tiny_model", "tiny_helper"):
            sys.modules.pop(name, None)
        importlib.invalidate_caches()
        return importlib.import_module("tiny_model").MODEL()

    yield load
    for name in ("tiny_model", "tiny_helper"):
        sys.modules.pop(name, None)


REPORT = """
import json, sys
from fastmas.engine.job import Rows
from fastmas.engine.source import load_runner
from fastmas.lowering.program import program_of
from fastmas.simulate import simulate
import tiny_model
model = tiny_model.MODEL()
paths = simulate(model, n_paths=2, n_steps=3)
run = load_runner(program_of(model), 1, Rows((0,), 0))
inner = len(tiny_model.step.signatures) + len(tiny_model.init.signatures)
print(json.dumps({
    "name": run.__module__, "paths": paths.tolist(), "loaded": sum(run.stats.cache_hits.values()),
    "compiled": inner + sum(run.stats.cache_misses.values()),
}))
"""


def test_a_second_process_compiles_nothing(tiny, tmp_path):
    tiny()
    env = os.environ | {"PYTHONPATH": str(tmp_path)}
    first, second = (
        json.loads(subprocess.run([sys.executable, "-c", REPORT], env=env, check=True,
                                  capture_output=True).stdout)
        for _ in range(2))
    assert first["paths"] == second["paths"] == [[1, 2, 4, 8]] * 2
    assert first["name"] == second["name"]
    assert first["compiled"] > 0
    assert first["loaded"] == 0
    assert second["compiled"] == 0
    assert second["loaded"] == 1


def runner(model: Model):
    return source.load_runner(program_of(model), 1, Rows((0,), 0))


def module_name(model: Model) -> str:
    return runner(model).__module__


@pytest.mark.parametrize(("edited", "before", "after"), [
    ("model", "float32(1.0)", "float32(3.0)"),
    ("helper", "float32(1.0)", "float32(3.0)"),
])
def test_an_edited_kernel_has_another_compiled_module(tiny, edited, before, after):
    files = {"model": TINY_MODEL, "helper": TINY_HELPER}
    name = module_name(tiny(**files))
    assert module_name(tiny(**files)) == name
    files[edited] = files[edited].replace(before, after)
    assert module_name(tiny(**files)) != name


def test_a_kernel_reached_through_its_module_counts_too(tiny):
    model = TINY_MODEL.replace("from tiny_helper import grow\n", "").replace("= grow(", "= tiny_helper.grow(")
    name = module_name(tiny(model))
    assert module_name(tiny(model, TINY_HELPER.replace("1.0", "3.0"))) != name


def test_a_constant_of_another_file_counts_too(tiny):
    model = TINY_MODEL.replace("import grow", "import START")
    model = model.replace("grow(state[0][w], theta[0, w])", "START")
    name = module_name(tiny(model, "START = 1.0\n"))
    assert module_name(tiny(model, "START = 3.0\n")) != name


def test_two_threads_may_load_a_model_at_once(tiny, monkeypatch):
    """The second thread comes while the first one executes the generated module."""
    model = tiny(TINY_MODEL.replace("float32(1.0)", "float32(7.0)"))
    stack_array, others, failures = lanes.stack_array, [], []

    def load():
        try:
            runner(model)
        except Exception as error:
            failures.append(error)

    def interrupted(*args):
        if not others:
            others.append(threading.Thread(target=load))
            others[0].start()
            others[0].join(0.2)
        return stack_array(*args)

    monkeypatch.setattr(lanes, "stack_array", interrupted)
    runner(model)
    others[0].join()
    assert failures == []


def test_the_cache_folder_is_the_one_asked_for(tiny, tmp_path):
    name = module_name(tiny(TINY_MODEL.replace("float32(1.0)", "float32(5.0)")))
    assert (tmp_path / "cache" / f"{name}.py").exists()


def test_a_cache_folder_that_cannot_be_written_is_replaced(tiny, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("FASTMAS_CACHE_DIR", str(tmp_path / "file" / "below"))
    folder = cache_directory()
    assert folder.is_dir()
    assert os.access(folder, os.W_OK)


def test_kernels_must_be_bound_at_module_level():
    def local(lanes, state, history, theta, integers):
        pass

    class Local(Model):
        name = "local"
        kernels = Kernels(kernel(local), kernel(local))
        observables = (Observable("x", 0),)

    with pytest.raises(ModelError, match="must be bound to a name at the top level"):
        simulate(Local(), n_paths=1, n_steps=1)


def test_a_model_without_kernels_says_so():
    class Empty(Model):
        name = "empty"
        observables = (Observable("x", 0),)

    words = r"model 'empty' has no rules: write a `step\(self, t, draw\)`, or set `kernels = "
    with pytest.raises(ModelError, match=words):
        simulate(Empty(), n_paths=1, n_steps=1)


# -- lanes, blocks and integers -----------------------------------------------------------------------


def test_whole_numbers_may_differ_between_thetas():
    """Lanes of a block share their integers, so thetas are regrouped, and come back in their order."""
    model = models.get("stock-market", windows=[(3, 8)])
    windows = ((3, 8), (1, 10), (3, 8), (2, 4))
    thetas = [{"window_short": l1, "window_long": l2, "gamma": 1.0} for l1, l2 in windows]
    together = simulate(model, thetas, n_paths=50, n_steps=30, common_random_numbers=True)
    for theta, paths in zip(thetas, together, strict=True):
        np.testing.assert_array_equal(paths, simulate(model, theta, n_paths=50, n_steps=30))
    assert len({p.tobytes() for p in together}) == 3
    apart = simulate(model, thetas, n_paths=50, n_steps=30)
    for i, theta in enumerate(thetas):
        alone = simulate_job(Job(model=model, values=model.space(fixed=theta).base[None], n_paths=50, n_steps=30,
                                 address=Address(0, first_path=50 * i)))[0, 0]
        np.testing.assert_array_equal(apart[i], alone)


def test_auctions_may_have_different_numbers_of_dealers():
    model = models.get(RFQ)
    thetas = [{"n_dealers": n} for n in (2, 9, 2, 20)]
    together = simulate(model, thetas, n_paths=5, n_steps=7, common_random_numbers=True)
    for theta, paths in zip(thetas, together, strict=True):
        np.testing.assert_array_equal(paths, simulate(model, theta, n_paths=5, n_steps=7))
    # More dealers on the same random numbers: the best offer only falls.
    assert (together[1] <= together[0]).all()
    assert (together[3] <= together[1]).all()


def test_several_observables_come_from_one_run():
    model = models.get(SIR)
    chosen = [model.observable(n) for n in ("new_cases", "infected", "susceptible")]
    together = simulate_job(Job(model=model, values=model.space().base[None], n_paths=9, n_steps=20, warmup=4,
                                observables=tuple(chosen)))
    for one, paths in zip(chosen, together, strict=True):
        np.testing.assert_array_equal(
            paths[0], simulate(model, n_paths=9, n_steps=20, warmup=4, observable=one.name))


@pytest.mark.parametrize("chunk_bytes", [1, 3000, 1 << 26])
def test_iterate_paths_is_simulate_in_parts(chunk_bytes):
    model = models.get(SIR)
    size = {"n_paths": 100, "n_steps": 20, "warmup": 5, "seed": 9}
    chunks = list(iterate_paths(model, {"infection": 0.8}, chunk_bytes=chunk_bytes, **size))
    np.testing.assert_array_equal(np.concatenate(chunks), simulate(model, {"infection": 0.8}, **size))
    assert all(c.nbytes <= max(chunk_bytes, 16 * 4) for c in chunks)
    assert len(chunks) == {1: 100, 3000: 3, 1 << 26: 1}[chunk_bytes]


def test_no_steps_beyond_warmup_still_give_one_time():
    assert simulate(models.get(SIR), n_paths=3, n_steps=4, warmup=4).shape == (3, 1)


def test_small_runs_wake_no_threads(monkeypatch):
    """Once it is known how long a step takes."""
    def refuse(*work):
        raise AssertionError("threads for a small run")

    simulate(models.get(SIR), n_paths=100, n_steps=10, n_threads=2)
    monkeypatch.setattr(threads._pool, "submit", refuse)
    simulate(models.get(SIR), n_paths=100, n_steps=10, n_threads=2)
    with pytest.raises(AssertionError):
        simulate(models.get(SIR), n_paths=100_000, n_steps=10, n_threads=2)


# -- what cannot be -----------------------------------------------------------------------------------

SIZE = {"n_paths": 2, "n_steps": 2}


@pytest.mark.parametrize(("change", "words"), [
    ({"n_paths": 0}, "paths=0: give a whole number of at least 1"),
    ({"n_paths": -3}, "paths=-3"),
    ({"n_paths": 2.5}, "paths=2.5"),
    ({"n_paths": True}, "paths=True"),
    ({"n_steps": 0}, "steps=0: give a whole number of at least 1"),
    ({"n_steps": -1}, "steps=-1"),
    ({"warmup": -1}, "warmup=-1: give a whole number of at least 0"),
    ({"warmup": 3}, "warmup=3 is longer than steps=2"),
    ({"seed": -1}, "seed=-1: give a whole number in [0, 2**32)"),
    ({"seed": 2**32}, "seed=4294967296"),
    ({"seed": 0.5}, "seed=0.5"),
    ({"n_threads": 0}, "threads=0: give a whole number of at least 1"),
    ({"n_threads": 1.5}, "threads=1.5"),
    ({"theta": []}, "no theta given"),
    ({"theta": np.ones(2)},
     "theta=array([1., 1.]): give a mapping of names to values, as {'infection': 1.0}, or a list"),
    ({"theta": np.ones((40, 2))}, "theta=array([[1., 1.], [1., 1.]"),
    ({"theta": "infection"}, "theta='infection': give a mapping of names to values"),
    ({"theta": 1.5}, "theta=1.5: give a mapping of names to values"),
    ({"theta": [{}, 2.0]}, "theta=[{}, 2.0]: give a mapping of names to values"),
    ({"theta": {"infection": "high"}}, "parameter 'infection': 'high' is not a number"),
    ({"theta": {"infection": 99}}, "'infection': 99 is outside [0.01, 5]"),
    ({"theta": [{}, {"colour": 1}]}, "unknown parameter 'colour'; this model has: infection, recovery"),
    ({"n_paths": 2**32 + 1}, "at most 2**32 paths"),
])
def test_sizes_and_values_that_cannot_be_are_refused(change, words):
    with pytest.raises(ParameterError) as caught:
        simulate(models.get(SIR), **(SIZE | change))
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("change", [
    {"seed": float("nan")}, {"seed": "one"}, {"n_paths": None}, {"n_steps": float("inf")},
    {"n_threads": "two"}, {"run": 2**32}, {"run": -1}, {"purpose": 2**32},
])
def test_what_is_no_size_or_address_at_all_is_refused(change):
    with pytest.raises(ParameterError, match=next(iter(change)).removeprefix("n_")):
        simulate(models.get(SIR), **(SIZE | change))


def test_largest_seed_is_a_seed():
    paths = simulate(models.get(SIR), n_paths=40, n_steps=20, seed=2**32 - 1)
    assert not np.array_equal(paths, simulate(models.get(SIR), n_paths=40, n_steps=20))


def test_more_than_fits_is_refused_before_it_is_asked_for():
    with pytest.raises(MemoryLimitError) as caught:
        simulate(models.get(SIR), n_paths=2**31, n_steps=10**6)
    message = str(caught.value)
    assert "8.59e+06 GB" in message  # 2^31 x 1,000,001 x 4 bytes
    assert "fastmas.iterate_paths" in message


def test_a_run_takes_little_more_memory_than_its_paths():
    """Else the check of what fits allows twice what fits. 40 MB of paths, half of it again for the rest."""
    simulate(Counter(), n_paths=1, n_steps=1)
    tracemalloc.start()
    try:
        paths = simulate(Counter(), n_paths=50_000, n_steps=200)
        assert tracemalloc.get_traced_memory()[1] < 1.5 * paths.nbytes
    finally:
        tracemalloc.stop()


def test_a_path_that_runs_away_is_named():
    """Growth by 2 a step leaves float32 at t = 128, by 4 at t = 64, for every path; by 1 it never does."""
    with pytest.raises(SimulationError) as caught:
        simulate(Growth(), [{"rate": 1}, {"rate": 4}, {"rate": 2}], n_paths=3, n_steps=200)
    assert "model 'growth': size of theta 1, path 0 is inf at t=64" in str(caught.value)
    with pytest.raises(SimulationError, match="theta 0, path 0 is inf at t=128"):
        simulate(Growth(), [{"rate": 2}, {"rate": 1}], n_paths=3, n_steps=200, warmup=100)
    assert simulate(Growth(), {"rate": 2}, n_paths=3, n_steps=127).max() == 2.0**127


def test_an_unknown_model_is_refused_with_the_known_ones():
    with pytest.raises(ModelError, match="unknown model 'weather'; there are: .*stock-market"):
        models.get("weather")


@pytest.mark.parametrize(("name", "text", "words"), [
    ("gone.py", None, "there is no file"),
    ("empty.py", "", "the file defines no model: write a class with a `step`, or bind MODEL"),
    ("broken.py", "1 / 0", "cannot be imported: ZeroDivisionError"),
    ("other.py", "MODEL = dict", "gives a dict, not a fastmas Model"),
])
def test_a_file_without_a_model_is_refused(tmp_path, name, text, words):
    if text is not None:
        (tmp_path / name).write_text(text)
    with pytest.raises(ModelError) as caught:
        models.get(str(tmp_path / name))
    assert words in str(caught.value)


@pytest.mark.parametrize(("name", "config"), [
    ("stock-market", {}), ("stock-market", {"rule": "relaxed", "n_noise": 3, "per_agent": "kappa"}),
    (SIR, {"n_people": 7}), (RFQ, {"law": "normal"}), (f"{SIR}:Sir", {}),
])
def test_a_model_is_found_again_by_its_origin(name, config):
    model = models.get(name, **config)
    assert models.get(models.origin(model), **model.config) == model


def test_a_factory_builds_what_get_gives():
    assert models.factory("stock-market")(n_noise=2) == models.get("stock-market", n_noise=2)
    assert models.factory(SIR)(n_people=9) == models.get(SIR, n_people=9)
    for name, words in (("weather", "unknown model"), ("gone.py", "there is no file"), (f"{SIR}:No", "'No'")):
        with pytest.raises(ModelError, match=words):
            models.factory(name)


def test_a_model_that_is_in_no_file_has_no_origin():
    class Local(Model):
        name = "local"

    session = types.ModuleType("__interactive__")
    exec("from fastmas.model import Model\nclass Typed(Model):\n    name = 'typed'", vars(session))
    for model in (Local(), session.Typed()):
        words = f"{model.name.title()} cannot be found again; define it at the top level of a file"
        with pytest.raises(ModelError, match=words):
            models.origin(model)


def test_a_file_may_name_its_model_and_take_options():
    assert models.get(f"{SIR}:Sir", n_people=7).n_history == 7
    with pytest.raises(ModelError, match="has no option 'colour'; it has: n_people"):
        models.get(SIR, colour="red")


# -- the smallest models ------------------------------------------------------------------------------


@kernel
def stand_still(lanes, state, history, theta, integers):
    pass


@kernel
def count(t, lanes, state, words, history, address, theta, integers):
    for w in range(lanes):
        state[0][w] += np.float32(1.0)


class Counter(Model):
    """No parameters, no randomness: what the engine itself does to a state."""

    name = "counter"
    kernels = Kernels(stand_still, count)
    observables = (Observable("n", 0),)


def test_a_model_without_parameters_runs():
    paths = simulate(Counter(), n_paths=70, n_steps=40)
    np.testing.assert_array_equal(paths, np.tile(np.arange(41), (70, 1)))


@kernel
def echo(t, lanes, state, words, history, address, theta, integers):
    for w in range(lanes):
        state[0][w] = theta[0, w] + theta[1, w] + np.float32(integers[0])


class Echo(Model):
    """Shows its parameters, with a whole number between the two real ones."""

    name = "echo"
    kernels = Kernels(stand_still, echo)
    observables = (Observable("sum", 0),)
    parameters = (
        Parameter(name="a", default=1.0, low=0.0, high=9.0, n_agents=1),
        Parameter(name="k", default=10.0, low=0.0, high=90.0, integer=True),
        Parameter(name="b", default=0.5, low=0.0, high=9.0),
    )


def test_real_and_whole_values_reach_the_kernel_in_their_order():
    values = ((1, 10, 0.5), (2, 10, 0.25), (3, 20, 0.125), (4, 10, 0))
    thetas = [{"a": a, "k": k, "b": b} for a, k, b in values]
    paths = simulate(Echo(), thetas, n_paths=33, n_steps=1)
    np.testing.assert_array_equal(paths[:, :, 1], np.array([[11.5], [12.25], [23.125], [14.0]]) * np.ones(33))


def test_many_thetas_on_few_lanes_are_not_mixed_up(monkeypatch):
    monkeypatch.setattr(simulate_module, "CHUNK_LANES", 100)
    thetas = [{"k": k % 7, "a": k % 10} for k in range(90)]
    paths = simulate(Echo(), thetas, n_paths=3, n_steps=2)
    np.testing.assert_array_equal(paths[:, :, 2], np.array([[th["k"] + th["a"] + 0.5] * 3 for th in thetas]))


@kernel
def start_at_one(lanes, state, history, theta, integers):
    for w in range(lanes):
        state[0][w] = np.float32(1.0)


@kernel
def multiply(t, lanes, state, words, history, address, theta, integers):
    for w in range(lanes):
        state[0][w] *= theta[0, w]


class Growth(Model):
    name = "growth"
    kernels = Kernels(start_at_one, multiply)
    observables = (Observable("size", 0),)
    parameters = (Parameter(name="rate", default=2.0, low=0.0, high=10.0, doc="growth in a step"),)
