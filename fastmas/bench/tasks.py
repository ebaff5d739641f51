"""What is measured: a few markets of fixed sizes, and the rules that every peer keeps.

Rules
-----
1. A task is a number of paths and steps of the paper's exact market. A call returns, or leaves on its
   device, the price of every path at every step, float32 or better.
2. In "agents" tasks every noise and every fundamental trader has a random number of its own at every
   step. The decision may be taken against its probability (a uniform number below Phi(kappa S / sigma_I))
   rather than by two normal numbers: the law is the same, and every peer may. Technical traders draw
   nothing and may be counted in any exact way.
3. In "aggregate" tasks one binomial number stands for a type's traders. The two never share a column:
   they do not do the same work.
4. A peer is written in its own idiom with its documented interface alone, and may use any generator of
   random numbers and any precision that passes the check of its law.
5. Before anything is timed, moments of a peer's paths are compared with those of fastmas on a small market of
   the same kind; 5 standard errors apart, and it is refused.
6. Peers take turns in one process, every call with a seed of its own. Building, compiling and a first
   call are not timed. Ratios compare CPU time, so that a peer with several threads pays for each.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from fastmas.errors import ParameterError
from fastmas.models import get

AGENTS, AGGREGATE = "agents", "aggregate"
OWN_SEED = 1
SMALL_PATHS, SMALL_STEPS = 2000, 24  # of the check of laws: windows of ten prices must have acted
SMALL_CROWD = {AGENTS: 40, AGGREGATE: 1000}


@dataclass(frozen=True)
class Task:
    """A market, its size, and the unit in which its cost is given.

    `kind` is "market", "crowd" (noise traders alone) or "own" (values of its own for every trader).
    """

    name: str
    what: str
    kind: str
    mode: str
    n_noise: int
    n_technical: int
    n_fundamental: int
    n_paths: int
    n_steps: int
    per_agent: tuple[str, ...] = ()

    @property
    def n_agents(self) -> int:
        return self.n_noise + self.n_technical + self.n_fundamental

    @property
    def unit(self) -> str:
        """What a cost is per: agents of a large market cost something each."""
        return "agent-step" if self.mode == AGENTS and self.kind != "market" else "path-step"

    @property
    def units(self) -> int:
        """How many of them a call has."""
        return self.n_paths * self.n_steps * (self.n_agents if self.unit == "agent-step" else 1)

    @property
    def draws(self) -> int:
        """What a peer that visits its agents has to do, whatever the unit."""
        return self.n_paths * self.n_steps * (self.n_agents if self.mode == AGENTS else 1)

    @cached_property
    def market(self) -> Any:
        """The model of fastmas."""
        return get("stock-market", n_noise=self.n_noise, n_technical=self.n_technical,
                   n_fundamental=self.n_fundamental, per_agent=self.per_agent, mode=self.mode)

    @cached_property
    def theta(self) -> dict[str, Any]:
        """What is not a default: kappa and gamma, of the type or of every trader, log-normal about 1 and 2."""
        rng = np.random.default_rng(OWN_SEED)
        draws = {"kappa": (1.0, self.n_noise), "gamma": (2.0, self.n_technical)}
        return {name: centre * np.exp(0.3 * rng.standard_normal(n)) if name in self.per_agent else centre
                for name, (centre, n) in draws.items()}

    @cached_property
    def numbers(self) -> dict[str, Any]:
        """All parameters by name, for peers: numbers, and arrays (n_agents,) where every trader has its own.

        `windows` is an int array (n_technical, 2).
        """
        defaults = {p.name: p.default for p in self.market.parameters if not p.name.startswith("window")}
        windows = np.array(self.market.windows, dtype=np.int64).reshape(-1, 2)[:self.n_technical]
        return {**defaults, **self.theta, "windows": windows}

    def small(self) -> Task:
        """The same kind of market, of a size that the slowest peer simulates in seconds."""
        small = replace(self, n_paths=SMALL_PATHS, n_steps=SMALL_STEPS)
        if self.kind == "crowd":
            return replace(small, n_noise=min(self.n_noise, SMALL_CROWD[self.mode]))
        return replace(small, n_noise=20, n_technical=12, n_fundamental=8) if self.kind == "own" else small


def _market(name: str, n_paths: int, mode: str = AGENTS) -> Task:
    return Task(name, f"market of 15, {n_paths:,} paths x 100 steps", "market", mode, 7, 5, 3, n_paths, 100)


def _crowd(name: str, n: int, n_paths: int, n_steps: int, mode: str = AGENTS) -> Task:
    return Task(name, f"{n:,} noise traders, {n_paths:,} paths x {n_steps} steps", "crowd", mode, n, 0, 0,
                n_paths, n_steps)


TASKS = {task.name: task for task in (
    _market("market-1000", 1000),
    _market("market-16384", 16384),
    _crowd("crowd-1e3", 10**3, 1024, 20),
    _crowd("crowd-1e6", 10**6, 64, 2),
    Task("own-1e4", "10,000 traders with values of their own, 256 paths x 50 steps", "own", AGENTS,
         5000, 3000, 2000, 256, 50, ("kappa", "gamma")),
    _market("aggregate-15", 1000, AGGREGATE),
    _crowd("aggregate-1e3", 10**3, 1000, 100, AGGREGATE),
    _crowd("aggregate-1e6", 10**6, 1000, 100, AGGREGATE),
    _crowd("aggregate-1e9", 10**9, 1000, 100, AGGREGATE),
)}


def chosen(names: str | None, known: list[str], kind: str) -> list[str]:
    """The names in a text such as "a,b", all of them if there is none.

    Raises
    ------
    ParameterError
        If one of them is unknown.
    """
    if names is None:
        return known
    asked = [name.strip() for name in names.split(",") if name.strip()]
    for name in asked:
        if name not in known:
            raise ParameterError(f"unknown {kind} {name!r}; there are: {', '.join(known)}")
    if not asked:
        raise ParameterError(f"no {kind} in {names!r}; there are: {', '.join(known)}")
    return list(dict.fromkeys(asked))
