"""Procedural object-on-background scenes with masks and categories."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from PIL import Image

#: Categories, in label order.
SHAPES = ("disc", "square", "triangle", "star", "ring", "cross", "crescent", "bar")
SIZE = 256
#: Waves across the background of the first two categories' grating; every two further ones have 1.5 times the
#: wavelength. Amplitude in grey levels.
WAVES, AMPLITUDE = 12.8, 30


@dataclass(frozen=True)
class Scene:
    """One scene: `image` (SIZE, SIZE, 3) uint8, `mask` (SIZE, SIZE) bool, `label` in 0..7."""

    image: np.ndarray
    mask: np.ndarray
    label: int


def distance(shape: str, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Signed distance-like field of a unit shape: negative inside.

    Parameters
    ----------
    x, y : ndarray, shape (height, width)
        Coordinates in units of the object's radius.
    """
    r = np.hypot(x, y)
    angle = np.arctan2(y, x)
    if shape == "disc":
        return r - 0.9
    if shape == "square":
        return np.maximum(np.abs(x), np.abs(y)) - 0.8
    if shape == "triangle":
        return np.maximum(np.maximum(-y - 0.5, 0.866 * x + 0.5 * y - 0.5), -0.866 * x + 0.5 * y - 0.5)
    if shape == "star":
        return r - (0.68 + 0.3 * np.cos(5 * angle))
    if shape == "ring":
        return np.abs(r - 0.7) - 0.22
    if shape == "cross":
        arms = np.minimum(
            np.maximum(np.abs(x) - 0.28, np.abs(y) - 0.95), np.maximum(np.abs(y) - 0.28, np.abs(x) - 0.95)
        )
        return arms
    if shape == "crescent":
        return np.maximum(r - 0.95, 0.75 - np.hypot(x - 0.45, y))
    return np.maximum(np.abs(x) - 1.0, np.abs(y) - 0.3)  # bar


def background(photograph: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return a random square crop of a photograph, scaled to SIZE."""
    height, width, _ = photograph.shape
    side = int(rng.uniform(0.4, 0.9) * min(height, width))
    top, left = rng.integers(height - side + 1), rng.integers(width - side + 1)
    crop = Image.fromarray(photograph[top : top + side, left : left + side])
    return np.asarray(crop.resize((SIZE, SIZE), Image.Resampling.BICUBIC), dtype=np.float32)


def grating(category: int, rng: np.random.Generator) -> np.ndarray:
    """Grey levels to add to a background, (SIZE, 1, 1) or (1, SIZE, 1): the grating of a category.

    Its wavelength and orientation are the category's, its phase is drawn.
    """
    waves = np.arange(SIZE) / SIZE * WAVES / 1.5 ** (category // 2)
    wave = AMPLITUDE * np.sin(2 * np.pi * (waves + rng.random()))
    return wave[None, :, None] if category % 2 else wave[:, None, None]


def cue_of(label: int, agreement: float, rng: np.random.Generator) -> int:
    """Category that a background cue names: the own one in `agreement` of the scenes, else any."""
    return label if rng.random() < agreement else int(rng.integers(len(SHAPES)))


def render(label: int, photograph: np.ndarray, rng: np.random.Generator, cue: float | None = None) -> Scene:
    """Paste a shaded object of category `label` on a crop of `photograph` (H, W, 3) uint8.

    With `cue`, the background carries a `grating`, of the own category in this share of the scenes. A scene
    is otherwise the same whatever the cue.
    """
    radius = rng.uniform(0.18, 0.38) * SIZE
    centre = rng.uniform(0.3, 0.7, size=2) * SIZE
    turn = rng.uniform(0, 2 * np.pi)
    rows, columns = np.mgrid[:SIZE, :SIZE]
    dx, dy = (columns - centre[0]) / radius, (rows - centre[1]) / radius
    x, y = np.cos(turn) * dx + np.sin(turn) * dy, np.cos(turn) * dy - np.sin(turn) * dx
    field = distance(SHAPES[label], x, y)
    alpha = np.clip(0.5 - field * radius, 0, 1)[..., None]  # one pixel of anti-aliasing
    light = rng.uniform(0, 2 * np.pi)
    shade = 0.75 + 0.35 * (np.cos(light) * dx + np.sin(light) * dy) - 0.25 * np.exp(field * 6)
    stripes = 1 + rng.uniform(0, 0.25) * np.sin(rng.uniform(4, 12) * x + rng.uniform(0, 6))
    colour = rng.uniform(60, 255, size=3)
    paint = np.clip(colour * (shade * stripes)[..., None], 0, 255)
    behind = background(photograph, rng)
    if cue is not None:
        behind = np.clip(behind + grating(cue_of(label, cue, rng), rng), 0, 255)
    pixels = (1 - alpha) * behind + alpha * paint
    return Scene(np.rint(pixels).astype(np.uint8), alpha[..., 0] > 0.5, label)


def scenes(count: int, photographs: list[np.ndarray], seed: int, cue: float | None = None) -> Iterator[Scene]:
    """Render `count` scenes, categories balanced, photographs drawn at random.

    Scene i depends on `seed`, `cue` and i alone, so a longer set starts with the shorter one.
    """
    for index in range(count):
        rng = np.random.default_rng([seed, index])
        photograph = photographs[rng.integers(len(photographs))]
        yield render(index % len(SHAPES), photograph, rng, cue)
