"""Preprocessed stimuli: images as they were listed, resized and cropped to what models see of them."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from tqdm import tqdm

from visalign.errors import InputError
from visalign.stimuli import images
from visalign.stimuli.transforms import Transform

if TYPE_CHECKING:
    import pandas as pd


def load(path: Path, sha256: str, transform: Transform, background: object = "") -> np.ndarray:
    """Read, check, decode (see `images.decode`) and transform one image; returns uint8 (3, height, width)."""
    if not path.exists():
        raise InputError(f"{path}: no such image")
    image = images.read(path, background, sha256).image
    height, width = transform.resized_size(image.height, image.width)
    if not 0 < height * width <= images.MAX_PIXELS:
        raise InputError(
            f"{path}: {image.height} × {image.width} pixels would be scaled to {height} × {width}: crop it"
        )
    return transform.apply(image)


def batches(
    table: pd.DataFrame, transform: Transform, rows: int, threads: int
) -> Iterator[tuple[slice, np.ndarray]]:
    """Yield the transformed images of a stimulus table, see `load`, so many at a time.

    Parameters
    ----------
    table : DataFrame
        ``path``, ``sha256`` and, where some are transparent, ``background`` of each image.
    rows : int
        Images of a batch.
    threads : int
        That decode.

    Yields
    ------
    rows : slice
        Of the table.
    pixels : ndarray of uint8, shape (n_rows, 3, height, width)
    """
    grounds = table["background"] if "background" in table else [""] * len(table)
    images_of = list(zip(map(Path, table["path"]), table["sha256"], grounds, strict=True))
    with (
        ThreadPoolExecutor(threads) as pool,
        tqdm(total=len(table), desc="preprocess", unit="image") as bar,
    ):
        for start in range(0, len(table), rows):
            batch = images_of[start : start + rows]
            loaded = pool.map(lambda image: load(image[0], image[1], transform, image[2]), batch)
            yield slice(start, start + len(batch)), np.stack(list(loaded))
            bar.update(len(batch))
