"""What simulations hand back: reductions, streams, dtypes, limits, progress; and how they are stopped."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap
import threading
from pathlib import Path

import numpy as np
import pytest
from models.slow import Fuse
from scipy import stats

from fastmas import models, reductions
from fastmas.engine.job import Job
from fastmas.errors import MemoryLimitError, ParameterError, SimulationError
from fastmas.random.address import Address
from fastmas.simulate import iterate_paths, simulate, simulate_job

HERE = Path(__file__).parent
SIR = str(HERE / "models" / "sir.py")
SIZE = {"n_paths": 500, "n_steps": 20, "warmup": 3, "seed": 7}
THETAS = [{"infection": 0.8}, {"infection": 1.2}, {}]
ROUNDING = {"rtol": 1e-12, "atol": 1e-12}  # of some thousand float64 additions


@pytest.fixture(autouse=True)
def small_cells(monkeypatch):
    """Cells of 64 paths: 500 paths are eight of them, the last one not full."""
    monkeypatch.setattr(reductions, "CELL_VALUES", 64)


@pytest.fixture(scope="module")
def sir():
    return models.get(SIR)


def spread(paths):
    return np.stack([paths[:, -1], np.ptp(paths, axis=1)], axis=1)


def bits(result):
    return [np.asarray(x).tobytes() for x in result]


# -- reductions ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("common", [False, True])
def test_a_function_of_paths_gives_its_mean_and_standard_error(sir, common):
    paths = simulate(sir, THETAS, common_random_numbers=common, **SIZE)
    found = simulate(sir, THETAS, common_random_numbers=common, reduce=spread, **SIZE)
    values = np.stack([spread(p).astype(np.float64) for p in paths])
    np.testing.assert_allclose(found.mean, values.mean(axis=1), **ROUNDING)
    np.testing.assert_allclose(found.standard_error, values.std(axis=1, ddof=1) / np.sqrt(500), **ROUNDING)
    assert found.mean.shape == (3, 2)
    assert found.n_paths.tolist() == [500] * 3


def test_one_theta_has_no_axis_of_its_own(sir):
    found = simulate(sir, THETAS[0], reduce=lambda paths: paths[:, -1], **SIZE)
    assert found.mean.shape == found.standard_error.shape == ()
    assert found.n_paths == 500


def test_moments_are_those_of_the_paths(sir):
    found = simulate(sir, THETAS[0], reduce="moments", **SIZE)
    paths = simulate(sir, THETAS[0], **SIZE).astype(np.float64)
    expected = {
        "mean": paths.mean(axis=0), "sd": paths.std(axis=0, ddof=1), "skewness": stats.skew(paths),
        "kurtosis": stats.kurtosis(paths), "least": paths.min(axis=0), "largest": paths.max(axis=0)}
    for name, values in expected.items():
        np.testing.assert_allclose(getattr(found, name), values, rtol=1e-9, atol=1e-10, err_msg=name)
    assert found.n_paths == 500


def test_moments_keep_their_precision_far_from_zero():
    values = 1e6 + np.random.default_rng(1).normal(size=(700, 3))
    reduction, = reductions.start("moments", 1)
    for part in np.split(values, [1, 300, 650]):
        reduction.add(reduction.look(part))
    np.testing.assert_allclose(reduction.result().sd, values.std(axis=0, ddof=1), rtol=1e-9)
    np.testing.assert_allclose(reduction.result().kurtosis, stats.kurtosis(values), rtol=1e-6)


def summary_of(paths):
    reduction, = reductions.start("summary", 1)
    for part in np.split(paths, [3, 7]):
        reduction.add(reduction.look(part))
    return reduction.result()


def test_a_summary_is_of_all_values_and_of_log_returns():
    paths = np.random.default_rng(2).lognormal(size=(9, 12))
    returns = np.diff(np.log(paths))
    expected = [paths.mean(), paths.std(ddof=1), returns.mean(), returns.std(ddof=1)]
    np.testing.assert_allclose(summary_of(paths), expected, **ROUNDING)


def test_a_summary_leaves_out_nan_and_returns_of_what_is_not_positive():
    paths = np.random.default_rng(3).normal(size=(9, 12))
    paths[:, 0] = np.nan
    expected = [np.nanmean(paths), np.nanstd(paths, ddof=1), np.nan, np.nan]
    np.testing.assert_allclose(summary_of(paths), expected, **ROUNDING)


@pytest.mark.parametrize("reduce", ["moments", "summary", spread])
def test_bits_of_a_reduction_depend_on_neither_threads_nor_memory(sir, reduce):
    runs = [simulate(sir, THETAS, reduce=reduce, n_threads=n, memory_limit=limit, **SIZE)
            for n, limit in ((1, None), (2, None), (5, None), (2, "30 kB"))]
    assert all(bits(run) == bits(runs[0]) for run in runs)


def test_cells_come_in_order_however_long_each_takes(sir):
    """The first cell waits for the last of those under way."""
    gate, seen = threading.Event(), []

    def look(paths):
        seen.append(len(paths))
        if len(seen) == 1:
            assert gate.wait(20)
        else:
            gate.set()
        return paths

    slow = simulate(sir, THETAS[0], reduce=look, n_threads=2, **SIZE)
    assert bits(slow) == bits(simulate(sir, THETAS[0], reduce=lambda paths: paths, n_threads=1, **SIZE))


class Collector:
    """Keeps all it is given, and who gave it."""

    def __init__(self):
        self.parts, self.threads = [], set()

    def update(self, paths):
        self.parts.append(paths)
        self.threads.add(threading.get_ident())

    def result(self):
        return np.concatenate(self.parts)


def test_an_object_is_given_all_paths_in_order_in_this_thread(sir):
    collector = Collector()
    found = simulate(sir, THETAS[0], reduce=collector, n_threads=3, **SIZE)
    np.testing.assert_array_equal(found, simulate(sir, THETAS[0], **SIZE))
    assert [len(part) for part in collector.parts] == [64] * 7 + [52]
    assert collector.threads == {threading.get_ident()}


@pytest.mark.parametrize("reduce", [Collector, Collector()])
def test_several_thetas_have_an_object_each(sir, reduce):
    found = simulate(sir, THETAS, reduce=reduce, **SIZE)
    np.testing.assert_array_equal(np.stack(found), simulate(sir, THETAS, **SIZE))


def test_a_discriminator_is_a_function_of_paths(sir):
    torch = pytest.importorskip("torch")
    network = torch.nn.Linear(18, 1)

    def loss(paths):
        return torch.nn.functional.softplus(-network(torch.from_numpy(paths)))[:, 0]

    found = simulate(sir, THETAS[0], reduce=loss, **SIZE)
    whole = loss(simulate(sir, THETAS[0], **SIZE)).detach().numpy()
    np.testing.assert_allclose(found.mean, whole.mean(dtype=np.float64), rtol=1e-6)  # float32 in the network


@pytest.mark.parametrize(("reduce", "words"), [
    ("median", "unknown reduction 'median'; there are: moments, summary"),
    (3, "reduce=3: give a name (moments, summary), a function of paths, or an object with update(paths)"),
    (lambda paths: paths.mean(), "returned shape () for 64 paths"),
    (lambda paths: paths[:5], "returned shape (5, 18) for 64 paths; return one value, or one array, for each"),
])
def test_what_cannot_reduce_is_refused(sir, reduce, words):
    with pytest.raises(ParameterError) as caught:
        simulate(sir, reduce=reduce, **SIZE)
    assert words in str(caught.value)


def test_a_fault_of_the_function_comes_through(sir):
    def fail(paths):
        raise ZeroDivisionError("mine")

    with pytest.raises(ZeroDivisionError, match="mine"):
        simulate(sir, reduce=fail, n_threads=2, **SIZE)


MEMORY = """
    import resource
    import fastmas as fm
    market = fm.models.stock_market()
    size = {"n_steps": 100, "n_threads": 2, "reduce": lambda paths: paths[:, -1]}
    fm.simulate(market, n_paths=20_000, **size)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    fm.simulate(market, n_paths=300_000, **size)
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


def test_memory_does_not_grow_with_the_number_of_paths():
    """300,000 paths are 121 MB; four cells of 2 MB are under way at a time."""
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(MEMORY)], capture_output=True, text=True, check=True)
    unit = 1 if sys.platform == "darwin" else 1024  # ru_maxrss is in bytes there, in KiB here
    assert int(done.stdout) * unit < 40e6


# -- streams ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("common", [False, True])
def test_a_stream_of_several_thetas_says_whose_its_paths_are(sir, common):
    chunks = list(iterate_paths(sir, THETAS, chunk_bytes=18 * 4 * 200, common_random_numbers=common, **SIZE))
    assert [(i, first, len(paths)) for i, first, paths in chunks] == [
        (i, first, n) for i in range(3) for first, n in ((0, 200), (200, 200), (400, 100))]
    whole = simulate(sir, THETAS, common_random_numbers=common, **SIZE)
    np.testing.assert_array_equal(np.concatenate([paths for _, _, paths in chunks]), whole.reshape(-1, 18))


def test_a_stream_keeps_to_its_memory_limit(sir):
    chunks = list(iterate_paths(sir, memory_limit="10 kB", **SIZE))
    assert max(chunk.nbytes for chunk in chunks) <= 10_000
    np.testing.assert_array_equal(np.concatenate(chunks), simulate(sir, **SIZE))


def test_a_stream_that_cannot_be_is_refused_before_its_first_chunk(sir):
    with pytest.raises(ParameterError, match="steps=0"):
        iterate_paths(sir, n_paths=2, n_steps=0)
    with pytest.raises(MemoryLimitError, match="memory_limit is 1e-08 GB"):
        iterate_paths(sir, memory_limit=10, **SIZE)


# -- dtypes, devices, limits --------------------------------------------------------------------------


def test_float64_is_float64_from_the_start():
    market = models.get("stock-market")
    size = {"n_paths": 200, "n_steps": 30}
    thin, wide = (simulate(market, {"rho": 0.1}, dtype=dtype, **size) for dtype in ("float32", np.float64))
    assert (thin.dtype, wide.dtype) == (np.float32, np.float64)
    assert not np.array_equal(wide, wide.astype(np.float32))
    alike = np.isclose(thin, wide, rtol=1e-4).all(axis=1).mean()
    assert alike > 0.9  # the same random words: a few paths flip a decision
    reduced = simulate(market, {"rho": 0.1}, dtype="float64", reduce="moments", **size)
    np.testing.assert_allclose(reduced.mean, wide.mean(axis=0), **ROUNDING)
    chunk, = iterate_paths(market, {"rho": 0.1}, dtype="float64", **size)
    np.testing.assert_array_equal(chunk, wide)


@pytest.mark.parametrize(("given", "words"), [
    ({"dtype": "float16"}, "dtype='float16': give one of float32, float64"),
    ({"dtype": int}, "dtype=<class 'int'>: give one of"),
    ({"dtype": "tiny"}, "dtype='tiny': give one of"),
    ({"memory_limit": "lots"}, "memory_limit='lots': give a number of bytes, or a text as '2GB'"),
    ({"memory_limit": 0}, "memory_limit=0"),
    ({"memory_limit": "-1GB"}, "memory_limit='-1GB'"),
    ({"memory_limit": "2 pounds"}, "memory_limit='2 pounds'"),
])
def test_what_is_no_dtype_or_limit_is_refused(sir, given, words):
    with pytest.raises(ParameterError) as caught:
        simulate(sir, **SIZE, **given)
    assert words in str(caught.value)


def test_a_memory_limit_refuses_what_is_more(sir):
    assert simulate(sir, memory_limit="36kB", **SIZE).nbytes == 36_000
    with pytest.raises(MemoryLimitError, match=r"the paths need 3\.6e-05 GB and memory_limit is 3\.5e-05 GB: .*reduce"):
        simulate(sir, memory_limit=35_000, **SIZE)
    with pytest.raises(MemoryLimitError, match="no part of them fits"):
        simulate(sir, memory_limit=1000, reduce="moments", **SIZE)


# -- paths that run away ------------------------------------------------------------------------------


BURNING = {"n_paths": 700, "n_steps": 30, "warmup": 2, "seed": 4}


def first_burnt(chances, observable=None):
    """Theta, path and time of the first value that is not finite, from paths that are left as they are."""
    model = Fuse()
    values = np.stack([model.space(fixed={"p": p}).base for p in chances])
    job = Job(model=model, values=values, n_paths=700, n_steps=30, warmup=2, address=Address(4), common=False,
              observables=(model.observable(observable),))
    paths = simulate_job(job, check=False)[0]
    i, p, j = np.argwhere(~np.isfinite(paths))[0]
    return i, p, j + 2


@pytest.mark.parametrize("how", [
    {}, {"reduce": "moments"}, {"reduce": "summary", "n_threads": 3}, {"chunk_bytes": 64 * 29 * 4}])
@pytest.mark.parametrize("observable", [None, "half_age"])
def test_a_path_that_runs_away_is_named(how, observable):
    chances = (0.0, 2e-4)
    i, p, t = first_burnt(chances, observable)
    assert (i, p > 64) == (1, True), "choose a seed whose first cell is whole"
    thetas = [{"p": chance} for chance in chances]
    run = iterate_paths if "chunk_bytes" in how else simulate
    with pytest.raises(SimulationError) as caught:
        list(run(Fuse(), thetas, observable=observable, **BURNING, **how))
    assert str(caught.value) == (f"model 'fuse': {observable or 'age'} of theta {i}, path {p} is inf at t={t}; "
                                 "the parameters let it run away")


@pytest.mark.parametrize("how", [{}, {"reduce": "moments"}])
def test_the_last_path_is_looked_at_too(how):
    _, p, _ = first_burnt((2e-4,))
    size = BURNING | how
    simulate(Fuse(), {"p": 2e-4}, **(size | {"n_paths": int(p)}))
    with pytest.raises(SimulationError, match=f"theta 0, path {p} is inf"):
        simulate(Fuse(), {"p": 2e-4}, **(size | {"n_paths": int(p) + 1}))


def test_whole_paths_are_not_blamed():
    assert np.isfinite(simulate(Fuse(), **BURNING)).all()


# -- progress and Ctrl-C ------------------------------------------------------------------------------


@pytest.mark.parametrize("how", [{}, {"reduce": "moments"}, {"chunk_bytes": 64 * 18 * 4}])
def test_progress_counts_up_to_all_paths(sir, how, monkeypatch):
    monkeypatch.setattr("fastmas.progress.TICK", 0.0)
    events = []
    run = iterate_paths if "chunk_bytes" in how else simulate
    list(run(sir, THETAS, progress=events.append, **SIZE, **how))
    done = [event["done"] for event in events]
    assert done == sorted(done)
    assert done[-1] == 1500
    assert {event["total"] for event in events} == {1500}
    assert events[-1]["text"].endswith(" paths/s")


def test_a_short_run_says_nothing_and_a_long_one_writes_lines(sir, capsys, monkeypatch):
    simulate(sir, progress=True, **SIZE)
    assert capsys.readouterr().err == ""
    monkeypatch.setattr("fastmas.progress.PATIENCE", 0.0)
    simulate(sir, progress=True, **SIZE)
    assert capsys.readouterr().err.startswith("paths 500/500, ")


STOP = """
    import json, os, signal, sys, threading, time
    signal.signal(signal.SIGINT, signal.default_int_handler)
    import fastmas as fm
    from fastmas.simulate import warm_up
    from models.slow import Slow
    model = Slow()
    warm_up(model)
    size = {"n_paths": 300, "n_steps": 10**6, "reduce": lambda paths: paths[:, -1]}
    waits = {}
    def stop():
        global sent
        time.sleep(0.5)
        sent = time.perf_counter()
        os.kill(os.getpid(), signal.SIGINT)
    for name in ("simulate", "reduce", "iterate"):
        for n_threads in (1, 2):
            threading.Thread(target=stop).start()
            try:
                if name == "iterate":
                    next(fm.iterate_paths(model, n_paths=300, n_steps=10**6, warmup=10**6, n_threads=n_threads))
                else:
                    fm.simulate(model, n_paths=300, n_steps=10**6, warmup=10**6, n_threads=n_threads,
                                reduce="moments" if name == "reduce" else None)
                waits[f"{name} {n_threads}"] = "was not stopped"
            except KeyboardInterrupt:
                waits[f"{name} {n_threads}"] = time.perf_counter() - sent
    print(json.dumps(waits))
"""


def test_ctrl_c_stops_within_a_second_inside_a_block_of_hours():
    """A block of 64 paths takes 64 ms a step and 18 hours in all."""
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(STOP)], capture_output=True, text=True, check=True,
                          cwd=HERE, timeout=120)
    waits = json.loads(done.stdout)
    assert set(waits) == {f"{name} {n}" for name in ("simulate", "reduce", "iterate") for n in (1, 2)}
    assert all(isinstance(wait, float) and wait < 1.0 for wait in waits.values()), waits
