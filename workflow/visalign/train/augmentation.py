"""Images and their human maps for training: augmented together, so that they stay registered, and mixed.

A share of each batch has a human map, the other images have none (Fel et al. 2022: 20 % ClickMe, 80 %
ImageNet).
"""

from __future__ import annotations

import functools
import math

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from visalign.errors import InputError

#: Least area of a crop as a share of the image's, and range of its width over its height.
SMALLEST = 0.08
RATIO = (3 / 4, 4 / 3)
#: Draws before the central crop is taken: a long image has few crops in these ranges, or none.
ATTEMPTS = 10


def random_crop(
    height: int, width: int, rng: np.random.Generator, smallest: float = SMALLEST
) -> tuple[slice, slice]:
    """Draw rows and columns of a crop: area uniform in [`smallest`, 1], aspect ratio log-uniform in `RATIO`.

    The distribution of torchvision's ``RandomResizedCrop``. Where no draw fits into the image, the largest
    central crop with a ratio in `RATIO`.
    """
    for _ in range(ATTEMPTS):
        area = height * width * rng.uniform(smallest, 1)
        ratio = math.exp(rng.uniform(*np.log(RATIO)))
        rows, columns = round(math.sqrt(area / ratio)), round(math.sqrt(area * ratio))
        if 0 < rows <= height and 0 < columns <= width:
            top, left = int(rng.integers(height - rows + 1)), int(rng.integers(width - columns + 1))
            break
    else:
        rows, columns = min(height, round(width / RATIO[0])), min(width, round(height * RATIO[1]))
        top, left = (height - rows) // 2, (width - columns) // 2
    return slice(top, top + rows), slice(left, left + columns)


def augment(
    image: Tensor, human_map: Tensor | None, size: int, rng: np.random.Generator, smallest: float = SMALLEST
) -> tuple[Tensor, Tensor, bool]:
    """Crop, flip and resize an image and its map together, by one draw.

    Resizing is bilinear, with antialiasing where the crop is reduced.

    Parameters
    ----------
    image : Tensor of uint8 or float, shape (C, H, W)
    human_map : Tensor of float, shape (H, W), or None
        None where the image has no map.
    size : int
        Height and width of the result in pixels.
    rng : numpy.random.Generator
        Draws the crop (`random_crop`), and a flip in one of two cases.
    smallest : float
        Least area of the crop as a share of the image's.

    Returns
    -------
    image : Tensor of the image's type, shape (C, size, size)
    human_map : Tensor of float, shape (size, size)
        Zero where there was none.
    has_map : bool

    Raises
    ------
    InputError
        The map is not of the image's size.
    """
    has_map = human_map is not None
    if human_map is None:
        human_map = torch.zeros(image.shape[1:])
    elif human_map.shape != image.shape[1:]:
        sizes = f"{tuple(human_map.shape)} is not the image's {tuple(image.shape[1:])}"
        raise InputError(f"human_map: shape {sizes}; resize it first")
    height, width = image.shape[1:]
    rows, columns = random_crop(height, width, rng, smallest)
    crop = torch.cat([image, human_map[None]])[:, rows, columns]
    if rng.random() < 0.5:
        crop = crop.flip(-1)
    both = F.interpolate(crop[None], (size, size), mode="bilinear", antialias=True)[0]
    resized = both[:-1] if image.is_floating_point() else both[:-1].round()
    return resized.to(image.dtype), both[-1], has_map


def batch_indices(
    has_map: np.ndarray, batch_size: int, step: int, seed: int, share: float = 0.2
) -> np.ndarray:
    """Images of one batch, a given share of them with a human map.

    Images with a map, and those without, are each gone through in random order, anew in every pass. The batch
    depends on the arguments alone, so training resumes at any step.

    Parameters
    ----------
    has_map : ndarray of bool, shape (n_images,)
    batch_size : int
    step : int
        Number of the batch, from 0.
    seed : int
    share : float
        Share of each batch that has a map, in [0, 1], rounded to a whole number of images.

    Returns
    -------
    ndarray of int64, shape (batch_size,)
        Indices into `has_map`, those with a map first.

    Raises
    ------
    InputError
        `share` is out of range, or asks for images of which there are none.
    """
    if not 0 <= share <= 1:
        raise InputError(f"share: {share} is not in [0, 1]")
    n_mapped = round(share * batch_size)
    parts = []
    for mapped, count in ((True, n_mapped), (False, batch_size - n_mapped)):
        pool = np.flatnonzero(has_map == mapped)
        if count and not len(pool):
            kind = "with" if mapped else "without"
            raise InputError(f"share: {share} asks for images {kind} a map, but there are none")
        parts.append(pool[_shuffled_passes(len(pool), step * count, count, [seed, int(mapped)])])
    return np.concatenate(parts)


def _shuffled_passes(n: int, start: int, count: int, seed: list[int]) -> np.ndarray:
    """Elements `start` to `start + count` of endless random permutations of n, one after the other."""
    passes, positions = np.divmod(np.arange(start, start + count), n)
    orders = {k: _permutation(n, *seed, int(k)) for k in np.unique(passes)}
    return np.array([orders[k][position] for k, position in zip(passes, positions, strict=True)], np.int64)


@functools.lru_cache(maxsize=4)  # this pass and the next, with a map and without
def _permutation(n: int, *seed: int) -> np.ndarray:
    return np.random.default_rng(seed).permutation(n)
