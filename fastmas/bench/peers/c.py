"""C with AVX-512 where there is any: the limit. One thread, a word for every decision, nothing general."""

from __future__ import annotations

import ctypes
from collections.abc import Callable

import numpy as np

from fastmas.bench.compiled import compiler, load, pointer, reals, tables
from fastmas.bench.peers import LeftOut, Prepared
from fastmas.bench.tasks import AGENTS, Task

MARKET = ("kappa", "gamma", "rho", "sigma_public", "sigma_individual", "sigma_fundamental",
          "mu1", "v1", "mu2", "v2", "price_0", "value_0", "variance_0")
CROWD = ("kappa", "rho", "sigma_public", "sigma_individual", "price_0")


def definitions(task: Task) -> tuple[str, ...]:
    """The numbers of traders and their windows are known to the compiler."""
    windows = task.numbers["windows"].tolist()
    pairs = ",".join(f"{{{short},{long}}}" for short, long in windows)
    return (f"N_NOISE={task.n_noise}", f"N_TECHNICAL={task.n_technical}", f"N_FUNDAMENTAL={task.n_fundamental}",
            f"WINDOWS={{{pairs}}}", f"LONGEST={max(long for _, long in windows)}")


def market(task: Task) -> Prepared:
    function = load("market.c", definitions(task)).market
    given = reals(*(task.numbers[name] for name in MARKET))

    def call(seed: int) -> np.ndarray:
        out = np.empty((task.n_paths, task.n_steps + 1), dtype=np.float32)
        function(ctypes.byref(given), pointer(tables()), ctypes.c_uint32(seed), ctypes.c_uint32(0),
                 ctypes.c_long(task.n_paths), ctypes.c_int(task.n_steps), pointer(out))
        return out

    return Prepared(call)


def crowd(task: Task, name: str) -> Prepared:
    """Noise traders alone, counted by this function of crowd.c."""
    function: Callable[..., None] = getattr(load("crowd.c"), name)
    given = reals(*(task.numbers[key] for key in CROWD))

    def call(seed: int) -> np.ndarray:
        out = np.empty((task.n_paths, task.n_steps + 1), dtype=np.float32)
        function(ctypes.byref(given), pointer(tables()), ctypes.c_uint32(seed), ctypes.c_uint32(0),
                 ctypes.c_long(task.n_paths), ctypes.c_int(task.n_steps), ctypes.c_long(task.n_noise), pointer(out))
        return out

    return Prepared(call)


class C:
    def versions(self) -> dict[str, str]:
        return {"compiler": compiler()}

    def prepare(self, task: Task) -> Prepared:
        if task.mode != AGENTS:
            raise LeftOut("the C kernels visit every agent")
        if task.kind == "own":
            raise LeftOut("the C kernels have no traders with values of their own")
        return market(task) if task.kind == "market" else crowd(task, "crowd")


PEER = C()
