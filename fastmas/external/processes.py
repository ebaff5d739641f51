"""A worker process and the connection to it: forked from this one, or started anew by multiprocessing."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import pickle
import signal
import sys
import time
from multiprocessing.connection import Connection
from typing import Any

from fastmas.errors import ModelError
from fastmas.external import worker
from fastmas.external.call import Call

METHODS = ("fork", "spawn", "forkserver")
SOON = 2.0  # seconds in which a process that closed its connection is gone


class Process:
    """A worker; `connection` is ours to it."""

    def __init__(self, pid: int, connection: Connection) -> None:
        self.pid, self.connection = pid, connection
        self._status: int | None = None

    def ended(self, patience: float = 0.0) -> int | None:
        """Its exit status, negative for a signal, or None while it runs."""
        until = time.monotonic() + patience
        while self._status is None:
            self._status = self._look()
            if self._status is not None or time.monotonic() >= until:
                break
            time.sleep(0.005)
        return self._status

    def kill(self) -> None:
        """End it, with all that it has started, and take its status."""
        if self._status is None:
            for end in (os.killpg, os.kill):  # it has no group before it has begun
                with contextlib.suppress(OSError):
                    end(self.pid, signal.SIGKILL)
            self.ended(SOON)
        self.connection.close()

    def _look(self) -> int | None:
        try:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
        except ChildProcessError:  # somebody else has taken its status
            return 0
        return os.waitstatus_to_exitcode(status) if pid else None


class _Spawned(Process):
    """One whose status multiprocessing takes."""

    def __init__(self, process: Any, connection: Connection) -> None:
        super().__init__(process.pid, connection)
        self._process = process

    def _look(self) -> int | None:
        code: int | None = self._process.exitcode
        return code


def usual() -> str:
    """How processes are started where nobody says: a fork needs nothing to be pickled."""
    return "fork" if hasattr(os, "fork") else "spawn"


def start(call: Call, method: str, name: str) -> Process:
    """A worker that answers for this call.

    Raises
    ------
    ModelError
        What the method needs is not there: a function that can be pickled, or a caller who may have children.
    """
    return _fork(call) if method == "fork" else _spawn(call, method, name)


def _fork(call: Call) -> Process:
    ours, theirs = multiprocessing.Pipe()
    with contextlib.suppress(Exception):  # what is in their buffers would be written twice
        sys.stdout.flush()
        sys.stderr.flush()
    pid = os.fork()
    if pid == 0:
        try:
            ours.close()
            worker.serve(call, theirs)
        finally:
            os._exit(1)
    theirs.close()
    return Process(pid, ours)


def _spawn(call: Call, method: str, name: str) -> Process:
    context = multiprocessing.get_context(method)
    try:
        pickle.dumps(call)
    except Exception as error:
        raise ModelError(f"model {name!r}: start_method={method!r} needs a function that can be pickled "
                         f"({type(error).__name__}: {error}): define it at the top level of a module, or use 'fork'"
                         ) from error
    ours, theirs = multiprocessing.Pipe()
    process = context.Process(target=worker.serve, args=(call, theirs), daemon=True)  # type: ignore[attr-defined]
    try:
        process.start()
    except (AssertionError, RuntimeError, OSError) as error:
        told = " ".join(str(error).split())
        guard = "put what calls fastmas under `if __name__ == \"__main__\":`" if isinstance(error, RuntimeError) else (
            "use start_method='fork'")
        raise ModelError(f"model {name!r}: no worker process can be started here ({told[:100]}): {guard}") from error
    theirs.close()
    return _Spawned(process, ours)
