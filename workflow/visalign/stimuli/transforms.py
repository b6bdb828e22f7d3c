"""Geometry of an evaluation transform: resize, then centre crop (or pad), on uint8 pixels.

A `Transform` says everything that happens to an image before normalisation, so models that
share one share their preprocessed stimuli. It equals timm's evaluation transform pixel for pixel,
without importing torch. Brain-Score's "resize to s×s" is ``squash`` with a crop fraction of 1.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import TypedDict

import numpy as np
from PIL import Image

from visalign.errors import InputError

INTERPOLATIONS = {
    "nearest": Image.Resampling.NEAREST,
    "bilinear": Image.Resampling.BILINEAR,
    "bicubic": Image.Resampling.BICUBIC,
    "lanczos": Image.Resampling.LANCZOS,
}
#: As in the schema of the model sheet; more is a mistake, such as a percentage.
MAX_CROP_PCT = 2
CROP_MODES = ("center", "squash", "border")
KEY = re.compile(r"(\d+)x(\d+)-(center|squash|border)-([0-9.]+)-([a-z]+)(?:-fill([0-9.]+))?")


class Normalisation(TypedDict):
    """Mean and standard deviation per channel by which pixels in [0, 1] are normalised."""

    mean: list[float]
    std: list[float]


class DataConfig(Normalisation):
    """What input a network takes, as timm resolves it."""

    input_size: list[int]  # channels, height, width
    interpolation: str
    crop_pct: float
    crop_mode: str


@dataclass(frozen=True)
class Transform:
    """Resize and crop to `height` × `width` pixels.

    Parameters
    ----------
    height, width : int
        Size of the result in pixels.
    crop_mode : {'center', 'squash', 'border'}
        Scale the short edge and crop; scale both edges and crop; scale the long edge and pad.
    crop_pct : float
        Fraction of the resized image's edge that the crop keeps; above 1 (1.15 in timm's largest VOLO) the
        image is scaled below the result's size, and padded.
    interpolation : {'nearest', 'bilinear', 'bicubic', 'lanczos'}
    fill : tuple of int
        Padding colour of ``border``; the other modes pad with black.
    """

    height: int
    width: int
    crop_mode: str = "center"
    crop_pct: float = 0.875
    interpolation: str = "bicubic"
    fill: tuple[int, int, int] = (0, 0, 0)

    def __post_init__(self) -> None:
        if self.crop_mode not in CROP_MODES:
            raise InputError(f"crop_mode: {self.crop_mode!r} is not one of {', '.join(CROP_MODES)}")
        if self.interpolation not in INTERPOLATIONS:
            raise InputError(
                f"interpolation: {self.interpolation!r} is not one of {', '.join(INTERPOLATIONS)}"
            )
        if not 0 < self.crop_pct <= MAX_CROP_PCT:
            raise InputError(f"crop_pct: {self.crop_pct} is not in (0, {MAX_CROP_PCT}]")

    @property
    def key(self) -> str:
        """Name of the transform in file paths; `from_key` reverses it."""
        crop_pct = repr(self.crop_pct).removesuffix(".0")  # every digit: the crop is floored to a pixel
        key = f"{self.height}x{self.width}-{self.crop_mode}-{crop_pct}-{self.interpolation}"
        return key + ("-fill" + ".".join(map(str, self.fill)) if self.crop_mode == "border" else "")

    @classmethod
    def of_model(cls, data_config: DataConfig, squash: bool = False) -> Transform:
        """Return timm's evaluation transform of a data config, or with `squash` a resize to its size."""
        _, height, width = data_config["input_size"]
        if squash:
            return cls(height, width, "squash", 1.0, "bilinear")
        mode, fill = data_config["crop_mode"], (0, 0, 0)
        if mode == "border":
            red, green, blue = (round(255 * value) for value in data_config["mean"])
            fill = (red, green, blue)
        return cls(height, width, mode, data_config["crop_pct"], data_config["interpolation"], fill)

    @classmethod
    def from_key(cls, key: str) -> Transform:
        """Return the transform of a key."""
        match = KEY.fullmatch(key)
        if not match:
            raise InputError(
                f"transform: {key!r} is not of the form HEIGHTxWIDTH-MODE-CROP_PCT-INTERPOLATION"
            )
        height, width, mode, crop_pct, interpolation, fill = match.groups()
        colour = tuple(int(v) for v in fill.split(".")) if fill else (0, 0, 0)
        return cls(int(height), int(width), mode, float(crop_pct), interpolation, colour)  # type: ignore[arg-type]

    def resized_size(self, height: int, width: int) -> tuple[int, int]:
        """Size (height, width) to which an image is scaled before the crop."""
        target_h = math.floor(self.height / self.crop_pct)
        target_w = math.floor(self.width / self.crop_pct)
        if self.crop_mode == "squash":
            return target_h, target_w
        if self.crop_mode == "center" and target_h == target_w:  # torchvision's Resize(int)
            if height <= width:
                return target_h, int(target_h * width / height)
            return int(target_h * height / width), target_h
        ratios = height / target_h, width / target_w
        ratio = max(ratios) if self.crop_mode == "border" else min(ratios)
        return round(height / ratio), round(width / ratio)

    def crop_box(self, height: int, width: int) -> tuple[int, int, int, int]:
        """Crop (left, upper, right, lower) in a resized image; may reach beyond it (padding)."""

        def start(size: int, crop: int) -> int:
            if crop > size:
                return -((crop - size) // 2)
            return round((size - crop) / 2.0)

        left, upper = start(width, self.width), start(height, self.height)
        return left, upper, left + self.width, upper + self.height

    def apply(self, image: Image.Image) -> np.ndarray:
        """Transform an image.

        Returns
        -------
        ndarray of uint8, shape (3, height, width)
        """
        image = image.convert("RGB")
        height, width = self.resized_size(image.height, image.width)
        if (width, height) != image.size:
            image = image.resize((width, height), INTERPOLATIONS[self.interpolation])
        left, upper, right, lower = self.crop_box(height, width)
        inside = max(left, 0), max(upper, 0), min(right, width), min(lower, height)
        cropped = image.crop(inside)
        if cropped.size != (self.width, self.height):
            fill = self.fill if self.crop_mode == "border" else (0, 0, 0)
            canvas = Image.new("RGB", (self.width, self.height), fill)
            canvas.paste(cropped, (max(-left, 0), max(-upper, 0)))
            cropped = canvas
        return np.asarray(cropped).transpose(2, 0, 1)
