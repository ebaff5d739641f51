"""Calibrate agent-based simulators to data with an adversary and no gradients.

Names are loaded when first used: importing fastmas compiles nothing and imports neither Numba nor
torch.
"""

from __future__ import annotations

import importlib
import sys
from types import ModuleType
from typing import Any

__version__ = "0.1.0"

_HOMES = {
    "Agents": "fastmas.model",
    "Kernels": "fastmas.model",
    "Model": "fastmas.model",
    "Observable": "fastmas.model",
    "Parameter": "fastmas.parameters",
    "ParameterSpace": "fastmas.parameters",
    "State": "fastmas.model",
    "calibrate": "fastmas.calibrate",
    "check": "fastmas.conformance",
    "compare": "fastmas.compare",
    "differentiate": "fastmas.differentiate",
    "facts": "fastmas.facts",
    "fit_network": "fastmas.network.fitting",
    "iterate_paths": "fastmas.simulate",
    "kernel": "fastmas.kernel",
    "load_network": "fastmas.network.fit",
    "log_return": "fastmas.model",
    "observe": "fastmas.data",
    "relaxed": "fastmas.language.relaxed",
    "resume": "fastmas.calibrate",
    "simulate": "fastmas.simulate",
    "simulate_on_device": "fastmas.on_device",
}
__all__ = list(_HOMES) + ["models"]  # noqa: PLE0605, RUF005  -- one list of public names, above


def __getattr__(name: str) -> Any:
    if name == "models":
        return importlib.import_module("fastmas.models")
    if name in _HOMES:
        return getattr(importlib.import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'fastmas' has no attribute {name!r}")


class _Package(ModuleType):
    """A package whose submodules do not hide the functions of the same name (`fastmas.simulate`)."""

    def __setattr__(self, name: str, value: Any) -> None:
        if name in _HOMES and isinstance(value, ModuleType):
            value = getattr(value, name)
        super().__setattr__(name, value)

    def __reduce__(self) -> tuple[Any, ...]:
        """By name, as any module: cloudpickle knows only those of no class of their own."""
        return importlib.import_module, (__name__,)


sys.modules[__name__].__class__ = _Package
