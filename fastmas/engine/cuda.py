"""The CUDA engine: the same block step, one lane a thread, a whole generation in one launch.

Where a path has many agents to count, the 32 threads of a warp advance it together: each holds the
whole state, counts its share of the agents and adds the shares up by shuffles (`fastmas.random.parts`).
Words are the CPU's to the bit; states may differ from it by the rounding of fused operations.
Division and square root are rounded as on the CPU.
"""

from __future__ import annotations

import contextlib
import importlib.util
import warnings
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

import numba
import numpy as np
from numba import config, cuda, types
from numba.core.errors import NumbaPerformanceWarning

from fastmas.engine import cuda_template
from fastmas.engine.cuda_functions import exact_arithmetic
from fastmas.engine.cuda_memory import SMALL_BYTES, check_fits, paths_at_a_time
from fastmas.engine.device_array import CUDA, DeviceArray
from fastmas.engine.faults import compiling
from fastmas.engine.source import digest_of, global_name, history_dtype, homes_of, load_module, observable_rows
from fastmas.errors import DeviceError, MemoryLimitError, ModelError, SimulationError
from fastmas.model import Model, Observable
from fastmas.random.parts import sum_over_parts

if TYPE_CHECKING:
    from fastmas.engine.cpu import Address

INSTALL = 'pip install "fastmas[cuda]"'
PRESENT = importlib.util.find_spec("numba_cuda") is not None  # Numba's own target lacks what it needs
SIMULATED = bool(config.ENABLE_CUDASIM)  # type: ignore[attr-defined]
WARP = 32
MANY_AGENTS = 1024  # counted agents from which a warp advances a path
FULL_WARP = 0xFFFFFFFF
BLOCK, SMALL_BLOCK = 128, 32  # threads
FEW_THREADS = 1 << 16  # below: small blocks, which spread over all multiprocessors
LAUNCH_WORK = 1 << 37  # agent-steps of a launch, a good part of a second: how long Ctrl-C waits
NOTHING = np.iinfo(np.int64).max


def add_over_warp(value, n):
    """The sum of an integer over the threads of a warp, in each of them."""
    kind = value

    def add(value, n):
        if n == 1:
            return value
        total = types.int64(value)
        for k in range(5):
            total += cuda.shfl_xor_sync(FULL_WARP, total, 16 >> k)
        return kind(total)
    return add


if PRESENT and not SIMULATED:
    importlib.import_module("numba.cuda.extending").overload(sum_over_parts, target="cuda")(add_over_warp)
# Small runs use a part of a GPU, which is no news.
warnings.filterwarnings("ignore", message=".*Grid size .* under-utilization", category=NumbaPerformanceWarning)


class _Job(NamedTuple):
    """What all launches of one call share."""

    kernel: Any
    parts: int
    thetas: Any
    integers: Any
    slots: tuple[int, ...]
    status: Any
    n_paths: int
    n_steps: int
    warmup: int
    address: Address
    stride: int
    stream: Any

    @property
    def n_times(self) -> int:
        return self.n_steps - self.warmup + 1

    @property
    def wait(self) -> Callable[[], None]:
        return self.stream.synchronize if self.stream else cuda.synchronize


def check() -> None:
    """Whether kernels can be compiled and launched here.

    Raises
    ------
    DeviceError
        Names what is missing: the extra, the driver or the GPU.
    """
    if SIMULATED:
        return
    if _gpus() == 0:
        raise DeviceError(f"device='cuda' needs an NVIDIA GPU, beside {INSTALL}: the driver finds none")


@cache
def _gpus() -> int:
    if not PRESENT:
        raise DeviceError(f"device='cuda' needs the package numba-cuda: {INSTALL}")
    try:
        return len(cuda.gpus)
    except Exception as error:  # of many kinds: a driver missing, too old, without permission
        reason = " ".join(str(error).replace("Error at driver init:", "").split()).rstrip(" :")
        raise DeviceError(f"device='cuda' needs an NVIDIA GPU and its driver, beside {INSTALL}: {reason}") from None


def simulate_block(
    model: Model, values: np.ndarray, n_paths: int, n_steps: int, *, warmup: int, address: Address, stride: int,
    n_threads: int = 1, out: np.ndarray, rows: tuple[int, ...], first: int = 0,
    finish: Callable[[slice], None] | None = None, tick: Callable[[int], None] | None = None,
    stop: np.ndarray | None = None,
) -> None:
    """Simulate on the GPU into an array of the host, as many paths at a time as the GPU's memory holds.

    Parameters and array are those of `fastmas.engine.cpu.simulate_block`; `n_threads` is of no use here.

    Raises
    ------
    DeviceError, MemoryLimitError
        No GPU; not even one path fits into its memory.
    """
    check()
    total = len(values) * n_paths
    with _planning():
        job = _prepare(model, values, n_paths, n_steps, warmup, address, stride, rows, out.dtype, stream=0)
        path_bytes = len(rows) * job.n_times * out.dtype.itemsize
        size = min(paths_at_a_time(total, path_bytes, _free_bytes(path_bytes * total)), _launch_paths(model, job))
        buffer = cuda.device_array(len(rows) * size * job.n_times, dtype=out.dtype)
        for start in range(0, total, size):
            n = min(size, total - start)
            layer = n * job.n_times
            _launch(job, start, start + n, buffer, offset=-start * job.n_times, steps=(layer, job.n_times, 1))
            for k in sorted({rows.index(r) for r in rows}):
                buffer[k * layer:(k + 1) * layer].copy_to_host(out[k, first + start:first + start + n].reshape(-1))
            if finish is not None:
                finish(slice(first + start, first + start + n))
            if tick is not None:
                tick(start + n)
            if stop is not None and stop[0]:
                return


def simulate_on_device(
    model: Model, values: np.ndarray, *, n_paths: int, n_steps: int, warmup: int = 0, address: Address,
    observables: Sequence[Observable] | None = None, common: bool = True, dtype: str = "float32",
    stream: int = 0, check_finite: bool = True,
) -> DeviceArray:
    """Simulate paths that stay in the GPU's memory.

    Parameters
    ----------
    values : (n_theta, n_entries) in natural units
    observables : sequence of Observable, optional
        State rows, without a transform; the model's first one if not given.
    common : bool
        Give every theta the same random numbers.
    stream : int
        The CUDA stream to launch on, as `torch.cuda.current_stream().cuda_stream`; 0 is the default one.
    check_finite : bool
        Wait for the paths and raise on values that are not finite.

    Returns
    -------
    DeviceArray (n_observables, n_theta, n_paths, n_steps - warmup + 1)

    Raises
    ------
    DeviceError, MemoryLimitError, ModelError
        No GPU; the paths do not fit; an observable that only the host can compute.
    SimulationError
        A path left the finite numbers.
    """
    check()
    chosen = list(observables or model.observables[:1])
    rows = _own_rows(model, chosen)
    total, n_times, kind = len(values) * n_paths, n_steps - warmup + 1, np.dtype(dtype)
    with _planning():
        job = _prepare(model, values, n_paths, n_steps, warmup, address, 0 if common else n_paths, rows, kind, stream)
        n_values = len(rows) * total * n_times
        needed = n_values * kind.itemsize
        check_fits(needed, _free_bytes(needed))
        buffer = cuda.device_array(n_values, dtype=kind)
        size = _launch_paths(model, job)
        for start in range(0, total, size):
            _launch(job, start, min(start + size, total), buffer, offset=0, steps=(total * n_times, 1, total))
    if check_finite:
        _check_finite(model, job, observables=chosen)
    item = kind.itemsize
    return DeviceArray(
        buffer, 0 if SIMULATED else buffer.device_ctypes_pointer.value or 0, (len(rows), len(values), n_paths, n_times),
        (total * n_times * item, n_paths * item, item, total * item), kind,
        device=(CUDA, cuda.get_current_device().id if not SIMULATED else 0), stream=stream,
        wait=job.wait)


def load_kernel(model: Model, dtype: str = "float32", parts: int = 1) -> Any:
    """The CUDA kernel `run` of this model's generated module, for `parts` threads a path."""
    kernels = model.kernels
    return _kernel(kernels.init, kernels.step, model.name, model.n_state, max(1, model.n_words),
                   max(1, model.n_history), history_dtype(model, dtype), observable_rows(model), dtype, parts,
                   homes_of(model))


@cache
def _kernel(init: Any, step: Any, label: str, n_state: int, n_words: int, n_history: int, history_dtype: str,
            rows: tuple[int, ...], dtype: str, parts: int, homes: tuple[str, ...]) -> Any:
    (init_module, init_name), (step_module, step_name) = global_name(init, homes), global_name(step, homes)
    text = cuda_template.TEMPLATE.format(
        label=label, versions=_versions(), init_module=init_module, init_name=init_name, step_module=step_module,
        step_name=step_name, parts=parts, n_history=n_history, history_dtype=history_dtype,
        state=", ".join([f"cuda.local.array(1, {dtype})"] * n_state),
        words=", ".join(["cuda.local.array(1, uint32)"] * n_words),
        clear="\n".join(cuda_template.CLEAR.format(row=row, dtype=dtype) for row in range(n_state)),
        store="\n".join(cuda_template.STORE.format(index=i, row=row, dtype=dtype) for i, row in enumerate(rows)))
    return load_module("fastmas_cuda_" + digest_of(text, init, step, add_over_warp), text).run


def _versions() -> str:
    if SIMULATED:
        return f"simulator of numba {numba.__version__}"
    return f"numba-cuda {importlib.import_module('numba_cuda').__version__}"


def _prepare(model: Model, values: np.ndarray, n_paths: int, n_steps: int, warmup: int, address: Address,
             stride: int, rows: tuple[int, ...], dtype: np.dtype, stream: int) -> _Job:
    """Load the kernel and bring the thetas to the GPU."""
    reals, integers = model.split(values)
    on = cuda.external_stream(stream) if stream else 0
    parts = WARP if not SIMULATED and model.n_counted >= MANY_AGENTS else 1
    slots = tuple(rows.index(r) if r in rows else -1 for r in observable_rows(model))
    job = _Job(
        kernel=load_kernel(model, dtype.name, parts), parts=parts,
        thetas=cuda.to_device(_padded(reals.astype(dtype))[:, :, None], on),
        integers=cuda.to_device(_padded(integers), on), slots=slots,
        status=cuda.to_device(np.array([NOTHING], dtype=np.int64), on), n_paths=n_paths, n_steps=n_steps,
        warmup=warmup, address=address, stride=stride, stream=on)
    if not SIMULATED and not job.kernel.overloads:
        # Of no paths: the driver sets aside now what histories of threads need, before anybody plans with the rest.
        with compiling(model.name), exact_arithmetic(*model.kernels):
            _launch(job, 0, 0, cuda.device_array(1, dtype=dtype), offset=0, steps=(1, 1, 1))
    return job


def _padded(table: np.ndarray) -> np.ndarray:
    """A table with a column at least: a GPU has no empty arrays."""
    return table if table.shape[1] else np.zeros((len(table), 1), dtype=table.dtype)


def _launch(job: _Job, first: int, last: int, out: Any, offset: int, steps: tuple[int, int, int]) -> None:
    """Simulate paths first..last; value (row, path, time) goes to out[offset + row, path and time times `steps`]."""
    n_threads = (last - first) * job.parts
    block = SMALL_BLOCK if n_threads < FEW_THREADS else BLOCK
    address = job.address
    job.kernel[max(1, -(-n_threads // block)), block, job.stream](
        first, last, job.thetas, job.integers, job.n_paths, address.first_path, job.stride, job.n_steps, job.warmup,
        address.seed, address.run, address.purpose, job.slots, out, offset, *steps, job.status)


def _launch_paths(model: Model, job: _Job) -> int:
    return max(1, LAUNCH_WORK // (job.n_steps * max(1, model.n_counted)))


def _free_bytes(needed: int) -> float:
    """Free bytes of the GPU's memory, or enough of them: the driver is asked only where it matters."""
    if needed < SMALL_BYTES:
        return float(2 * SMALL_BYTES)
    context = cuda.current_context()
    free = context.get_memory_info().free
    if needed > free and not SIMULATED:
        context.deallocations.clear()  # arrays that nobody holds any more, freed late to be freed together
        free = context.get_memory_info().free
    return float(free)


def _own_rows(model: Model, chosen: Sequence[Observable]) -> tuple[int, ...]:
    for one in chosen:
        if one.transform is not None:
            raise ModelError(f"model {model.name!r}: {one.name} is computed on the host from a row of the state: "
                             f"ask for {model.observables[0].name}, or for fastmas.simulate(..., device='cuda')")
    rows = tuple(one.row for one in chosen)
    if len(set(rows)) < len(rows):
        raise ModelError(f"model {model.name!r}: two of the observables asked for are the same row of the state")
    return rows


def _check_finite(model: Model, job: _Job, observables: Sequence[Observable]) -> None:
    job.wait()
    code = int(job.status.copy_to_host()[0])
    if code < NOTHING:
        lane, t = divmod(code, job.n_steps + 1)
        theta, path = divmod(lane, job.n_paths)
        names = ", ".join(one.name for one in observables)
        raise SimulationError(f"model {model.name!r}: {names} of theta {theta}, path {path} is not finite at t={t}; "
                              "the parameters let it run away")


@contextlib.contextmanager
def _planning() -> Iterator[None]:
    """The driver's refusal in words for people: another program may take memory after it was counted."""
    try:
        yield
    except Exception as error:
        if "OUT_OF_MEMORY" in str(error):
            raise MemoryLimitError("the GPU's memory was taken by something else in the meantime: ask for fewer "
                                   "paths, or free what other libraries hold") from error
        raise
