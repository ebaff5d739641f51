"""What only a GPU can show. Every test skips itself where there is none, and says why.

    python -m pytest -m gpu -s

prints the measured shares and times, with the name of the GPU.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from oracles.cuda_simulator import ADDRESS, SIZES, paths_kept, paths_on, row_observables, values_of

import fastmas as fm
from fastmas import models
from fastmas.engine import cuda, cuda_memory, devices
from fastmas.engine.job import Job
from fastmas.errors import DeviceError, MemoryLimitError, SimulationError
from fastmas.random.address import Address

pytestmark = pytest.mark.gpu
HERE = Path(__file__).parent
WORDS, COUNTS = f"{HERE}/models/words.py:Words", f"{HERE}/models/words.py:Counts"
MARKETS = {
    "N=15": {},
    "smoothed": {"rule": "smoothed"},
    "owners": {"per_agent": ["kappa", "gamma"], "n_noise": 2, "n_technical": 2},
    "N=5,000": {"n_noise": 3000, "n_fundamental": 1995},
}


@pytest.fixture(scope="module", autouse=True)
def gpu():
    """The name of the GPU."""
    try:
        devices.check("cuda")
    except DeviceError as error:
        pytest.skip(str(error))
    if not torch.cuda.is_available():
        pytest.skip("this torch was built without CUDA")
    name = torch.cuda.get_device_name()
    print(f"\n{name}, torch {torch.__version__}, {cuda._versions()}")
    return name


def market(name="N=15"):
    return models.get("stock-market", **MARKETS[name])


def job(model, values, **sizes):
    return Job(model=model, values=values, device="cuda", **({"address": ADDRESS} | sizes))


def both(model, thetas, **sizes):
    """The same paths on the CPU and on the GPU."""
    values = values_of(model, thetas)
    return paths_on("cpu", model, values, **sizes), paths_on("cuda", model, values, **sizes)


# -- the same numbers ---------------------------------------------------------------------------------


@pytest.mark.parametrize("common", [True, False])
def test_words_are_the_same_bits(common):
    sizes = {"common": common, "n_paths": 1000, "n_steps": 20, "warmup": 0}
    on_cpu, on_gpu = both(models.get(WORDS), [{}, {"slot": 2**30}, {"slot": 12345}], **sizes)
    np.testing.assert_array_equal(on_cpu, on_gpu)


@pytest.mark.parametrize("n_agents", [0, 1, 3, 31, 32, 33, 100, 1000, 1024, 1055, 4096, 100_003])
def test_counts_of_agents_are_the_same(n_agents):
    """By one thread a path below MANY_AGENTS, by a warp from there on, to the last agent."""
    chances = [{"chance": c} for c in (0.0, 1e-6, 0.3, 0.5, 0.999, 1.0)]
    sizes = {"common": False, "n_paths": 40, "n_steps": 3, "warmup": 0}
    on_cpu, on_gpu = both(models.get(COUNTS, n_agents=n_agents), chances, **sizes)
    np.testing.assert_array_equal(on_cpu, on_gpu)


def test_a_warp_counts_what_a_thread_counts(monkeypatch):
    model = models.get(COUNTS, n_agents=777)
    values = values_of(model, [{"chance": 0.2}, {"chance": 0.7}])
    sizes = {"common": False, "n_paths": 65, "n_steps": 4, "warmup": 1}
    by_thread = paths_on("cuda", model, values, **sizes)
    monkeypatch.setattr(cuda, "MANY_AGENTS", 1)
    np.testing.assert_array_equal(paths_on("cuda", model, values, **sizes), by_thread)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", list(MARKETS))
def test_few_paths_differ_from_the_cpu(name, dtype, gpu):
    """A decision flips where a rounding error carries a comparison over its threshold.

    A normal's error of 1.3e-6 moves a threshold by about as much: 15 agents over 100 steps flip in at most
    0.2% of paths; technical traders and those who compare prices add as much again. 2% is ten times that.
    """
    sizes = {"common": False, "n_paths": 20_000, "n_steps": 100, "warmup": 0, "dtype": dtype}
    on_cpu, on_gpu = (x[row_observables(market(name))[::-1].index(market(name).observable("price"))]
                      for x in both(market(name), [{}], **sizes))
    apart = np.abs(on_gpu / on_cpu - 1.0).max(axis=-1)
    share, equal = (apart > 1e-4).mean(), (on_cpu == on_gpu).all(axis=-1).mean()
    print(f"{name}, {dtype}: {share:.4%} of paths differ in a decision, {equal:.2%} are equal to the bit [{gpu}]")
    assert share < 0.02


@pytest.mark.parametrize("case", ["sir", "rfq"])
def test_a_model_of_ones_own_runs_without_a_line_for_it(case):
    model = models.get(str(HERE / "models" / f"{case}.py"))
    on_cpu, on_gpu = both(model, [{}, {}], common=False, n_paths=300, n_steps=20, warmup=5)
    share = (np.abs(on_cpu - on_gpu) > 1e-4 * np.abs(on_cpu)).any(axis=(0, 2)).mean()
    assert share < 0.02


def test_simulate_takes_the_device():
    sizes = {"n_paths": 500, "n_steps": 40, "warmup": 10, "seed": 3}
    for observable in ("price", "log_return"):
        on_cpu = fm.simulate(market(), {"kappa": 2.0}, observable=observable, **sizes)
        on_gpu = fm.simulate(market(), {"kappa": 2.0}, observable=observable, device="cuda", **sizes)
        assert on_gpu.shape == on_cpu.shape
        assert (np.abs(on_gpu - on_cpu) > 1e-4 * np.abs(on_cpu)).any(axis=-1).mean() < 0.02


# -- chunks, memory -----------------------------------------------------------------------------------


def test_chunks_and_launches_change_no_bit(monkeypatch):
    model = market()
    values = values_of(model, [{}, {"kappa": 3.0}])
    sizes = {"common": False, "n_paths": 1111, "n_steps": 30, "warmup": 7}
    whole = paths_on("cuda", model, values, **sizes)
    np.testing.assert_array_equal(paths_kept(model, values, **sizes), whole)
    monkeypatch.setattr(cuda_memory, "CHUNK_BYTES", 100_000)
    np.testing.assert_array_equal(paths_on("cuda", model, values, **sizes), whole)
    monkeypatch.setattr(cuda, "LAUNCH_WORK", 30 * 100)
    np.testing.assert_array_equal(paths_kept(model, values, **sizes), whole)


def test_too_many_paths_are_refused_and_nothing_breaks():
    model = market()
    values = values_of(model, [{}])
    total = torch.cuda.get_device_properties(0).total_memory
    n_paths = total // (4 * 1001) + 1
    with pytest.raises(MemoryLimitError, match=r"the paths need .* of the GPU's memory"):
        cuda.simulate_on_device(job(model, values, n_paths=n_paths, n_steps=1000))
    assert cuda.simulate_on_device(job(model, values, n_paths=10, n_steps=10)).shape == (1, 1, 10, 11)


def test_where_memory_is_short_chunks_are_small(monkeypatch):
    model = market()
    values = values_of(model, [{}])
    sizes = {"common": True, "n_paths": 3000, "n_steps": 50, "warmup": 0}
    whole = paths_on("cuda", model, values, **sizes)
    row_bytes = len(row_observables(model)) * 51 * 4
    monkeypatch.setattr(cuda, "_free_bytes", lambda needed: 100.0 * row_bytes)
    np.testing.assert_array_equal(paths_on("cuda", model, values, **sizes), whole)
    monkeypatch.setattr(cuda, "_free_bytes", lambda needed: row_bytes)
    with pytest.raises(MemoryLimitError, match="one path needs"):
        paths_on("cuda", model, values, **sizes)


def test_a_path_that_runs_away_is_named():
    model = market()
    values = values_of(model, [{}, {}])
    values[1, [p.name for p in model.parameters].index("price_0")] = np.inf
    with pytest.raises(SimulationError, match=r"price of theta 1, path 0 is not finite at t=2"):
        cuda.simulate_on_device(job(model, values, n_paths=50, n_steps=5, warmup=2))


# -- paths that stay ----------------------------------------------------------------------------------


@pytest.mark.parametrize("read", [torch.from_dlpack, lambda array: torch.as_tensor(array, device="cuda")])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_torch_reads_them_where_they_lie(read, dtype):
    model = market()
    array = cuda.simulate_on_device(job(model, values_of(model, [{}, {"kappa": 2.0}]), n_paths=100, n_steps=20,
                                        dtype=dtype))
    tensor = read(array)
    assert tensor.is_cuda
    assert tensor.dtype == getattr(torch, dtype)
    assert tensor.data_ptr() == array.__cuda_array_interface__["data"][0]
    assert tensor.shape == array.shape == (1, 2, 100, 21)
    np.testing.assert_array_equal(tensor.cpu().numpy(), array.copy_to_host())
    del array
    junk = torch.ones(1 << 20, device="cuda")
    assert torch.isfinite(tensor).all()
    del junk


def test_threads_and_streams_do_not_mix():
    """Eight threads, each with a stream of torch's: what a thread sums is what it would sum alone."""
    model = market()
    values = values_of(model, [{}])
    found: dict[int, float] = {}

    def work(i):
        stream = torch.cuda.Stream()
        with torch.cuda.stream(stream):
            for _ in range(20):
                array = cuda.simulate_on_device(
                    job(model, values, n_paths=2000, n_steps=60, address=Address(i)), stream=stream.cuda_stream,
                    check_finite=False)
                found[i] = float(torch.from_dlpack(array).double().sum())

    threads = [threading.Thread(target=work, args=(i,)) for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for i in range(8):
        alone = cuda.simulate_on_device(
            job(model, values, n_paths=2000, n_steps=60, address=Address(i))).copy_to_host()
        assert found[i] == pytest.approx(float(alone.astype(np.float64).sum()), rel=1e-12)


CACHED = """
import sys, numpy as np
from fastmas import models
from fastmas.engine import cuda
from fastmas.engine.job import Job
from fastmas.random.address import Address
model = models.get("stock-market")
cuda.simulate_on_device(
    Job(model=model, values=model.space().base[None], n_paths=10, n_steps=5, address=Address(1), device="cuda"))
stats = cuda.load_kernel(model).stats
print(sum(stats.cache_hits.values()), sum(stats.cache_misses.values()))
"""


def test_a_second_process_compiles_nothing(tmp_path):
    environment = os.environ | {"FASTMAS_CACHE_DIR": str(tmp_path)}
    said = [subprocess.run([sys.executable, "-c", CACHED], check=True, env=environment, capture_output=True,
                           text=True).stdout.split() for _ in range(2)]
    assert said == [["0", "1"], ["1", "0"]]


# -- speed --------------------------------------------------------------------------------------------


def seconds(call, repeats):
    """The median time of a call that leaves nothing running."""
    call()
    times = []
    for _ in range(repeats):
        torch.cuda.synchronize()
        began = time.perf_counter()
        call()
        torch.cuda.synchronize()
        times.append(time.perf_counter() - began)
    return float(np.median(times))


def kept(model, n_paths, n_steps, warmup=0, n_theta=1):
    values = values_of(model, [{}] * n_theta)
    wanted = job(model, values, n_paths=n_paths, n_steps=n_steps, warmup=warmup)
    return lambda: cuda.simulate_on_device(wanted, check_finite=False)


def test_a_small_market_runs_at_five_billion_path_steps_a_second(gpu):
    n_paths, n_steps = 1 << 20, 100
    took = seconds(kept(market(), n_paths, n_steps, warmup=n_steps), 5)
    print(f"N=15: {n_paths * n_steps / took:.3g} path-steps/s, last prices kept [{gpu}]")
    took_all = seconds(kept(market(), n_paths, n_steps), 5)
    print(f"N=15: {n_paths * n_steps / took_all:.3g} path-steps/s, all prices kept [{gpu}]")
    assert n_paths * n_steps / took_all > 5e9


def test_a_large_type_runs_at_a_hundred_billion_agent_steps_a_second(gpu):
    n_agents, n_paths, n_steps = 1_000_000, 16_384, 10
    model = models.get(COUNTS, n_agents=n_agents)
    took = seconds(kept(model, n_paths, n_steps), 3)
    print(f"one type of 10^6: {n_agents * n_paths * n_steps / took:.3g} agent-steps/s [{gpu}]")
    assert n_agents * n_paths * n_steps / took > 1e11


def test_a_generation_takes_five_milliseconds(gpu):
    """12 thetas x 1,000 paths x 100 steps, windows of 11 returns and the discriminator's logits on them."""
    network = torch.nn.Sequential(torch.nn.Linear(11, 32), torch.nn.SiLU(), torch.nn.Linear(32, 32), torch.nn.SiLU(),
                                  torch.nn.Linear(32, 1)).cuda()
    simulate = kept(market(), 1000, 100, warmup=50, n_theta=12)

    @torch.no_grad()
    def generation():
        returns = torch.from_dlpack(simulate())[0].log().diff(dim=-1)
        windows = (returns / 0.03).unfold(-1, 11, 1)
        return torch.nn.functional.softplus(-network(windows)).mean(dim=(1, 2, 3)).cpu()

    took = seconds(generation, 50)
    alone = seconds(simulate, 50)
    print(f"a generation: {1e3 * took:.2f} ms, of which simulation {1e3 * alone:.2f} ms [{gpu}]")
    assert generation().shape == (12,)
    assert took < 5e-3


def test_sizes_of_the_simulator_run_too():
    """What the simulator checks at every size of its own, on the GPU itself."""
    for common in (True, False):
        on_cpu, on_gpu = both(market(), [{}, {"kappa": 0.5}, {"gamma": 1.0}], common=common, **SIZES)
        np.testing.assert_allclose(on_gpu, on_cpu, rtol=1e-5, atol=1e-5)


# -- calibration --------------------------------------------------------------------------------------


@pytest.mark.parametrize("discriminator", ["amortised", "windowed", "conditional"])
def test_a_calibration_ends_where_the_cpu_ends(discriminator, gpu):
    """Both play with the same random words; a search of few generations ends within its own spread."""
    truth = {"kappa": 1.0, "gamma": 2.0}
    x_obs = fm.simulate(market(), truth, n_paths=300, n_steps=80, warmup=50, seed=5)
    options = {"free": ["kappa", "gamma"], "discriminator": discriminator, "generations": 10, "seed": 2,
               "updater": "parameter-score" if discriminator == "windowed" else "cma-es"}
    found, took = {}, {}
    for device in ("cpu", "cuda"):
        began = time.perf_counter()
        found[device] = fm.calibrate(market(), x_obs, device=device, **options).estimate
        took[device] = time.perf_counter() - began
    print(f"{discriminator}: {found}, seconds {took} [{gpu}]")
    for name, sd in (("kappa", 0.1), ("gamma", 0.15)):
        assert abs(np.log(found["cuda"][name] / found["cpu"][name])) < sd
