"""The memory of a GPU, planned before a launch: what is needed, what is free, how many paths at a time."""

from __future__ import annotations

from fastmas.errors import MemoryLimitError

USABLE = 0.9  # of what is free; allocations come in whole pages
SMALL_BYTES = 1 << 26  # always there: not worth a question to the driver
CHUNK_BYTES = 1 << 28  # of paths on their way to the host: large enough to fill a GPU, soon copied


def check_fits(n_bytes: int, free: float) -> None:
    """Refuse an array that has to be in the GPU's memory as a whole.

    Raises
    ------
    MemoryLimitError
    """
    if n_bytes > USABLE * free:
        raise MemoryLimitError(
            f"the paths need {n_bytes / 1e9:.3g} GB of the GPU's memory and {free / 1e9:.3g} GB are free: ask for "
            "fewer paths or steps, free what other libraries hold, or let fastmas.simulate bring them to the host")


def paths_at_a_time(n_paths: int, path_bytes: int, free: float) -> int:
    """How many of n_paths go to the GPU at a time, each with path_bytes.

    Raises
    ------
    MemoryLimitError
        If not a single path fits.
    """
    room = USABLE * free
    if path_bytes > room:
        raise MemoryLimitError(
            f"one path needs {path_bytes / 1e9:.3g} GB of the GPU's memory and {free / 1e9:.3g} GB are "
            "free: ask for fewer steps or observables, or free what other libraries hold")
    return int(max(1, min(n_paths, CHUNK_BYTES // path_bytes, room // path_bytes)))
