"""What a kind of draw says of itself."""

from __future__ import annotations

import ast
from typing import Any, ClassVar

from fastmas.language.graph import Node

LAST = 4294967295.0  # the largest threshold of a 32-bit word
TWO_32 = 2.0**32


class Draw:
    """One method of `draw`: its arguments, its nodes, its number in plain Python, its code.

    `out`, in what follows, is the code that is being written (`fastmas.lowering.lanes.Lanes`); `words` are the
    random words of one path at the draw's place (`fastmas.language.path_words.PathWords`). `follow` writes into the
    code of one path (`fastmas.lowering.path_code.PathCode`), with what `fastmas.random.at` has.
    """

    arguments: ClassVar[tuple[str, ...]] = ()
    heavy: ClassVar[bool] = False  # has loops over lanes of its own
    takes_word: ClassVar[bool] = True  # one that is drawn ahead
    in_halves: ClassVar[bool] = False  # a turn of a loop takes half a word
    decides: ClassVar[bool] = False  # chosen with a probability, which has a score

    def read(self, reader: Any, e: ast.Call, values: list[Any], label: str) -> Node:
        """The node of this draw, or of what is computed from it."""
        raise NotImplementedError

    def value(self, words: Any, *arguments: Any) -> Any:
        """The number, in plain Python."""
        raise NotImplementedError

    def write(self, out: Any, node: Node) -> None:
        """Write the loops over lanes that draw it, if it is heavy."""

    def text(self, out: Any, node: Node, key: Any) -> str:
        """The expression that reads or computes it in lane w."""
        raise NotImplementedError

    def follow(self, out: Any, name: str, node: Node) -> None:
        """Write the lines that give `name` the number of lane w alone."""
        raise NotImplementedError


def limit_of(p: float) -> int:
    """The word below which one falls with this probability."""
    return int(min(max(p, 0.0) * TWO_32, LAST))
