"""Whether a warm-up is long enough for a model at its parameters."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from fastmas.engine.job import Job
from fastmas.engine.threads import count_threads
from fastmas.errors import ParameterError
from fastmas.limits import check_memory
from fastmas.model import Model
from fastmas.parameters import is_whole, shown
from fastmas.random.address import Purpose, address_of
from fastmas.simulate import simulate_job, values_of
from fastmas.statistics.settling import N_PATHS, Settling, examine

__all__ = ["Settling", "check_warmup"]


def check_warmup(model: Model, theta: Mapping[str, Any] | None = None, *, warmup: int = 50,
                 observable: str | None = None, seed: int = 1, n_threads: int | None = None) -> Settling:
    """Compare paths at t = warmup with paths much later, and find a warm-up that is long enough.

    Parameters
    ----------
    theta : mapping, optional
        Values by parameter name, in natural units; what is not named keeps its default.
    warmup : int
        Steps before the window; 0 asks about the model's own start.
    observable : str, optional
        One of `model.observables`; the first if not given.
    seed : int
        In [0, 2**32).
    n_threads : int, optional
        By default every CPU; no bit depends on it.

    Returns
    -------
    Settling, see `fastmas.statistics.settling`

    Raises
    ------
    ParameterError, ModelError
        A value outside its bounds, an unknown name, a warm-up that cannot be.
    MemoryLimitError
        The paths do not fit.
    """
    if theta is not None and not isinstance(theta, Mapping):
        raise ParameterError(f"theta={shown(theta)}: give one mapping of names to values")
    if not is_whole(warmup) or warmup < 0:
        raise ParameterError(f"warmup={shown(warmup)}: give a whole number of at least 0")
    values, chosen, threads = values_of(model, theta), (model.observable(observable),), count_threads(n_threads)
    address_of(seed, 0, 0)

    def simulate(n_times: int, run: int) -> np.ndarray:
        job = Job(model=model, values=values, n_paths=N_PATHS, n_steps=warmup + n_times - 1, warmup=warmup,
                  address=address_of(seed, run, Purpose.STATIONARITY), common=True, observables=chosen,
                  n_threads=threads)
        check_memory(N_PATHS * job.path_bytes, None, "the paths", "give a shorter warmup")
        paths: np.ndarray = simulate_job(job, check=False)[0, 0]
        return paths if chosen[0].transform is None else paths[:, 1:]

    return examine(simulate, int(warmup))
