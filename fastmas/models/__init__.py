"""The models: each file of this folder is one, found by its name; a user's own comes from a file.

A model's file defines one class with a `step`, or `MODEL`, a function or class that takes configuration keywords and
returns a `fastmas.model.Model`. It is imported when it is first asked for, by name or as an attribute:
`fastmas.models.stock_market(...)` builds one, and the module keeps its full name.
"""

from __future__ import annotations

import copyreg
import dataclasses
import functools
import hashlib
import importlib
import importlib.util
import pkgutil
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

from fastmas import registry
from fastmas.errors import FastmasError, ModelError, ParameterError
from fastmas.language.relaxed import relaxed
from fastmas.model import Model
from fastmas.names import unknown
from fastmas.parameters import shown

PLACE, MADE_WITH = "_place", "made_with"  # of a model that has no class of its own: FILE:NAME, and its options
_from_packages: dict[type, str] = {}  # classes of models that an entry point led to, with its name
DIGEST = "__fastmas_digest__"  # of a user's file, as it was loaded


def names() -> list[str]:
    """The built-in models."""
    return sorted(m.name.replace("_", "-") for m in pkgutil.iter_modules(__path__) if m.name[0] != "_")


def get(name: str, **config: Any) -> Model:
    """The model of this name, or of `FILE.py:NAME`, with this configuration.

    Raises
    ------
    ModelError
        If there is no such model, file or name in it.
    """
    build, twin = factory(name), config.pop("relaxed", "")
    try:
        model = build(**config)
    except FastmasError:
        raise
    except TypeError as error:
        raise ModelError(_unbuilt(name, build, config, error)) from error
    except (Exception, SystemExit) as error:  # whatever a user's function does
        raise ModelError(f"model {name!r} cannot be built: {type(error).__name__}: {error}") from error
    if not isinstance(model, Model):
        raise ModelError(f"{name!r} gives a {type(model).__name__}, not a fastmas Model")
    if not (model.sources or model.engine):
        _ = model.kernels  # raises where there are no rules at all
    return relaxed(model, twin) if twin else model


def _unbuilt(name: str, build: Any, config: dict[str, Any], error: TypeError) -> str:
    """What is wrong with these options."""
    if isinstance(build, type) and dataclasses.is_dataclass(build):
        options = dataclasses.fields(build)
        for one in options:
            if one.default is dataclasses.MISSING and one.name not in config:
                return f"model {name!r} needs the option {one.name}: give it, as {one.name}=..."
        for key in config:
            if key not in [one.name for one in options]:
                known = ", ".join(one.name for one in options) or "none"
                return f"model {name!r} has no option {key!r}; it has: {known}"
    return f"model {name!r} cannot be built with {config or 'no options'}: {error}"


def factory(name: str) -> Callable[..., Model]:
    """The function or class that builds the models of this name, or of `FILE.py:NAME`, from keywords.

    Raises
    ------
    ModelError
        If there is no such model, file or name in it.
    """
    return _from_file(name) if ".py" in name else _built_in(name)


def origin(model: Model) -> str:
    """The name with which `get` builds this kind of model again.

    Raises
    ------
    ModelError
        If its class cannot be imported from a file, as in an interactive session or inside a function, or if the
        file has changed since.
    """
    found = _origin(model)
    loaded = getattr(_loaded(found), DIGEST, None)
    if loaded is not None and loaded != digest(found):
        raise ModelError(_stale(model, found.rpartition(":")[0]))
    return found


def _stale(model: Model, file: str) -> str:
    return f"model {model.name!r}: {file} has changed since this model was made: get it from there again"


def _origin(model: Model) -> str:
    """`origin`, whether the file has changed or not."""
    if model.engine:
        return _place_of(model)
    kind: Any = type(model)
    kind = kind.exact if model.relaxation else kind
    if kind in _from_packages:
        return _from_packages[kind]
    if kind.__module__.startswith(f"{__name__}."):
        return kind.__module__.removeprefix(f"{__name__}.").replace("_", "-")
    module = sys.modules.get(kind.__module__)
    file = getattr(module, "__file__", None)
    found = getattr(module, kind.__qualname__, None)
    if file is not None and found is not kind and getattr(found, "__module__", "") == kind.__module__:
        raise ModelError(_stale(model, file))
    if file is None or found is None or found is not kind:
        raise ModelError(f"model {model.name!r}: its class {kind.__qualname__} cannot be found again; "
                         "define it at the top level of a file")
    return f"{Path(file).resolve()}:{kind.__qualname__}"


def is_installed(origin: str) -> bool:
    """Whether `origin` names a model that came with a package, and no file of somebody's."""
    return ".py" not in origin


def digest(origin: str) -> str:
    """SHA-256 of the file that defines the models of this `origin`, as it is now.

    Raises
    ------
    ModelError
        If the file cannot be read.
    """
    file = str(_module_of(origin).__file__) if is_installed(origin) else origin.rpartition(":")[0]
    try:
        return _digest(Path(file))
    except OSError as error:
        raise ModelError(f"model {origin!r}: {file} cannot be read ({error.strerror or error})") from error


def _module_of(name: str) -> ModuleType:
    """The module of a built-in model, or of one that an entry point leads to."""
    found = registry.brought(__name__, tuple(names()))
    return importlib.import_module(found[name].module if name in found else f"{__name__}.{name.replace('-', '_')}")


def _place_of(model: Any) -> str:
    """The file and the name that a model is bound to, which no class can say: the file it was got from, or any other.

    One that a function made of options is that function's.
    """
    if PLACE in vars(model):
        return vars(model)[PLACE]
    for module in [sys.modules["__main__"], *list(sys.modules.values())]:
        file = getattr(module, "__file__", None)
        for name, value in list(vars(module).items()) if isinstance(module, ModuleType) else ():
            if value is model and file:
                return f"{Path(file).resolve()}:{name}"
    raise ModelError(f"model {model.name!r} cannot be found again: bind it to a name at the top level of a file, as "
                     "MODEL = fastmas.BlackBox(...)")


def _built_in(name: str) -> Callable[..., Model]:
    if name in names():
        return importlib.import_module(f"fastmas.models.{name.replace('-', '_')}").MODEL
    if name in brought():
        return _of_package(name)
    raise ModelError(unknown("model", name, [*names(), *brought()], ", or FILE.py:NAME"))


def brought() -> list[str]:
    """The models of other packages, by their entry points; none of them is loaded."""
    return list(registry.brought(__name__, tuple(names())))


def _of_package(name: str) -> Callable[..., Model]:
    try:
        found = registry.load(registry.brought(__name__, tuple(names()))[name], "model")
    except ParameterError as error:
        raise ModelError(str(error)) from error
    if isinstance(found, type):
        _from_packages[found] = name
    elif isinstance(found, Model) and found.engine:
        vars(found).update({PLACE: name})
    return _builder(found, name)


def _from_file(name: str) -> Callable[..., Model]:
    file, _, attribute = name.rpartition(":") if ".py:" in name else (name, "", "")
    try:
        path = Path(file).resolve()
        there = path.is_file()
    except (OSError, RuntimeError) as error:  # a name that is too long, a loop of links
        raise ModelError(f"model {shown(name)}: {getattr(error, 'strerror', None) or error}; check the path") from error
    if not there:
        raise ModelError(f"model {name!r}: there is no file {file}")
    module = _import_file(path)
    if not attribute:
        return _only_model(module, name)
    if not hasattr(module, attribute):
        raise ModelError(f"model {name!r}: {file} defines no {attribute!r}")
    return _builder(getattr(module, attribute), f"{path}:{attribute}")


def _builder(found: Any, place: str) -> Callable[..., Model]:
    """What builds a model from options: what was found in a file, or for a model itself a function of none."""
    if isinstance(found, Model):
        return lambda: found
    if not callable(found):
        raise ModelError(f"{place} is {shown(found)}, which is no model: give a class with a `step`, a black box, or a "
                         "function that returns either")
    return found if isinstance(found, type) else _placed(found, place)


def _placed(build: Callable[..., Any], place: str) -> Callable[..., Model]:
    """A function of a file; a model that has no class of its own remembers who made it, and of what."""
    @functools.wraps(build)
    def made(**config: Any) -> Model:
        model = build(**config)
        if isinstance(model, Model) and model.engine and PLACE not in vars(model):
            vars(model).update({PLACE: place, MADE_WITH: config})
        return model

    return made


def _models_of(module: Any) -> list[type[Model]]:
    """The classes of models that a module defines itself."""
    return [kind for kind in vars(module).values()
            if isinstance(kind, type) and issubclass(kind, Model) and kind.__module__ == module.__name__]


def _only_model(module: Any, name: str) -> Callable[..., Model]:
    """What MODEL is bound to, or the only class of a model."""
    path = Path(module.__file__)
    if hasattr(module, "MODEL"):
        return _builder(module.MODEL, f"{path}:MODEL")
    found: dict[Any, str] = {one: name for name, one in vars(module).items() if isinstance(one, Model) and one.engine}
    kinds: list[Any] = [*dict.fromkeys(_models_of(module)), *found]
    if len(kinds) == 1:
        return _builder(kinds[0], f"{path}:{found.get(kinds[0], '')}")
    if not kinds:
        raise ModelError(f"model {name!r}: the file defines no model: write a class with a `step`, or bind MODEL")
    listed = [found.get(kind) or kind.__name__ for kind in kinds]
    raise ModelError(f"model {name!r}: the file defines {', '.join(listed)}: bind one of them to MODEL, or say "
                     f"{name}:{listed[0]}")


def _import_file(path: Path) -> Any:
    """The module of a file, as the file is now."""
    key = _key(path)
    now = _digest(path)
    if key in sys.modules and getattr(sys.modules[key], DIGEST, "") == now:
        return sys.modules[key]
    before = sys.modules.pop(key, None)
    spec = importlib.util.spec_from_file_location(key, path)
    if spec is None or spec.loader is None:
        raise ModelError(f"{path} cannot be read as a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[key] = module
    try:
        exec(compile(path.read_bytes(), str(path), "exec", dont_inherit=True), vars(module))  # no bytecode of before
    except BaseException as error:
        del sys.modules[key]
        if before is not None:
            sys.modules[key] = before
        if isinstance(error, KeyboardInterrupt):
            raise
        raise ModelError(f"{path} cannot be imported: {type(error).__name__}: {error}") from error
    setattr(module, DIGEST, now)
    for kind in _models_of(module):
        copyreg.pickle(kind, reduced)
    for key, value in vars(module).items():
        if isinstance(value, Model) and value.engine and PLACE not in vars(value):
            vars(value).update({PLACE: f"{path}:{key}"})
    return module


def _key(path: Path) -> str:
    return f"fastmas_user_{path.stem}_{hashlib.sha256(str(path).encode()).hexdigest()[:8]}"


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def reduced(model: Model) -> tuple[Any, ...]:
    """How a model of a file is pickled: by its file, as it was when it was loaded, which other processes load too."""
    place = _origin(model)
    return _again, (place, getattr(_loaded(place), DIGEST), model.config)


def _loaded(place: str) -> Any:
    """The module that was loaded from the file of this FILE:NAME."""
    return sys.modules.get(_key(Path(place.rpartition(":")[0])))


def _again(origin: str, digest: str, config: dict[str, Any]) -> Model:
    file = origin.rpartition(":")[0]
    model = get(origin, **config)
    if getattr(_loaded(origin), DIGEST, "") != digest:
        raise ModelError(f"model {model.name!r}: {file} has changed since this model was pickled: pickle it again")
    return model


def __getattr__(name: str) -> Callable[..., Model]:
    if "-" in name or name.startswith("_") or name.replace("_", "-") not in [*names(), *brought()]:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return _built_in(name.replace("_", "-"))


def __dir__() -> list[str]:
    return sorted({*globals(), *(name.replace("-", "_") for name in names())})


class _Models(ModuleType):
    """A package whose models do not become hidden by their modules of the same name."""

    def __setattr__(self, name: str, value: Any) -> None:
        if isinstance(value, ModuleType) and value.__name__ == f"{__name__}.{name}" and hasattr(value, "MODEL"):
            value = value.MODEL
        super().__setattr__(name, value)

    def __reduce__(self) -> tuple[Any, ...]:
        return importlib.import_module, (__name__,)


sys.modules[__name__].__class__ = _Models
