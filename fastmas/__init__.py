"""Calibrate agent-based simulators to data with an adversary and no gradients.

Names are loaded when first used: importing fastmas compiles nothing and imports neither Numba nor
torch.
"""

from __future__ import annotations

import importlib
import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # what `_HOMES` loads, for those who read types
    from fastmas import discriminators as discriminators
    from fastmas import errors as errors
    from fastmas import estimators as estimators
    from fastmas import models as models
    from fastmas import objectives as objectives
    from fastmas import statistics as statistics
    from fastmas import updaters as updaters
    from fastmas.calibrate import calibrate as calibrate
    from fastmas.calibrate import resume as resume
    from fastmas.calibration.fit import Fit as Fit
    from fastmas.calibration.loading import load as load
    from fastmas.compare import compare as compare
    from fastmas.conformance import check as check
    from fastmas.data import observe as observe
    from fastmas.differentiate import differentiate as differentiate
    from fastmas.external import BlackBox as BlackBox
    from fastmas.external import Executable as Executable
    from fastmas.external import adapters as adapters
    from fastmas.facts import facts as facts
    from fastmas.kernel import kernel as kernel
    from fastmas.language.relaxed import relaxed as relaxed
    from fastmas.model import Agents as Agents
    from fastmas.model import Kernels as Kernels
    from fastmas.model import Model as Model
    from fastmas.model import Observable as Observable
    from fastmas.model import State as State
    from fastmas.model import log_return as log_return
    from fastmas.network.fit import load_network as load_network
    from fastmas.network.fitting import fit_network as fit_network
    from fastmas.on_device import simulate_on_device as simulate_on_device
    from fastmas.parameters import Parameter as Parameter
    from fastmas.parameters import ParameterSpace as ParameterSpace
    from fastmas.simulate import iterate_paths as iterate_paths
    from fastmas.simulate import simulate as simulate

__version__ = "0.1.0"

_HOMES = {
    "Agents": "fastmas.model",
    "BlackBox": "fastmas.external",
    "Executable": "fastmas.external",
    "Fit": "fastmas.calibration.fit",
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
    "load": "fastmas.calibration.loading",
    "load_network": "fastmas.network.fit",
    "log_return": "fastmas.model",
    "observe": "fastmas.data",
    "relaxed": "fastmas.language.relaxed",
    "resume": "fastmas.calibrate",
    "simulate": "fastmas.simulate",
    "simulate_on_device": "fastmas.on_device",
}
_ROOMS = {name: f"fastmas.{name}" for name in (
    "discriminators", "errors", "estimators", "models", "objectives", "statistics", "updaters")}
_ROOMS["adapters"] = "fastmas.external.adapters"
__all__ = [*_HOMES, *_ROOMS]  # noqa: PLE0604  -- one list of public names, above

if not TYPE_CHECKING:  # else every name would be there, of any type

    def __getattr__(name: str) -> Any:
        if name in _ROOMS:
            return importlib.import_module(_ROOMS[name])
        if name in _HOMES:
            return getattr(importlib.import_module(_HOMES[name]), name)
        raise AttributeError(f"module 'fastmas' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])


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
