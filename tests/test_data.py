"""Price data in: every kind of input, every fault by its message, and no leakage into the held-out part."""

from __future__ import annotations

import gzip
from importlib import resources
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from fastmas.data import Observations, observe
from fastmas.errors import DataError, ParameterError

PRICES = [1.0, 2.5, 3.0, 5.0]
DAYS = ["2020-01-01", "2020-01-02", "2020-01-03", "2020-01-06"]
GOOD = "date,close\n" + "".join(f"{day},{price}\n" for day, price in zip(DAYS, PRICES, strict=True))


@pytest.fixture(autouse=True)
def _in_tmp(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def paths() -> np.ndarray:
    return np.exp(np.random.default_rng(0).normal(scale=0.1, size=(10, 6)).cumsum(axis=1))


def write(content: str | bytes, name: str = "p.csv") -> str:
    Path(name).write_bytes(content if isinstance(content, bytes) else content.encode())
    return name


def long_table(paths: np.ndarray) -> pd.DataFrame:
    n_paths, n_times = paths.shape
    path, t = np.divmod(np.arange(paths.size), n_times)
    return pd.DataFrame({"path": path, "t": t + 50, "price": paths.ravel()})


def fails(data: object, *parts: str, kind: type = DataError, **options) -> None:
    """`observe` refuses `data` in one line that holds every part."""
    with pytest.raises(kind) as caught:
        observe(data, **options)
    message = str(caught.value)
    assert "\n" not in message
    assert not [part for part in parts if part not in message], message


# -- windows, shares and leakage -------------------------------------------------------------------


def test_series_windows_do_not_leak():
    series = np.arange(1.0, 1001.0)
    seen = observe(series, horizon=50, stride=10)
    assert (seen.regime, seen.source, seen.column, seen.dates) == ("series", "array", None, None)
    assert seen.series_train.tolist() == series[:800].tolist()
    assert seen.series_heldout.tolist() == series[800:].tolist()
    assert seen.x_obs.shape == (75, 51)  # starts 0, 10 .. 740 of the last start 749
    assert seen.x_heldout.shape == (15, 51)  # starts 0, 10 .. 140 of the last start 149
    assert seen.x_obs.max() <= 800 < seen.x_heldout.min()
    assert (np.diff(seen.x_obs, axis=1) == 1).all()
    assert (np.diff(seen.x_obs[:, 0]) == 10).all()
    assert seen.horizon == 50
    assert seen.n_effective_windows == 799 // 50
    assert observe(series).x_obs[:2, [0, -1]].tolist() == [[1, 51], [26, 76]]  # horizon 50, stride 25


def test_paths_hold_out_the_last(paths):
    seen = observe(paths)
    assert (seen.regime, seen.horizon, seen.n_effective_windows) == ("paths", 5, 8)
    assert np.array_equal(seen.x_obs, paths[:8])
    assert np.array_equal(seen.x_heldout, paths[8:])
    assert seen.series is seen.series_train is seen.series_heldout is seen.dates is None
    assert len(observe(paths, heldout_share=0.01).x_heldout) == 1
    assert len(observe(paths, heldout_share=0.99).x_obs) == 1
    assert len(observe(paths, horizon=5).x_obs) == 8


def test_one_path_is_one_series(paths):
    for data in (paths[:1], long_table(paths[:1])):
        seen = observe(data, horizon=2)
        assert seen.regime == "series"
        assert np.array_equal(seen.series, paths[0])


@pytest.mark.parametrize("share", [0.01, 0.2, 0.5, 0.6, 0.9])
@pytest.mark.parametrize("horizon", [1, 4, 9])
def test_needed_number_of_prices_is_exact(share, horizon):
    options = {"heldout_share": share, "horizon": horizon}
    with pytest.raises(DataError, match=r"array: 2 prices.* needs (\d+)") as caught:
        observe(np.array([1.0, 2.0]), **options)
    needed = int(str(caught.value).partition("needs ")[2].partition(",")[0])
    assert len(observe(np.arange(1.0, needed + 1), **options).x_heldout) >= 1
    fails(np.arange(1.0, needed), f"array: {needed - 1} prices", f"needs {needed},", **options)


@pytest.mark.parametrize("dtype", [np.int64, np.float32, np.float64])
@pytest.mark.parametrize("make", [np.array, pd.Series, lambda x: pd.DataFrame({"close": x})])
def test_results_are_float64_and_never_the_users_memory(make, dtype):
    data = make(np.array([1, 2, 3, 5], dtype))
    seen = observe(data, horizon=1)
    for part in (seen.x_obs, seen.x_heldout):
        part[...] = 7.0
    for part in (seen.series, seen.series_train, seen.series_heldout):
        assert part.dtype == np.float64
        assert 7.0 not in part
        part[...] = 8.0
    assert seen.x_obs.dtype == seen.x_heldout.dtype == np.float64
    assert np.asarray(data).ravel().tolist() == [1, 2, 3, 5]


def test_paths_are_copied(paths):
    seen = observe(paths)
    seen.x_obs[...] = seen.x_heldout[...] = 0
    assert paths.all()
    assert observe(paths.astype(np.float32)).x_obs.dtype == np.float64


# -- every kind of input ---------------------------------------------------------------------------


def check(seen: Observations, column: str | None, dates: list[str] | None) -> None:
    assert seen.series.tolist() == PRICES
    assert (seen.column, seen.dates) == (column, dates)


@pytest.mark.parametrize(
    "content",
    [
        GOOD,
        GOOD.replace(",", ";"),
        GOOD.replace(",", "\t"),
        b"\xef\xbb\xbf" + GOOD.replace("\n", "\r\n").encode(),
        GOOD.replace("2020-01-02", "\n\n 2020-01-02 ").replace(",", " , ") + "\n",
    ],
)
def test_csv(content):
    file = write(content)
    seen = observe(Path(file), horizon=1)
    assert seen.column.strip() == "close"
    assert [day.strip() for day in seen.dates] == DAYS
    assert (seen.series.tolist(), seen.source) == (PRICES, file)
    check(observe(write(gzip.compress(GOOD.encode(), mtime=0), "P.CSV.GZ"), horizon=1), "close", DAYS)


@pytest.mark.parametrize("pair", ["Adj Close,Close", "ADJ_CLOSE,close", "Close,Price", "price,value"])
def test_preferred_column(pair):
    first, second = pair.split(",")
    table = pd.DataFrame({"date": DAYS, second: 9.0, first: PRICES})
    check(observe(table, horizon=1), first, DAYS)
    check(observe(table.iloc[:, ::-1], horizon=1), first, DAYS)


def test_only_column_of_numbers_and_named_column():
    check(observe(write(GOOD.replace("close", "SPX")), horizon=1), "SPX", DAYS)
    check(observe(pd.DataFrame({"x": 1.0, "Value": PRICES}), horizon=1), "Value", None)
    two = pd.DataFrame({"date": DAYS, "close": [9.0, 8, 7, 6], "SPX": PRICES})
    check(observe(two, column="spx", horizon=1), "SPX", DAYS)
    assert observe(two.rename(columns={"close": "spx"}), column="SPX", horizon=1).series[0] == 1


@pytest.mark.parametrize("name", ["Date", "datetime", "TIMESTAMP", "time"])
def test_date_columns(name):
    check(observe(write(GOOD.replace("date", name)), horizon=1), "close", DAYS)


def test_dates_without_hyphens():
    days = [day.replace("-", "") for day in DAYS]
    check(observe(write(GOOD.replace("-", "")), horizon=1), "close", days)
    check(observe(pd.DataFrame({"date": map(int, days), "close": PRICES}), horizon=1), "close", days)


def test_a_clock_of_numbers_orders_but_dates_nothing():
    check(observe(write("time,price\n0,1\n1,2.5\n2,3\n3,5\n"), horizon=1), "price", None)
    fails(write("time,price\n0,1\n2,2.5\n1,3\n3,5\n"), "p.csv, row 4, column 'time'", "sort", horizon=1)


@pytest.mark.parametrize("index", [DAYS, pd.DatetimeIndex(DAYS), pd.PeriodIndex(DAYS, freq="D")])
@pytest.mark.parametrize("name", [None, "Date"])
def test_pandas_index_of_dates(index, name):
    series = pd.Series(PRICES, pd.Index(index, name=name), name="SPX")
    check(observe(series, horizon=1), "SPX", DAYS)
    check(observe(series.to_frame(), horizon=1), "SPX", DAYS)
    series.to_csv("p.csv")
    check(observe("p.csv", horizon=1), "SPX", DAYS)
    where = f"Series, row 2 (from 0), column '{name or 'index'}'"
    fails(series.iloc[[0, 2, 1, 3]], where, "sort", horizon=1)


def test_pandas_without_dates():
    check(observe(pd.Series(PRICES), horizon=1), "price", None)
    check(observe(pd.DataFrame({"a": PRICES}, index=[5, 4, 4, 1]), horizon=1), "a", None)


def test_intraday_dates_keep_time_and_zone():
    stamps = pd.date_range("2020-10-25", periods=4, freq="30min", tz="UTC").tz_convert("Europe/Paris")
    assert observe(pd.Series(PRICES, stamps), horizon=1).dates[2] == "2020-10-25T02:00:00+01:00"
    midnights = pd.DatetimeIndex(DAYS, tz="Europe/Paris")
    assert observe(pd.Series(PRICES, midnights), horizon=1).dates == DAYS
    naive = stamps.tz_convert("UTC").tz_localize(None)
    assert observe(pd.Series(PRICES, naive), horizon=1).dates[1] == "2020-10-25T00:30:00"
    offsets = "date,close\n2020-10-25T02:30+02:00,1\n2020-10-25T02:00+01:00,2.5\n2020-10-26,3\n2020-10-27,5\n"
    assert observe(write(offsets), horizon=1).dates[1] == "2020-10-25T02:00+01:00"


@pytest.mark.parametrize("days", [pd.to_datetime(DAYS), pd.to_datetime(DAYS).date, DAYS])
def test_parquet(days):
    pd.DataFrame({"Date": days, "close": PRICES}).to_parquet("p.parquet")
    check(observe("p.parquet", horizon=1), "close", DAYS)
    pd.DataFrame({"close": PRICES}, index=pd.Index(days)).to_parquet("p.parquet")
    check(observe("p.parquet", horizon=1), "close", DAYS)


def test_numpy_files(paths):
    np.save("p.npy", np.array(PRICES))
    check(observe("p.npy", horizon=1), None, None)
    np.savez("p.npz", only=paths)
    assert np.array_equal(observe("p.npz").x_obs, paths[:8])
    np.savez("p.npz", other=paths + 1, paths=paths)
    assert np.array_equal(observe("p.npz").x_obs, paths[:8])
    assert np.array_equal(observe("p.npz", column="other").x_obs, paths[:8] + 1)


def test_long_table_of_paths_in_any_order(paths):
    table = long_table(paths).sample(frac=1, random_state=1).assign(theta=0, volume=3)
    table.to_csv("p.csv", index=False)
    table.to_parquet("p.parquet")
    for data in (table, "p.csv", "p.parquet", table.set_index(["path", "t"])):
        seen = observe(data)
        assert (seen.regime, seen.column) == ("paths", "price")
        assert np.array_equal(np.vstack([seen.x_obs, seen.x_heldout]), paths)
    only = table.drop(columns="volume").rename(columns={"price": "bid"})
    assert observe(only).column == "bid"


def test_sp500():
    seen = observe("sp500")
    assert seen.series.shape == (5031,)
    assert (seen.series[0], seen.series[-1]) == (1228.099976, 2506.850098)
    assert (seen.dates[0], seen.dates[-1], len(seen.dates)) == ("1999-01-04", "2018-12-31", 5031)
    assert (seen.source, seen.column, seen.regime) == ("sp500", "close", "series")
    assert len(seen.series_heldout) == 1006
    assert resources.files("fastmas").joinpath("datasets", "README.md").is_file()


# -- every fault -----------------------------------------------------------------------------------

FOUR, DATE = "p.csv, row 4, column 'close'", "p.csv, row 4, column 'date'"
PACKED = gzip.compress(GOOD.encode(), mtime=0)
CSV_FAULTS = {
    "text": (",3.0", ",abc", FOUR, "'abc' is not a number", "plain numbers"),
    "decimal comma": (",3.0", ',"3,0"', FOUR, "'3,0' is not a number", "thousands"),
    "thousands": (",3.0", ",1,003.0", "p.csv, row 4", "3 field(s)", "header has 2", "thousands"),
    "missing field": (",3.0", "", "p.csv, row 4", "1 field(s)", "header has 2"),
    "empty": (",3.0", ",", FOUR, "empty", "fill it or drop"),
    "nan": (",3.0", ",NaN", FOUR, "nan is a missing price", "fill or drop"),
    "infinite": (",3.0", ",-inf", FOUR, "-inf is infinite", "correct or drop"),
    "overflow": (",3.0", ",1e999", FOUR, "inf is infinite"),
    "zero": (",3.0", ",0", FOUR, "price 0.0 is not positive", "correct or drop"),
    "negative": (",3.0", ",-3.5", FOUR, "price -3.5 is not positive", "not returns"),
    "unsorted": ("01-02", "01-04", DATE, "'2020-01-03' comes after '2020-01-04'", "oldest first"),
    "duplicate": ("01-02", "01-03", DATE, "'2020-01-03' is a duplicate", "one price per date"),
    "no date": ("2020-01-02", "02/01/2020", "row 3, column 'date'", "'02/01/2020' is not a date", "YYYY"),
    "empty date": ("2020-01-02", "", "row 3, column 'date'", "'' is not a date"),
    "quote": ("2020-01-02", '"2020-01-02', "p.csv, row 5", "check the quotes"),
    "no header": ("date,close\n", "", "p.csv, row 1", "'1.0' is no column name", "add a header"),
    "two columns": ("date,close", "close,close", "2 columns are named 'close'", "rename"),
    "binary": ("close", "\0\1", "p.csv: binary data", "export it as CSV"),
    "no price": ("close", "", "p.csv: no price column found", "column=", "date, "),
}


@pytest.mark.parametrize("fault", CSV_FAULTS)
def test_csv_faults(fault):
    old, new, *parts = CSV_FAULTS[fault]
    fails(write(GOOD.replace(old, new)), *parts, horizon=1)


def test_more_csv_faults():
    fails(write(GOOD.replace("\n", "\n\n").replace("3.0", "-1")), "p.csv, row 7, column 'close'")
    fails(write("date,a,b\n2020-01-01,1,2\n"), "no price column found", "column=", "date, a, b")
    fails(write(GOOD), "p.csv, column 'close': 4 prices", "horizon=50", "needs 102", "smaller horizon")


def test_wrong_column():
    fails(write(GOOD), "p.csv: no column 'shut'", "date, close", column="shut")
    fails(write(GOOD), "p.csv, row 2, column 'date'", "'2020-01-01' is not a number", column="date")
    fails(pd.Series(PRICES, name="SPX"), "Series: no column 'x'", "SPX", column="x")
    fails(np.array(PRICES), "column='x'", "leave it out", column="x", kind=ParameterError)


@pytest.mark.parametrize(
    ("name", "content", "parts"),
    [
        ("p.csv", b"", ["p.csv: the file is empty"]),
        ("p.csv", b"\n\r\n", ["p.csv: the file is empty"]),
        ("p.csv", b"date,close\n\n", ["p.csv: only a header", "add one line per price"]),
        ("p.csv", bytes(range(256)), ["p.csv: not text in UTF-8 (byte 129)", "export it"]),
        ("p.csv.gz", GOOD.encode(), ["p.csv.gz: not a gzip file"]),
        ("p.csv.gz", PACKED[:-9], ["p.csv.gz: not a gzip file, or damaged"]),
        ("p.csv.gz", PACKED[:14] + b"\xff" * 20, ["p.csv.gz: not a gzip file, or damaged"]),
        ("p.parquet", b"", ["p.parquet: the file is empty"]),
        ("p.parquet", b"PAR1 junk PAR1", ["p.parquet: not a Parquet file, or damaged", "write it again"]),
        ("p.npz", b"PK\3\4 junk", ["p.npz: not a plain NumPy file, or damaged", "numpy.savez"]),
        ("p.npy", b"\x93NUMPY\1\0\xff\0", ["p.npy: not a plain NumPy file, or damaged"]),
        ("p.xlsx", b"1", ["p.xlsx: unknown extension", ".csv.gz", ".parquet", ".npz"]),
    ],
)
def test_damaged_files(name, content, parts):
    fails(write(content, name), *parts)


def test_missing_files():
    fails("nope.csv", "nope.csv: no such file", "check the path")
    fails(Path("sp500"), "sp500: no such file")
    fails("sp5000", "'sp5000' is neither a file nor one of: sp500")
    fails("x" * 300 + ".csv", ".csv: cannot be read", "check its path")
    Path("d.csv").mkdir()
    fails("d.csv", "d.csv: is a directory", "name one file")


def test_pickled_objects_are_never_opened(paths):
    objects = np.array([{}, 1], dtype=object)
    np.save("p.npy", objects, allow_pickle=True)
    fails("p.npy", "p.npy: not a plain NumPy file", "never opened")
    np.savez("p.npz", paths=objects)
    fails("p.npz", "p.npz: not a plain NumPy file", "never opened")


def test_names_in_numpy_files(paths):
    np.savez("p.npz", a=paths, b=paths)
    fails("p.npz", "p.npz: no array 'paths'", "column=", "a, b")
    fails("p.npz", "p.npz: no array 'c'", "a, b", column="c")
    np.savez("p.npz", a=paths)
    fails("p.npz", "p.npz: no array 'c'", column="c")
    np.save("p.npy", paths)
    fails("p.npy", "p.npy: holds one array and no column 'c'", "leave column= out", column="c")


def test_faults_of_arrays(paths):
    for bad, part in ((np.nan, "missing"), (np.inf, "inf is infinite"), (-1, "-1.0 is not positive")):
        paths[3, 2] = bad
        fails(paths, "array, path 3, time 2 (from 0)", part)
        fails(paths[3], "array, time 2 (from 0)", part)
    fails(np.ma.masked_equal(np.array(PRICES), 3.0), "array, time 2", "nan is a missing")
    fails(paths[None], "shape (1, 10, 6) is neither (n_times,) nor (n_paths, n_times)", "one series or")
    fails(paths[:0], "array: no prices, shape (0, 6)", "give one series")
    fails(paths.astype(str), "type <U32 are no prices", "give real numbers")
    fails(paths > 0, "type bool are no prices")
    fails({"close": PRICES}, "dict is no kind of data", "give a file")
    fails(np.ones((7, 1)), "7 paths of 1 price each", "one series as (n_times,)")
    fails(np.full((7, 3), 2.5), "array: constant prices", "2.5", "prices that move")
    fails(np.full(9, 2.5), "array: constant prices", "2.5", horizon=2)


def test_faults_of_frames():
    frame = pd.DataFrame({"Date": pd.to_datetime(DAYS), "close": PRICES})
    here = "DataFrame, row 2 (from 0), column"
    fails(frame.iloc[:0], "DataFrame: a table without prices")
    fails(frame.assign(close=True), "'True' (bool) is not a number", "name another column=")
    fails(frame.assign(close=[1 + 0j] * 4), "(complex128) is not a number")
    fails(frame, "(datetime64", "column 'Date'", "is not a number", column="Date")
    fails(frame.assign(close=pd.array([1, 2, None, 5], dtype="Int64")), f"{here} 'close'", "missing price")
    for missing in (None, pd.NA, np.nan):
        fails(frame.assign(close=[1, 2, missing, "5"]), f"{here} 'close'", "missing price")
    fails(frame.assign(close=[1, 2, [3, 4], 10**400]), f"{here} 'close'", "'[3, 4]' is not a number")
    fails(frame.assign(Date=frame["Date"].where(frame.index != 2)), f"{here} 'Date'", "is not a date")
    frame.assign(close=[1.0, 2.0, -3.0, 4.0]).to_parquet("p.parquet")
    fails("p.parquet", "p.parquet, row 3, column 'close'", "-3.0")
    frame.iloc[:0].to_parquet("p.parquet")
    fails("p.parquet", "p.parquet: a table without prices")


def test_faults_of_long_tables(paths):
    table = long_table(paths)
    table.assign(price=table["price"].where(table.index != 7, -1)).to_csv("p.csv", index=False)
    fails("p.csv", "p.csv, row 9, column 'price'", "-1.0 is not positive")
    again = pd.concat([table, table.iloc[3:4]])
    fails(again, "row 60 (from 0), column 't'", "path 0 has t 53 twice", "drop one")
    fails(table.drop(index=7), "column 't'", "path 1 has other times than path 0", "the same times")
    moved = table.assign(t=table["t"] + (table["path"] == 4))
    fails(moved, "column 't'", "path 4 has other times than path 0", "the same times")
    fails(table.assign(theta=table.index // 30), "column 'theta'", "2 values of theta", "keep")
    for name in ("path", "t"):
        lost = table.assign(**{name: table[name].where(table.index != 8)})
        fails(lost, f"row 8 (from 0), column '{name}'", "nan is not finite")
    fails(table, "no column 'x'", "path, t, price", column="x")


@pytest.mark.parametrize("value", [0, -1, 1.5, True, "a", float("nan")])
@pytest.mark.parametrize("option", ["horizon", "stride", "heldout_share"])
def test_options_outside_their_bounds(option, value, paths):
    fails(paths, f"{option}={value!r} is not a", "give", kind=ParameterError, **{option: value})


def test_options_that_do_not_fit_paths(paths):
    fails(paths, "horizon=4 differs from the 5 steps", "leave it out", horizon=4, kind=ParameterError)
    fails(paths, "stride=2 is for one series", "leave it out", stride=2, kind=ParameterError)
