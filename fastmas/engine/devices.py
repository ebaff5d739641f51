"""Where paths are simulated: the engine of each device, by name."""

from __future__ import annotations

import contextlib
import importlib
import sys
from types import ModuleType
from typing import Any

from fastmas.errors import DeviceError
from fastmas.model import Model
from fastmas.parameters import shown

ENGINES = {"cpu": "fastmas.engine.cpu", "cuda": "fastmas.engine.cuda"}


def check(device: Any) -> str:
    """The name of a device that can be used now.

    Raises
    ------
    DeviceError
        If there is no device of this name, or what it needs is missing.
    """
    if not isinstance(device, str) or device not in ENGINES:
        raise DeviceError(f"device={shown(device)} is none of: {', '.join(ENGINES)}")
    if device != "cpu":
        importlib.import_module(ENGINES[device]).check()
    return device


def check_for(model: Model, device: Any) -> str:
    """The same, for paths of this model.

    Raises
    ------
    DeviceError
        As `check`, or for a model with an engine of its own, which knows no device.
    """
    if model.engine and device != "cpu":
        raise DeviceError(f"device={shown(device)}: model {model.name!r} has {model.rules}, and none for a GPU; "
                          "simulate it with device='cpu'")
    return check(device)


def engine_of(model: Model, device: Any) -> ModuleType:
    """The module whose `simulate` simulates this model on this device: the model's own, if it has one."""
    return importlib.import_module(model.engine) if model.engine else engine_for(device)


def watched(model: Model) -> contextlib.AbstractContextManager[Any]:
    """Around simulations of a model: warns of what the model's own engine lost, at the end."""
    return importlib.import_module(model.engine).watched(model) if model.engine else contextlib.nullcontext()


def engine_for(device: Any) -> ModuleType:
    """The module whose `simulate` simulates on this device.

    Raises
    ------
    DeviceError
        As `check`.
    """
    name = ENGINES[check(device)]
    return sys.modules.get(name) or importlib.import_module(name)
