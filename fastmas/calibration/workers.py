"""The threads of a calibration. How many there are changes no bit: pieces are of one size and come back in order."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch

from fastmas.calibration.isolation import isolated, one_thread
from fastmas.engine.threads import count_threads

CACHED_VALUES = 1 << 14  # whose features are taken at a time: what is made of them stays in the processor's cache

Features = Callable[[np.ndarray], np.ndarray]  # paths (n_paths, n_times) to features (n_paths, k)


class Workers:
    """`n` threads, which work inside `with workers.at_work()` alone."""

    def __init__(self, n_threads: int | None = None) -> None:
        self.n = count_threads(n_threads)
        self._pool: ThreadPoolExecutor | None = None

    def map(self, function: Callable[[Any], Any], items: Iterable[Any]) -> Iterable[Any]:
        """Apply a function to items, in order, on the threads there are."""
        items = list(items)
        if self._pool is None or len(items) == 1:
            return map(function, items)
        return self._pool.map(function, items)

    def each(self, features: Features, paths: np.ndarray) -> np.ndarray:
        """Features (n_paths, k) of each path (n_paths, n_times), in pieces that the threads share."""
        size = max(1, CACHED_VALUES // max(1, paths[:1].size))
        return np.concatenate(list(self.map(features, (paths[i:i + size] for i in range(0, len(paths), size)))))

    @contextmanager
    def at_work(self) -> Iterator[None]:
        """Threads for `map`, each of which works on one; the caller's settings neither count nor are lost."""
        # Every thread must be told: the matrix products under torch ask the thread they run in.
        pool = (ThreadPoolExecutor(self.n, initializer=torch.set_num_threads, initargs=(1,)) if self.n > 1 else None)
        with isolated(), one_thread():
            self._pool = pool
            try:
                yield
            finally:
                self._pool = None
                if pool is not None:
                    pool.shutdown(wait=True, cancel_futures=True)
