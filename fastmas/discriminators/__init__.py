"""Who tells real from simulated. One discriminator per file; networks and their training beside them.

A discriminator is built as `DISCRIMINATOR(table, objective)`. Its class says `statistics` (the default for many paths,
and for one series), `n_generations` (of a round, by default), `local` (it must be played in a region, not in the whole
box), `own_objective` (the name of the one divergence that it plays, or None: the user's choice), `plays` (the method
that an objective of the user's choice must have) and `usual_objective` (where none is chosen), `training` (a frozen
dataclass: how long networks train), `sees_data` (it is trained on them), `has_gradients` (its losses can be
differentiated), `knows_theta` (it judges a theta as such, not as one of the present ones), `curves` (what the columns
of its report and the column "loss" are) and `caption` (of their picture). One that is trained on simulations alone has
`features_of(arrays, k, d)`, which makes what it has learned features of the last steps, and `n_learned(d)`, how many of
them at least are no combinations of others. It has

- `begin()`: train until the game can start;
- `play(generation, centre)`: train for this generation, the search standing at `centre` (d,);
- `evaluate(generation, z, centre) -> Evaluation`: the losses of candidates z (n, d), and their gradients if the table
  has rollouts;
- `report() -> dict`: numbers for the history, each of them one of `curves`;
- `arrays()` and `restore(arrays, generation)`: its state for a checkpoint, bit for bit.

All simulation inside a game has an address made of the generation and a purpose, and torch runs on
one thread per task, so that the number of threads changes no bit.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from fastmas import objectives
from fastmas.distance import Weight
from fastmas.errors import ParameterError
from fastmas.estimators import Rollout
from fastmas.parameters import shown
from fastmas.region import Region
from fastmas.registry import check_has, find, known_as, parts

HAS = ("begin", "play", "evaluate", "report", "arrays", "restore", "statistics", "n_generations", "local",
       "own_objective", "plays", "usual_objective", "training", "sees_data", "has_gradients", "knows_theta", "curves",
       "caption")


class Sampler(Protocol):
    """Simulate thetas and take the statistic."""

    def __call__(self, z: np.ndarray, n_paths: int, run: int, purpose: int, *, common: bool = True,
                 n_times: int | None = None) -> Any:
        """Samples (n_theta, n_paths, n_samples, k) in float32 for z (n_theta, d).

        A NumPy array, or a torch tensor on the table's device.
        """


class Looker(Protocol):
    """Simulate thetas, take the statistic and the moments."""

    def __call__(self, z: np.ndarray, n_paths: int, run: int, purpose: int, *,
                 common: bool = True) -> tuple[Any, np.ndarray]:
        """Samples as of a `Sampler`, and moments (n_theta, n_paths, m), NaN for a path that ran away."""


@dataclass(frozen=True, eq=False)
class Table:
    """What a game is played on.

    `look` simulates as `sample` does and gives moments beside the samples, `moments` (n_real, m) are the data's,
    and `weigh(features (n, k), gap (k,), n_simulated)` is the metric of both; `n_weigh` paths are simulated for it.
    `real` (n_paths, n_samples, k) and `heldout` are the data's samples; `n_paths` paths are
    simulated for each candidate; `start` and `spread` (d,) are those of the search and `region` bounds it;
    `first_run` numbers the simulations of this game; `pool_paths` and `pool_times` size one theta of
    a replay; `blur` is the sd of noise added to windows in training, so that a network that is to judge
    real data does not learn the lattice that a few agents leave in returns; `map` applies a function
    to items on the threads there are, in order; `training` says how long networks train, as
    the kind's own `training` does; `device`, a name of torch's, is where the networks are;
    `rollout(z (d,), generation)` gives a candidate's paths and what an estimator needs for its gradient, if the
    updater moves by one.
    """

    sample: Sampler
    look: Looker
    moments: np.ndarray
    weigh: Callable[[np.ndarray, np.ndarray, int], Weight]
    n_weigh: int
    real: np.ndarray
    heldout: np.ndarray
    n_paths: int
    start: np.ndarray
    spread: np.ndarray
    region: Region
    seed: int
    first_run: int
    n_generations: int
    pool_paths: int
    pool_times: int | None
    blur: float
    map: Callable[..., Any]
    training: Any
    device: str = "cpu"
    rollout: Callable[[np.ndarray, int], Rollout] | None = None


def curves_of(name: str, objective: str) -> dict[str, Any]:
    """The curves of this discriminator as plain values, for the report: "caption", "columns" and "levels" by panel."""
    kind = get(name)
    level = None if kind.own_objective else getattr(objectives.get(objective), "coin_toss", None)
    return {"caption": kind.caption, "columns": {c.column: [c.panel, c.label] for c in kind.curves},
            "levels": {c.panel: level for c in kind.curves if c.has_level and level is not None}}


def can_play(name: str, objective: str) -> bool:
    """Whether the discriminator of this name plays the objective of this one."""
    kind = get(name)
    if kind.own_objective is not None:
        return bool(objective == kind.own_objective)
    return hasattr(objectives.get(objective), kind.plays)


def players(objective: str) -> list[str]:
    """The discriminators that play this objective."""
    return [name for name in parts("fastmas.discriminators", "DISCRIMINATOR") if can_play(name, objective)]


def differentiable(objective: str) -> list[str]:
    """The discriminators that play this objective and whose losses have gradients, or all that have."""
    known = [name for name, kind in parts("fastmas.discriminators", "DISCRIMINATOR").items() if kind.has_gradients]
    return [name for name in known if can_play(name, objective)] or known


def match(discriminator: str | None, objective: str | None, usual: str) -> tuple[str, str]:
    """The discriminator and the objective of a game in which either may not have been named.

    `usual` is the discriminator if neither was; it stays so under an objective that it plays.

    Raises
    ------
    ParameterError
        For an unknown name, or a discriminator that does not play the objective; the message lists those that do.
    """
    if objective is None:
        kind = get(discriminator or usual)
        return discriminator or usual, kind.own_objective or kind.usual_objective
    wanted = objectives.get(objective)
    if discriminator is None:
        own = getattr(wanted, "discriminator", objectives.ON_LOGITS)
        return usual if can_play(usual, objective) else own, objective
    if can_play(discriminator, objective):
        return discriminator, objective
    own = get(discriminator).own_objective
    why = "does not play it" if own is None else f"plays {own!r} and no other"
    raise ParameterError(f"objective={objective!r}: the discriminator {discriminator!r} {why}; "
                         f"name {' or '.join(players(objective))}, or leave the discriminator away")


def seat(name: str, table: Table, objective: str) -> Any:
    """The discriminator of this name at a table, playing for this objective."""
    kind = get(name)
    return kind(table, objectives.get(objective) if kind.own_objective is None else None)


def named(chosen: Any) -> str | None:
    """The name of a discriminator that is given as a name or a class; None for none.

    Raises
    ------
    ParameterError
        What is no class of a discriminator.
    """
    if chosen is None or isinstance(chosen, str):
        return chosen
    if not isinstance(chosen, type):
        raise ParameterError(f"discriminator={shown(chosen)}: give a name, or a class, which is built for each game")
    check_has("discriminator", chosen, HAS)
    return known_as("discriminator", chosen)


def get(name: str) -> Any:
    """The discriminator of this name; ParameterError if there is none."""
    return find("fastmas.discriminators", "DISCRIMINATOR", name, "discriminator")
