"""Parts by name: a file of fastmas, an entry point of another package, or an object that a caller has given.

A folder's modules that define a given attribute are found by dashed name. The entry points of another package stand in
the group of the folder's own name, such as "fastmas.updaters"; they are loaded when they are asked for.
"""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import pkgutil
import sys
import sysconfig
import warnings
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

from fastmas.errors import FastmasWarning, ParameterError
from fastmas.names import unknown

KINDS = {  # kind of part: folder and group of entry points, attribute of a module
    "statistic": ("fastmas.statistics", "STATISTIC"), "objective": ("fastmas.objectives", "OBJECTIVE"),
    "discriminator": ("fastmas.discriminators", "DISCRIMINATOR"), "updater": ("fastmas.updaters", "UPDATER"),
    "estimator": ("fastmas.estimators", "ESTIMATOR")}
_given: dict[tuple[str, str], Any] = {}


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
        If there is none, with those there are; or it is another package's and cannot be loaded.
    """
    known = parts(package, attribute)
    if name in known:
        return known[name]
    if (package, name) in _given:
        return _given[package, name]
    if name in (others := brought(package, tuple(known))):
        return load(others[name], kind)
    if isinstance(name, str) and ":" in name:
        return imported(name, kind)
    raise ParameterError(unknown(kind, name, [*known, *others]))


def names(package: str, attribute: str) -> list[str]:
    """All of fastmas's own and those of other packages."""
    known = parts(package, attribute)
    return sorted([*known, *brought(package, tuple(known))])


# -- of other packages ---------------------------------------------------------------------------------


@cache
def brought(group: str, own: tuple[str, ...]) -> dict[str, metadata.EntryPoint]:
    """Entry points by name, none of them loaded; one that is named as one of our `own` is left out, with a warning."""
    found: dict[str, metadata.EntryPoint] = {}
    for one in metadata.entry_points(group=group):
        kind = group.rpartition(".")[2].rstrip("s")
        if one.name in own:
            warnings.warn(f"the package {_package(one)} brings the {kind} {one.name!r}, which fastmas has itself: it "
                          "is left out", FastmasWarning, stacklevel=2)
        elif one.name in found and found[one.name].value != one.value:
            warnings.warn(f"the packages {_package(found[one.name])} and {_package(one)} both bring the {kind} "
                          f"{one.name!r}: that of {_package(found[one.name])} is used", FastmasWarning, stacklevel=2)
        else:
            found[one.name] = one
    return dict(sorted(found.items()))


def load(entry: metadata.EntryPoint, kind: str) -> Any:
    """What an entry point leads to; ParameterError, with the name of its package, if it leads nowhere."""
    try:
        return entry.load()
    except Exception as error:
        raise ParameterError(f"{kind} {entry.name!r} of the package {_package(entry)} cannot be loaded ({entry.value}: "
                             f"{type(error).__name__}: {error}); mend or remove that package") from error


def _package(entry: metadata.EntryPoint) -> str:
    return entry.dist.name if entry.dist is not None else entry.value.partition(":")[0]


def source_of(package: str, name: str, own: tuple[str, ...]) -> str:
    """The package that brings a part: fastmas, or another."""
    entry = brought(package, own).get(name)
    return "fastmas" if entry is None else _package(entry)


# -- objects -------------------------------------------------------------------------------------------


def known_as(kind: str, part: Any) -> str:
    """The name by which a part is found from now on: its own, its import path MODULE:NAME, or one made up for it."""
    package, attribute = KINDS[kind]
    for name, one in parts(package, attribute).items():
        if one is part:
            return name
    name = place_of(part) or _made_up(package, part)
    _given[package, name] = part
    return name


def give(kind: str, name: str, part: Any) -> None:
    """Let a part be found by this name."""
    _given[KINDS[kind][0], name] = part


def place_of(part: Any) -> str | None:
    """MODULE:NAME from which a part can be imported again, None if it cannot."""
    module = sys.modules.get(getattr(part, "__module__", ""))
    if module is None or module.__name__ == "__main__" or module.__name__.startswith("fastmas_user_"):
        return None
    own = getattr(part, "__qualname__", "")
    if own and getattr(module, own, None) is part:
        return f"{module.__name__}:{own}"
    return next((f"{module.__name__}:{name}" for name, value in list(vars(module).items()) if value is part), None)


def can_be_kept(kind: str, name: str) -> bool:
    """Whether a part of this name can be had again in another process."""
    package, attribute = KINDS[kind]
    return ":" in name or name in names(package, attribute)


def imported(place: str, kind: str) -> Any:
    """What MODULE:NAME of an installed package is.

    Raises
    ------
    ParameterError
        If the module is of no installed package, cannot be imported, or has nothing of this name.
    """
    module_name, _, name = place.partition(":")
    if not _is_installed(module_name.partition(".")[0]):
        raise ParameterError(f"{kind} {place!r} is of no installed package, and code from elsewhere is not run without "
                             f"being asked for: give it again, as fastmas.resume(RUN, parts={{{kind!r}: ...}})")
    try:
        found = importlib.import_module(module_name)
        for part in name.split("."):
            found = getattr(found, part)
    except Exception as error:
        raise ParameterError(f"{kind} {place!r} cannot be imported: {type(error).__name__}: {error}") from error
    return found


def _is_installed(top: str) -> bool:
    if top == "fastmas" or top in metadata.packages_distributions():
        return True
    found = importlib.util.find_spec(top) if top.isidentifier() else None
    places = [sysconfig.get_paths()[key] for key in ("purelib", "platlib")]
    return bool(found and found.origin and any(Path(place) in Path(found.origin).parents for place in places))


def _made_up(package: str, part: Any) -> str:
    plain = getattr(part, "__name__", None) or type(part).__name__
    taken = {name for home, name in _given if home == package and _given[home, name] is not part}
    return next(name for name in (plain, *(f"{plain}-{i}" for i in range(2, len(taken) + 3))) if name not in taken)


def check_has(kind: str, part: Any, wanted: tuple[str, ...]) -> None:
    """Raise ParameterError for a part that lacks any of these attributes."""
    missing = [name for name in wanted if not hasattr(part, name)]
    if missing:
        called = getattr(part, "__name__", type(part).__name__)
        raise ParameterError(f"{kind} {called}: it has no {', '.join(missing)}; an object that is to serve as one has "
                             f"{', '.join(wanted)} (docs/extending.md)")


# -- what there is -------------------------------------------------------------------------------------


def what_it_is(part: Any) -> str:
    """One line: the first of its file's docstring, or of its own or its class's."""
    own = part if inspect.isclass(part) or inspect.isroutine(part) else type(part)
    module = sys.modules.get(own.__module__)
    for text in (getattr(module, "__doc__", None), inspect.getdoc(own)):
        if text:
            return " ".join(text.strip().split("\n\n")[0].split())
    return ""
