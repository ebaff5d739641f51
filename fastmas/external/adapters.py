"""Simulators written as objects with a `step()`, as black boxes: those of Mesa, and any others.

Mesa (Masad and Kazil 2015) is no part of fastmas and is not imported: what a model of it has is used as it is.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from fastmas.errors import ModelError
from fastmas.external.black_box import TIMEOUT, BlackBox, defined
from fastmas.external.call import BadPath, Failed, takes
from fastmas.model import Observable
from fastmas.parameters import Parameter, shown

SEED = "seed"
Parameters = Mapping[str, Parameter] | Sequence[Parameter]
Observe = str | Sequence[str] | Callable[[Any], Any]


@dataclass(frozen=True)
class Steps:
    """A simulator that makes an object, steps it, and looks at it at every time; it can be pickled if `build` can.

    `observe` are names, or a function of the object. With `collected` a name of its data collector is looked up there.
    """

    build: Callable[..., Any]
    observe: Any
    collected: bool = False
    options: Mapping[str, Any] = field(default_factory=dict)

    def __call__(self, theta: Mapping[str, Any], seed: int, n_steps: int) -> np.ndarray:
        model = self.build(**self.options, **theta, **{SEED: seed})
        names = [] if callable(self.observe) else list(self.observe)
        reported = [name for name in names if self.collected and name in _reporters(model)]
        looked = [name for name in names if name not in reported]
        for name in looked:
            if not hasattr(model, name):
                raise Failed(f"has no {name!r} to observe: no attribute of this name"
                             + (", and no model reporter" if self.collected else ""))
        rows = [self._look(model, looked)]
        for _ in range(n_steps):
            model.step()
            rows.append(self._look(model, looked))
        if not reported:
            return np.array(rows, dtype=np.float64)
        columns = {name: np.array([row[k] for row in rows], dtype=np.float64) for k, name in enumerate(looked)}
        columns |= {name: np.asarray(model.datacollector.model_vars[name], dtype=np.float64) for name in reported}
        return _side_by_side(columns, names, n_steps)

    def _look(self, model: Any, names: Sequence[str]) -> Any:
        return self.observe(model) if callable(self.observe) else [getattr(model, name) for name in names]


def stepper(build: Callable[..., Any], observe: Observe, parameters: Parameters, *,
            options: Mapping[str, Any] | None = None, observables: str | Sequence[str | Observable] | None = None,
            name: str = "", timeout: float | None = TIMEOUT, start_method: str | None = None) -> BlackBox:
    """A black box of objects that have a `step()`.

    Parameters
    ----------
    build : class or callable
        `build(**theta, seed=seed)` gives an object at t = 0, of which all randomness comes from `seed`.
    observe : str, sequence of str, or callable
        What is looked at, at t = 0 and after each step: attributes by name, or a function of the object that gives a
        number or several.
    parameters : mapping of str to Parameter, or sequence of named Parameters
        What calibration may move, by the names that `build` takes.
    options : mapping, optional
        More that `build` is given, the same for every path.
    observables : str or sequence of str, optional
        What those numbers are called; the names in `observe`, or "value", if not given.
    name, timeout, start_method
        As of a `BlackBox`.

    Raises
    ------
    ModelError
        What cannot be built from these parameters and a seed.
    """
    return _adapted(Steps(build, _observed(observe), False, dict(options or {})), parameters,
                    observables=observables, name=name, timeout=timeout, start_method=start_method)


def mesa(model_class: Callable[..., Any], observe: Observe, parameters: Parameters, *,
         options: Mapping[str, Any] | None = None, observables: str | Sequence[str | Observable] | None = None,
         name: str = "", timeout: float | None = TIMEOUT, start_method: str | None = None) -> BlackBox:
    """A black box of a Mesa model, of which all randomness comes from its `seed`.

    Parameters
    ----------
    model_class : class
        A `mesa.Model` whose `__init__` takes the parameters by name, and `seed`, which it hands to
        `super().__init__(seed=seed)`.
    observe : str, sequence of str, or callable
        Model reporters of its data collector, attributes of the model, or a function of the model.
    parameters, options, observables, name, timeout, start_method
        As of `stepper`.

    Raises
    ------
    ModelError
        A class that takes no `seed`, or not these parameters.
    """
    return _adapted(Steps(model_class, _observed(observe), True, dict(options or {})), parameters,
                    observables=observables, name=name, timeout=timeout, start_method=start_method)


def _adapted(steps: Steps, parameters: Parameters, **given: Any) -> BlackBox:
    called = given.pop("name") or getattr(steps.build, "__name__", "").lower() or "stepper"
    names = steps.observe if isinstance(steps.observe, tuple) else ("value",)
    observables = given.pop("observables") or names
    if not callable(steps.build):
        raise ModelError(f"model {called!r}: {shown(steps.build)} builds nothing; give a class, or a function of the "
                         "parameters and `seed`")
    box = BlackBox(steps, parameters, observables=observables, name=called, **given)
    vars(box)["doc"] = inspect.getdoc(steps.build) or f"{called}, step by step"
    if len(names) > 1 and len(names) != len(box.observables):
        raise ModelError(f"model {called!r}: {len(names)} names to observe and {len(box.observables)} observables")
    for wanted in (*(one.name for one in box.parameters), *steps.options, SEED):
        if not takes(steps.build, wanted):
            remedy = ("add seed=None to its __init__ and hand it to super().__init__(seed=seed), or paths cannot be "
                      "repeated" if wanted == SEED else "name parameters and options as it does")
            raise ModelError(f"model {called!r} ({_place(steps.build)}): {called} takes no {wanted!r}: {remedy}")
    if isinstance(steps.build, type) and not callable(getattr(steps.build, "step", None)):
        raise ModelError(f"model {called!r} ({_place(steps.build)}): it has no step()")
    return box


def _place(build: Any) -> str:
    return defined(vars(build).get("__init__", build) if isinstance(build, type) else build)


def _observed(observe: Any) -> Any:
    if isinstance(observe, str):
        return (observe,)
    if callable(observe):
        return observe
    names = tuple(observe) if isinstance(observe, Sequence) else ()
    if not names or not all(isinstance(one, str) for one in names):
        raise ModelError(f"observe={shown(observe)}: give the name of what is looked at, several, or a function")
    return names


def _reporters(model: Any) -> Mapping[str, Any]:
    return getattr(getattr(model, "datacollector", None), "model_vars", {})


def _side_by_side(columns: Mapping[str, np.ndarray], names: Sequence[str], n_steps: int) -> np.ndarray:
    """The last times that all of them have: one collects before the first step, another only after it."""
    n = min(map(len, columns.values()))
    if not n_steps <= n <= n_steps + 1:
        short = min(columns, key=lambda name: len(columns[name]))
        raise BadPath(f"collected {short!r} {n} times in {n_steps} steps: let step() call "
                      "self.datacollector.collect(self)")
    return np.stack([columns[name][-n:] for name in names], axis=1)
