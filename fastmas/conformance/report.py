"""What a conformance check found, one line for each thing that it looked at."""

from __future__ import annotations

import traceback
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from fastmas.errors import FastmasError
from fastmas.source_text import PACKAGE, line_of

OK, WARNING, FAILED, SKIPPED = "ok", "warning", "failed", "skipped"
HERE = str(Path(__file__).parent)


class Finding(NamedTuple):
    """One line: "ok", "warning", "failed" or "skipped", what was checked, and what was seen."""

    status: str
    check: str
    text: str

    def __str__(self) -> str:
        return f"{self.status:<8} {self.check}: {self.text}"


@dataclass(frozen=True)
class Report:
    """All findings about the model of this name."""

    model: str
    findings: tuple[Finding, ...]

    @property
    def ok(self) -> bool:
        """Whether nothing failed; neither a warning is a failure, nor what would take too long here and says so."""
        return not any(f.status == FAILED for f in self.findings)

    @property
    def lines(self) -> list[str]:
        return [str(f) for f in self.findings]

    def __str__(self) -> str:
        return "\n".join(self.lines)


def told(error: BaseException) -> str:
    """An error in one line, with the line of the model's own code that led to it."""
    text = " ".join(str(error).split())
    if isinstance(error, FastmasError):
        return text
    frames = [f for f in traceback.extract_tb(error.__traceback__) if not f.filename.startswith(HERE)]
    own = [f for f in frames if not f.filename.startswith(PACKAGE) and Path(f.filename).is_file()] or frames
    place = f"{line_of(own[-1].filename, own[-1].lineno or 0)}: " if own else ""
    return f"{place}{type(error).__name__}: {text}"
