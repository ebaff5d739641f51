"""What is said of a name that nobody knows: those near it, and all there are."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def nearest(name: object, known: Iterable[str], n: int = 1) -> list[str]:
    """At most `n` of the known names that look like this one, whatever the case of their letters."""
    folded = {one.lower(): one for one in known}
    return [folded[one] for one in difflib.get_close_matches(str(name).lower(), folded, n=n)]


def unknown(kind: str, name: object, known: Iterable[str], more: str = "") -> str:
    """A message about a part of this kind."""
    known = list(known)
    alike = nearest(name, known)
    hint = f" (did you mean {alike[0]!r}?)" if alike else ""
    return f"unknown {kind} {name!r}{hint}; there are: {', '.join(known)}{more}"
