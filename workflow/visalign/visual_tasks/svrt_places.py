"""Where the shapes of the synthetic visual reasoning test go: apart, aligned, in contact, inside."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.spatial import cKDTree

from visalign.visual_tasks import svrt_shapes

#: Attempts at a part of a scene before the whole scene is drawn anew.
TRIES = 200
#: Where two shapes are compared, on a grid from -1 to 1, and the overlap above which they are too alike.
LINE, ALIKE = np.linspace(-1, 1, 24), 0.66
#: Points of a contour that are a pixel apart, about.
COARSE = 6
#: Length of every contour in times the radius of its annulus: equal ink, so that it tells nothing.
LENGTH = 5.6


class Crowded(Exception):
    """No room was found: the scene has to be drawn anew."""


@dataclass(frozen=True)
class Placed:
    """A contour in the image: points around its centre, and the centre, whole pixels."""

    points: np.ndarray
    centre: np.ndarray

    @property
    def there(self) -> np.ndarray:
        """Points in pixels of the image."""
        return self.points + self.centre


@dataclass(frozen=True)
class Canvas:
    """The image of a problem and its random numbers.

    Attributes
    ----------
    side : int
        In pixels.
    stroke : float
        Thickness of contours in pixels.
    rng : Generator
    """

    side: int
    stroke: float
    rng: np.random.Generator

    @property
    def unit(self) -> float:
        """Radius of a normal shape, a twelfth of the side."""
        return self.side / 12

    @property
    def gap(self) -> float:
        """Least distance between contours of shapes that are apart."""
        return self.stroke + 2

    def shape(self, size: float = 1, hole: float | None = None) -> np.ndarray:
        """Draw a contour around (0, 0), of a length that goes with its size.

        Parameters
        ----------
        size : float
            Radius, in units.
        hole : float, optional
            Radius of the hole of the annulus in units; 3/32 of the radius by default.
        """
        radius = size * self.unit
        inner = size * self.unit * 3 / 32 if hole is None else hole * self.unit
        points = svrt_shapes.contour(self.rng, radius, inner)
        points = points - points.mean(axis=0)
        scale = LENGTH * radius / svrt_shapes.length_of(points)
        return svrt_shapes.refined(points * scale)

    def shapes(self, count: int, size: float = 1, hole: float | None = None) -> list[np.ndarray]:
        """Draw contours no two of which are alike, however they are turned over."""
        found: list[np.ndarray] = []
        for _ in range(TRIES):
            drawn = self.shape(size, hole)
            flipped = drawn * [-1, 1]
            if alike(drawn, flipped) <= ALIKE and not any(
                max(alike(drawn, other), alike(flipped, other)) > ALIKE for other in found
            ):
                found.append(drawn)
            if len(found) == count:
                return found
        raise Crowded

    def anywhere(self, reach: float) -> np.ndarray:
        """Draw a centre whose shape lies within the image."""
        edge = reach + self.gap / 2
        if 2 * edge >= self.side - 1:
            raise Crowded
        return np.rint(self.rng.uniform(edge, self.side - 1 - edge, 2))

    def within(self, centre: np.ndarray, reach: float) -> bool:
        """Whether a shape at a centre lies within the image."""
        edge = reach + self.gap / 2
        return bool((centre >= edge).all() and (centre <= self.side - 1 - edge).all())

    def apart(
        self, reaches: Sequence[float], taken: Sequence[tuple[np.ndarray, float]] = ()
    ) -> list[np.ndarray]:
        """Draw centres of shapes that do not touch each other, nor what is there."""
        occupied = list(taken)
        for reach in reaches:
            for _ in range(TRIES):
                centre = self.anywhere(reach)
                if self.free(centre, reach, occupied):
                    occupied.append((centre, reach))
                    break
            else:
                raise Crowded
        return [centre for centre, _ in occupied[len(taken) :]]

    def free(self, centre: np.ndarray, reach: float, taken: Sequence[tuple[np.ndarray, float]]) -> bool:
        """Whether a shape at a centre is apart from what is there."""
        return all(np.hypot(*(centre - other)) >= reach + far + self.gap for other, far in taken)

    def all_free(self, centres: Sequence[np.ndarray], reaches: Sequence[float]) -> bool:
        """Whether shapes lie within the image and apart."""
        together = list(zip(centres, reaches, strict=True))
        return all(self.within(*one) for one in together) and all(
            self.free(*one, together[:position]) for position, one in enumerate(together)
        )

    def until(self, draw: Callable[[], list[np.ndarray] | None]) -> list[np.ndarray]:
        """Draw until there is something."""
        for _ in range(TRIES):
            if (found := draw()) is not None:
                return found
        raise Crowded

    def angle(self, low: float = 0, high: float = 360) -> float:
        """Draw an angle in radians between two in degrees."""
        return float(np.radians(self.rng.uniform(low, high)))


def reaches(shapes: Sequence[np.ndarray]) -> list[float]:
    """Reach of each shape from its centre."""
    return [svrt_shapes.reach_of(points) for points in shapes]


def common_reach(shapes: Sequence[np.ndarray]) -> float:
    """The largest reach: where any of the shapes fits, all do."""
    return max(reaches(shapes))


def direction(angle: float) -> np.ndarray:
    """Unit vector."""
    return np.array([np.cos(angle), np.sin(angle)])


def alike(a: np.ndarray, b: np.ndarray) -> float:
    """Overlap of two filled shapes around their means, over what they cover together."""
    extent = max(svrt_shapes.reach_of(a), svrt_shapes.reach_of(b))
    masks, cells = [], np.stack(np.meshgrid(LINE, LINE), axis=-1).reshape(-1, 2)
    for points in (a, b):
        masks.append(encloses(points[:: max(1, len(points) // 48)], cells * extent))
    return float((masks[0] & masks[1]).sum() / max((masks[0] | masks[1]).sum(), 1))


def distance(a: np.ndarray, b: np.ndarray) -> float:
    """Least distance between the points of two contours."""
    return float(cKDTree(a[::2]).query(b[::3], k=1)[0].min())


def holds(outer: np.ndarray, points: np.ndarray) -> bool:
    """Whether a contour lies in another, by every sixth point of each: about a pixel."""
    return bool(encloses(outer[::COARSE], points[::COARSE]).all())


def encloses(outer: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Whether points lie in a contour, (n,)."""
    ends = np.roll(outer, -1, axis=0)
    x, y = points[:, :1], points[:, 1:]
    crosses = (outer[:, 1] > y) != (ends[:, 1] > y)
    with np.errstate(divide="ignore", invalid="ignore"):
        at = outer[:, 0] + (y - outer[:, 1]) * (ends[:, 0] - outer[:, 0]) / (ends[:, 1] - outer[:, 1])
    return (crosses & (x < at)).sum(axis=1) % 2 == 1


def moved_until(
    fixed: np.ndarray, points: np.ndarray, start: np.ndarray, along: np.ndarray, to: float
) -> np.ndarray:
    """Centre at which a shape, moved from `start` along a direction, first comes as near to another as `to`.

    It is moved by what is still between them, which cannot be too far.
    """
    tree, few, centre = cKDTree(fixed), points[::2], start
    for _ in range(TRIES):
        between = float(tree.query(few + centre, k=1)[0].min()) - to
        if between <= 0.05:
            return centre
        centre = centre + between * along
    raise Crowded
