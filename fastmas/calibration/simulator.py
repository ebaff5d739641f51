"""The model as a calibration sees it: simulations of search coordinates, and what is made of their paths."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch

from fastmas import statistics
from fastmas.calibration.observed import Observed
from fastmas.calibration.workers import Features, Workers
from fastmas.engine import devices
from fastmas.engine.job import Job
from fastmas.errors import ParameterError
from fastmas.estimators import Scene, chain
from fastmas.model import Model, Observable
from fastmas.parameters import ParameterSpace
from fastmas.random.address import Address, Purpose
from fastmas.simulate import simulate_job

Treatment = Callable[[np.ndarray, tuple[int, ...]], np.ndarray]
CHUNK_VALUES = 1 << 24  # values of a path array simulated at a time


class Simulator:
    """Simulates a model at search coordinates z and looks at its paths as at the data.

    Paths are (n_paths, n_times), or (n_paths, k, n_times) for k observables. `n_simulated` counts paths. `region` is
    the box of the search coordinates. `treatment`, if any, is what is done to paths (n_paths, n_times) with a key for
    random numbers before anything looks at them.
    """

    def __init__(self, model: Model, space: ParameterSpace, observed: Observed, workers: Workers, *, warmup: int,
                 seed: int, device: str = "cpu") -> None:
        self.model, self.space, self.observed, self.workers = model, space, observed, workers
        self.warmup, self.seed, self.device = warmup, seed, devices.check(device)
        self.region = space.region
        self.observables = shown_by(model, observed.observations.names)
        # What is computed from the paths, as a return is, has no value at the first of their times.
        self._begins = 1 if any(one.transform is not None for one in self.observables) else 0
        if self._begins > warmup:
            raise ParameterError(f"warmup={warmup}: {', '.join(one.name for one in self.observables if one.transform)} "
                                 "has no value at t = 0; give a warmup of 1 or more, and data from there on")
        self.treatment: Treatment | None = None
        self.n_simulated = 0

    def by_name(self, z: np.ndarray) -> dict[str, float]:
        """Values of z (d,) in natural units."""
        return dict(zip(self.space.free, self.space.to_theta(z).tolist(), strict=True))

    def simulate(self, z: np.ndarray, n_paths: int, run: int, purpose: int, *, common: bool = True,
                 n_times: int | None = None) -> np.ndarray:
        """Paths (n_theta, n_paths, n_times) for z (n_theta, d)."""
        paths = self._inside(simulate_job(self._job(z, n_paths, Address(self.seed, run, purpose), common, n_times),
                                          check=False))
        treatment = self.treatment
        if treatment is None:
            return paths
        keys = [(self.seed, run, purpose, 0 if common else i) for i in range(len(z))]
        return np.stack(list(self.workers.map(lambda one: treatment(*one), zip(paths, keys, strict=True))))

    def sample(self, z: np.ndarray, n_paths: int, run: int, purpose: int, *, common: bool = True,
               n_times: int | None = None) -> np.ndarray:
        """Samples of the statistic; a path that ran away looks like nothing in the data."""
        return self._samples(self.simulate(z, n_paths, run, purpose, common=common, n_times=n_times))

    def sample_there(self, z: np.ndarray, n_paths: int, run: int, purpose: int, *, common: bool = True,
                     n_times: int | None = None) -> Any:
        """The same as a tensor: of paths on a GPU, which stay there, if the statistic reads them there."""
        if not self._stays_there:
            return self.sample(z, n_paths, run, purpose, common=common, n_times=n_times)
        return self._samples_there(self._simulate_there(z, n_paths, run, purpose, common, n_times))

    def look(self, z: np.ndarray, n_paths: int, run: int, purpose: int, *,
             common: bool = True) -> tuple[Any, np.ndarray]:
        """What a discriminator sees: samples as `sample_there` gives them, and moments (n_theta, n_paths, k)."""
        if not self._stays_there:
            paths = self.simulate(z, n_paths, run, purpose, common=common)
            return self._samples(paths), self._moments(paths)
        there = self._simulate_there(z, n_paths, run, purpose, common, None)
        return self._samples_there(there), self._moments(there.cpu().numpy())

    def featured(self, features: Features, z: np.ndarray, n_paths: int, run: int, common: bool,
                 n_times: int | None = None) -> np.ndarray:
        """Features of each simulated path, (n_theta, n_paths, k)."""
        size = max(1, CHUNK_VALUES // (n_paths * (n_times or self.observed.n_times) * self.observed.k))
        parts: list[np.ndarray] = []
        for i in range(0, len(z), size):
            paths = self.simulate(z[i:i + size], n_paths, run, Purpose.MOMENTS, common=common, n_times=n_times)
            parts.append(self.workers.each(features, paths.reshape(-1, *paths.shape[2:])))
        return np.concatenate(parts).reshape(len(z), n_paths, -1)

    def scene(self, n_paths: int, spread: np.ndarray) -> Scene:
        """What an estimator of gradients simulates for a candidate, and how it looks at it; it counts its own paths."""
        address = Address(self.seed, 0, Purpose.CANDIDATES)

        def simulate(z: np.ndarray, run: int) -> np.ndarray:
            return self._inside(simulate_job(self._uncounted(z, n_paths, address._replace(run=run), True, None),
                                             check=False))

        observed = self.observed
        return Scene(
            model=self.model, space=self.space, statistic=observed.statistic, reads_tensors=observed.reads_tensors,
            ends=chain.ends_of(observed.statistic, observed.x_train[0]), warmup=self.warmup, n_times=observed.n_times,
            n_paths=n_paths, spread=spread, address=address, simulate=simulate, n_threads=self.workers.n,
            observable=self.observables[0].name)

    @property
    def _stays_there(self) -> bool:
        return self.device != "cpu" and self.observed.reads_tensors and self.treatment is None

    def _samples(self, paths: np.ndarray) -> np.ndarray:
        return np.stack(list(self.workers.map(self.observed.samples_of, paths)))

    def _moments(self, paths: np.ndarray) -> np.ndarray:
        return np.stack(list(self.workers.map(self.observed.moments_of, paths)))

    def _simulate_there(self, z: np.ndarray, n_paths: int, run: int, purpose: int, common: bool,
                        n_times: int | None) -> Any:
        job = self._job(z, n_paths, Address(self.seed, run, purpose), common, n_times)
        array = devices.engine_for(self.device).simulate_on_device(job, check_finite=False)
        return self._inside(torch.from_dlpack(array))

    def _samples_there(self, there: Any) -> torch.Tensor:
        samples: list[Any] = [self.observed.statistic(paths) for paths in there]
        return torch.nan_to_num(torch.stack(samples), nan=statistics.CLIP)

    def _job(self, z: np.ndarray, n_paths: int, address: Address, common: bool, n_times: int | None) -> Job:
        self.n_simulated += len(z) * n_paths
        return self._uncounted(z, n_paths, address, common, n_times)

    def _uncounted(self, z: np.ndarray, n_paths: int, address: Address, common: bool, n_times: int | None) -> Job:
        return Job(
            model=self.model, values=self.space.full(self.space.to_theta(z)), n_paths=n_paths,
            n_steps=self.warmup + (n_times or self.observed.n_times) - 1, warmup=self.warmup - self._begins,
            address=address, common=common, observables=self.observables, n_threads=self.workers.n, device=self.device)

    def _inside(self, layers: Any) -> Any:
        """Paths (n_theta, n_paths, n_times), or (n_theta, n_paths, k, n_times), of what an engine gives, k first."""
        layers = layers[..., self._begins:]
        if len(layers) == 1:
            return layers[0] if not self._begins else contiguous(layers[0])
        return contiguous(layers.swapaxes(0, 1).swapaxes(1, 2))


def shown_by(model: Model, names: Sequence[str]) -> tuple[Observable, ...]:
    """The model's observables of these names; one that has another name in the data is the model's first."""
    return model.observed(None if len(names) == 1 and not model.shows(names[0]) else names)


def contiguous(paths: Any) -> Any:
    """An array or a tensor whose times lie side by side."""
    return paths.contiguous() if hasattr(paths, "contiguous") else np.ascontiguousarray(paths)
