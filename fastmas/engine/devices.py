"""Where paths are simulated: the engine of each device, by name."""

from __future__ import annotations

import importlib
import sys
from types import ModuleType
from typing import Any

from fastmas.errors import DeviceError
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


def engine_for(device: Any) -> ModuleType:
    """The module whose `simulate` simulates on this device.

    Raises
    ------
    DeviceError
        As `check`.
    """
    name = ENGINES[check(device)]
    return sys.modules.get(name) or importlib.import_module(name)
