"""Which models are markets: those whose paths are prices."""

from __future__ import annotations

from fastmas.errors import ModelError
from fastmas.model import Model, Observable

PRICE = "price"  # a domain, and a name where none is declared


def is_market(model: Model) -> bool:
    """Whether what a model shows first is a price."""
    first = model.observables[0]
    return (first.domain or first.name) == PRICE


def price_of(model: Model) -> Observable:
    """The price that a model shows.

    Raises
    ------
    ModelError
        If it shows something else first.
    """
    if not is_market(model):
        shown = ", ".join(one.name for one in model.observables)
        raise ModelError(f"model {model.name!r} is no market: it shows {shown}, and a market shows `price` first")
    return model.observables[0]
