"""What was read: numbers, where each of them stands, and one line that says so."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

NO_GAP = 1.5  # times the usual step of the dates: no months are of one length


@dataclass(frozen=True, eq=False)
class Reading:
    """Numbers of k columns, float64, of one series (n_times, k) or of many paths (n_paths, n_times, k).

    None is missing. Whether they may be infinite, 0 or negative is for those who know what they are; `at` says where
    each stands.

    Parameters
    ----------
    source : str
        File or name, as the user gave it.
    columns : tuple of str
        Name of each column; empty for an array.
    dates : list of str or None
        One per time of a series, in ISO 8601.
    rows : ndarray of int or None
        Row of each time, (n_times,), or of each time of each path, (n_paths, n_times).
    from_zero : bool
        Whether `rows` count from 0, which messages then say.
    left_out : tuple of str
        What of the data is not used, in words.
    told : str
        One line for the user: what was read, in which order, and what is large in it.
    """

    values: np.ndarray
    source: str
    columns: tuple[str, ...] = ()
    dates: list[str] | None = None
    rows: np.ndarray | None = None
    from_zero: bool = True
    left_out: tuple[str, ...] = ()
    told: str = ""

    @property
    def is_series(self) -> bool:
        """Whether the numbers are one series, not many paths."""
        return self.values.ndim == 2

    @property
    def column(self) -> str | None:
        """Names of the columns in one text, None for an array."""
        return ", ".join(self.columns) or None

    @property
    def place(self) -> str:
        """Source and columns, in words."""
        if not self.columns:
            return self.source
        names = ", ".join(map(repr, self.columns))
        return f"{self.source}, column{'s' if len(self.columns) > 1 else ''} {names}"

    def row(self, i: int) -> str:
        """Where time i of a series stands in the source, in words."""
        return f"row {i if self.rows is None else self.rows[i]}{' (from 0)' if self.from_zero else ''}"

    def at(self, *index: int) -> str:
        """Where a number stands, in words: source, row and column, or path and time of an array."""
        *place, j = map(int, index)
        column = f", column {self.columns[j]!r}" if self.columns else ""
        count = " (from 0)" if self.from_zero else ""
        if self.rows is not None:
            return f"{self.source}, row {self.rows[tuple(place)]}{count}{column}"
        axes = zip(("path", "time")[-len(place):], place, strict=True)
        several = f", observable {j}" if not self.columns and self.values.shape[-1] > 1 else ""
        return f"{self.source}, {', '.join(f'{axis} {i}' for axis, i in axes)}{several} (from 0){column}"


def told(reading: Reading, notes: Sequence[str] = ()) -> str:
    """The line that says what was read, with `notes` on how."""
    *paths, n_times, _ = reading.values.shape
    size = [f"{paths[0]:,} paths of {n_times:,} times"] if paths else [f"{n_times:,} rows", _span(reading.dates)]
    parts = [*size, *notes, *reading.left_out, *_gap(reading), *_jumps(reading)]
    return f"{reading.place}: {', '.join(filter(None, parts))}"


def _span(dates: list[str] | None) -> str:
    return f"{_day(dates[0])} to {_day(dates[-1])}" if dates else ""


def _day(date: str) -> str:
    """A date without the midnight of its day, and with hyphens."""
    date = re.sub(r"[T ]00:00(:00)?([+-]\d\d:\d\d)?$", "", date)
    return re.sub(r"^(\d{4})(\d\d)(\d\d)$", r"\1-\2-\3", date)


def _gap(reading: Reading) -> list[str]:
    """The longest step between dates, if some are longer than the usual one."""
    if not reading.dates or len(reading.dates) < 3:
        return []
    when = pd.to_datetime(pd.Series(reading.dates), format="ISO8601", utc=True)
    days = when.diff().dt.total_seconds().to_numpy()[1:] / 86400
    i = int(days.argmax())
    if days[i] <= NO_GAP * np.median(days):
        return ["no gaps"]
    return [f"longest gap {duration(days[i])} before {_day(reading.dates[i + 1])}"]


def duration(days: float) -> str:
    """A time in days or hours, in words."""
    if days >= 2:
        return f"{days:.0f} days"
    return f"{24 * days:.3g} hours" if days >= 1 / 24 else f"{1440 * days:.3g} minutes"


def _jumps(reading: Reading) -> list[str]:
    names = reading.columns if len(reading.columns) > 1 else ("",)
    found = []
    for j, name in enumerate(names):
        jump = _jump(reading, j)
        if jump:
            found.append(f"largest jump{' of ' + repr(name) if name else ''} {jump}")
    return found


def _jump(reading: Reading, j: int) -> str:
    """The largest change from one time to the next: in percent where all numbers are positive."""
    values = reading.values[..., j]
    if values.shape[-1] < 2 or not np.isfinite(values).all():
        return ""
    steps = np.diff(np.log(values) if (values > 0).all() else values, axis=-1)
    *path, i = map(int, np.unravel_index(np.abs(steps).argmax(), steps.shape))
    before, after = values[(*path, i)], values[(*path, i + 1)]
    size = f"{100 * (after / before - 1):+.3g}%" if (values > 0).all() else f"{after - before:+.4g}"
    if reading.rows is None:
        return f"{size} at {', '.join([*(f'path {p}' for p in path), f'time {i + 1}'])} (from 0)"
    row = f"row {reading.rows[(*path, i + 1)]}{' (from 0)' if reading.from_zero else ''}"
    return f"{size} at {row}" + (f" ({_day(reading.dates[i + 1])})" if reading.dates and not path else "")
