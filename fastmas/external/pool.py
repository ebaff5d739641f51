"""The worker processes of a black box: they stay from job to job, and one that dies or hangs costs one path.

Each has a few tasks ahead, so that none waits for another. What a path is does not depend on which worker it fell to.
"""

from __future__ import annotations

import contextlib
import os
import threading
import time
import weakref
from collections import deque
from collections.abc import Callable, Iterator
from multiprocessing.connection import wait

from fastmas.external.call import DIED, SLOW, Call, Outcome, Task
from fastmas.external.processes import SOON, Process, start

BEGIN = 60.0  # seconds that a process may take to begin, beyond the time for a path
PAUSE = 0.05  # seconds between two looks at what may hang, at who wants to stop, and at who waits for progress
AHEAD = 0.01  # seconds of work that a worker has before it
MOST_AHEAD = 64  # tasks, and
OVERHEAD = 500  # bytes of a task beside its values
MOST_WAITING = 1 << 16  # bytes of them: more might not fit into a connection that nobody reads

Hear = Callable[[Task, Outcome], None]
_pools: weakref.WeakSet[Pool] = weakref.WeakSet()


class _Worker:
    """A process, its tasks in the order they were sent, and since when it works on the first."""

    def __init__(self, process: Process) -> None:
        self.process = process
        self.tasks: deque[Task] = deque()
        self.is_ready = False
        self.since = time.monotonic() + BEGIN

    def hear(self) -> Outcome | None:
        """What it has to say of the first of its tasks; nothing if it only says that it is there."""
        said = self.process.connection.recv()
        if not self.is_ready:
            self.is_ready, self.since = True, time.monotonic()
            return None
        return Outcome(*said)


class Pool:
    """Workers for one call. One job runs at a time; others wait for it."""

    def __init__(self, call: Call, name: str, method: str, timeout: float | None) -> None:
        self._call, self._name, self._method, self._timeout = call, name, method, timeout
        self._workers: list[_Worker] = []
        self._lock = threading.Lock()
        self._pace = 0.0  # seconds of a path, as measured last
        _pools.add(self)

    def run(self, tasks: Iterator[Task], n_processes: int, sizes: tuple[int, int], hear: Hear,
            pause: Callable[[], bool], task_bytes: int = 0) -> None:
        """Have every task done by one of so many processes.

        `sizes` are n_steps and n_times of a path, `task_bytes` those of its values. `hear` is told of each as it is
        done, in this thread, in any order; what it raises ends the job, and whoever is at work. `pause` is called now
        and then, and says whether to stop.
        """
        with self._lock:
            job = _Job(tasks, OVERHEAD + task_bytes, sizes, hear)
            try:
                self._staff(n_processes)
                workers = self._workers[:n_processes]
                while self._feed(job, workers) and not pause():
                    self._listen(job, workers)
            finally:
                self._dismiss([worker for worker in self._workers if worker.tasks])

    def close(self) -> None:
        """End all workers."""
        self._dismiss(list(self._workers))

    def forget(self) -> None:
        """In a process that was forked from the one whose workers they are."""
        for worker in self._workers:
            worker.process.connection.close()
        self._workers, self._lock = [], threading.Lock()

    def _staff(self, n: int) -> None:
        self._dismiss([worker for worker in self._workers if worker.process.ended() is not None])
        while len(self._workers) < n:
            self._workers.append(_Worker(start(self._call, self._method, self._name)))

    def _dismiss(self, workers: list[_Worker]) -> None:
        for worker in workers:
            self._workers.remove(worker)
            worker.process.kill()

    def _feed(self, job: _Job, workers: list[_Worker]) -> bool:
        """Give each worker what it may have ahead; whether anybody is at work."""
        for depth in range(job.ahead(self._pace)):
            for worker in workers:
                if len(worker.tasks) <= depth and (task := job.next()) is not None:
                    self._send(job, worker, task)
        return any(worker.tasks for worker in workers)

    def _send(self, job: _Job, worker: _Worker, task: Task) -> None:
        if not worker.tasks and worker.is_ready:
            worker.since = time.monotonic()
        worker.tasks.append(task)
        with contextlib.suppress(OSError):  # it is dying, as will be seen when it is listened to
            worker.process.connection.send((task, *job.sizes))

    def _listen(self, job: _Job, workers: list[_Worker]) -> None:
        """Hear from those who have something to say; see to those who are dead or take too long."""
        at_work = {worker.process.connection: worker for worker in workers if worker.tasks}
        ready = wait(list(at_work), PAUSE)
        for connection in ready:
            worker = at_work[connection]  # type: ignore[index]  # they are what was given
            try:
                while worker.tasks and worker.process.connection.poll():
                    if (outcome := worker.hear()) is not None:
                        now = time.monotonic()
                        self._pace, worker.since = now - worker.since, now
                        job.hear(worker.tasks.popleft(), outcome)
            except (EOFError, OSError):
                self._lose(job, workers, worker, Outcome(DIED, f"ended its process ({_how(worker.process)})"))
        late = time.monotonic() - (self._timeout or float("inf"))
        for worker in [one for one in workers if one.tasks and not one.process.connection.poll()]:
            if worker.since < late:
                self._lose(job, workers, worker, Outcome(SLOW, f"took longer than timeout={self._timeout:g} s"))
            elif not ready and worker.process.ended() is not None:  # its own children keep the connection open
                self._lose(job, workers, worker, Outcome(DIED, f"ended its process ({_how(worker.process)})"))

    def _lose(self, job: _Job, workers: list[_Worker], worker: _Worker, outcome: Outcome) -> None:
        """Another worker in its place; the path that it was at is lost, those behind it are for others."""
        lost, *rest = worker.tasks
        job.again(rest)
        worker.tasks.clear()
        self._dismiss([worker])
        place = workers.index(worker)
        workers[place] = _Worker(start(self._call, self._method, self._name))
        self._workers.append(workers[place])
        job.hear(lost, outcome)


class _Job:
    """Tasks as they are taken, and given back by those who died."""

    def __init__(self, tasks: Iterator[Task], task_bytes: int, sizes: tuple[int, int], hear: Hear) -> None:
        self._tasks, self._back, self.sizes, self.hear = tasks, deque[Task](), sizes, hear
        self._most_ahead = max(1, min(MOST_AHEAD, MOST_WAITING // task_bytes))

    def next(self) -> Task | None:
        return self._back.popleft() if self._back else next(self._tasks, None)

    def again(self, tasks: list[Task]) -> None:
        self._back.extendleft(reversed(tasks))

    def ahead(self, pace: float) -> int:
        """Tasks of a worker: one at work and one ahead, more of those that are quick."""
        wanted = 2 if not pace or pace > AHEAD / 2 else 1 + int(AHEAD / pace)
        return min(wanted, self._most_ahead)


def _how(process: Process) -> str:
    status = process.ended(SOON)
    if status is None:
        return "it closed its connection"
    return f"exit status {status}" if status >= 0 else f"signal {-status}"


def _forget_all() -> None:
    for pool in list(_pools):
        pool.forget()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_all)
