"""One Job: it travels, both engines take it, its rows may be rows of the history, and the history may be long."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
import time
from dataclasses import FrozenInstanceError, dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
from oracles.cuda_simulator import SIMULATOR, values_of

import fastmas as fm
from fastmas import models
from fastmas.engine import cpu, cuda_memory
from fastmas.engine.job import Job, Rows, Sink, rows_of, slots_of
from fastmas.errors import DeviceError, MemoryLimitError, ModelError, ParameterError
from fastmas.kernel import kernel
from fastmas.lowering.program import Derivatives, program_of
from fastmas.model import Kernels, Model, Observable
from fastmas.random import draw_words
from fastmas.random.address import Address
from fastmas.simulate import simulate_job

HERE = Path(__file__).parent
SIR = str(HERE / "models" / "sir.py")
WINDOW = 7


@kernel
def forget(lanes, state, history, theta, integers):
    """Nothing has been seen."""


@kernel
def remember(t, lanes, state, words, history, address, theta, integers):
    """A word of 16 bits, and the one of n_history steps ago: of a history of one row, the last one's."""
    n = history.shape[0]
    draw_words(lanes, address, t, 0, words[0], words[1], words[2], words[3])
    for w in range(lanes):
        state[1][w] = history[t % n, w]
        state[0][w] = np.float32(np.int32(words[0][w] >> np.uint32(16)))
        history[t % n, w] = state[0][w]


@dataclass(frozen=True, kw_only=True)
class Memory(Model):
    """Shows what it draws and what it drew `length` steps ago."""

    name: ClassVar[str] = "memory"
    n_state: ClassVar[int] = 2
    n_words: ClassVar[int] = 4
    kernels: ClassVar[Kernels] = Kernels(forget, remember)
    observables: ClassVar[tuple[Observable, ...]] = (Observable("now", 0), Observable("then", 1))

    length: int = 5

    @property
    def n_history(self) -> int:
        return self.length


MODEL = Memory


def job_of(model, **changes):
    return Job(**({"model": model, "values": model.space().base[None], "n_paths": 70, "n_steps": 40} | changes))


def history_rows(model, *rows):
    return tuple(Observable(f"history_{h}", program_of(model).n_state + h) for h in rows)


# -- the job itself -----------------------------------------------------------------------------------


@pytest.mark.parametrize("changes", [
    {"common": False, "n_threads": 2}, {"dtype": "float64", "warmup": 3}, {"address": Address(7, 1, 2, 1000)},
])
def test_a_job_gives_the_same_bits_after_a_round_trip(changes):
    model = models.get("stock-market")
    values = values_of(model, [{}, {"kappa": 0.5}])
    job = job_of(model, values=values, observables=model.observables[:2], **changes)
    paths = simulate_job(job, check=False)
    again = pickle.loads(pickle.dumps(job))
    assert again.address == job.address
    np.testing.assert_array_equal(simulate_job(again, check=False), paths)


ELSEWHERE = """
import pickle, sys
import numpy as np
from fastmas.simulate import simulate_job
with open(sys.argv[1], "rb") as file:
    job = pickle.load(file)
np.save(sys.argv[2], simulate_job(job))
"""


def test_a_job_gives_the_same_bits_in_another_process(tmp_path):
    job = job_of(models.get("stock-market", per_agent=("kappa",)), address=Address(3))
    (tmp_path / "job").write_bytes(pickle.dumps(job))
    subprocess.run([sys.executable, "-c", ELSEWHERE, tmp_path / "job", tmp_path / "paths.npy"], check=True)
    np.testing.assert_array_equal(np.load(tmp_path / "paths.npy"), simulate_job(job))


def test_a_model_leaves_behind_what_can_be_made_again():
    """A pickle holds the configuration, no kernels."""
    model = models.get("stock-market")
    before = len(pickle.dumps(model))
    fm.simulate(model, n_paths=1, n_steps=1)
    assert len(pickle.dumps(model)) <= before + 4000  # the market keeps its parameters
    assert pickle.loads(pickle.dumps(model)) == model
    assert b"random" not in pickle.dumps(job_of(Memory()).model)


def test_a_job_stays_as_it_was_checked():
    job = job_of(models.get(SIR))
    with pytest.raises(FrozenInstanceError):
        job.n_paths = 3


@pytest.mark.parametrize(("change", "error", "words"), [
    ({"n_paths": 0}, ParameterError, "paths=0: give a whole number of at least 1"),
    ({"warmup": 41}, ParameterError, "warmup=41 is longer than steps=40"),
    ({"values": np.empty((0, 3))}, ParameterError, "no theta given"),
    ({"values": np.ones(3)}, ParameterError, "give a float64 array (n_theta, n_entries)"),
    ({"values": [[1.0, 1.0, 1.0]]}, ParameterError, "give a float64 array (n_theta, n_entries)"),
    ({"values": np.ones((1, 2))}, ParameterError, "values of shape (1, 2): model 'sir' has 3 values a theta"),
    ({"dtype": "float16"}, ParameterError, "dtype='float16': give one of float32, float64"),
    ({"device": "gpu"}, DeviceError, "device='gpu' is none of: cpu, cuda"),
    ({"n_threads": 0}, ParameterError, "threads=0"),
    ({"address": Address(0, first_path=2**32 - 69)}, ParameterError, "at most 2**32 paths"),
    ({"observables": (Observable("ghost", 52),)}, ModelError, "ghost is row 52, and rows are 0 to 51"),
    ({"observables": (Observable("ghost", -1),)}, ModelError, "ghost is row -1, and rows are 0 to 51"),
    ({"derivatives": Derivatives(("infection",))}, ModelError, "'sir' has kernels of its own"),
])
def test_what_cannot_be_is_refused_when_the_job_is_made(change, error, words):
    with pytest.raises(error) as caught:
        job_of(models.get(SIR), **change)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_chunks_are_the_whole_in_order():
    model = models.get(SIR)
    for n_theta, n_paths, common in ((1, 70, True), (3, 70, False), (50, 3, False), (50, 3, True)):
        job = job_of(model, values=values_of(model, [{}] * n_theta), n_paths=n_paths, common=common)
        whole = simulate_job(job).reshape(-1, 41)
        for lanes in (1, 20, 100, 1000):
            out = np.full((1, job.total, 41), -1, dtype=np.float32)
            for chunk, first in job.chunks(lanes):
                assert chunk.total <= max(lanes, 3)
                cpu.simulate(chunk, Sink(out, first))
            np.testing.assert_array_equal(out[0], whole)


def test_a_program_is_made_once_for_each_object():
    model = Memory()
    assert program_of(model) is program_of(model)
    assert program_of(model) is not program_of(Memory())
    assert program_of(Memory(length=3)).n_history == 3


def test_paths_of_the_cpu_do_not_stay_on_a_device():
    with pytest.raises(DeviceError, match="device='cpu' keeps no paths on a GPU: fastmas.simulate gives"):
        fm.simulate_on_device(Memory(), n_paths=1, n_steps=1, device="cpu")


# -- rows of the history ------------------------------------------------------------------------------


def test_stored_rows_and_their_places():
    program = program_of(Memory(length=9))
    assert rows_of(program, (0,)) == Rows((0, 1), 0)
    assert slots_of(program, (1,)) == (-1, 0)
    assert rows_of(program, (6, 0, 4, 6)) == Rows((0, 1), 2)
    state, history = slots_of(program, (6, 0, 4, 6))[:2], slots_of(program, (6, 0, 4, 6))[2:]
    assert state == (1, -1)
    assert dict(zip(history[:2], history[2:], strict=True)) == {0: 4, 2: 2}  # the first place of a row; less 2 of state


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("n_steps", [3, 16, 50])
def test_history_rows_are_observables(dtype, n_steps):
    """Row h holds what was drawn at the last t with t % length == h, zero before."""
    model = Memory(length=5)
    chosen = (history_rows(model, 3)[0], model.observables[0], *history_rows(model, 0, 3))
    job = job_of(model, n_steps=n_steps, observables=chosen, dtype=dtype, n_threads=2, n_paths=300)
    third, now, zeroth, again = simulate_job(job)[:, 0]
    t = np.arange(n_steps + 1)
    for h, found in ((3, third), (0, zeroth), (3, again)):
        last = t - (t - h) % 5
        expected = np.where(last > 0, now[:, np.maximum(last, 0)], 0)
        np.testing.assert_array_equal(found, expected)
    np.testing.assert_array_equal(now, fm.simulate(model, n_paths=300, n_steps=n_steps, dtype=dtype))


def test_other_history_rows_need_no_other_kernel():
    model = Memory(length=5)
    runs = {id(cpu.prepare(job_of(model, observables=history_rows(model, h, k))).run) for h, k in ((0, 1), (4, 2))}
    assert len(runs) == 1


# -- a long history -----------------------------------------------------------------------------------

LONG = """
import sys
import numpy as np
import fastmas as fm
from fastmas import models
memory = models.get(sys.argv[1], length=50_000)
now, then = (fm.simulate(memory, n_paths=70, n_steps=50_100, warmup=49_900, observable=name, n_threads=2)
             for name in ("now", "then"))
early = fm.simulate(memory, n_paths=70, n_steps=100)
np.testing.assert_array_equal(then[:, 101:], early[:, 1:])
assert (then[:, :101] == 0).all() and now.any()
market = fm.models.stock_market(windows=[(2, 20000)], n_technical=1)
short = fm.models.stock_market(windows=[(2, 10)], n_technical=1)
size = dict(n_paths=3, n_steps=300)
theta = {"window_long": 8}
np.testing.assert_array_equal(fm.simulate(market, theta, **size), fm.simulate(short, theta, **size))
assert np.isfinite(fm.simulate(market, n_paths=2, n_steps=20_100, warmup=20_000)).all()
print("done")
"""


def test_a_history_longer_than_a_stack_runs():
    """12.8 MB a block; a thread's stack has 8 MB. In a process of its own: it would end it."""
    done = subprocess.run([sys.executable, "-c", LONG, HERE / "test_job.py"], check=False, capture_output=True,
                          text=True, env=os.environ | {"PYTHONPATH": os.pathsep.join([str(HERE), *sys.path])})
    assert done.stdout.strip() == "done", (done.returncode, done.stderr[-2000:])


def test_a_history_on_the_heap_is_that_on_the_stack(monkeypatch):
    model = Memory(length=5)
    on_stack = simulate_job(job_of(model, n_paths=200))
    monkeypatch.setattr("fastmas.engine.source.STACK_BYTES", 0)
    monkeypatch.setattr(cpu, "STACK_BYTES", 0)
    other = Memory(length=5)
    cpu.load_runner.__globals__["_runner"].cache_clear()
    try:
        run = cpu.prepare(job_of(other)).run
        assert "heap_array" in Path(run.py_func.__code__.co_filename).read_text().split("history_array = ")[1][:20]
        np.testing.assert_array_equal(simulate_job(job_of(other, n_paths=200)), on_stack)
    finally:
        cpu.load_runner.__globals__["_runner"].cache_clear()


def test_memory_of_the_heap_is_given_back():
    """A hundred calls with 13 MB each would be seen."""
    model = Memory(length=50_000)
    job = job_of(model, n_paths=1, n_steps=1)

    def resident():
        with open("/proc/self/statm") as pages:
            return int(pages.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    simulate_job(job)
    before = resident()
    for _ in range(30):
        simulate_job(job)
    assert resident() < before + 5 * 12_800_000


def test_a_history_beyond_all_memory_is_refused():
    with pytest.raises(MemoryLimitError, match=r"^1000000000000 rows of history on 2 threads need"):
        simulate_job(job_of(Memory(length=10**12), n_threads=2))


def test_cuda_refuses_a_history_that_its_threads_cannot_hold():
    cuda_memory.check_history(131_072, 524_288)
    with pytest.raises(MemoryLimitError, match="200000 rows of history are 800 kB a path.* CUDA thread has 524 kB"):
        cuda_memory.check_history(200_000, 800_000)
    said = str(cuda_memory.no_room_for_history(200_000, 270_336))
    assert "200 kB a path is 54.1 GB for the 270336 threads of this GPU" in said


# -- the other engine ---------------------------------------------------------------------------------

SIMULATE = """
import pickle, sys
from dataclasses import replace
import numpy as np
from fastmas import models
from fastmas.engine import cuda
from fastmas.engine.job import Sink
from fastmas.errors import MemoryLimitError
models.get(sys.argv[1])
with open(sys.argv[2], "rb") as file:
    job = replace(pickle.load(file), device="cuda")
out = np.full((len(job.rows), job.total + 1, job.n_times), -1, dtype=job.dtype)
cuda.simulate(job, Sink(out, first=1))
assert (out[:, 0] == -1).all()
kept = cuda.simulate_on_device(replace(job, observables=job.observables[:3])).copy_to_host()
np.testing.assert_array_equal(kept.reshape(3, job.total, -1), out[:3, 1:])
np.save(sys.argv[3], out[:, 1:])
try:
    cuda.prepare(replace(job, model=models.get(sys.argv[1], length=200_000)))
except MemoryLimitError as error:
    print(error)
"""


def test_both_engines_take_the_same_job(tmp_path):
    """In Numba's simulator: rows of state and of history, the first place of a row that is named twice."""
    model = models.get(str(HERE / "test_job.py"), length=5)
    chosen = (history_rows(model, 3)[0], model.observables[0], *history_rows(model, 0, 3))
    job = job_of(model, n_paths=4, n_steps=12, warmup=2, observables=chosen, address=Address(5))
    (tmp_path / "job").write_bytes(pickle.dumps(job))
    done = subprocess.run(
        [sys.executable, "-c", SIMULATE, HERE / "test_job.py", tmp_path / "job", tmp_path / "paths.npy"],
        check=False, capture_output=True, text=True,
        env=os.environ | SIMULATOR | {"PYTHONPATH": os.pathsep.join([str(HERE), *sys.path])})
    assert done.returncode == 0, done.stderr[-2000:]
    assert "a CUDA thread has 524 kB of local memory: use device='cpu'" in done.stdout
    found, expected = np.load(tmp_path / "paths.npy"), simulate_job(job)[:, 0]
    np.testing.assert_array_equal(found[:3], expected[:3])


# -- the cost of a call -------------------------------------------------------------------------------


def test_a_small_call_costs_little():
    """40 microseconds on the machine that wrote this; the fastest of many, with room for a busy one."""
    market = models.get("stock-market")
    times = []
    for _ in range(2000):
        began = time.perf_counter()
        fm.simulate(market, {}, n_paths=64, n_steps=1, n_threads=1)
        times.append(time.perf_counter() - began)
    assert min(times) < 1.2e-4


def test_a_hundred_thousand_own_values_cost_no_seconds():
    market = models.get("stock-market", n_noise=100_000, per_agent=("kappa",))
    kappa = np.linspace(0.5, 1.0, 100_000)
    market.space()
    began = time.perf_counter()
    assert market.space(fixed={"kappa": kappa}).values["kappa[99999]"] == 1.0
    assert time.perf_counter() - began < 0.05
    with pytest.raises(ParameterError, match=r"parameter 'kappa\[77\]': 99 is outside"):
        market.space(fixed={"kappa": np.where(np.arange(100_000) == 77, 99.0, kappa)})
