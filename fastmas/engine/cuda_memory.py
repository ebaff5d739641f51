"""The memory of a GPU, planned before a launch: what is needed, what is free, how many paths at a time."""

from __future__ import annotations

from fastmas.errors import MemoryLimitError

USABLE = 0.9  # of what is free; allocations come in whole pages
SMALL_BYTES = 1 << 26  # always there: not worth a question to the driver
LOCAL_BYTES = 512 << 10  # of one thread: CUDA C++ programming guide, table of technical specifications
REMEMBER_LESS = "use device='cpu', or a model that remembers less"
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


def check_history(n_rows: int, n_bytes: int) -> None:
    """Refuse a history of so many bytes a path that the local memory of a thread cannot hold.

    Raises
    ------
    MemoryLimitError
    """
    if n_bytes > LOCAL_BYTES:
        raise MemoryLimitError(f"{n_rows} rows of history are {n_bytes / 1e3:.0f} kB a path, and a CUDA thread has "
                               f"{LOCAL_BYTES / 1e3:.0f} kB of local memory: {REMEMBER_LESS}")


def no_room_for_history(n_bytes: int, n_threads: int) -> MemoryLimitError:
    """The refusal of a history that a thread could hold, and all threads that a GPU may have under way cannot."""
    return MemoryLimitError(
        f"a history of {n_bytes / 1e3:.0f} kB a path is {n_bytes * n_threads / 1e9:.3g} GB for the {n_threads} threads "
        f"of this GPU, for all of which the driver sets it aside, and it has no room for them: {REMEMBER_LESS}")
