"""One path of a black box: what a worker is given, what it calls, and what it hands back."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from fastmas.parameters import Parameter, shown
from fastmas.source_text import raised_at

GOOD, RAISED, SHAPE, INFINITE, DIED, SLOW = "good", "raised", "shape", "infinite", "died", "slow"
MOST_TOLD = 300  # characters of what an exception says


class Task(NamedTuple):
    """A path to be simulated: its number in the job, its theta's values (n_entries,), and its seed."""

    number: int
    values: np.ndarray
    seed: int


class Outcome(NamedTuple):
    """What became of it: one of the words above, what is to be said, and the path (n, n_observables), if it is one."""

    kind: str
    text: str = ""
    path: np.ndarray | None = None


class BadPath(Exception):
    """What was returned is no path; says what is wrong with it."""


class Failed(Exception):
    """A program has failed in its own words, which need no place in Python."""


@dataclass(frozen=True)
class Call:
    """A user's function with all that is needed to call it; it can be pickled if the function can.

    `takes_steps` says that it has a parameter `n_steps`.
    """

    function: Callable[..., Any]
    parameters: tuple[Parameter, ...]
    n_observables: int
    takes_steps: bool

    def theta(self, values: np.ndarray) -> dict[str, Any]:
        """Values by name: floats, whole numbers where the parameter is one, a list where each agent has its own."""
        theta: dict[str, Any] = {}
        first = 0
        for one in self.parameters:
            own = values[first:first + one.n_values].tolist()
            own = [round(x) for x in own] if one.integer else own
            theta[one.name] = own if one.n_agents is not None else own[0]
            first += one.n_values
        return theta

    def answer(self, task: Task, n_steps: int, n_times: int) -> Outcome:
        """Call it, whatever it does short of ending the process."""
        asked = {"n_steps": n_steps} if self.takes_steps else {}
        try:
            path = self._path(self.function(self.theta(task.values), task.seed, **asked), n_steps, n_times)
        except BadPath as error:
            return Outcome(SHAPE, str(error))
        except Failed as error:
            return Outcome(RAISED, str(error))
        except BaseException as error:  # also sys.exit()
            told = " ".join(str(error).split())[:MOST_TOLD]
            return Outcome(RAISED, f"raised {type(error).__name__}{': ' + told if told else ''} at {raised_at(error)}")
        if not np.isfinite(path).all():
            t, k = (int(x) for x in np.argwhere(~np.isfinite(path))[0])
            which = f" in column {k}" if self.n_observables > 1 else ""
            return Outcome(INFINITE, f"returned {path[t, k]} at place {t}{which} of {len(path)}", path)
        return Outcome(GOOD, "", path)

    def _path(self, returned: Any, n_steps: int, n_times: int) -> np.ndarray:
        """The window (n_times, n_observables): the last values of what was returned."""
        try:
            path = np.asarray(returned, dtype=np.float64)
        except (TypeError, ValueError):
            raise BadPath(f"returned {shown(returned)}, which is no array of numbers") from None
        wanted = "(n_times,)" if self.n_observables == 1 else f"(n_times, {self.n_observables})"
        if path.ndim == 1 and self.n_observables == 1:
            path = path[:, None]
        if path.ndim != 2 or path.shape[1] != self.n_observables:
            raise BadPath(f"returned an array of shape {path.shape}: give {wanted}, one path")
        if self.takes_steps and not n_steps <= len(path) <= n_steps + 1:
            raise BadPath(f"returned {len(path)} times for n_steps={n_steps}: give {n_steps + 1}, t = 0 to {n_steps}, "
                          f"or {n_steps} without the first")
        if len(path) < n_times:
            why = (" and n_steps has no 0 to begin with: give the first value, too" if self.takes_steps else
                   ": let it return more, or give it a parameter `n_steps`")
            raise BadPath(f"returned {len(path)} times and {n_times} are needed{why}")
        return path[len(path) - n_times:]


def takes(function: Callable[..., Any], name: str) -> bool:
    """Whether a function can be given this keyword."""
    try:
        known = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):  # of some functions in C
        return False
    return any(p.kind is p.VAR_KEYWORD or (p.name == name and p.kind is not p.POSITIONAL_ONLY) for p in known)
