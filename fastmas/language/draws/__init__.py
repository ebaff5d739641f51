"""What a text can draw: each file is one kind of random number, with all that is made of it."""

from __future__ import annotations

from fastmas.language.draws.draw import Draw
from fastmas.registry import parts

DRAWS: dict[str, Draw] = parts(__name__, "DRAW")
__all__ = ["DRAWS", "Draw"]
