"""Claims about pairs of columns of any table: names are words, numbers are numbers, missing ones counted."""

from __future__ import annotations

import numpy as np
import pytest

from visalign.errors import InputError
from visalign.trend.columns import read_pairs


@pytest.fixture
def write(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return lambda name, text: (tmp_path / name).write_bytes(text.encode())


def test_models_may_be_called_by_numbers_or_like_nothing(write):
    write("a.csv", "model,x\n007,1\n1.0,2\nNA,3\nNone,4\n,5\n")
    write("b.csv", "name,y\nNone,40\n1.0,20\n007,10\nNA,30\n7,70\n")
    pairs = read_pairs("a.csv", "x", "y", join="b.csv", on="model=name")
    assert pairs.names == ["007", "1.0", "NA", "None"]
    assert pairs.y.tolist() == [10, 20, 30, 40] and pairs.n_unmatched == 2


@pytest.mark.parametrize(
    ("cell", "shown"),
    [
        ('"0,5"', "'0,5' is not a number .a decimal comma"),
        ('"1,000"', "'1,000' is not a number .write it without commas"),
        *((cell, f"'{cell}' is not a number") for cell in ("TRUE", "--", "#DIV/0!", "1_000", "１")),
    ],
)
def test_what_is_no_number_is_named_with_its_line(write, cell, shown):
    for rows in (f"a,1,1\nb,{cell},2\n", f"a,{cell},1\nb,{cell},2\n"):
        write("a.csv", "model,x,y\n" + rows)
        line = 2 if rows.startswith(f"a,{cell}") else 3
        with pytest.raises(InputError, match=rf"a\.csv: x: line {line}: {shown}"):
            read_pairs("a.csv", "x", "y")


def test_missing_and_infinite_values_are_counted(write):
    write("a.csv", "model,x,y\na,1,2\nb,NA,2\nc,,2\nd,inf,2\ne, 3 ,4\nf,#N/A,1\n")
    pairs = read_pairs("a.csv", "x", "y")
    assert pairs.names == ["a", "e"] and pairs.n_missing == 4
    np.testing.assert_array_equal(pairs.x, [1, 3])


def test_a_table_of_a_european_spreadsheet_is_refused_with_what_to_do(write):
    write("a.csv", "model;x;y\na;0,5;1,5\nb;0,7;1,7\n")
    with pytest.raises(InputError, match=r"a\.csv: not a table: line 1: columns are separated by semicolons"):
        read_pairs("a.csv", "x", "y")


def test_an_index_that_pandas_wrote_is_left_out_and_one_that_shifts_is_refused(write):
    write("a.csv", ",model,x,y\n0,a,1,2\n1,b,3,4\n")
    assert read_pairs("a.csv", "x", "y").x.tolist() == [1, 3]
    write("a.csv", "model,x,y\n0,a,1,2\n1,b,3,4\n")
    with pytest.raises(InputError, match="line 2: 4 cells under 3 column names"):
        read_pairs("a.csv", "x", "y")


def test_a_condition_compares_words_and_numbers(write):
    write("a.csv", "model,x,y,kind\na,1,2,1.0\nb,3,4,02\nc,5,6,two\n")
    assert read_pairs("a.csv", "x", "y", exclude=["kind=1"]).names == ["b", "c"]
    assert read_pairs("a.csv", "x", "y", exclude=["kind=two"]).names == ["a", "b"]


def test_a_word_in_joined_tables_has_no_line_of_either(write):
    write("a.csv", "model,x\na,1\nb,high\n")
    write("b.csv", "model,y\nb,1\na,2\n")
    with pytest.raises(InputError, match=r"a\.csv joined with b\.csv: x: 'high' is not a number"):
        read_pairs("a.csv", "x", "y", join="b.csv", on="model")
