"""A terminal of any width: words and numbers stay whole, and no name moves the cursor."""

import random

import pytest

from fastmas.cli import main, progress
from fastmas.cli.tables import fitted, show

NAMES = ("parameter", "value", "low", "high", "unit", "what it is")
ROWS = (("price_0", 100.0, 1.0, 10000.0, "price units", "P(0), where every path begins"),
        ("variance_0", 0.0123456, 0.0, 1e-07, "price units^2", "sigma(0)"),
        ("window", [10, 5, 7, 10, 10], 2, 10, "", "prices in the long moving average"))
CELLS = [[show(cell) for cell in row] for row in ROWS]


@pytest.mark.parametrize("width", [*range(8, 140), None])
def test_no_word_and_no_number_is_cut(width):
    """Every word of every cell is a word of the table, whatever the room; lines are as short as words let them be."""
    lines = fitted(NAMES, CELLS, width)
    words = " ".join(lines).split()
    for cell in (cell for row in CELLS for cell in row):
        assert set(cell.split()) <= set(words)
    if width is not None and width >= 60:
        assert max(map(len, lines)) <= width


def test_columns_stand_below_each_other_where_there_is_room():
    lines = fitted(NAMES, CELLS, 140)
    assert len(lines) == 4
    assert lines[0].index("high") == lines[1].index("10000") == lines[2].index("1e-07")


def test_words_of_any_table_stay_whole():
    rng = random.Random(4)
    for _ in range(300):
        names = [f"n{j}" for j in range(rng.randint(1, 7))]
        rows = [[" ".join("x" * rng.randint(1, 12) for _ in range(rng.randint(0, 5))) for _ in names]
                for _ in range(rng.randint(1, 5))]
        width = rng.randint(10, 100)
        lines = fitted(names, rows, width)
        given = sorted(word for row in rows for cell in row for word in cell.split())
        assert sorted(word for word in " ".join(lines).split() if set(word) == {"x"}) == given
        is_table = lines and lines[0].startswith("n")
        assert not is_table or max(map(len, lines)) <= width


def test_a_column_that_says_nothing_is_left_out():
    assert fitted(("a", "b"), [["1", ""], ["2", ""]], 80) == ["a", "1", "2"]
    assert fitted(("a", "b"), [["", ""]], 80) == []


@pytest.mark.parametrize("room", range(90))
def test_a_bar_says_what_fits_and_cuts_no_number(room):
    event = {"loss": 62.81234, "estimate": {"kappa": 0.542977, "gamma": 2.13456, "rho": 0.0123456}}
    said = progress.fitting(event, room)
    whole = ["loss 62.81", "kappa 0.542977", "gamma 2.13456", "rho 0.0123456"]
    parts = said.split(", ") if said else []
    assert parts == whole[:len(parts)]
    assert len(said) <= room
    assert len(parts) == 4 or len(", ".join(whole[:len(parts) + 1])) > room


@pytest.mark.parametrize("name", ["a\x1b[31mb", "a\x1b]0;title\x07b", "a\rb", "a\x9bb"])
def test_names_do_not_move_the_cursor(name, capsys, tmp_path):
    assert main(["calibrate", "stock-market", "--data", f"{tmp_path}/{name}.csv"]) == 2
    assert main(["simulate", name, "--paths", "3", "--steps", "5"]) == 2
    said = capsys.readouterr()
    for text in (said.out, said.err):
        assert all(c.isprintable() or c == "\n" for c in text)
    assert show(name).isprintable()
