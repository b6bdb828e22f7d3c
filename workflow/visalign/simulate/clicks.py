"""Simulated clicks of people: where a teacher is salient, at the centre, and on spots of their own."""

from __future__ import annotations

from typing import NamedTuple, TypedDict

import numpy as np
from PIL import Image
from scipy.ndimage import gaussian_filter

from visalign.maps import clicks as click_logs
from visalign.maps import processing
from visalign.stats.correlations import ranks
from visalign.stimuli.transforms import Transform

#: Side of the images and maps of ClickMe, in pixels.
SIDE = 256
#: Standard deviations in pixels: of the blur of the saliency, and of the Gaussians of the centre bias and of
#: a participant's own spot.
SMOOTHING, CENTRE, SPOT = SIDE / 100, SIDE / 5, SIDE / 8


class Crowd(NamedTuple):
    """Who clicks: `participants` per image, a mean of `clicks` each, and the weight of own spots."""

    participants: int
    clicks: int
    idiosyncrasy: float


class ClickLog(TypedDict):
    """Columns of a click log, an entry per participant and image; see `maps.clicks.write_log`."""

    file_pointer: list[str]
    clicks: list[np.ndarray]
    user_id: list[str]
    user_catch_trial: list[float]
    is_mobile: list[bool]


def on_canvas(saliency: np.ndarray, height: int, width: int, transform: Transform) -> np.ndarray:
    """Put a saliency map of a cropped image back where the crop was, on a SIDE × SIDE map.

    Parameters
    ----------
    saliency : ndarray, shape (crop_height, crop_width)
    height, width : int
        Size of the original image, all of which the map shows.
    """
    resized = transform.resized_size(height, width)
    left, upper, right, lower = transform.crop_box(*resized)
    canvas = np.zeros(resized, np.float32)
    rows = slice(max(upper, 0), min(lower, resized[0]))  # without the padding
    columns = slice(max(left, 0), min(right, resized[1]))
    canvas[rows, columns] = saliency[
        rows.start - upper : rows.stop - upper, columns.start - left : columns.stop - left
    ]
    return np.asarray(Image.fromarray(canvas).resize((SIDE, SIDE), Image.Resampling.BILINEAR))


def normalised(density: np.ndarray) -> np.ndarray:
    """Scale a nonnegative map to sum 1."""
    return density / density.sum()


def gaussian(row: float, column: float, sigma: float) -> np.ndarray:
    """Gaussian spot around a pixel, (SIDE, SIDE), of sum 1."""
    rows, columns = (np.exp(-((np.arange(SIDE) - at) ** 2) / (2 * sigma**2)) for at in (row, column))
    return normalised(np.outer(rows, columns))


def shared_density(saliency: np.ndarray, teacher_weight: float, sharpness: float) -> np.ndarray:
    """Where people click: a power of the smoothed saliency mixed with centre bias.

    The power counters how flat gradients are once people's clicks are blurred: without it the maps of all
    images look alike, and other images' maps agree with people nearly as well as people themselves.

    Parameters
    ----------
    saliency : ndarray, shape (SIDE, SIDE)
        Nonnegative.

    Returns
    -------
    ndarray, shape (SIDE, SIDE)
        Sums to 1.
    """
    smooth = gaussian_filter(saliency.astype(np.float64), SMOOTHING)
    salient = normalised(smooth**sharpness)
    centre = gaussian((SIDE - 1) / 2, (SIDE - 1) / 2, CENTRE)
    return teacher_weight * salient + (1 - teacher_weight) * centre


def participant_clicks(
    density: np.ndarray, idiosyncrasy: float, mean_clicks: int, rng: np.random.Generator
) -> np.ndarray:
    """Clicks (k, 2) as x, y pixels of one participant: the shared density and an own spot anywhere."""
    row, column = rng.uniform(size=2) * SIDE
    own = gaussian(row, column, SPOT)
    mixture = (1 - idiosyncrasy) * density + idiosyncrasy * own
    count = 2 + rng.poisson(max(mean_clicks - 2, 0))
    flat = rng.choice(mixture.size, size=count, p=mixture.ravel() / mixture.sum())
    return np.stack([flat % SIDE, flat // SIDE], axis=1).astype(np.float32)


def click_log(
    densities: list[np.ndarray], names: list[str], crowd: Crowd, rng: np.random.Generator
) -> ClickLog:
    """Simulate a click log, with some entries of the kinds that the reader must filter.

    Besides `participants` good participants per image there are one inattentive participant,
    one on a mobile device and one who repeats an image.
    """
    log = ClickLog(file_pointer=[], clicks=[], user_id=[], user_catch_trial=[], is_mobile=[])

    def add(name: str, clicks: np.ndarray, user: str, catch: float, mobile: bool) -> None:
        log["file_pointer"].append(name)
        log["clicks"].append(clicks)
        log["user_id"].append(user)
        log["user_catch_trial"].append(catch)
        log["is_mobile"].append(mobile)

    uniform = np.full((SIDE, SIDE), 1 / SIDE**2)
    for name, density in zip(names, densities, strict=True):
        for index in range(crowd.participants):
            clicks = participant_clicks(density, crowd.idiosyncrasy, crowd.clicks, rng)
            add(name, clicks, f"participant-{index:03d}", 1.0, False)
        for user, catch, mobile in (
            ("inattentive", 0.5, False),
            ("mobile", 1.0, True),
            ("participant-000", 1.0, False),
        ):
            add(name, participant_clicks(uniform, crowd.idiosyncrasy, crowd.clicks, rng), user, catch, mobile)
    return log


def planted_reliability(
    densities: list[np.ndarray], crowd: Crowd, seed: int, draws: int = 8
) -> tuple[float, float | None]:
    """Expected Spearman ρ between maps of two fresh groups of half the participants: ceiling and floor.

    Drawn anew from the planted densities, independently of the log: what the ceiling and floor of a log's
    participants estimate.

    Returns
    -------
    ceiling, floor : float
        Groups that saw the same image, and groups that saw different images (None with one image).
    """
    rng = np.random.default_rng([seed, 1])
    n, half = len(densities), crowd.participants // 2
    rho = np.zeros((n, n))
    for _ in range(draws):
        first, second = (processed_maps(densities, half, crowd, rng) for _group in range(2))
        rho += np.corrcoef(ranks(first), ranks(second))[:n, n:] / draws
    floor = float(rho[~np.eye(n, dtype=bool)].mean()) if n > 1 else None
    return float(np.diag(rho).mean()), floor


def processed_maps(
    densities: list[np.ndarray], participants: int, crowd: Crowd, rng: np.random.Generator
) -> np.ndarray:
    """Processed map of a new group of participants on each image, (n_images, n_pixels)."""
    maps = []
    for density in densities:
        group = [
            participant_clicks(density, crowd.idiosyncrasy, crowd.clicks, rng) for _ in range(participants)
        ]
        maps.append(click_logs.group_map(group))
    return processing.process(np.stack(maps)).reshape(len(maps), -1)
