"""Parts of a calibration that are objects: how a run directory keeps them, and how they are had again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from fastmas import registry
from fastmas.calibration.settings import Settings
from fastmas.errors import ParameterError
from fastmas.parameters import shown

GIVEN = ("updater", "discriminator", "objective", "statistic")


def kept(settings: Settings, statistic: Any) -> Settings:
    """The same with a name for a statistic that is a function.

    Raises
    ------
    ParameterError
        A part that could not be found again.
    """
    if callable(statistic):
        settings = replace(settings, statistic=registry.known_as("statistic", statistic))
    for kind in GIVEN:
        name = getattr(settings, kind)
        if not (registry.can_be_kept(kind, name) or kind == "updater" and registry.can_be_kept("estimator", name)):
            what = "a statistic that is a function" if kind == "statistic" else f"the {kind} {name!r}, an object"
            raise ParameterError(f"a run directory cannot keep {what}: leave `out` away, or define it at the top level "
                                 "of a module that can be imported")
    return settings


def give_again(parts: Mapping[str, Any], config: Mapping[str, Any]) -> None:
    """Let the parts of a run be these where it names what cannot be had otherwise.

    Raises
    ------
    ParameterError
        A kind of part that there is not, or one that is no name of an object in this run.
    """
    if not isinstance(parts, Mapping):
        raise ParameterError(f"parts={shown(parts)}: give a mapping, as {{'updater': ...}}")
    for kind, part in parts.items():
        name = str(config.get(kind)) if kind in GIVEN else ""
        if ":" not in name:
            raise ParameterError(f"parts: this run has no {kind} that is an object; it may have: {', '.join(GIVEN)}")
        registry.give(kind, name, part)


def function_of(statistic: str) -> Any:
    """The function behind the name MODULE:NAME of a statistic; other names stay what they are."""
    return registry.find(*registry.KINDS["statistic"], statistic, "statistic") if ":" in statistic else statistic
