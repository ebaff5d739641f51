"""The kernels in plain Python, where an index can be looked at and a lane be left alone.

Everything here needs a process with NUMBA_DISABLE_JIT=1: the engine is then plain Python, too.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from functools import partial

import numpy as np

from fastmas.conformance.draws import Draws
from fastmas.conformance.guard import Watch
from fastmas.conformance.report import FAILED, OK, SKIPPED, WARNING, Finding, told
from fastmas.conformance.subject import Corner, Subject, corners, first_difference, moved, paths, same
from fastmas.engine.source import LANES
from fastmas.lowering.program import Program, program_of
from fastmas.model import Model

WIDTH = 7
MOST_CORNERS = 12
LEAST_STEPS, MOST_STEPS = 2, 40
USUAL_STEPS = 12
BUDGET = 8.0  # seconds for all paths of these checks
PATIENCE = 90.0  # seconds beyond which nothing is tried
PLAIN_PATHS = "plain.npy"

_watch: Watch


def init(lanes, state, *others):
    """Stands for the model's own in the engine's generated module."""
    _watch.init(lanes, state, *others)


def step(t, lanes, state, words, history, address, theta, integers):
    _watch.step(t, lanes, state, words, history, address, theta, integers)


def examine(subject: Subject) -> Iterator[Finding]:
    """Findings of the checks below; the paths go to `subject.folder` for the compiled ones to compare."""
    model = subject.model
    try:
        n_steps, chosen = _plan(subject)
    except Exception as error:
        yield Finding(FAILED, "block", f"in plain Python {told(error)}")
        return
    if n_steps < LEAST_STEPS:
        # The kernels of a text are made by this package, and its lanes are held against the text run by Python.
        yield Finding(SKIPPED if model.sources else FAILED, "block", "a step takes too long in plain Python to be "
                      "examined: check the model with fewer agents (--set)")
        return
    whole = True
    for finding in block(subject, n_steps, chosen):
        whole = whole and finding.status != FAILED
        yield finding
    if whole:
        yield from lanes(model, subject.base, n_steps)
        yield widths(subject, n_steps)


def watched(model: Model, watch: Watch) -> Program:
    """The program of the model with the watch before its kernels."""
    global _watch  # noqa: PLW0603  -- generated modules reach kernels by name alone
    _watch = watch
    return replace(program_of(model), init=init, step=step)


def _watch_of(subject: Subject, values: np.ndarray, draws: Draws) -> Watch:
    program = program_of(subject.model)
    return Watch(program, program.split(values[None])[0].shape[1], draws)


def _plan(subject: Subject) -> tuple[int, list[Corner]]:
    """How many steps, and which corners, so that it all takes seconds."""
    wanted = min(max(USUAL_STEPS, program_of(subject.model).n_history + 2), MOST_STEPS)
    everywhere = corners(subject.model, subject.base)
    whole = {e for p in subject.model.parameters if p.integer for e in p.entries}
    mixed = [c for c in everywhere if c.entry is None]
    chosen = [*mixed[:2], *(c for c in everywhere if c.entry in whole), *mixed[2:]][:MOST_CORNERS]
    run = partial(paths, subject.model, subject.base, n_paths=1, lanes=1,
                  program=watched(subject.model, _watch_of(subject, subject.base, Draws())))
    run(n_steps=1)  # loads what it needs
    began = time.perf_counter()
    run(n_steps=LEAST_STEPS)
    pace = LEAST_STEPS / max(time.perf_counter() - began, 1e-9) / (2 * LANES + 2 * len(chosen))
    if pace * PATIENCE < LEAST_STEPS:
        return 0, chosen
    return min(wanted, max(int(pace * BUDGET), LEAST_STEPS)), chosen


def block(subject: Subject, n_steps: int, chosen: list[Corner]) -> Iterator[Finding]:
    """Every index of both kernels, at the defaults and at corners of the box; what is drawn twice."""
    model, found = subject.model, 0
    with Draws() as draws:
        for corner in [Corner("the defaults", subject.base), *chosen]:
            watch = _watch_of(subject, corner.values, draws)
            status = FAILED if corner.values is subject.base else WARNING
            try:
                width = WIDTH if status == FAILED else 2
                paths(model, corner.values, n_paths=width, n_steps=n_steps, lanes=width,
                      program=watched(model, watch))
            except Exception as error:
                yield Finding(status, "block", f"at {corner.label} in plain Python {told(error)}")
                found += status == FAILED
            for text in watch.faults.values():
                yield Finding(FAILED, "block", text + ("" if status == FAILED else f", at {corner.label}"))
            found += len(watch.faults)
            if found:
                return
            if status == FAILED:
                yield from unwritten(model, watch)
    yield Finding(OK, "block", f"{n_steps} steps in plain Python stay inside their arrays, at the defaults and "
                  f"{len(chosen)} corners of the box")
    for text in draws.repeats.values():
        yield Finding(WARNING, "draws", text)
    if not draws.repeats:
        yield Finding(OK, "draws", f"at most {draws.n_slots} slots of four words a step, no word used as two")


def unwritten(model: Model, watch: Watch) -> Iterator[Finding]:
    """Rows of the state that are looked at and that nobody fills."""
    n_state = program_of(model).n_state
    shown = {f"state[{o.row}]": f"observable {o.name}" for o in model.observables if o.row < n_state}
    for row in sorted((watch.read | set(shown)) - watch.written):
        if row.startswith("state["):
            who = shown.get(row, "a row that step reads")
            yield Finding(WARNING, "state", f"{row}, {who}, is never written: it is 0 at all times")


def lanes(model: Model, base: np.ndarray, n_steps: int) -> Iterator[Finding]:
    """Another theta in one lane leaves the others alone."""
    changed, one = moved(model, base), WIDTH // 2
    if np.array_equal(changed, base):
        return
    everywhere = np.tile(base, (WIDTH, 1))
    here = everywhere.copy()
    here[one] = changed
    runs = [paths(model, values, n_paths=1, n_steps=n_steps, lanes=WIDTH, common=False)
            for values in (everywhere, here)]
    equal = same(*runs)
    equal[:, one] = True
    if equal.all():
        yield Finding(OK, "lanes", "another theta in one lane leaves the others alone")
    else:
        where = first_difference(model, equal).replace("theta ", "lane ", 1)
        yield Finding(FAILED, "lanes", f"another theta in lane {one} changes {where}: a kernel reads or writes "
                      "lanes other than w")


def widths(subject: Subject, n_steps: int) -> Finding:
    """A path is the same in a block of one lane, of a few and of the engine's own width."""
    run = paths(subject.model, subject.base, n_paths=LANES, n_steps=n_steps)
    np.save(subject.folder / PLAIN_PATHS, run)
    for width in (1, WIDTH):
        other = paths(subject.model, subject.base, n_paths=WIDTH, n_steps=n_steps, lanes=width)
        equal = same(run[:, :, :WIDTH], other)
        if not equal.all():
            return Finding(FAILED, "lanes", f"blocks of {width} and of {LANES} lanes differ in "
                           f"{first_difference(subject.model, equal)}: a kernel takes something from another lane, "
                           "or from their number")
    return Finding(OK, "lanes", f"blocks of 1, {WIDTH} and {LANES} lanes give the same paths")
