"""What a worker process does: wait for a path to simulate, call the user's function, send what came of it."""

from __future__ import annotations

import contextlib
import faulthandler
import os
import signal
import sys
import threading
import time
from multiprocessing.connection import Connection

from fastmas.external.call import Call

LOOK = 1.0  # seconds between two looks at whether the parent still lives


def serve(call: Call, connection: Connection) -> None:
    """Answer tasks until the connection is closed; never returns."""
    _settle()
    try:
        connection.send("here")
        while True:
            task, n_steps, n_times = connection.recv()
            connection.send(call.answer(task, n_steps, n_times))
    except (EOFError, OSError):  # nobody is there any more
        pass
    finally:
        with contextlib.suppress(Exception):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(0)


def _settle() -> None:
    """A group of its own, which is ended as a whole and hears no Ctrl-C; one thread for BLAS; not without a parent."""
    with contextlib.suppress(OSError):
        os.setsid()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    faulthandler.disable()  # the parent says what happened
    with contextlib.suppress(Exception):
        from threadpoolctl import threadpool_limits  # noqa: PLC0415  -- it looks at the libraries that are loaded now

        threadpool_limits(1)
    parent = os.getppid()
    threading.Thread(target=_watch, args=(parent,), daemon=True).start()


def _watch(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(LOOK)
    with contextlib.suppress(OSError):
        os.killpg(0, signal.SIGKILL)
    os._exit(1)
