"""What a model is: parameters, states, observables, and rules, which are written once as a text.

A model is a class with a `step`, written for one path in plain Python::

    class Herd(fm.Model):
        n_traders: int = 20                              # an option
        follow = fm.Parameter(0.5, 0.0, 0.95)            # what calibration may move
        price = fm.State(100, "price units")             # what a path carries from step to step

        def step(self, t, draw): ...

docs/models.md has the language. The lower door is a frozen dataclass with two kernels of its own at module level::

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
import inspect
import re
import typing
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, ClassVar, NamedTuple

import numpy as np

from fastmas.declarations import Agents, Observable, State, is_number, log_return
from fastmas.errors import ModelError, ParameterError
from fastmas.names import nearest
from fastmas.parameters import Parameter, ParameterSpace, is_whole, shown
from fastmas.source_text import Source, source_of

__all__ = ["Agents", "Kernels", "Model", "Observable", "State", "choices_of", "declared", "log_return", "width_of"]

MODES = ("auto", "agents", "aggregate")
COUNTS = "count"  # the draw that has modes

PROGRAMS, CHECKED = "_programs", "_checked"  # what a model object keeps of its programs and of its last check
KEPT = ("_defaults", PROGRAMS, CHECKED)  # made anew where it is unpickled


class Kernels(NamedTuple):
    """The two kernels of a model; both must be bound to names at module level, for the cache."""

    init: Callable[..., None]
    step: Callable[..., None]


class _Fixed:
    """Options of a text cannot be set anew."""

    sources: ClassVar[Mapping[str, Any]] = {}

    def __setattr__(self, name: str, value: Any) -> None:
        if self.sources:
            raise dataclasses.FrozenInstanceError(f"cannot assign to field {name!r}")
        super().__setattr__(name, value)

    def __delattr__(self, name: str) -> None:
        if self.sources:
            raise dataclasses.FrozenInstanceError(f"cannot delete field {name!r}")
        super().__delattr__(name)


@typing.dataclass_transform(kw_only_default=True, frozen_default=True)
@dataclass(frozen=True, kw_only=True)
class Model(_Fixed):
    """Base of every model.

    A class with a `step(self, t, draw)` is a text: what is annotated is an option, `Parameter`, `State`, `Agents`
    and `Observable` are declared as class attributes, and everything else is made of it.

    A model with kernels of its own is a frozen dataclass whose fields are the configuration. Class attributes to
    set: `name`, `source`, `n_state`, `n_words`, `observables` (the first is what `simulate` returns unless asked
    otherwise), `variants` (the configurations that have kernels of their own, for `fastmas warmup`),
    `history_dtype` ("float32" stands for the precision of the run); `kernels`, `parameters` and `n_history` are
    class attributes or properties that depend on the configuration.
    """

    name: ClassVar[str] = ""
    source: ClassVar[str] = ""
    observables: ClassVar[tuple[Observable, ...]] = ()
    n_state: ClassVar[int] = 1
    n_words: ClassVar[int] = 0
    history_dtype: ClassVar[str] = "float32"
    variants: ClassVar[tuple[Mapping[str, Any], ...]] = ({},)
    mode: ClassVar[str]  # of a text that counts agents it is an option: "auto", "agents" or "aggregate"
    yardstick: ClassVar[bool] = False  # no agents: what a market is measured against, in each of its variants
    relaxation: ClassVar[str] = ""  # of a relaxed twin: what its counts are
    sources: ClassVar[Mapping[str, Source | None]] = {}  # of a text: the source of each method
    engine: ClassVar[str] = ""  # the module that simulates it in place of a device's, which then needs no kernels
    rules: ClassVar[str] = "kernels of its own"  # what there is where there is no text, in words

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if inspect.isfunction(inspect.getattr_static(cls, "step", None)) and "relaxation" not in cls.__dict__:
            _declare(cls)

    def __post_init__(self) -> None:
        if self.sources:
            _check_options(self)

    @property
    def kernels(self) -> Kernels:
        """The kernels of a model that is no text."""
        name = self.name or type(self).__name__
        raise ModelError(f"model {name!r} has no rules: write a `step(self, t, draw)`, or set "
                         "`kernels = Kernels(init, step)`")

    @cached_property
    def parameters(self) -> tuple[Parameter, ...]:
        """All parameters, real and integer, in the order of their declaration."""
        return tuple(replace(p, n_agents=int(getattr(self, p.each)), each="") if p.each else p
                     for p in declared(type(self), Parameter).values())

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
        """The observable of this name, or the first one; any state is one.

        Raises
        ------
        ModelError
            If there is none of this name.
        """
        if name is None:
            return self.observables[0]
        for observable in (*self.observables, *self._hidden):
            if observable.name == name:
                return observable
        known = [o.name for o in (*self.observables, *self._hidden)]
        alike = nearest(name, known)
        hint = f", did you mean {alike[0]!r}?" if alike else ";"
        raise ModelError(f"model {self.name!r} has no observable {name!r}{hint} it has: {', '.join(known)}")

    def shows(self, name: str) -> bool:
        """Whether it has an observable of this name."""
        return any(one.name == name for one in (*self.observables, *self._hidden))

    def observed(self, names: str | Sequence[str] | None = None) -> tuple[Observable, ...]:
        """The observables of these names, or of one name, or the first one.

        Raises
        ------
        ModelError
            If there is none of a name, none is named, or one is named twice.
        """
        if names is None or isinstance(names, str):
            return (self.observable(names),)
        chosen = tuple(self.observable(name) for name in names)
        twice = [one.name for i, one in enumerate(chosen) if one in chosen[:i]]
        if twice or not chosen:
            raise ModelError(f"observable={shown(list(names))}: " + (
                f"{twice[0]!r} is named twice" if twice else "name at least one"))
        return chosen

    @property
    def _hidden(self) -> tuple[Observable, ...]:
        """States that are no observables unless named."""
        states = declared(type(self), State).items() if self.sources else ()
        return tuple(Observable(name, row, one.unit, domain=one.domain)
                     for row, (name, one) in enumerate(states) if not one.shown)

    def split(self, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Values (n_theta, n_entries) as the kernels read them: float64 reals, which the engine casts, and int64."""
        whole = self._defaults.whole
        reals = np.ascontiguousarray(values[:, ~whole], dtype=np.float64)
        return reals, np.ascontiguousarray(np.rint(values[:, whole]), dtype=np.int64)


def width_of(model: Model) -> int:
    """The number of values of a theta, which is that of `ParameterSpace.base`."""
    return len(model._defaults.base)


def declared(cls: type, kind: Any) -> dict[str, Any]:
    """The declarations of this kind in a class and its bases, by name, in their order."""
    names = [name for base in reversed(cls.__mro__) for name in vars(base)]
    found = {name: inspect.getattr_static(cls, name, None) for name in dict.fromkeys(names)}
    return {name: value for name, value in found.items() if isinstance(value, kind)}


def _declare(cls: type[Model]) -> None:
    """Make a class with a step a frozen dataclass whose annotations are options."""
    functions = {n: f for n, f in vars(cls).items() if inspect.isfunction(_function(f))}
    inherited = dict(getattr(cls, "sources", {}))
    cls.sources = inherited | {n: source_of(_function(f)) for n, f in functions.items()}
    if not cls.__dict__.get("name"):
        cls.name = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "-", cls.__name__).lower()
    if any(COUNTS in _function(f).__code__.co_names for f in functions.values()):
        cls.__annotations__ = {**inspect.get_annotations(cls), "mode": str}
        cls.mode = "auto"
    states = declared(cls, State)
    rows = {name: row for row, name in enumerate(states)}
    cls.observables = tuple(_observable(cls, one, rows) for one in declared(cls, (State, Observable)).values()
                            if not (isinstance(one, State) and not one.shown))
    if not cls.observables:
        raise ModelError(f"model {cls.name!r} has no state: declare one, as `price = State(100)`")
    _check_declared(cls)
    written = cls.__doc__
    dataclass(frozen=True, kw_only=True)(cls)
    del cls.__setattr__, cls.__delattr__  # of `_Fixed` from here on, so that @dataclass may stand above the class
    cls.__doc__ = written  # what a dataclass makes up is no description


def _check_declared(cls: type[Model]) -> None:
    """Raise ModelError where a declaration cannot be; what is annotated and declared is no option."""
    own = inspect.get_annotations(cls)
    for name in own:
        default = cls.__dict__.get(name)
        if isinstance(default, (list, dict, set, np.ndarray)):
            raise ModelError(f"model {cls.name!r}: option {name}={shown(default)} could change under way: "
                             "write a tuple")
    declarations = (Parameter, State, Agents, Observable)
    cls.__annotations__ = {n: a for n, a in own.items() if not isinstance(cls.__dict__.get(n), declarations)}
    for name, state in declared(cls, State).items():
        if isinstance(state.start, Parameter) and (state.start.each or state.start.n_agents):
            raise ModelError(f"model {cls.name!r}: state {name} starts at {state.start.name}, of which each agent has "
                             "its own: set it in `start`")


def _function(value: Any) -> Any:
    return value.fget if isinstance(value, property) else value


def _observable(cls: type[Model], one: State | Observable, rows: Mapping[str, int]) -> Observable:
    if isinstance(one, State):
        return Observable(one.name, rows[one.name], one.unit, domain=one.domain)
    if one.of not in rows:
        raise ModelError(f"model {cls.name!r}: observable {one.name!r} is computed from {one.of!r}, which is no state; "
                         f"its states are: {', '.join(rows)}")
    return replace(one, row=rows[one.of])


def _check_options(model: Model) -> None:
    """Bring options into the form that they are declared in, or say what is wrong with them."""
    hints = _hints(type(model))
    for field in dataclasses.fields(model):
        value, kind = getattr(model, field.name), hints.get(field.name)
        if isinstance(value, list):
            value = _frozen(value)
        choices = _choices(field.name, kind)
        if choices and value not in choices:
            raise ModelError(f"{field.name}={shown(value)} is none of: {', '.join(map(str, choices))}")
        if kind is int:
            if not is_whole(value):
                raise ParameterError(f"{field.name}={shown(value)}: give a whole number")
            value = int(value)
        if kind is float:
            if not is_number(value):
                raise ParameterError(f"{field.name}={shown(value)}: give a number")
            value = float(value)
        object.__setattr__(model, field.name, value)
        _check_hashable(field.name, value)
    declarations = {**declared(type(model), Agents), **declared(type(model), Parameter)}
    sizes = {name: one.n if isinstance(one, Agents) else one.each for name, one in declarations.items()}
    for name, size in sizes.items():
        if isinstance(size, str) and size:
            _check_size(model, name, size)


def _check_size(model: Model, name: str, option: str) -> None:
    if option not in model.config:
        raise ModelError(f"model {model.name!r}: {name} has a number for each of {option!r}, which is no option; there "
                         f"are: {', '.join(model.config) or 'none'}")
    value = model.config[option]
    if not is_whole(value) or value < 0:
        raise ParameterError(f"{option}={shown(value)}: give a whole number of agents, 0 or more")


def _hints(cls: type) -> dict[str, Any]:
    try:
        return typing.get_type_hints(cls)
    except Exception:  # a name that is imported for type checkers alone
        return {}


def choices_of(model: Model) -> dict[str, tuple[Any, ...]]:
    """What each option of a model with a text may be, where a few values are all."""
    hints = _hints(type(model)) if model.sources else {}
    found = {field.name: _choices(field.name, hints.get(field.name)) for field in dataclasses.fields(model)}
    return {name: choices for name, choices in found.items() if choices and model.sources}


def _choices(option: str, kind: Any) -> tuple[Any, ...]:
    if option == "mode":
        return MODES
    return typing.get_args(kind) if typing.get_origin(kind) is typing.Literal else ()


def _frozen(value: Any) -> Any:
    return tuple(_frozen(one) for one in value) if isinstance(value, (list, tuple)) else value


def _check_hashable(name: str, value: Any) -> None:
    try:
        hash(value)
    except TypeError:
        raise ParameterError(f"{name}={shown(value)}: an option is a number, a text or a tuple of them") from None
