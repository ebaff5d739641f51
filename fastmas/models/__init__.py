"""The models: each file of this folder is one, found by its name; a user's own comes from a file.

A model's file defines `MODEL`, a function or class that takes configuration keywords and returns
a `fastmas.model.Model`. It is imported when it is first asked for, by name or as an attribute:
`fastmas.models.stock_market(...)` builds one, and the module keeps its full name.
"""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import pkgutil
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

from fastmas.errors import ModelError
from fastmas.model import Model


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
    build = factory(name)
    try:
        model = build(**config)
    except TypeError as error:
        raise ModelError(f"model {name!r} cannot be built with {config or 'no options'}: {error}") from error
    if not isinstance(model, Model):
        raise ModelError(f"{name!r} gives a {type(model).__name__}, not a fastmas Model")
    return model


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
        If its class cannot be imported from a file, as in an interactive session or inside a function.
    """
    kind = type(model)
    if kind.__module__.startswith(f"{__name__}."):
        return kind.__module__.removeprefix(f"{__name__}.").replace("_", "-")
    module = sys.modules.get(kind.__module__)
    file = getattr(module, "__file__", None)
    if file is None or getattr(module, kind.__qualname__, None) is not kind:
        raise ModelError(f"model {model.name!r}: its class {kind.__qualname__} cannot be found again; "
                         "define it at the top level of a file")
    return f"{Path(file).resolve()}:{kind.__qualname__}"


def _built_in(name: str) -> Callable[..., Model]:
    if name not in names():
        raise ModelError(f"unknown model {name!r}; there are: {', '.join(names())}, or FILE.py:NAME")
    return importlib.import_module(f"fastmas.models.{name.replace('-', '_')}").MODEL


def _from_file(name: str) -> Callable[..., Model]:
    file, _, attribute = name.rpartition(":") if ".py:" in name else (name, "", "MODEL")
    path = Path(file).resolve()
    if not path.is_file():
        raise ModelError(f"model {name!r}: there is no file {file}")
    module = _import_file(path)
    if not hasattr(module, attribute):
        raise ModelError(f"model {name!r}: {file} defines no {attribute!r}")
    return getattr(module, attribute)


def _import_file(path: Path) -> Any:
    key = f"fastmas_user_{path.stem}_{hashlib.sha256(str(path).encode()).hexdigest()[:8]}"
    if key in sys.modules:
        return sys.modules[key]
    spec = importlib.util.spec_from_file_location(key, path)
    if spec is None or spec.loader is None:
        raise ModelError(f"{path} cannot be read as a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[key] = module
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        del sys.modules[key]
        raise ModelError(f"{path} cannot be imported: {type(error).__name__}: {error}") from error
    return module


def __getattr__(name: str) -> Callable[..., Model]:
    if "-" in name or name.replace("_", "-") not in names():
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


sys.modules[__name__].__class__ = _Models
