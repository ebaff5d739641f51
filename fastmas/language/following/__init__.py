"""From a text to what one path does: its statements in their order, for what paths cannot do side by side.

Expressions are the reader's own nodes, and draws get their addresses by its rules, so that a text which lanes can
run gives the same numbers here. Statements stay statements: a `while`, a `break`, an early `return`.
"""

from __future__ import annotations

from fastmas.language.following import expressions, statements  # noqa: F401  -- they register what they follow
from fastmas.language.following.follower import Follower, Known
from fastmas.language.refusals import NotForLanes, Refused
from fastmas.language.text import Text

__all__ = ["Follower", "follow_start", "follow_step"]
MOST_PASSES = 50


def follow_step(text: Text) -> Follower:
    """What a path does in a step: `actions`, and the `graph` that has its sites and looks back.

    Raises
    ------
    Refused
        The text says what has no meaning, side by side or path by path.
    """
    return _follow(text, "step", ("self", "t", "draw"))


def follow_start(text: Text) -> Follower | None:
    """What a path does before its first step, if the model has a `start`.

    Raises
    ------
    Refused
        As `follow_step`.
    """
    if not text.has("start"):
        return None
    return _follow(text, "start", ("self", "draw")[:len(text.method("start").arguments)])


def _follow(text: Text, name: str, arguments: tuple[str, ...]) -> Follower:
    """Read until the kinds of all names are known."""
    known = Known()
    for _ in range(MOST_PASSES):
        known.changed = False
        follower = Follower(text, known, started=name == "step")
        try:
            follower.run(name, arguments)
        except NotForLanes as error:
            raise Refused(str(error)) from None
        if not known.changed:
            break
    return follower
