"""Claims about numbers on pages."""

import pytest

from visalign.report import render


@pytest.mark.parametrize(
    ("value", "said"),
    [(-0.00035, "−0.00035"), (1.2e-15, "0.000"), (0.0, "0.000"), (None, "–"), (0.4567, "0.457")],
)
def test_numbers_have_the_digits_that_matter(value, said):
    assert render.number(value) == said
