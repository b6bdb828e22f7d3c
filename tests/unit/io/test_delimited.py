"""Claims about delimited text: nothing is guessed, and what is wrong is named with its line."""

from __future__ import annotations

import pandas as pd
import pytest

from visalign.errors import InputError
from visalign.io import delimited, tables

TABLE = "id,label,score\na,1,0.5\nb,2,1.5\n"


def read(tmp_path, content: str | bytes, name: str = "x.csv", **options) -> pd.DataFrame:
    path = tmp_path / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return tables.read_table(path, **options)


@pytest.mark.parametrize(
    "content",
    [
        TABLE,
        TABLE.rstrip("\n"),
        TABLE.replace("\n", "\r\n"),
        TABLE.replace("\n", "\r"),
        TABLE.replace("\n", "\r\r\n"),
        "\ufeff" + TABLE,
        '"id","label","score"\n"a","1","0.5"\n"b","2","1.5"\n',
        " id , label,score \na,1,0.5\nb,2,1.5\n",
        TABLE + "\n\n",
        TABLE.replace("b,", "\nb,"),
        "id,label,score,,\na,1,0.5,,\nb,2,1.5,,\n",
        ",id,label,score\n0,a,1,0.5\n1,b,2,1.5\n",
    ],
    ids="plain no-end CRLF CR CRCRLF BOM quotes blanks empty-lines gap excel index".split(),
)
def test_a_table_is_read_right_whatever_wrote_it(tmp_path, content):
    table = read(tmp_path, content)
    assert table.columns.tolist() == ["id", "label", "score"]
    assert table["id"].tolist() == ["a", "b"]
    assert tables.whole_numbers(table, "label", "x.csv").tolist() == [1, 2]
    assert tables.numbers(table, "score", "x.csv").tolist() == [0.5, 1.5]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("", "empty"),
        ("\n\n", "empty"),
        ("a;b\n0,5;1,5\n", "line 1: columns are separated by semicolons, expected commas"),
        ("a;b\n0.5;1.5\n", "line 1: columns are separated by semicolons"),
        ("id;a,1;b,1\nx;0,5;1,5\n", "line 1: columns are separated by semicolons"),
        ("a\tb\n1\t2\n", "line 1: columns are separated by tabs"),
        ("sep=;\na;b\n1;2\n", "line 1: Excel's 'sep='"),
        ("sep=,\na,b\n1,2\n", "line 1: Excel's 'sep='"),
        ("a,b\n0,1,2\n1,3,4\n", "line 2: 3 cells under 2 column names .an index without a name"),
        ("a,b\n1,2,\n3,4,\n", "line 2: 3 cells under 2 column names"),
        ("a,b\n0,5,1,5\n", "line 2: 4 cells under 2 column names .decimal commas"),
        ("a,b\n1,2\n3\n", "line 3: 1 cells under 2 column names"),
        ('a,b\n1,"x,y"\n3,"z,w",4\n', "line 3: 3 cells under 2 column names"),
        ('a,b\n"x\ny",1\n3\n', "line 4: 1 cells under 2 column names"),
        ("# made by hand\na,b\n1,2\n", "line 2: 2 cells under 1 column names"),
        ("a,b\n1,2\n# the end\n", "line 3: 1 cells under 2 column names .a comment"),
        ("a,b,a\n1,2,3\n", "line 1: two columns are named 'a'"),
        ("a, a\n1,2\n", "line 1: two columns are named 'a'"),
        ('a,b\n1,"2\n3,4\n', "line 2: a quote that is not closed"),
        ("a\n1\n\n2\n", "line 3: empty"),
        (TABLE.encode("utf-16"), "line 1, byte 1: the text is UTF-16"),
        (TABLE.encode("utf-16-le"), "line 1, byte 2: a NUL byte .UTF-16"),
        ("a,b\n1,2\nx\u00e9,4\n".encode("latin-1"), "line 3, byte 2: 0xe9 is not UTF-8 .Latin-1"),
        (b"a,b\r\n1,2\r\n3,\x00\r\n", "line 3, byte 3: a NUL byte"),
    ],
)
def test_what_is_not_plainly_a_table_is_refused_with_its_line(tmp_path, content, reason):
    with pytest.raises(InputError, match=rf"^[^\n]*x\.csv: not a table: {reason}[^\n]*$"):
        read(tmp_path, content)


def test_a_tsv_with_commas_is_refused_and_one_with_comments_read(tmp_path):
    with pytest.raises(InputError, match=r"separated by commas, expected tabs in a \.tsv"):
        read(tmp_path, "a,b\n1,2\n", "x.tsv")
    assert read(tmp_path, "# c\na\tb\n# d, e\n1\t2,5\n", "x.tsv")["b"].tolist() == ["2,5"]


def test_semicolons_within_words_are_words(tmp_path):
    table = read(tmp_path, "name,classes (a;b)\nx,1;2\n".replace("(a;b)", "of it"))
    assert table["classes of it"].tolist() == ["1;2"]


def test_a_column_without_a_name_is_refused_where_every_column_counts(tmp_path):
    with pytest.raises(InputError, match=r"x\.csv: column 1 has no name"):
        read(tmp_path, ",a,b\n0,1,2\n", every_column=True)
    with pytest.raises(InputError, match=r"x\.csv: column 1 has no name"):
        read(tmp_path, "Unnamed: 0,a,b\n0,1,2\n", every_column=True)


@pytest.mark.parametrize("text", [True, False])
@pytest.mark.parametrize(
    "cell", ["3.7", "cat", "", "inf", "nan", "NA", '"1,000"', '"0,5"', "1_000", "１", "TRUE", "--", "9" * 20],
)  # fmt: skip
def test_a_label_that_is_no_whole_number_is_named_with_line_and_column(tmp_path, cell, text):
    options = {"dtype": str, "keep_default_na": False} if text else {}
    table = read(tmp_path, f"# c\nid\tlabel\na\t1\n\nb\t{cell}\n", "x.tsv", **options)
    with pytest.raises(InputError, match=r"x\.tsv: label: line 5: .*a whole number"):
        tables.whole_numbers(table, "label", tmp_path / "x.tsv")


def test_a_scientific_label_is_refused_where_it_was_written_so(tmp_path):
    table = read(tmp_path, "label\n1e3\n", dtype=str)
    with pytest.raises(InputError, match="label: line 2: '1e3' is not a whole number"):
        tables.whole_numbers(table, "label", tmp_path / "x.csv")


@pytest.mark.parametrize("text", [True, False])
def test_whole_numbers_with_a_point_are_whole_numbers(tmp_path, text):
    table = read(tmp_path, "label\n3.0\n-4\n 5\n", **({"dtype": str} if text else {}))
    assert tables.whole_numbers(table, "label", "x.csv").tolist() == [3, -4, 5]


@pytest.mark.parametrize("text", [True, False])
@pytest.mark.parametrize(
    "cell",
    [
        "cat",
        '"0,5"',
        '"1,000.5"',
        "1_000",
        "１",
        "TRUE",
        "True",
        "#DIV/0!",
        "--",
        "0x10",
        "inf",
        "1e999",
        "0.5.1",
    ],
)
def test_words_among_numbers_are_named_and_never_missing(tmp_path, cell, text):
    options = {"dtype": str, "keep_default_na": False} if text else {}
    for rows in (["0.5", cell], [cell, cell]):
        table = read(tmp_path, "score\n" + "\n".join(rows) + "\n", **options)
        with pytest.raises(
            InputError, match=rf"x\.csv: score: line {2 + rows.index(cell)}: .* is not a number"
        ):
            tables.numbers(table, "score", tmp_path / "x.csv", missing=True)


def test_missing_numbers_are_those_of_the_list_and_only_where_they_may_be(tmp_path):
    words = sorted(delimited.MISSING)
    content = "id,score\n" + "".join(f"x,{word}\n" for word in words) + "y, 1.5 \n"
    for options in ({"dtype": str, "keep_default_na": False}, {}):
        table = read(tmp_path, content, **options)
        values = tables.numbers(table, "score", "x.csv", missing=True)
        assert pd.isna(values[:-1]).all() and values[-1] == 1.5
        with pytest.raises(InputError, match="score: line 2: empty, expected a number"):
            tables.numbers(table, "score", tmp_path / "x.csv")


def test_a_decimal_comma_is_pointed_at(tmp_path):
    table = read(tmp_path, 'score\n"0,5"\n')
    with pytest.raises(InputError, match=r"'0,5' is not a number \(a decimal comma: write a point\)"):
        tables.numbers(table, "score", tmp_path / "x.csv")


def test_quotes_within_words_do_not_hide_a_cell(tmp_path):
    with pytest.raises(InputError, match="line 3: 3 cells"):
        read(tmp_path, 'a,b\n5" x 6",2\n5",6",2\n')
    assert read(tmp_path, 'a,b\n5" x 6",2\n')["a"].tolist() == ['5" x 6"']
