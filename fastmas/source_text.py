"""The source of a function as it was when it was defined: in a file, a notebook cell, `python -c`."""

from __future__ import annotations

import ast
import contextlib
import functools
import linecache
import os
import sys
import sysconfig
import traceback
import types
from collections.abc import Iterator
from pathlib import Path
from types import CodeType, FunctionType
from typing import Any, NamedTuple

PACKAGE = str(Path(__file__).parent)
LIBRARIES = tuple({place for key in ("stdlib", "platstdlib", "purelib", "platlib")
                   if (place := sysconfig.get_paths().get(key))})


class Source(NamedTuple):
    """A function's text: where it stands, the number of its first line, and the lines of its file from there on."""

    file: str
    first_line: int
    text: str

    def lines(self) -> dict[int, str]:
        """Its lines by their numbers in the file."""
        return dict(enumerate(self.text.splitlines(), self.first_line))


def source_of(function: FunctionType) -> Source | None:
    """The text that this function was compiled from, or None where it cannot be had any more.

    A file that has changed since is noticed: what it says now compiles to something else.
    """
    code = function.__code__
    for whole in _texts(code.co_filename, function.__module__):
        node = _definition(whole, code)
        if node is not None:
            lines = whole.splitlines()[node.lineno - 1:node.end_lineno]
            return Source(code.co_filename, node.lineno, "\n".join(lines))
    return None


def line_of(file: str, line: int) -> str:
    """FILE:LINE and the text that stands there."""
    text = linecache.getline(file, line).strip()
    return f"{short(file)}:{line}, `{text}`" if text else f"{short(file)}:{line}"


def short(file: str) -> str:
    """A file as a message names it: from the current folder, where it lies in there."""
    with contextlib.suppress(ValueError, OSError):
        return str(Path(file).resolve().relative_to(Path(os.getcwd()).resolve()))
    return file


def raised_at(error: BaseException) -> str:
    """FILE:LINE of the user's own code that an error came from: its last frame outside fastmas and any library."""
    frames = traceback.extract_tb(error.__traceback__)
    outside = [f for f in frames if not f.filename.startswith((PACKAGE, "<frozen"))] or frames
    own = [f for f in outside if not f.filename.startswith(LIBRARIES)] or outside
    return line_of(own[-1].filename, own[-1].lineno or 0) if own else ""


def _texts(file: str, module: str) -> Iterator[str]:
    """What may be the whole text around a function: of its file, of a cell, of the command line, of standard input."""
    path = Path(file)
    if path.is_file():
        yield path.read_text(encoding="utf-8", errors="replace")
    lines = linecache.getlines(file)
    if lines:
        yield "".join(lines)
    given = getattr(sys, "orig_argv", [])
    if file == "<string>" and module == "__main__" and "-c" in given[:-1]:
        yield given[given.index("-c") + 1]
    if file == "<stdin>":
        yield from _standard_input()


def _standard_input() -> Iterator[str]:
    """What a script read from standard input was, if that is a file."""
    try:
        place = sys.stdin.tell()
        sys.stdin.seek(0)
        text = sys.stdin.read()
        sys.stdin.seek(place)
        yield text
    except (OSError, ValueError, AttributeError):
        return


def _definition(whole: str, code: CodeType) -> ast.FunctionDef | None:
    """The definition in this text that compiles to this code."""
    found = _compiled(whole, code.co_filename)
    if found is None or not any(_alike(one, code) for one in found[1].get(code.co_firstlineno, ())):
        return None
    for node in ast.walk(found[0]):
        if isinstance(node, ast.FunctionDef) and node.name == code.co_name:
            first = min([node.lineno, *(d.lineno for d in node.decorator_list)])
            if first == code.co_firstlineno:
                return node
    return None


@functools.lru_cache(maxsize=32)
def _compiled(whole: str, file: str) -> tuple[ast.Module, dict[int, list[CodeType]]] | None:
    try:
        tree = ast.parse(whole)
        top = compile(whole, file, "exec", dont_inherit=True)
    except (SyntaxError, ValueError):
        return None
    codes: dict[int, list[CodeType]] = {}
    left = [top]
    while left:
        one = left.pop()
        codes.setdefault(one.co_firstlineno, []).append(one)
        left += [c for c in one.co_consts if isinstance(c, types.CodeType)]
    return tree, codes


def _alike(a: CodeType, b: CodeType) -> bool:
    def facts(code: CodeType) -> tuple[Any, ...]:
        return code.co_name, code.co_code, code.co_names, code.co_varnames, _plain(code.co_consts)

    return facts(a) == facts(b)


def _plain(constants: tuple[Any, ...]) -> list[str]:
    return [c.co_name if isinstance(c, types.CodeType) else repr(c) for c in constants]
