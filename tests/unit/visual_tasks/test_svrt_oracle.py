"""Claims about the oracle of the SVRT: it answers images that Pillow drew and whose answer is plain."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image, ImageDraw

from visalign.visual_tasks import svrt_oracle

SQUARE = np.array([(-8, -8), (8, -8), (8, 8), (-8, 8)])
FLAG = np.array([(-12, -12), (12, -12), (12, 0), (-2, 0), (-2, 12), (-12, 12)])
STAR = np.array([(0, -11), (3, -3), (11, 0), (3, 3), (0, 11), (-3, 3), (-11, 0), (-3, -3)])
MIRRORED = FLAG * [-1, 1]
TURNED = FLAG[:, ::-1] * [1, -1]
BIG = SQUARE * 4


def image(*shapes: tuple[np.ndarray, tuple[int, int]], side: int = 128) -> np.ndarray:
    """Closed lines of three pixels, black on white."""
    canvas = Image.new("L", (side, side), 255)
    for points, centre in shapes:
        corners = [tuple(map(float, point)) for point in points + np.array(centre)]
        ImageDraw.Draw(canvas).line([*corners, *corners[:2]], fill=0, width=3)
    return np.asarray(canvas)


def answer(problem: int, *shapes, parts: np.ndarray | None = None) -> int:
    return svrt_oracle.answer(problem, image(*shapes), parts, stroke=3)


def test_equal_shapes_are_equal_and_others_not():
    assert answer(1, (FLAG, (30, 30)), (FLAG, (81, 90))) == 1
    assert answer(1, (FLAG, (30, 30)), (SQUARE, (81, 90))) == 0
    assert answer(1, (FLAG, (30, 30)), (TURNED, (81, 90))) == 0


def test_scale_and_turns_are_seen_through_where_the_problem_says_so():
    assert answer(19, (FLAG, (30, 30)), (2 * FLAG, (81, 90))) == 1
    assert answer(1, (FLAG, (30, 30)), (2 * FLAG, (81, 90))) == 0
    assert answer(21, (FLAG, (30, 30)), (2 * TURNED, (81, 90))) == 1
    assert answer(19, (FLAG, (30, 30)), (2 * TURNED, (81, 90))) == 0
    assert answer(21, (STAR, (30, 30)), (2 * SQUARE, (81, 90))) == 0


def test_mirror_images_are_seen_across_what_lies_between():
    assert answer(20, (FLAG, (30, 60)), (MIRRORED, (90, 60))) == 1
    assert answer(20, (FLAG, (30, 60)), (FLAG, (90, 60))) == 0
    assert answer(20, (FLAG, (60, 30)), (MIRRORED, (60, 90))) == 0


def test_inside_is_told_from_outside():
    assert answer(4, (BIG, (45, 45)), (SQUARE, (50, 50))) == 1
    assert answer(4, (BIG, (45, 45)), (SQUARE, (100, 100))) == 0
    assert answer(2, (BIG, (45, 45)), (SQUARE, (64, 50))) == 1
    assert answer(2, (BIG, (45, 45)), (SQUARE, (45, 45))) == 0
    assert answer(8, (3 * FLAG, (45, 45)), (FLAG, (25, 27))) == 1
    assert answer(8, (3 * FLAG, (45, 45)), (SQUARE, (25, 27))) == 0
    assert answer(8, (3 * FLAG, (45, 45)), (FLAG, (100, 100))) == 0
    assert answer(23, (BIG, (45, 45)), (SQUARE, (50, 50)), (STAR, (100, 100))) == 1
    assert answer(23, (BIG, (45, 45)), (SQUARE, (60, 60)), (STAR, (32, 32))) == 0


def test_contact_is_seen_between_parts():
    places = [(SQUARE, (20, 20)), (SQUARE, (38, 20)), (SQUARE, (80, 80)), (SQUARE, (98, 80))]
    far = [(SQUARE, (20, 20)), (SQUARE, (38, 20)), (SQUARE, (56, 20)), (SQUARE, (98, 80))]
    for shapes, expected in ((places, 1), (far, 0)):
        parts = np.zeros((128, 128), np.uint8)
        for number, shape in enumerate(shapes, 1):
            parts[(image(shape) < 128) & (parts == 0)] = number
        assert answer(3, *shapes, parts=parts) == expected


def test_arrangements_are_seen():
    corners = [(30, 30), (90, 30), (90, 90), (30, 90)]
    assert answer(10, *((STAR, corner) for corner in corners)) == 1
    assert answer(10, *((STAR, corner) for corner in [*corners[:3], (50, 70)])) == 0
    assert answer(14, (STAR, (20, 20)), (STAR, (60, 60)), (STAR, (90, 90))) == 1
    assert answer(14, (STAR, (20, 20)), (STAR, (60, 60)), (STAR, (90, 70))) == 0
    assert answer(9, (2 * STAR, (30, 30)), (STAR, (70, 70)), (STAR, (95, 95))) == 1
    assert answer(9, (STAR, (25, 25)), (2 * STAR, (65, 65)), (STAR, (105, 105))) == 0
    assert answer(17, (STAR, (30, 60)), (STAR, (90, 60)), (STAR, (60, 30)), (SQUARE, (60, 60))) == 1
    assert answer(17, (STAR, (30, 60)), (STAR, (90, 60)), (STAR, (60, 30)), (SQUARE, (60, 90))) == 0


def test_symmetry_has_an_axis_of_its_own():
    left = [(30, 20), (20, 60), (35, 100)]
    right = [(110 - x, y) for x, y in left]
    assert answer(18, *((STAR, place) for place in left + right)) == 1
    assert answer(18, *((STAR, place) for place in [*left, (110, 20), *right[1:]])) == 0
    assert answer(16, *((FLAG, place) for place in left), *((MIRRORED, place) for place in right)) == 1
    assert answer(16, *((FLAG, place) for place in left + right)) == 0


def test_pairs_and_triples_are_counted():
    places = [(20, 20), (60, 20), (100, 20), (20, 80), (60, 80), (100, 80)]
    shapes = {"a": FLAG, "b": STAR, "c": SQUARE}
    for word, expected in (("aaabbb", 1), ("aabbcc", 0), ("abcabc", 0)):
        assert (
            answer(7, *((shapes[kind], place) for kind, place in zip(word, places, strict=True))) == expected
        )
    assert answer(6, (FLAG, (20, 20)), (FLAG, (50, 20)), (STAR, (20, 80)), (STAR, (50, 80))) == 1
    assert answer(6, (FLAG, (20, 20)), (FLAG, (50, 20)), (STAR, (20, 80)), (STAR, (90, 80))) == 0


def test_another_number_of_shapes_is_no_image_of_the_problem():
    with pytest.raises(ValueError, match="problem 1: 3 shapes, not 2"):
        answer(1, (FLAG, (30, 30)), (FLAG, (81, 90)), (FLAG, (30, 90)))
