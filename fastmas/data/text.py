"""Text to rows of cells: its encoding, and the mark between its fields."""

from __future__ import annotations

import codecs
import csv
import io
import itertools
import re

from fastmas.data.layout import Line, is_typed, table_of
from fastmas.data.numbers import is_missing
from fastmas.data.tables import Table
from fastmas.errors import DataError
from fastmas.limits import check_memory

SEPARATORS = (";", "\t", "|", ",")
TIMES_READ = 12  # of a text's size that its cells take in memory
SAMPLE = 200  # rows of data that tell the separator
_UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_CONTROL = re.compile("[\0-\x08\x0e-\x1f\x7f]")
_EXCEL_HINT = re.compile(r"\ufeff?sep=(.)\r?\n", re.IGNORECASE)


def text_table(source: str, content: bytes) -> Table:
    """Table of text cells; `rows` are line numbers of the file.

    Raises
    ------
    DataError
        If it is no text, or no table.
    """
    check_memory(TIMES_READ * len(content), None, f"{source}: its cells", "give a shorter file")
    text = _decode(source, content)
    hint = _EXCEL_HINT.match(text)
    separator = hint[1] if hint else _separator(text)
    lines = _lines(source, text[hint.end():] if hint else text, separator, 2 if hint else 1)
    return table_of(source, lines, point_sure=separator == ",")


def _decode(source: str, content: bytes) -> str:
    try:
        text = content.decode("utf-16" if content.startswith(_UTF16) else "utf-8-sig")
    except UnicodeDecodeError as fault:
        text = content.decode("cp1252", errors="replace")  # names with an umlaut, from Windows
        if _CONTROL.search(text) or "\ufffd" in text:
            where = f"byte {fault.start + 1}"
            raise DataError(f"{source}: not text in UTF-8 ({where}); export it as CSV in UTF-8") from fault
    if _CONTROL.search(text[:1_000_000]) or "\0" in text:
        raise DataError(f"{source}: binary data, not text; export it as CSV in UTF-8")
    if text.lstrip()[:9].lower().startswith(("<!doctype", "<html")):
        raise DataError(f"{source}: a web page, not a table; download the file behind it")
    return text


def _lines(source: str, text: str, separator: str, first: int) -> list[Line]:
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    try:
        return [Line(reader.line_num + first - 1, [cell.strip() for cell in cells]) for cells in reader if cells]
    except csv.Error as fault:
        raise DataError(f"{source}, row {reader.line_num + first - 1}: {fault}; check the quotes") from fault


def _separator(text: str) -> str:
    """The mark that makes most columns of numbers and dates; a comma if none does."""
    sample = "".join(itertools.islice(io.StringIO(text, newline=""), SAMPLE))
    return max(SEPARATORS[::-1], key=lambda mark: _score(sample, mark))


def _score(sample: str, mark: str) -> tuple[int, float]:
    """Columns of numbers and dates if `mark` separates them, and the share of rows that have all fields."""
    if mark not in sample:
        return 0, 0.0
    try:
        rows = [cells for cells in csv.reader(io.StringIO(sample, newline=""), delimiter=mark)
                if any(cell.strip() for cell in cells)]
    except csv.Error:
        return 0, 0.0
    widths = [len(cells) for cells in rows]
    width = max(set(widths), key=widths.count)
    if width == 1:
        return 0, 0.0
    full = [cells for cells in rows if len(cells) == width]
    n_typed = 0
    for column in itertools.islice(zip(*full, strict=True), SAMPLE):
        filled = [cell for cell in column if not is_missing(cell)]
        n_typed += sum(map(is_typed, filled)) * 2 > len(filled)
    return n_typed, len(full) / len(rows)
