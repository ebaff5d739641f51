"""Numbers as people write them: decimal and thousands marks, currencies, percent, and marks of a missing value.

What a cell says is never guessed: a column is read with the one decimal mark that all of its cells allow.
"""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

POINT, COMMA = ".", ","
MARKS = (POINT, COMMA)
MISSING = frozenset((
    "", ".", "..", "...", "-", "--", "---", "–", "—", "?", "*", "na", "n/a", "n.a.", "n.a", "nan", "nd", "nd.", "null",
    "none", "nil", "nat", "#n/a", "#na", "<na>", "#n/a n/a", "#value!", "#div/0!", "#ref!", "(null)", "\\n"))
_SPACES = " \u00a0\u2009\u202f"
_THOUSANDS = {POINT: rf"[,'’{_SPACES}]", COMMA: rf"[.'’{_SPACES}]"}
_LAKHS = r"[1-9]\d?(?:,\d\d)+,\d{3}(?:\.\d*)?"  # 12,34,567.8, as in India


def _grammar(mark: str) -> re.Pattern[str]:
    d, t = re.escape(mark), _THOUSANDS[mark]
    plain = rf"(?:\d+(?:{d}\d*)?|{d}\d+)(?:[eE][+-]?\d+)?"
    grouped = rf"[1-9]\d{{0,2}}(?P<mark>{t})\d{{3}}(?:(?P=mark)\d{{3}})*(?:{d}\d*)?"
    return re.compile(rf"{plain}|{grouped}" + (f"|{_LAKHS}" if mark == POINT else ""), re.ASCII)


_GRAMMARS = {mark: _grammar(mark) for mark in MARKS}
_AROUND = re.compile(
    rf"(?P<open>\()?(?P<sign>[-+−]?)[{_SPACES}]*(?P<before>[$€£¥₹]?)[{_SPACES}]*(?P<sign_after>[-+−]?)"
    rf"(?P<body>[\d.,](?:[\d.,'’{_SPACES}eE+-]*[\d.,])?)"
    rf"[{_SPACES}]*(?P<after>[$€£¥₹]?)[{_SPACES}]*(?P<percent>%?)(?P<close>\))?", re.ASCII)
_FLOATS = (float, np.floating)
_INFINITE = re.compile(r"[+-]?inf(?:inity)?", re.IGNORECASE)
_PLAIN = re.compile(r"-?\d+(?:\.\d*)?(?:[eE][+-]?\d+)?", re.ASCII)  # what a program writes
_DIGITS = re.compile(r"-?\d+", re.ASCII)
_SURELY_POINT = re.compile(r"-?(?:0\d*\.\d*|\d{4,}\.\d*|\d+\.(?:\d{0,2}|\d{4,}))(?:[eE][+-]?\d+)?", re.ASCII)
_SUFFIXED = re.compile(r"[-+($€£¥₹]*\d[\d.,'’ ]*\s?(?:[kKmMbBtT%]|[A-Z]{3})?\)?", re.ASCII)


class NotANumber(ValueError):
    """Cell i of a column cannot be read; `reason` says why."""

    def __init__(self, i: int, reason: str) -> None:
        super().__init__(reason)
        self.i, self.reason = i, reason


class Unclear(ValueError):
    """Cells may be read with either decimal mark: `shown` is one of them, with both readings."""

    def __init__(self, i: int, shown: str, readings: tuple[float, float]) -> None:
        super().__init__(shown)
        self.i, self.shown, self.readings = i, shown, readings


def is_missing(cell: Any) -> bool:
    """Whether a cell holds no value, by any of the marks that people use."""
    if isinstance(cell, str):
        return cell.strip().lower() in MISSING
    return cell is None or cell is pd.NA or cell is pd.NaT or (isinstance(cell, _FLOATS) and math.isnan(cell))


def looks_numeric(cell: Any) -> bool:
    """Whether a cell is a number in some notation, or means to be one, as 1.2M does."""
    if isinstance(cell, str):
        return bool(_SUFFIXED.fullmatch(cell.strip())) or is_number(cell)
    return is_number(cell)


def is_number(cell: Any) -> bool:
    """Whether a cell is a number in one of the notations that are read."""
    if isinstance(cell, str):
        return bool(_INFINITE.fullmatch(cell.strip())) or any(_parts(cell, mark) is not None for mark in MARKS)
    return isinstance(cell, (int, np.integer, *_FLOATS)) and not isinstance(cell, bool) and not is_missing(cell)


def marks_of(cells: Iterable[Any]) -> set[str]:
    """The decimal marks under which cells can be read and differ; both if nothing tells them apart."""
    possible = set(MARKS)
    for cell in cells:
        if isinstance(cell, str) and not is_missing(cell):
            possible &= {mark for mark in MARKS if _value(cell, mark) is not None}
            if not possible:
                break
    return possible


class Column(NamedTuple):
    """Values (n,) of cells, NaN for what is missing; whether they were in percent, and their decimal mark."""

    values: np.ndarray
    in_percent: bool
    mark: str


def numbers(cells: Sequence[Any], mark: str | None = None) -> Column:
    """Read cells that are written in one way.

    Parameters
    ----------
    mark : {".", ","}, optional
        The decimal mark, if it is known; otherwise the one that all cells allow.

    Raises
    ------
    NotANumber
        A cell is none, or is written in another way than the rest.
    Unclear
        Both marks are possible and give other numbers.
    """
    values = np.full(len(cells), np.nan)
    texts: dict[int, str] = {}
    for i, cell in enumerate(cells):
        if not isinstance(cell, str):
            values[i] = np.nan if is_missing(cell) else _plain(i, cell)
        elif (text := cell.strip()).lower() not in MISSING:
            texts[i] = text
    if _written_by_a_program(texts.values(), mark):
        values[list(texts)] = [float(text) for text in texts.values()]
        return Column(values, False, POINT)
    mark = mark or _one_mark(texts)
    _check_alike(texts)
    for i, text in texts.items():
        found = _value(text, mark)
        if found is None:
            odd = i if (odd := _odd_one(texts)) is None else odd
            raise NotANumber(odd, _not_a_number(texts[odd]))
        values[i] = found
    return Column(values, any("%" in text for text in texts.values()), mark)


def _written_by_a_program(texts: Collection[str], mark: str | None) -> bool:
    """Whether texts are floats with a point, and surely so: the fast way for long columns."""
    if mark == COMMA or not all(map(_PLAIN.fullmatch, texts)):
        return False
    return mark == POINT or any(map(_SURELY_POINT.fullmatch, texts)) or not any(POINT in text for text in texts)


def _plain(i: int, cell: Any) -> float:
    """A cell that is no text."""
    if isinstance(cell, (bool, np.bool_, complex)):
        raise NotANumber(i, f"{cell!r} is not a number")
    try:
        return float(cell)
    except (TypeError, ValueError, OverflowError):
        raise NotANumber(i, f"{str(cell)[:40]!r} is not a number") from None


def _one_mark(texts: dict[int, str]) -> str:
    """The decimal mark that the first text tells which allows one alone."""
    differs = None
    for i, text in texts.items():
        if _DIGITS.fullmatch(text):
            continue
        by_point, by_comma = (_value(text, mark) for mark in MARKS)
        if by_point is None and by_comma is None:
            raise NotANumber(i, _not_a_number(text))
        if by_point is None or by_comma is None:
            return POINT if by_comma is None else COMMA
        if differs is None and by_point != by_comma:
            differs = Unclear(i, text, (by_point, by_comma))
    if differs is not None:
        raise differs
    return POINT


def _odd_one(texts: dict[int, str]) -> int | None:
    """The first text that is written in another way than most."""
    fails = [[i for i, text in texts.items() if _value(text, mark) is None] for mark in MARKS]
    return min(fails, key=len)[0] if all(fails) else None


def _not_a_number(text: str) -> str:
    return (f"{text[:40]!r} is not a number as the others are; write plain numbers such as 1234.5, or all of a column "
            "in one way, with the same thousands and decimal marks")


def _check_alike(texts: dict[int, str]) -> None:
    """All cells in percent or none, and one currency."""
    percent = [i for i, text in texts.items() if "%" in text]
    if percent and len(percent) < len(texts):
        few = percent if len(percent) * 2 <= len(texts) else [i for i in texts if i not in set(percent)]
        has = "a percent sign and others have none" if "%" in texts[few[0]] else "no percent sign and others have one"
        raise NotANumber(few[0], f"{texts[few[0]][:40]!r} has {has}; write all of a column in one way")
    signs: dict[str, int] = {}
    for i, text in texts.items():
        found = next((c for c in text if c in "$€£¥₹"), None)
        if found:
            signs.setdefault(found, i)
    if len(signs) > 1:
        i = max(signs.values())
        raise NotANumber(i, f"{texts[i][:40]!r} is in another currency than others ({' and '.join(signs)})")


def _parts(text: str, mark: str) -> tuple[str, str, bool] | None:
    """Sign, bare number with a decimal point, and whether it is in percent; None if it is none in this notation."""
    around = _AROUND.fullmatch(text.strip())
    if around is None or bool(around["open"]) != bool(around["close"]):
        return None
    if (around["sign"] and around["sign_after"]) or (around["before"] and around["after"]):
        return None
    grammar = _GRAMMARS[mark].fullmatch(around["body"])
    if grammar is None:
        return None
    sign = around["sign"] or around["sign_after"]
    if around["open"] and sign:
        return None
    bare = re.sub(_THOUSANDS[mark], "", around["body"]).replace(mark, POINT)
    return "-" if around["open"] or sign in ("-", "−") else "", bare, bool(around["percent"])


def _value(text: str, mark: str) -> float | None:
    if _INFINITE.fullmatch(text.strip()):
        return float(text)
    parts = _parts(text, mark)
    if parts is None:
        return None
    sign, bare, percent = parts
    if percent:  # moved in the text, so that 0.35% is the float nearest to 0.0035
        mantissa, _, exponent = bare.lower().partition("e")
        bare = f"{mantissa}e{int(exponent or 0) - 2}"
    return float(sign + bare)
