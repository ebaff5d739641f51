"""Random tables in many notations: the very numbers come back, or the file is refused; never other numbers."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from fastmas.data.query import Query
from fastmas.data.sources import read_source
from fastmas.errors import DataError

N_CASES = 300
LEAST_READ = 0.75  # of the cases: a reader that refuses everything is none
DATE_FORMS = ("%Y-%m-%d", "%Y%m%d", "%d/%m/%Y", "%m/%d/%Y", "%d.%m.%Y", "%b %d, %Y", "%d-%b-%Y", "%Y-%m-%d %H:%M:%S",
              "%Y/%m/%d", "%m/%d/%Y %I:%M %p", "%d/%m/%y", "unix", "%Y-%m-%dT%H:%M:%SZ", "%d %B %Y")
MARKS = {".": (",", "'", " ", "", ""), ",": (".", "'", "\u00a0", "", "")}
JUNK = ("", "\n", "{s}{s}\n{s}{s}\n", "\nSource: a bank, all rights reserved.\n", "# the end\n")
NOTES = ("", "", "https://www.example.org\n", "# a note, by hand\n", "Prices of a market\n\n")


@dataclass
class Case:
    """What a file holds, as it is written."""

    names: list[str]
    values: np.ndarray
    dates: pd.DatetimeIndex
    text: bytes


def number(x: Decimal, decimal: str, thousands: str) -> str:
    whole, _, rest = f"{x:,f}".partition(".")
    return whole.replace(",", thousands) + (decimal + rest if rest else "")


def case(rng: np.random.Generator) -> Case:
    def pick(options):
        return options[rng.integers(len(options))]

    n, separator, decimal = int(rng.integers(8, 40)), pick((",", ";", "\t", "|")), pick((".", ","))
    form = pick(DATE_FORMS)
    thousands = pick(MARKS[decimal])
    names = ["Close", *[name for name in ("Open", "Volume") if rng.random() < 0.5]]
    # A lone point between commas is a decimal mark, which a writer of decimal commas never means by it.
    places = [int(rng.integers(0, 5)) for _ in names]
    places[0] = 2 if separator == decimal == "," else places[0]
    size = 10.0 ** rng.uniform(-1, 6)
    cells = [[Decimal(int(rng.integers(1, 10**4) * size)) .scaleb(-d) for d in places] for _ in range(n)]
    dates = pd.date_range(f"20{rng.integers(10, 24)}-{rng.integers(1, 13):02d}-{rng.integers(1, 28):02d}", periods=n,
                          freq=pick(("D", "B", "7D", "MS")))
    rows = [[str(int(day.timestamp())) if form == "unix" else day.strftime(form),
             *(number(x, decimal, thousands) for x in own)] for day, own in zip(dates, cells, strict=True)]
    order = list(range(len(names) + 1))
    if rng.random() < 0.3:
        order = list(rng.permutation(order))
    head = [pick(("Date", "Datum", "when", "trade_date")), *names]
    table = [head, *(rows[::-1] if rng.random() < 0.5 else rows)]
    out = io.StringIO()
    writer = csv.writer(out, delimiter=separator, lineterminator=pick(("\n", "\r\n")),
                        quoting=pick((csv.QUOTE_MINIMAL, csv.QUOTE_ALL)))
    writer.writerows([[row[j] for j in order] for row in table])
    text = pick(NOTES) + out.getvalue() + pick(JUNK).replace("{s}", separator)
    return Case(names, np.array(cells, dtype=float), dates, text.encode(pick(("utf-8", "utf-8-sig", "utf-16"))))


def outcome(made: Case, file: Path) -> str:
    """ "read", "refused", or what is wrong with what was read."""
    file.write_bytes(made.text)
    try:
        read = read_source(str(file), Query(tuple(made.names)))
    except DataError:
        return "refused"
    if read.values.shape != made.values.shape or (read.values != made.values).any():
        return f"other numbers: {read.told}"
    stamps = pd.to_datetime(pd.Series(read.dates), format="ISO8601", utc=True)
    return "read" if (stamps == made.dates.tz_localize("UTC")).all() else f"other dates: {read.told}"


def test_numbers_come_back_or_are_refused(tmp_path):
    outcomes = []
    for seed in range(N_CASES):
        made = case(np.random.default_rng(seed))
        outcomes.append(outcome(made, tmp_path / "p.csv"))
        assert outcomes[-1] in ("read", "refused"), (seed, outcomes[-1], made.text[:300])
    assert outcomes.count("read") >= LEAST_READ * N_CASES


def a_point_at_once(table, j, taken, unclear):
    return "."


def the_month_first_if_it_can(days, texts):
    when = pd.to_datetime(days, format="mixed", dayfirst=False, errors="coerce")
    return when, ""


@pytest.mark.parametrize(("place", "guess", "found"), [
    ("series._mark_of_file", a_point_at_once, "other numbers"),
    ("dates._by_parts", the_month_first_if_it_can, "other dates")])
def test_a_reader_that_guesses_is_seen(place, guess, found, tmp_path, monkeypatch):
    monkeypatch.setattr(f"fastmas.data.{place}", guess)
    seen = {outcome(case(np.random.default_rng(seed)), tmp_path / "p.csv").partition(":")[0] for seed in range(80)}
    assert found in seen
