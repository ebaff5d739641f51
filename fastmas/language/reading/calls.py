"""Calls of a text: words, draws, methods of the class, helpers, range."""

from __future__ import annotations

import ast
import functools
import importlib
import inspect
from collections.abc import Callable
from functools import cache
from typing import Any

from fastmas.language.draws import DRAWS
from fastmas.language.graph import WHOLE, Node, Term, mark
from fastmas.language.reading.expressions import binary, known
from fastmas.language.reading.reader import Reader, reads_expression
from fastmas.language.reading.values import AgentsOf, DrawOf, Each, MethodOf, RangeOf
from fastmas.language.refusals import Refused
from fastmas.language.text import Method, Table, read
from fastmas.language.words import HISTORY, WORDS, Word
from fastmas.source_text import source_of

OF_WHOLE = ("max", "min", "abs")  # of whole numbers they are whole
OF_KNOWN = (len, sum, int, float, tuple, round, range, sorted)  # of plain values they are what Python makes of them


@cache
def words_by_meaning() -> dict[int, Word]:
    """Words by the identity of the functions that mean them: their own, and math's and NumPy's alike."""
    found = {}
    for word in WORDS.values():
        found[id(word.meaning)] = word
        for path in word.alike:
            module, _, name = path.rpartition(".")
            found[id(getattr(importlib.import_module(module), name))] = word
    return found


@reads_expression(ast.Call)
def call(reader: Reader, e: ast.Call) -> Any:
    of = reader.read(e.func) if not isinstance(e.func, ast.Attribute) or not _is_property(reader, e.func) else _own(e)
    if isinstance(of, DrawOf):
        return _draw(reader, e, of.name)
    if e.keywords:
        raise reader.refuse(e, "keywords", ast.unparse(e.func))
    if isinstance(of, MethodOf):
        return inline(reader, e, reader.text.method(of.name), True)
    for name, meaning in HISTORY.items():
        if of is meaning:
            return history(reader, e, name)
    arguments = [reader.read(one) for one in e.args]
    if of is range:
        return _range(reader, e, arguments)
    word = words_by_meaning().get(id(of))
    if word is not None:
        return apply(reader, e, word, arguments)
    return _helper(reader, e, of, arguments)


def _is_property(reader: Reader, e: ast.Attribute) -> bool:
    value = inspect.getattr_static(reader.text.cls, e.attr, None)
    return isinstance(e.value, ast.Name) and e.value.id == "self" and isinstance(value, property)


def _own(e: ast.Call) -> MethodOf:
    assert isinstance(e.func, ast.Attribute)
    return MethodOf(e.func.attr)


def _helper(reader: Reader, e: ast.Call, of: Any, arguments: list[Any]) -> Any:
    """A function of the user's, read in place; of plain values, what Python makes of it."""
    for made in (_of_elements, _of_plain_values, _as_number):
        value = made(reader, e, of, arguments)
        if value is not None:
            return value
    source = source_of(of) if inspect.isfunction(of) else None
    if source is None and inspect.isfunction(of):
        raise reader.refuse(e, "source", of.__name__)
    if source is None:
        raise reader.refuse(e, "no word", ast.unparse(e.func), ", ".join(sorted([*WORDS, *HISTORY])))
    if any(isinstance(a, DrawOf) for a in arguments):
        raise reader.refuse(e, "helper draws", ast.unparse(e.func))
    return inline(reader, e, read(of.__name__, of, source), False)


def _of_elements(reader: Reader, e: ast.Call, of: Any, arguments: list[Any]) -> Any:
    """The number or the sum of the elements of one argument, or None if that is not asked for."""
    one = arguments[0] if len(arguments) == 1 else None
    if isinstance(one, Table) and of in (len, sum, tuple, sorted):
        return of(one.value)
    if of is len and isinstance(one, (Each, AgentsOf)):
        return _length(reader, one)
    if of is sum and isinstance(one, tuple):
        return functools.reduce(lambda a, b: binary(reader, e, ast.Add(), a, b), one, 0)
    return None


def _of_plain_values(reader: Reader, e: ast.Call, of: Any, arguments: list[Any]) -> Any:
    """What Python makes of numbers that are known, or None."""
    nodes = any(isinstance(a, Node) for a in arguments)
    if nodes or of not in OF_KNOWN or (of is sorted and any(isinstance(x, Node) for a in arguments for x in a)):
        return None
    return known(reader, e, of, *arguments)


def _as_number(reader: Reader, e: ast.Call, of: Any, arguments: list[Any]) -> Any:
    """float or int of a number that is not known, or None."""
    nodes = [a for a in arguments if isinstance(a, Node)]
    if of in (float, int) and len(nodes) == 1 and (of is float or reader.countable(nodes[0])):
        return reader.real(e, nodes[0]) if of is float else nodes[0]
    if of is int and len(nodes) == len(arguments) == 1:
        return reader.whole_part(e, nodes[0])
    return None


def _length(reader: Reader, of: Each | AgentsOf) -> Any:
    text = reader.text
    return text.parameters[of.name].n_agents if isinstance(of, Each) else text.crowd(text.agents[of.name])


def _range(reader: Reader, e: ast.Call, arguments: list[Any]) -> RangeOf:
    if len(arguments) != 1:
        raise reader.place.not_for_lanes(e, "range")
    if not reader.whole(arguments[0]):
        raise reader.place.not_for_lanes(e, "length")
    return RangeOf(arguments[0])


# ---- words
def apply(reader: Reader, e: ast.Call, word: Word, arguments: list[Any]) -> Any:
    """A word of these values."""
    n = len(arguments)
    if n != word.arity and not (word.folds and n > word.arity):
        raise reader.refuse(e, "arity", word.name, f"{word.arity} number{'s' * (word.arity > 1)}, not {n}")
    if not any(isinstance(a, Node) for a in arguments):
        for a in arguments:
            if not reader.kind(a):
                raise reader.refuse(e, "mixed")
        return word.meaning(*arguments)
    if word.name in OF_WHOLE and all(reader.whole(a) for a in arguments):
        if not word.folds:
            return reader.add(word.name, *arguments, kind=WHOLE, e=e)
        return functools.reduce(lambda a, b: reader.add(word.name, a, b, kind=WHOLE, e=e), arguments)
    out = reader.real(e, arguments[0])
    if word.arity == 1:
        return _word(reader, e, word, out)
    for one in arguments[1:]:
        out = _word(reader, e, word, out, reader.real(e, one))
    return out


def _word(reader: Reader, e: Any, word: Word, *nodes: Node) -> Node:
    if reader.relaxed and word.relaxed is not None:
        terms = [Term(reader.block, n) for n in (reader.temperature(), *nodes)]
        return reader.soften(word.relaxed(*terms).node)
    return reader.add(word.name, *nodes, e=e)


def history(reader: Reader, e: ast.Call, name: str) -> Any:
    """mean(self.x, l), past(self.x, k)."""
    if len(e.args) != 2:
        raise reader.refuse(e, "arity", name, "a state and a number of steps")
    of = e.args[0]
    if not (isinstance(of, ast.Attribute) and isinstance(of.value, ast.Name) and of.value.id == "self"
            and of.attr in reader.text.states):
        raise reader.refuse(e, "looks back", name)
    length = reader.read(e.args[1])
    if not reader.whole(length):
        raise reader.refuse(e, "steps back", name)
    if isinstance(length, int) and length < 1:
        raise reader.refuse(e, "least", name, length)
    kept = reader.graph.look_back.setdefault(of.attr, {})
    kept[name] = max(kept.get(name, 0), _longest(reader, e, name, length))
    return reader.add(name, of.attr, length, mark(reader.block), e=e)


def _longest(reader: Reader, e: ast.Call, name: str, length: Any) -> int:
    """The largest value that a whole number can have."""
    if not isinstance(length, Node):
        return int(length)
    if length.op not in LONGEST:
        raise reader.refuse(e, "longest", name)
    return LONGEST[length.op](reader, e, name, length)


def _longest_of_two(reader: Reader, e: ast.Call, name: str, length: Node) -> int:
    a, b = (_longest(reader, e, name, x) for x in length.args)
    return a + b if length.op == "+" else a * b


def _highest(reader: Reader, e: ast.Call, name: str, length: Node) -> int:
    return int(reader.text.parameters[length.args[0]].high)


def _shorter(reader: Reader, e: ast.Call, name: str, length: Node) -> int:
    """The largest value of a minimum: of one number that has a bound."""
    found = []
    for x in length.args:
        try:
            found.append(_longest(reader, e, name, x))
        except Refused as refused:
            last = refused
    if not found:
        raise last
    return min(found)


def _longest_held(reader: Reader, e: ast.Call, name: str, local: Node) -> int:
    values = reader.held_by(local)
    if not values or local.args[0] in reader.asking:
        raise reader.refuse(e, "longest", name)
    reader.asking.append(local.args[0])
    longest = max(_longest(reader, e, name, value) for value in values)
    reader.asking.pop()
    return longest


LONGEST: dict[str, Callable[[Reader, ast.Call, str, Node], int]] = {
    "local": _longest_held, "integer": _highest, "each": _highest, "+": _longest_of_two, "*": _longest_of_two,
    "option": lambda reader, e, name, n: int(reader.text.options[n.args[0]]),
    "entry": lambda reader, e, name, n: max(row[n.args[2]] for row in reader.text.tables[n.args[0]].rows),
    "-": lambda reader, e, name, n: _longest(reader, e, name, n.args[0]),
    "max": lambda reader, e, name, n: max(_longest(reader, e, name, x) for x in n.args), "min": _shorter,
    "index": lambda reader, e, name, n: _longest(reader, e, name, n.args[0].args[0]),
}


# ---- draws and methods
def _draw(reader: Reader, e: ast.Call, name: str) -> Any:
    if name not in DRAWS:
        raise reader.refuse(e, "no draw" if name else "a draw", *([name] if name else []), ", ".join(sorted(DRAWS)))
    kind = DRAWS[name]
    given = list(e.args)
    label = _label(reader, e, given, len(kind.arguments))
    if len(given) != len(kind.arguments):
        raise reader.refuse(e, "arity", f"draw.{name}", ", ".join(kind.arguments) or "no number")
    return kind.read(reader, e, [reader.read(one) for one in given], label)


def _label(reader: Reader, e: ast.Call, given: list[ast.expr], n_arguments: int) -> str:
    """The name of a draw, given behind its numbers or as name=."""
    labels = [k.value for k in e.keywords if k.arg == "name"]
    if len(labels) < len(e.keywords):
        raise reader.refuse(e, "keywords", ast.unparse(e.func))
    if not labels and len(given) == n_arguments + 1 and isinstance(given[-1], ast.Constant):
        labels = [given.pop()]
    if not labels:
        return ""
    if not (isinstance(labels[0], ast.Constant) and isinstance(labels[0].value, str) and labels[0].value):
        raise reader.refuse(e, "name of a draw")
    return labels[0].value


def inline(reader: Reader, e: ast.Call, method: Method, own: bool) -> Any:
    """Read the body of a method, or of a helper, in place of its call."""
    names = method.arguments[1:] if own else method.arguments
    if method.name in [one[0] for one in reader.calls]:
        raise reader.refuse(e, "recursion", method.name)
    given = list(e.args)
    if len(names) != len(given):
        raise reader.refuse(e, "arity", method.name, ", ".join(names) or "no number")
    values = [reader.argument(_argument(reader, name, one)) for name, one in zip(names, given, strict=True)]
    kept = reader.env, reader.method, reader.calls, reader.turns
    reader.calls = (*reader.calls, (method.name, e.lineno, e.col_offset, reader.turns))
    reader.env = {n: v for n, v in zip(names, values, strict=True) if not isinstance(v, DrawOf)}
    reader.method, reader.turns = method, ()
    out = reader.read_method(method.tree.body)
    reader.env, reader.method, reader.calls, reader.turns = kept
    return out


def _argument(reader: Reader, name: str, e: ast.expr) -> Any:
    value = reader.read(e)
    if isinstance(value, DrawOf) and (value.name or name != "draw"):
        raise reader.refuse(e, "a draw", ", ".join(sorted(DRAWS)))
    return value
