"""Dates as people write them. The column decides, never a guess: a day above 12 tells the day from the month.

pandas reads what is found; here is only which of its forms a column has.
"""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pandas as pd

_CLOCK = r"\d{1,2}:\d{2}(?::\d{2}(?:[.,]\d+)?)?(?:\s*[AaPp]\.?[Mm]\.?)?"
_ZONE = r"\s*(?:Z|UTC|GMT|[+-]\d{2}:?\d{2}|[+-]\d{2})"
_SPLIT = rf"^(.*?)(?:[T,\s]\s*({_CLOCK})({_ZONE})?)?$"
_MONTH = r"(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)[a-z]*\.?"
_WEEKDAY = r"(?:(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)[a-z]*,?\s+)?"
_YEAR_FIRST = r"\d{4}([-/.])\d{1,2}\1\d{1,2}"
_PARTS = r"(\d{1,2})([-/.])(\d{1,2})\2(\d{4}|\d{2})"
_NAMED = (rf"{_WEEKDAY}(?:\d{{1,2}}[-/\s]{_MONTH}[-/\s,]+(?:\d{{4}}|\d{{2}})|{_MONTH}\s+\d{{1,2}},?\s+\d{{4}}|"
          rf"\d{{4}}[-/\s]{_MONTH}[-/\s]\d{{1,2}})")
_DAY = re.compile(rf"(?:{_YEAR_FIRST}|(?:\d{{1,2}})([-/.])(?:\d{{1,2}})\2(?:\d{{4}}|\d{{2}})|{_NAMED})", re.IGNORECASE)
_WHOLE = re.compile(rf"(?P<day>.*?)(?:[T,\s]\s*{_CLOCK}(?:{_ZONE})?)?", re.IGNORECASE)
_OF_DAY = re.compile(_CLOCK)
_COMPACT = re.compile(r"(?:1[89]|2[01])\d\d(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])")
_COMPACT_TIME = re.compile(_COMPACT.pattern + r"(?:[01]\d|2[0-3])[0-5]\d(?:[0-5]\d)?")
_MONTHLY = re.compile(r"(?:1[89]|2[01])\d\d(?:[-/](?:0[1-9]|1[0-2])|[- ]?Q[1-4]|M(?:0[1-9]|1[0-2]))")
_UNIX = re.compile(r"[1-4]\d{9}(?:\.\d+)?|[1-4]\d{12}|[1-4]\d{15}|[1-4]\d{18}")
_KINDS = (("day", _COMPACT), ("date", _COMPACT_TIME), ("unix", _UNIX), ("clock", _OF_DAY), ("day", _DAY),
          ("date", _MONTHLY))
_UNITS = {10: "s", 13: "ms", 16: "us", 19: "ns"}
MONTH_FORMS = ("%b %d, %Y", "%B %d, %Y", "%b. %d, %Y", "%b %d %Y", "%B %d %Y", "%d-%b-%Y", "%d-%b-%y", "%d %b %Y",
               "%d %B %Y", "%d/%b/%Y", "%d %b %y", "%Y-%b-%d", "%a, %b %d, %Y", "%a %b %d %Y", "%a %d %b %Y",
               "%a, %d %b %Y", "%A, %B %d, %Y")
ORDERS = {"day first": "dmy", "month first": "mdy", "year first": "ymd"}


class NotADate(ValueError):
    """Cell i of a column is no date, or not one as the others are."""

    def __init__(self, i: int, reason: str) -> None:
        super().__init__(reason)
        self.i, self.reason = i, reason


class TwoReadings(ValueError):
    """All cells of a column can be read in several ways; the forms and the first cell in each stand in the message."""


def kind_of(cell: Any) -> str:
    """What a cell is as a date: "day", "date" (with a time of day), "clock" (that alone), "unix", or "" for none."""
    if isinstance(cell, (pd.Timestamp, np.datetime64, pd.Period)) or hasattr(cell, "isoformat"):
        return "date"
    text = str(cell).strip()
    if isinstance(cell, (float, np.floating)) and text.endswith(".0"):
        text = text[:-2]
    for kind, form in _KINDS:
        if form.fullmatch(text):
            return kind
    whole = _WHOLE.fullmatch(text)
    return "date" if whole and whole["day"] != text and _DAY.fullmatch(whole["day"]) else ""


def clock(cells: pd.Series) -> pd.Series:
    """Times of day as text with colons; those of digits alone, as 93000, have hours, minutes and seconds."""
    texts = cells.map(text_of)
    if not texts.str.fullmatch(r"\d{3,6}").all():
        return texts
    padded = texts.str.zfill(6) if texts.str.len().max() > 4 else texts.str.zfill(4)
    return padded.str.replace(r"(\d\d)(?=\d)", r"\1:", regex=True)


def is_compact_clock(cells: pd.Series) -> bool:
    """Whether cells are times of day of digits alone: all of them can be, and some are not 0."""
    texts = cells.map(text_of)
    if not texts.str.fullmatch(r"\d{1,6}").all():
        return False
    return bool(clock(texts.str.zfill(3)).str.fullmatch(r"([01]\d|2[0-3]):[0-5]\d(:[0-5]\d)?").all())


def parse(cells: pd.Series, form: str | None = None) -> tuple[pd.Series, list[str], str]:
    """Times in UTC, the same in ISO 8601 as text, and a note on how they were read ("" if nothing is to be said).

    Parameters
    ----------
    form : str, optional
        The form of `strptime` that all cells have.

    Raises
    ------
    NotADate, TwoReadings
        A cell that does not fit, and a column that can be read in two ways.
    """
    cells = cells.reset_index(drop=True)
    if cells.dtype.kind == "M":
        _check_all(cells.isna(), cells, "is not a date")
        return pd.to_datetime(cells, utc=True), iso(cells), ""
    texts = cells.astype(str) if isinstance(cells.dtype, pd.PeriodDtype) else cells.map(text_of)
    if form is not None:
        return _by_form(texts, form)
    texts = _months(texts)
    when = pd.to_datetime(texts, format="ISO8601", errors="coerce", utc=True)
    if not when.isna().any():
        hyphened = texts.str.replace(r"^(\d{4})[/.](\d{1,2})[/.]", r"\1-\2-", regex=True)
        return when, hyphened.str.replace(r"^(\d{4})(\d\d)(\d\d)(?=[ T])", r"\1-\2-\3", regex=True).tolist(), ""
    for kind, read in ((_UNIX, _unix), (_COMPACT_TIME, _compact)):
        if texts.str.fullmatch(kind.pattern).mean() > 0.5:
            return read(texts, kind)
    return _in_words(texts, when)


def _months(texts: pd.Series) -> pd.Series:
    """Texts with the months that quarters begin with, as 2024-04 for 2024Q2, and 2024-04 for 2024M04."""
    quarters = texts.str.extract(r"^(\d{4})[- ]?Q([1-4])$")
    months = texts.str.extract(r"^(\d{4})M(\d\d)$")
    if quarters[0].notna().all():
        return quarters[0] + "-" + quarters[1].map({"1": "01", "2": "04", "3": "07", "4": "10"})
    return months[0] + "-" + months[1] if months[0].notna().all() else texts


def iso(when: pd.Series) -> list[str]:
    """Times as text in ISO 8601: days alone where all are midnights."""
    if (when.dropna() == when.dropna().dt.normalize()).all():
        return np.datetime_as_string(_naive(when).to_numpy("datetime64[D]"), unit="D").tolist()
    if when.dt.tz is None and (when.dropna() == when.dropna().dt.floor("s")).all():
        return np.datetime_as_string(when.to_numpy("datetime64[s]"), unit="s").tolist()
    return when.map(lambda stamp: stamp.isoformat(), na_action="ignore").tolist()


def text_of(cell: Any) -> str:
    """A cell of dates as text, days without a time of day."""
    if isinstance(cell, str):
        return cell.strip()
    if hasattr(cell, "isoformat") and cell is not pd.NaT:
        return cell.isoformat().removesuffix("T00:00:00")
    text = str(cell).strip()
    return text[:-2] if isinstance(cell, (float, np.floating)) and text.endswith(".0") else text


def _check_all(bad: pd.Series, texts: pd.Series, what: str) -> None:
    if bad.any():
        i = int(bad.to_numpy().argmax())
        raise NotADate(i, f"{str(texts.iloc[i])[:40]!r} {what}")


def _by_form(texts: pd.Series, form: str) -> tuple[pd.Series, list[str], str]:
    when = pd.to_datetime(texts, format=form, errors="coerce", utc=True)
    _check_all(when.isna(), texts, f"is not a date of the form {form}")
    return when, iso(_naive(when)), f"dates read as {form}"


def _naive(when: pd.Series) -> pd.Series:
    """Times as clocks show them where they are."""
    return when.dt.tz_localize(None)


def _unix(texts: pd.Series, kind: re.Pattern[str]) -> tuple[pd.Series, list[str], str]:
    """Seconds, milli-, micro- or nanoseconds since 1970, each by its number of digits."""
    _check_all(~texts.str.fullmatch(kind.pattern), texts, "is no Unix time as the others are")
    digits = texts.str.partition(".")[0].str.len()
    when = pd.Series(pd.NaT, index=texts.index, dtype="datetime64[ns, UTC]")
    for n, unit in _UNITS.items():
        here = texts[digits == n]
        if len(here):
            whole = here.str.contains(".", regex=False).any()
            stamps = here.astype(float) if whole else here.astype("int64")
            when[digits == n] = pd.to_datetime(stamps, unit=unit, utc=True).astype("datetime64[ns, UTC]")
    return when, iso(_naive(when)), "dates of Unix times in UTC"


def _compact(texts: pd.Series, kind: re.Pattern[str]) -> tuple[pd.Series, list[str], str]:
    _check_all(~texts.str.fullmatch(kind.pattern), texts, "is no date as the others are")
    padded = texts.str.pad(14, side="right", fillchar="0")
    when = pd.to_datetime(padded, format="%Y%m%d%H%M%S", errors="coerce", utc=True)
    _check_all(when.isna(), texts, "is not a date")
    return when, iso(_naive(when)), ""


def _in_words(texts: pd.Series, by_iso: pd.Series) -> tuple[pd.Series, list[str], str]:
    """Dates that are not in ISO 8601: a day part in a form that all share, and a time of day."""
    split = texts.str.extract(_SPLIT, flags=re.IGNORECASE)
    days, clock, zone = split[0].fillna("").str.strip(), split[1], split[2]
    n_parts, n_year = (int(days.str.fullmatch(form).sum()) for form in (_PARTS, _YEAR_FIRST))
    n_named = int(days.str.fullmatch(_NAMED, flags=re.IGNORECASE).sum())
    if n_parts >= max(n_year, n_named, 1) and n_parts > len(texts) / 2:
        day, note = _by_parts(days, texts)
    elif n_named >= max(n_year, 1) and n_named > len(texts) / 2:
        day, note = _by_names(days, texts), ""
    else:
        day, note = pd.to_datetime(days.str.replace(r"[/.]", "-", regex=True), format="ISO8601", errors="coerce",
                                   utc=True), ""
        bad = day.isna() if n_year else by_iso.isna()
        _check_all(bad, texts, "is not a date; write dates as YYYY-MM-DD, or name their form with --date-format "
                               "(date_format=), as %d/%m/%Y")
        day = _naive(day)
    when = _with_clock(day, clock, zone, texts)
    return when, iso(when if zone.notna().any() else _naive(when)), note


def _by_names(days: pd.Series, texts: pd.Series) -> pd.Series:
    """Days with the name of a month, by the form that reads most of them."""
    days = days.str.replace(r"\bSept\b", "Sep", regex=True).str.replace(r"\s+", " ", regex=True)
    read = [pd.to_datetime(days, format=form, errors="coerce") for form in MONTH_FORMS]
    best = min(read, key=lambda when: int(when.isna().sum()))
    _check_all(best.isna(), texts, "is not a date as the others are; write dates as YYYY-MM-DD")
    return best


def _by_parts(days: pd.Series, texts: pd.Series) -> tuple[pd.Series, str]:
    """Days of three numbers, in the one order that all of them allow."""
    parts = days.str.extract(f"^{_PARTS}$")
    _check_all(parts[0].isna(), texts, "is not a date as the others are; write dates as YYYY-MM-DD")
    long_year = bool((parts[3].str.len() == 4).all())
    orders = {name: order for name, order in ORDERS.items() if long_year is False or name != "year first"}
    read = {name: _ordered(parts, order) for name, order in orders.items()}
    good = [name for name, when in read.items() if not when.isna().any()]
    if not good:
        best = min(read, key=lambda name: int(read[name].isna().sum()))
        _check_all(read[best].isna(), texts, f"is not a date, the others being {best}; write dates as YYYY-MM-DD")
    if "year first" in good and len(good) == 2:  # a year of two digits and a day above 12: the rows' order tells
        steady = [name for name in good if read[name].is_monotonic_increasing or read[name].is_monotonic_decreasing]
        good = steady if len(steady) == 1 else good
    differ = np.flatnonzero(np.any([read[name] != read[good[0]] for name in good], axis=0))
    if differ.size:
        i = int(differ[0])
        raise TwoReadings(_two_readings(texts.iloc[i], {name: read[name].iloc[i] for name in good}, parts.iloc[i]))
    return read[good[0]], f"dates read {good[0]}"


def _ordered(parts: pd.DataFrame, order: str) -> pd.Series:
    """Days of parts in the order of year, month and day that `order` names."""
    columns = dict(zip(order, (0, 2, 3), strict=True))
    form = f"{'%Y' if parts[columns['y']].str.len().eq(4).all() else '%y'}-%m-%d"
    text = parts[columns["y"]] + "-" + parts[columns["m"]] + "-" + parts[columns["d"]]
    return pd.to_datetime(text, format=form, errors="coerce")


def _two_readings(text: str, read: dict[str, pd.Timestamp], parts: pd.Series) -> str:
    mark, year = parts[1], "%Y" if len(parts[3]) == 4 else "%y"
    letters = {"d": "%d", "m": "%m", "y": year}
    forms = [f"{when:%Y-%m-%d} ({name}, {mark.join(letters[c] for c in ORDERS[name])})" for name, when in read.items()]
    return (f"{text!r} may be {' or '.join(forms)}, and no row decides; name the form with --date-format "
            "(date_format=)")


def _with_clock(day: pd.Series, clock: pd.Series, zone: pd.Series, texts: pd.Series) -> pd.Series:
    """Days and times of day together, in UTC."""
    if clock.isna().all():
        return day.dt.tz_localize("UTC")
    hours = clock.fillna("00:00").str.replace(r"\s*([AaPp])\.?[Mm]\.?$", r" \1M", regex=True).str.replace(",", ".")
    halves = hours.str.endswith("M")
    if halves.any():
        seconds = hours.str.count(":") == 2
        read = [pd.to_datetime(hours.where(mask), format=form, errors="coerce").dt.strftime("%H:%M:%S")
                for mask, form in ((halves & ~seconds, "%I:%M %p"), (halves & seconds, "%I:%M:%S %p"))]
        _check_all(halves & read[0].isna() & read[1].isna(), texts, "is not a time of day")
        hours = hours.where(~halves, read[0].fillna(read[1]))
    short = hours.str.count(":") == 1
    since = pd.to_timedelta(hours.where(~short, hours + ":00"), errors="coerce")
    ahead = _offsets(zone)
    when = (day + since - ahead).dt.tz_localize("UTC")
    when = when.where(since < pd.Timedelta(days=1))
    _check_all(when.isna(), texts, "is not a date")
    return when


def _offsets(zone: pd.Series) -> pd.Series:
    """How far clocks are ahead of UTC."""
    parts = zone.fillna("").str.extract(r"([+-])(\d\d):?(\d\d)?")
    minutes = pd.to_numeric(parts[1]).fillna(0) * 60 + pd.to_numeric(parts[2]).fillna(0)
    return pd.to_timedelta(minutes.where(parts[0] != "-", -minutes), unit="min")
