"""Paths that are simulated on a GPU and stay there, for torch, CuPy or JAX to read."""

from __future__ import annotations

from fastmas.engine import devices
from fastmas.engine.device_array import DeviceArray
from fastmas.engine.job import Job
from fastmas.errors import DeviceError
from fastmas.model import Model
from fastmas.random.address import address_of
from fastmas.simulate import Theta, values_of


def simulate_on_device(
    model: Model, theta: Theta = None, *, n_paths: int, n_steps: int, warmup: int = 0, seed: int = 0,
    observable: str | None = None, common_random_numbers: bool = False, dtype: str = "float32", device: str = "cuda",
    stream: int = 0, run: int = 0, purpose: int = 0,
) -> DeviceArray:
    """Simulate paths as `fastmas.simulate` does and leave them in the GPU's memory.

    Parameters
    ----------
    stream : int
        The CUDA stream to work on, as `torch.cuda.current_stream().cuda_stream`; 0 is the default one.

    Returns
    -------
    DeviceArray (n_theta, n_paths, n_steps - warmup + 1), also for one theta: `torch.from_dlpack(paths)` and
    `torch.as_tensor(paths, device="cuda")` share its memory, `paths.copy_to_host()` copies it.

    Raises
    ------
    DeviceError
        No GPU, or no package for it.
    ParameterError, ModelError, MemoryLimitError, SimulationError
        As `fastmas.simulate`; an observable that is computed from paths afterwards stays on the host.
    """
    job = Job(
        model=model, values=values_of(model, theta), n_paths=n_paths, n_steps=n_steps, warmup=warmup,
        address=address_of(seed, run, purpose), common=common_random_numbers, dtype=dtype, device=device,
        observables=(model.observable(observable),))
    if job.device == "cpu":
        raise DeviceError("device='cpu' keeps no paths on a GPU: fastmas.simulate gives those of the CPU")
    return devices.engine_for(device).simulate_on_device(job, stream=stream).first_layer()
