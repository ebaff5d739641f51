"""What stays the same during a calibration: model, data, statistic, and how to simulate them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict
from typing import Any

import numpy as np
import torch
from threadpoolctl import threadpool_limits

from fastmas import discriminators, statistics, updaters
from fastmas.calibration.given import start_of
from fastmas.calibration.settings import Settings
from fastmas.data import Observations
from fastmas.discriminators.replay import N_THETA
from fastmas.distance import Weight, weigh
from fastmas.engine import devices
from fastmas.engine.job import Job
from fastmas.engine.threads import count_threads
from fastmas.errors import DataError, MemoryLimitError, ParameterError
from fastmas.lowering.program import mode_used
from fastmas.model import Model
from fastmas.parameters import ParameterSpace
from fastmas.random.address import Address, Purpose
from fastmas.simulate import available_memory, simulate_job
from fastmas.statistics.moments import BOUNDED, path_moments
from fastmas.statistics.scaling import Scaling
from fastmas.statistics.series import series_moments
from fastmas.updaters.scoring import Features, Problem

LEAST_SAMPLES = 8  # of either part of a series
POOL_STEPS = 2000  # simulated steps per theta of a replay
POLISH = {"paths": 10, "series": 100}  # simulated in the last steps for each one observed
SERIES_WEIGH = 300  # series whose figures give their covariance
LEAST_POLISH, MOST_POLISH = 2000, 20_000  # paths; never fewer than twice the data's
RIDGE = 0.02  # a covariance of one series' figures comes from few of them
FAR_RIDGE = 0.01  # what hardly varies at a point far from the data varies otherwise at the data
CACHED_VALUES = 1 << 14  # whose features are taken at a time: what is made of them stays in the processor's cache
CHUNK_VALUES = 1 << 24  # values of a path array simulated at a time


class Setup:
    """Simulation and statistics of one calibration.

    `real` and `heldout` are samples (n_paths, n_samples, k) of the data; in the regime "series" each
    is one path, the whole training or held-out part.
    """

    def __init__(self, model: Model, space: ParameterSpace, observations: Observations, settings: Settings,
                 statistic: Any = None, n_threads: int | None = None, device: str = "cpu") -> None:
        self.device = devices.check(device)
        self.model, self.space, self.observations, self.settings = model, space, observations, settings
        self._pool: ThreadPoolExecutor | None = None
        self.n_threads = count_threads(n_threads)
        self.is_series = observations.regime == "series"
        self.x_train = observations.x_obs if observations.series_train is None else observations.series_train[None]
        self.x_heldout = (observations.x_heldout if observations.series_heldout is None
                          else observations.series_heldout[None])
        self.statistic = statistics.fit(statistic or settings.statistic, self.x_train)
        self._reads_tensors = not callable(statistic)
        self.real = self.statistic(self.x_train)
        self.heldout = self.statistic(self.x_heldout)
        self._check_samples()
        self._check_memory()
        self.scaling = Scaling.of(self.x_train)
        self.moments_real = self.each(self.moments_of, self.x_train)
        self._check_degrees()
        self.paths_simulated = 0

    @property
    def n_times(self) -> int:
        """Prices of a path, or of the training series."""
        return self.x_train.shape[1]

    @property
    def low(self) -> np.ndarray:
        """Lower bounds of the search coordinates, (d,)."""
        return self.space.z_bounds[:, 0]

    @property
    def high(self) -> np.ndarray:
        """Upper bounds of the search coordinates, (d,)."""
        return self.space.z_bounds[:, 1]

    def simulate(self, z: np.ndarray, n_paths: int, run: int, purpose: int, *, common: bool = True,
                 n_times: int | None = None) -> np.ndarray:
        """Paths (n_theta, n_paths, n_times) for z (n_theta, d)."""
        return simulate_job(self._job(z, n_paths, Address(self.settings.seed, run, purpose), common, n_times),
                            check=False)[0]

    def sample(self, z: np.ndarray, n_paths: int, run: int, purpose: int, *, common: bool = True,
               n_times: int | None = None) -> np.ndarray:
        """Samples of the statistic; a path that ran away looks like nothing in the data."""
        return self._samples(self.simulate(z, n_paths, run, purpose, common=common, n_times=n_times))

    def sample_there(self, z: np.ndarray, n_paths: int, run: int, purpose: int, *, common: bool = True,
                     n_times: int | None = None) -> Any:
        """The same as a tensor: of paths on a GPU, which stay there, if the statistic reads them there."""
        if self.device == "cpu" or not self._reads_tensors:
            return self.sample(z, n_paths, run, purpose, common=common, n_times=n_times)
        return self._samples_there(self._simulate_there(z, n_paths, run, purpose, common, n_times))

    def samples_of(self, paths: np.ndarray) -> np.ndarray:
        """Samples (n_paths, n_samples, k) of paths (n_paths, n_times); one that ran away looks like nothing real."""
        with np.errstate(all="ignore"):
            samples = self.statistic(paths)
        return samples if np.isfinite(paths).all() else np.nan_to_num(samples, nan=statistics.CLIP)

    def _samples(self, paths: np.ndarray) -> np.ndarray:
        return np.stack(list(self.map(self.samples_of, paths)))

    def _simulate_there(self, z: np.ndarray, n_paths: int, run: int, purpose: int, common: bool,
                        n_times: int | None) -> Any:
        job = self._job(z, n_paths, Address(self.settings.seed, run, purpose), common, n_times)
        array = devices.engine_for(self.device).simulate_on_device(job, check_finite=False)
        return torch.from_dlpack(array)[0]

    def _samples_there(self, there: Any) -> torch.Tensor:
        samples: list[Any] = [self.statistic(paths) for paths in there]
        return torch.nan_to_num(torch.stack(samples), nan=statistics.CLIP)

    def _job(self, z: np.ndarray, n_paths: int, address: Address, common: bool, n_times: int | None) -> Job:
        self.paths_simulated += len(z) * n_paths
        return Job(
            model=self.model, values=self.space.full(self.space.to_theta(z)), n_paths=n_paths,
            n_steps=self.settings.warmup + (n_times or self.n_times) - 1, warmup=self.settings.warmup, address=address,
            common=common, n_threads=self.n_threads, device=self.device)

    def look(self, z: np.ndarray, n_paths: int, run: int, purpose: int, *,
             common: bool = True) -> tuple[Any, np.ndarray]:
        """What a discriminator sees: samples as `sample_there` gives them, and moments (n_theta, n_paths, k)."""
        if self.device == "cpu" or not self._reads_tensors:
            paths = self.simulate(z, n_paths, run, purpose, common=common)
            return self._samples(paths), np.stack(list(self.map(self.moments_of, paths)))
        there = self._simulate_there(z, n_paths, run, purpose, common, None)
        return self._samples_there(there), np.stack(list(self.map(self.moments_of, there.cpu().numpy())))

    def moments_of(self, paths: np.ndarray) -> np.ndarray:
        """Moments of each path, (n_paths, n_times) to (n_paths, k); not finite for one that ran away."""
        with np.errstate(all="ignore"):
            if self.is_series:
                return series_moments(self.scaling, paths, longest=self.longest)
            return path_moments(self.scaling, paths, level=True, reach=BOUNDED, characteristic=True)

    def moments(self, z: np.ndarray, n_paths: int, run: int, common: bool) -> np.ndarray:
        """Moments of each simulated path, (n_theta, n_paths, k)."""
        return self.featured(self.moments_of, z, n_paths, run, common)

    def featured(self, features: Callable[[np.ndarray], np.ndarray], z: np.ndarray, n_paths: int, run: int,
                 common: bool, n_times: int | None = None) -> np.ndarray:
        """Features of each simulated path, (n_theta, n_paths, k)."""
        size = max(1, CHUNK_VALUES // (n_paths * (n_times or self.n_times)))
        parts: list[np.ndarray] = []
        for i in range(0, len(z), size):
            paths = self.simulate(z[i:i + size], n_paths, run, Purpose.MOMENTS, common=common, n_times=n_times)
            parts.append(self.each(features, paths.reshape(-1, paths.shape[2])))
        return np.concatenate(parts).reshape(len(z), n_paths, -1)

    def each(self, features: Callable[[np.ndarray], np.ndarray], paths: np.ndarray) -> np.ndarray:
        """Features (n_paths, k) of each path (n_paths, n_times), in pieces that the threads share."""
        size = max(1, CACHED_VALUES // paths.shape[1])
        return np.concatenate(list(self.map(features, (paths[i:i + size] for i in range(0, len(paths), size)))))

    def moment_problem(self) -> Problem:
        """The moment fit of these data."""
        return self.problem(self.moments, self.moments_real)

    @property
    def start(self) -> np.ndarray | None:
        """Where the user wants to begin, (1, d)."""
        z = start_of(self.space, self.settings.start)
        return None if z is None else z[None, :]

    def problem(self, simulated: Features, real: np.ndarray, first_run: int = 0) -> Problem:
        """The fit of features to those of real paths (n_paths, k); a series' scale alone must always be met."""
        n = len(real)
        return Problem(simulated=simulated, observed=real.mean(axis=0), n_observed=n,
                       n_sim=32 if self.is_series else max(500, 2 * n), n_polish=self.n_polish(n),
                       n_weigh=self.n_weigh(n), low=self.low, high=self.high,
                       integer=self.space.integer, seed=self.settings.seed,
                       soft=self._soft(real.shape[1]), ridge=self.ridge, first_run=first_run)

    @property
    def ridge(self) -> float:
        """Of the weight at a point that may be the estimate."""
        return RIDGE if self.is_series else 0.0

    def _soft(self, n: int) -> np.ndarray | None:
        """Which of n features a wrong model may miss: of a series all but the first, its scale."""
        return np.arange(n) > 0 if self.is_series else None

    def n_polish(self, n_observed: int) -> int:
        """Paths of the last steps and of covariances."""
        if self.is_series:
            return POLISH["series"]
        return max(min(max(POLISH["paths"] * n_observed, LEAST_POLISH), MOST_POLISH), 2 * n_observed)

    def n_weigh(self, n_observed: int) -> int:
        """Paths of a covariance where fewer are simulated for a mean."""
        return SERIES_WEIGH if self.is_series else min(LEAST_POLISH, self.n_polish(n_observed))

    def weight(self, features: np.ndarray, gap: np.ndarray, n_simulated: int) -> Weight:
        """The weight of the training data's features against the mean of `n_simulated` paths like these (n, k)."""
        return weigh(features, 1.0 / len(self.x_train) + 1.0 / n_simulated, gap=gap,
                     soft=self._soft(features.shape[1]), ridge=self.ridge or FAR_RIDGE)

    @property
    def x_all(self) -> np.ndarray:
        """Training and held-out data together, (n_paths, n_times), or one whole series."""
        if self.observations.series is not None:
            return self.observations.series[None]
        return np.concatenate([self.x_train, self.x_heldout])

    @property
    def pool_size(self) -> tuple[int, int | None]:
        """Paths per theta of a replay, and their length."""
        if self.is_series:
            return 2, min(self.n_times, POOL_STEPS // 2)
        return max(4, POOL_STEPS // (self.n_times - 1)), None

    def map(self, function: Callable[[Any], Any], items: Iterable[Any]) -> Iterable[Any]:
        """Apply a function to items, in order, on the threads there are."""
        items = list(items)
        if self._pool is None or len(items) == 1:
            return map(function, items)
        return self._pool.map(function, items)

    @contextmanager
    def threads(self) -> Iterator[None]:
        """Threads for `map`; torch and BLAS work on one: sums depend on how many, and small ones only get slower."""
        before = torch.get_num_threads()
        torch.set_num_threads(1)
        # Every thread must be told: the matrix products under torch ask the thread they run in.
        pool = (ThreadPoolExecutor(self.n_threads, initializer=torch.set_num_threads, initargs=(1,))
                if self.n_threads > 1 else None)
        self._pool = pool
        try:
            with threadpool_limits(1, user_api="blas"):
                yield
        finally:
            self._pool = None
            if pool is not None:
                pool.shutdown(wait=True, cancel_futures=True)
            torch.set_num_threads(before)

    @property
    def longest(self) -> int | None:
        """The `longest` of moments: a held-out part and the whole of a series have the figures of the training part."""
        return self.n_times - 1 if self.is_series else None

    @property
    def n_learned(self) -> int:
        """Features that a game will have learned from simulations, apart from those that are combinations of others."""
        kind = discriminators.get(self.settings.discriminator)
        return 0 if self.settings.generations == 0 or kind.sees_data else kind.n_learned(self.space.d)

    def _check_degrees(self) -> None:
        d, k, n_learned = self.space.d, self.moments_real.shape[-1], self.n_learned
        if d > k + n_learned:
            learned = f", and {n_learned} learned features" if n_learned else ""
            raise ParameterError(
                f"{d} free parameters and {k} moments of paths of {self.n_times} prices{learned}: more unknowns than "
                f"figures; free at most {k + n_learned}, or tie the parameters of agents of one type (leave per_agent "
                "away)")

    def _check_samples(self) -> None:
        name, k, k_heldout = self.settings.statistic, self.real.shape[-1], self.heldout.shape[-1]
        if k != k_heldout:
            raise ParameterError(
                f"statistic {name!r} gives {k} numbers for {self.n_times} prices and {k_heldout} for "
                f"{self.x_heldout.shape[1]}: one series needs a statistic whose size does not depend on the length, "
                "such as return-windows")
        least = LEAST_SAMPLES if self.is_series else 1
        for use, samples, paths in (("train on", self.real, self.x_train), ("hold out", self.heldout, self.x_heldout)):
            if samples.shape[1] < least:
                raise DataError(
                    f"{self.observations.source}: {paths.shape[1]} prices to {use} give {samples.shape[1]} samples of "
                    f"the statistic {name!r}, and {least} are needed; give more prices, or name another statistic")

    def _check_memory(self) -> None:
        """The largest arrays must fit; better said now than after the moment fit."""
        n_samples, k = self.real.shape[1:]
        population, paths = updaters.population(self.space.d), self.settings.paths
        generation = 4 * population * paths * (self.n_times + 2 * n_samples * k)
        pool_paths, pool_times = self.pool_size
        pool = 4 * N_THETA * pool_paths * (n_samples * k if pool_times is None else 2 * pool_times * k)
        n_last = max(self.n_polish(len(self.x_train)), self.n_weigh(len(self.x_train)))
        needs = [(4 * n_last * self.n_times, f"the last steps' {n_last} paths need", "give fewer or shorter ones")]
        if self.settings.generations > 0:
            needs += [(generation, f"paths={paths}: a generation of {population} candidates needs",
                       "ask for fewer paths"), (pool, f"{N_THETA} thetas to learn from need", "give shorter paths")]
        n_bytes, what, remedy = max(needs)
        if n_bytes > 0.9 * (free := available_memory()):
            raise MemoryLimitError(f"{what} {n_bytes / 1e9:.3g} GB and {free / 1e9:.3g} GB are free; {remedy}")

    def describe(self) -> dict[str, Any]:
        """The part of a run's configuration that is known here, as plain values."""
        data, parameters = self.observations, self.space.free_parameters
        return {
            "model": self.model.name, "model_config": self.model.config,
            "rule": getattr(self.model, "rule", None), "mode": mode_used(self.model),
            "free": list(self.space.free),
            "values": dict(zip(self.space.entries, self.space.base.tolist(), strict=True)),
            "data": {"source": data.source, "column": data.column, "regime": data.regime,
                     "n_paths": len(data.x_obs), "n_times": self.n_times, "n_heldout": len(data.x_heldout)},
            "parameters": {n: {"low": p.low, "high": p.high, "unit": p.unit, "scale": p.scale, "doc": p.doc}
                           for n, p in zip(self.space.free, parameters, strict=True)},
            "horizon": data.horizon, "device": self.device, **asdict(self.settings),
        }
