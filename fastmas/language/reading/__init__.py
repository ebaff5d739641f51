"""From a text to its graph: it is read once, statement by statement, with nodes in place of numbers.

Options are known, so that an `if` over an option, or a loop over a tuple, is gone; an `if` over numbers of a path
computes both ways and selects; a `for` over range(n) stays a loop.
"""

from __future__ import annotations

from fastmas.language.reading import calls, expressions, statements  # noqa: F401  -- they register what they read
from fastmas.language.reading.reader import Graph, Reader, Site
from fastmas.language.text import Text

__all__ = ["Graph", "Reader", "Site", "read_start", "read_step"]


def read_step(text: Text, relaxed: str | None = None) -> Graph:
    """The graph of `step`.

    Parameters
    ----------
    relaxed : str, optional
        What counts become in the relaxed twin: "normal" or "mean"; "" reads the exact rules. As the model is if not
        given.

    Raises
    ------
    Refused
        The text says what has no meaning; `NotForLanes` if it has one path by path.
    """
    return Reader(text, text.relaxation if relaxed is None else relaxed).run("step", ("self", "t", "draw"))


def read_start(text: Text, relaxed: str | None = None) -> Graph | None:
    """The graph of `start`, if the model has one.

    Raises
    ------
    Refused
        As `read_step`.
    """
    if not text.has("start"):
        return None
    reader = Reader(text, text.relaxation if relaxed is None else relaxed, started=False)
    return reader.run("start", ("self", "draw")[:len(text.method("start").arguments)])
