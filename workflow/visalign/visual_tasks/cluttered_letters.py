"""Cluttered letters (cABC): do two markers lie on one letter, or on two that overlap?

After Kim, Linsley et al. (2020) and their generator (github.com/drewlinsley/cabc), with letters drawn for
this project, a first letter in any direction and the start on either letter. The second marker may stand at
two places, one on each letter, that are as far from the first marker and from the centre of the image; the
answer chooses between them last.

Lengths are those of an image of 350 pixels; an image of another side shows the same, larger or smaller.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from visalign.errors import InputError
from visalign.visual_tasks import drawn, raster
from visalign.visual_tasks.alphabet import HEIGHT, LETTERS, WIDTH

TASK = "cluttered-letters"
CANVAS, BORDER = 350, 16
#: Height of a letter as it stands in the alphabet, thickness of its lines, side of the squares it is made of.
LETTER, STROKE, SQUARE = 150.0, 7.0, 5
GRID = CANVAS // SQUARE
#: A square is there if the letter covers this share of it, left out this often, and shifted by a Gaussian.
COVERED, OMITTED, SHIFT, LARGEST_SHIFT = 0.3, 0.2, 2.0, 4.0
#: Letters widened by so many strokes share between these parts of the area of one.
WIDENED, OVERLAP = 1.4, (0.01, 0.15)
#: A place is of one letter alone where the other is more than this many strokes away.
ALONE = 2.0
RADIUS, RING = 11.0, 3.0
#: Markers are at least this far apart. Both places of the second differ by at most this in their distance to
#: the first, and in that to the centre.
APART, ALIKE = 23.0, 4.0
#: Standard deviation of the first marker's distance from the centre, per axis.
CENTRED = CANVAS / 3
#: Bumps that bend a letter: how many, how wide, and how far they shift, as a standard deviation.
BUMPS, WIDE, BENT = 10, 55.0, 6.0
SMALLEST, TRIES, STARTS = 112, 3000, 12


@dataclass(frozen=True)
class Level:
    """Where letters lie, and by how much they are scaled (log₂), turned (degrees) and sheared.

    `radii` of their centres from that of the image; `angle` is the least between them, in degrees. `shared`
    and `own` are the standard deviations of what both letters have, and of what each has; all is cut at two.
    """

    radii: tuple[float, float]
    angle: float
    shared: tuple[float, float, float]
    own: tuple[float, float, float]


_SMALL, _LARGE = (0.001, 0.001, 0.001), (0.5, 30.0, 0.2)
_HALF = (0.5 / 2**0.5, 30.0 / 2**0.5, 0.2 / 2**0.5)
LEVELS = {
    "easy": Level((50, 60), 170, _LARGE, _SMALL),
    "medium": Level((40, 70), 110, _HALF, _HALF),
    "hard": Level((30, 80), 60, _SMALL, _LARGE),
}


@dataclass(frozen=True)
class Letter:
    """A letter in the image: its `line` (n, 2) as points a pixel apart, and `away` of GRID × GRID squares.

    `away` is how far each square's middle is from the line.
    """

    name: str
    line: np.ndarray
    away: np.ndarray


def draw(seed: int, index: int, side: int, *, level: str = "easy") -> drawn.Drawn:
    """Draw image `index` of a set.

    Parameters
    ----------
    seed, index : int
    side : int
        Of the image in pixels.
    level : str
        easy, medium or hard.

    Returns
    -------
    Drawn
        Its parts are 1 and 2 for the letters, 3 where both are; under the markers too, which are no parts.
        ``geometry`` has the letters, the centres of their squares, and the markers' centres and outer radius.

    Raises
    ------
    InputError
        Unknown level, a side below SMALLEST; no admissible geometry was found.
    """
    if level not in LEVELS:
        raise InputError(f"level: {level!r} is not one of {', '.join(LEVELS)}")
    if side < SMALLEST:
        raise InputError(f"size: {side}: cluttered letters have {SMALLEST} pixels a side or more")
    name = f"{TASK}/{level}"
    rng = drawn.generator(seed, name, index)
    for _ in range(TRIES):
        letters = _letters(rng, LEVELS[level])
        if letters is None:
            continue
        squares = [_squares(rng, letter) for letter in letters]
        places = _places(rng, letters, squares)
        if places is not None:
            break
    else:
        raise InputError(f"level: {level}: no image {index} of seed {seed} in {TRIES} tries")
    same = drawn.label(seed, name, index)
    start, own, other = places
    markers = np.stack([start, own if same else other])
    scale = side / CANVAS
    shown = [(each + 0.5) * scale - 0.5 for each in squares]
    markers = (markers + 0.5) * scale - 0.5
    image, parts = _render(shown, markers, side)
    geometry: dict[str, object] = {
        "letters": [letter.name for letter in letters],
        "squares": [_rounded(each) for each in shown],
        "square": SQUARE * scale,
        "markers": _rounded(markers),
        "radius": (RADIUS + RING / 2) * scale,
    }
    return drawn.Drawn(image=image, parts=parts, asked=(drawn.Asked(TASK, same, level),), geometry=geometry)


@functools.cache
def points_of(name: str) -> np.ndarray:
    """Points a pixel apart on the lines of a letter, around its middle, (n, 2) in pixels."""
    unit = LETTER / HEIGHT
    found = []
    for stroke in LETTERS[name]:
        line = (np.array(stroke, dtype=float) - (WIDTH / 2, HEIGHT / 2)) * unit
        steps = np.linalg.norm(np.diff(line, axis=0), axis=1)
        along = np.concatenate([[0], np.cumsum(steps)])
        at = np.linspace(0, along[-1], int(np.ceil(along[-1])) + 1)
        found.append(np.stack([np.interp(at, along, line[:, axis]) for axis in (0, 1)], axis=1))
    return np.concatenate(found)


def _letters(rng: np.random.Generator, level: Level) -> list[Letter] | None:
    """Two letters that overlap as much as they should and lie within the border; None if these do not."""
    shared = _transform(rng, level.shared)
    first = rng.uniform(0, 360)
    between = rng.uniform(level.angle, 180) * rng.choice([-1, 1])
    letters = []
    for angle in np.deg2rad([first, first + between]):
        centre = CANVAS / 2 - 0.5 + rng.uniform(*level.radii) * np.array([np.cos(angle), np.sin(angle)])
        name = str(rng.choice(list(LETTERS)))
        points = points_of(name) @ (_transform(rng, level.own) @ shared).T
        points = points + _bent(rng, points) + centre
        low, high = points.min(), points.max()
        if low < BORDER or high > CANVAS - 1 - BORDER:
            return None
        letters.append(Letter(name, points, _away(points)))
    wide = [letter.away <= STROKE / 2 + WIDENED * STROKE for letter in letters]
    share = (wide[0] & wide[1]).sum() / np.mean([each.sum() for each in wide])
    return letters if OVERLAP[0] <= share <= OVERLAP[1] else None


def _transform(rng: np.random.Generator, sd: tuple[float, float, float]) -> np.ndarray:
    """Random linear map: scale and shear of each axis, of one sign, then a turn; (2, 2)."""
    scales = np.abs(_cut_normal(rng, sd[0], 2)) * rng.choice([-1, 1])
    shears = np.abs(_cut_normal(rng, sd[2], 2)) * rng.choice([-1, 1])
    turn = np.deg2rad(_cut_normal(rng, sd[1], 1)[0])
    sheared = np.array([[1, shears[0]], [shears[1], 1]])
    turned = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    return turned @ sheared @ np.diag(2.0**scales)


def _cut_normal(rng: np.random.Generator, sd: float, count: int) -> np.ndarray:
    """Normal numbers, those beyond two standard deviations drawn anew."""
    found = rng.normal(size=count)
    while (beyond := np.abs(found) > 2).any():
        found[beyond] = rng.normal(size=beyond.sum())
    return sd * found


def _bent(rng: np.random.Generator, points: np.ndarray) -> np.ndarray:
    """Smooth shifts of points, (n, 2): a sum of Gaussian bumps that lie among them."""
    centres = rng.uniform(points.min(axis=0), points.max(axis=0), (BUMPS, 2))
    square = ((points[:, None] - centres) ** 2).sum(axis=2)
    return np.exp(-square / (2 * WIDE**2)) @ rng.normal(0, BENT, (BUMPS, 2))


def _away(points: np.ndarray) -> np.ndarray:
    """Distance of the middle of each square to the nearest of the points, (GRID, GRID)."""
    # On squares of half the side, whose middles a distance transform is exact to; then the four of a square.
    half = SQUARE / 2
    there = np.ones((2 * GRID, 2 * GRID), bool)
    columns, rows = np.clip(((points + 0.5) / half).astype(int), 0, 2 * GRID - 1).T
    there[rows, columns] = False
    fine = ndimage.distance_transform_edt(there) * half
    return fine.reshape(GRID, 2, GRID, 2).mean(axis=(1, 3))


def _squares(rng: np.random.Generator, letter: Letter) -> np.ndarray:
    """Centres (x, y) of the squares that a letter is made of, (n, 2), some left out, all shifted."""
    canvas = np.zeros((2 * GRID, 2 * GRID), np.float32)
    _cover(canvas, (letter.line + 0.5) / (SQUARE / 2) - 0.5, 2 * STROKE / SQUARE)
    covered = canvas.reshape(GRID, 2, GRID, 2).mean(axis=(1, 3)) > COVERED
    rows, columns = np.nonzero(covered & (rng.random((GRID, GRID)) >= OMITTED))
    middles = np.stack([columns, rows], axis=1) * SQUARE + (SQUARE - 1) / 2
    return middles + np.clip(rng.normal(0, SHIFT, middles.shape), -LARGEST_SHIFT, LARGEST_SHIFT)


def _cover(canvas: np.ndarray, points: np.ndarray, thickness: float) -> None:
    """Coverage of a canvas by discs at many points, changed in place."""
    reach = int(np.ceil(thickness / 2 + 0.5))
    steps = np.arange(-reach, reach + 1)
    columns = np.rint(points[:, :1]).astype(int) + steps
    rows = np.rint(points[:, 1:]).astype(int) + steps
    distance = np.hypot((columns - points[:, :1])[:, None, :], (rows - points[:, 1:])[:, :, None])
    values = np.clip(thickness / 2 + 0.5 - distance, 0, 1).astype(np.float32)
    np.maximum.at(canvas, (rows[:, :, None], columns[:, None, :]), values)


def _places(
    rng: np.random.Generator, letters: list[Letter], squares: list[np.ndarray]
) -> tuple[np.ndarray, np.ndarray, np.ndarray] | None:
    """Centres of the first marker, of the second on the same and on the other letter; None without any."""
    first = int(rng.integers(2))
    alone = [_alone(squares[k], letters[1 - k], squares[1 - k]) for k in (0, 1)]
    own, other = alone[first], alone[1 - first]
    if len(own) < 2 or not len(other):
        return None
    middle = CANVAS / 2 - 0.5
    weights = np.exp(-((own - middle) ** 2).sum(axis=1) / (2 * CENTRED**2))
    starts = rng.choice(len(own), min(STARTS, len(own)), replace=False, p=weights / weights.sum())
    from_middle = [np.linalg.norm(each - middle, axis=1) for each in (own, other)]
    for start in own[starts]:
        from_start = [np.linalg.norm(each - start, axis=1) for each in (own, other)]
        alike = np.abs(from_start[0][:, None] - from_start[1]) <= ALIKE
        alike &= np.abs(from_middle[0][:, None] - from_middle[1]) <= ALIKE
        alike &= (from_start[0] >= APART)[:, None] & (from_start[1] >= APART)
        pairs = np.argwhere(alike)
        if len(pairs):
            one, two = pairs[rng.integers(len(pairs))]
            return start, own[one], other[two]
    return None


def _alone(squares: np.ndarray, other: Letter, others: np.ndarray) -> np.ndarray:
    """Squares of a letter that are away from the other one, a marker on them from all squares of that."""
    columns, rows = np.clip(((squares + 0.5) / SQUARE).astype(int), 0, GRID - 1).T
    alone = squares[other.away[rows, columns] > STROKE / 2 + ALONE * STROKE]
    nearest = np.abs(alone[:, None] - others).max(axis=2).min(axis=1)
    return alone[nearest > RADIUS + RING / 2 + SQUARE / 2]


def _render(squares: list[np.ndarray], markers: np.ndarray, side: int) -> tuple[np.ndarray, np.ndarray]:
    """Image and parts, each (side, side) uint8."""
    scale = side / CANVAS
    canvas, parts = np.zeros((side, side), np.float32), np.zeros((side, side), np.uint8)
    for number, centres in enumerate(squares, 1):
        layer = np.zeros((side, side), np.float32)
        _paint(layer, centres, SQUARE * scale)
        parts[layer > 0.5] += number
        np.maximum(canvas, layer, out=canvas)
    for marker in markers:
        hole, ring = np.zeros_like(canvas), np.zeros_like(canvas)
        raster.disc(hole, marker, RADIUS * scale)
        raster.ring(ring, marker, RADIUS * scale, RING * scale)
        canvas = np.maximum(canvas * (1 - hole), ring)
    return raster.grey(canvas), parts


def _paint(canvas: np.ndarray, centres: np.ndarray, width: float) -> None:
    """Draw squares with sides along the axes, each pixel by how much of it is covered, in place."""
    steps = np.arange(int(np.ceil(width)) + 2)
    low = centres - width / 2
    first = np.floor(low + 0.5).astype(int)
    at = first[:, None, :] + steps[None, :, None]
    ends = np.minimum(at + 0.5, (low + width)[:, None]) - np.maximum(at - 0.5, low[:, None])
    part = np.clip(ends, 0, 1).astype(np.float32)
    rows, columns = np.clip(at[..., 1], 0, len(canvas) - 1), np.clip(at[..., 0], 0, len(canvas) - 1)
    # Squares do not reach beyond the image, as letters keep its border free; what is clipped covers nothing.
    values = part[..., 1][:, :, None] * part[..., 0][:, None, :]
    np.maximum.at(canvas, (rows[:, :, None], columns[:, None, :]), values)


def _rounded(points: np.ndarray) -> list[list[float]]:
    return np.round(points, 3).tolist()
