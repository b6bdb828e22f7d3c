"""The numbers in a grey image or an array that is laid over an image, such as an importance map."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageOps

#: TIFF tag; 0: white is zero.
PHOTOMETRIC = 262


def grey(image: Image.Image) -> np.ndarray:
    """Pixels (height, width) of a grey image, upright as its EXIF data say, in as many bits as it has.

    Raises
    ------
    ValueError
        Several pages, transparent pixels, or colours: the luminance of a colour map is no importance.
    """
    if (pages := getattr(image, "n_frames", 1)) > 1:
        raise ValueError(f"{pages} pages, not one map: save the map alone")
    white_is_zero = getattr(image, "tag_v2", {}).get(PHOTOMETRIC) == 0  # which Pillow sees to in 8 bits
    image = ImageOps.exif_transpose(image)
    if image.mode[0] in "IF":  # more than 8 bits
        pixels = np.asarray(image)
        return -pixels.astype(np.float32) if white_is_zero else pixels
    pixels = np.asarray(image.convert("RGBA" if image.has_transparency_data else "RGB"))
    if (pixels[..., 3:] < 255).any():
        raise ValueError("transparent pixels: save the map without an alpha channel")
    difference = int(np.ptp(pixels[..., :3], axis=-1).max())
    if difference:
        raise ValueError(
            f"a colour image, not a grey one (channels differ by up to {difference} of 255): "
            "save one channel (Pillow: convert('L')) or the values as .npy"
        )
    return pixels[..., 0]


def as_heatmap(values: np.ndarray) -> np.ndarray:
    """Return an array as float32 (height, width); ValueError as of `one_channel`, and for what was NaN."""
    values = one_channel(values)
    if values.dtype.kind == "i" and values.itemsize > 2 and values.min() == np.iinfo(values.dtype).min:
        raise ValueError(f"{values.min()}, which is what NaN becomes as {values.dtype}: save it as float")
    with np.errstate(over="ignore"):  # becomes infinite, and is counted as such
        return values.astype(np.float32)


def one_channel(values: np.ndarray) -> np.ndarray:
    """Return an array (height, width), without the axis of its one channel, before or behind them.

    Raises
    ------
    ValueError
        Another shape, no pixel, or no numbers.
    """
    if values.dtype.kind not in "iufb":
        raise ValueError(f"{values.dtype} values, not numbers")
    if values.ndim == 3 and 1 in (values.shape[0], values.shape[2]):
        values = values[..., 0] if values.shape[2] == 1 else values[0]
    if values.ndim != 2 or not values.size:
        raise ValueError(f"{values.dtype} {values.shape}, not (height, width) numbers")
    return values
