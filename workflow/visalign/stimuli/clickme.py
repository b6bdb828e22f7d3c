"""Images with importance maps in the public files of ClickMe: TFRecord shards, or files of one record.

Records of a shard say what they are by their features: JPEG image and map, or raw float32 of 256 × 256 or of
224 × 224 pixels. Files of one record are npz archives, or what ``torch.save`` writes (``*.pth``).

Maps of 224 × 224 pixels, raw or of torch, are those that their owners compare with saliency as they are: they
have been brought to 64 × 64, blurred and enlarged (github.com/serre-lab/Pseudo_ClickMe, Harmonization;
github.com/TonyFPY/Adversarial_Alignment, scripts/ClickMe_test_1000.py writes the raw ones so). They are
`ClickMe.processed`, and not blurred once more.
"""

from __future__ import annotations

import glob
import io
import pickle
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
#: The same of those whose maps are processed.
PROCESSED_SIZE = 224
#: Files of one record.
SINGLE = (".npz", ".pth")


class ClickMe(NamedTuple):
    """One ClickMe record.

    `image` is uint8 (H, W, 3); `heatmap` float32 (H, W) in the units of the file (0 to 255 for the JPEG
    variant); `label` an ImageNet-1k index; `click_count` None where the shard does not hold it; `processed`
    whether the map is blurred already.
    """

    image: np.ndarray
    heatmap: np.ndarray
    label: int
    click_count: int | None = None
    processed: bool = False


def list_shards(pattern: str) -> list[Path]:
    """Return the shards of a glob in the order of their names."""
    shards = [Path(shard) for shard in sorted(glob.glob(pattern))]
    if not shards:
        raise InputError(f"{pattern}: no such TFRecord shard, npz or pth file")
    return shards


def stimulus_id(name: str, index: int) -> str:
    """Identify record `index` (from 0, counted over all shards in order) of the collection `name`."""
    return f"{name}-{index:06d}"


def count_records(path: str | Path) -> int:
    """Count the records of one shard; a ``*.npz`` or ``*.pth`` is one."""
    return 1 if Path(path).suffix in SINGLE else tfrecords.count_records(path)


def read_clickme(path: str | Path) -> Iterator[ClickMe]:
    """Yield the records of one ClickMe shard, in any public encoding, one at a time.

    TFRecord: JPEG image, JPEG heatmap and label; or raw float32 image (256, 256, 3) and heatmap (256, 256),
    label and click_count; or the same of 224 × 224 pixels, whose map is `processed`. A file ``*.npz`` is a
    shard of one record: image (H, W, 3), heatmap (H, W) or (H, W, 1), label. So is a file ``*.pth``, tensors
    image ([1,] 3, H, W), heatmap ([1,] 1, H, W) and label, whose map is `processed`. Whether float images run
    to 1 or to 255 is not documented: values that all lie within 0 to 1 are taken as the former (see
    `images.pixels_of`).

    Raises
    ------
    InputError
        A corrupt record or image, a missing feature, or a heatmap of another size than its image; names
        file, record and byte offset.
    """
    if Path(path).suffix in SINGLE:
        yield _read_npz_record(path) if Path(path).suffix == ".npz" else _read_torch_record(path)
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
    content = _single_bytes("image", example["image"])
    image, heatmap = _decode_image(content), _decode_heatmap(example["heatmap"])
    _check_size(image, heatmap)
    clicks = example.get("click_count", [])
    click_count = int(clicks[0]) if len(clicks) else None
    processed = _raw_side(content, 3) == PROCESSED_SIZE
    return ClickMe(image, heatmap, _label(example["label"]), click_count, processed)


def _raw_side(content: bytes, channels: int) -> int | None:
    """Side of a raw float32 image or map, told by its exact length, which no JPEG of these images has."""
    sides = (CLICKME_SIZE, PROCESSED_SIZE)
    return next((side for side in sides if len(content) == side * side * channels * 4), None)


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


def _read_torch_record(path: str | Path) -> ClickMe:
    """Read tensors of a file of torch, channels first; nothing else in it is ever unpickled."""
    import torch

    if not Path(path).is_file():
        raise InputError(f"{path}: no such file")
    try:
        found = torch.load(path, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError, OSError, ValueError, KeyError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise InputError(f"{path}: not a readable file of tensors (torch.save): {reason}") from None
    if not isinstance(found, dict):
        raise InputError(f"{path}: {type(found).__name__}, expected a dict of image, heatmap and label")
    arrays: dict[str, np.ndarray] = {}
    for name in ("image", "heatmap", "label"):
        if name not in found:
            fields = ", ".join(sorted(map(str, found)))
            raise InputError(f"{path}: no field {name!r} (fields: {fields}): one image a file")
        value = found[name]
        arrays[name] = value.numpy() if isinstance(value, torch.Tensor) else np.asarray(value)
    try:
        pixels = _as_pixels(_channels_last("image", arrays["image"]))
        heatmap = _as_heatmap(_channels_last("heatmap", arrays["heatmap"]))
        _check_size(pixels, heatmap)
        return ClickMe(pixels, heatmap, _label(arrays["label"]), processed=True)
    except ValueError as error:
        raise InputError(f"{path}: {error}") from None


def _channels_last(name: str, values: np.ndarray) -> np.ndarray:
    """Return ([1,] channels, height, width) as (height, width, channels)."""
    channels = {"image": 3, "heatmap": 1}[name]
    whole = values[0] if values.ndim == 4 and len(values) == 1 else values
    if whole.ndim != 3 or whole.shape[0] != channels:
        raise ValueError(f"{name}: shape {values.shape}, not ([1,] {channels}, height, width)")
    return np.ascontiguousarray(whole.transpose(1, 2, 0))


def _check_size(image: np.ndarray, heatmap: np.ndarray) -> None:
    if heatmap.shape != image.shape[:2]:
        has, wants = (" × ".join(map(str, shape)) for shape in (heatmap.shape, image.shape[:2]))
        raise ValueError(f"heatmap: {has} pixels, but its image has {wants}")


def _decode_image(content: bytes) -> np.ndarray:
    if side := _raw_side(content, 3):
        return _as_pixels(np.frombuffer(content, "<f4").reshape(side, side, 3))
    decoded = _decode_encoded(content)
    if images.EXIF in decoded.how:
        raise ValueError("image: turned by its EXIF orientation, but its heatmap is not: store both upright")
    return np.asarray(decoded.image)


def _decode_encoded(content: bytes) -> images.Decoded:
    try:
        return images.decode(content, "image")
    except InputError as error:
        if not str(error).startswith("image: not a readable image"):
            raise
        sides = " or ".join(f"{side} × {side}" for side in (CLICKME_SIZE, PROCESSED_SIZE))
        raise ValueError(f"{error}; nor raw float32 of {sides} pixels: {len(content)} bytes") from None


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
    if isinstance(feature, list) and _raw_side(feature[0], 1):
        feature = np.frombuffer(feature[0], "<f4")
    if isinstance(feature, list):
        return _decode_grey(_single_bytes("heatmap", feature)).astype(np.float32)
    side = next((side for side in (CLICKME_SIZE, PROCESSED_SIZE) if feature.size == side * side), None)
    if side is None:
        raise ValueError(f"heatmap: {feature.size} values, not 256 × 256 or 224 × 224")
    return feature.reshape(side, side).astype(np.float32)


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
