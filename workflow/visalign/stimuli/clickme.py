"""Images with importance maps in the files of ClickMe: TFRecord shards, or npz files of one record."""

from __future__ import annotations

import glob
import io
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

from visalign.errors import InputError
from visalign.io import tfrecords
from visalign.io.array_files import read_npz
from visalign.stimuli import heatmaps, images

#: Side of the images and maps of the public ClickMe shards, in pixels.
CLICKME_SIZE = 256


class ClickMe(NamedTuple):
    """One ClickMe record.

    `image` is uint8 (H, W, 3); `heatmap` float32 (H, W) in the units of the file (0 to 255 for the JPEG
    variant); `label` an ImageNet-1k index; `click_count` None where the shard does not hold it.
    """

    image: np.ndarray
    heatmap: np.ndarray
    label: int
    click_count: int | None = None


def list_shards(pattern: str) -> list[Path]:
    """Return the shards of a glob in the order of their names."""
    shards = [Path(shard) for shard in sorted(glob.glob(pattern))]
    if not shards:
        raise InputError(f"{pattern}: no such TFRecord shard or npz file")
    return shards


def stimulus_id(name: str, index: int) -> str:
    """Identify record `index` (from 0, counted over all shards in order) of the collection `name`."""
    return f"{name}-{index:06d}"


def count_records(path: str | Path) -> int:
    """Count the records of one shard; a ``*.npz`` is one."""
    return 1 if Path(path).suffix == ".npz" else tfrecords.count_records(path)


def read_clickme(path: str | Path) -> Iterator[ClickMe]:
    """Yield the records of one ClickMe shard, in any public encoding, one at a time.

    TFRecord: JPEG image, JPEG heatmap and label; or raw float32 image (256, 256, 3) and heatmap (256, 256),
    label and click_count. A file ``*.npz`` is a shard of one record: image (H, W, 3), heatmap (H, W) or
    (H, W, 1), label. Whether float images run to 1 or to 255 is not documented: values that all lie within
    0 to 1 are taken as the former (see `images.pixels_of`).

    Raises
    ------
    InputError
        A corrupt record or image, a missing feature, or a heatmap of another size than its image; names
        file, record and byte offset.
    """
    if Path(path).suffix == ".npz":
        yield _read_npz_record(path)
        return
    for index, offset, data in tfrecords.read_records(path):
        example = tfrecords.example_of(path, index, offset, data)
        try:
            record = _clickme(example)
        except (ValueError, OSError, SyntaxError, Image.DecompressionBombError) as error:
            reason = str(error).splitlines()[0]
            raise InputError(f"{tfrecords.place(path, index, offset)}: {reason}") from None
        yield record


def write_clickme(
    path: str | Path,
    images: Sequence[np.ndarray] | np.ndarray,
    heatmaps: Sequence[np.ndarray] | np.ndarray,
    labels: Sequence[int],
) -> None:
    """Write one ClickMe shard in the JPEG encoding (quality 95), whole or not at all.

    Parameters
    ----------
    images : sequence of ndarray of uint8, each of shape (256, 256, 3)
    heatmaps : sequence of ndarray, each of shape (256, 256)
        uint8 as it is; any other type is scaled so that each map's maximum becomes 255.
    labels : sequence of int, length n_images
    """
    side = (CLICKME_SIZE, CLICKME_SIZE)
    for image, heatmap in zip(images, heatmaps, strict=True):
        if image.shape != (*side, 3) or heatmap.shape != side:
            raise ValueError(f"image {image.shape} and heatmap {heatmap.shape}: not 256 × 256")
    tfrecords.write_examples(
        path,
        (
            {"image": _jpeg(image), "heatmap": _jpeg(_as_uint8(heatmap)), "label": int(label)}
            for image, heatmap, label in zip(images, heatmaps, labels, strict=True)
        ),
    )


def _clickme(example: tfrecords.Example) -> ClickMe:
    for name in ("image", "heatmap", "label"):
        if len(example.get(name, ())) == 0:
            raise ValueError(f"{name}: missing (features: {', '.join(sorted(example)) or 'none'})")
    image = _decode_image(_single_bytes("image", example["image"]))
    heatmap = _decode_heatmap(example["heatmap"])
    _check_size(image, heatmap)
    clicks = example.get("click_count", [])
    click_count = int(clicks[0]) if len(clicks) else None
    return ClickMe(image, heatmap, _label(example["label"]), click_count)


def _single_bytes(name: str, feature: list[bytes] | np.ndarray) -> bytes:
    if not isinstance(feature, list) or len(feature) != 1:
        what = f"{len(feature)} byte strings" if isinstance(feature, list) else f"{feature.dtype} values"
        raise ValueError(f"{name}: {what}, not one byte string")
    return feature[0]


def _label(values: list[bytes] | np.ndarray) -> int:
    """Return the one whole number from 0 that a label is."""
    if isinstance(values, list):
        raise ValueError(f"label: text ({values[0].decode(errors='replace')!r}), not one whole number")
    if values.size != 1 or values.dtype.kind not in "iu":
        raise ValueError(f"label: {values.dtype} {values.shape}, not one whole number")
    if values.item() < 0:
        raise ValueError(f"label: {values.item()} is negative: labels are indices from 0")
    return int(values.item())


def _read_npz_record(path: str | Path) -> ClickMe:
    arrays = read_npz(path, ("image", "heatmap", "label"))
    try:
        pixels, heatmap = _as_pixels(arrays["image"]), _as_heatmap(arrays["heatmap"])
        _check_size(pixels, heatmap)
        return ClickMe(pixels, heatmap, _label(arrays["label"]))
    except ValueError as error:
        raise InputError(f"{path}: {error}") from None


def _check_size(image: np.ndarray, heatmap: np.ndarray) -> None:
    if heatmap.shape != image.shape[:2]:
        has, wants = (" × ".join(map(str, shape)) for shape in (heatmap.shape, image.shape[:2]))
        raise ValueError(f"heatmap: {has} pixels, but its image has {wants}")


def _decode_image(content: bytes) -> np.ndarray:
    # A raw image is told by its exact length: no JPEG of these images has it.
    if len(content) == CLICKME_SIZE * CLICKME_SIZE * 3 * 4:
        return _as_pixels(np.frombuffer(content, "<f4").reshape(CLICKME_SIZE, CLICKME_SIZE, 3))
    decoded = images.decode(content, "image")
    if images.EXIF in decoded.how:
        raise ValueError("image: turned by its EXIF orientation, but its heatmap is not: store both upright")
    return np.asarray(decoded.image)


def _as_pixels(image: np.ndarray) -> np.ndarray:
    try:
        return images.pixels_of(image)
    except ValueError as error:
        raise ValueError(f"image: {error}") from None


def _as_heatmap(values: np.ndarray) -> np.ndarray:
    try:
        return heatmaps.as_heatmap(values)
    except ValueError as error:
        raise ValueError(f"heatmap: {error}") from None


def _decode_heatmap(feature: list[bytes] | np.ndarray) -> np.ndarray:
    if isinstance(feature, list) and len(feature[0]) == CLICKME_SIZE * CLICKME_SIZE * 4:
        feature = np.frombuffer(feature[0], "<f4")
    if isinstance(feature, list):
        return _decode_grey(_single_bytes("heatmap", feature)).astype(np.float32)
    if feature.size != CLICKME_SIZE * CLICKME_SIZE:
        raise ValueError(f"heatmap: {feature.size} values, not 256 × 256")
    return feature.reshape(CLICKME_SIZE, CLICKME_SIZE).astype(np.float32)


def _decode_grey(content: bytes) -> np.ndarray:
    try:
        with Image.open(io.BytesIO(content)) as image:
            return heatmaps.grey(image)
    except Exception as error:  # on damaged files Pillow's readers raise all there is
        reason = str(error).splitlines()[0].split(" <")[0]
        raise ValueError(f"heatmap: not a readable map: {reason}") from None


def _as_uint8(heatmap: np.ndarray) -> np.ndarray:
    if heatmap.dtype == np.uint8:
        return heatmap
    peak = heatmap.max()
    return np.rint(heatmap * (255 / peak if peak > 0 else 0)).clip(0, 255).astype(np.uint8)


def _jpeg(pixels: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, format="JPEG", quality=95, subsampling=0)
    return buffer.getvalue()
