"""The machine and versions a figure was measured with, for the head of every result."""

from __future__ import annotations

import importlib.metadata
import os
import platform
from collections.abc import Mapping
from typing import Any

from fastmas import __version__


def processor() -> str:
    """Its name, family and model."""
    name = platform.processor() or platform.machine()
    try:
        with open("/proc/cpuinfo") as lines:
            facts = dict(line.split(":", 1) for line in lines if ":" in line)
    except OSError:
        return name
    keys = {k.strip(): v.strip() for k, v in facts.items()}
    return f"{keys.get('model name', name)} (family {keys.get('cpu family')}, model {keys.get('model')})"


def machine(versions: Mapping[str, str] | None = None) -> dict[str, Any]:
    """Processor, cores, load and versions; those of the main libraries if none are given."""
    if versions is None:
        versions = {name: importlib.metadata.version(name) for name in ("numba", "numpy", "torch")}
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    load = os.getloadavg() if hasattr(os, "getloadavg") else None
    return {"cpu": processor(), "cores": cores, "load": load, "system": platform.system(),
            "python": platform.python_version(), "fastmas": __version__, **versions}
