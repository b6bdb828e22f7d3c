"""Pathfinder: do two markers lie on one dashed contour, among other dashed contours?

After Linsley et al. (2018) and their generator (github.com/drewlinsley/pathfinder), with rules that leave no
other cue: the answer is drawn after the geometry, and the end marker may stand on either of two contours, at
places that are as far from the start marker and from the middle of the image. (Distances that differ by up to
8 % would tell 61 % of the answers alone, since those to the own end are less spread.)
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np

from visalign.errors import InputError
from visalign.visual_tasks import drawn, raster
from visalign.visual_tasks.segments import distances, to_points

TASK = "pathfinder"
#: Distractors of each length of the targets: how many contours, of how many dashes.
DISTRACTORS = {3: (12, 1), 6: (8, 2), 9: (6, 3)}
#: Least room between contours beyond the gaps within one, in pixels of a side of 112.
CLEARANCE = {"separate": 1.5, "published": 0.0}
#: What an oracle adds to half the gap within a contour, in pixels of a side of 112, since ends of thin dashes
#: are blunt. Half of the clearance would join contours; without clearance the less joins them, the better.
BLUNT = {"separate": 0.55, "published": 0.3}
#: Least side: in smaller images gaps within contours and between them are less than two pixels apart.
SMALLEST = 112
#: Turning angles have density cos²(CONTINUITY δ) up to a right angle of CONTINUITY δ.
CONTINUITY = 1.8
#: Pairs of targets, and distractors, that are drawn at once; how often until it is given up.
PAIRS, CANDIDATES, TRIES = 256, 160, 400
_ANGLES = np.linspace(-np.pi / 2, np.pi / 2, 4097)
_SHARES = (_ANGLES + np.sin(_ANGLES) * np.cos(_ANGLES)) / np.pi + 0.5


@dataclass(frozen=True)
class Look:
    """Sizes in pixels: of dashes, of half the gap between two of them, of markers, of the empty border.

    `apart` is the distance of the two targets' starts.
    """

    side: int
    dash: float
    thickness: float
    margin: float
    radius: float
    border: float
    apart: float
    clearance: float
    blunt: float

    @property
    def edge(self) -> float:
        """Length of a dash and the gap that belongs to it."""
        return self.dash + 2 * self.margin

    @property
    def between(self) -> float:
        """Least distance of the middle lines of two contours."""
        return 2 * self.margin + self.thickness + self.clearance

    @property
    def around(self) -> float:
        """Least distance of a marker's centre to the middle line of a contour that it is not on."""
        return self.radius + self.thickness / 2 + 2 * self.margin + self.clearance

    @property
    def reach(self) -> float:
        """Half the largest gap that joins two dashes, for an oracle: that within a contour, and a little."""
        return self.margin + self.blunt


def look(side: int, convention: str = "separate") -> Look:
    """Sizes at a side of the image, in proportion to those at 112.

    Parameters
    ----------
    side : int
        In pixels.
    convention : str
        ``separate``, or ``published``: contours may be as near to each other as dashes of one contour.

    Raises
    ------
    InputError
        Unknown convention, or a side below SMALLEST.
    """
    if convention not in CLEARANCE:
        raise InputError(f"convention: {convention!r} is not one of {', '.join(CLEARANCE)}")
    if side < SMALLEST:
        raise InputError(f"size: {side}: Pathfinder images have {SMALLEST} pixels a side or more")
    sizes = (5.0, 1.6, 2.0, 3.2, 6.0, 12.0, CLEARANCE[convention], BLUNT[convention])
    return Look(side, *(size * side / 112 for size in sizes))


def draw(seed: int, index: int, side: int, *, length: int = 6, convention: str = "separate") -> drawn.Drawn:
    """Draw image `index` of a set.

    Parameters
    ----------
    seed, index : int
    side : int
        Of the image in pixels.
    length : int
        Dashes of a target contour: 3, 6 or 9.
    convention : str
        See `look`.

    Returns
    -------
    Drawn
        Its parts are 1 for the contour with the start marker, 2 for the other target, then the distractors,
        then the two markers. ``geometry`` has the middle lines of the contours, whose edges carry a dash
        each, the markers, and sizes that an oracle needs.

    Raises
    ------
    InputError
        Unknown length or convention; no admissible geometry was found.
    """
    if length not in DISTRACTORS:
        raise InputError(f"length: {length!r} is not one of {', '.join(map(str, DISTRACTORS))}")
    sizes = look(side, convention)
    name = f"{TASK}/{length}/{convention}"
    rng = drawn.generator(seed, name, index)
    for _ in range(TRIES):
        targets = _targets(rng, sizes, length)
        others = None if targets is None else _distractors(rng, sizes, targets, *DISTRACTORS[length])
        if targets is not None and others is not None:
            break
    else:
        raise InputError(
            f"size: {side}: no Pathfinder image {index} of seed {seed}, length {length} in {TRIES} tries"
        )
    same = drawn.label(seed, name, index)
    contours = [*targets, *others]
    start, own, other = _ends(targets[None], sizes)[0]
    markers = np.stack([start, own if same else other])
    image, parts = _render(contours, markers, sizes)
    geometry: dict[str, object] = {
        "contours": [_rounded(contour) for contour in contours],
        "markers": _rounded(markers),
        "thickness": sizes.thickness,
        "radius": sizes.radius,
        "reach": sizes.reach,
    }
    return drawn.Drawn(
        image=image, parts=parts, asked=(drawn.Asked(TASK, same, str(length)),), geometry=geometry
    )


def turns(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Turning angles in radians, of density cos²(min(CONTINUITY |δ|, π/2)).

    Parameters
    ----------
    shape : tuple of int

    Returns
    -------
    ndarray, shape `shape`
    """
    return np.interp(rng.random(shape), _SHARES, _ANGLES) / CONTINUITY


def contours_from(rng: np.random.Generator, starts: np.ndarray, length: int, edge: float) -> np.ndarray:
    """Contours of `length` edges from given points into any direction.

    Parameters
    ----------
    starts : ndarray, shape (n, 2)
    edge : float
        Length of an edge in pixels.

    Returns
    -------
    ndarray, shape (n, length + 1, 2)
    """
    first = rng.uniform(0, 2 * np.pi, (len(starts), 1))
    angles = np.cumsum(np.concatenate([first, turns(rng, (len(starts), length - 1))], axis=1), axis=1)
    steps = edge * np.stack([np.cos(angles), np.sin(angles)], axis=-1)
    return np.concatenate([starts[:, None], starts[:, None] + np.cumsum(steps, axis=1)], axis=1)


def dashes(contours: np.ndarray, sizes: Look) -> np.ndarray:
    """Middle lines of the dashes of contours; their round ends reach `margin` to the ends of an edge.

    Parameters
    ----------
    contours : ndarray, shape (..., length + 1, 2)

    Returns
    -------
    ndarray, shape (..., length, 2, 2)
        First and last point of each.
    """
    cut = (sizes.margin + sizes.thickness / 2) / sizes.edge
    start, end = contours[..., :-1, :], contours[..., 1:, :]
    return np.stack([start + cut * (end - start), end - cut * (end - start)], axis=-2)


def _targets(rng: np.random.Generator, sizes: Look, length: int) -> np.ndarray | None:
    """Two targets, (2, length + 1, 2): the first has the start marker; None if no pair was admissible.

    The second is turned so that its end is as far from the start marker as that of the first; then both are
    turned so that both ends are as far from the middle of the image.
    """
    firsts = contours_from(rng, np.zeros((PAIRS, 2)), length, sizes.edge)
    angle = rng.uniform(0, 2 * np.pi, PAIRS)
    others = sizes.apart * np.stack([np.cos(angle), np.sin(angle)], axis=-1)
    seconds = contours_from(rng, others, length, sizes.edge)
    pairs = np.stack([firsts, seconds], axis=1)
    start, own, other = np.moveaxis(_ends(pairs, sizes), 1, 0)
    offset, chord, wanted = others - start, other - others, np.linalg.norm(own - start, axis=1)
    # The law of cosines, for the triangle of start marker, start of the second contour and its end.
    a, b = np.linalg.norm(offset, axis=1), np.linalg.norm(chord, axis=1)
    cosine = (wanted**2 - a**2 - b**2) / (2 * a * b)
    possible = np.abs(cosine) < 1
    turn = np.arccos(np.clip(cosine, -1, 1)) * rng.choice([-1, 1], PAIRS)
    turn += np.arctan2(offset[:, 1], offset[:, 0]) - np.arctan2(chord[:, 1], chord[:, 0])
    pairs[:, 1] = _turned(seconds - others[:, None], turn) + others[:, None]
    places = rng.uniform(sizes.border, sizes.side - 1 - sizes.border, (PAIRS, 2))
    pairs = _placed(pairs, places, sizes)
    pairs = pairs[possible & _within(pairs, sizes)]
    lines = dashes(pairs, sizes)
    apart = distances(lines[:, 0, :, None], lines[:, 1, None, :]).min(axis=(1, 2)) >= sizes.between
    free = apart & _open(lines[:, 0], sizes) & _open(lines[:, 1], sizes) & _markers_apart(pairs, sizes)
    found = pairs[free]
    return found[0] if len(found) else None


def _placed(pairs: np.ndarray, places: np.ndarray, sizes: Look) -> np.ndarray:
    """Pairs whose start marker is at a place each, (n, 2), turned so that both ends mirror each other.

    The line that halves the angle of the ends goes through the middle of the image.
    """
    start, own, other = np.moveaxis(_ends(pairs, sizes), 1, 0)
    halving = (own + other) / 2 - start
    to_middle = (sizes.side - 1) / 2 - places
    turn = np.arctan2(to_middle[:, 1], to_middle[:, 0]) - np.arctan2(halving[:, 1], halving[:, 0])
    # Away from the middle as often as towards it, where there is room.
    turn += np.pi * (np.arange(len(pairs)) % 2)
    return _turned(pairs - start[:, None, None], turn) + places[:, None, None]


def _turned(points: np.ndarray, angles: np.ndarray) -> np.ndarray:
    """Points (n, ..., 2) turned around the origin by an angle each."""
    cosine, sine = (each(angles).reshape(-1, *[1] * (points.ndim - 2)) for each in (np.cos, np.sin))
    x, y = points[..., 0], points[..., 1]
    return np.stack([cosine * x - sine * y, sine * x + cosine * y], axis=-1)


def _distractors(
    rng: np.random.Generator, sizes: Look, targets: np.ndarray, count: int, length: int
) -> list[np.ndarray] | None:
    """`count` distractors, each (length + 1, 2), away from all else; None if there is no room for all."""
    starts = rng.uniform(sizes.border, sizes.side - 1 - sizes.border, (CANDIDATES, 2))
    candidates = contours_from(rng, starts, length, sizes.edge)
    candidates = candidates[_within(candidates, sizes)]
    lines = dashes(candidates, sizes)
    there = dashes(targets, sizes).reshape(-1, 2, 2)
    markers = _ends(targets[None], sizes)[0]
    far = distances(lines[:, :, None], there).min(axis=(1, 2)) >= sizes.between
    far &= to_points(lines[:, :, None], markers).min(axis=(1, 2)) >= sizes.around
    far &= _open(lines, sizes)
    candidates, lines = candidates[far], lines[far]
    chosen: list[np.ndarray] = []
    while len(candidates) and len(chosen) < count:
        chosen.append(candidates[0])
        free = distances(lines[:, :, None], lines[0]).min(axis=(1, 2)) >= sizes.between
        candidates, lines = candidates[free], lines[free]
    return chosen if len(chosen) == count else None


def _within(contours: np.ndarray, sizes: Look) -> np.ndarray:
    """Which contours, or pairs of them, leave the border free; the first axis stays."""
    low, high = sizes.border, sizes.side - 1 - sizes.border
    return np.all((contours >= low) & (contours <= high), axis=tuple(range(1, contours.ndim)))


def _open(lines: np.ndarray, sizes: Look) -> np.ndarray:
    """Which contours, by their dashes (n, length, 2, 2), do not come near themselves."""
    first, second = np.triu_indices(lines.shape[1], 2)
    apart = distances(lines[:, first], lines[:, second])
    return np.all(apart >= 2 * sizes.margin + sizes.thickness, axis=1)


def _ends(pairs: np.ndarray, sizes: Look) -> np.ndarray:
    """Where markers may stand, (n, 3, 2): start of the first target, its end, end of the second.

    They are the outer ends of the dashes.
    """
    cut = sizes.margin / sizes.edge
    start = pairs[:, 0, 0] + cut * (pairs[:, 0, 1] - pairs[:, 0, 0])
    own = pairs[:, 0, -1] + cut * (pairs[:, 0, -2] - pairs[:, 0, -1])
    other = pairs[:, 1, -1] + cut * (pairs[:, 1, -2] - pairs[:, 1, -1])
    return np.stack([start, own, other], axis=1)


def _markers_apart(pairs: np.ndarray, sizes: Look) -> np.ndarray:
    """Which pairs of targets keep the markers of one away from the other, and the markers from each other."""
    lines, markers = dashes(pairs, sizes), _ends(pairs, sizes)
    of_first = to_points(lines[:, 1, :, None], markers[:, None, :2]).min(axis=(1, 2))
    of_second = to_points(lines[:, 0], markers[:, None, 2]).min(axis=1)
    start, own, other = np.moveaxis(markers, 1, 0)
    least = np.minimum(np.linalg.norm(own - start, axis=-1), np.linalg.norm(other - start, axis=-1))
    return (np.minimum(of_first, of_second) >= sizes.around) & (least >= sizes.around + sizes.radius)


def _render(contours: list[np.ndarray], markers: np.ndarray, sizes: Look) -> tuple[np.ndarray, np.ndarray]:
    """Image and parts, each (side, side) uint8."""
    shape = (sizes.side, sizes.side)
    canvas, parts = np.zeros(shape, np.float32), np.zeros(shape, np.uint8)
    number = itertools.count(1)
    for contour in contours:
        layer = np.zeros(shape, np.float32)
        for line in dashes(contour, sizes):
            raster.stroke(layer, line, sizes.thickness)
        parts[layer > 0.5] = next(number)
        np.maximum(canvas, layer, out=canvas)
    for marker in markers:
        layer = np.zeros(shape, np.float32)
        raster.disc(layer, marker, sizes.radius)
        parts[layer > 0.5] = next(number)
        np.maximum(canvas, layer, out=canvas)
    return raster.grey(canvas), parts


def _rounded(points: np.ndarray) -> list[list[float]]:
    return np.round(points, 3).tolist()
