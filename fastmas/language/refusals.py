"""What a text cannot say: reasons and remedies, in one table, and the error that carries them.

`Refused` is final. `NotForLanes` says that paths cannot advance side by side: the model then runs path by path.
"""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any

from fastmas.errors import ModelError

IN_WORDS = "the words are in docs/models.md"
SHOWN = 100  # characters of a line that a message repeats

# Statements and expressions by their class in `ast`: what they are called, and what to write instead.
CONSTRUCTS = {
    "While": ("while", "say `for i in range(n)` with a bound and an `if` inside"),
    "Break": ("break", "let the rest of the loop stand under an `if`"),
    "Continue": ("continue", "let the rest of the loop stand under an `if`"),
    "Try": ("try", "say with an `if` what should happen"),
    "With": ("with", "leave it out"),
    "Raise": ("raise", "let the values of a path say it"),
    "Assert": ("assert", "leave it to a test"),
    "Import": ("import", "import at the top of the file"),
    "ImportFrom": ("import", "import at the top of the file"),
    "Global": ("global", "keep it in a `State`"),
    "Nonlocal": ("nonlocal", "keep it in a `State`"),
    "Delete": ("del", "leave it out"),
    "FunctionDef": ("def", "write a method of the class"),
    "ClassDef": ("class", "define it at the top of the file"),
    "Return": ("return", "let it be the last statement of a method"),
    "Yield": ("yield", "return the value"),
    "Lambda": ("lambda", "write a method of the class"),
    "ListComp": ("a list", "keep a number of each agent in `Agents`, or loop over a tuple"),
    "SetComp": ("a set", "keep a number of each agent in `Agents`, or loop over a tuple"),
    "DictComp": ("a dictionary", "give each value a name"),
    "GeneratorExp": ("a generator", "loop over a tuple and add up"),
    "List": ("a list", "write a tuple, or keep a number of each agent in `Agents`"),
    "Dict": ("a dictionary", "give each value a name"),
    "Set": ("a set", "write a tuple"),
    "JoinedStr": ("text", "leave it out: a step computes numbers"),
    "NamedExpr": ("`:=`", "assign in a line of its own"),
    "Await": ("await", "leave it out"),
    "Starred": ("`*`", "name each value"),
    "Match": ("match", "say it with if, elif and else"),
    "Slice": ("a slice", "index one element, or loop over the tuple"),
}
# Everything else, by a key that the reader gives. {0}, {1} are what the reader saw.
REASONS = {
    "signature": ("a step is `def step(self, t, draw)`", "give it these three names"),
    "start": ("a start is `def start(self)` or `def start(self, draw)`", "give it these names"),
    "dropped": ("its value is dropped", "assign it, or leave the line out"),
    "unpack": ("{0} names take {1} values", "unpack as many as there are"),
    "not a state": ("{0} is not a state", "declare it in the class: `{0} = State(...)`"),
    "parameter set": ("{0} is a parameter, which a step cannot change", "carry what changes in a `State`"),
    "option set": ("{0} is an option, which a step cannot change", "carry what changes in a `State`"),
    "other agent": ("the number of another agent than the loop's own is set",
                    "set `self.{0}[i]` inside `for i in range(...)`"),
    "set while read": ("{0} is set in a loop that also looks at other agents' {0}",
                       "keep the old values in `Agents` of their own, set in a loop before"),
    "set twice": ("{0} of one agent is set in a loop inside another loop over the same agents",
                  "add up in a local name, and set it once"),
    "one way": ("{0} has no value on one way through the `if` above", "give it one before the `if`"),
    "unknown": ("{0} is not known here",
                "give it a value before; what a loop sets first, or counts with, is known inside it only"),
    "self": ("self alone is no value", "name what is wanted of it, or make the function a method of the class"),
    "no member": ("self.{0} is neither a parameter, a state, an option nor a constant", "declare it in the class"),
    "else": ("a loop has no else here", "write it behind the loop"),
    "loop over": ("this cannot be looped over", "loop over range(n), or over a tuple of the class"),
    "range": ("range has one bound here", "say range(n), and compute with i inside"),
    "length": ("the loop has another length on every path",
               "loop to a bound that all paths share, with an `if` inside: `for i in range(self.n): if i < ...`"),
    "index": ("an element is picked by a number that differs between paths",
              "index by t, an option or a loop's own number; only `Agents` take such an index"),
    "no elements": ("this has no elements", "index a tuple, `Agents`, or a parameter with `each`"),
    "outside": ("index {0} of {1} elements", "count from 0"),
    "whole division": ("{0} of numbers that differ between paths",
                       "use / and floor, or whole numbers as t and options"),
    "whole part": ("int() of a number that differs between paths", "use floor"),
    "no value": ("this has no value: {0}", "write it with numbers, and look at the option's value"),
    "operator": ("no {0} here", "use + - * / // % **"),
    "comparison": ("only < <= > >= == != compare numbers", "write it with them"),
    "mixed": ("what stands here is no number", "give a number"),
    "all of them": ("{0} has a number for each agent", "say which: `self.{0}[i]`"),
    "keywords": ("{0} takes no arguments by name", "give them by place"),
    "arity": ("{0} takes {1}", "give it these"),
    "looks back": ("{0} looks back at a state", "say `{0}(self.x, l)` with x declared as State"),
    "steps back": ("how far {0} looks back is a whole number that all paths share",
                   "give a number, an option or an integer parameter"),
    "longest": ("how far {0} looks back has no bound", "look back by a number, an option or an integer parameter"),
    "least": ("{0} of the last {1} values", "look at least one step back"),
    "no word": ("{0} is no word of the language", "write it with: {1}"),
    "no draw": ("nothing is drawn by {0}", "draw one of: {1}"),
    "a draw": ("draw is no number", "call one of its methods: {0}"),
    "short circuit": ("a draw behind `{0}` would not always be drawn in Python, and always is in a kernel",
                      "draw it in a line before"),
    "helper draws": ("the function {0} draws", "make it a method of the class: its draws then have addresses"),
    "name of a draw": ("the name of a draw is a text written out", "say draw.normal(\"news\")"),
    "name twice": ("two draws are called {0}", "give each a name of its own"),
    "names meet": ("the names {0} and {1} stand for one address", "rename one of them"),
    "crowd": ("a count among {0} agents", "give a whole number of agents, 0 or more"),
    "crowd in a loop": ("a count in a loop, of agents whose number differs between turns or paths, has no words for "
                        "each",
                        "use mode='aggregate'"),
    "too many draws": ("more draws in loops than there are random words set aside for", "draw once, in one loop"),
    "recursion": ("{0} calls itself", "write a loop"),
    "source": ("the text of {0} cannot be found", "save the model in a file, or define it in a notebook cell"),
    "no choice": ("an `if` over what is no number", "compare a number or an option with a value"),
    "condition": ("{0} is a condition before the loop and a number behind it", "give it a number before, as 0 or 1"),
}


class Refused(ModelError):
    """A place of a text that has no meaning in the language."""


class NotForLanes(Refused):
    """A place of a text that lanes cannot follow, though Python could; `construct` and `line` say which.

    `because` says so in half a sentence.
    """

    def __init__(self, message: str, construct: str, line: int, because: str) -> None:
        super().__init__(message)
        self.construct, self.line, self.because = construct, line, because


class Place:
    """Where a reader is: it makes errors that name file, line and construct."""

    def __init__(self, file: str, lines: dict[int, str]) -> None:
        self.path, self.file, self.lines = file, Path(file).name or file, lines

    def refuse(self, e: Any, key: str, *seen: Any) -> Refused:
        """The error of one of REASONS, to be raised."""
        reason, remedy = (text.format(*seen) for text in REASONS[key])
        return Refused(f"{self.at(e)}: {reason}; {remedy}")

    def construct(self, e: ast.AST) -> Refused:
        """The error of a statement or expression that is no part of the language."""
        said, remedy = CONSTRUCTS.get(type(e).__name__, (type(e).__name__, IN_WORDS))
        return NotForLanes(f"{self.at(e)}: {said} has no place in a step; {remedy}", said, getattr(e, "lineno", 0),
                           f"because of `{said}` in line {getattr(e, 'lineno', 0)}")

    def not_for_lanes(self, e: ast.AST, key: str, *seen: Any) -> Refused:
        """The error of one of REASONS that Python could follow path by path."""
        reason, remedy = (text.format(*seen) for text in REASONS[key])
        line = getattr(e, "lineno", 0)
        return NotForLanes(f"{self.at(e)}: {reason}; {remedy}", reason, line, f"because {reason} in line {line}")

    def at(self, e: Any) -> str:
        line = getattr(e, "lineno", 0)
        said = " ".join(self.lines.get(line, "").split())
        said = said if len(said) <= SHOWN else said[:SHOWN] + "..."
        return f"{self.file}:{line}" + (f", `{said}`" if said else "")
