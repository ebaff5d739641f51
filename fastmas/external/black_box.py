"""A function of parameters and a seed that returns one path, as a model."""

from __future__ import annotations

import inspect
import math
import threading
import weakref
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from fastmas import models
from fastmas.errors import ModelError, ParameterError
from fastmas.external import processes
from fastmas.external.call import Call, takes
from fastmas.external.pool import Pool
from fastmas.external.tally import Tally
from fastmas.model import Model, Observable
from fastmas.parameters import Parameter, shown
from fastmas.random.address import Address
from fastmas.source_text import line_of

TIMEOUT = 60.0  # seconds of a path
SEED_BITS = 63
_making = threading.Lock()
OWN = ("_pool", "_closing", "tally")  # of this process, and of no other


class BlackBox(Model):
    """A simulator that you already have, as a model for `simulate`, `calibrate` and the command line.

    Parameters
    ----------
    simulate : callable
        `simulate(theta, seed)` returns one path, (n_times,) or (n_times, k): anything that NumPy makes an array of.
        `theta` is a dict of values by name (a float, a whole number where the parameter is one, a list where each agent
        has its own), `seed` a whole number below 2**63 of which all randomness must come. If it has a parameter
        `n_steps` it is told how many steps to go, and returns n_steps + 1 values, t = 0 to n_steps, or n_steps without
        the first; otherwise the last values of what it returns are used, and there must be enough of them.
    parameters : mapping of str to Parameter, or sequence of named Parameters
        What calibration may move.
    observables : sequence of str or Observable
        What the columns of a path are.
    name : str, optional
        That of the function if not given.
    timeout : float or None
        Seconds that a path may take before its process is ended.
    start_method : {"fork", "spawn", "forkserver"}, optional
        How worker processes are started: by default they are forked, where the system can. "spawn" needs a function at
        the top level of a module, and is for those whose libraries do not survive a fork.

    Raises
    ------
    ModelError, ParameterError
        What is no function of (theta, seed), no parameter, no name.

    Notes
    -----
    Paths are simulated in worker processes, as many as `n_threads` says. One that raises, ends its process, takes too
    long, has another shape or is not finite is lost: it is counted, and looks like nothing in the data. If none of the
    first is any good, that is an error.
    """

    engine = "fastmas.external.engine"
    rules = "rules of its own outside fastmas"
    seed_bits = SEED_BITS

    call: Call
    timeout: float | None
    start_method: str | None

    __eq__ = object.__eq__  # each is what it calls, not what options it has
    __hash__ = object.__hash__

    def __init__(
        self, simulate: Callable[..., Any], parameters: Mapping[str, Parameter] | Sequence[Parameter], *,
        observables: str | Sequence[str | Observable] = ("value",), name: str = "", timeout: float | None = TIMEOUT,
        start_method: str | None = None,
    ) -> None:
        called = name or getattr(simulate, "__name__", "") or type(simulate).__name__
        called = "black-box" if called in ("simulate", "<lambda>") else called
        _check_callable(simulate, called)
        _check_options(called, timeout, start_method)
        shown_rows = _observables(called, observables)
        vars(self).update(
            name=called, timeout=timeout, start_method=start_method,
            observables=shown_rows, n_state=len(shown_rows), parameters=_parameters(called, parameters),
            doc=(inspect.getdoc(simulate) if inspect.isfunction(simulate) else "") or "a simulator outside fastmas")
        vars(self)["call"] = Call(simulate, self.parameters, len(shown_rows), takes(simulate, "n_steps"))
        self.space()  # two parameters of one name are refused

    def __reduce_ex__(self, protocol: Any) -> Any:
        """One of a file is pickled by its file, as models with a class are."""
        loaded = getattr(self.call.function, "__module__", "").startswith("fastmas_user_")
        return models.reduced(self) if models.PLACE in vars(self) and loaded else super().__reduce_ex__(protocol)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.name!r})"

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in super().__getstate__().items() if name not in OWN}

    @property
    def config(self) -> dict[str, Any]:
        """Options of the function that made it, if one of a file did."""
        return dict(vars(self).get("made_with", {}))

    @property
    def tally(self) -> Tally:
        """How its paths fared in this process."""
        return vars(self).setdefault("tally", Tally())

    @property
    def place(self) -> str:
        """Where the function is defined, if it is one."""
        return defined(self.call.function)

    @property
    def any_length(self) -> bool:
        """Whether its paths can be as long as is asked for."""
        return self.call.takes_steps

    @property
    def pool(self) -> Pool:
        """Its workers in this process; none runs before the first job."""
        with _making:
            if "_pool" in vars(self):
                return vars(self)["_pool"]
            pool = Pool(self.call, self.name, self.start_method or processes.usual(), self.timeout)
            vars(self).update(_pool=pool, _closing=weakref.finalize(self, pool.close))
            return pool

    def seed_of(self, address: Address, path: int) -> int:
        """The seed of a path: its address alone decides, and 64 bits of NumPy's SeedSequence come of it."""
        words = np.random.SeedSequence([address.seed, address.run, address.purpose, path])
        return int(words.generate_state(1, np.uint64)[0]) >> (64 - self.seed_bits)


def _check_callable(simulate: Any, name: str) -> None:
    if not callable(simulate):
        raise ModelError(f"black box: simulate={shown(simulate)} is no function; give one of (theta, seed) that "
                         "returns a path")
    try:
        inspect.signature(simulate).bind({}, 0)
    except TypeError as error:
        if not takes(simulate, "n_steps") or "n_steps" not in str(error):
            raise ModelError(f"black box {name!r} ({defined(simulate)}): it is called as simulate(theta, seed), and "
                             f"{error}") from error
    except ValueError:  # a function in C may not say what it takes
        pass


def defined(function: Any) -> str:
    """FILE:LINE of a function or of a class, and what stands there; nothing if it is neither."""
    called = inspect.getattr_static(type(function), "__call__", None)
    code = getattr(function, "__code__", None) or getattr(called, "__code__", None)
    return line_of(code.co_filename, code.co_firstlineno) if code else ""


def _check_options(name: str, timeout: Any, start_method: Any) -> None:
    is_number = isinstance(timeout, (int, float)) and not isinstance(timeout, bool)
    if timeout is not None and not (is_number and 0 < timeout < math.inf):
        raise ParameterError(f"black box {name!r}: timeout={shown(timeout)}: give seconds above 0, or None for no "
                             "limit")
    if start_method is not None and start_method not in processes.METHODS:
        raise ParameterError(f"black box {name!r}: start_method={shown(start_method)} is none of: "
                             f"{', '.join(processes.METHODS)}")


def _parameters(name: str, given: Any) -> tuple[Parameter, ...]:
    if isinstance(given, Mapping):
        given = [replace(one, name=label) if isinstance(one, Parameter) else one for label, one in given.items()]
    found = tuple(given) if isinstance(given, Iterable) and not isinstance(given, str) else (given,)
    for one in found:
        if not isinstance(one, Parameter):
            raise ModelError(f"black box {name!r}: {shown(one)} is no parameter; give "
                             "{'beta': fastmas.Parameter(0.3, 0.0, 1.0)}")
        if not one.name:
            raise ModelError(f"black box {name!r}: a parameter has no name; give a mapping of names, as "
                             "{'beta': fastmas.Parameter(0.3, 0.0, 1.0)}, or Parameter(..., name='beta')")
        if one.each:
            raise ModelError(f"black box {name!r}: parameter {one.name!r} has each={one.each!r}, and there are no "
                             "options; give n_agents=...")
    if not found:
        raise ModelError(f"black box {name!r} has no parameters; give {{'beta': fastmas.Parameter(0.3, 0.0, 1.0)}}")
    return found


def _observables(name: str, given: Any) -> tuple[Observable, ...]:
    listed = [given] if isinstance(given, (str, Observable)) else list(given)
    found = tuple(replace(one, row=row) if isinstance(one, Observable) else Observable(str(one), row)
                  for row, one in enumerate(listed))
    names = [one.name for one in found]
    if not found or len(set(names)) < len(names) or not all(names):
        raise ModelError(f"black box {name!r}: observables={shown(given)}: give one name or more, each once")
    return found
