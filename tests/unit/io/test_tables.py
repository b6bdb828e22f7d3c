"""Claims about small files: whole or absent, exact, and refused with their name."""

from __future__ import annotations

import os

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from score_rows import score_row

from visalign.errors import InputError
from visalign.io import tables
from visalign.io.files import inputs_hash, read_json, write_atomic, write_json
from visalign.io.scores import SCORE_COLUMNS, read_scores, write_scores


def test_a_file_is_replaced_whole_and_leaves_nothing_beside_it(tmp_path):
    path = tmp_path / "deep/er/x.txt"
    write_atomic(path, "one")
    write_atomic(path, b"two")
    assert path.read_text() == "two"
    assert os.listdir(path.parent) == ["x.txt"]


def test_a_failed_write_keeps_the_file_before(tmp_path, monkeypatch):
    path = tmp_path / "x.txt"
    write_atomic(path, "one")

    def fail(*_):
        raise OSError("no space left on device")

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(OSError, match="no space"):
        write_atomic(path, "two")
    assert path.read_text() == "one"


def test_nan_is_not_written_as_json(tmp_path):
    with pytest.raises(ValueError, match="JSON"):
        write_json(tmp_path / "x.json", {"a": float("nan")})
    assert not (tmp_path / "x.json").exists()


@pytest.mark.parametrize("content", ["", "{", "{'a': 1}"])
def test_broken_json_is_named(tmp_path, content):
    (tmp_path / "x.json").write_text(content)
    with pytest.raises(InputError, match=r"x\.json: not JSON"):
        read_json(tmp_path / "x.json")


@pytest.mark.parametrize("read", [read_json, tables.read_table, read_scores])
def test_a_missing_file_is_named(tmp_path, read):
    with pytest.raises(InputError, match="absent: no such file"):
        read(tmp_path / "absent")


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1))
def test_tables_keep_every_bit_of_a_float(tmp_path_factory, values):
    path = tmp_path_factory.mktemp("table") / "x.csv"
    tables.write_table(path, pd.DataFrame({"x": values}))
    np.testing.assert_array_equal(tables.read_table(path)["x"], values)


@pytest.mark.parametrize(("name", "separator"), [("x.csv", ","), ("x.tsv", "\t")])
def test_the_suffix_says_how_columns_are_separated(tmp_path, name, separator):
    (tmp_path / name).write_text(f"a{separator}b\n1{separator}2\n")
    assert list(tables.read_table(tmp_path / name, required=["a", "b"]).columns) == ["a", "b"]


def test_a_missing_column_is_named(tmp_path):
    (tmp_path / "x.csv").write_text("a,b\n1,2\n")
    with pytest.raises(InputError, match=r"x\.csv: no column 'c' \(columns: a, b\)"):
        tables.read_table(tmp_path / "x.csv", required=["a", "c"])


@pytest.mark.parametrize("content", [b"", b"a,b\n1,2\n1,2,3\n", b"a\n\xff\xfe\n"])
def test_a_file_that_is_no_table_is_named_on_one_line(tmp_path, content):
    (tmp_path / "x.csv").write_bytes(content)
    with pytest.raises(InputError, match=r"^[^\n]*x\.csv: not a table: [^\n]*$"):
        tables.read_table(tmp_path / "x.csv")


def test_the_hash_of_inputs_depends_on_content_and_order_not_on_names(tmp_path):
    for name, content in (("a", "1"), ("b", "2"), ("c", "1"), ("d", "12"), ("e", "")):
        (tmp_path / name).write_text(content)
    a, b, c, d, e = (tmp_path / name for name in "abcde")
    assert inputs_hash(a, b) == inputs_hash(c, b)
    assert len({inputs_hash(*files) for files in ([a, b], [b, a], [d, e], [a], [b])}) == 5


def test_a_score_row_has_every_column_in_order():
    row = score_row(model="m", value=0.5)
    assert tuple(row) == SCORE_COLUMNS
    assert row["status"] == "ok" and row["n_excluded"] == 0 and row["ceiling"] is None


@pytest.mark.parametrize(("status", "kept"), [("ok", "undefined (not a number)"), ("no images", "no images")])
def test_an_undefined_score_is_empty_with_a_reason(status, kept):
    row = score_row(model="m", value=float("nan"), status=status)
    assert row["value"] is None and row["status"] == kept


def test_score_rows_read_back(tmp_path):
    rows = [
        score_row(model="m", benchmark="accuracy/x", metric="top1", value=1 / 3, n=3, simulated=True),
        score_row(model="1e5", benchmark="accuracy/x", metric="top1", value=None, status="no images"),
    ]
    write_scores(tmp_path / "s.csv", rows)
    read = read_scores(tmp_path / "s.csv")
    assert tuple(read.columns) == SCORE_COLUMNS
    assert read["value"][0] == 1 / 3 and np.isnan(read["value"][1])
    assert read["model"].tolist() == ["m", "1e5"]
    assert read["layer"].tolist() == ["", ""]


@pytest.mark.parametrize("model", ["007", "1e5", "None", "NA"])
def test_a_model_keeps_a_name_that_looks_like_a_number_or_like_nothing(tmp_path, model):
    write_scores(tmp_path / "s.csv", [score_row(model=model, value=0.5)])
    assert read_scores(tmp_path / "s.csv")["model"].tolist() == [model]


def test_a_word_among_scores_is_named_with_its_line(tmp_path):
    write_scores(tmp_path / "s.csv", [score_row(model=m, value=0.5) for m in "ab"])
    path = tmp_path / "s.csv"
    path.write_text(path.read_text().replace("b,,,0.5", 'b,,,"0,5"'))
    with pytest.raises(InputError, match=r"s\.csv: value: line 3: '0,5' is not a number"):
        read_scores(path)
