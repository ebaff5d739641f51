"""Parts found by their file: a folder's modules that define a given attribute, by dashed name."""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache
from typing import Any

from fastmas.errors import ParameterError


@cache
def parts(package: str, attribute: str) -> dict[str, Any]:
    """Name to object: `attribute` of each module of `package` that has it; a_b.py is named a-b.

    A module that holds several has them in a mapping of names to objects, with an S at the end of the attribute.
    """
    folder = importlib.import_module(package).__path__
    modules = {m.name: importlib.import_module(f"{package}.{m.name}") for m in pkgutil.iter_modules(folder)}
    found = {name.replace("_", "-"): getattr(module, attribute)
             for name, module in modules.items() if hasattr(module, attribute)}
    for module in modules.values():
        found.update(getattr(module, f"{attribute}S", {}))
    return dict(sorted(found.items()))


def find(package: str, attribute: str, name: str, kind: str) -> Any:
    """The part of this name.

    Raises
    ------
    ParameterError
        If there is none; the message lists those there are.
    """
    known = parts(package, attribute)
    if name not in known:
        raise ParameterError(f"unknown {kind} {name!r}; there are: {', '.join(known)}")
    return known[name]
