"""The model under examination, where in its box of parameters, and its paths."""

from __future__ import annotations

import itertools
import json
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from fastmas import models
from fastmas.engine import cpu
from fastmas.engine.job import Job, Sink
from fastmas.engine.source import LANES
from fastmas.errors import ParameterError
from fastmas.lowering.program import Program
from fastmas.model import Model, Observable
from fastmas.random.address import Address

MOST_SINGLE = 32  # values that are moved to their bounds one at a time
MOST_SHOWN = 20  # names in a line
N_VERTICES = 8  # further corners of the box, drawn once
SEED = 1
AGREE = 1e-4  # of the largest value of an observable: rounding, over some dozen steps
ADDRESS = Address(SEED)
DESCRIPTION = "subject.json"


@dataclass(frozen=True)
class Subject:
    """A model, its values (n_entries,) and a folder for what one process leaves to the next."""

    model: Model
    base: np.ndarray
    folder: Path


def describe(model: Model, base: np.ndarray, folder: Path) -> None:
    """Write into the folder what another process needs to build the same model."""
    kind = type(model)
    module = "" if kind.__module__ == "__main__" or kind.__module__.startswith("fastmas_user_") else kind.__module__
    (folder / DESCRIPTION).write_text(json.dumps({
        "path": sys.path, "module": module, "kind": kind.__qualname__, "origin": models.origin(model),
        "config": repr(model.config), "base": base.tolist()}))


@dataclass(frozen=True)
class Corner:
    """Values (n_entries,) of which some lie at their bounds; `entry` is the one, where it is one."""

    label: str
    values: np.ndarray
    entry: str | None = None


def corners(model: Model, base: np.ndarray) -> list[Corner]:
    """Every value at either bound alone, all at the lower or upper one, and some vertices between.

    Those that the model itself refuses are left out, as are those that are `base` itself.
    """
    return [c for c in _candidates(model, base) if not np.array_equal(c.values, base) and _allowed(model, c)]


def _candidates(model: Model, base: np.ndarray) -> Iterator[Corner]:
    owners = [p for p in model.parameters for _ in p.entries]
    entries = [e for p in model.parameters for e in p.entries]
    low, high = (np.array([getattr(p, side) for p in owners], dtype=np.float64) for side in ("low", "high"))
    for (i, entry), bounds in itertools.product(enumerate(entries[:MOST_SINGLE]), (low, high)):
        values = base.copy()
        values[i] = bounds[i]
        yield Corner(f"{entry}={bounds[i]:g}", values, entry)
    if not entries:
        return
    yield Corner("all at their lower bounds", low)
    yield Corner("all at their upper bounds", high)
    draws = np.random.Generator(np.random.Philox(key=SEED))
    for _ in range(N_VERTICES):
        up = draws.random(len(entries)) < 0.5
        names = [e for e, chosen in zip(entries, up, strict=True) if chosen]
        shown = ", ".join(names) if len(names) <= MOST_SHOWN else f"{len(names)} values"
        yield Corner(f"{shown or 'none'} at the upper bound and the others at the lower", np.where(up, high, low))


def _allowed(model: Model, corner: Corner) -> bool:
    entries = [e for p in model.parameters for e in p.entries]
    try:
        model.check(dict(zip(entries, corner.values.tolist(), strict=True)))
    except ParameterError:
        return False
    return True


def moved(model: Model, base: np.ndarray) -> np.ndarray:
    """Every real value a tenth of the way to its upper bound in its own search coordinate."""
    space = model.space(free=[p.name for p in model.parameters if not p.integer],
                        fixed=dict(zip(model.space().entries, base.tolist(), strict=True)))
    if not space.d:
        return base.copy()
    z = space.to_z(space.start)
    return space.full(space.to_theta(z + 0.1 * (space.z_bounds[:, 1] - z)))[0]


def paths(model: Model, values: np.ndarray, *, lanes: int = LANES, address: Address = ADDRESS,
          program: Program | None = None, **sizes: Any) -> np.ndarray:
    """Every observed row, float32 (n_rows, n_theta, n_paths, n_steps + 1), by blocks of so many lanes.

    `sizes` and the rest of a Job; `program` runs in place of the model's own.
    """
    job = job_of(model, values, sizes, address)
    out = np.empty((len(job.observables), job.total, job.n_times), dtype=np.float32)
    cpu.simulate(job, Sink(out), lanes=lanes, program=program)
    return out.reshape(len(out), len(job.values), job.n_paths, job.n_times)


def build(model: Model, values: np.ndarray, lanes: int) -> None:
    """Compile what `paths` runs; raises as the engine."""
    cpu.prepare(job_of(model, values, {"n_paths": 1, "n_steps": 1}), lanes=lanes)


def job_of(model: Model, values: np.ndarray, sizes: Mapping[str, Any], address: Address = ADDRESS) -> Job:
    """The job of every observed row."""
    return Job(model=model, values=np.atleast_2d(values), address=address, observables=observed(model),
               **({"n_threads": 1} | dict(sizes)))


def observed(model: Model) -> tuple[Observable, ...]:
    """Rows that observables show, each once, under the first one's name."""
    first = {o.row: o for o in reversed(model.observables)}
    return tuple(Observable(first[row].name, row) for row in dict.fromkeys(o.row for o in model.observables))


def same(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Where two float32 arrays have the same bits, NaN included."""
    return np.ascontiguousarray(a).view(np.uint32) == np.ascontiguousarray(b).view(np.uint32)


def close(found: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Where arrays of `paths` agree but for rounding: in units of the largest value of each observable."""
    with np.errstate(invalid="ignore"):
        scale = np.nanmax(np.abs(truth), axis=(1, 2, 3), keepdims=True, initial=0.0, where=np.isfinite(truth))
        return (np.abs(found - truth) <= AGREE * scale) | same(found, truth)


def first_difference(model: Model, equal: np.ndarray) -> str:
    """The earliest place where arrays of `paths` differ, in words."""
    row, theta, path, t = min(np.argwhere(~equal).tolist(), key=lambda place: place[3])
    of = f"theta {theta}, " if equal.shape[1] > 1 else ""
    return f"{observed(model)[row].name} of {of}path {path} from t={t} on"
