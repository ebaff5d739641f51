"""What a model says of itself: its configuration, sizes, parameters, observables and kernels."""

from __future__ import annotations

import ast
import inspect
import json
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from fastmas import models
from fastmas.conformance.report import FAILED, OK, WARNING, Finding, told
from fastmas.conformance.text import lowering
from fastmas.engine.faults import defined_at
from fastmas.engine.job import rows_of
from fastmas.engine.source import load_runner
from fastmas.lowering.program import program_of
from fastmas.model import Model
from fastmas.parameters import is_whole, shown

ARGUMENTS = {
    "init": ("lanes", "state", "history", "theta", "integers"),
    "step": ("t", "lanes", "state", "words", "history", "address", "theta", "integers"),
}


def examine(model: Model, theta: Mapping[str, Any] | None) -> Iterator[Finding]:
    """One finding or more for each of the checks below; what a check raises is its finding."""
    for check in (configuration, sizes, parameters, observables, lowering, kernels):
        try:
            yield from check(model, theta)
        except Exception as error:
            yield Finding(FAILED, check.__name__, told(error))


def configuration(model: Model, theta: Mapping[str, Any] | None) -> Iterator[Finding]:
    config = model.config
    again = type(model)(**config)
    if again != model:
        yield Finding(FAILED, "configuration", _not_again(model, again))
        return
    if not _plain(config):
        yield Finding(FAILED, "configuration", f"{shown(config)} holds more than numbers, texts and tuples of them: "
                      "a run could not be resumed with it")
        return
    yield from _from_a_file(model)


def _not_again(model: Model, again: Model) -> str:
    changed = [f"{k}={shown(v)} becomes {shown(again.config.get(k))}" for k, v in model.config.items()
               if again.config.get(k) != v]
    return f"type(model)(**model.config) is another model: {', '.join(changed) or 'its class compares differently'}"


def _plain(config: Mapping[str, Any]) -> bool:
    try:
        return ast.literal_eval(repr(dict(config))) == dict(config)
    except (ValueError, SyntaxError):
        return False


def _from_a_file(model: Model) -> Iterator[Finding]:
    """A run's folder keeps the configuration as JSON, where a tuple is a list."""
    kept = json.loads(json.dumps(model.config))
    again = models.get(models.origin(model), **kept)
    if again.config == model.config:
        yield Finding(OK, "configuration", f"{len(kept)} options give the same model again, also from a run's folder")
        return
    changed = [f"{k} as {shown(again.config.get(k))}" for k, v in model.config.items() if again.config.get(k) != v]
    yield Finding(WARNING, "configuration", f"a run's folder gives back {', '.join(changed)}: make tuples of lists "
                  "where the model is built")


def sizes(model: Model, theta: Mapping[str, Any] | None) -> Iterator[Finding]:
    program = program_of(model)
    for name, least in (("n_state", 1), ("n_words", 0), ("n_history", 0)):
        value = getattr(program, name)
        if not is_whole(value) or value < least:
            yield Finding(FAILED, "sizes", f"{name}={shown(value)}: give a whole number of at least {least}")
            return
    if np.dtype(program.history_dtype).kind not in "iuf":
        yield Finding(FAILED, "sizes", f"history_dtype={program.history_dtype!r}: give a type of number, as 'float32'")
        return
    yield Finding(OK, "sizes", f"{program.n_state} rows of state, {program.n_words} of words, {program.n_history} of "
                  "history")


def parameters(model: Model, theta: Mapping[str, Any] | None) -> Iterator[Finding]:
    names = [p.name for p in model.parameters]
    twice = sorted({n for n in names if names.count(n) > 1})
    if twice:
        yield Finding(FAILED, "parameters", f"two parameters are named {', '.join(twice)}")
        return
    model.space()
    base = model.space(fixed=theta).base
    reals, whole = program_of(model).split(base[None])
    for kind, values in (("real", reals), ("whole", whole)):
        if values.ndim != 2 or len(values) != 1:
            yield Finding(FAILED, "parameters", f"split gives {kind} values of shape {values.shape} for one theta: "
                          "give (n_theta, n_values)")
            return
    if not np.isfinite(reals).all():
        yield Finding(FAILED, "parameters", f"split makes {reals[0][~np.isfinite(reals[0])][0]} of the defaults")
        return
    yield Finding(OK, "parameters", f"{len(names)}, defaults inside their bounds; the kernels read {reals.shape[1]} "
                  f"real and {whole.shape[1]} whole values")


def observables(model: Model, theta: Mapping[str, Any] | None) -> Iterator[Finding]:
    names = [o.name for o in model.observables]
    if not names or len(set(names)) < len(names):
        yield Finding(FAILED, "observables", "two have one name" if names else "none: a path must show something")
        return
    program = program_of(model)
    for one in model.observables:
        if not is_whole(one.row) or not 0 <= one.row < program.n_rows:
            history = f", before {program.n_history} of history" if program.n_history else ""
            yield Finding(FAILED, "observables", f"{one.name} is row {one.row} of the state, whose rows are 0 to "
                          f"{program.n_state - 1} (n_state = {program.n_state}{history})")
            return
        if one.transform is not None:
            seen = np.shape(one.transform(np.ones((3, 5), dtype=np.float32)))
            if seen != (3, 5):
                yield Finding(FAILED, "observables", f"the transform of {one.name} turns paths of shape (3, 5) "
                              f"into {seen}: it must keep the shape")
                return
    yield Finding(OK, "observables", ", ".join(names))


def kernels(model: Model, theta: Mapping[str, Any] | None) -> Iterator[Finding]:
    program = program_of(model)
    for name, usual in ARGUMENTS.items():
        wanted = ARGUMENTS["step"][1:] if name == "init" and program.draws_at_start else usual
        wrong = _wrong_kernel(name, getattr(program, name), wanted)
        if wrong:
            yield Finding(FAILED, "kernels", wrong)
            return
    models.origin(model)
    values = model.space(fixed=theta).base[None]
    load_runner(program, program.split(values)[0].shape[1], rows_of(program, program.observed))
    yield Finding(OK, "kernels", f"init ({defined_at(program.init)}) and step ({defined_at(program.step)}) are found "
                  "again by their names, so that their compiled form is kept")


def _wrong_kernel(name: str, kernel: Any, wanted: tuple[str, ...]) -> str:
    if not hasattr(kernel, "py_func"):
        return f"{name} is {shown(kernel)}, which is not compiled: put @kernel before it"
    given = len(inspect.signature(kernel.py_func).parameters)
    if given != len(wanted):
        return (f"{name} ({defined_at(kernel)}) takes {given} arguments; give it {len(wanted)}: "
                + ", ".join(wanted))
    return ""
