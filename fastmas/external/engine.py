"""The engine of black boxes: paths from worker processes into the arrays that a job wants."""

from __future__ import annotations

import contextlib
import time
import warnings
from collections.abc import Iterator

import numpy as np

from fastmas.engine.job import Job, Sink
from fastmas.errors import FastmasWarning
from fastmas.external.black_box import BlackBox
from fastmas.external.call import DIED, GOOD, INFINITE, SLOW, Outcome, Task
from fastmas.external.tally import Watch
from fastmas.parameters import shown
from fastmas.progress import TICK

__all__ = ["prepare", "simulate"]

TWICE = -1  # the number of the task that is the first one again
MOST_NAMED = 6  # values in a message


def simulate(job: Job, sink: Sink) -> None:
    """Simulate the paths of a job into an array; those that are lost are NaN there.

    Raises
    ------
    ModelError
        If none of the first paths of this model was any good; says what was wrong with the last of them.
    """
    model = job.model
    assert isinstance(model, BlackBox)
    _Run(model, job, sink).go()


@contextlib.contextmanager
def watched(model: BlackBox) -> Iterator[None]:
    """Warn at the end of paths that were lost inside."""
    watch, was_told = Watch(model), model.tally.is_repeatable is False
    yield
    for line in watch.now().lines()[:-1 if was_told else None]:  # the last is that of seeds
        warnings.warn(f"model {model.name!r}: {line}", FastmasWarning, stacklevel=4)


def prepare(job: Job) -> None:
    """Nothing has to be compiled."""


class _Run:
    """One job under way."""

    def __init__(self, model: BlackBox, job: Job, sink: Sink) -> None:
        self.model, self.job, self.sink = model, job, sink
        self.rows = {row: k for k, row in reversed(list(enumerate(job.rows)))}  # the first place of each
        self.n_done, self.told = 0, time.monotonic()
        self.first: list[np.ndarray] = []  # what the first task gave, each time
        self.repeats = model.tally.is_repeatable is None

    def go(self) -> None:
        job, sink = self.job, self.sink
        self.model.pool.run(self.tasks(), min(job.n_threads, job.total), (job.n_steps, job.n_times), self.hear,
                            self.pause, job.values[0].nbytes)
        if sink.stopped:
            return
        if sink.finish is not None:
            sink.finish(slice(sink.first, sink.first + job.total))
        if sink.tick is not None:
            sink.tick(job.total)

    def tasks(self) -> Iterator[Task]:
        job, first_path = self.job, self.job.address.first_path
        for i, values in enumerate(job.values):
            for p in range(job.n_paths):
                seed = self.model.seed_of(job.address, first_path + i * job.stride + p)
                yield Task(i * job.n_paths + p, values, seed)
        if self.repeats:
            yield Task(TWICE, job.values[0], self.model.seed_of(job.address, first_path))

    def hear(self, task: Task, outcome: Outcome) -> None:
        """Put a path into its place, or NaN if it is lost."""
        if task.number in (0, TWICE) and self.repeats and outcome.path is not None:
            self._compare(outcome.path)
        if task.number == TWICE:
            return
        if outcome.kind in (DIED, SLOW) and self.model.place:
            outcome = outcome._replace(text=f"{outcome.text} in {self.model.place}")
        self.model.tally.add(self.model.name, outcome, self._where(task) if outcome.kind != GOOD else "")
        self.n_done += 1
        place = self.sink.out[:, self.sink.first + task.number]
        for row, k in self.rows.items():
            place[k] = outcome.path[:, row] if outcome.path is not None and outcome.kind in (GOOD, INFINITE) else np.nan

    def pause(self) -> bool:
        """Tell of the progress; whether somebody wants to stop."""
        now = time.monotonic()
        if self.sink.tick is not None and now - self.told >= TICK:
            self.told = now
            self.sink.tick(self.n_done)
        return self.sink.stopped

    def _compare(self, path: np.ndarray) -> None:
        self.first.append(path)
        if len(self.first) == 2:
            self.model.tally.is_repeatable = np.array_equal(self.first[0], self.first[1], equal_nan=True)

    def _where(self, task: Task) -> str:
        theta = self.model.call.theta(task.values)
        named = [f"{name}={shown(value)}" for name, value in list(theta.items())[:MOST_NAMED]]
        return ", ".join([*named, *(["..."] if len(theta) > MOST_NAMED else []), f"seed={task.seed}"])
