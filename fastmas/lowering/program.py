"""What an engine compiles and runs of a model, whoever wrote the kernels."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from fastmas.errors import ModelError
from fastmas.model import PROGRAMS, Kernels, Model
from fastmas.parameters import shown

REAL = "float32"  # as the dtype of a history it stands for the precision of the run

Split = Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]


class Derivatives(NamedTuple):
    """What a run gives beside its paths: tangents of these parameters, and the score of the agents' decisions."""

    parameters: tuple[str, ...]
    score: bool = False


@dataclass(frozen=True, kw_only=True, eq=False)
class Program:
    """Two kernels and what they run on.

    `init` and `step` take the arguments that `fastmas.model` names; `homes` are modules in which they may be
    found again by a global name. A path has `n_state` rows of state and then `n_history` rows of history: row
    n_state + h of an observable is history row h. `n_counted` is the most agents that a step counts in one go.
    `observed` are the rows that one compiled runner stores whatever is asked for, beside what a job adds.
    `split` turns values (n_theta, n_entries) into what the kernels read: reals (n_theta, n_reals) in float64,
    which the engine casts, and whole numbers (n_theta, n_whole) in int64.
    """

    label: str
    init: Any
    step: Any
    homes: tuple[str, ...]
    n_state: int
    n_words: int
    n_history: int
    history_dtype: str
    n_counted: int
    observed: tuple[int, ...]
    split: Split
    draws_at_start: bool = False  # `init` takes words and the address, as `step` does
    mode: str = ""  # how agents are counted, if any are
    lowering: str = ""  # of a text: "lanes", or "path by path"
    reason: str = ""  # why not lanes
    code: str = ""  # of a text: its generated module
    layers: Mapping[tuple[str, str], int] = field(default_factory=dict)  # row of (state, parameter), ("", parameter)

    @property
    def n_rows(self) -> int:
        """Rows that an observable may show."""
        return self.n_state + self.n_history

    def history_in(self, dtype: str) -> str:
        """The dtype of the history in a run of this dtype."""
        return dtype if self.history_dtype == REAL else self.history_dtype


def program_of(model: Model, derivatives: Derivatives | None = None) -> Program:
    """The program of a model, made once for each model object.

    Raises
    ------
    ModelError
        A model without kernels, or one whose derivatives nobody can take.
    """
    made: dict[Derivatives | None, Program] = vars(model).setdefault(PROGRAMS, {})
    if derivatives not in made:
        make = _of_text if model.sources else _outside if model.engine else _hand_written
        made[derivatives] = make(model, derivatives)
    return made[derivatives]


def mode_used(model: Model) -> str | None:
    """How a model's agents are counted, where "auto" has become one of the two; None if none are."""
    return (program_of(model).mode if model.sources else getattr(model, "mode", None)) or None


def _of_text(model: Model, derivatives: Derivatives | None) -> Program:
    from fastmas.lowering.text_program import lower  # noqa: PLC0415  -- a model with kernels needs none of it

    return lower(model, derivatives)


def _outside(model: Model, derivatives: Derivatives | None) -> Program:
    """Of a model whose paths come from elsewhere: its rows, and no kernels."""
    _refuse(model, derivatives)
    return Program(
        label=model.name, init=None, step=None, homes=(), n_state=model.n_state, n_words=0, n_history=0,
        history_dtype=REAL, n_counted=0, observed=rows_shown(model), split=model.split)


def _refuse(model: Model, derivatives: Derivatives | None) -> None:
    if derivatives is not None:
        raise ModelError(f"model {model.name!r} has {model.rules}, which fastmas cannot differentiate: "
                         "write its rules as a text, or take differences of two simulations")


def _hand_written(model: Model, derivatives: Derivatives | None) -> Program:
    _refuse(model, derivatives)
    kernels = model.kernels
    if not isinstance(kernels, Kernels):
        raise ModelError(f"model {model.name!r} has kernels={shown(kernels)}: give Kernels(init, step)")
    return Program(
        label=model.name, init=kernels.init, step=kernels.step, homes=homes_of(model), n_state=model.n_state,
        n_words=model.n_words, n_history=model.n_history, history_dtype=model.history_dtype,
        n_counted=model.n_counted, observed=rows_shown(model), split=model.split)


def rows_shown(model: Model) -> tuple[int, ...]:
    """The rows of the model's observables, each once."""
    return tuple(dict.fromkeys(one.row for one in model.observables))


def homes_of(model: Model) -> tuple[str, ...]:
    """Modules of the model's class and of those it is built on."""
    return tuple(dict.fromkeys(kind.__module__ for kind in type(model).__mro__))
