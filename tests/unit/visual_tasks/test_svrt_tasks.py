"""Claims about the table of SVRT problems: its accuracies are the published ones, and its names are read."""

from __future__ import annotations

import numpy as np
import pytest

from visalign.errors import InputError
from visalign.visual_tasks import svrt_tasks


@pytest.mark.parametrize(
    ("column", "same", "relations"),
    [("cnn", 0.632, 0.958), ("resnet", 0.795, 0.961), ("resnet_100", 0.630, 0.862)],
)
def test_means_over_problems_are_those_that_were_published(column, same, relations):
    """To rounding of the single accuracies, of which some were digitised."""
    own = {number: getattr(each.published, column) for number, each in svrt_tasks.PROBLEMS.items()}
    found = [
        np.mean([own[k] for k in own if (k in svrt_tasks.SAME_DIFFERENT) == side]) for side in (True, False)
    ]
    assert found == pytest.approx([same, relations], abs=0.006)


def test_there_are_23_problems_and_same_different_ones_ask_for_sameness():
    assert list(svrt_tasks.PROBLEMS) == list(range(1, 24))
    assert all("same" in svrt_tasks.PROBLEMS[number].tags for number in svrt_tasks.SAME_DIFFERENT)


def test_numbers_of_problems_are_read():
    assert svrt_tasks.numbers("15, 1,4") == [1, 4, 15]
    assert svrt_tasks.numbers("all") == list(range(1, 24))


@pytest.mark.parametrize(
    ("tasks", "reason"),
    [("1,x", "tasks: 'x' is no problem"), ("0", "'0'"), ("", "''"), ("2,2", "tasks: 2 is there twice")],
)
def test_other_tasks_are_an_error(tasks, reason):
    with pytest.raises(InputError, match=reason):
        svrt_tasks.numbers(tasks)
