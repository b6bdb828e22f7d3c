"""Claims about many images of visual tasks: oracles solve all of them, and simple statistics none."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
import pytest
import shortcuts
from many_images import IMAGES

from visalign.visual_tasks import (
    cluttered_letters,
    letters_oracle,
    pathfinder,
    pathfinder_oracle,
    perspective,
    perspective_oracle,
)
from visalign.visual_tasks.drawn import Drawn

pytestmark = pytest.mark.slow
SIDE = 112
PATHFINDER = {f"pathfinder {n}": partial(pathfinder.draw, length=n) for n in pathfinder.DISTRACTORS}
LETTERS = {f"letters {n}": partial(cluttered_letters.draw, level=n) for n in cluttered_letters.LEVELS}
SCENES = {f"perspective {n}": partial(perspective.draw, control=n) for n in perspective.CONTROLS}
TRACKS = {"perspective tracks": perspective.draw_track}
GENERATORS = PATHFINDER | LETTERS | SCENES | TRACKS


def solution(drawn: Drawn, task: str) -> int | None:
    """What an oracle says of a task, from files alone."""
    geometry = drawn.geometry
    if task == pathfinder.TASK:
        return solved_by_nearness(drawn, "separate")
    if task == cluttered_letters.TASK:
        return letters_oracle.answer(drawn.parts, np.array(geometry["markers"]), geometry["radius"])
    if task == perspective.DEPTH:
        return perspective_oracle.depth(geometry, drawn.parts)
    return perspective_oracle.perspective(geometry)


def solved_by_nearness(drawn: Drawn, convention: str) -> int:
    look = pathfinder.look(SIDE, convention)
    markers = np.array(drawn.geometry["markers"])
    return pathfinder_oracle.answer(drawn.image, markers, look.reach, look.thickness)


@pytest.mark.parametrize("name", GENERATORS)
def test_the_oracle_solves_all_images(name):
    draw: Callable[..., Drawn] = GENERATORS[name]
    for index in range(IMAGES):
        drawn = draw(5, index, SIDE)
        for asked in drawn.asked:
            assert solution(drawn, asked.task) == asked.label, (index, asked)


@pytest.mark.parametrize("length", pathfinder.DISTRACTORS)
def test_nearness_alone_solves_nearly_all_images_of_the_published_rules(length):
    drawn = [pathfinder.draw(3, k, SIDE, length=length, convention="published") for k in range(300)]
    share = np.mean([solved_by_nearness(each, "published") == each.asked[0].label for each in drawn])
    assert 0.95 <= share <= 1


@pytest.mark.parametrize("name", [*PATHFINDER, *LETTERS, "perspective matched"])
def test_neither_pixels_nor_statistics_tell_the_answer(name):
    """Of scenes: whether the viewer sees the ball."""
    drawn = [GENERATORS[name](11, index, SIDE) for index in range(2 * IMAGES)]
    shortcuts.check_chance(
        [each.image for each in drawn],
        [np.array(each.geometry["markers"]) for each in drawn],
        [each.asked[-1].label for each in drawn],
    )


def test_without_control_the_distance_in_the_image_tells_whether_the_viewer_sees_the_ball():
    drawn = [GENERATORS["perspective none"](11, index, 64) for index in range(600)]
    away = [[np.linalg.norm(np.diff(each.geometry["markers"], axis=0))] for each in drawn]
    assert shortcuts.accuracy(away, np.array([each.asked[1].label for each in drawn])) > 0.55


def test_depth_order_has_the_cue_of_height_in_the_image():
    drawn = [perspective.draw(12, index, 64) for index in range(600)]
    places = [np.diff(each.geometry["markers"], axis=0)[0] for each in drawn]
    assert shortcuts.accuracy(places, np.array([each.asked[0].label for each in drawn])) > 0.8
