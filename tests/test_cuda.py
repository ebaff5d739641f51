"""The CUDA engine without a GPU: its memory plan, its errors, its arrays, and its kernel in Numba's simulator."""

from __future__ import annotations

import gc
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import small_games
import torch
from oracles.cuda_simulator import AFTER, BEFORE, GUARD, SIMULATOR, SIZES, paths_on, values_of

import fastmas as fm
from fastmas import models
from fastmas.cli import main
from fastmas.engine import cpu, cuda, cuda_memory, devices
from fastmas.engine.device_array import CPU, DeviceArray, _exported
from fastmas.engine.job import Job
from fastmas.errors import DeviceError, MemoryLimitError, ModelError
from fastmas.simulate import simulate_job

HERE = Path(__file__).parent
CASES = {
    "stock-market": ("stock-market", {}, [{}, {"kappa": 0.5, "rho": 0.2}, {"gamma": 1.0}]),
    "owners": ("stock-market", {"per_agent": ["kappa", "gamma"], "n_noise": 2, "n_technical": 2}, [{}, {"v1": 0.5}]),
    "sir": (str(HERE / "models" / "sir.py"), {"n_people": 11}, [{}, {"n_infected_0": 9}, {"infection": 3.0}]),
    "rfq": (str(HERE / "models" / "rfq.py"), {}, [{"n_dealers": 3}, {"n_dealers": 6}]),
    "careless": (str(HERE / "models" / "careless.py"), {}, [{}, {"x_0": 5.0}]),
}


def simulate(case, **sizes):
    name, config, thetas = CASES[case]
    model = models.get(name, **config)
    return paths_on("cpu", model, values_of(model, thetas), **sizes)


# -- the simulator ------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def simulator(tmp_path_factory):
    """What every case gave in one process with simulated CUDA."""
    folder = tmp_path_factory.mktemp("cudasim")
    (folder / "cases.json").write_text(json.dumps(CASES))
    done = subprocess.run(
        [sys.executable, "-W", "error::RuntimeWarning:fastmas", HERE / "oracles" / "cuda_simulator.py",
         folder / "cases.json", folder / "out.npz"],
        check=False, env=os.environ | SIMULATOR, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return np.load(folder / "out.npz")


@pytest.fixture(params=list(CASES))
def case(request):
    return request.param


def same(found, expected):
    """Compiled code may fuse a multiplication and an addition: a few roundings of 6e-8 in 8 steps."""
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)


def test_the_simulated_kernel_is_the_cpu_engine(case, simulator):
    same(simulator[f"{case}/block/float32"], simulate(case, common=False, **SIZES))


def test_it_is_the_cpu_engine_in_float64_too(simulator):
    found = simulator["sir/block/float64"]
    assert found.dtype == np.float64
    same(found, simulate("sir", common=False, dtype="float64", **SIZES))


def test_common_random_numbers_are_the_same_ones(case, simulator):
    same(simulator[f"{case}/common"], simulate(case, common=True, **SIZES))
    differ = not np.array_equal(simulator[f"{case}/common"], simulator[f"{case}/block/float32"])
    assert differ == (case != "careless")  # it draws nothing


@pytest.mark.parametrize("way", ["kept/float32", "chunks", "launches"])
def test_chunks_launches_and_layout_change_no_bit(case, simulator, way):
    np.testing.assert_array_equal(simulator[f"{case}/{way}"], simulator[f"{case}/block/float32"])


def test_nothing_is_written_beside_the_rows_asked_for(case, simulator):
    for way in ("block/float32", "chunks"):
        found = simulator[f"{case}/{way}"]
        assert (found[:, :BEFORE] == GUARD).all()
        assert (found[:, -AFTER:] == GUARD).all()


WILD = """
import sys
import numpy as np
import fastmas as fm
from fastmas import models
from fastmas.engine import cuda
from fastmas.engine.job import Job
from fastmas.random.address import Address
model = models.get(sys.argv[1])
values = np.stack([model.space(fixed={"price_0": p}).base for p in (100.0, 100.0)])
values[1, [p.name for p in model.parameters].index("price_0")] = np.inf
job = Job(model=model, values=values, n_paths=2, n_steps=3, warmup=1, address=Address(1), device="cuda")
print(cuda.simulate_on_device(job, check_finite=False).shape)
cuda.simulate_on_device(job)
"""


def test_a_path_that_runs_away_is_named():
    done = subprocess.run([sys.executable, "-c", WILD, "stock-market"], check=False, env=os.environ | SIMULATOR,
                          capture_output=True, text=True)
    assert done.stdout.strip() == "(1, 2, 2, 3)"
    assert done.stderr.strip().endswith("stock-market': price of theta 1, path 0 is not finite at t=1; "
                                        "the parameters let it run away")


KEPT = """
import sys
import numpy as np
import fastmas as fm
market = fm.models.stock_market(n_noise=3, n_technical=1, n_fundamental=1)
paths = fm.simulate_on_device(market, [{"kappa": 1.0}, {"kappa": 2.0}], n_paths=2, n_steps=12, warmup=2, seed=3)
np.save(sys.argv[1], paths.copy_to_host())
"""


def test_paths_that_stay_on_the_device_are_those_of_simulate(tmp_path):
    subprocess.run([sys.executable, "-c", KEPT, tmp_path / "paths.npy"], check=True, env=os.environ | SIMULATOR)
    market = models.stock_market(n_noise=3, n_technical=1, n_fundamental=1)
    expected = fm.simulate(market, [{"kappa": 1.0}, {"kappa": 2.0}], n_paths=2, n_steps=12, warmup=2, seed=3)
    np.testing.assert_allclose(np.load(tmp_path / "paths.npy"), expected, rtol=1e-5)


# -- memory -------------------------------------------------------------------------------------------


def test_paths_at_a_time_fit_into_what_is_free():
    assert cuda_memory.paths_at_a_time(1000, 400, free=1e9) == 1000
    assert cuda_memory.paths_at_a_time(1000, 400, free=100_000) == 225  # nine tenths
    assert cuda_memory.paths_at_a_time(10**9, 400, free=1e12) * 400 <= cuda_memory.CHUNK_BYTES
    assert cuda_memory.paths_at_a_time(10, 2 * cuda_memory.CHUNK_BYTES, free=1e12) == 1


def test_a_path_larger_than_the_gpu_is_refused():
    with pytest.raises(MemoryLimitError, match=r"one path needs 4 GB .* 2 GB are free: ask for fewer steps"):
        cuda_memory.paths_at_a_time(1, 4 * 10**9, free=2e9)


def test_paths_that_stay_must_fit_as_a_whole():
    cuda_memory.check_fits(10**9, free=2e9)
    with pytest.raises(MemoryLimitError, match=r"the paths need 1.9 GB .* 2 GB are free: ask for fewer paths"):
        cuda_memory.check_fits(19 * 10**8, free=2e9)


# -- devices ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("device", ["gpu", "", "cuda:7", None, 1, ["cpu"]])
def test_an_unknown_device_is_refused(device):
    with pytest.raises(DeviceError, match=r"device=.* is none of: cpu, cuda$"):
        devices.engine_for(device)


def test_the_cpu_is_always_there():
    assert devices.check("cpu") == "cpu"
    assert devices.engine_for("cpu").__name__ == "fastmas.engine.cpu"


def test_without_its_package_cuda_names_the_extra(monkeypatch):
    monkeypatch.setattr(cuda, "_gpus", cuda._gpus.__wrapped__)
    monkeypatch.setattr(cuda, "PRESENT", False)
    with pytest.raises(DeviceError, match=r'^device=\'cuda\' needs .*: pip install "fastmas\[cuda\]"$'):
        devices.check("cuda")


class NoDriver:
    def __len__(self):
        raise ImportError("Error at driver init: \n\nCUDA driver library cannot be found.\nInstall one.\n:")


@pytest.mark.parametrize(("gpus", "reason"), [
    (NoDriver(), "CUDA driver library cannot be found. Install one."),
    ([], "the driver finds none"),
])
def test_without_driver_or_gpu_one_line_says_which(monkeypatch, gpus, reason):
    monkeypatch.setattr(cuda, "_gpus", cuda._gpus.__wrapped__)
    monkeypatch.setattr(cuda, "PRESENT", True)
    monkeypatch.setattr(cuda.cuda, "gpus", gpus)
    with pytest.raises(DeviceError, match=r"^device='cuda' needs an NVIDIA GPU.*fastmas\[cuda\].*") as caught:
        devices.engine_for("cuda")
    assert str(caught.value).endswith(reason)
    assert "\n" not in str(caught.value)


def test_an_observable_of_the_host_does_not_stay_on_the_gpu():
    market = models.get("stock-market")
    with pytest.raises(ModelError, match="log_return is computed on the host .* ask for price"):
        cuda._check_own_rows(Job(model=market, values=market.space().base[None], n_paths=1, n_steps=1,
                                 observables=(market.observable("log_return"),)))


# -- arrays that others read --------------------------------------------------------------------------


def on_host(shape=(2, 3, 4), dtype=np.float32):
    """An array laid out as on a GPU, the last axis with the larger stride, in host memory."""
    n = int(np.prod(shape))
    base = np.arange(n, dtype=dtype)
    item, layer = base.itemsize, base.itemsize * n // shape[0]
    strides = (layer, item, item * shape[1])
    return base, DeviceArray(base, base.ctypes.data, shape, strides, dtype, device=(CPU, 0)), (
        base.reshape(shape[0], shape[2], shape[1]).swapaxes(1, 2))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("read", [torch.from_dlpack, np.from_dlpack])
def test_dlpack_shares_the_memory(read, dtype):
    base, array, expected = on_host(dtype=dtype)
    shared = read(array)
    np.testing.assert_array_equal(np.asarray(shared), expected)
    base[5] = -1.0
    np.testing.assert_array_equal(np.asarray(shared), expected)


def test_memory_lives_as_long_as_its_last_reader():
    held = len(_exported)
    array = on_host()[1]
    first, second = torch.from_dlpack(array), torch.from_dlpack(array)
    assert len(_exported) == held + 2
    expected = first.clone()
    del array, second
    gc.collect()
    assert len(_exported) == held + 1
    assert torch.equal(first, expected)
    del first
    gc.collect()
    assert len(_exported) == held


def test_a_capsule_that_nobody_takes_is_given_back():
    held = len(_exported)
    capsule = on_host()[1].__dlpack__()
    assert len(_exported) == held + 1
    del capsule
    assert len(_exported) == held


@pytest.mark.parametrize(("own", "same_stream"), [(5, 5), (0, 1)])
def test_a_reader_on_another_stream_waits(own, same_stream):
    base, waited = np.zeros(4, dtype=np.float32), []
    array = DeviceArray(base, base.ctypes.data, (4,), (4,), base.dtype, device=(CPU, 0), stream=own,
                        wait=lambda: waited.append(True))
    array.__dlpack__(stream=same_stream), array.__dlpack__(stream=-1)
    assert waited == []
    array.__dlpack__(stream=7)
    array.__dlpack__()
    assert array.__cuda_array_interface__["data"] == (base.ctypes.data, False)
    assert len(waited) == 3


def test_a_copy_or_another_device_is_refused():
    array = on_host()[1]
    for wish in ({"copy": True}, {"dl_device": (2, 0)}):
        with pytest.raises(BufferError, match="copy_to_host"):
            array.__dlpack__(**wish)


# -- a calibration's samples --------------------------------------------------------------------------


class Elsewhere:
    """An engine whose paths stay in a place of their own: here the host's memory, laid out as on a GPU."""

    simulate = staticmethod(cpu.simulate)

    def simulate_on_device(self, job, *, check_finite):
        paths = simulate_job(job, check=check_finite)
        base = np.ascontiguousarray(np.moveaxis(paths, -1, 1))
        strides = np.moveaxis(base, 1, -1).strides
        return DeviceArray(base, base.ctypes.data, paths.shape, strides, paths.dtype, device=(CPU, 0))


@pytest.mark.parametrize("statistic", ["windows", "return-windows", "prices", "log-returns"])
def test_samples_of_paths_that_stay_are_those_of_the_host(monkeypatch, statistic):
    """Logarithms of NumPy and torch differ in the last digit of a double, samples by a rounding of float32."""
    simulator = small_games.make_parts(small_games.market_paths(), statistic=statistic).simulator
    z = np.stack([simulator.region.low, simulator.region.middle, simulator.region.high])
    expected = simulator.sample(z, 9, 3, 1, common=False)
    monkeypatch.setattr(devices, "check", lambda device: device)
    monkeypatch.setattr(devices, "engine_for", lambda device: Elsewhere())
    simulator.device = "elsewhere"
    found = simulator.sample_there(z, 9, 3, 1, common=False)
    assert isinstance(found, torch.Tensor)
    assert found.dtype == torch.float32
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-6, atol=1e-6)


def test_a_calibration_on_an_unknown_device_is_refused(capsys):
    status = main(["calibrate", "stock-market", "--data", "sp500", "--device", "gpu"])
    said = capsys.readouterr()
    assert (status, said.out) == (2, "")
    assert said.err.strip() == "fastmas: error: device='gpu' is none of: cpu, cuda"
