"""Claims about random numbers and labels of visual tasks."""

from __future__ import annotations

import numpy as np

from visalign.visual_tasks import drawn


def test_labels_are_balanced_in_every_two_images_and_follow_no_turn():
    labels = np.array([drawn.label(1, "a", index) for index in range(2000)])
    assert (labels[::2] + labels[1::2] == 1).all()
    assert 0.45 < labels[::2].mean() < 0.55


def test_labels_of_two_tasks_are_independent():
    one, other = (np.array([drawn.label(1, task, k) for k in range(2000)]) for task in ("a", "b"))
    assert 0.45 < (one == other).mean() < 0.55


def test_random_numbers_depend_on_seed_task_and_number():
    first = drawn.generator(1, "a", 2).random()
    assert first == drawn.generator(1, "a", 2).random()
    others = {drawn.generator(*key).random() for key in ((2, "a", 2), (1, "b", 2), (1, "a", 3))}
    assert len(others) == 3 and first not in others
