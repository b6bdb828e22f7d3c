"""Image files: the one place that opens, checks and decodes them, to the RGB pixels that people saw.

=====================  =================================================================================
8 bits, no alpha       as Pillow's ``convert("RGB")``, so as timm: RGB, grey, palette, CMYK, black and white
EXIF orientation       applied, as viewers do; heights and widths are those after it
opaque alpha           dropped: it shows nothing
transparent pixels     composited on a declared colour; without one an error
16 bits                scaled by their range to 0 … 255; of colours Pillow keeps the high byte
32 bits, float         an error: no range is agreed on
colour profile         not applied, as timm does not
several frames         an error; of a camera's JPEG with previews (MPO) the first is the picture
=====================  =================================================================================
"""

from __future__ import annotations

import hashlib
import io
import re
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image, UnidentifiedImageError

from visalign.errors import InputError

#: Larger images are refused: Pillow's limit, beyond which a small file may be made to fill the memory.
MAX_PIXELS = 2**28 // 3
#: An array of floats whose brightest value lies between 1 and this is neither of 0 … 1 nor of 0 … 255:
#: divided by the standard deviations of ImageNet, pixels reach 4.5.
DARKEST = 8
#: What was done to an image beyond reading its bytes, in the order in which `Decoded.how` names it.
EXIF, ALPHA, SIXTEEN_BITS = "exif", "alpha", "16-bit"
_ORIENTATION = 274  # EXIF tag
_PHOTOMETRIC = 262  # TIFF tag; 0: white is zero
_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}

# Such an image is refused here; a filter that is set for one image only would not be safe in threads.
warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)


class Decoded(NamedTuple):
    """An image in mode RGB, upright, and what was done: '' or EXIF, ALPHA, SIXTEEN_BITS, joined by +."""

    image: Image.Image
    how: str


def decode(content: bytes, where: str | Path, background: object = "") -> Decoded:
    """Decode the content of an image file.

    Parameters
    ----------
    where : str or Path
        What errors name.
    background : str
        Colour ``#RRGGBB`` on which transparent pixels are composited. Anything that is no text is none, since
        a table without one holds missing values.

    Raises
    ------
    InputError
        No image that can be read without guessing (see the module); names it and what to do.
    """
    ground = colour(background) if isinstance(background, str) and background else None
    with _readable(where), Image.open(io.BytesIO(content)) as image:
        _check_header(image, where)
        sixteen, raw = _sixteen_bits(image)
        orientation = _orientation(image)
        image.load()
        whole = _scaled(image, raw, where) if image.mode[0] == "I" else image
        if sixteen and whole.mode == "RGB" and "transparency" in whole.info:
            raise InputError(
                f"{where}: a transparent one among 16-bit colours: save it with an alpha channel"
            )
        rgb, composited = _opaque(whole, ground, where)
        # Pillow turns a TIFF itself, as it loads it.
        if orientation in _UPRIGHT and image.format != "TIFF":
            rgb = rgb.transpose(_UPRIGHT[orientation])
        done = {EXIF: orientation in _UPRIGHT, ALPHA: composited, SIXTEEN_BITS: sixteen}
        return Decoded(rgb, "+".join(name for name, is_done in done.items() if is_done))


def read(path: str | Path, background: object = "", sha256: str | None = None) -> Decoded:
    """Read one image file, check that it has the checksum that its table says, and `decode` it."""
    content = content_of(path)
    if sha256 is not None and hashlib.sha256(content).hexdigest() != sha256:
        raise InputError(f"{path}: sha256 is not the table's {sha256}: the image changed")
    return decode(content, path, background)


def content_of(path: str | Path) -> bytes:
    """Bytes of an image file; one that cannot be read is an InputError."""
    with _readable(path):
        return Path(path).read_bytes()


def probe(path: str | Path, background: object = "") -> tuple[int, int]:
    """Height and width of an image, upright, from the header of its file.

    Raises
    ------
    InputError
        The header shows that `decode` will refuse it. Pixels are decoded only where a file may be transparent
        and there is no `background`.
    """
    ground = colour(background) if isinstance(background, str) and background else None
    with _readable(path), Image.open(path) as image:
        _check_header(image, path)
        if ground is None and image.has_transparency_data:
            decode(content_of(path), path)
        # A TIFF has its upright size already. To find EXIF behind the pixels of a PNG, Pillow decodes them.
        looked_at = image.format != "TIFF" and (image.format != "PNG" or _may_be_turned(content_of(path)))
        turned = looked_at and _orientation(image) in (5, 6, 7, 8)  # of which rows are columns
        return (image.width, image.height) if turned else (image.height, image.width)


def _may_be_turned(png: bytes) -> bool:
    return b"eXIf" in png or b"XML:com.adobe.xmp" in png


def counts(how: Iterable[object]) -> dict[str, int]:
    """In how many images each of EXIF, ALPHA, SIXTEEN_BITS was done, of the values of `Decoded.how`."""
    done = [part for each in how if isinstance(each, str) for part in each.split("+") if part]
    return {name: done.count(name) for name in (EXIF, ALPHA, SIXTEEN_BITS) if name in done}


def png(pixels: np.ndarray) -> bytes:
    """Encode pixels as PNG, fast rather than small."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, format="PNG", compress_level=1)
    return buffer.getvalue()


def colour(text: str) -> tuple[int, int, int]:
    """Red, green and blue, 0 … 255, of ``#RRGGBB``."""
    if not re.fullmatch(r"#[0-9A-Fa-f]{6}", text):
        raise InputError(f"background: {text!r} is not a colour of the form #RRGGBB, such as #808080")
    return int(text[1:3], 16), int(text[3:5], 16), int(text[5:7], 16)


def pixels_of(values: np.ndarray) -> np.ndarray:
    """Pixels of an array of numbers whose range is plain; raises ValueError where it is not.

    Parameters
    ----------
    values : ndarray, shape (height, width, 3)
        Floats of 0 … 1 or of 0 … 255, uint16 of the whole range of 16 bits, or other integers of 0 … 255.

    Returns
    -------
    ndarray of uint8, shape (height, width, 3)
    """
    if values.ndim != 3 or values.shape[2] != 3 or not values.size:
        raise ValueError(f"shape {values.shape}, not (height, width, 3)")
    if values.dtype == np.uint8:
        return values
    if values.dtype.kind not in "iuf":
        raise ValueError(f"{values.dtype} values, not numbers")
    if not np.isfinite(values).all():
        raise ValueError("not finite")
    low, high = values.min(), values.max()
    shown = f"values of {low:g} to {high:g}"
    if values.dtype == np.uint16 and high > 255:
        return _scale_16_bits(values)
    if values.dtype.kind in "iu":
        if values.dtype == np.uint16 and high > 0:
            raise ValueError(f"uint16 {shown}: pixels of 8 bits? store them as uint8")
        if low < 0 or high > 255 or high == 1:
            raise ValueError(f"{values.dtype} {shown}, not pixels of 0 to 255: store them as uint8")
        return values.astype(np.uint8)
    top = 1 if high <= 1.001 else 255
    if low < -0.001 * top or high > 1.001 * top or 1.001 < high < DARKEST:  # a thousandth: rounding
        raise ValueError(f"{shown}, neither of 0 to 1 nor of 0 to 255: normalised? undo it, or store uint8")
    return np.clip(np.rint(values * (255 // top)), 0, 255).astype(np.uint8)


@contextmanager
def _readable(where: str | Path) -> Iterator[None]:
    try:
        yield
    except InputError:
        raise
    except UnidentifiedImageError:
        raise InputError(f"{where}: not a readable image: of no format that Pillow knows") from None
    except Exception as error:  # on damaged files Pillow's readers raise all there is, such as struct.error
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        if "text chunk" in reason or "MAX_TEXT" in reason:
            reason = f"a comment of the PNG is too long ({reason}): save it without its text"
        raise InputError(f"{where}: not a readable image: {reason}") from None


def _check_header(image: Image.Image, where: str | Path) -> None:
    """Raise InputError for what is no single picture of 8 or 16 bits and of a size that fits in memory."""
    if image.width * image.height > MAX_PIXELS:
        size = f"{image.height} × {image.width} pixels"
        raise InputError(f"{where}: not a readable image: {size}, more than {MAX_PIXELS} in all: reduce it")
    frames = getattr(image, "n_frames", 1)
    if frames > 1 and image.format != "MPO":
        raise InputError(f"{where}: {frames} frames, and none said to be the one shown: save that one")
    if image.mode == "F" or (image.mode == "I" and image.format != "PPM"):  # which Pillow scales to 16 bits
        kind = "float" if image.mode == "F" else "32-bit or signed"
        raise InputError(f"{where}: {kind} pixels have no range that is agreed on: save it with 8 or 16 bits")


def _sixteen_bits(image: Image.Image) -> tuple[bool, str]:
    """Whether an image that was not loaded yet has more than 8 bits, and Pillow's name of its raw pixels."""
    tiles = getattr(image, "tile", [])  # webp has none
    arguments = tiles[0].args if tiles else ""
    parts = arguments if isinstance(arguments, tuple) else (arguments,)
    raw = str(parts[0]) if parts else ""
    deep_ppm = image.format == "PPM" and len(parts) == 2 and parts[1] > 255
    return image.mode[0] == "I" or ";16" in raw or deep_ppm, raw


def _orientation(image: Image.Image) -> int:
    try:
        return image.getexif().get(_ORIENTATION, 1)
    except Exception:  # viewers show an image whose EXIF is damaged as it is stored
        return 1


def _scaled(image: Image.Image, raw: str, where: str | Path) -> Image.Image:
    """Grey of 16 bits as grey of 8, with an alpha channel where one value is transparent."""
    values = np.asarray(image).astype(np.int64)
    top = 4095 if raw == "I;12" else 65535
    transparent = image.info.get("transparency")
    alpha = None if transparent is None else (values != transparent)
    if getattr(image, "tag_v2", {}).get(_PHOTOMETRIC) == 0:
        values = top - values
    if 0 < values.max() <= 255:
        raise InputError(
            f"{where}: 16 bits, but no value above {values.max()} of {top}: all black; save it with 8 bits"
        )
    grey = Image.fromarray(_scale_16_bits(values, top), "L")
    if alpha is not None:
        grey.putalpha(Image.fromarray(alpha.astype(np.uint8) * 255, "L"))
    return grey


def _scale_16_bits(values: np.ndarray, top: int = 65535) -> np.ndarray:
    return np.rint(values * (255 / top)).astype(np.uint8)


def _opaque(
    image: Image.Image, ground: tuple[int, int, int] | None, where: str | Path
) -> tuple[Image.Image, bool]:
    """Bring an image to RGB; whether transparent pixels were composited on `ground`."""
    if not image.has_transparency_data:
        return image.convert("RGB"), False
    rgba = image.convert("RGBA")
    if rgba.getchannel("A").getextrema()[0] == 255:
        return rgba.convert("RGB"), False
    if ground is None:
        raise InputError(
            f"{where}: transparent pixels, and nothing says on which ground people saw them: give it as the "
            "background of the stimulus set (#RRGGBB), or save the image without transparency"
        )
    canvas = Image.new("RGBA", rgba.size, (*ground, 255))
    return Image.alpha_composite(canvas, rgba).convert("RGB"), True
