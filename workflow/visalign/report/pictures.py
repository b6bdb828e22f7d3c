"""Pictures of where a model looks: each is declared here once, with the stage that leaves it."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict, cast

import numpy as np
import zarr
from PIL import Image, ImageOps

from visalign.io import stores, tables
from visalign.measures import wording

#: Width of a picture in pixels.
WIDTH = 128
#: Width of a figure in pixels, and how many colours it keeps.
SCREEN, COLOURS = 1440, 128
#: Map colours of least, middle and most importance: dark to light, so that they read without hue too.
DARK, MIDDLE, LIGHT = "#000004", "#b63679", "#fcfdbf"
#: Values above this quantile of a map, or of a perturbation's sizes, look alike: few are far beyond.
QUANTILE = 0.99
#: The saliency that is compared with people's maps.
SALIENCY = "max_abs_gradient"


def thumbnail(image: Image.Image, resampling: Image.Resampling = Image.Resampling.LANCZOS) -> str:
    """Return an image as a small JPEG in a data address."""
    height = round(WIDTH * image.height / image.width)
    buffer = io.BytesIO()
    image.resize((WIDTH, height), resampling).save(buffer, "JPEG", quality=80, subsampling=0)
    return "data:image/jpeg;base64," + base64.b64encode(buffer.getvalue()).decode()


def drawing(path: Path) -> str:
    """Return a figure as a small PNG in a data address, as wide as a screen."""
    with Image.open(path) as image:
        height = round(SCREEN * image.height / image.width)
        smaller = image.convert("RGB").resize((SCREEN, height), Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    smaller.quantize(COLOURS, dither=Image.Dither.NONE).save(buffer, "PNG", optimize=True)
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()


def heat(importance: np.ndarray) -> Image.Image:
    """Colour a map (height, width) from its smallest value, dark, to its ``QUANTILE``, light."""
    low, high = float(importance.min()), float(np.quantile(importance, QUANTILE))
    shade = np.clip((importance - low) / ((high - low) or 1.0), 0, 1)
    return ImageOps.colorize(Image.fromarray((255 * shade).astype(np.uint8)), DARK, LIGHT, MIDDLE)


def signed(delta: np.ndarray) -> tuple[Image.Image, float]:
    """Colour a perturbation (3, height, width), each channel in its own colour, around mid-grey for zero.

    Returns
    -------
    (picture, end) : Image, float
        A channel is at its brightest from `end`, the ``QUANTILE`` of |δ|, and at its darkest from −`end`.
    """
    end = float(np.quantile(np.abs(delta), QUANTILE))
    shade = 128 + 127 * np.clip(delta / (end or 1.0), -1, 1)
    return Image.fromarray(np.moveaxis(shade.round().astype(np.uint8), 0, -1)), end


class ImageRow(TypedDict, total=False):
    """What pictures say of a row of a per-image table."""

    rho: float  # NaN where there is none
    floor: float
    reason: str  # why
    success: bool  # of an attack
    norm: float
    adversarial_label: str | int


def per_image(path: Path) -> dict[str, ImageRow]:
    """Return stimulus_id -> row of a per-image table; nothing where there is no such file."""
    if not path.exists():
        return {}
    table = tables.read_table(path, required=("stimulus_id",), dtype={"stimulus_id": str})
    return {row["stimulus_id"]: cast("ImageRow", row) for row in table.to_dict("records")}


def compared(row: ImageRow) -> str:
    """Say how a map of one image compares with people's: ρ and floor, or why not."""
    if not row or row["rho"] != row["rho"]:
        return str(row.get("reason", ""))
    return f"ρ {wording.decimal(row['rho'])}, floor {wording.decimal(row['floor'])}"


def perturbed(row: ImageRow) -> str:
    """Say how large a perturbation is and what the model then names, and how its place compares."""
    if not row.get("success"):
        return compared(row)
    return f"norm {row['norm']:.2g}, named class {row['adversarial_label']}; {compared(row)}"


def saliency_picture(store: zarr.Group, row: int) -> tuple[str, str]:
    """Return data address and remark of the picture of saliency of a row of its store."""
    return thumbnail(heat(np.asarray(stores.array(store, SALIENCY)[row]))), ""


def perturbation_picture(store: zarr.Group, row: int) -> tuple[str, str]:
    """Return data address and remark of the picture of a perturbation of a row of its store."""
    image, end = signed(np.asarray(stores.array(store, "delta")[row], dtype=np.float32))
    # Not smoothed: neighbours of opposite sign would average to grey.
    return thumbnail(image, Image.Resampling.NEAREST), f"±{end:.2g}" if end else ""


@dataclass(frozen=True)
class Picture:
    """A picture of each stimulus that a stage leaves of a model.

    Attributes
    ----------
    stage : str
        ``results/STAGE/MODEL/STIMULI.zarr`` is the store.
    title : str
    draw : callable
        (store, row) -> data address, remark.
    said_by : str
        Measure whose ``results/MEASURE/MODEL/MAPS_images.csv`` has a row for each stimulus.
    say : callable
        Such a row -> text under the picture.
    chosen : bool
        Whether the store holds only some stimuli, chosen for all models: these are then shown.
    beside : tuple of str
        Ends of further files ``results/MEASURE/MODEL/MAPS…`` that the page links to.
    """

    stage: str
    title: str
    draw: Callable[[zarr.Group, int], tuple[str, str]]
    said_by: str
    say: Callable[[ImageRow], str]
    chosen: bool = False
    beside: tuple[str, ...] = ()


#: All pictures of a stimulus, in order.
PICTURES = (
    Picture("saliency", "saliency", saliency_picture, "clickme", compared, beside=("_gallery.png",)),
    Picture("attacks", "perturbation", perturbation_picture, "attacks", perturbed, chosen=True),
)
