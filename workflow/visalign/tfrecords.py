"""TFRecord files without TensorFlow, and the ClickMe records in them or in npz files.

A TFRecord file is a sequence of records: length (uint64), masked CRC-32C of the length, data, masked
CRC-32C of the data, all little-endian. The data of a record is a ``tf.train.Example``, a protocol buffer
that maps feature names to lists of bytes, int64 or float. Both checksums are verified on every read.
Source: TensorFlow's format description (tutorials/load_data/tfrecord) and example.proto / feature.proto.
"""

from __future__ import annotations

import glob
import io
import struct
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import google_crc32c
import numpy as np
from PIL import Image

from visalign import images, map_files
from visalign.errors import InputError
from visalign.tables import write_atomic

#: Side of the images and maps of the public ClickMe shards, in pixels.
CLICKME_SIZE = 256
#: Feature values of one record: list of bytes, int64 array, or float32 array.
Example = dict[str, list[bytes] | np.ndarray]

_MASK_DELTA = 0xA282EAD8
_WIRE_VARINT, _WIRE_64, _WIRE_LENGTH, _WIRE_32 = 0, 1, 2, 5
_BYTES_LIST, _FLOAT_LIST, _INT64_LIST = 1, 2, 3  # field numbers in tf.train.Feature


class ClickMe(NamedTuple):
    """One ClickMe record.

    `image` is uint8 (H, W, 3); `heatmap` float32 (H, W) in the units of the file (0 to 255 for the JPEG
    variant); `label` an ImageNet-1k index; `click_count` None where the shard does not hold it.
    """

    image: np.ndarray
    heatmap: np.ndarray
    label: int
    click_count: int | None = None


# --- identity of records, shared by the stages stimuli and maps ---


def list_shards(pattern: str) -> list[Path]:
    """Return the shards of a glob in the order of their names."""
    shards = [Path(shard) for shard in sorted(glob.glob(pattern))]
    if not shards:
        raise InputError(f"{pattern}: no such TFRecord shard or npz file")
    return shards


def stimulus_id(name: str, index: int) -> str:
    """Identify record `index` (from 0, counted over all shards in order) of the collection `name`."""
    return f"{name}-{index:06d}"


# --- records ---


def masked_crc32c(data: bytes) -> int:
    """CRC-32C of `data`, rotated right by 15 bits plus a constant, as TFRecord stores it."""
    crc = google_crc32c.value(data)
    return ((crc >> 15 | crc << 17) + _MASK_DELTA) & 0xFFFFFFFF


def encode_record(data: bytes) -> bytes:
    """Frame `data` as one TFRecord record."""
    length = struct.pack("<Q", len(data))
    return b"".join(
        (length, struct.pack("<I", masked_crc32c(length)), data, struct.pack("<I", masked_crc32c(data)))
    )


def read_records(path: str | Path) -> Iterator[tuple[int, int, bytes]]:
    """Yield (record index, byte offset, data) of one shard, checking both checksums.

    Raises
    ------
    InputError
        No such file, or a truncated or corrupt record; names file, record and byte offset.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(f"{path}: no such TFRecord shard")
    size = path.stat().st_size
    offset = index = 0
    with path.open("rb") as file:
        while offset < size:
            length = _read_length(path, index, offset, size, file.read(12))
            data = file.read(length)
            (data_crc,) = struct.unpack("<I", file.read(4))
            if masked_crc32c(data) != data_crc:
                raise InputError(f"{_place(path, index, offset)}: wrong checksum of the record data")
            yield index, offset, data
            offset += length + 16
            index += 1


def count_records(path: str | Path) -> int:
    """Count the records of one shard by their headers; data are skipped, not checked. A ``*.npz`` is one."""
    if Path(path).suffix == ".npz":
        return 1
    size, offset, index = Path(path).stat().st_size, 0, 0
    with Path(path).open("rb") as file:
        while offset < size:
            length = _read_length(path, index, offset, size, file.read(12))
            offset = file.seek(length + 4, io.SEEK_CUR)
            index += 1
    return index


def _read_length(path: str | Path, index: int, offset: int, size: int, header: bytes) -> int:
    """Length of the data of a record, from its header; `size` is that of the file."""
    if len(header) < 12:
        raise InputError(f"{_place(path, index, offset)}: truncated record header")
    length, length_crc = struct.unpack("<QI", header)
    if masked_crc32c(header[:8]) != length_crc:
        raise InputError(f"{_place(path, index, offset)}: wrong checksum of the record length")
    if offset + length + 16 > size:
        raise InputError(f"{_place(path, index, offset)}: truncated record of {length} bytes")
    return length


def _place(path: str | Path, index: int, offset: int) -> str:
    return f"{path}: record {index} (byte {offset})"


# --- tf.train.Example ---


def read_examples(path: str | Path) -> Iterator[Example]:
    """Yield the examples of one shard, one at a time.

    Raises
    ------
    InputError
        As `read_records`, and for a record that is no ``tf.train.Example``.
    """
    for index, offset, data in read_records(path):
        yield _example(path, index, offset, data)


def write_examples(path: str | Path, examples: Iterable[Mapping[str, Any]]) -> None:
    """Write one shard, whole or not at all.

    Values are bytes (or a list of bytes), integers, or floats (or arrays of them).
    """
    write_atomic(path, b"".join(encode_record(encode_example(example)) for example in examples))


def encode_example(example: Mapping[str, Any]) -> bytes:
    """Encode one ``tf.train.Example``, its features in the order of their names."""
    entries = []
    for name in sorted(example):
        entry = _delimited(1, name.encode()) + _delimited(2, _encode_feature(name, example[name]))
        entries.append(_delimited(1, entry))
    return _delimited(1, b"".join(entries))


def decode_example(data: bytes) -> Example:
    """Decode one ``tf.train.Example``; raises ValueError where `data` is none."""
    example: Example = {}
    for features in _messages(data, 1):
        for entry in _messages(features, 1):
            name, feature = b"", b""
            for number, wire, value in _fields(entry):
                if wire == _WIRE_LENGTH and number == 1:
                    name = value
                elif wire == _WIRE_LENGTH and number == 2:
                    feature = value
            example[name.decode()] = _decode_feature(feature)
    return example


def _example(path: str | Path, index: int, offset: int, data: bytes) -> Example:
    try:
        return decode_example(data)
    except ValueError as error:
        raise InputError(f"{_place(path, index, offset)}: not a tf.train.Example: {error}") from None


def _encode_feature(name: str, value: Any) -> bytes:
    if isinstance(value, bytes):
        value = [value]
    if isinstance(value, (list, tuple)) and all(isinstance(v, bytes) for v in value):
        return _delimited(_BYTES_LIST, b"".join(_delimited(1, v) for v in value))
    array = np.atleast_1d(np.asarray(value)).ravel()
    if array.dtype.kind in "iub":
        return _delimited(_INT64_LIST, _delimited(1, b"".join(_encode_varint(int(v)) for v in array)))
    if array.dtype.kind == "f":
        return _delimited(_FLOAT_LIST, _delimited(1, array.astype("<f4").tobytes()))
    raise TypeError(f"feature {name!r}: {array.dtype} is neither bytes, integers nor floats")


def _decode_feature(data: bytes) -> list[bytes] | np.ndarray:
    feature: list[bytes] | np.ndarray = []
    for kind, wire, content in _fields(data):
        if wire != _WIRE_LENGTH or kind not in (_BYTES_LIST, _FLOAT_LIST, _INT64_LIST):
            raise ValueError(f"unknown kind of feature (field {kind})")
        # Lists of numbers are packed into one field (the rule), or one field a value (older writers).
        values = [(w, v) for n, w, v in _fields(content) if n == 1]
        if kind == _BYTES_LIST:
            feature = [v for _, v in values]
        elif kind == _FLOAT_LIST:
            feature = np.frombuffer(b"".join(v for _, v in values), dtype="<f4")
        else:
            numbers = [n for w, v in values for n in ([v] if w == _WIRE_VARINT else _varints(v))]
            feature = np.array([n - (1 << 64) if n >> 63 else n for n in numbers], dtype=np.int64)
    return feature


# --- protocol buffers, as much of them as Example needs ---


def _encode_varint(value: int) -> bytes:
    value &= 0xFFFFFFFFFFFFFFFF  # negative int64 as two's complement
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def _decode_varint(data: bytes, position: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        if position >= len(data):
            raise ValueError("truncated number")
        byte = data[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value & 0xFFFFFFFFFFFFFFFF, position
    raise ValueError("number of more than 64 bits")


def _varints(data: bytes) -> Iterator[int]:
    position = 0
    while position < len(data):
        value, position = _decode_varint(data, position)
        yield value


def _delimited(number: int, content: bytes) -> bytes:
    return _encode_varint(number << 3 | _WIRE_LENGTH) + _encode_varint(len(content)) + content


def _fields(data: bytes) -> Iterator[tuple[int, int, Any]]:
    """Yield (field number, wire type, value) of one message; raises ValueError where it is malformed."""
    position = 0
    while position < len(data):
        tag, position = _decode_varint(data, position)
        wire = tag & 7
        value: Any
        if wire == _WIRE_VARINT:
            value, position = _decode_varint(data, position)
        elif wire in (_WIRE_LENGTH, _WIRE_32, _WIRE_64):
            length = {_WIRE_32: 4, _WIRE_64: 8}.get(wire)
            if length is None:
                length, position = _decode_varint(data, position)
            if position + length > len(data):
                raise ValueError("truncated field")
            value = data[position : position + length]
            position += length
        else:
            raise ValueError(f"unknown wire type {wire}")
        yield tag >> 3, wire, value


def _messages(data: bytes, number: int) -> Iterator[bytes]:
    for field, wire, value in _fields(data):
        if field == number:
            if wire != _WIRE_LENGTH:
                raise ValueError(f"field {number} is no message")
            yield value


# --- npz ---


def read_npz(
    path: str | Path, required: Sequence[str], optional: Sequence[str] = (), advice: str = ""
) -> dict[str, np.ndarray]:
    """Read the named arrays of an npz file; a pickled one is never loaded.

    Raises
    ------
    InputError
        No npz file, or an array that is missing, unreadable or pickled (then with `advice`); names file and
        field.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(f"{path}: no such file")
    if not zipfile.is_zipfile(path):
        raise InputError(f"{path}: not an npz archive")
    try:
        with np.load(path, allow_pickle=False) as archive:
            fields = [field for field in archive.files if field in (*required, *optional)]
            arrays = {field: _read_array(path, archive, field, advice) for field in fields}
    except (zipfile.BadZipFile, zlib.error, OSError, EOFError) as error:
        raise InputError(f"{path}: not a readable npz archive: {error}") from None
    for field in required:
        if field not in arrays:
            raise InputError(f"{path}: no field {field!r} (fields: {', '.join(sorted(arrays))})")
    return arrays


def _read_array(path: Path, archive: np.lib.npyio.NpzFile, field: str, advice: str) -> np.ndarray:
    try:
        return archive[field]
    except ValueError as error:
        if "allow_pickle" not in str(error):
            raise InputError(f"{path}: {field}: unreadable: {error}") from None
        raise InputError(f"{path}: {field}: a pickled object array, which is never loaded{advice}") from None


# --- ClickMe ---


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
    for index, offset, data in read_records(path):
        example = _example(path, index, offset, data)
        try:
            record = _clickme(example)
        except (ValueError, OSError, SyntaxError, Image.DecompressionBombError) as error:
            raise InputError(f"{_place(path, index, offset)}: {str(error).splitlines()[0]}") from None
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
    write_examples(
        path,
        (
            {"image": _jpeg(image), "heatmap": _jpeg(_as_uint8(heatmap)), "label": int(label)}
            for image, heatmap, label in zip(images, heatmaps, labels, strict=True)
        ),
    )


def _clickme(example: Example) -> ClickMe:
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
        return map_files.as_heatmap(values)
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
            return map_files.grey(image)
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
