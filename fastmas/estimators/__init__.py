"""How a gradient of the expected loss by the parameters is had. One estimator per file.

An estimator is a frozen dataclass of its options, each a number with `least` and `most` in its field's metadata; the
module's `ESTIMATOR` is one with the default options. It has

- `check(model, names)`: raise ModelError unless it sees each of these free entries of the model; the message names
  what is missing and what can be used instead;
- `way(model, name) -> str`: by what it sees a free entry, in a few words;
- `needs_tensors`: whether torch must take gradients through the statistic itself;
- `rollout(scene, z, run, share) -> Rollout`: paths at search coordinates z (d,), from which the discriminator's loss
  is taken and then its gradient. `share` of the game has been played.

A loss is a function of samples (n_paths, n_samples, k). What an estimator is told of it is a `View`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

import numpy as np

from fastmas.model import Model
from fastmas.parameters import ParameterSpace
from fastmas.random.address import Address
from fastmas.registry import find, parts


@dataclass(frozen=True, eq=False)
class Scene:
    """What is simulated, and how it is looked at.

    `statistic` makes samples of paths (n_paths, n_times), of tensors too where it `reads_tensors`; sample s of a path
    reads nothing after time `ends[s]`. Windows begin after `warmup` steps and have `n_times` values. `spread` (d,) is
    the error expected of each search coordinate. `simulate(z (n, d), run)` gives paths (n, n_paths, n_times) at the
    addresses that a rollout has, all thetas with the same random numbers. `observable` is what paths are of, the
    model's first if it is None.
    """

    model: Model
    space: ParameterSpace
    statistic: Callable[[Any], Any]
    reads_tensors: bool
    ends: np.ndarray
    warmup: int
    n_times: int
    n_paths: int
    spread: np.ndarray
    address: Address
    simulate: Callable[[np.ndarray, int], np.ndarray]
    n_threads: int = 1
    observable: str | None = None


@dataclass(frozen=True, eq=False)
class View:
    """A loss near a rollout's samples: how it moves with each, and what each is to blame for.

    `loss(samples)` is the whole; `slope` (n_paths, n_samples, k) its derivative by the samples; the mean of `credit`
    (n_paths, n_samples) moves with the law of samples as the loss does.
    """

    loss: Callable[[Any], float]
    slope: np.ndarray
    credit: np.ndarray


class Rollout(Protocol):
    """Paths at one theta.

    Attributes
    ----------
    samples : (n_paths, n_samples, k)
        Those that the loss is taken of.
    smooth : (n_paths, n_samples, k)
        Those that `slope` is taken at, `samples` itself or those of a smooth twin.
    n_simulated : int
        Paths, those of differences too.
    """

    samples: np.ndarray
    smooth: np.ndarray
    n_simulated: int

    def gradient(self, view: View) -> np.ndarray:
        """Of the expected loss by z, (d,)."""


class Estimator(Protocol):
    """See the module's docstring."""

    needs_tensors: ClassVar[bool]

    def check(self, model: Model, names: tuple[str, ...]) -> None:
        """Raise ModelError unless every free entry is seen."""

    def way(self, model: Model, name: str) -> str:
        """How a free entry is seen."""

    def rollout(self, scene: Scene, z: np.ndarray, run: int, share: float) -> Rollout:
        """Paths at z (d,)."""


def get(name: str) -> Estimator:
    """The estimator of this name; ParameterError if there is none."""
    return find("fastmas.estimators", "ESTIMATOR", name, "estimator")


def names() -> list[str]:
    """All estimators."""
    return sorted(parts("fastmas.estimators", "ESTIMATOR"))
