"""A model's text: how it runs, and its compiled paths in float64 beside the text run by Python."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np

from fastmas.conformance.report import FAILED, OK, Finding, told
from fastmas.conformance.subject import ADDRESS, Subject
from fastmas.engine import cpu
from fastmas.engine.job import Job, Sink
from fastmas.errors import FastmasError
from fastmas.language.oracle import oracle
from fastmas.lowering.program import program_of
from fastmas.lowering.text_program import LANES, PATH_BY_PATH, lower
from fastmas.model import Model, Observable, State, declared
from fastmas.simulate import simulate_job

N_PATHS, USUAL_STEPS, LEAST_STEPS = 12, 60, 2
BUDGET = 20.0  # seconds of plain Python
AGREE = 1e-9  # of the largest value of a state


class Apart(NamedTuple):
    """Where a compiled state differs from Python's, and by how much of its largest value."""

    t: int
    path: int
    name: str
    by: float


def lowering(model: Model, theta: Mapping[str, Any] | None) -> Iterator[Finding]:
    """How a text is made into kernels, and why not otherwise."""
    if model.sources:
        program = program_of(model)
        yield Finding(OK, "lowering", ", ".join(filter(None, (program.lowering, program.reason))))


def compile_double(subject: Subject) -> None:
    """Compile what `examine` runs; raises as the engine."""
    if has_oracle(subject.model):
        cpu.prepare(_job(subject, 1))


def has_oracle(model: Model) -> bool:
    """Whether Python runs what is compiled: a relaxed twin is no longer what its text says."""
    return bool(model.sources) and not model.relaxation


def examine(subject: Subject) -> Iterator[Finding]:
    """All states of a text, path by path and step by step."""
    if not has_oracle(subject.model):
        return
    try:
        n_steps = _steps_in_time(subject)
        truth = _by_python(subject, N_PATHS, n_steps)
    except Exception as error:
        yield Finding(FAILED, "oracle", f"where Python runs the text: {told(error)}")
        return
    found = dict(zip(truth, simulate_job(_job(subject, n_steps), check=False)[:, 0], strict=True))
    gaps = {name: relative_gap(found[name], values) for name, values in truth.items()}
    wrong = [one for name, gap in gaps.items() if (one := _first(name, gap)) is not None]
    if wrong:
        first = min(wrong)
        here, there = (values[first.name][first.path, first.t] for values in (found, truth))
        yield Finding(FAILED, "oracle", f"{first.name} of path {first.path} is {here:g} at t={first.t} in float64, and "
                      f"{there:g} where Python runs the text: {first.by:.1g} of its largest value apart")
        return
    largest = max(float(gap.max(initial=0.0)) for gap in gaps.values())
    yield Finding(OK, "oracle", f"{N_PATHS} paths of {n_steps} steps, {len(truth)} states in float64: the largest "
                  f"relative difference from the text run by Python is {largest:.1g}")
    if program_of(subject.model).lowering == LANES:
        yield one_by_one(subject, n_steps, found)


def one_by_one(subject: Subject, n_steps: int, found: Mapping[str, np.ndarray]) -> Finding:
    """The same text as it runs where lanes cannot follow: path by path, with the same random numbers."""
    job = _job(subject, n_steps)
    out = np.empty((len(job.observables), job.total, job.n_times), dtype=job.dtype)
    try:
        cpu.simulate(job, Sink(out), program=lower(subject.model, how=PATH_BY_PATH))
    except FastmasError as error:
        return Finding(FAILED, "path by path", str(error))
    gaps = [relative_gap(values, truth) for values, truth in zip(out, found.values(), strict=True)]
    largest = max(float(gap.max(initial=0.0)) for gap in gaps)
    text = f"run path by path it gives the same paths, but for {largest:.1g} of the largest value"
    return Finding(OK if largest <= AGREE else FAILED, "path by path", text)


def _by_python(subject: Subject, n_paths: int, n_steps: int) -> dict[str, np.ndarray]:
    model = subject.model
    theta = dict(zip(model.space().entries, subject.base.tolist(), strict=True))
    return oracle(model, theta, n_paths=n_paths, n_steps=n_steps, address=ADDRESS)


def _steps_in_time(subject: Subject) -> int:
    _by_python(subject, 1, LEAST_STEPS)  # loads what it needs
    began = time.perf_counter()
    _by_python(subject, 1, LEAST_STEPS)
    a_step = (time.perf_counter() - began) / LEAST_STEPS
    return int(np.clip(BUDGET / (N_PATHS * max(a_step, 1e-9)), LEAST_STEPS, USUAL_STEPS))


def _job(subject: Subject, n_steps: int) -> Job:
    states = tuple(Observable(name, row) for row, name in enumerate(declared(type(subject.model), State)))
    return Job(model=subject.model, values=subject.base[None], n_paths=N_PATHS, n_steps=n_steps, address=ADDRESS,
               observables=states, dtype="float64", n_threads=1)


def relative_gap(found: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Differences in units of the largest value; infinite where one of the two is no number."""
    with np.errstate(invalid="ignore"):
        gap = np.abs(found - truth)
    gap[(found == truth) | (np.isnan(found) & np.isnan(truth))] = 0.0
    gap[np.isnan(gap)] = np.inf
    scale = np.max(np.abs(truth), initial=0.0, where=np.isfinite(truth))
    return gap / (scale or 1.0)


def _first(name: str, gap: np.ndarray) -> Apart | None:
    """The earliest difference that rounding does not explain."""
    places = np.argwhere(gap > AGREE)
    if not len(places):
        return None
    path, t = min(places.tolist(), key=lambda place: (place[1], place[0]))
    return Apart(t, path, name, float(gap[path, t]))
