"""The compiled model: the paths of plain Python, and the same bits however the work is cut."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from itertools import groupby
from typing import Any

import numpy as np

from fastmas.conformance import text
from fastmas.conformance.plain import PLAIN_PATHS
from fastmas.conformance.report import FAILED, OK, WARNING, Finding
from fastmas.conformance.subject import (
    ADDRESS,
    SEED,
    Corner,
    Subject,
    build,
    close,
    corners,
    first_difference,
    moved,
    observed,
    paths,
    same,
)
from fastmas.engine.source import LANES
from fastmas.errors import FastmasError
from fastmas.simulate import simulate

OTHER_WIDTH = 16  # compiles to other instructions than LANES
N_PATHS = 2 * LANES + 5  # two blocks and a part of one
USUAL_STEPS, LEAST_STEPS = 50, 4
LONG = 2  # times as many steps at the corners
CORNER_PATHS = 16
RUN_SECONDS = 1.0  # a run of N_PATHS may take
SHARED_SECONDS = 0.01  # of work are shared among threads
MOST_SHARED = 1 << 15
MOST_APART = 0.25  # of the paths may take another decision where rounding tips a comparison


def examine(subject: Subject, ready: Callable[[], None]) -> Iterator[Finding]:
    """Compile; then, once `ready` returns, run."""
    try:
        yield compile_for(subject, LANES)
    except FastmasError as error:
        yield Finding(FAILED, "compiled", str(error))
        return
    ready()
    run = _Run(subject)
    if (subject.folder / PLAIN_PATHS).exists():
        yield agreement(subject)
    yield from text.examine(subject)
    yield from run.finite()
    repeated = run.repeated()
    yield repeated
    if repeated.status == OK:
        yield from (run.prefix(), run.chunks(), run.threads(), run.width(), run.randomness())
    yield from at_corners(subject, run.n_steps)


def compile_for(subject: Subject, lanes: int) -> Finding:
    """Compile for blocks of so many lanes; no path at all runs nothing."""
    began = time.perf_counter()
    build(subject.model, subject.base, lanes)
    return Finding(OK, "compiled", f"for blocks of {lanes} lanes in {time.perf_counter() - began:.1f} s")


def agreement(subject: Subject) -> Finding:
    """The share of paths that are those of plain Python but for rounding."""
    plain = np.load(subject.folder / PLAIN_PATHS)
    here = paths(subject.model, subject.base, n_paths=plain.shape[2], n_steps=plain.shape[3] - 1)
    near = close(here, plain)
    agree = np.asarray(near.all(axis=(0, 1, 3)))
    text = f"{agree.sum()} of {len(agree)} paths agree with plain Python over {plain.shape[3] - 1} steps"
    if (~agree).mean() <= MOST_APART:
        return Finding(OK, "plain Python", text)
    return Finding(FAILED, "plain Python", f"only {text}; the first difference is in "
                   f"{first_difference(subject.model, near)}: look for whole numbers without a type, such as "
                   "uint32(a + b), and for reads of what nobody wrote")


class _Run:
    """Runs of the subject at its base, as long as its pace allows."""

    def __init__(self, subject: Subject) -> None:
        self._subject = subject
        self.n_steps = LEAST_STEPS
        self._pace = self._measure(LANES)
        self.n_steps = int(np.clip(RUN_SECONDS / (self._pace * N_PATHS), LEAST_STEPS, USUAL_STEPS))
        self._pace = self._measure(N_PATHS)  # again: a short run is nothing but its beginning
        self._first = self.paths()

    def paths(self, n_paths: int = N_PATHS, **changed) -> np.ndarray:
        return paths(self._subject.model, self._subject.base, n_paths=n_paths,
                     **({"n_steps": self.n_steps} | changed))

    def _measure(self, n_paths: int) -> float:
        """Seconds of a step of a path."""
        self.paths(n_paths)
        began = time.perf_counter()
        self.paths(n_paths)
        return max(time.perf_counter() - began, 1e-9) / (n_paths * self.n_steps)

    def _like_the_first(self, check: str, other: np.ndarray, what: str, good: str) -> Finding:
        equal = same(self._first[..., :other.shape[2], :other.shape[3]], other)
        if equal.all():
            return Finding(OK, check, good)
        return Finding(FAILED, check, f"{what} changes {first_difference(self._subject.model, equal)}")

    def finite(self) -> Iterator[Finding]:
        """Every observable, with its transform."""
        model, base = self._subject.model, self._subject.base
        theta = dict(zip(model.space().entries, base.tolist(), strict=True))
        try:
            for one in model.observables:
                simulate(model, theta, n_paths=N_PATHS, n_steps=self.n_steps, seed=SEED, observable=one.name)
        except FastmasError as error:
            yield Finding(FAILED, "finite", f"at the defaults: {error}")
        else:
            yield Finding(OK, "finite", f"{N_PATHS} paths of {self.n_steps} steps at the defaults")

    def repeated(self) -> Finding:
        return self._like_the_first(
            "same bits", self.paths(), "running it again with the same seed",
            "the same seed gives the same paths")

    def prefix(self) -> Finding:
        return self._like_the_first(
            "same bits", self.paths(n_steps=max(1, self.n_steps // 2)), "ending it earlier",
            "a shorter run is the beginning of a longer one")

    def chunks(self) -> Finding:
        cut = N_PATHS // 3
        parts = [self.paths(cut), self.paths(N_PATHS - cut, address=ADDRESS._replace(first_path=cut))]
        return self._like_the_first(
            "same bits", np.concatenate(parts, axis=2), f"cutting it after path {cut}",
            "cut into chunks it gives the same paths")

    def threads(self) -> Finding:
        n = int(np.clip(SHARED_SECONDS / (self._pace * self.n_steps), N_PATHS, MOST_SHARED))
        one, two, three = (self.paths(n, n_threads=k) for k in (1, 2, 3))
        for k, other in ((2, two), (3, three)):
            equal = same(one, other)
            if not equal.all():
                return Finding(FAILED, "same bits",
                               f"{k} threads change {first_difference(self._subject.model, equal)}")
        return Finding(OK, "same bits", f"1, 2 and 3 threads give the same {n} paths")

    def width(self) -> Finding:
        return self._like_the_first(
            "same bits", self.paths(lanes=OTHER_WIDTH), f"a block of {OTHER_WIDTH} lanes instead of {LANES}",
            f"blocks of {OTHER_WIDTH} and of {LANES} lanes give the same paths")

    def randomness(self) -> Finding:
        """The seed, the run and the purpose are parts of every random address, and so is the path."""
        changes = {"seed": SEED + 1, "run": 1, "purpose": 1}
        dead = [name for name, value in changes.items()
                if same(self._first, self.paths(address=ADDRESS._replace(**{name: value}))).all()]
        if len(dead) == len(changes):
            return Finding(OK, "randomness", "none: every seed gives the same paths")
        if dead:
            return Finding(FAILED, "randomness", f"another {' or '.join(dead)} changes nothing: hand `address` to the "
                           "draws as it is")
        return Finding(OK, "randomness", "seed, run and purpose each change the paths")


def at_corners(subject: Subject, n_steps: int) -> Iterator[Finding]:
    """What the corners of the box do: values that run away, parameters that do nothing."""
    chosen = corners(subject.model, subject.base)
    if not chosen:
        return
    size: dict[str, Any] = {"n_paths": CORNER_PATHS, "n_steps": LONG * n_steps}
    base = paths(subject.model, subject.base, **size)
    runs = [paths(subject.model, corner.values, **size) for corner in chosen]
    gone = [(c, run) for c, run in zip(chosen, runs, strict=True) if not np.isfinite(run).all()]
    if gone:
        yield Finding(WARNING, "corners", f"{_run_away(subject, *gone[0])}; so do {len(gone)} of {len(chosen)} corners "
                      "of the box" if len(gone) > 1 else _run_away(subject, *gone[0]))
    else:
        yield Finding(OK, "corners", f"finite at {len(chosen)} corners of the box over {LONG * n_steps} steps")
    yield from _idle(base, chosen, runs)
    yield from _lanes_apart(subject, n_steps)


def _run_away(subject: Subject, corner: Corner, run: np.ndarray) -> str:
    row, _, path, t = min(np.argwhere(~np.isfinite(run)).tolist(), key=lambda place: place[3])
    name = observed(subject.model)[row].name
    return f"{name} of path {path} is {run[row, 0, path, t]} at t={t} with {corner.label}"


def _idle(base: np.ndarray, chosen: list[Corner], runs: list[np.ndarray]) -> Iterator[Finding]:
    """Values that change no path at either bound."""
    alone = [(c.entry, run) for c, run in zip(chosen, runs, strict=True) if c.entry is not None]
    idle = [str(entry) for entry, group in groupby(alone, key=lambda pair: pair[0])
            if all(same(base, run).all() for _, run in group)]
    if idle:
        yield Finding(WARNING, "parameters", f"{', '.join(idle)}: no path changes at either bound; does a kernel read "
                      "it, and from its own row of theta?")


def _lanes_apart(subject: Subject, n_steps: int) -> Iterator[Finding]:
    """Two thetas in one compiled block give what each gives alone."""
    both = np.stack([subject.base, moved(subject.model, subject.base)])
    size: dict[str, Any] = {"n_paths": LANES // 4, "n_steps": n_steps}
    alone = np.concatenate([paths(subject.model, values, **size) for values in both], axis=1)
    equal = same(paths(subject.model, both, **size), alone)
    if equal.all():
        yield Finding(OK, "lanes", "two thetas in one compiled block give what each gives alone")
    else:
        yield Finding(FAILED, "lanes",
                      f"two thetas in one compiled block change {first_difference(subject.model, equal)}")
