"""Claims about YAML: what it would turn into something else than is written is refused."""

from __future__ import annotations

import pytest

from visalign.errors import InputError
from visalign.io import sheets
from visalign.io.yaml_text import read_yaml


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("a: 1\nb: 010\n", "line 2: 010 would be another number"),
        ("a: 1:30\n", "line 1: 1:30 would be another number"),
        ("walltime: 10:00:00\n", "line 1: 10:00:00 would be another number"),
        ("n: [1_000, 2]\n", "line 1: 1_000 would be another number"),
        ("a: 1\nb: 2\na: 3\n", "line 3: 'a' is there twice"),
        ("x: {007: 1}\n", "line 1: 007 would be another number"),
        ("x: {7: 1}\n", "line 1: the key 7 is no word in YAML: write it in quotes, '7'"),
        ("x:\n  no: 1\n", "line 2: the key no is no word"),
        ("a: [1\n", "line 2: "),
        ("name: caf\u00e9\n".encode("latin-1"), "line 1, byte 10: 0xe9 is not UTF-8"),
        ("a: 1\n".encode("utf-16"), "line 1, byte 1: the text is UTF-16"),
    ],
)
def test_what_yaml_would_change_is_refused_with_its_line(tmp_path, text, reason):
    path = tmp_path / "config.yaml"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    for read in (read_yaml, sheets.read_config):
        with pytest.raises(InputError, match=rf"^[^\n]*config\.yaml: not YAML: {reason}[^\n]*$"):
            read(path)


def test_what_is_plain_is_read_as_it_is(tmp_path):
    path = tmp_path / "config.yaml"
    path.write_text("\ufeffa: '010'\nb: 10\nc: 0.5\nd: no\ne: {51-90: 0.1, x: 0}\nf: '01:00:00'\ng: 1.0e-5\n")
    assert sheets.read_config(path) == {
        "a": "010", "b": 10, "c": 0.5, "d": False, "e": {"51-90": 0.1, "x": 0}, "f": "01:00:00", "g": 1e-5,
    }  # fmt: skip


def test_a_config_may_be_json(tmp_path):
    (tmp_path / "config.json").write_text('{"a": 1e-05}')
    assert sheets.read_config(tmp_path / "config.json") == {"a": 1e-05}
