"""What a calibration sets in its process and thread, so that the caller's settings change no bit; all is given back.

Some settings are the thread's: gradients, autocast, torch's default device, NumPy's error state. Others are the
process's: torch's default dtype and the precision of its products, and how many threads BLAS works on. Of several
calibrations at once the first to begin keeps those and the last to end gives them back.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

import numpy as np
import torch
from threadpoolctl import ThreadpoolController, threadpool_limits

FAULTS = {"divide": "warn", "over": "warn", "under": "ignore", "invalid": "warn"}  # NumPy's own


class Shared:
    """A setting of the process: `enter` makes it and gives what undoes it, which happens when nobody is inside."""

    def __init__(self, enter: Callable[[], Callable[[], None]]) -> None:
        self._enter = enter
        self._lock = threading.Lock()
        self._n_inside = 0
        self._undo: Callable[[], None] | None = None

    @contextmanager
    def held(self) -> Iterator[None]:
        """Inside, the setting stands."""
        with self._lock:
            if self._n_inside == 0:
                self._undo = self._enter()
            self._n_inside += 1
        try:
            yield
        finally:
            with self._lock:
                self._n_inside -= 1
                if self._n_inside == 0 and self._undo is not None:
                    self._undo()


def _plain_numbers() -> Callable[[], None]:
    dtype, precision = torch.get_default_dtype(), torch.get_float32_matmul_precision()
    torch.set_default_dtype(torch.float32)
    torch.set_float32_matmul_precision("highest")

    def undo() -> None:
        torch.set_default_dtype(dtype)
        torch.set_float32_matmul_precision(precision)

    return undo


def _one_thread() -> Callable[[], None]:
    before, ready, over = torch.get_num_threads(), threading.Event(), threading.Event()

    def hold() -> None:
        try:
            for library in ThreadpoolController().lib_controllers:
                if hasattr(library, "clear_controlling_thread"):
                    library.clear_controlling_thread(force=True)
            with threadpool_limits(1, user_api="blas"):
                ready.set()
                over.wait()
        finally:
            ready.set()

    # threadpoolctl listens to the thread that set a limit alone, and whoever begins need not be there at the end.
    holder = threading.Thread(target=hold, name="fastmas-blas", daemon=True)
    holder.start()
    ready.wait()

    def undo() -> None:
        over.set()
        holder.join()
        torch.set_num_threads(before)  # also that of MKL, which is the process's

    return undo


PLAIN_NUMBERS, ONE_THREAD = Shared(_plain_numbers), Shared(_one_thread)


@contextmanager
def isolated() -> Iterator[None]:
    """Torch in float32 on the CPU with gradients, NumPy with its own error state, whatever the caller has set."""
    with ExitStack() as stack:
        stack.enter_context(PLAIN_NUMBERS.held())
        stack.enter_context(torch.inference_mode(False))
        stack.enter_context(torch.enable_grad())
        if torch.is_autocast_enabled("cpu"):
            stack.enter_context(torch.autocast("cpu", enabled=False))
        if torch.get_default_device() != torch.device("cpu"):  # where it is, every call of torch would pay for a mode
            stack.enter_context(torch.device("cpu"))
        stack.enter_context(np.errstate(**FAULTS))  # type: ignore[arg-type]
        yield


@contextmanager
def one_thread() -> Iterator[None]:
    """Torch and BLAS work on one thread: sums depend on how many there are, and small ones only get slower."""
    before = torch.get_num_threads()  # the calling thread's
    try:
        with ONE_THREAD.held():
            torch.set_num_threads(1)
            yield
    finally:
        if torch.get_num_threads() != before:
            _own_threads(before)


def _own_threads(n: int) -> None:
    """Give this thread its number back while others go on with one: MKL's is the process's and is left alone."""
    for library in ThreadpoolController().select(user_api="openmp").lib_controllers:
        if library.num_threads == 1:
            library.set_num_threads(n)
