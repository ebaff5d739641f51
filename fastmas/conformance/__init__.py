"""Is a model what the engine takes it for? `check` examines any model, a user's own above all.

In three steps: what the model says of itself (`declared`); its kernels in plain Python, where every
index is looked at (`plain`); the compiled model (`compiled`), which runs only if the kernels stayed in
their block, since compiled code that does not may do anything. The last two have processes of their own.
What cannot be seen from outside is not checked: whether the rules are the right ones, and the types of
whole numbers beyond what they change in the paths. Of a model whose rules are outside fastmas there are paths alone
to look at (`outside`).
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from fastmas.conformance import declared, outside
from fastmas.conformance.report import FAILED, SKIPPED, Finding, Report
from fastmas.conformance.subject import describe
from fastmas.errors import ModelError
from fastmas.model import Model

__all__ = ["Finding", "Report", "check"]

INSIDE = "FASTMAS_INSIDE_CHECK"
PATIENCE = 600.0  # seconds for one process
_here = threading.local()  # an import of the model's file, in this thread, may call `check` again


def check(model: Model, theta: Mapping[str, Any] | None = None, *,
          tell: Callable[[Finding], None] | None = None) -> Report:
    """Examine a model: that its kernels keep to their block, their lanes and their random numbers.

    Parameters
    ----------
    model : Model
        Its class stands at the top level of a file.
    theta : mapping, optional
        Where to examine it; what is not named keeps its default.
    tell : callable, optional
        Called with each finding as it comes.

    Returns
    -------
    Report
        `ok` is False if anything failed; `lines` say what was seen.

    Raises
    ------
    ParameterError
        A value of theta that cannot be.
    ModelError
        `check` is called by the very file that it examines, outside `if __name__ == "__main__":`.
    """
    if os.environ.get(INSIDE) or getattr(_here, "busy", False):
        raise ModelError(f"model {model.name!r} is being checked already: put the call of check under "
                         "`if __name__ == \"__main__\":`")
    if theta:
        model.space(fixed=theta)
    findings = []
    _here.busy = True
    try:
        for finding in _all(model, theta):
            findings.append(finding)
            if tell is not None:
                tell(finding)
    finally:
        _here.busy = False
    return Report(model.name, tuple(findings))


def _all(model: Model, theta: Mapping[str, Any] | None) -> Iterator[Finding]:
    if model.engine:
        yield from outside.examine(model, theta)
        return
    sound = True
    for finding in declared.examine(model, theta):
        sound = sound and finding.status != FAILED
        yield finding
    if not sound:
        yield Finding(SKIPPED, "paths", "not run: mend what failed first")
        return
    with tempfile.TemporaryDirectory() as folder:
        describe(model, model.space(fixed=theta).base, Path(folder))
        yield from _stages(Path(folder))


def _stages(folder: Path) -> Iterator[Finding]:
    """All processes start at once; the compiled one waits, compiled, for the verdict of plain Python.

    One does nothing but compile for blocks of another width, into the cache where the compiled one finds it.
    """
    with (_Worker("plain", folder, jit=False) as plain, _Worker("compiled", folder, jit=True) as compiled,
          _Worker("width", folder, jit=True) as width, _Worker("cuda", folder, jit=False) as cuda):
        sound = True
        for finding in plain.findings():
            sound = sound and finding.status != FAILED
            yield finding
        if not sound:
            yield Finding(SKIPPED, "compiled", "not run: its kernels must be sound in plain Python first")
            return
        cuda.go()
        list(width.findings())  # what is wrong with it the other one says, too
        yield from cuda.findings()
        compiled.go()
        yield from compiled.findings()


class _Worker:
    """A process that examines what FOLDER describes; it ends with the `with` block."""

    def __init__(self, stage: str, folder: Path, *, jit: bool) -> None:
        self._stage, self._errors = stage, folder / f"{stage}.log"
        with open(self._errors, "wb") as errors:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "fastmas.conformance.worker", stage, str(folder)], text=True,
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors,
                env=os.environ | {"NUMBA_DISABLE_JIT": str(int(not jit)), INSIDE: "1",
                                  "NUMBA_ENABLE_CUDASIM": str(int(stage == "cuda"))})
        self._late = threading.Timer(PATIENCE, self._process.kill)

    def __enter__(self) -> _Worker:
        self._late.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._late.cancel()
        self._process.kill()
        self._process.communicate()

    def go(self) -> None:
        with contextlib.suppress(BrokenPipeError):  # it has said why and gone
            self._process.stdin.write("\n")  # type: ignore[union-attr]  # a pipe, as asked for
            self._process.stdin.flush()  # type: ignore[union-attr]

    def findings(self) -> Iterator[Finding]:
        last = "nothing"
        for line in self._process.stdout or ():
            finding = Finding(*json.loads(line))
            last = finding.check
            yield finding
        status = self._process.wait()
        if status:
            yield Finding(FAILED, self._stage, f"the process {self._end(status)} after it had looked at: {last}")

    def _end(self, status: int) -> str:
        if not self._late.is_alive() and status == -signal.SIGKILL:
            return f"did not end within {PATIENCE:.0f} s and was stopped"
        said = self._errors.read_text(errors="replace").strip().splitlines()
        how = signal.Signals(-status).name if status < 0 else f"status {status}"
        return f"died of {how}{': ' + said[-1] if said else ''}"
