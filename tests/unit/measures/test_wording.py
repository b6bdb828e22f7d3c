"""Claims about words and numbers of sentences."""

from __future__ import annotations

import pytest

from visalign.measures import wording


@pytest.mark.parametrize(("names", "said"), [([], ""), (["a"], "a"), (["a", "b", "c"], "a, b and c")])
def test_the_last_name_of_an_enumeration_follows_and(names, said):
    assert wording.enumeration(names) == said


@pytest.mark.parametrize(("numbers", "said"), [([2.0, 2.0], "2"), ([0.5, 3, 1], "0.5 to 3")])
def test_a_span_is_one_number_or_two(numbers, said):
    assert wording.span(numbers) == said


def test_numbers_have_a_true_minus_sign_and_none_is_a_dash():
    assert wording.decimal(-0.126) == "−0.13" and wording.decimal(0.126, sign=True) == "+0.13"
    assert wording.decimal(None) == wording.decimal(float("nan")) == "–"


def test_a_reliability_is_told_with_its_interval_where_it_has_one():
    card = {"value": 0.5, "ci_low": 0.25, "ci_high": 0.75}
    assert wording.reliability(card) == "0.500 [0.250, 0.750]"
    assert wording.reliability(card | {"ci_low": None}) == "0.500"
    assert wording.reliability(card | {"value": None}) == "unknown"
