"""A benchmark in a process of its own: whatever library it is in, it is gone within a second of Ctrl-C."""

from __future__ import annotations

import multiprocessing
import signal
from collections.abc import Callable, Iterator
from typing import Any

from fastmas.bench.engine import Plan, measure
from fastmas.errors import FastmasError

ROW, TEXT, FAULT, END = "row", "text", "fault", "end"
PATIENCE = 0.3  # seconds for a process to end by itself


def measure_apart(plan: Plan, tell: Callable[[str], None]) -> Iterator[dict[str, Any]]:
    """The rows of `measure`.

    Raises
    ------
    FastmasError
        What it raised there.
    RuntimeError
        If the process died, or met a fault of ours.
    """
    here, there = multiprocessing.get_context("spawn").Pipe(duplex=False)
    process = multiprocessing.get_context("spawn").Process(target=work, args=(plan, there), daemon=True)
    process.start()
    there.close()
    try:
        while (message := _receive(here))[0] != END:
            kind, content = message
            if kind == FAULT:
                raise content
            if kind == TEXT:
                tell(content)
            else:
                yield content
    finally:
        process.terminate()
        process.join(PATIENCE)
        if process.is_alive():
            process.kill()
            process.join()


def _receive(pipe: Any) -> tuple[str, Any]:
    try:
        return pipe.recv()
    except EOFError:
        raise RuntimeError("the process that measures has died: memory may have run out") from None


def work(plan: Plan, pipe: Any) -> None:
    """Measure, and send what is found; the parent says when to stop."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        for row in measure(plan, lambda text: pipe.send((TEXT, text))):
            pipe.send((ROW, row))
        pipe.send((END, None))
    except FastmasError as error:
        pipe.send((FAULT, error))
    except Exception as error:
        pipe.send((FAULT, RuntimeError(f"{type(error).__name__}: {error}")))
