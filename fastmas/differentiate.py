"""Paths with their derivatives: tangents along the path, and the score of the agents' decisions, in one pass."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from fastmas.engine.job import Job
from fastmas.engine.threads import count_threads
from fastmas.errors import ModelError
from fastmas.language.activity import Reach, reach
from fastmas.language.reading import read_start, read_step
from fastmas.language.refusals import NotForLanes
from fastmas.language.text import Text
from fastmas.lowering.program import Derivatives
from fastmas.model import Model, Observable
from fastmas.simulate import address_of, simulate_job, values_of


class PathDerivatives(NamedTuple):
    """Paths and what they say of parameters.

    Attributes
    ----------
    paths : (n_paths, n_times)
    tangents : (d, n_paths, n_times)
        d path / d theta where draws keep their words and decisions their outcomes.
    scores : (d, n_paths, n_times)
        d log P(the decisions up to t) / d theta, a sum over the steps so far; 0 where nothing was asked for.

    For a function f of paths that does not depend on theta otherwise, d E[f] / d theta is the mean of
    f' tangents + (f - a baseline) scores at the last time, but for what `fastmas models` calls blind.
    """

    paths: np.ndarray
    tangents: np.ndarray
    scores: np.ndarray


def differentiate(
    model: Model, theta: Mapping[str, Any] | None = None, *, wrt: Sequence[str], n_paths: int, n_steps: int,
    warmup: int = 0, seed: int = 0, observable: str | None = None, score: bool = True, dtype: Any = "float32",
    device: str = "cpu", n_threads: int | None = None, run: int = 0, purpose: int = 0,
) -> PathDerivatives:
    """Simulate paths with their derivatives.

    Parameters
    ----------
    wrt : sequence of str
        Real parameters, or entries as "kappa[3]", to differentiate by, in natural units.
    observable : str, optional
        A state of the model; the first observable if not given.
    score : bool
        Also sum up the score of the agents' decisions.

    The others are those of `fastmas.simulate`.

    Raises
    ------
    ModelError
        The rules are no text, a parameter is not one of its real ones, or an observable is computed from paths.
    ParameterError, SimulationError
        As `fastmas.simulate`.
    """
    chosen = derivable(model, observable)
    derivatives = Derivatives(tuple([wrt] if isinstance(wrt, str) else wrt), bool(score))
    return differentiate_job(Job(
        model=model, values=values_of(model, theta), n_paths=n_paths, n_steps=n_steps, warmup=warmup,
        address=address_of(seed, run, purpose), observables=(chosen,), derivatives=derivatives, dtype=dtype,
        device=device, n_threads=count_threads(n_threads)))


def differentiate_job(job: Job, *, check: bool = True) -> PathDerivatives:
    """The call under `differentiate`: the first theta of a job that has derivatives, and its first observable.

    Parameters
    ----------
    check : bool
        Raise on values that are not finite; otherwise leave them.
    """
    chosen, derivatives = job.observables[0], job.derivatives
    assert derivatives is not None
    layers = job.program.layers
    keys = [(kind, name) for kind in (chosen.name, "") for name in derivatives.parameters]
    rows = [Observable("|".join(key), layers[key]) for key in keys if key in layers]
    found = simulate_job(replace(job, observables=(chosen, *rows)), check=check)[:, 0]
    layer = dict(zip([key for key in keys if key in layers], found[1:], strict=True))
    nothing = np.zeros_like(found[0])
    both = [np.stack([layer.get((kind, name), nothing) for name in derivatives.parameters])
            for kind in (chosen.name, "")]
    return PathDerivatives(found[0], *both)


def derivable(model: Model, observable: str | None = None) -> Observable:
    """An observable that has tangents, the first if none is named; ModelError if it has none."""
    chosen = model.observable(observable)
    if chosen.transform is not None:
        raise ModelError(f"model {model.name!r}: {chosen.name} is computed from paths afterwards: differentiate "
                         f"{chosen.of or model.observables[0].name}, and apply the chain rule")
    return chosen


def reaches(model: Model) -> dict[str, Reach]:
    """How a derivative by each real parameter of a text can be had, by name.

    Raises
    ------
    ModelError
        The model has kernels of its own, or lanes cannot follow its text.
    """
    if not model.sources:
        raise ModelError(f"model {model.name!r} has {model.rules}, which fastmas cannot differentiate")
    text = Text(model)
    try:
        step, start = read_step(text), read_start(text)
    except NotForLanes as refused:
        raise ModelError(f"model {model.name!r} runs path by path, {refused.because}, and has no derivatives"
                         ) from refused
    return {p.name: reach(step, p.name, start) for p in model.parameters if not p.integer}
