"""What a model must say: parameters, observables, how a block of paths starts and advances.

A model owns its rules; the engine owns loops, launches, memory and random addresses. A model is
one frozen dataclass and two kernels at module level::

    @kernel
    def init(lanes, state, history, theta, integers): ...

    @kernel
    def step(t, lanes, state, words, history, address, theta, integers): ...

`lanes` paths advance together: `state` is a tuple of `n_state` float32 lane arrays (rows the model
does not observe may serve as scratch), `words` a tuple of `n_words` uint32 lane arrays for random
words (`count_below` works in `fastmas.random.ROWS` of them), `history` an array (n_history, lanes),
`theta[k, w]` the k-th real value of lane w in float32, `integers[k]` the k-th whole number, the same for
all lanes. In a run of dtype float64 all that is float32 here is float64. State and history are zero before
`init`; words hold what was left there. `step` brings state t-1 to state t, t = 1, 2, ...; random words
come from `fastmas.random` with (address, t, slot). `fastmas check` examines all this.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar, NamedTuple

import numpy as np

from fastmas.errors import ModelError
from fastmas.parameters import Parameter, ParameterSpace

PROGRAMS, CHECKED = "_programs", "_checked"  # what a model object keeps of its programs and of its last check
KEPT = ("_defaults", PROGRAMS, CHECKED)  # made anew where it is unpickled


class Kernels(NamedTuple):
    """The two kernels of a model; both must be bound to names at module level, for the cache."""

    init: Callable[..., None]
    step: Callable[..., None]


@dataclass(frozen=True)
class Observable:
    """What a path shows.

    `row` is the state row that holds it; n_state + h is row h of the history. An observable with a
    `transform` is computed from the stored paths of that row, (..., n_times) to (..., n_times), for instance
    a log return.
    """

    name: str
    row: int
    unit: str = ""
    transform: Callable[[np.ndarray], np.ndarray] | None = None


@dataclass(frozen=True, kw_only=True)
class Model:
    """Base of every model: subclass it as a frozen dataclass whose fields are the configuration.

    Class attributes to set: `name`, `source`, `n_state`, `n_words`, `observables` (the first is
    what `simulate` returns unless asked otherwise), `variants` (the configurations that have kernels of
    their own, for `fastmas warmup`), `history_dtype` ("float32" stands for the precision of the run);
    `kernels`, `parameters` and `n_history` are class attributes or properties that depend on the
    configuration.
    """

    name: ClassVar[str] = ""
    source: ClassVar[str] = ""
    observables: ClassVar[tuple[Observable, ...]] = ()
    n_state: ClassVar[int] = 1
    n_words: ClassVar[int] = 0
    history_dtype: ClassVar[str] = "float32"
    variants: ClassVar[tuple[Mapping[str, Any], ...]] = ({},)

    @property
    def kernels(self) -> Kernels:
        """The kernels for this configuration."""
        raise ModelError(f"model {self.name!r} has no kernels: set `kernels = Kernels(init, step)`")

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        """All parameters, real and integer, in the order the kernels read them."""
        return ()

    @property
    def n_history(self) -> int:
        """Rows of the history ring buffer that the engine keeps per path; 0 for none."""
        return 0

    @property
    def n_counted(self) -> int:
        """Most agents that a step counts in one go (`count_below`); many of them are worth a warp of a GPU."""
        return 0

    def check(self, values: Mapping[str, float]) -> None:  # noqa: B027
        """Raise ParameterError if values (entry name to number) contradict each other."""

    def default_free(self, regime: str) -> tuple[str, ...]:
        """What `calibrate` frees unless told otherwise, for many "paths" or one "series": everything."""
        return tuple(p.name for p in self.parameters)

    def space(self, free: Any = (), fixed: Mapping[str, Any] | None = None) -> ParameterSpace:
        """The parameter space with these free names and fixed values, checked."""
        space = self._defaults.changed(free, fixed)
        given = space.base.tobytes()
        if vars(self).get(CHECKED) != given:
            self.check(space.values)
            vars(self)[CHECKED] = given
        return space

    @cached_property
    def _defaults(self) -> ParameterSpace:
        return ParameterSpace(self.parameters)

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if name not in KEPT}

    @property
    def config(self) -> dict[str, Any]:
        """The configuration as plain values; `type(self)(**config)` is the same model."""
        return {f.name: getattr(self, f.name) for f in dataclasses.fields(self)}

    def observable(self, name: str | None = None) -> Observable:
        """The observable of this name, or the first one.

        Raises
        ------
        ModelError
            If there is none of this name.
        """
        if name is None:
            return self.observables[0]
        for observable in self.observables:
            if observable.name == name:
                return observable
        known = ", ".join(o.name for o in self.observables)
        raise ModelError(f"model {self.name!r} has no observable {name!r}; it has: {known}")

    def split(self, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Values (n_theta, n_entries) as the kernels read them: float64 reals, which the engine casts, and int64."""
        whole = self._defaults.whole
        reals = np.ascontiguousarray(values[:, ~whole], dtype=np.float64)
        return reals, np.ascontiguousarray(np.rint(values[:, whole]), dtype=np.int64)


def width_of(model: Model) -> int:
    """The number of values of a theta, which is that of `ParameterSpace.base`."""
    return len(model._defaults.base)
