"""Claims about messages: which names are known."""

from __future__ import annotations

from visalign.errors import unknown


def test_all_known_names_are_listed_where_they_are_few():
    assert unknown("z", ["a", "b"]) == "'z' is unknown (known: a, b)"
    assert unknown(None, {}) == "None is unknown (known: )"


def test_of_very_many_names_those_are_told_that_are_most_like_it():
    known = {f"net{number}": None for number in range(1000)} | {"lite0": None, "lite2": None}
    said = unknown("lite1", known)
    assert said.startswith("'lite1' is unknown (known: 1002, such as lite")
    assert {"lite0", "lite2"} < set(said.rstrip(")").replace(",", "").split())
    assert len(unknown("?", known)) < 100
