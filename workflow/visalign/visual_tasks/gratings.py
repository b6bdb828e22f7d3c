"""Gratings in a disc, alone or with a grating of another orientation around them: for the tilt illusion.

An orientation is the angle of the stripes in degrees, against the clock from horizontal, in [0, 180).
Centre and surround meet without a gap, share a wavelength and have phases of their own (O'Toole and
Wenderoth 1977, Vision Research 17, 367–374; Linsley et al. 2020, ICLR). Gratings are cosines, so that their
mean is the grey of the ground.
"""

from __future__ import annotations

import numpy as np

from visalign.errors import InputError
from visalign.visual_tasks.drawn import Asked, Drawn, generator

#: Tasks: the orientation of a grating that is alone; that of the centre of two.
ALONE, CENTRE = "orientation", "tilt"
#: Surround less centre, in degrees. A surround at 90° is that at −90°.
DELTAS = (0, 10, -10, 20, -20, 30, -30, 45, -45, 60, -60, 75, -75, 90)
#: Orientations of the centre, in degrees, and phases that each has at most.
CENTRES, PHASES = tuple(22.5 * index for index in range(8)), 4
#: Images of all centres and deltas at one phase each.
ROUND = len(DELTAS) * len(CENTRES)
#: Radii of the centre and wavelengths in pixels at a side of 112; a surround has twice the radius.
RADII, WAVELENGTHS, SIDE = (18.0, 27.0), (9.0, 18.0), 112
#: Below this, wavelengths are too few pixels.
SMALLEST = 56


def alone(seed: int, index: int, side: int) -> Drawn:
    """Grating `index` of any orientation, radius, wavelength and phase, without a surround.

    Parameters
    ----------
    side : int
        In pixels; radii and wavelengths are in proportion.

    Returns
    -------
    Drawn
        Its label is the orientation.
    """
    _check(side)
    rng = generator(seed, ALONE, index)
    radius, wavelength = (side / SIDE * rng.uniform(*span) for span in (RADII, WAVELENGTHS))
    theta, phase = rng.uniform(0, 180), rng.uniform(0, 2 * np.pi)
    inner = disc(side, radius)
    image = inner * grating(side, theta, wavelength, phase)
    geometry: dict[str, object] = {"theta": theta, "radius": radius, "wavelength": wavelength, "phase": phase}
    parts = (inner >= 0.5).astype(np.uint8)
    return Drawn(
        image=_grey(image), parts=parts, asked=(Asked(ALONE, theta, theta=theta),), geometry=geometry
    )


def surrounded(seed: int, index: int, side: int, shift: float = 0.0) -> Drawn:
    """Grating `index` with another around it.

    Of each `ROUND` images, each centre meets each delta once; images of one centre and round are a cell, with
    the same radius, wavelength and phases.

    Parameters
    ----------
    index : int
        Less than ROUND · PHASES.
    shift : float
        Degrees by which all orientations are turned.

    Returns
    -------
    Drawn
        Its label is the orientation of the centre, its difficulty the delta, its group the cell.
    """
    _check(side)
    if not 0 <= index < ROUND * PHASES:
        raise InputError(f"count: image {index + 1} of centres with surrounds; there are {ROUND * PHASES}")
    cell, delta = index // len(DELTAS), DELTAS[index % len(DELTAS)]
    rng = generator(seed, CENTRE, cell)
    radius, wavelength = (side / SIDE * rng.uniform(*span) for span in (RADII, WAVELENGTHS))
    phase, other = rng.uniform(0, 2 * np.pi, 2)
    theta = (CENTRES[cell % len(CENTRES)] + shift) % 180
    around = (theta + delta) % 180
    inner, outer = disc(side, radius), disc(side, 2 * radius)
    image = inner * grating(side, theta, wavelength, phase)
    image += (outer - inner) * grating(side, around, wavelength, other)
    parts = np.where(inner >= 0.5, 1, np.where(outer >= 0.5, 2, 0)).astype(np.uint8)
    geometry: dict[str, object] = {"theta": theta, "surround": around, "delta": delta, "cell": cell}
    geometry |= {"radius": radius, "wavelength": wavelength, "phase": phase, "surround_phase": other}
    asked = (Asked(CENTRE, theta, str(delta), theta),)
    return Drawn(image=_grey(image), parts=parts, asked=asked, group=f"cell-{cell:02d}", geometry=geometry)


def grating(side: int, theta: float, wavelength: float, phase: float) -> np.ndarray:
    """Cosine grating (side, side) of −1 to 1 about the middle; theta in degrees, phase in radians."""
    x = np.arange(side) - (side - 1) / 2
    angle = np.deg2rad(theta)
    # Across the stripes, which run along (cos, −sin): y is down.
    across = x * np.sin(angle) + x[:, None] * np.cos(angle)
    return np.cos(2 * np.pi * across / wavelength + phase)


def disc(side: int, radius: float) -> np.ndarray:
    """How much of each pixel (side, side) a disc in the middle covers."""
    x = np.arange(side) - (side - 1) / 2
    return np.clip(radius + 0.5 - np.hypot(x, x[:, None]), 0, 1)


def _grey(image: np.ndarray) -> np.ndarray:
    # The ground is a whole number, so that rounding is the same on both sides of it.
    return np.rint(128 + 127 * image).astype(np.uint8)


def _check(side: int) -> None:
    if side < SMALLEST:
        raise InputError(f"size: {side}: stripes of a twelfth of it are too fine; at least {SMALLEST} pixels")
