"""The synthetic visual reasoning test (Fleuret et al. 2011, PNAS): 23 problems, each with a rule."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from visalign.errors import InputError
from visalign.visual_tasks import drawn, raster
from visalign.visual_tasks import svrt_relations as relations
from visalign.visual_tasks import svrt_sameness as sameness
from visalign.visual_tasks.drawn import Asked, Drawn
from visalign.visual_tasks.svrt_places import Canvas, Crowded, Placed

#: Thickness of contours in pixels, at a side of 112.
STROKE, SIDE = 1.6, 112
#: Scenes that are begun before a problem is given up.
TRIES = 500
Scene = Callable[[Canvas, int], list[Placed]]


class Problem(NamedTuple):
    """One problem.

    Attributes
    ----------
    scene : callable
        (canvas, label) -> shapes.
    same : bool
        Whether it asks for sameness; else for a spatial relation (SD and SR of Kim et al. 2018).
    published : (float, float, float)
        Accuracy of the convolutional network of Kim et al. 2018 that was trained on a million images, and of
        a ResNet-50 that was fine-tuned on 1,000 and on 100 images (Funke et al. 2021).
    """

    scene: Scene
    same: bool
    published: tuple[float, float, float]


#: Problems that ask for sameness, as published: 1, 5, 7, 15, 16, 19, 20, 21, 22.
PROBLEMS = {
    1: Problem(sameness.pair, True, (0.62, 0.88, 0.58)),
    2: Problem(relations.near_border, False, (1, 1, 1)),
    3: Problem(relations.contact_pairs, False, (1, 1, 0.94)),
    4: Problem(relations.inside, False, (1, 1, 1)),
    5: Problem(sameness.two_pairs, True, (0.67, 0.69, 0.56)),
    6: Problem(sameness.distance_within_pairs, False, (0.86, 0.71, 0.58)),
    7: Problem(sameness.triples, True, (0.57, 0.61, 0.56)),
    8: Problem(sameness.equal_inside, False, (0.95, 0.99, 0.92)),
    9: Problem(sameness.large_at_end, False, (0.89, 1, 0.81)),
    10: Problem(relations.equal_square, False, (1, 0.99, 0.97)),
    11: Problem(relations.contact, False, (1, 1, 1)),
    12: Problem(relations.opposite, False, (1, 1, 0.94)),
    13: Problem(sameness.same_offset, False, (0.91, 0.97, 0.63)),
    14: Problem(relations.aligned, False, (0.97, 0.99, 0.73)),
    15: Problem(sameness.on_square, True, (0.69, 0.99, 0.86)),
    16: Problem(sameness.mirrored_sides, True, (0.76, 1, 0.84)),
    17: Problem(sameness.odd_in_centre, False, (0.89, 0.83, 0.69)),
    18: Problem(relations.symmetric, False, (1, 0.98, 0.92)),
    19: Problem(sameness.scaled, True, (0.61, 0.76, 0.54)),
    20: Problem(sameness.mirrored_pair, True, (0.56, 0.69, 0.51)),
    21: Problem(sameness.turned_and_scaled, True, (0.59, 0.56, 0.52)),
    22: Problem(sameness.aligned_equal, True, (0.64, 0.97, 0.70)),
    23: Problem(relations.one_inside, False, (1, 0.94, 1)),
}


def task_of(problem: int) -> str:
    """Name of the task of a problem."""
    return f"svrt-{problem:02d}"


def draw(seed: int, index: int, side: int, *, problem: int) -> Drawn:
    """Draw image `index` of a problem: white contours on black.

    Parameters
    ----------
    seed, index : int
        The image depends on them, the problem and the side alone.
    side : int
        In pixels; at least 64, below which contours run together.
    problem : int
        1 to 23.

    Raises
    ------
    InputError
        A problem that is none, a side that is too small, no scene in many tries.
    """
    if problem not in PROBLEMS:
        raise InputError(f"tasks: svrt problem {problem} is not one of 1 to {max(PROBLEMS)}")
    if side < 64:
        raise InputError(f"size: {side}: contours need 64 pixels at least")
    task, stroke = task_of(problem), STROKE * side / SIDE
    label, rng = drawn.label(seed, task, index), drawn.generator(seed, task, index)
    canvas = Canvas(side, stroke, rng)
    for _ in range(TRIES):
        try:
            shapes = PROBLEMS[problem].scene(canvas, label)
            break
        except Crowded:
            continue
    else:
        raise InputError(f"{task}: image {index}: no scene in {TRIES} tries at side {side}")
    order = rng.permutation(len(shapes))
    image, parts = render([shapes[position] for position in order], side, stroke)
    geometry = {"shapes": [shapes[position].there[::8].round(2).tolist() for position in order]}
    return Drawn(image=image, parts=parts, asked=(Asked(task, label),), geometry=geometry)


def render(shapes: list[Placed], side: int, stroke: float) -> tuple[np.ndarray, np.ndarray]:
    """Draw shapes: the image, and the number of the shape that most of a pixel shows."""
    canvases = np.zeros((len(shapes), side, side), np.float32)
    for canvas, shape in zip(canvases, shapes, strict=True):
        raster.outline(canvas, shape.there, stroke)
    most = canvases.max(axis=0)
    parts = np.where(most > 0.3, canvases.argmax(axis=0) + 1, 0).astype(np.uint8)
    return raster.grey(most), parts
