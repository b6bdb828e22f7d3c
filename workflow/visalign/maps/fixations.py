"""Maps of where people look: their fixations, each smoothed by a Gaussian.

The map of a person is the sum over fixations of Gaussians of one SD, about one degree of visual angle as a
rule: the acuity of the fovea and the error of eye trackers (Le Meur and Baccino 2013, Behavior Research
Methods 45, 251-266). The map of an image is the mean of its people's. By default each fixation counts 1, as
in the MIT saliency benchmark (Judd, Durand, Torralba 2012, MIT-CSAIL-TR-2012-001); ``weighting: duration``
counts how long it took.

A map is computed on 64 × 64 cells, whatever the size of its image, without a picture of its pixels in
between: the value of a cell is the mean of the Gaussians over it, in closed form. As in
``scipy.ndimage.gaussian_filter(mode="constant")`` a Gaussian ends at four SDs, beyond which all places are
alike, and what falls outside the image is lost: nothing is normalised again at the border, so a fixation on
the border counts half. Details finer than a cell are not there.

Positions are continuous, in pixels from the upper left corner: the image is 0 ≤ x < width, 0 ≤ y < height.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
from scipy.special import ndtr

from visalign.errors import InputError
from visalign.maps import processing
from visalign.maps.files import show
from visalign.maps.fixation_files import Trial, read

#: A Gaussian ends at so many SDs, as SciPy's do.
TRUNCATE = 4.0
#: If a larger share of the fixations lies outside, they are no pixels of the images.
MOST_OUTSIDE = 0.1
#: The least SD, in cells of the map: a smaller one is likely in another unit.
LEAST_SIGMA = 0.5

#: Height and width in pixels.
Size = tuple[int, int]


@dataclass(frozen=True, kw_only=True)
class Settings:
    """How fixations become maps, as columns of the sheet say it.

    Attributes
    ----------
    sigma : float
        SD of the Gaussian, in pixels as shown; in degrees of visual angle with `pixels_per_degree`.
    pixels_per_degree : float, optional
        Of the image as it was shown.
    weighting : {'count', 'duration'}
        Whether each fixation counts 1 or its duration.
    first_fixation : bool
        Whether the first fixation of each person on each image counts. Where people had to look at the centre
        before the image came, and the file has that fixation, it says nothing of the image (Judd and others
        2009 leave it out).
    screen, shown : str, optional
        "WIDTHxHEIGHT" in pixels: of the screen in which positions are given, with the image in its middle;
        and of the image on it. By default positions are those of the image file.
    """

    sigma: float
    pixels_per_degree: float | None = None
    weighting: Literal["count", "duration"] = "count"
    first_fixation: bool = True
    screen: str | None = None
    shown: str | None = None

    @classmethod
    def of(cls, columns: Mapping[str, Any]) -> Settings:
        """Return the settings of a row of the sheet; empty columns take their defaults."""
        names = cls.__dataclass_fields__
        return cls(**{name: columns[name] for name in names if columns.get(name) is not None})

    @property
    def sigma_shown(self) -> float:
        """SD in pixels as shown."""
        return self.sigma * (self.pixels_per_degree or 1)


class Frame(NamedTuple):
    """Where an image lies among positions: its upper left corner and its size as shown, (2,), x first."""

    corner: np.ndarray
    shown: np.ndarray

    def scale(self, size: Size) -> np.ndarray:
        """Pixels of the image file, whose height and width are `size`, per pixel shown, (2,), x first."""
        return np.array(size[::-1]) / self.shown


class Person(NamedTuple):
    """Fixations of a person on an image: positions (n, 2) in its pixels, and weights (n,)."""

    xy: np.ndarray
    weights: np.ndarray


@dataclass(frozen=True)
class Seen:
    """What people looked at in an image.

    Attributes
    ----------
    people : list of Person
        Those who have a fixation on it; at least one.
    size : (int, int)
        Height and width of the image.
    sigma : ndarray, shape (2,)
        SD along x and y, in its pixels.
    """

    people: list[Person]
    size: Size
    sigma: np.ndarray

    def maps(self) -> np.ndarray:
        """Map of each person, float64 (n_people, 64, 64), in fixations (or durations) per pixel."""
        return np.array([smoothed(person, self.size, self.sigma) for person in self.people])


@dataclass(frozen=True)
class Fixations:
    """Fixations as they are used, image by image, in the order of the stimulus set."""

    by_image: dict[str, Seen]

    def participants(self, processed: bool = True) -> Iterator[tuple[str, np.ndarray]]:
        """Each image, and the maps of its people, float32 (n_people, 64 · 64): they have no other form."""
        for image, seen in self.by_image.items():
            yield image, seen.maps().reshape(len(seen.people), -1).astype(np.float32)

    def mean_map(self, image: str) -> np.ndarray:
        """Mean map of an image's people, float32 (64, 64)."""
        return self.by_image[image].maps().mean(axis=0).astype(np.float32)


# --- maps ---


def smoothed(person: Person, size: Size, sigma: np.ndarray) -> np.ndarray:
    """Sum of Gaussians at the fixations of a person: mean over each of 64 × 64 cells, per pixel.

    Parameters
    ----------
    person : Person
    size : (int, int)
        Height and width of the image.
    sigma : ndarray, shape (2,)
        SD along x and y, in pixels.

    Returns
    -------
    ndarray of float64, shape (64, 64)
        Exactly 0 beyond `TRUNCATE` SDs along x or y of every fixation.
    """
    height, width = size
    columns = cell_means(person.xy[:, 0], width, float(sigma[0]))
    rows = cell_means(person.xy[:, 1], height, float(sigma[1]))
    return rows.T @ (person.weights[:, None] * columns)


def cell_means(positions: np.ndarray, length: int, sigma: float) -> np.ndarray:
    """Mean over each cell of a line of Gaussians of integral 1, which end at `TRUNCATE` SDs.

    Parameters
    ----------
    positions : ndarray, shape (n,)
        In pixels from the start of the line.
    length : int
        Of the line, in pixels; it has 64 cells.
    sigma : float
        In pixels.

    Returns
    -------
    ndarray, shape (n, 64)
        Per pixel. What lies before or behind the line is lost.
    """
    edges = np.linspace(0, length, processing.SIZE + 1)
    z = np.clip((edges - positions[:, None]) / sigma, -TRUNCATE, TRUNCATE)
    whole = ndtr(TRUNCATE) - ndtr(-TRUNCATE)
    return np.diff(ndtr(z), axis=1) / whole * processing.SIZE / length


# --- which fixations count, and where ---


def fixations_of(
    path: str | Path, sizes: Mapping[str, Size], settings: Settings
) -> tuple[Fixations, dict[str, int]]:
    """Read the fixations of a file on the images of a stimulus set; see `place`."""
    return place(read(path), sizes, settings, path)


def place(
    trials: Sequence[Trial], sizes: Mapping[str, Size], settings: Settings, where: str | Path
) -> tuple[Fixations, dict[str, int]]:
    """Bring fixations to the pixels of their images, and leave out those that are not on them.

    Parameters
    ----------
    trials : sequence of Trial
    sizes : dict of str to (int, int)
        Height and width of each image of the stimulus set, by its id.
    settings : Settings
    where : str or Path
        File that errors name.

    Returns
    -------
    fixations : Fixations
    counts : dict
        ``trials``, of a person on an image; of these ``unlisted``, on images that the set lacks, and how many
        ``images_unlisted``; of the rest the ``fixations``, and those left out: ``first_fixations``,
        ``no_position``, ``fixations_outside`` the image; ``trials_without_fixations``, on which none is left;
        ``images_without_fixations``; what is kept: ``fixations_kept``, ``images_kept``.

    Raises
    ------
    InputError
        None of the images is in the set, or has a fixation on it; positions that are no pixels; an unknown
        duration that should weight; an SD that does not suit the images; another shape than shown.
    """
    named = check_images(trials, sizes, where)
    listed = [trial for trial in trials if trial.image in sizes]
    frames = {image: frame(image, sizes[image], settings, where) for image in {t.image for t in listed}}
    left_out = dict.fromkeys(("first_fixations", "no_position", "fixations_outside"), 0)
    people: dict[str, list[Person]] = {}
    for trial in listed:
        person, dropped = person_of(trial, frames[trial.image], sizes[trial.image], settings, where)
        left_out = {name: left_out[name] + dropped[name] for name in left_out}
        if len(person.xy):
            people.setdefault(trial.image, []).append(person)
    check_pixels(listed, left_out["fixations_outside"], where)
    if not people:
        raise InputError(f"{where}: x, y: no fixation is left on an image ({left_out})")
    seen = {
        image: Seen(people[image], size, settings.sigma_shown * frames[image].scale(size))
        for image, size in sizes.items()
        if image in people
    }
    kept = [person for own in people.values() for person in own]
    return Fixations(seen), {
        "trials": len(trials),
        "unlisted": len(trials) - len(listed),
        "images_unlisted": sum(image not in sizes for image in named),
        "fixations": sum(len(trial.xy) for trial in listed),
        **left_out,
        "trials_without_fixations": len(listed) - len(kept),
        "images_without_fixations": len(sizes) - len(seen),
        "fixations_kept": sum(len(person.xy) for person in kept),
        "images_kept": len(seen),
    }


def check_images(trials: Sequence[Trial], images: Collection[str], where: str | Path) -> list[str]:
    """Names of the images of trials; InputError where none is one of the `images` of the stimulus set."""
    named = list(dict.fromkeys(trial.image for trial in trials))
    if not set(named) & set(images):
        raise InputError(
            f"{where}: image: none of its {len(named)} images ({show(named)}) is one of the {len(images)} of "
            f"the stimulus set ({show(images)})"
        )
    return named


def person_of(
    trial: Trial, frame: Frame, size: Size, settings: Settings, where: str | Path
) -> tuple[Person, dict[str, int]]:
    """Return the fixations of a trial on its image, and how many of the others were left out, by reason."""
    used = np.ones(len(trial.xy), dtype=bool)
    used[: 0 if settings.first_fixation else 1] = False
    placed = used & ~np.isnan(trial.xy).any(axis=1)
    xy = (trial.xy - frame.corner) * frame.scale(size)
    kept = placed & np.all((xy >= 0) & (xy < np.array(size[::-1])), axis=1)
    counts = {
        "first_fixations": int((~used).sum()),
        "no_position": int((used & ~placed).sum()),
        "fixations_outside": int((placed & ~kept).sum()),
    }
    weights = np.ones(len(xy))
    if settings.weighting == "duration":
        weights, unknown = trial.duration, kept & np.isnan(trial.duration)
        if unknown.any():
            raise InputError(
                f"{where}: duration: none of fixation {int(unknown.argmax()) + 1} of person {trial.person!r} "
                f"on {trial.image!r}, and weighting is by duration"
            )
    return Person(xy[kept], weights[kept]), counts


def frame(image: str, size: Size, settings: Settings, where: str | Path) -> Frame:
    """Where an image of height and width `size` lay among positions; checks that the SD suits it."""
    height, width = size
    shown = np.array(sides(settings.shown, "shown") if settings.shown else (width, height))
    if abs(int(shown[1]) * width - int(shown[0]) * height) > max(int(shown.max()), height, width):
        raise InputError(
            f"{where}: shown: {settings.shown}, but {image!r} has another shape, {width}x{height}"
        )
    screen = np.array(sides(settings.screen, "screen")) if settings.screen else shown
    if (screen < shown).any():
        raise InputError(
            f"{where}: screen: {settings.screen} is smaller than {image!r} as shown, {shown[0]}x{shown[1]}: "
            "give the size at which it was shown"
        )
    cell = shown.max() / processing.SIZE
    if settings.sigma_shown < LEAST_SIGMA * cell or settings.sigma_shown > shown.max():
        advice = "" if settings.pixels_per_degree else "; with pixels_per_degree it is in degrees"
        raise InputError(
            f"{where}: sigma: {settings.sigma_shown:g} pixels, but a cell of the map of {image!r} has "
            f"{cell:g} and the image {shown.max()} (at least {LEAST_SIGMA:g} cells{advice})"
        )
    return Frame((screen - shown) / 2, shown)


def sides(text: str, column: str) -> tuple[int, int]:
    """Width and height of "WIDTHxHEIGHT"."""
    width, _, height = text.partition("x")
    if not (width.isdecimal() and height.isdecimal() and int(width) and int(height)):
        raise InputError(f"{column}: {text!r} is not WIDTHxHEIGHT in pixels, such as 1280x1024")
    return int(width), int(height)


def check_pixels(trials: Sequence[Trial], outside: int, where: str | Path) -> None:
    """Raise InputError where positions are no pixels of the images, outside which `outside` fixations lie.

    Such are positions that all lie within 0 … 1 and are not whole numbers, and those more than a tenth of
    which lie outside.
    """
    xy = np.concatenate([trial.xy for trial in trials])
    xy = xy[~np.isnan(xy).any(axis=1)]
    if not len(xy):
        return
    low, high = xy.min(axis=0), xy.max(axis=0)
    span = f"x from {low[0]:g} to {high[0]:g}, y from {low[1]:g} to {high[1]:g}"
    if low.min() >= 0 and high.max() <= 1 and (xy != np.rint(xy)).any():
        raise InputError(f"{where}: x, y: {span} are shares of the image: positions are in pixels")
    if outside > MOST_OUTSIDE * len(xy):
        raise InputError(
            f"{where}: x, y: {outside} of {len(xy)} fixations lie outside their image ({span}): they are in "
            "pixels of the image; columns screen and shown say where it lay on a screen"
        )
