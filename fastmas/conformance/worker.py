"""One process of a check: `python -m fastmas.conformance.worker STAGE FOLDER`, told by FOLDER/subject.json.

Findings leave it line by line on what was its standard output, which a kernel that prints cannot reach.
"""

from __future__ import annotations

import ast
import importlib
import json
import os
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from fastmas import models
from fastmas.conformance import compiled, cuda, plain, text
from fastmas.conformance.report import FAILED, Finding, told
from fastmas.conformance.subject import DESCRIPTION, Subject
from fastmas.model import Model


def main(stage: str, folder: str) -> None:
    told_to = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    warnings.simplefilter("ignore")  # plain Python warns of what wraps and of what divides by zero
    try:
        for finding in _examine(stage, Path(folder)):
            print(json.dumps(finding), file=told_to, flush=True)
    except Exception as error:
        print(json.dumps(Finding(FAILED, stage, told(error))), file=told_to, flush=True)
    told_to.close()


def _examine(stage: str, folder: Path) -> Iterator[Finding]:
    told_of = json.loads((folder / DESCRIPTION).read_text())
    sys.path[:] = told_of["path"]
    subject = Subject(_build(told_of), np.array(told_of["base"], dtype=np.float64), folder)
    if stage == "plain":
        return plain.examine(subject)
    if stage == "cuda":
        return cuda.examine(subject, ready=_wait)
    if stage == "width":
        text.compile_double(subject)
        return iter([compiled.compile_for(subject, compiled.OTHER_WIDTH)])
    return compiled.examine(subject, ready=_wait)


def _build(told_of: dict[str, Any]) -> Model:
    if told_of["module"]:
        kind = getattr(importlib.import_module(told_of["module"]), told_of["kind"])
    else:
        kind = models.factory(told_of["origin"])
    return kind(**ast.literal_eval(told_of["config"]))


def _wait() -> None:
    """Until the first process has found that the kernels stay in their block."""
    if not sys.stdin.readline():
        sys.exit()


if __name__ == "__main__":
    main(*sys.argv[1:])
