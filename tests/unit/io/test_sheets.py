"""Claims about sheets and tables of the study as people's spreadsheets write them: read right, or refused."""

from __future__ import annotations

import pytest

from visalign.errors import InputError
from visalign.io import sheets


def read(tmp_path, content: str | bytes, schema: str = "recordings", key: str = "recording") -> dict:
    path = tmp_path / f"{schema}.tsv"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return sheets.read_sheet(path, schema, key)


RECORDINGS = "recording\treader\tpath\tstimuli\tfirst_ms\n"
IT = "it\tassembly\ta.nc\tscenes\t\n"


@pytest.mark.parametrize(
    "content",
    [
        RECORDINGS + IT,
        "\ufeff" + RECORDINGS + IT,
        (RECORDINGS + IT).replace("\n", "\r\n"),
        (RECORDINGS + IT).replace("\n", "\r"),
        (RECORDINGS + IT).rstrip("\n"),
        RECORDINGS.replace("\t", " \t") + IT.replace("\t", " \t "),
        RECORDINGS.replace("\n", "\t\t\n") + IT.replace("\n", "\t\t\n") + "\t\t\t\t\t\t\n",
        '"' + (RECORDINGS + IT).replace("\t", '"\t"').replace("\n", '"\n"').rstrip('"'),
    ],
    ids="plain BOM CRLF CR no-end blanks empty-columns quotes".split(),
)
def test_a_sheet_is_read_right_whatever_wrote_it(tmp_path, content):
    rows = read(tmp_path, content)
    assert list(rows) == ["it"] and rows["it"]["path"] == "a.nc" and rows["it"]["stimuli"] == "scenes"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (
            RECORDINGS.replace("\t", ";") + IT.replace("\t", ";"),
            "line 1: columns are separated by semicolons",
        ),
        (RECORDINGS.replace("\t", ",") + IT.replace("\t", ","), "line 1: columns are separated by commas"),
        ((RECORDINGS + IT).encode("utf-16"), "line 1, byte 1: the text is UTF-16"),
        (
            (RECORDINGS + IT.replace("a.nc", "\u00e9.nc")).encode("latin-1"),
            "line 2, byte 13: 0xe9 is not UTF-8",
        ),
        (RECORDINGS.replace("path", "stimuli") + IT, "line 1: two columns are named 'stimuli'"),
        (RECORDINGS + IT.replace("a.nc", '"a.nc'), "line 2: a quote that is not closed"),
        (RECORDINGS + IT.rstrip("\n") + "1_000\n", "tsv:2: first_ms: '1_000' is not a integer"),
        (RECORDINGS + IT.rstrip("\n") + "１\n", "tsv:2: first_ms: '１' is not a integer"),
        (RECORDINGS + IT.rstrip("\n") + "0,5\n", "tsv:2: first_ms: '0,5' is not a integer .a decimal comma"),
        (
            RECORDINGS.replace("\n", "\t\n") + IT.rstrip("\n") + "\tx\n",
            "tsv:2: 'x' is in a column without a name",
        ),
    ],
)
def test_a_sheet_that_would_be_misread_is_refused_with_its_line(tmp_path, content, message):
    with pytest.raises(InputError, match=message) as error:
        read(tmp_path, content)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("cell", ["nan", "inf", "1_0.5", "１.5", "0x10", "0,5", "1e999"])
def test_a_number_of_a_sheet_is_a_plain_number(cell):
    with pytest.raises(InputError, match=r"sheet:2: crop: .* is not a number"):
        sheets.cast(cell, {"type": "number"}, "sheet:2: crop")


def test_published_accuracies_may_be_missing_but_not_two_of_a_model(tmp_path):
    path = tmp_path / "p.csv"
    path.write_bytes("\ufeffname,acc,\r\na,81.5,\r\nb,NA,\r\na,81.5,\r\n".encode())
    assert sheets.read_published(str(path), "name", "acc") == {"a": 81.5}
    path.write_text("name,acc\na,81.5\na,80\n")
    with pytest.raises(InputError, match=r"p\.csv:3: name: 'a' is there twice, with another acc"):
        sheets.read_published(str(path), "name", "acc")
    for text, reason in (
        ("name;acc\na;81,5\n", "columns are separated by semicolons"),
        ('name,acc\na,"81,5"\n', "p.csv:2: acc: '81,5' is not a number .a decimal comma"),
        ("name,acc\na,nan1\n", "p.csv:2: acc: 'nan1'"),
        ("name,acc\na,inf\n", "p.csv:2: acc: 'inf' is not a number"),
        ("name,acc\n0,a,81.5\n", "line 2: 3 cells under 2 column names"),
    ):
        path.write_text(text)
        with pytest.raises(InputError, match=reason):
            sheets.read_published(str(path), "name", "acc")
