"""Files as people have them: each form is read rightly and said, or refused in one line that names the candidates."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import os
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from fastmas.cli import main
from fastmas.cli.progress import Bar
from fastmas.data import observe
from fastmas.errors import DataError, FastmasError, ParameterError
from fastmas.progress import Lines

N = 40
P = np.round(100 * np.exp(np.cumsum(0.02 * np.random.default_rng(7).standard_normal(N))), 2)
D = pd.bdate_range("2023-01-02", periods=N)
V = 1000 + np.arange(N) * 7919 % 500
ROWS = list(zip(D, P, V, strict=True))
NEWEST_FIRST = ROWS[::-1]
FIRST, LAST = "2023-01-02", "2023-02-24"


@pytest.fixture(autouse=True)
def _in_tmp(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def lines(head: str, row: Callable[[pd.Timestamp, float, int], str], rows: Any = None, tail: str = "") -> str:
    return head + "".join(row(*one) + "\n" for one in (ROWS if rows is None else rows)) + tail


def german(x: float) -> str:
    return f"{x:,.2f}".translate(str.maketrans(",.", ".,"))


def zipped(members: dict[str, str]) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in members.items():
            archive.writestr(name, text)
    return packed.getvalue()


def frame(**more: Any) -> pd.DataFrame:
    return pd.DataFrame({"Date": D, "Close": P} | more)


def packed_frame(write: str, **more: Any) -> bytes:
    content = io.BytesIO()
    getattr(frame(), write)(content, **more)
    return content.getvalue()


PLAIN = lines("Date,Close\n", lambda t, x, k: f"{t:%Y-%m-%d},{x}")
STACKED = "".join(f"{t:%Y-%m-%d},{s},{x * f:.2f}\n" for t, x, _ in ROWS for s, f in (("AAA", 2), ("ZZT", 1)))
TICKS = [(f"2024-01-02 09:{i // 16:02d}:{i // 4 % 4 * 15:02d}", x) for i, x in enumerate(P)]
YAHOO = "Price,Close,High,Open,Volume\nTicker,{0}\nDate,,,,\n"


@dataclass
class Form:
    """A file, the options it needs, what it must give, and what must be said of it."""

    name: str
    content: str | bytes
    told: tuple[str, ...] = ()
    options: dict[str, Any] = field(default_factory=dict)
    column: str | None = "Close"
    values: Any = None
    span: tuple[str, str] | None = (FIRST, LAST)
    data: str = ""


FORMS = {
    "yfinance": Form("p.csv", lines(
        YAHOO.format("ZZT,ZZT,ZZT,ZZT"), lambda t, x, k: f"{t:%Y-%m-%d},{x},{x + 1},{x + 2},{k}"), ("symbol 'ZZT'",)),
    "yfinance, two tickers": Form("p.csv", lines(
        "Price,Close,Close,Volume,Volume\nTicker,AAA,ZZT,AAA,ZZT\nDate,,,,\n",
        lambda t, x, k: f"{t:%Y-%m-%d},{x * 2},{x},{k},{k}"), ("symbol 'ZZT' of 2",), {"symbol": "zzt"}),
    "yfinance by ticker": Form("p.csv", lines(
        "Ticker,AAA,AAA,ZZT,ZZT\nPrice,Open,Close,Open,Close\nDate,,,,\n",
        lambda t, x, k: f"{t:%Y-%m-%d},{x * 2},{x * 3},{x * 4},{x}"), (), {"symbol": "ZZT"}),
    "yfinance of old": Form("p.csv", lines(
        ",Adj Close,Adj Close,Close,Close\n,AAA,ZZT,AAA,ZZT\nDate,,,,\n",
        lambda t, x, k: f"{t:%Y-%m-%d},{x * 2},{x},{x * 3},{x * 4}"), ("'Close' stands beside",), {"symbol": "ZZT"},
        column="Adj Close"),
    "empty last row": Form("p.csv", lines(
        "Date,Open,Close,Volume\n", lambda t, x, k: f"{t:%Y-%m-%d},{x + 1},{x},{k}", tail="2023-02-27,,,6527\n"),
        ("40 rows", "1 of 41 rows with a missing value were dropped (row 42)"), {"missing": "drop"}),
    "FRED": Form("p.csv", lines(
        "observation_date,ZZIDX\n", lambda t, x, k: f"{t:%Y-%m-%d},{'.' if t == D[7] else x}"),
        ("1 of 40 rows with a missing value were dropped (row 9)", "dates of 'observation_date'"), {"missing": "drop"},
        "ZZIDX", np.delete(P, 7)),
    "decimal commas": Form("p.csv", lines(
        "Datum;Schlusskurs;Stuecke\n", lambda t, x, k: f"{t:%d.%m.%Y};{german(x)};{german(k)[:-3]}"),
        ("'Schlusskurs' with decimal commas", "day first"), {}, "Schlusskurs"),
    "decimal commas and thousands points": Form("p.csv", lines(
        "Datum;Schlusskurs\n", lambda t, x, k: f"{t:%d.%m.%Y};{german(x * 100)}"), ("decimal commas",), {},
        "Schlusskurs", [float(f"{x * 100:.2f}") for x in P]),
    "decimal commas by another column": Form("p.csv", lines(
        "Date;Close;Low\n", lambda t, x, k: f"{t:%Y-%m-%d};{k // 100}.{k % 100 + 100};{german(x)}"),
        ("decimal commas",), {}, values=[float(k // 100 * 1000 + k % 100 + 100) for k in V]),
    "decimal comma that is said": Form("p.csv", lines(
        "Date;Close\n", lambda t, x, k: f"{t:%Y-%m-%d};1,{k}"), ("decimal commas",), {"decimal": ","},
        values=[float(f"1.{k}") for k in V]),
    "decimal point that is said": Form("p.csv", lines(
        "Date;Close\n", lambda t, x, k: f"{t:%Y-%m-%d};{x:.3f}"), (), {"decimal": "."}),
    "quoted decimal commas": Form("p.csv", lines(
        "Date,Close\n", lambda t, x, k: f'{t:%Y-%m-%d},"{german(x)}"'), ("decimal commas",)),
    "newest first": Form("p.csv", lines(
        "ts_code,trade_date,open,close,vol\n", lambda t, x, k: f"000009.SZ,{t:%Y%m%d},{x + 1},{x},{k}", NEWEST_FIRST),
        ("sorted from newest first", "dates of 'trade_date'", "2023-01-02 to 2023-02-24"), {}, "close",
        span=("20230102", "20230224")),
    "Investing.com": Form("p.csv", lines(
        '\ufeff"Date","Price","Open","Vol.","Change %"\n', lambda t, x, k:
        f'"{t:%m/%d/%Y}","{x * 40:,.2f}","{x * 41:,.2f}","1.2M","0.35%"', NEWEST_FIRST),
        ("month first", "sorted from newest first"), {}, "Price", [float(f"{x * 40:.2f}") for x in P]),
    "dates in words": Form("p.csv", lines(
        "Date,Price\n", lambda t, x, k: f'"{t:%b %d, %Y}",{x}', NEWEST_FIRST), ("sorted from newest",), {}, "Price"),
    "day first": Form("p.csv", lines("Date,Close\n", lambda t, x, k: f"{t:%d/%m/%Y},{x}"), ("dates read day first",)),
    "months": Form("p.csv", "".join(["month,gdp\n", *(
        f"{2000 + i // 12}-{i % 12 + 1:02d},{x}\n" for i, x in list(enumerate(P))[::-1])]), ("sorted from newest",), {},
        "gdp", span=("2000-01", "2003-04")),
    "quarters": Form("p.csv", "".join(["period,gdp\n", *(
        f"{2000 + i // 4}-Q{i % 4 + 1},{x}\n" for i, x in list(enumerate(P))[::-1])]), ("sorted from newest",), {},
        "gdp", span=("2000-01", "2009-10")),
    "years": Form("p.csv", "".join(["year,gdp\n", *(f"{1980 + i},{x}\n" for i, x in list(enumerate(P))[::-1])]),
        ("sorted from newest",), {}, "gdp", span=("1980", "2019")),
    "short years": Form("p.csv", lines("Date,Close\n", lambda t, x, k: f"{t:%d-%b-%y},{x}")),
    "short years in numbers": Form(
        "p.csv", lines("Date,Close\n", lambda t, x, k: f"{t:%d/%m/%y},{x}"), ("dates read day first",)),
    "a form that is said": Form("p.csv", lines(
        "Date,Close\n", lambda t, x, k: f"{t:%d/%m/%Y},{x}", ROWS[:8]), ("read as %d/%m/%Y",),
        {"date_format": "%d/%m/%Y", "horizon": 2}, values=P[:8], span=(FIRST, "2023-01-11")),
    "a form of nobody": Form("p.csv", lines(
        "Tag,Close\n", lambda t, x, k: f"{t:%Y|%j},{x}"), ("read as %Y|%j", "dates of 'Tag'"),
        {"date_format": "%Y|%j"}),
    "ticks, the last": Form("p.csv", "timestamp,price\n" + "".join(f"{t},{x}\n" for t, x in TICKS),
        ("the last of each date kept, 30 rows dropped",), {"duplicates": "last", "horizon": 2}, "price", P[3::4],
        ("2024-01-02 09:00:00", "2024-01-02 09:02:15")),
    "ticks, all": Form("p.csv", "timestamp,price\n" + "".join(f"{t},{x}\n" for t, x in TICKS),
        ("30 rows have the date of the one before",), {"duplicates": "all"}, "price",
        span=("2024-01-02 09:00:00", "2024-01-02 09:02:15")),
    "ticks, newest first": Form("p.csv", "timestamp,price\n" + "".join(f"{t},{x}\n" for t, x in TICKS[::-1]),
        ("sorted from newest first", "30 rows have"), {"duplicates": "all"}, "price",
        span=("2024-01-02 09:00:00", "2024-01-02 09:02:15")),
    "ticks in disorder": Form("p.csv", "timestamp,price\n" + "".join(
        f"{t},{x}\n" for t, x in [*TICKS[8:], *TICKS[:8]]), ("sorted by date",), {"duplicates": "all"}, "price",
        span=("2024-01-02 09:00:00", "2024-01-02 09:02:15")),
    "a web address above": Form("p.csv", lines(
        "https://www.example.org\nunix,date,symbol,close\n", lambda t, x, k:
        f"{int(t.timestamp())},{t:%Y-%m-%d %H:%M:%S},ZZ/USD,{x}", NEWEST_FIRST),
        ("line 1 left out as a note at the start ('https://www.example.org')", "sorted from newest"), {}, "close",
        span=("2023-01-02 00:00:00", "2023-02-24 00:00:00")),
    "notes with signs": Form("p.csv", lines(
        "# made by hand\n# in dollars\n\nDate,Close\n", lambda t, x, k: f"{t:%Y-%m-%d},{x}"), ("2 lines from line 1",)),
    "a header with a sign": Form("p.csv", lines("#Date,Close\n", lambda t, x, k: f"{t:%Y-%m-%d},{x}")),
    "a source line below": Form("p.csv", PLAIN + "\nSource: some bank, all rights reserved.\n",
        ("line 43 left out as a note at the end ('Source: some bank')",)),
    "rows without content": Form("p.csv", lines(
        "Date,Close,\n", lambda t, x, k: f"{t:%Y-%m-%d},{x},", tail=",,\n , ,\n"), ("40 rows",)),
    "separators at the end": Form("p.csv", lines("Date,Close\n", lambda t, x, k: f"{t:%Y-%m-%d},{x},")),
    "no header": Form("p.csv", lines(
        "", lambda t, x, k: f"{int(t.timestamp() * 1000)},{x + 1},{x + 2},{x - 1},{x},{k},0"),
        ("Unix times", "column '5'"), {"column": "5"}, "5"),
    "milliseconds under a name": Form("p.csv", lines(
        "open_time,open,close,volume\n", lambda t, x, k: f"{int(t.timestamp() * 1000)},{x + 1},{x},{k}", NEWEST_FIRST),
        ("sorted from newest first", "Unix times"), {}, "close"),
    "a column by number": Form("p.csv", lines(
        "Date,A,A\n", lambda t, x, k: f"{t:%Y-%m-%d},{k},{x}"), (), {"column": "3"}, "A"),
    "UTF-16 with tabs": Form("p.csv", lines(
        "Date\tClose\n", lambda t, x, k: f"{t:%Y-%m-%d}\t{x}").encode("utf-16")),
    "Windows letters": Form("p.csv", lines(
        "Datum;Kurs;Stück\n", lambda t, x, k: f"{t:%d.%m.%Y};{german(x)};{k}").encode("cp1252"), (), {}, "Kurs"),
    "an Excel hint": Form("p.csv", "sep=;\n" + lines("Date;Close\n", lambda t, x, k: f"{t:%Y-%m-%d};{german(x)}")),
    "time zones": Form("p.csv", lines("Date,Close\n", lambda t, x, k: f"{t},{x}", zip(
        pd.date_range("2023-03-01", periods=N, freq="B", tz="America/New_York"), P, V, strict=True)), (
        "2023-03-01 to 2023-04-25",), span=("2023-03-01 00:00:00-05:00", "2023-04-25 00:00:00-04:00")),
    "adjusted beside": Form("p.csv", lines(
        "Date,Close,Adj Close\n", lambda t, x, k: f"{t:%Y-%m-%d},{x * 4},{x}"),
        ("adjusted prices, 'Close' stands beside them",), {}, "Adj Close"),
    "unadjusted that is named": Form("p.csv", lines(
        "Date,Close,Adj Close\n", lambda t, x, k: f"{t:%Y-%m-%d},{x},{x / 4}"), (), {"column": "close"}),
    "numbered names": Form("p.csv", lines(
        "timestamp,1. open,4. close,5. volume\n", lambda t, x, k: f"{t:%Y-%m-%d},{x + 1},{x},{k}", NEWEST_FIRST),
        ("sorted from newest first",), {}, "4. close"),
    "with its index": Form("p.csv", frame().to_csv()),
    "dollars": Form("p.csv", lines(
        "Date,Close/Last,Volume\n", lambda t, x, k: f"{t:%m/%d/%Y},${x},{k}", NEWEST_FIRST), ("month first",), {},
        "Close/Last"),
    "thousands": Form("p.csv", lines("Date,Close\n", lambda t, x, k: f'{t:%Y-%m-%d},"{x * 1e4:,.1f}"'),
        values=[float(f"{x * 1e4:.1f}") for x in P]),
    "thousands with spaces": Form("p.csv", lines(
        "Date;Close\n", lambda t, x, k: f"{t:%Y-%m-%d};{x * 1e4:,.1f}".replace(",", "\u202f").replace(".", ",")),
        values=[float(f"{x * 1e4:.1f}") for x in P]),
    "thousands in India": Form("p.csv", lines("Date,Close\n", lambda t, x, k: f'{t:%d-%b-%Y},"1,23,{int(x):03d}.50"'),
        values=[123_000.5 + int(x) for x in P]),
    "percent": Form("p.csv", lines("Date,Rate\n", lambda t, x, k: f"{t:%Y-%m-%d},{x:.2f}%"),
        ("percent of 'Rate' as shares of 1",), {"column": "Rate"}, "Rate", [float(f"{x:.2f}e-2") for x in P]),
    "date and time apart": Form("p.csv", "<DATE>\t<TIME>\t<CLOSE>\t<VOL>\n" + "".join(
        f"2024.01.02\t{9 + i // 60:02d}:{i % 60:02d}:00\t{x}\t7\n" for i, x in enumerate(P)),
        ("dates of '<DATE>' and '<TIME>'", "no gaps"), {}, "<CLOSE>",
        span=("2024-01-02 09:00:00", "2024-01-02 09:39:00")),
    "times of digits alone": Form("p.txt", "<TICKER>,<DATE>,<TIME>,<CLOSE>\n" + "".join(
        f"ZZT,20240102,{9 + i // 60:02d}{i % 60:02d}00,{x}\n" for i, x in enumerate(P)), ("no gaps",), {}, "<CLOSE>",
        span=("2024-01-02 09:00:00", "2024-01-02 09:39:00")),
    "years for names": Form("p.csv", lines("Date,2019,2020\n", lambda t, x, k: f"{t:%Y-%m-%d},{k},{x}"), (),
        {"column": "2020"}, "2020"),
    "halves of the day": Form("p.csv", "Date,Close\n" + "".join(
        f"{t:%m/%d/%Y %I:%M %p},{x}\n" for t, x in zip(pd.date_range("2024-01-15 09:30", periods=N, freq="h"), P,
                                                       strict=True)),
        ("month first",), span=("2024-01-15T09:30:00", "2024-01-17T00:30:00")),
    "stacked": Form("p.csv", "date,symbol,close\n" + STACKED, ("40 of 80 rows of 'ZZT'",), {"symbol": "ZZT"}, "close"),
    "stacked under another name": Form("p.csv", "date,who,close\n" + STACKED, (), {"symbol": "ZZT"}, "close"),
    "bz2": Form("p.csv.bz2", bz2.compress(PLAIN.encode())),
    "xz": Form("p.csv.xz", lzma.compress(PLAIN.encode())),
    "gzip": Form("p.txt.gz", gzip.compress(PLAIN.encode(), mtime=0)),
    "zip": Form("p.zip", zipped({"close.csv": PLAIN, "__MACOSX/close.csv": "x"}), ("file 'close.csv' of the archive",)),
    "a file in a zip": Form("p.zip", zipped({"a.csv": "x,y\n1,2\n", "in/b.csv": PLAIN}), data="p.zip/in/b.csv"),
    "txt": Form("p.txt", PLAIN.replace(",", "|")),
    "feather": Form("p.feather", packed_frame("to_feather")),
    "parquet": Form("p.parquet", packed_frame("to_parquet")),
}


@pytest.mark.parametrize("name", FORMS)
def test_a_form_is_read_and_said(name):
    form = FORMS[name]
    content = form.content if isinstance(form.content, bytes) else form.content.encode()
    Path(form.name).write_bytes(content)
    seen = observe(form.data or form.name, **{"horizon": 5} | form.options)
    assert seen.series.tolist() == list(P if form.values is None else form.values)
    assert (seen.column, (seen.dates[0], seen.dates[-1])) == (form.column, form.span)
    assert seen.told.startswith(f"{form.data or form.name}, column {form.column!r}: {len(seen.series)} rows, ")
    assert "\n" not in seen.told
    assert not [part for part in form.told if part not in seen.told], seen.told


def test_what_is_told_of_a_plain_file():
    Path("p.csv").write_text("date,close\n2020-01-01,1\n2020-01-02,2\n2020-01-03,1\n2020-01-07,1.5\n")
    assert observe("p.csv", horizon=1).told == (
        "p.csv, column 'close': 4 rows, 2020-01-01 to 2020-01-07, longest gap 4 days before 2020-01-07, "
        "largest jump +100% at row 3 (2020-01-02)")
    Path("p.csv").write_text("close\n1\n2\n1\n1.5\n")
    assert observe("p.csv", horizon=1).told == (
        "p.csv, column 'close': 4 rows, no dates found, in the order of the rows, largest jump +100% at row 3")
    paths = pd.DataFrame({"path": [0, 0, 1, 1], "t": [0, 1, 0, 1], "price": [1.0, 2, 1, 4]})
    assert observe(paths).told == "DataFrame, column 'price': 2 paths of 2 times, largest jump +300% at row 3 (from 0)"


# -- tables of pandas, workbooks, several columns ---------------------------------------------------------


def test_columns_with_levels():
    levels = pd.MultiIndex.from_product([["Close", "Volume"], ["AAA", "ZZT"]], names=["Price", "Ticker"])
    table = pd.DataFrame(np.column_stack([P * 2, P, V, V]), pd.DatetimeIndex(D, name="Date"), levels)
    for given in (table, table.swaplevel(axis=1)):
        seen = observe(given, symbol="ZZT", horizon=5)
        assert (seen.series.tolist(), seen.column, seen.dates[0]) == (P.tolist(), "Close", FIRST)
        assert "symbol 'ZZT' of 2" in seen.told
        refuses(given, "columns of 2 symbols, AAA, ZZT; name one with --symbol (symbol=)")
    one = table.xs("ZZT", axis=1, level="Ticker", drop_level=False)
    assert observe(one, horizon=5).series.tolist() == P.tolist()


def test_a_series_newest_first():
    seen = observe(pd.Series(P, D, name="ZZ").iloc[::-1], horizon=5)
    assert (seen.series.tolist(), seen.dates[0]) == (P.tolist(), FIRST)
    assert "sorted from newest first" in seen.told
    assert "column 'ZZ'" in seen.told


def test_text_in_a_frame_is_read_as_in_a_file():
    seen = observe(pd.DataFrame({"Datum": D.strftime("%d.%m.%Y"), "Kurs": map(german, P)}), horizon=5)
    assert (seen.series.tolist(), seen.dates[0]) == (P.tolist(), FIRST)


def workbook(**sheets: pd.DataFrame) -> str:
    pytest.importorskip("openpyxl")
    with pd.ExcelWriter("k.xlsx") as writer:
        for name, sheet in sheets.items():
            sheet.to_excel(writer, sheet_name=name, index=False)
    return "k.xlsx"


def test_workbooks():
    seen = observe(workbook(one=frame(), none=pd.DataFrame()), horizon=5)
    assert (seen.series.tolist(), seen.column, seen.dates[0], seen.dates[-1]) == (P.tolist(), "Close", FIRST, LAST)
    assert "sheet 'one'" in seen.told
    seen = observe(f"{workbook(a=frame(), b=frame(Close=P[::-1]))}/b", horizon=5)
    assert seen.series.tolist() == P[::-1].tolist()
    refuses("k.xlsx", "k.xlsx: 2 sheets; name one of a, b, as k.xlsx/a")
    refuses("k.xlsx/c", "k.xlsx/c: no sheet 'c' with content; name one of a, b, as k.xlsx/a")
    text = frame(Date=D.strftime("%d.%m.%Y"), Close=[german(x) for x in P])
    assert observe(workbook(a=text), horizon=5).series.tolist() == P.tolist()
    titled = pd.DataFrame([["A title", None], ["Date", "Close"], *zip(D, P, strict=True)])
    with pd.ExcelWriter("k.xlsx") as writer:
        titled.to_excel(writer, index=False, header=False)
    seen = observe("k.xlsx", horizon=5)
    assert (seen.series.tolist(), "line 1 left out" in seen.told) == (P.tolist(), True)


def test_a_workbook_without_openpyxl(monkeypatch):
    Path("k.xlsx").write_bytes(b"x")
    monkeypatch.setattr("fastmas.data.binary.importlib.util.find_spec", lambda name: None)
    refuses("k.xlsx", "k.xlsx: Excel files need openpyxl; install it (pip install 'fastmas[excel]'), or save the sheet")


def test_several_columns_at_once():
    from fastmas.data.query import Query  # noqa: PLC0415  -- what `observe` is made of
    from fastmas.data.sources import read_source  # noqa: PLC0415

    table = frame(Volume=V)
    table.loc[3, "Volume"] = np.nan
    for query in (Query(("close", "volume"), missing="drop"), Query(("Close", "3"), missing="drop"),
                  Query(observables=("price", "volume"), missing="drop")):
        read = read_source(table, query)
        assert read.values.tolist() == np.delete(np.column_stack([P, V]), 3, axis=0).tolist()
        assert (read.columns, len(read.dates)) == (("Close", "Volume"), N - 1)
        assert read.at(3, 1) == "DataFrame, row 4 (from 0), column 'Volume'"
        assert "columns 'Close', 'Volume': 39 rows" in read.told
        assert "largest jump of 'Volume'" in read.told
    with pytest.raises(DataError, match=r"row 3 \(from 0\), column 'Volume': 'nan' stands for a missing value"):
        read_source(table, Query(("close", "volume")))
    with pytest.raises(DataError, match=r"no column 'depth' for the observable .* are: Date, .* column= \(--column\)"):
        read_source(table, Query(observables=("price", "depth")))
    with pytest.raises(DataError, match="column 'close' is asked for twice"):
        read_source(table, Query(("close", "close")))
    long = pd.DataFrame({"path": np.repeat([0, 1, 2], 4), "t": np.tile(range(4), 3), "a": np.arange(12.0), "b": 7.0})
    long.loc[5, "b"] = np.nan
    read = read_source(long.iloc[::-1], Query(("b", "a"), missing="drop"))
    assert read.values[..., 1].tolist() == [[0, 1, 2, 3], [8, 9, 10, 11]]
    assert read.at(1, 2, 0) == "DataFrame, row 1 (from 0), column 'b'"
    assert "1 of 3 paths with a missing value were dropped" in read.told


# -- refusals ------------------------------------------------------------------------------------------


def refuses(data: Any, *parts: str, kind: type = DataError, **options: Any) -> None:
    with pytest.raises(kind) as caught:
        observe(data, **{"horizon": 2} | options)
    message = str(caught.value)
    assert "\n" not in message
    assert not [part for part in parts if part not in message], message


SHORT = ROWS[:8]
REFUSED = {
    "a missing value": (lines("Date,Close\n", lambda t, x, k: f"{t:%Y-%m-%d},{'.' if t == D[3] else x}"),
                        ["row 5, column 'Close': '.' stands for a missing value", "--missing drop (missing='drop')"]),
    "two tickers": (lines(YAHOO.format("AAA,ZZT,AAA,ZZT").replace("Close,High,Open,Volume", "Close,Close,Open,Open"),
                          lambda t, x, k: f"{t:%Y-%m-%d},{x},{x},{x},{k}"), ["2 symbols, AAA, ZZT", "--symbol"]),
    "stacked tickers": ("date,symbol,close\n" + STACKED, [
        "column 'symbol': 2 series in one table, AAA, ZZT", "--symbol"]),
    "stacked under another name": ("date,who,close\n" + STACKED, [
        "row 3, column 'date': '2023-01-02' stands in several rows, which the column 'who' tells apart", "--symbol"]),
    "day or month": (lines("Date,Close\n", lambda t, x, k: f"{t:%d/%m/%Y},{x}", SHORT), [
        "column 'Date': '02/01/2023' may be 2023-01-02 (day first, %d/%m/%Y) or 2023-02-01 (month first, %m/%d/%Y)",
        "no row decides", "--date-format"]),
    "day and month": (lines("Date,Close\n", lambda t, x, k: f"{t:%d/%m/%Y},{x}", tail="02/27/2023,1\n"), [
        "row 42, column 'Date': '02/27/2023' is not a date, the others being day first"]),
    "equal dates": ("date,close\n2020-01-01,1\n2020-01-02,2\n2020-01-02,3\n", [
        "row 4", "keep one price per date", "--duplicates last or --duplicates all"]),
    "dates in disorder": ("date,close\n2020-01-02,1\n2020-01-01,2\n2020-01-03,3\n", [
        "row 3", "'2020-01-01' comes after '2020-01-02'", "oldest first", "--duplicates all"]),
    "two columns of dates": ("open day,settled,close\n" + "".join(
        f"2020-01-0{i},2020-02-0{9 - i},{i}\n" for i in range(1, 8)), [
        "the columns 'open day', 'settled' hold dates, and none alone orders the rows", "'date'"]),
    "a comma of either kind": (lines("Date,Close\n", lambda t, x, k: f'{t:%Y-%m-%d},"1,{k % 1000:03d}"'), [
        "row 2, column 'Close': '1,000' may be 1000.0 or 1.0", "--decimal (decimal=)"]),
    "a thousand or one": (lines("Date\tClose\n", lambda t, x, k: f"{t:%Y-%m-%d}\t1.{k % 1000:03d}"), [
        "row 2, column 'Close': '1.000' may be 1.0 or 1000.0", "--decimal (decimal=)"]),
    "marks of two kinds": ("date;close\n2020-01-01;1.234,5\n2020-01-02;1.5\n2020-01-03;2,5\n", [
        "row 3, column 'close': '1.5' is not a number as the others are"]),
    "two currencies": ("date,close\n2020-01-01,$1\n2020-01-02,€2\n", ["row 3", "another currency", "$ and €"]),
    "percent here and there": ("date,close\n2020-01-01,1%\n2020-01-02,2\n2020-01-03,3%\n", [
        "row 3", "'2' has no percent"]),
    "numbers of shares beside": (lines("Tag;Preis;Stuecke\n", lambda t, x, k: f"{t:%Y-%m-%d};{german(x)};{k}"), [
        "no price column found; name with column= (--column) one of: Tag, Preis, Stuecke"]),
    "rounded numbers beside": (lines("Date,Paid,Sold\n", lambda t, x, k: f"{t:%Y-%m-%d},{x},{k}K"), ["no price col"]),
    "two names of prices": (lines("Date,Settle,Last\n", lambda t, x, k: f"{t:%Y-%m-%d},{x},{x}"), ["no price column"]),
    "no header": (lines("", lambda t, x, k: f"{int(t.timestamp() * 1000)},{x},{k}", SHORT), [
        "row 1", "no column name", "by its number", "1 ('1672617600000'), 2 ('" + str(P[0])]),
    "two rows of names": (lines("Date,Close\nday,dollars\n", lambda t, x, k: f"{t:%Y-%m-%d},{x}"), [
        "2 rows of names stand above the data (rows 1 and 2: 'Date', 'day')"]),
    "thousands in every row": (lines("Date,Close\n", lambda t, x, k: f"{t:%Y-%m-%d},1,{k}.50"), [
        "row 2: 3 field(s) where the header has 2 (Date, Close)", "thousands"]),
    "decimal commas without quotes": (lines(
        "Date,Close,Volume,\n", lambda t, x, k: f"{t:%Y-%m-%d},{german(x)},{k}"), [
        "row 2: field 4, '1000', has no name in the header (Date, Close, Volume, )"]),
    "a row that was cut": (PLAIN + "2023-02\n", ["row 42: 1 field(s) where the header has 2"]),
    "a web page": ("<!DOCTYPE html><html>", ["a web page, not a table"]),
    "no value at all": (lines("Date,Close\n", lambda t, x, k: f"{t:%Y-%m-%d},."), ["Close"]),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_not_plain_is_refused_in_one_line(name):
    content, parts = REFUSED[name]
    Path("p.csv").write_text(content)
    refuses("p.csv", "p.csv", *parts)


def test_options_that_are_none():
    table = frame()
    for option in ("duplicates", "missing", "decimal"):
        refuses(table, f"{option}='keep': give one of ", kind=ParameterError, **{option: "keep"})
    refuses(table, "date_format='day': give a form such as %d/%m/%Y", kind=ParameterError, date_format="day")
    refuses(table, "symbol='': give a text", kind=ParameterError, symbol="")
    refuses(table, "symbol 'ZZT' is not in the columns Date, Close", symbol="ZZT")
    refuses(table.assign(symbol="AAA"), "'ZZT' is not in column 'symbol'; it has AAA", symbol="ZZT")
    refuses(table.assign(Date=D.strftime("%d/%m/%Y")), "row 0 (from 0), column 'Date': '02/01/2023' is not a date of "
            "the form %Y-%m-%d", date_format="%Y-%m-%d")
    Path("p.csv").write_text(lines("", lambda t, x, k: f"{t:%Y-%m-%d},{x}"))
    refuses("p.csv", "no column name", column="3")
    refuses("p.csv", "no column name", column="Close")


def test_files_without_end_and_bombs():
    os.mkfifo("pipe.csv")
    refuses("pipe.csv", "pipe.csv: a pipe or device, whose end nobody knows; save what it gives in a file")
    refuses("/dev/zero", "/dev/zero: a pipe or device")
    Path("zeros.csv.gz").write_bytes(gzip.compress(bytes(1 << 26)))
    refuses("zeros.csv.gz", "zeros.csv.gz: unfolds to more than 250 times its")
    Path("zeros.csv.bz2").write_bytes(bz2.compress(bytes(1 << 26)))
    refuses("zeros.csv.bz2", "zeros.csv.bz2: unfolds to more than")
    Path("zeros.zip").write_bytes(zipped({"a.csv": "\0" * (1 << 26)}))
    refuses("zeros.zip", "zeros.zip: unfolds to more than")
    Path("wide.csv").write_text(",".join(map(str, range(10**6))) + "\n" + "1," * 999_999 + "1\n")
    refuses("wide.csv", "wide.csv: 1,000,000 columns, more than 10,000")
    refuses(pd.DataFrame(np.ones((2, 10_001))), "DataFrame: 10,001 columns, more than 10,000")


def test_a_file_larger_than_memory(monkeypatch):
    Path("p.csv").write_bytes(PLAIN.encode() * 30_000)
    monkeypatch.setattr("fastmas.limits.available_memory", lambda: 10**8)
    refuses("p.csv", "p.csv: its cells need", "GB are free", kind=FastmasError)


@pytest.mark.parametrize(("name", "content", "part"), [
    ("p.zip", b"PK junk", "p.zip: not a zip archive, or damaged"),
    ("p.zip", zipped({}), "an archive without a file in it"),
    ("p.zip", zipped({"a.csv": PLAIN, "b.csv": PLAIN}), "2 files in it; name one, as p.zip/a.csv, of: a.csv, b.csv"),
    ("p.zip", zipped({"a.exe": PLAIN}), "p.zip: unknown extension"),
    ("p.csv.bz2", b"BZh9 junk", "p.csv.bz2: not a bz2 file, or damaged; compress it again with bz2"),
    ("p.csv.xz", lzma.compress(PLAIN.encode())[:-9], "p.csv.xz: not a xz file, or damaged"),
    ("p.feather", b"ARROW1 junk", "p.feather: not a Feather file, or damaged"),
    ("p.xls", b"\xd0\xcf", "p.xls: an old Excel file; save it as .xlsx or CSV"),
    ("p.pkl", b"\x80\x04.", "p.pkl: pickled objects are never opened"),
])
def test_packings_that_are_damaged(name, content, part):
    Path(name).write_bytes(content)
    refuses(name, part)


def damaged(content: bytes, rng: np.random.Generator) -> bytes:
    """A copy with some bytes changed, lost or said twice."""
    out = bytearray(content)
    for _ in range(int(rng.integers(1, 6))):
        i = int(rng.integers(len(out)))
        j = min(len(out), i + int(rng.integers(1, 40)))
        out[i:j] = (bytes([int(rng.integers(256))]), b"", out[i:j] * 2, b'"', b",", b"\n", b"-", b"9")[rng.integers(8)]
    return bytes(out) or b"x"


def said_of(form: Form) -> str:
    """What is told of a file that is read, or why it is refused; another error is a fault of the reader."""
    try:
        return observe(form.name, **{"horizon": 5} | form.options).told
    except FastmasError as fault:
        return str(fault)


def test_whatever_is_in_a_file_it_is_read_or_refused():
    """900 damaged files of every form: a fault is always one of ours, in one line."""
    wholes = {name: form for name, form in FORMS.items() if not form.data}
    for name, form in wholes.items():
        content = form.content if isinstance(form.content, bytes) else form.content.encode()
        for seed in range(900 // len(wholes) + 1):
            Path(form.name).write_bytes(damaged(content, np.random.default_rng(seed)))
            assert "\n" not in said_of(form), (name, seed)


def test_paths_within_files():
    Path("p.zip").write_bytes(zipped({"a.csv": PLAIN}))
    refuses("p.zip/b.csv", "p.zip/b.csv: no 'b.csv' in it; name one, as p.zip/a.csv, of: a.csv")
    Path("p.csv").write_text(PLAIN)
    refuses("p.csv/b.csv", "p.csv/b.csv: no such file; a path within a file is for .zip")
    refuses("q.zip/b.csv", "q.zip/b.csv: no such file")
    pytest.importorskip("openpyxl")
    Path("k.xlsx").write_bytes(zipped({"a.xml": "<a>"}))
    refuses("k.xlsx", "k.xlsx: not an Excel file, or damaged")


# -- the command line ----------------------------------------------------------------------------------


def test_what_was_read_is_said_before_the_work_begins(small, capsys):
    days = pd.bdate_range("2020-01-01", periods=400)
    prices = 100 * np.exp(np.cumsum(0.01 * np.random.default_rng(3).standard_normal(400)))
    pd.DataFrame({"Datum": days.strftime("%d.%m.%Y"), "Kurs": [german(x) for x in prices]}).iloc[::-1].to_csv(
        "p.csv", sep=";", index=False)
    assert main(["calibrate", "stock-market", "--data", "p.csv", "--free", "gamma", "--updater", "moments",
                 "--draws", "0", "--no-interval", "--threads", "1", "--out", "run"]) == 0
    told = capsys.readouterr().err.splitlines()[0]
    assert told.startswith("p.csv, column 'Kurs': 400 rows, 2020-01-01 to 2021-07-13, 'Kurs' with decimal commas, "
                           "dates of 'Datum', dates read day first, sorted from newest first, longest gap 3 days ")
    config = json.loads(Path("run/config.json").read_text())
    assert config["data"]["told"] == told
    assert "sorted from newest first" in Path("run/report.html").read_text()


def test_options_at_the_command_line(capsys):
    Path("p.csv").write_text("date,symbol,close\n" + STACKED)
    argv = ["calibrate", "stock-market", "--data", "p.csv", "--out", "run"]
    for more, part in (([], "name one with --symbol"), (["--symbol", "QQQ"], "it has AAA, ZZT"),
                       (["--symbol", "ZZT"], "40 prices"), (["--date-format", "day"], "give a form such as %d/%m/%Y"),
                       (["--duplicates", "first"], "duplicates='first': give one of error, last, all"),
                       (["--missing", "fill"], "give one of error, drop"),
                       (["--symbol", "ZZT", "--column", "9"], "no column '9'")):
        assert main([*argv, *more]) == 2
        said = capsys.readouterr().err
        assert part in said
        assert said.count("\n") == 1
    assert not Path("run").exists()


def test_a_line_that_stays():
    for shown, stream in ((Lines, io.StringIO()), (Bar, io.StringIO())):
        progress = shown(stream)
        progress.tell({"phase": "data", "said": "p.csv, column 'close': 3 rows"})
        progress.tell({"phase": "game", "done": 1, "total": 2})
        progress.close()
        assert "p.csv, column 'close': 3 rows\n" in stream.getvalue()
