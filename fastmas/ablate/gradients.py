"""Gradients of fixed functionals: estimators beside central differences of the exact rules.

A derivative is that of E[f] over its value under the exact rules, along a search coordinate (the logarithm of a
parameter on a log scale), so that parameters and functionals compare. One path's contribution has the estimator's mean.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from fastmas.ablate.arms import form_of
from fastmas.ablate.design import Design, counts, has_width
from fastmas.ablate.functionals import FUNCTIONALS, Levels
from fastmas.differentiate import differentiate
from fastmas.errors import FastmasError
from fastmas.language.relaxed import TEMPERATURE, relaxed
from fastmas.model import Model, choices_of
from fastmas.parameters import ParameterSpace
from fastmas.simulate import simulate

GRADIENT = "gradient"  # the kind of these rows
DIFFERENCES, SCORE = "differences", "decision score"
BLOCK = 1 << 14  # paths at a time
STEP, SHARE = 0.05, 0.02  # of a logarithm; of the box of another coordinate
DIFFERENCE_RUN, SCORE_RUN, TANGENT_RUN = 1 << 20, 1 << 21, 1 << 22  # apart from each other; all share the design's seed

Contributions = dict[str, np.ndarray]  # of a functional: (1 + d, n), its value and its derivatives


@dataclass(frozen=True)
class Setting:
    """Where derivatives are taken: real free values of the exact rules at their defaults."""

    design: Design
    n_threads: int | None = None

    @cached_property
    def space(self) -> ParameterSpace:
        """Of what a derivative can be taken by, clear of the bounds."""
        space = self.design.space
        names = [n for n, whole in zip(space.free, space.integer, strict=True) if not whole]
        real = self.design.model.space(names, self.design.fixed)
        inside = self._room(real) > 0
        return self.design.model.space([n for n, free in zip(real.free, inside, strict=True) if free],
                                       self.design.fixed)

    def _room(self, space: ParameterSpace) -> np.ndarray:
        """To the nearer end of the box."""
        z, (low, high) = space.to_z(space.start), space.z_bounds.T
        return np.minimum(z - low, high - z)

    @cached_property
    def steps(self) -> np.ndarray:
        """Of differences, (d,)."""
        width = np.ptp(self.space.z_bounds, axis=1)
        usual = [STEP if p.scale == "log" else SHARE * w
                 for p, w in zip(self.space.free_parameters, width, strict=True)]
        return np.minimum(usual, self._room(self.space))

    @cached_property
    def stretch(self) -> np.ndarray:
        """d theta / d z, (d,)."""
        return self.space.slopes(self.space.to_z(self.space.start))

    @cached_property
    def levels(self) -> Levels:
        """As the exact rules' paths allow."""
        return Levels(bool((self.design.data_of(0, self.n_threads) > 0).all()))

    @property
    def sizes(self) -> dict[str, Any]:
        """Keywords of a simulation."""
        return {"n_steps": self.design.warmup + self.design.horizon, "warmup": self.design.warmup,
                "seed": self.design.seed, "n_threads": self.n_threads}

    def theta(self, model: Model, **more: float) -> dict[str, float]:
        """Values of a model that it shares with the exact rules."""
        known = {p.name for p in model.parameters}
        return {name: x for name, x in {**self.design.fixed, **more}.items() if name in known}


class Estimator(NamedTuple):
    """`contributions(setting)` are those of its paths; `parameters` the values that its rules have."""

    name: str
    temperature: float | None
    parameters: tuple[str, ...]
    contributions: Callable[[Setting], Contributions]

    @property
    def key(self) -> str:
        """What its rows are found by."""
        return self.name if self.temperature is None else f"{self.name} at {self.temperature:g}"


def blocks(n: int) -> Iterator[tuple[int, int]]:
    """Number and size of the blocks of n paths."""
    yield from ((i, min(BLOCK, n - first)) for i, first in enumerate(range(0, n, BLOCK)))


def differences(setting: Setting) -> Contributions:
    """Of the exact rules, by central differences with common random numbers."""
    space, z = setting.space, setting.space.to_z(setting.space.start)
    parts: list[Contributions] = []
    ends = [z + side * setting.steps[j] * np.eye(space.d)[j] for j in range(space.d) for side in (1, -1)]
    points = [dict(zip(space.free, theta, strict=True)) for theta in space.to_theta(np.array([z, *ends]))]
    for i, n in blocks(setting.design.effort.difference):
        x = simulate(setting.design.model, [{**setting.design.fixed, **p} for p in points], n_paths=n,
                     common_random_numbers=True, run=DIFFERENCE_RUN + i, **setting.sizes)
        parts.append({key: np.stack([f.of(setting.levels.of(one)) for one in x]) for key, f in FUNCTIONALS.items()})
    values = {key: np.concatenate([part[key] for part in parts], axis=1) for key in FUNCTIONALS}
    return {key: np.vstack([v[:1], (v[1::2] - v[2::2]) / (2 * setting.steps[:, None])]) for key, v in values.items()}


def along(setting: Setting, model: Model, width: float | None, parameters: tuple[str, ...],
          score: bool = False) -> Contributions:
    """By tangents of a model's paths and, with `score`, the score of its decisions against the others' mean."""
    theta = setting.theta(model, **({} if width is None else {TEMPERATURE.name: width}))
    stretch = setting.stretch[[setting.space.free.index(n) for n in parameters], None]
    parts: list[Contributions] = []
    for i, n in blocks(setting.design.effort.tangent):
        x, tangents, scores = differentiate(model, theta, wrt=parameters, n_paths=n, score=score, dtype="float64",
                                            run=(SCORE_RUN if score else TANGENT_RUN) + i, **setting.sizes)
        parts.append({})
        for key, f in FUNCTIONALS.items():
            y = setting.levels.of(x)
            value, slope = f.of(y), f.slope(y) * setting.levels.slope(x)
            found = np.einsum("pt,dpt->dp", slope, tangents.astype(np.float64))
            if score:  # leave one out: the baseline of a path knows nothing of it
                found += (value - value.mean()) * (n / max(n - 1, 1)) * scores[:, :, -1]
            parts[-1][key] = np.vstack([value, stretch * found])
    return {key: np.concatenate([part[key] for part in parts], axis=1) for key in FUNCTIONALS}


def estimators(setting: Setting) -> list[Estimator]:
    """All estimators that a design's model has."""
    return [one for family in FAMILIES for one in family(setting)]


def scores(setting: Setting) -> list[Estimator]:
    """Of the exact rules: tangents along frozen decisions, and the decisions' score."""
    names = setting.space.free
    return [Estimator(SCORE, None, names, lambda s: along(s, s.design.model, None, names, score=True))]


def twins(setting: Setting) -> list[Estimator]:
    """Tangents of the relaxed twin and of rules that the model declares itself."""
    model = setting.design.model
    found = _tangents(setting, "tangents of the relaxed twin", relaxed(model), has_width(relaxed(model)))
    for choice in choices_of(model).get("rule", ()):
        form = form_of(model, choice)
        if form is not None:
            known = TEMPERATURE.name in [p.name for p in form.parameters]
            found += _tangents(setting, f"tangents of rule={choice}", form, known)
    return found


def _tangents(setting: Setting, name: str, model: Model, has: bool) -> list[Estimator]:
    known = {e for p in model.parameters for e in p.entries}
    names = tuple(n for n in setting.space.free if n in known)
    return [Estimator(name, width, names, lambda s, w=width: along(s, model, w, names))  # type: ignore[misc]
            for width in (setting.design.temperatures if has else (None,)) if names]


def through(setting: Setting) -> list[Estimator]:
    """Of the torch twin: exact paths with the slopes of relaxed decisions, and paths of relaxed decisions."""
    model = setting.design.model
    if not (has_width(relaxed(model)) or counts(model)):
        return []

    def of(width: float, is_exact: bool) -> Callable[[Setting], Contributions]:
        def contributions(s: Setting) -> Contributions:
            from fastmas.ablate.twin import by_autograd  # noqa: PLC0415  -- torch is slow to import

            return by_autograd(s, width, is_exact)
        return contributions

    return [Estimator(name, width, setting.space.free, of(width, is_exact))
            for name, is_exact in (("straight-through", True), ("concrete decisions", False))
            for width in setting.design.temperatures]


Family = Callable[[Setting], list[Estimator]]
FAMILIES: tuple[Family, ...] = (scores, twins, through)


def truth_rows(setting: Setting) -> list[dict[str, Any]]:
    """What all estimators are held against: differences at many paths, a row for each functional and parameter."""
    found = differences(setting)
    scale = {key: float(one[0].mean()) for key, one in found.items()}
    one = Estimator(DIFFERENCES, None, setting.space.free, differences)
    return _rows(setting, one, found, scale)


def gradient_rows(setting: Setting, one: Estimator, truth: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Rows of an estimator, or one that says why there are none."""
    scale = {row["functional"]: row["scale"] for row in truth}
    try:
        return _rows(setting, one, one.contributions(setting), scale)
    except FastmasError as error:
        return [{**_named(one), "failed": " ".join(str(error).split())}]


def _rows(setting: Setting, one: Estimator, found: Contributions, scale: dict[str, float]) -> list[dict[str, Any]]:
    rows = []
    for key, values in found.items():
        for name, path in zip(one.parameters, values[1:] / scale[key], strict=True):
            sd = float(path.std(ddof=1))
            rows.append({**_named(one), "functional": key, "parameter": name, "value": float(path.mean()), "sd": sd,
                         "se": sd / len(path) ** 0.5, "n": len(path), "scale": scale[key],
                         "level": float(values[0].mean()) / scale[key]})
    return rows


def _named(one: Estimator) -> dict[str, Any]:
    return {"kind": GRADIENT, "key": one.key, "estimator": one.name, "temperature": one.temperature}
