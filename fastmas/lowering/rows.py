"""Names of lane arrays in generated code."""

from __future__ import annotations

import re

# Names that generated code uses itself.
RESERVED = frozenset(["t", "lanes", "state", "words", "history", "address", "theta", "integers", "math", "np", "kernel", "exp", "log", "tanh", "sigmoid", "normal_cdf", "sqrt", "floor", "threshold", "uniform", "below", "agree", "nearest", "equal", "half", "w", "i", "n", "b", "l", "max", "min", "abs", "int32", "int64", "uint16", "uint32", "float32", "lambda", "def", "class", "if", "else", "for", "in", "is", "not", "and", "or", "return", "pass"])


class Rows:
    """The lane arrays of a tuple, each under a name."""

    def __init__(self, of: str, n_first: int = 0) -> None:
        self.of, self.names = of, [f"{of}_{k}" for k in range(n_first)]
        self._taken = set(self.names)

    def new(self, name: str) -> str:
        """A row of this name, or with a number behind it if the name is taken."""
        name = name if name.isidentifier() else "held"
        if name in RESERVED or re.fullmatch(r"[vbe]\d+\w*", name):
            name = f"{name}_row"
        found, k = name, 2
        while found in self._taken:
            found, k = f"{name}_{k}", k + 1
        self._taken.add(found)
        self.names.append(found)
        return found

    def bindings(self, used: str) -> list[str]:
        """Lines that bind the names that occur in a text."""
        words = set(re.findall(r"\w+", used))
        return [f"    {name} = {self.of}[{k}]" for k, name in enumerate(self.names) if name in words]
