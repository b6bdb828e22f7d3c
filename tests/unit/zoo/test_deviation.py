"""Claims about deviations: their size in closed form, and which layer has the largest."""

import pytest
import torch

from visalign.zoo.deviation import deviation, largest

REFERENCE = torch.tensor([-1.0, 1.0, -1.0, 1.0])  # of standard deviation 1


@pytest.mark.parametrize(
    ("values", "size"),
    [
        (REFERENCE, 0),
        (REFERENCE + 0.5, 0.5),
        (REFERENCE * 1.25, 0.25),
        (REFERENCE + torch.tensor([1.0, 0, 0, 0]), 0.5),
        (REFERENCE * torch.tensor([1, 1, 1, torch.nan]), torch.inf),
        (REFERENCE * torch.tensor([1, 1, 1, torch.inf]), torch.inf),
    ],
)
@pytest.mark.parametrize("scale", [1, 1e-6, 1e6])
def test_the_size_is_the_root_mean_square_in_standard_deviations(values, size, scale):
    assert deviation(scale * values, scale * REFERENCE) == pytest.approx(size)


def test_an_offset_of_the_reference_makes_no_difference_look_smaller():
    assert deviation(REFERENCE + 1000.5, REFERENCE + 1000) == pytest.approx(0.5)


def test_of_values_that_do_not_vary_any_difference_is_infinite():
    same = torch.ones(4)
    assert deviation(same, same) == 0 and deviation(same + 1e-6, same) == torch.inf


def test_the_layer_that_differs_most_is_named():
    reference = {"a": REFERENCE, "b": 100 * REFERENCE, "c": REFERENCE}
    found = largest({"c": REFERENCE, "b": 101 * REFERENCE, "a": 1.1 * REFERENCE}, reference)
    assert found.layer == "a" and found.size == pytest.approx(0.1)
    assert str(found) == "'a' differs by 1.0e-01 of its standard deviation"
