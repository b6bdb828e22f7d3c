"""Pathfinder (Linsley et al. 2018): are two markers on one dashed contour, or on two?

Two target contours of equal length grow from neighbouring places among shorter ones; the label only decides
whether the second marker is at the end of the first target or of the other. Both ends are equally far from
the first marker, which in the released generator they are not: there the answer can be told from distances.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from visalign.errors import InputError
from visalign.visual_tasks import drawn, raster, segments
from visalign.visual_tasks.drawn import Asked, Drawn

TASK = "pathfinder"
#: Side for which lengths below are given, in pixels.
SIDE = 112
PADDLE, THICKNESS, MARGIN, MARKER, BORDER = 5.0, 1.6, 2.0, 3.2, 6.0
#: Distance of the starts of the two targets.
START = 12.0
#: Distance beyond what keeps contours apart in the released generator.
CLEARANCE = 1.5
#: Turning angles δ have density cos²(1.8 |δ|).
CONTINUITY = 1.8
#: Markers' two possible distances differ by less.
ALIKE = 0.08
#: Length of targets -> number and length of distractors.
DISTRACTORS = {3: (12, 1), 6: (8, 2), 9: (6, 3)}
#: Attempts: scenes, targets of a scene, distractors.
SCENES, TARGETS, RETRIES = 200, 400, 40


@dataclass(frozen=True)
class Scale:
    """Lengths in pixels at a side.

    Attributes
    ----------
    side : int
    clearance : float
        0: as published, where contours may come nearer than the gaps within them.
    """

    side: int
    clearance: float

    def of(self, length: float) -> float:
        """A length that is given for a side of 112."""
        return length * self.side / SIDE

    @property
    def joint(self) -> float:
        """Half of the gap between the paddles of a contour, whose ends are round."""
        return self.of(MARGIN - THICKNESS / 2)

    @property
    def apart(self) -> float:
        """Least distance between centre lines of paddles of different contours."""
        return self.of(2 * MARGIN + THICKNESS) + self.clearance

    @property
    def clear(self) -> float:
        """Least distance between a marker and the paddles of other contours."""
        return self.of(MARKER + THICKNESS / 2 + 2 * MARGIN) + self.clearance


def turning_angles(rng: np.random.Generator, count: int) -> np.ndarray:
    """Draw turning angles in radians, |δ| ≤ 50°, of density ∝ cos²(1.8 |δ|)."""
    grid = np.linspace(-np.pi / 2 / CONTINUITY, np.pi / 2 / CONTINUITY, 1001)
    cumulated = np.cumsum(np.cos(CONTINUITY * grid) ** 2)
    return np.interp(rng.random(count), cumulated / cumulated[-1], grid)


def contour(rng: np.random.Generator, start: np.ndarray, length: int, scale: Scale) -> np.ndarray | None:
    """Vertices (length + 1, 2) of a contour, or None where it leaves the image or meets itself."""
    turns = turning_angles(rng, length)
    turns[0] = rng.uniform(0, 2 * np.pi)
    heading, edge = np.cumsum(turns), scale.of(PADDLE + 2 * MARGIN)
    steps = edge * np.column_stack([np.cos(heading), np.sin(heading)])
    points = np.vstack([start, start + np.cumsum(steps, axis=0)])
    border = scale.of(BORDER)
    if points.min() < border or points.max() > scale.side - 1 - border:
        return None
    own = paddles(points, scale)
    if length > 2:
        between = segments.distances(own, own)
        skipped = np.triu(np.ones_like(between, dtype=bool), 2)
        if between[skipped].min() < scale.apart:
            return None
    return points


def paddles(points: np.ndarray, scale: Scale) -> np.ndarray:
    """Paddles (n, 2, 2) in the middle of the edges of a contour."""
    along = np.diff(points, axis=0)
    share = MARGIN / (PADDLE + 2 * MARGIN)
    return np.stack([points[:-1] + share * along, points[1:] - share * along], axis=1)


def draw(seed: int, index: int, side: int, *, length: int = 6, published: bool = False) -> Drawn:
    """Draw image `index`: white paddles and two discs on black.

    Parameters
    ----------
    seed, index : int
        The image depends on them, the length and the side alone.
    side : int
        In pixels.
    length : int
        Paddles of the targets: 3, 6, 9, or another, which has 6 distractors of a third of it.
    published : bool
        Contours as near as the released generator lets them come.

    Raises
    ------
    InputError
        A length or side that leaves no room.
    """
    if length < 2 or side < 64:
        raise InputError(f"pathfinder: length {length}, side {side}: need 2 paddles and 64 pixels at least")
    task = f"{TASK}-{length}"
    rng, label = drawn.generator(seed, task, index), drawn.label(seed, task, index)
    scale = Scale(side, 0.0 if published else CLEARANCE * side / SIDE)
    for _ in range(SCENES):
        targets = two_targets(rng, length, scale)
        if targets is None:
            continue
        others = distractors(rng, targets, *DISTRACTORS.get(length, (6, max(1, length // 3))), scale)
        if others is not None:
            return rendered(rng, targets, others, label, length, scale)
    raise InputError(f"pathfinder: no scene of length {length} at side {side} in {SCENES} tries")


def two_targets(rng: np.random.Generator, length: int, scale: Scale) -> list[np.ndarray] | None:
    """Draw two contours that start near each other, end equally far from the first start, and stay apart."""
    border, marker = scale.of(BORDER), scale.clear
    for _ in range(TARGETS):
        start = rng.uniform(border, scale.side - 1 - border, 2)
        first = contour(rng, start, length, scale)
        if first is None:
            continue
        angle = rng.uniform(0, 2 * np.pi)
        second = contour(
            rng, start + scale.of(START) * np.array([np.cos(angle), np.sin(angle)]), length, scale
        )
        if second is None:
            continue
        ends = [np.hypot(*(points[-1] - start)) for points in (first, second)]
        if abs(ends[0] - ends[1]) > ALIKE * max(ends) or min(ends) < 2.5 * scale.of(MARKER):
            continue
        own = [paddles(points, scale) for points in (first, second)]
        if segments.distances(*own).min() < scale.apart:
            continue
        # Either end may become a marker, and the other start is none.
        at_second = segments.from_points(np.array([start, first[-1]]), own[1])
        at_first = segments.from_points(second[-1:], own[0])
        if min(at_second.min(), at_first.min()) >= marker:
            return [first, second]
    return None


def distractors(
    rng: np.random.Generator, targets: list[np.ndarray], count: int, length: int, scale: Scale
) -> list[np.ndarray] | None:
    """Draw contours apart from the targets, from each other and from where markers may be."""
    border = scale.of(BORDER)
    taken = np.concatenate([paddles(points, scale) for points in targets])
    markers = np.array([targets[0][0], targets[0][-1], targets[1][-1]])
    found: list[np.ndarray] = []
    for _ in range(count):
        for _ in range(RETRIES):
            points = contour(rng, rng.uniform(border, scale.side - 1 - border, 2), length, scale)
            if points is None:
                continue
            own = paddles(points, scale)
            if segments.distances(own, taken).min() < scale.apart:
                continue
            if segments.from_points(markers, own).min() < scale.clear:
                continue
            found.append(points)
            taken = np.concatenate([taken, own])
            break
        else:
            return None
    return found


def rendered(
    rng: np.random.Generator,
    targets: list[np.ndarray],
    others: list[np.ndarray],
    label: int,
    length: int,
    scale: Scale,
) -> Drawn:
    """Draw contours and markers; the label chooses the second one's contour."""
    thickness, radius = scale.of(THICKNESS), scale.of(MARKER)
    markers = np.array([targets[0][0], targets[0 if label else 1][-1]])
    order = rng.permutation(2 + len(others))
    contours = [[*targets, *others][position] for position in order]
    image = np.zeros((scale.side, scale.side), np.float32)
    parts = np.zeros((scale.side, scale.side), np.uint8)
    for number, points in enumerate(contours, 1):
        canvas = np.zeros_like(image)
        for paddle in paddles(points, scale):
            raster.stroke(canvas, paddle, thickness)
        parts[canvas > 0.5] = number
        np.maximum(image, canvas, out=image)
    for marker in markers:
        raster.disc(image, marker, radius)
    geometry = {
        "contours": [points.round(3).tolist() for points in contours],
        "markers": markers.round(3).tolist(),
        "joint": round(scale.joint, 3),
    }
    task = f"{TASK}-{length}"
    return Drawn(
        image=raster.grey(image),
        parts=parts,
        asked=(Asked(TASK, label, str(length)),),
        geometry=geometry | {"task": task},
    )
