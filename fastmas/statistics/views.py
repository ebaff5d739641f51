"""How each observable of a path is seen: by its domain, in units of the training data.

Paths of one observable are (n_paths, n_times), those of several (n_paths, k, n_times).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from fastmas import domains
from fastmas.domains import Domain, Trait
from fastmas.statistics.scaling import Scaling
from fastmas.statistics.tensors import as_numbers


@dataclass(frozen=True)
class View:
    """One observable: its place among all, its name and domain, and the scale of the training data.

    `codes` are those seen in the training data, in order, of one that is coded.
    """

    place: int
    name: str
    domain: Domain
    scaling: Scaling
    codes: tuple[float, ...] = ()

    @classmethod
    def of(cls, place: int, name: str, domain: Domain, x: np.ndarray) -> View:
        """Fit to training paths x (n_paths, n_times)."""
        scaling = Scaling.of(x, logarithm=domain.logarithm, keeps_level=domain.keeps_level)
        return cls(place, name, domain, scaling, tuple(np.unique(x).tolist()) if domain.is_coded else ())

    @property
    def is_plain(self) -> bool:
        """Whether it is read by its increments alone, as prices are."""
        return not (self.domain.is_coded or self.domain.keeps_level)

    @property
    def traits(self) -> tuple[Trait, ...]:
        return self.domain.traits(self.codes)

    def of_paths(self, paths: Any) -> Any:
        """This observable of paths, (n_paths, n_times)."""
        return paths if paths.ndim == 2 else paths[:, self.place]

    def indicators(self, paths: np.ndarray) -> Iterator[tuple[float, np.ndarray]]:
        """Each code but the first, and where it is, (n_paths, n_times)."""
        values = self.of_paths(paths)
        for code in self.codes[1:]:
            yield code, values == code


@dataclass(frozen=True)
class Layer:
    """Numbers that a discriminator is shown of an observable: itself, or where it has one of its codes."""

    view: View
    scaling: Scaling
    code: float | None = None

    def of_paths(self, paths: Any) -> Any:
        """(n_paths, n_times); a torch tensor stays one."""
        values = self.view.of_paths(paths)
        return values if self.code is None else as_numbers(values == self.code)


def views_of(x: np.ndarray, names: Sequence[str], kinds: Sequence[str]) -> tuple[View, ...]:
    """Fit to training paths x of observables with these names and domains."""
    layers = [x] if x.ndim == 2 else [x[:, i] for i in range(x.shape[1])]
    return tuple(View.of(i, name, domains.get(domains.resolved(kind, "", "", layer)), layer)
                 for i, (name, kind, layer) in enumerate(zip(names, kinds, layers, strict=True)))


def layers_of(views: Sequence[View], x: np.ndarray) -> list[Layer]:
    """What is shown of all observables, fitted to training paths x."""
    layers = []
    for view in views:
        if not view.domain.is_coded:
            layers.append(Layer(view, view.scaling))
        for code, there in view.indicators(x):
            scaling = Scaling.of(there.astype(np.float64), logarithm=False, keeps_level=True)
            layers.append(Layer(view, scaling, code))
    return layers
