"""Paths with their derivatives: tangents along the path, and the score of the agents' decisions, in one pass."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from fastmas.engine.job import Job
from fastmas.engine.threads import count_threads
from fastmas.errors import ModelError
from fastmas.lowering.program import Derivatives, program_of
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
    chosen = model.observable(observable)
    if chosen.transform is not None:
        raise ModelError(f"model {model.name!r}: {chosen.name} is computed from paths afterwards: differentiate "
                         f"{chosen.of or model.observables[0].name}, and apply the chain rule")
    derivatives = Derivatives(tuple([wrt] if isinstance(wrt, str) else wrt), bool(score))
    layers = program_of(model, derivatives).layers
    keys = [(kind, name) for kind in (chosen.name, "") for name in derivatives.parameters]
    rows = [Observable("|".join(key), layers[key]) for key in keys if key in layers]
    job = Job(model=model, values=values_of(model, theta), n_paths=n_paths, n_steps=n_steps, warmup=warmup,
              address=address_of(seed, run, purpose), observables=(chosen, *rows), derivatives=derivatives,
              dtype=dtype, device=device, n_threads=count_threads(n_threads))
    found = simulate_job(job)[:, 0]
    layer = dict(zip([key for key in keys if key in layers], found[1:], strict=True))
    nothing = np.zeros_like(found[0])
    both = [np.stack([layer.get((kind, name), nothing) for name in derivatives.parameters])
            for kind in (chosen.name, "")]
    return PathDerivatives(found[0], *both)
