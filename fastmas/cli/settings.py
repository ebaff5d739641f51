"""`--set NAME=VALUE`: which are the model's options, which its parameters."""

# ruff: noqa: PLC0415  -- models bring Numba, which help must not wait for

from __future__ import annotations

import difflib
import inspect
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from fastmas.cli.output import show
from fastmas.errors import FastmasError, ModelError, ParameterError

if TYPE_CHECKING:
    from fastmas.model import Model

_REQUIRED = inspect.Parameter.empty


def build(name: str, given: Iterable[str], rule: str | None = None) -> tuple[Model, dict[str, Any]]:
    """The model with its options set, and the values of its parameters.

    Raises
    ------
    ModelError, ParameterError
        An unknown model, a name that it does not have, a value that cannot be.
    """
    from fastmas import models

    settings = parse(given)
    if rule is not None and settings.setdefault("rule", rule) != rule:
        raise ParameterError(f"--rule {rule} and --set rule={settings['rule']} contradict each other")
    options = _options(name)
    config = {k: _as(options[k], v) for k, v in settings.items() if k in options}
    try:
        model = models.get(name, **config)
    except (TypeError, ValueError) as error:
        listed = " ".join(f"--set {k}={settings[k]}" for k in config)
        usual = ", ".join(f"{k}={show(options[k])}" for k in config if options[k] is not _REQUIRED)
        hint = f"; the defaults are {usual}" if usual else ""
        raise ModelError(f"model {name!r} cannot be built with {listed} ({error}){hint}") from error
    values = {k: v for k, v in settings.items() if k not in options}
    return model, {k: _numbers(model, options, k, v) for k, v in values.items()}


def parse(given: Iterable[str], option: str = "--set", example: str = "kappa=1.5") -> dict[str, str]:
    """Names and texts of NAME=VALUE.

    Raises
    ------
    ParameterError
        No equals sign, no name, or a name twice.
    """
    settings: dict[str, str] = {}
    for one in given:
        name, sign, text = (part.strip() for part in one.partition("="))
        if not (name and sign and text):
            raise ParameterError(f"{option} {one!r}: give NAME=VALUE, for instance {option} {example}")
        if name in settings:
            raise ParameterError(f"{option} {name}={text}: {name} is given twice")
        settings[name] = text
    return settings


def bounds(given: Iterable[str]) -> dict[str, list[float]]:
    """Ends by name, of NAME=LOW:HIGH."""
    ends = {}
    for name, text in parse(given, "--bounds", "gamma=0.1:20").items():
        try:
            low, high = (float(part) for part in text.split(":"))
        except ValueError as error:
            raise ParameterError(f"--bounds {name}={text}: give two numbers, for instance --bounds "
                                 f"{name}=0.1:20") from error
        ends[name] = [low, high]
    return ends


def start(given: Iterable[str]) -> dict[str, float]:
    """Values by name, of NAME=VALUE."""
    values = {}
    for name, text in parse(given, "--start").items():
        try:
            values[name] = float(text)
        except ValueError as error:
            raise ParameterError(f"--start {name}={text}: {text!r} is not a number, give one") from error
    return values


def updater_options(given: Iterable[str]) -> dict[str, Any]:
    """Numbers, truth values and lists of numbers by name, of NAME=VALUE."""
    values = {}
    for name, text in parse(given, "--updater-option", "popsize=20").items():
        truth = {"true": True, "false": False}.get(text.lower())
        values[name] = value(text) if truth is None else truth
    return values


def names_of(text: str | None) -> list[str] | None:
    """Names separated by commas, None for None."""
    return None if text is None else [name.strip() for name in text.split(",") if name.strip()]


def one_or_several(text: str | None) -> str | list[str] | None:
    """A name as it is, or a list of those between commas."""
    names = names_of(text) or []
    return names if len(names) > 1 else text


def value(text: str) -> Any:
    """int, float or str; "a,b" is a tuple of them, and "2:5" or "2:5,3:8" a tuple of pairs."""
    if ":" in text:
        return tuple(value(pair.replace(":", ",")) for pair in text.split(",") if pair.strip())
    if "," in text:
        return tuple(value(part.strip()) for part in text.split(",") if part.strip())
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def _options(name: str) -> dict[str, Any]:
    """Configuration fields and their defaults, with further keywords of the model's factory."""
    from fastmas import models

    known = {
        p.name: p.default for p in inspect.signature(models.factory(name)).parameters.values()
        if p.kind in (p.KEYWORD_ONLY, p.POSITIONAL_OR_KEYWORD)}
    try:
        return known | models.get(name).config
    except FastmasError:  # a model of the user's with fields that have no default
        return known


def _as(default: Any, text: str) -> Any:
    """The value of an option in the form of its default."""
    if isinstance(default, str):
        return text
    if isinstance(default, bool) and text.lower() in ("true", "false"):
        return text.lower() == "true"
    given = value(text)
    return (given,) if isinstance(default, tuple) and not isinstance(given, tuple) else given


def _numbers(model: Model, options: Mapping[str, Any], name: str, text: str) -> Any:
    entries = {e for p in model.parameters for e in (p.name, *p.entries)}
    if name not in entries:
        raise ParameterError(_unknown(model, options, name))
    given = value(text)
    for number in given if isinstance(given, tuple) else (given,):
        if not isinstance(number, (int, float)):
            raise ParameterError(f"parameter {name!r}: {text!r} is not a number")
    return given


def _unknown(model: Model, options: Mapping[str, Any], name: str) -> str:
    names = [p.name for p in model.parameters]
    alike = difflib.get_close_matches(name, [*names, *options], n=1)
    hint = f", did you mean {alike[0]!r}?" if alike else ";"
    return (f"unknown name {name!r}{hint} model {model.name!r} has the parameters {', '.join(names)}"
            + (f" and the options {', '.join(options)}" if options else ""))
