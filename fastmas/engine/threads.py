"""Threads around kernels that release the GIL: work shared out, Ctrl-C heard, order kept.

The threads are started once and stay. Whatever may take long runs in them, so that the main thread
is free to hear Ctrl-C; a kernel looks at `stop` once a step and returns when it is set. What is known
to be quick also uses the thread that asks, which saves the wait for another to wake up.
"""

from __future__ import annotations

import math
import os
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import Any, TypeVar

import numpy as np

from fastmas.errors import ParameterError
from fastmas.parameters import is_whole

MOST_THREADS = 1024
QUICK = 0.05  # seconds for which Ctrl-C may wait without a thread of its own
WORTH_SHARING = 2e-4  # seconds of work below which waking a thread costs more than it saves
SPAN = 1e-3  # seconds of one span: what a thread may idle at the end, and how finely progress is told
PAUSE = 0.1  # seconds between two looks at the progress

Task = Callable[[int, int, np.ndarray], None]
Tick = Callable[[int], None]
Item = TypeVar("Item")
Result = TypeVar("Result")


class _Pool:
    """The threads of this process; a forked child starts its own."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._executor: ThreadPoolExecutor | None = None

    def submit(self, function: Callable[..., Result], *arguments: Any) -> Future[Result]:
        if self._executor is None:
            with self._lock:
                self._executor = self._executor or ThreadPoolExecutor(MOST_THREADS, "fastmas")
        return self._executor.submit(function, *arguments)


_pool = _Pool()


def _forget() -> None:
    _pool.__init__()  # type: ignore[misc]  # the parent's threads and locks do not exist here


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)


def count_threads(n_threads: int | None = None) -> int:
    """The number of threads to use: as given, or the CPUs this process may run on.

    Raises
    ------
    ParameterError
        If `n_threads` is not a whole number of at least 1.
    """
    if n_threads is None:
        return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    if not is_whole(n_threads) or n_threads < 1:
        raise ParameterError(f"threads={n_threads}: give a whole number of at least 1")
    return min(int(n_threads), MOST_THREADS)


def share(task: Task, n_blocks: int, n_threads: int, block_seconds: float | None, tick: Tick | None = None) -> None:
    """Call task(first, last, stop) over spans of blocks, on so many threads.

    Parameters
    ----------
    task : callable
        Returns early if stop[0] is set. Called from several threads at once, in any order.
    block_seconds : float or None
        What a block is expected to take; None if nobody knows, which might be long.
    tick : callable, optional
        Told the number of blocks done, now and then and at the end, in the calling thread.
    """
    if n_blocks == 0:
        return
    n_threads = max(1, min(n_threads, n_blocks))
    total = math.inf if block_seconds is None else block_seconds * n_blocks
    quick = total < QUICK
    if quick and (n_threads == 1 or total < WORTH_SHARING):
        task(0, n_blocks, np.zeros(1, dtype=np.int64))
    else:
        _Shared(task, n_blocks, n_threads, block_seconds).run(n_threads, quick, tick)
    if tick is not None:
        tick(n_blocks)


def go_through(task: Task, n_blocks: int, block_seconds: float | None, tick: Tick | None, stop: np.ndarray) -> None:
    """Call task(first, last, stop) over spans of blocks in this thread."""
    spans = _Spans(n_blocks, 1, block_seconds)
    for first, last in iter(spans.take, None) if tick is not None else [(0, n_blocks)]:
        task(first, last, stop)
        if stop[0]:
            return
        if tick is not None:
            spans.give_back(first, last)
            tick(last)


class _Spans:
    """Blocks as they are taken and given back; how many at a time follows from the time they took."""

    def __init__(self, n_blocks: int, n_threads: int, block_seconds: float | None) -> None:
        self.n_done = 0
        self._next, self._n_blocks, self._seconds = 0, n_blocks, block_seconds
        self._fair = -(-n_blocks // n_threads)
        self._lock, self._taken = threading.Lock(), dict[int, float]()

    def take(self) -> tuple[int, int] | None:
        with self._lock:
            size = 1 if self._seconds is None else int(SPAN / max(self._seconds, 1e-9))
            first = self._next
            self._next = last = min(first + max(1, min(size, self._fair)), self._n_blocks)
            self._taken[first] = time.perf_counter()
        return None if first == last else (first, last)

    def give_back(self, first: int, last: int) -> None:
        with self._lock:
            self._seconds = (time.perf_counter() - self._taken.pop(first)) / (last - first)
            self.n_done += last - first


class _Shared:
    """Spans that threads take one after the other."""

    def __init__(self, task: Task, n_blocks: int, n_threads: int, block_seconds: float | None) -> None:
        self.stop = np.zeros(1, dtype=np.int64)
        self._task, self._spans = task, _Spans(n_blocks, n_threads, block_seconds)

    def run(self, n_threads: int, quick: bool, tick: Tick | None) -> None:
        futures: list[Future[None]] = []
        try:
            futures = [_pool.submit(self._drain) for _ in range(n_threads - quick)]
            if quick:
                self._drain()
            self._watch(futures, tick)
        finally:
            self.stop[0] = 1
            wait(futures)  # the arrays that they write to belong to the caller
        for future in futures:
            future.result()

    def _watch(self, futures: list[Future[None]], tick: Tick | None) -> None:
        pending: set[Future[None]] = set(futures)
        while pending:
            pending = wait(pending, None if tick is None else PAUSE).not_done
            if tick is not None and pending:
                tick(self._spans.n_done)

    def _drain(self) -> None:
        try:
            for first, last in iter(self._spans.take, None):
                self._task(first, last, self.stop)
                if self.stop[0]:
                    return
                self._spans.give_back(first, last)
        except BaseException:
            self.stop[0] = 1
            raise


def in_order(function: Callable[[Item, np.ndarray], Result], items: Iterable[Item], n_threads: int,
             ahead: int, tick: Callable[[], None] | None = None) -> Iterator[Result]:
    """Yield function(item, stop) for each item in order, at most `ahead` of them under way at a time.

    `tick` is called now and then while there is nothing to yield.

    If one fails, or the caller goes away, those under way are stopped and waited for; of several
    that fail the first item's fault is raised.
    """
    stop = np.zeros(1, dtype=np.int64)
    gate = threading.Semaphore(n_threads)
    under_way: deque[Future[Result]] = deque()

    def work(item: Item) -> Result:
        with gate:
            return function(item, stop)

    try:
        for item in items:
            under_way.append(_pool.submit(work, item))
            if len(under_way) >= ahead:
                yield _await(under_way, tick)
        while under_way:
            yield _await(under_way, tick)
    finally:
        stop[0] = 1
        wait([future for future in under_way if not future.cancel()])


def _await(under_way: deque[Future[Result]], tick: Callable[[], None] | None) -> Result:
    while tick is not None and wait([under_way[0]], PAUSE).not_done:
        tick()
    result = under_way[0].result()
    under_way.popleft()
    return result
