"""The relaxed twin of a text: the same rules with smooth decisions of a given width.

`above` becomes a logistic step, `chance` its concrete relaxation, a count a Gaussian number of its mean and
variance, or its mean. All else, comparisons too, stays what it is.
"""

from __future__ import annotations

from functools import cache, cached_property
from typing import Any

from fastmas.errors import ModelError
from fastmas.model import Model
from fastmas.parameters import Parameter, shown

COUNTS = ("normal", "mean")
TEMPERATURE = Parameter(0.25, 1e-3, 10.0, "log", "", "width of relaxed decisions; exact as it goes to zero",
                        "this project", name="temperature")


def relaxed(model: Model, counts: str = "normal") -> Model:
    """The relaxed twin of a model, with one parameter more: `temperature`.

    Parameters
    ----------
    counts : {"normal", "mean"}
        What `draw.count` becomes: a Gaussian number of the same mean and variance, or its mean.

    Raises
    ------
    ModelError
        The model has kernels of its own, or is relaxed already.
    """
    if not model.sources:
        raise ModelError(f"model {model.name!r} has kernels of its own: only the rules of a text can be relaxed")
    if model.relaxation:
        raise ModelError(f"model {model.name!r} is relaxed already")
    if counts not in COUNTS:
        raise ModelError(f"counts={shown(counts)} is none of: {', '.join(COUNTS)}")
    kind: Any = type(model)
    return _twin(kind, counts)(**model.config)


@cache
def _twin(kind: Any, counts: str) -> type[Model]:
    """The class of relaxed twins of a class."""
    def parameters(self: Any) -> tuple[Parameter, ...]:
        own = tuple(p for p in kind.parameters.__get__(self, kind) if p.name != TEMPERATURE.name)
        return (*own, TEMPERATURE)

    def again(self: Any) -> Any:
        return relaxed, (kind(**kind.config.fget(self)), counts)

    body = {"relaxation": counts, "exact": kind, "parameters": cached_property(parameters), "__reduce__": again,
            "config": property(lambda self: {**kind.config.fget(self), "relaxed": counts}),
            "__module__": kind.__module__, "__doc__": kind.__doc__}
    return type(f"Relaxed{kind.__name__}", (kind,), body)
