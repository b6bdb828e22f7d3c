"""The 23 problems of the Synthetic Visual Reasoning Test: what each asks and what others reached.

Rules as of Fleuret et al. (2011, PNAS 108, 17621–17625). Accuracies: a CNN trained on 10⁶ images (Kim,
Ricci and Serre 2018, Interface Focus 8, 20180011, digitised by Funke et al. 2021), and a ResNet-50 fine-
tuned on 1,000 and on 100 images (Funke et al. 2021, Journal of Vision 21(3), 16; test images).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from visalign.errors import InputError
from visalign.visual_tasks import svrt_arranged as arranged
from visalign.visual_tasks import svrt_equal as equal
from visalign.visual_tasks import svrt_inside as inside
from visalign.visual_tasks.svrt_places import Canvas, Layout


class Published(NamedTuple):
    """Accuracies of a CNN, of a ResNet-50 on 1,000 images, and of one on 100; see the module."""

    cnn: float
    resnet: float
    resnet_100: float


@dataclass(frozen=True)
class Problem:
    """One problem.

    Attributes
    ----------
    layouts : callable
        (rng, canvas) to the layout with answer 1 and that with answer 0.
    one, zero : str
        What an image with answer 1, and with answer 0, shows.
    tags : tuple of str
        Relations that it takes: ``same``, ``mirror``, ``in``, ``near``, ``contact``, ``distance``, ``align``,
        ``size``, ``square``, ``offset``, ``symmetry``.
    cue : str
        What the rule itself makes of simple statistics, which no drawing can balance; '' if nothing.
        A linear classifier of pixels sees nothing of those of problems 4, 8, 15, 16 and 18.
    published : Published
    """

    layouts: Callable[[np.random.Generator, Canvas], tuple[Layout, Layout]]
    one: str
    zero: str
    tags: tuple[str, ...]
    cue: str
    published: Published


_INSIDE = "how much ink lies about the small shape, which is in the big one or not"
PROBLEMS: dict[int, Problem] = {
    1: Problem(
        equal.task_1,
        "two shapes, the same",
        "two shapes, different",
        ("same",),
        "",
        Published(0.62, 0.88, 0.58),
    ),
    2: Problem(
        inside.task_2,
        "a small shape in a big one, at its border",
        "in it, an eighth of the side from its border",
        ("in", "near"),
        "how near the border the small shape is",
        Published(1.0, 1.0, 1.0),
    ),
    3: Problem(
        inside.task_3,
        "four shapes, two and two in contact",
        "three in contact, one alone",
        ("contact",),
        "how far from each other clusters of two and two, or three and one, are",
        Published(1.0, 1.0, 0.94),
    ),
    4: Problem(
        inside.task_4,
        "a small shape in a big one",
        "outside of it",
        ("in",),
        _INSIDE,
        Published(1.0, 1.0, 1.0),
    ),
    5: Problem(
        equal.task_5,
        "four shapes, two pairs of the same",
        "all different",
        ("same",),
        "",
        Published(0.67, 0.69, 0.56),
    ),
    6: Problem(
        equal.task_6,
        "two pairs of the same, at one distance",
        "at distances that differ by a part's size",
        ("same", "distance"),
        "",
        Published(0.86, 0.71, 0.58),
    ),
    7: Problem(
        equal.task_7,
        "six shapes, two triples of the same",
        "three pairs of the same",
        ("same",),
        "",
        Published(0.57, 0.61, 0.56),
    ),
    8: Problem(
        inside.task_8,
        "a shape in one of the same form and twice its size",
        "the same outside, or another inside",
        ("same", "in"),
        _INSIDE,
        Published(0.95, 0.99, 0.92),
    ),
    9: Problem(
        arranged.task_9,
        "three aligned, one twice as large and at an end",
        "the large one between",
        ("align", "size"),
        "how far apart the outer shapes are",
        Published(0.89, 1.0, 0.81),
    ),
    10: Problem(
        arranged.task_10,
        "four of the same, centres on a square's corners",
        "centres anywhere",
        ("square",),
        "spread, the same in all directions",
        Published(1.0, 0.99, 0.97),
    ),
    11: Problem(
        inside.task_11,
        "a big and a small shape in contact",
        "a twelfth of the side apart",
        ("contact",),
        "how far apart the shapes are",
        Published(1.0, 1.0, 1.0),
    ),
    12: Problem(
        arranged.task_12,
        "on a circle, a big shape opposite to two small ones",
        "the big one beside a small one",
        ("distance",),
        "how the spread differs between directions",
        Published(1.0, 1.0, 0.94),
    ),
    13: Problem(
        arranged.task_13,
        "two big and two small, with one offset",
        "with offsets a quarter of the side apart",
        ("same", "offset"),
        "the distance of the small shapes, which is that of the big ones",
        Published(0.91, 0.97, 0.63),
    ),
    14: Problem(
        arranged.task_14,
        "three of the same, centres aligned",
        "not aligned",
        ("align",),
        "how much smaller the spread is across than along",
        Published(0.97, 0.99, 0.73),
    ),
    15: Problem(
        equal.task_15,
        "four shapes on a square's corners, all the same",
        "all different",
        ("same",),
        "how uneven the spectrum is, by one shape that is repeated on a square",
        Published(0.69, 0.99, 0.86),
    ),
    16: Problem(
        equal.task_16,
        "three shapes and their mirror images at the mirrored places",
        "they themselves there",
        ("same", "mirror"),
        "covariance of x and y, in which tilts of mirrored shapes cancel",
        Published(0.76, 1.0, 0.84),
    ),
    17: Problem(
        arranged.task_17,
        "an odd shape equidistant from three of the same",
        "a part's size off that place",
        ("same", "distance"),
        "how far the middle shape is from the others",
        Published(0.89, 0.83, 0.69),
    ),
    18: Problem(
        arranged.task_18,
        "six of the same, symmetric about a vertical line",
        "three of them moved sideways",
        ("symmetry",),
        "covariance of x and y, which symmetry makes 0",
        Published(1.0, 0.98, 0.92),
    ),
    19: Problem(
        equal.task_19,
        "two shapes, the same up to scale",
        "different",
        ("same",),
        "",
        Published(0.61, 0.76, 0.54),
    ),
    20: Problem(
        equal.task_20,
        "two shapes, mirror images of each other between them",
        "different",
        ("same", "mirror"),
        "",
        Published(0.56, 0.69, 0.51),
    ),
    21: Problem(
        equal.task_21,
        "two shapes, the same up to a turn and scale",
        "different",
        ("same",),
        "",
        Published(0.59, 0.56, 0.52),
    ),
    22: Problem(
        equal.task_22,
        "three aligned shapes, all the same",
        "all different",
        ("same",),
        "",
        Published(0.64, 0.97, 0.7),
    ),
    23: Problem(
        inside.task_23,
        "two small shapes, one of them in a big one",
        "both in it, or both outside",
        ("in",),
        _INSIDE,
        Published(0.94, 1.0, 1.0),
    ),
}
#: Problems that Kim et al. (2018) and Funke et al. (2021) call same–different; others are spatial relations.
SAME_DIFFERENT = (1, 5, 7, 15, 16, 19, 20, 21, 22)


def name(problem: int) -> str:
    """Task of a problem, such as ``svrt-04``."""
    return f"svrt-{problem:02d}"


def numbers(tasks: str) -> list[int]:
    """Problems that a comma list names, or ``all`` of them, in order.

    Raises
    ------
    InputError
        A name that is no problem, one that is there twice, or none.
    """
    if tasks.strip() == "all":
        return list(PROBLEMS)
    found = [part.strip() for part in tasks.split(",")]
    wrong = [part for part in found if not part.isdecimal() or int(part) not in PROBLEMS]
    if wrong:
        raise InputError(
            f"tasks: {wrong[0]!r} is no problem: numbers of 1 to {len(PROBLEMS)} with commas, or all"
        )
    chosen = sorted(map(int, found))
    twice = [number for number in chosen if chosen.count(number) > 1]
    if twice:
        raise InputError(f"tasks: {twice[0]} is there twice")
    return chosen
