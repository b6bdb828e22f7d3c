"""TFRecord files without TensorFlow.

A TFRecord file is a sequence of records: length (uint64), masked CRC-32C of the length, data, masked
CRC-32C of the data, all little-endian. The data of a record is a ``tf.train.Example``, a protocol buffer
that maps feature names to lists of bytes, int64 or float. Both checksums are verified on every read.
Source: TensorFlow's format description (tutorials/load_data/tfrecord) and example.proto / feature.proto.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import google_crc32c
import numpy as np

from visalign.errors import InputError
from visalign.io.files import write_atomic

#: Feature values of one record: list of bytes, int64 array, or float32 array.
Example = dict[str, list[bytes] | np.ndarray]

_MASK_DELTA = 0xA282EAD8
_WIRE_VARINT, _WIRE_64, _WIRE_LENGTH, _WIRE_32 = 0, 1, 2, 5
_BYTES_LIST, _FLOAT_LIST, _INT64_LIST = 1, 2, 3  # field numbers in tf.train.Feature


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
                raise InputError(f"{place(path, index, offset)}: wrong checksum of the record data")
            yield index, offset, data
            offset += length + 16
            index += 1


def count_records(path: str | Path) -> int:
    """Count the records of one shard by their headers; data are skipped, not checked."""
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
        raise InputError(f"{place(path, index, offset)}: truncated record header")
    length, length_crc = struct.unpack("<QI", header)
    if masked_crc32c(header[:8]) != length_crc:
        raise InputError(f"{place(path, index, offset)}: wrong checksum of the record length")
    if offset + length + 16 > size:
        raise InputError(f"{place(path, index, offset)}: truncated record of {length} bytes")
    return length


def place(path: str | Path, index: int, offset: int) -> str:
    """Name a record in an error."""
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
        yield example_of(path, index, offset, data)


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


def example_of(path: str | Path, index: int, offset: int, data: bytes) -> Example:
    """Decode a record that `read_records` gave; an InputError names it where it is no example."""
    try:
        return decode_example(data)
    except ValueError as error:
        raise InputError(f"{place(path, index, offset)}: not a tf.train.Example: {error}") from None


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
