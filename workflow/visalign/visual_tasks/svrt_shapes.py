"""Random closed contours of the Synthetic Visual Reasoning Test, and shapes of several sizes made of them.

A contour has one random point in each quadrant of an annulus, joined by recursive displacement of midpoints
(Fleuret et al. 2011, PNAS 108, 17621–17625). It is made of vectors here, many contours at once, so that
side and stroke are free. Shapes of one image are chosen alike in length and area, and unlike in form:
whether two of them are the same must not show in how much ink there is.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

#: Contours have 4 × 2⁶ points, big ones twice as many: at 128 pixels steps are a quarter or half of a pixel.
LEVELS = 6
#: Directions of a profile.
TURNS = 128
#: Contours of less area, in squares of their largest radius, are mere slivers once they are drawn.
SLIVER = 0.4
#: Contours that are drawn at a time, and more likeness than two different shapes may have.
POOL = 32
LIKENESS = 0.7
_CIRCLE = np.exp(2j * np.pi * np.arange(32) / 32)


@dataclass(frozen=True, eq=False)
class Shape:
    """A contour in pixels about its centre of area, and what placing it takes.

    Attributes
    ----------
    points : ndarray, shape (n, 2)
        Closed, without its first point again at the end.
    kind : str
        Shapes of one kind are equal up to what the task says.
    """

    points: np.ndarray
    kind: str
    _profiles: dict[tuple[float, bool], np.ndarray] = field(default_factory=dict)

    @cached_property
    def reach(self) -> float:
        """Largest distance of a point from the centre."""
        return float(np.hypot(*self.points.T).max())

    @cached_property
    def probes(self) -> np.ndarray:
        """Points (m, 2) that stand for all of them, no more than half a pixel apart on average."""
        step = max(1, int(len(self.points) / (2 * self.length)))
        return self.points[::step]

    @cached_property
    def length(self) -> float:
        """Length in pixels, without the detail that strokes swallow."""
        return float(length(self.points[None])[0])

    @cached_property
    def ink(self) -> tuple[float, np.ndarray, np.ndarray]:
        """Length, mean (2,) and covariance (2, 2) of the line."""
        ends = np.roll(self.points, -1, axis=0)
        weights, middles = np.hypot(*(ends - self.points).T), (ends + self.points) / 2
        mean = weights @ middles / weights.sum()
        away = middles - mean
        return self.length, mean, (weights[:, None] * away).T @ away / weights.sum()

    @cached_property
    def area(self) -> float:
        """Enclosed area in square pixels."""
        return float(area(self.points[None])[0])

    def outer(self, gap: float) -> np.ndarray:
        """Profile (TURNS,) beyond which a point is at least `gap` from the contour and outside."""
        return self._profile(gap, True)

    def inner(self, gap: float) -> np.ndarray:
        """Profile (TURNS,) within which a point is at least `gap` from the contour and inside."""
        return self._profile(gap, False)

    def _profile(self, gap: float, outer: bool) -> np.ndarray:
        if (gap, outer) not in self._profiles:
            self._profiles[gap, outer] = profiles(self._dilated(gap)[None], outer=outer)[0]
        return self._profiles[gap, outer]

    def _dilated(self, gap: float) -> np.ndarray:
        probes = self.points[:: max(1, len(self.points) // 128)]
        offsets = gap * np.stack([_CIRCLE.real, _CIRCLE.imag], axis=1)
        return (probes[:, None] + offsets).reshape(-1, 2)


def contours(rng: np.random.Generator, count: int, hole: float, levels: int = LEVELS) -> np.ndarray:
    """Random contours in an annulus of radii `hole` and 1, each turned and about its centre of area.

    Parameters
    ----------
    hole : float
        Inner radius of the annulus, in (0, 1).
    levels : int
        How often midpoints are displaced.

    Returns
    -------
    ndarray, shape (count, 4 · 2^levels, 2)
    """
    made: list[np.ndarray] = []
    while sum(map(len, made)) < count:
        # Most that leave the annulus do so at first, where a contour has few points.
        radius = np.sqrt(rng.uniform(hole**2, 1, (8 * count, 4)))
        angle = np.pi / 2 * (np.arange(4) + rng.uniform(size=(8 * count, 4)))
        line = radius * np.exp(1j * angle)
        for level in range(levels):
            line = line[: count if level > 2 else len(line)]
            ends = np.roll(line, -1, axis=1)
            away = np.sqrt(rng.uniform(size=line.shape)) * np.exp(2j * np.pi * rng.uniform(size=line.shape))
            middle = (line + ends) / 2 + np.abs(ends - line) / 5 * away
            line = np.stack([line, middle], axis=2).reshape(len(line), 2 * line.shape[1])
            line = line[((np.abs(middle) >= hole) & (np.abs(middle) <= 1)).all(axis=1)]
        line *= np.exp(2j * np.pi * rng.uniform(size=(len(line), 1)))
        made.append(np.stack([line.real, line.imag], axis=2))
    found = np.concatenate(made)[:count]
    return found - centroids(found)[:, None]


def several(
    rng: np.random.Generator,
    count: int,
    hole: float,
    *,
    turned: bool = False,
    mirrored: bool = False,
    asymmetric: bool = False,
    levels: int = LEVELS,
) -> np.ndarray:
    """Contours that differ from each other, and are of nearly the same length, area and extent.

    Parameters
    ----------
    turned, mirrored : bool
        Whether they differ from each other however one is turned, or mirrored and turned.
    asymmetric : bool
        Whether each differs from its image in a vertical mirror.

    Returns
    -------
    ndarray, shape (count, n, 2)
        As of `contours`, all of the length that the first of them has.
    """
    while True:
        pool = contours(rng, POOL if count > 1 else 4, hole, levels)
        pool = pool[area(pool) >= SLIVER]
        if not len(pool):
            continue
        first = np.sqrt(area(pool[:1]))
        pool *= (first / np.sqrt(area(pool)))[:, None, None]
        profile = profiles(pool, outer=True)
        if asymmetric:
            pairs = zip(profile[:, None], mirror(profile)[:, None], strict=True)
            kept = np.array([likeness(own, other, turned=False)[0, 0] <= LIKENESS for own, other in pairs])
            pool, profile = pool[kept], profile[kept]
        if len(pool) < count:
            continue
        chosen = [0]
        features = np.log(np.stack([length(pool), extent(pool)], axis=1))
        for candidate in np.argsort(np.abs(features - features[0]).sum(axis=1))[1:]:
            if len(chosen) == count:
                break
            own = profile[candidate][None]
            alike = likeness(own, profile[chosen], turned=turned).max()
            if mirrored:
                alike = max(alike, likeness(own, mirror(profile[chosen]), turned=turned).max())
            if alike <= LIKENESS:
                chosen.append(int(candidate))
        if len(chosen) == count:
            found = pool[rng.permutation(chosen)]
            return found * (length(found[:1]) / length(found))[:, None, None]


def shape(contour: np.ndarray, diameter: float, kind: str) -> Shape:
    """Shape of a contour whose annulus has a diameter in pixels."""
    return Shape(contour * (diameter / 2), kind)


def turn(contour: np.ndarray, angle: float) -> np.ndarray:
    """Points (n, 2) turned about the origin by an angle in radians."""
    cosine, sine = np.cos(angle), np.sin(angle)
    return contour @ np.array([[cosine, sine], [-sine, cosine]])


def reflect(contour: np.ndarray, normal: np.ndarray) -> np.ndarray:
    """Points (n, 2) mirrored in the line through the origin with a normal of length 1."""
    return contour - 2 * np.outer(contour @ normal, normal)


def area(contour: np.ndarray) -> np.ndarray:
    """Area (count,) enclosed by each contour (count, n, 2)."""
    ends = np.roll(contour, -1, axis=1)
    return np.abs(_cross(contour, ends).sum(axis=1)) / 2


def centroids(contour: np.ndarray) -> np.ndarray:
    """Centre of area (count, 2) of each contour (count, n, 2)."""
    ends = np.roll(contour, -1, axis=1)
    cross = _cross(contour, ends)
    return ((contour + ends) * cross[..., None]).sum(axis=1) / (3 * cross.sum(axis=1, keepdims=True))


def length(contour: np.ndarray) -> np.ndarray:
    """Length (count,) of each contour (count, n, 2) along every fourth of its points."""
    coarse = contour[:, ::4]
    steps = np.roll(coarse, -1, axis=1) - coarse
    return np.hypot(steps[..., 0], steps[..., 1]).sum(axis=1)


def extent(contour: np.ndarray) -> np.ndarray:
    """Root mean square distance (count,) of the points of contours (count, n, 2) from their centres."""
    return np.sqrt((contour**2).sum(axis=2).mean(axis=1))


def profiles(points: np.ndarray, *, outer: bool) -> np.ndarray:
    """Largest (`outer`) or smallest distance from the origin in each of TURNS directions.

    Parameters
    ----------
    points : ndarray, shape (count, n, 2)

    Returns
    -------
    ndarray, shape (count, TURNS)
        Directions without a point have what lies between their neighbours.
    """
    count = len(points)
    place = _direction(points) + TURNS * np.arange(count)[:, None]
    distance = np.hypot(points[..., 0], points[..., 1])
    found = np.full(count * TURNS, -np.inf if outer else np.inf)
    (np.maximum if outer else np.minimum).at(found, place.ravel(), distance.ravel())
    rows = found.reshape(count, TURNS)
    for row in rows:
        known = np.flatnonzero(np.isfinite(row))
        if len(known) == TURNS:
            continue
        row[:] = np.interp(np.arange(TURNS), known, row[known], period=TURNS)
    return rows


def beyond(profile: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Distance of points (..., 2) from the origin, less the profile (TURNS,) in their direction."""
    return np.hypot(points[..., 0], points[..., 1]) - profile[_direction(points)]


def mirror(profile: np.ndarray) -> np.ndarray:
    """Profiles (count, TURNS) of the shapes mirrored left to right."""
    return np.roll(profile[:, ::-1], TURNS // 2, axis=1)


def likeness(a: np.ndarray, b: np.ndarray, *, turned: bool) -> np.ndarray:
    """Intersection over union of the areas within two profiles.

    Parameters
    ----------
    a, b : ndarray, shape (count, TURNS)
    turned : bool
        The largest of all turns of `b`.

    Returns
    -------
    ndarray, shape (count of a, count of b)
    """
    a, b = (profile**2 for profile in (a, b))
    total = a.sum(axis=1)[:, None] + b.sum(axis=1)
    # Each second turn: 5.6 degrees.
    turns = (np.arange(TURNS) + np.arange(0, TURNS if turned else 1, 2)[:, None]) % TURNS
    shared = np.minimum(a[:, None, None], b[:, turns]).sum(axis=3).max(axis=2)
    return shared / (total - shared)


def _direction(points: np.ndarray) -> np.ndarray:
    angle = np.arctan2(points[..., 1], points[..., 0])
    return np.floor(angle * (TURNS / (2 * np.pi))).astype(int) % TURNS


def _cross(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return a[..., 0] * b[..., 1] - a[..., 1] * b[..., 0]
