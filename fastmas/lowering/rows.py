"""Names of lane arrays in generated code."""

from __future__ import annotations

import keyword
import re

# Names that generated code uses itself.
RESERVED = frozenset([
    *keyword.kwlist, "t", "lanes", "state", "words", "history", "address", "theta", "integers", "math", "np", "kernel",
    "sqrt", "floor", "below", "agree", "nearest", "equal", "half", "w", "i", "k", "n", "b", "l", "max", "min", "abs",
    "range", "int32", "int64", "uint16", "uint32", "float32", "ZERO", "ONE", "BIT", "NO_WORDS"])
NUMBERED = re.compile(r"[vbe]\d+\w*|(new|half|bound|word|turn)_\d+_?")


class Rows:
    """The lane arrays of a tuple, each under a name.

    Parameters
    ----------
    of : str
        The tuple.
    taken : set of str
        Names that nothing else may have; rows of several tuples share it.
    n_first : int
        Rows that have numbers in place of names.
    """

    def __init__(self, of: str, taken: set[str], n_first: int = 0) -> None:
        self.of, self.names = of, [f"{of}_{k}" for k in range(n_first)]
        self._taken = taken
        taken.update(self.names)

    def new(self, name: str) -> str:
        """A row of this name, or with a number behind it if the name is taken."""
        self.names.append(self.only(name if name.isidentifier() else "held"))
        return self.names[-1]

    def only(self, name: str) -> str:
        """This name, or one like it that nothing has yet."""
        if name in RESERVED or NUMBERED.fullmatch(name):
            name = f"{name}_row"
        found, k = name, 1
        while found in self._taken:
            found, k = f"{name}_row" if k == 1 else f"{name}_row_{k}", k + 1
        self._taken.add(found)
        return found

    def bindings(self, used: str) -> list[str]:
        """Lines that bind the names that occur in a text."""
        words = set(re.findall(r"\w+", used))
        return [f"    {name} = {self.of}[{k}]" for k, name in enumerate(self.names) if name in words]
