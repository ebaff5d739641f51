"""What Numba says of a kernel that cannot be compiled, in one line instead of a page."""

from __future__ import annotations

import contextlib
import inspect
import re
from collections.abc import Iterator

from numba.core.errors import NumbaError, UnsupportedBytecodeError

from fastmas.errors import ModelError
from fastmas.source_text import PACKAGE, line_of, short

GENERATED = "fastmas_generated_"
PLACES = re.compile(r"(?:\bat |Raised from )(?P<file>\S.*?\.py) \((?P<line>\d+)\)")
SIGNATURE = re.compile(r"found for signature:\s*>>> (?P<call>[^\n]+)")
BOUND = re.compile(r"to signature '(?P<signature>\([^']*\))'")
KERNEL = re.compile(r"CPUDispatcher\(<function (?P<name>[\w.<>]+) at")
NOISE = ("Failed in ", "- Resolution failure", "During: ", "File ")


@contextlib.contextmanager
def compiling(name: str) -> Iterator[None]:
    """Around the first call of what is compiled for the model of this name.

    Raises
    ------
    ModelError
        In place of Numba's own errors: the line of the kernel, and what is wrong with it.
    """
    try:
        yield
    except (NumbaError, UnsupportedBytecodeError) as error:
        raise ModelError(f"model {name!r} cannot be compiled: {explain(str(error))}") from error


def explain(page: str) -> str:
    """The innermost place that a page of Numba names, of the model's own if there is one, and the reason."""
    return f"{_place(page)}{_reason(page)} (Numba tells more under --debug)"


def _place(page: str) -> str:
    places = [(p["file"], int(p["line"])) for p in PLACES.finditer(page) if GENERATED not in p["file"]]
    if not places:
        kernel = KERNEL.search(page)
        return f"kernel {kernel['name']}: " if kernel else ""
    file, line = next((p for p in places if not p[0].startswith(PACKAGE)), places[0])
    inner = f"in {short(places[0][0])}:{places[0][1]}: " if places[0][0] != file else ""
    return f"{line_of(file, line)}: {inner}"


def _reason(page: str) -> str:
    if found := SIGNATURE.search(page):
        return f"there is no {' '.join(found['call'].split())}"
    if found := BOUND.search(page):
        return f"the engine gives other arguments than its {found['signature']}"
    lines = [line.strip() for line in page.splitlines()]
    told = next((line for line in lines if line and not line.startswith(NOISE)), "Numba gives no reason")
    return re.sub(r"\.?\s*Raised from .*", "", told)


def defined_at(function: object) -> str:
    """FILE:LINE of a kernel."""
    plain = inspect.unwrap(getattr(function, "py_func", function))  # type: ignore[arg-type]
    return f"{short(plain.__code__.co_filename)}:{plain.__code__.co_firstlineno}"
