"""The arms of an ablation: which rules are fitted, at which temperature, by which updater."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from fastmas import updaters
from fastmas.ablate.design import EXACT, Design, has_width
from fastmas.errors import FastmasError
from fastmas.language.relaxed import TEMPERATURE, relaxed
from fastmas.model import Model, choices_of

MOMENTS, PATHWISE = "moments", "pathwise"
TWIN = "relaxed twin"
RULE = "rule"


@dataclass(frozen=True)
class Arm:
    """One way to fit: `rules` in words, the model, the names that are free and the values that are fixed.

    `compared` are the free values that the exact rules have too. `temperature` is None where there is no width.
    """

    rules: str
    model: Model
    updater: str
    free: tuple[str, ...]
    fixed: Mapping[str, float]
    compared: tuple[str, ...]
    temperature: float | None = None

    @property
    def name(self) -> str:
        """What its rows are found by."""
        width = "" if self.temperature is None else f" at {self.temperature:g}"
        return f"{self.rules}{width}, {self.updater}"

    @property
    def is_exact(self) -> bool:
        """Whether its rules are those of the data."""
        return self.rules == EXACT

    @property
    def is_game(self) -> bool:
        """Whether its updater plays one."""
        return updaters.get(self.updater).is_game


def arms_of(design: Design) -> list[Arm]:
    """All arms of a design, those of the exact rules first."""
    return [arm for family in FAMILIES for arm in family(design)]


def exact(design: Design) -> list[Arm]:
    """The rules that made the data, by every updater."""
    return [_arm(design, EXACT, design.model, updater) for updater in design.updaters]


def twins(design: Design) -> list[Arm]:
    """The relaxed twin of the text, by moments: nothing but the rules differs from the exact ones' moment fit."""
    return [_arm(design, TWIN, model, MOMENTS, width) for model, width in at_widths(design, relaxed(design.model))]


def forms(design: Design) -> list[Arm]:
    """Smoothed rules that the model declares itself, by moments and, where there is one, by their own tangents."""
    found = []
    for choice in choices_of(design.model).get(RULE, ()):
        form = form_of(design.model, choice)
        if form is not None:
            found += [_arm(design, f"rule={choice}", model, updater, width)
                      for model, width in at_widths(design, form) for updater in (MOMENTS, PATHWISE)
                      if updater in updaters.names()]
    return found


Family = Callable[[Design], list[Arm]]
FAMILIES: tuple[Family, ...] = (exact, twins, forms)


def form_of(model: Model, choice: str) -> Model | None:
    """The model with this choice of rule, or None for the exact ones and where other options stand against it."""
    if choice == EXACT:
        return None
    try:
        return type(model)(**{**model.config, RULE: choice})
    except FastmasError:
        if "mode" not in model.config:
            return None
    try:
        return type(model)(**{**model.config, RULE: choice, "mode": "auto"})
    except FastmasError:
        return None


def at_widths(design: Design, model: Model) -> list[tuple[Model, float | None]]:
    """A smoothed model at each temperature, once if it has none."""
    has = has_width(model) if model.relaxation else TEMPERATURE.name in [p.name for p in model.parameters]
    return [(model, width) for width in design.temperatures] if has else [(model, None)]


def _arm(design: Design, rules: str, model: Model, updater: str, width: float | None = None) -> Arm:
    """Free is what is free under the exact rules; where these rules lack some of it, also what they have instead."""
    known = {p.name for p in model.parameters} | {e for p in model.parameters for e in p.entries}
    own = [p.name for p in model.parameters if p.name not in {q.name for q in design.model.parameters}]
    free = [name for name in design.free if name in known]
    if len(free) < len(design.free):
        free += [name for name in own if name != TEMPERATURE.name]
    fixed = {name: value for name, value in design.fixed.items() if name in known}
    if width is not None:
        fixed[TEMPERATURE.name] = width
    compared = tuple(e for e in design.space.free if e in known)
    return Arm(rules, model, updater, tuple(free), fixed, compared, width)
