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
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any, NamedTuple

import numba
import numpy as np
from numba import config, cuda, types
from numba.core.errors import NumbaPerformanceWarning

from fastmas.caching.cache import load_module
from fastmas.caching.digest import digest_of
from fastmas.engine import cuda_template
from fastmas.engine.cuda_functions import exact_arithmetic
from fastmas.engine.cuda_memory import SMALL_BYTES, check_fits, check_history, no_room_for_history, paths_at_a_time
from fastmas.engine.device_array import CUDA, DeviceArray
from fastmas.engine.faults import compiling
from fastmas.engine.job import Job, Rows, Sink, rows_of, slots_of
from fastmas.engine.source import Recipe
from fastmas.errors import DeviceError, MemoryLimitError, ModelError, SimulationError
from fastmas.lowering.program import Program
from fastmas.random.parts import sum_over_parts

INSTALL = 'pip install "fastmas[cuda]"'
PRESENT = importlib.util.find_spec("numba_cuda") is not None  # Numba's own target lacks what it needs
SIMULATED = bool(config.ENABLE_CUDASIM)  # type: ignore[attr-defined]
WARP = 32
MANY_AGENTS = 1024  # counted agents from which a warp advances a path
FULL_WARP = 0xFFFFFFFF
BLOCK, SMALL_BLOCK = 128, 32  # threads
FEW_THREADS = 1 << 16  # below: small blocks, which spread over all multiprocessors
LAUNCH_WORK = 1 << 37  # agent-steps of a launch, a good part of a second: how long Ctrl-C waits
LARGE_HISTORY = 1 << 14  # bytes of a path that a GPU may not hold for all its threads
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


class _Ready(NamedTuple):
    """What all launches of one job share."""

    job: Job
    kernel: Any
    parts: int
    thetas: Any
    integers: Any
    slots: tuple[int, ...]
    status: Any
    stream: Any

    @property
    def wait(self) -> Callable[[], None]:
        return self.stream.synchronize if self.stream else cuda.synchronize

    @property
    def launch_paths(self) -> int:
        return max(1, LAUNCH_WORK // (self.job.n_steps * max(1, self.job.program.n_counted)))


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


def simulate(job: Job, sink: Sink) -> None:
    """Simulate on the GPU into an array of the host, as many paths at a time as the GPU's memory holds.

    Raises
    ------
    DeviceError, MemoryLimitError
        No GPU; not even one path fits into its memory.
    """
    check()
    rows, n_times, item = job.rows, job.n_times, sink.out.dtype.itemsize
    with _planning():
        ready = _prepare(job, stream=0)
        path_bytes = len(rows) * n_times * item
        size = min(paths_at_a_time(job.total, path_bytes, _free_bytes(path_bytes * job.total)), ready.launch_paths)
        buffer = cuda.device_array(len(rows) * size * n_times, dtype=sink.out.dtype)
        for start in range(0, job.total, size):
            n = min(size, job.total - start)
            layer, here = n * n_times, slice(sink.first + start, sink.first + start + n)
            _launch(ready, start, start + n, buffer, offset=-start * n_times, steps=(layer, n_times, 1))
            for k in sorted({rows.index(r) for r in rows}):
                buffer[k * layer:(k + 1) * layer].copy_to_host(sink.out[k, here].reshape(-1))
            if sink.finish is not None:
                sink.finish(here)
            if sink.tick is not None:
                sink.tick(start + n)
            if sink.stopped:
                return


def prepare(job: Job) -> None:
    """Compile for a job, or load from the cache; raises as `simulate`."""
    check()
    with _planning():
        _prepare(job, stream=0)


def simulate_on_device(job: Job, *, stream: int = 0, check_finite: bool = True) -> DeviceArray:
    """Simulate paths that stay in the GPU's memory.

    Parameters
    ----------
    job : Job
        Its observables are rows, without a transform, each once.
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
    _check_own_rows(job)
    n_rows, total, n_times, kind = len(job.rows), job.total, job.n_times, np.dtype(job.dtype)
    with _planning():
        ready = _prepare(job, stream)
        n_values = n_rows * total * n_times
        needed = n_values * kind.itemsize
        check_fits(needed, _free_bytes(needed))
        buffer = cuda.device_array(n_values, dtype=kind)
        size = ready.launch_paths
        for start in range(0, total, size):
            _launch(ready, start, min(start + size, total), buffer, offset=0, steps=(total * n_times, 1, total))
    if check_finite:
        _check_finite(ready)
    item = kind.itemsize
    return DeviceArray(
        buffer, 0 if SIMULATED else buffer.device_ctypes_pointer.value or 0,
        (n_rows, len(job.values), job.n_paths, n_times),
        (total * n_times * item, job.n_paths * item, item, total * item), kind,
        device=(CUDA, cuda.get_current_device().id if not SIMULATED else 0), stream=stream,
        wait=ready.wait)


def load_kernel(program: Program, rows: Rows, dtype: str = "float32", parts: int = 1) -> Any:
    """The CUDA kernel `run` of this program's generated module, for `parts` threads a path."""
    return _kernel(Recipe.of(program, rows, dtype, parts))


@cache
def _kernel(recipe: Recipe) -> Any:
    (rows, n_history), dtype = recipe.rows, recipe.dtype
    values = [f"state[{row}][0]" for row in rows]
    values += [f"{dtype}(history[slots[{len(rows) + n_history + i}], 0])" for i in range(n_history)]
    store = [cuda_template.STORE.format(index=i, value=value, dtype=dtype) for i, value in enumerate(values)]
    text = cuda_template.TEMPLATE.format(
        label=recipe.label, versions=_versions(), **recipe.names(), parts=recipe.width, n_history=recipe.n_history,
        history_dtype=recipe.history_dtype, state=", ".join([f"cuda.local.array(1, {dtype})"] * recipe.n_state),
        words=", ".join(["cuda.local.array(1, uint32)"] * recipe.n_words),
        clear="\n".join(cuda_template.CLEAR.format(row=row, dtype=dtype) for row in range(recipe.n_state)),
        init_call=recipe.init_call("1"), store="\n".join(store))
    return load_module("fastmas_cuda_" + digest_of(text, recipe.init, recipe.step, add_over_warp), text).run


def _versions() -> str:
    if SIMULATED:
        return f"simulator of numba {numba.__version__}"
    return f"numba-cuda {importlib.import_module('numba_cuda').__version__}"


def _prepare(job: Job, stream: int) -> _Ready:
    """Load the kernel and bring the thetas to the GPU."""
    program = job.program
    history_bytes = program.n_history * np.dtype(program.history_in(job.dtype)).itemsize
    check_history(program.n_history, history_bytes)
    reals, integers = program.split(job.values)
    on = cuda.external_stream(stream) if stream else 0
    parts = WARP if not SIMULATED and program.n_counted >= MANY_AGENTS else 1
    ready = _Ready(
        job=job, kernel=load_kernel(program, rows_of(program, job.rows), job.dtype, parts), parts=parts,
        thetas=cuda.to_device(_padded(reals.astype(job.dtype))[:, :, None], on),
        integers=cuda.to_device(_padded(integers), on), slots=slots_of(program, job.rows),
        status=cuda.to_device(np.array([NOTHING], dtype=np.int64), on), stream=on)
    if not SIMULATED and not ready.kernel.overloads:
        # Of no paths: the driver sets aside now what histories of threads need, before anybody plans with the rest.
        with _first_launch(job, history_bytes):
            _launch(ready, 0, 0, cuda.device_array(1, dtype=job.dtype), offset=0, steps=(1, 1, 1))
    return ready


@contextlib.contextmanager
def _first_launch(job: Job, n_bytes: int) -> Iterator[None]:
    """Around what compiles and has the driver set memory aside; `n_bytes` is the history of a path."""
    program = job.program
    try:
        with compiling(job.model.name), exact_arithmetic(program.init, program.step):
            yield
    except Exception as error:
        if "OUT_OF_MEMORY" in str(error) and n_bytes >= LARGE_HISTORY:
            device = cuda.get_current_device()
            raise no_room_for_history(n_bytes, device.MULTIPROCESSOR_COUNT * device.MAX_THREADS_PER_MULTIPROCESSOR
                                      ) from error
        raise


def _padded(table: np.ndarray) -> np.ndarray:
    """A table with a column at least: a GPU has no empty arrays."""
    return table if table.shape[1] else np.zeros((len(table), 1), dtype=table.dtype)


def _launch(ready: _Ready, first: int, last: int, out: Any, offset: int, steps: tuple[int, int, int]) -> None:
    """Simulate paths first..last; value (row, path, time) goes to out[offset + row, path and time times `steps`]."""
    n_threads = (last - first) * ready.parts
    block = SMALL_BLOCK if n_threads < FEW_THREADS else BLOCK
    job, address = ready.job, ready.job.address
    ready.kernel[max(1, -(-n_threads // block)), block, ready.stream](
        (first, last), (ready.thetas, ready.integers), (job.n_paths, address.first_path, job.stride),
        (job.n_steps, job.warmup), address[:3], ready.slots, (out, ready.status), (offset, *steps))


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


def _check_own_rows(job: Job) -> None:
    name = job.model.name
    for one in job.observables:
        if one.transform is not None:
            raise ModelError(f"model {name!r}: {one.name} is computed on the host from a row of the state: "
                             f"ask for {job.model.observables[0].name}, or for fastmas.simulate(..., device='cuda')")
    if len(set(job.rows)) < len(job.rows):
        raise ModelError(f"model {name!r}: two of the observables asked for are the same row of the state")


def _check_finite(ready: _Ready) -> None:
    ready.wait()
    code, job = int(ready.status.copy_to_host()[0]), ready.job
    if code < NOTHING:
        lane, t = divmod(code, job.n_steps + 1)
        theta, path = divmod(lane, job.n_paths)
        names = ", ".join(one.name for one in job.observables)
        raise SimulationError(f"model {job.model.name!r}: {names} of theta {theta}, path {path} is not finite at "
                              f"t={t}; the parameters let it run away")


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
