"""What a run may take: memory and disk, looked at before it starts."""

from __future__ import annotations

import math
import os
import re
import shutil
from pathlib import Path

from fastmas.errors import MemoryLimitError, OutputError, ParameterError
from fastmas.parameters import shown

SMALL_BYTES = 1 << 24  # always there: not worth a look at the memory
SHARE = 0.9  # of what is free: more would make everything else slow
_UNITS = {"": 1, "B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12,
          "KIB": 1 << 10, "MIB": 1 << 20, "GIB": 1 << 30, "TIB": 1 << 40}
_CGROUP = Path("/sys/fs/cgroup")


def available_memory() -> int:
    """Bytes that can be had without swapping, in this machine or container."""
    free = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") if hasattr(os, "sysconf") else 1 << 33
    try:
        with open("/proc/meminfo") as lines:
            free = next((int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:")), free)
    except OSError:
        pass
    try:
        most, now = ((_CGROUP / name).read_text().strip() for name in ("memory.max", "memory.current"))
        return free if most == "max" else min(free, max(0, int(most) - int(now)))
    except (OSError, ValueError):
        return free


def parse_bytes(limit: int | float | str | None) -> int | None:
    """Bytes of a number, or of a text such as "2GB", "500 MB" or "1.5GiB".

    Raises
    ------
    ParameterError
        Not a positive amount of memory.
    """
    if limit is None:
        return None
    given = re.fullmatch(r"\s*([0-9.]+(?:E[0-9]+)?)\s*([A-Z]*)\s*", limit.upper()) if isinstance(limit, str) else None
    try:
        n_bytes = limit if given is None else float(given[1]) * _UNITS[given[2]]
        if isinstance(n_bytes, (str, bool)) or not 1 <= n_bytes < math.inf:
            raise ValueError
    except (ValueError, TypeError, KeyError):
        raise ParameterError(f"memory_limit={shown(limit)}: give a number of bytes, or a text as '2GB'") from None
    return int(n_bytes)


def check_memory(n_bytes: int, limit: int | None, what: str, remedy: str) -> None:
    """Raise MemoryLimitError if `what`, of so many bytes, is more than the limit or than is free."""
    if limit is not None and n_bytes > limit:
        raise MemoryLimitError(
            f"{what} need {n_bytes / 1e9:.3g} GB and memory_limit is {limit / 1e9:.3g} GB: {remedy}")
    if n_bytes > SMALL_BYTES and n_bytes > SHARE * (free := available_memory()):
        raise MemoryLimitError(f"{what} need {n_bytes / 1e9:.3g} GB and {free / 1e9:.3g} GB are free: {remedy}")


def check_disk(path: str | Path, n_bytes: int) -> None:
    """Raise OutputError if a file of so many bytes does not fit where it is to be."""
    path = Path(path)
    try:
        free = shutil.disk_usage(path.parent).free
    except OSError:
        return  # writing will say it better
    if n_bytes > free:
        raise OutputError(f"{path} needs {n_bytes / 1e9:.3g} GB and {free / 1e9:.3g} GB are free on its disk: "
                          "ask for fewer paths or steps, or leave out the first ones with a warmup")
