"""The machine and versions a figure was measured with, for the head of every result."""

from __future__ import annotations

import os
import platform
from typing import Any

import numba
import numpy as np
import torch

import fastmas


def machine() -> dict[str, Any]:
    """Processor, cores and versions."""
    name = platform.processor() or platform.machine()
    try:
        with open("/proc/cpuinfo") as lines:
            facts = dict(line.split(":", 1) for line in lines if ":" in line)
        keys = {k.strip(): v.strip() for k, v in facts.items()}
        name = f"{keys.get('model name', name)} (family {keys.get('cpu family')}, model {keys.get('model')})"
    except OSError:
        pass
    return {"cpu": name, "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
            "python": platform.python_version(), "fastmas": fastmas.__version__, "numba": numba.__version__,
            "numpy": np.__version__, "torch": torch.__version__}
