"""Claims about TFRecord files without TensorFlow."""

from __future__ import annotations

import contextlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from visalign.errors import InputError
from visalign.io import tfrecords

# Serialised by google.protobuf 7.36.2 with the messages of TensorFlow's example.proto and feature.proto:
# image = bytes ff d8 "jpeg"; label = int64 -1, 0, 300, 2**62; score = float 1.5, -0.25.
PROTOBUF_EXAMPLE = bytes.fromhex(
    "0a510a130a05696d616765120a0a080a06ffd86a7065670a230a056c6162656c121a1a180a16ffffffffffffffffff0100ac02"
    "8080808080808080400a150a0573636f7265120c120a0a080000c03f000080be"
)


@pytest.mark.parametrize(
    ("data", "crc"), [(bytes(32), 0x8A9136AA), (b"\xff" * 32, 0x62A8AB43), (bytes(range(32)), 0x46DD794E)]
)
def test_crc_equals_the_vectors_of_rfc_3720(data, crc):
    masked = tfrecords.masked_crc32c(data)
    unmasked = (masked - 0xA282EAD8) & 0xFFFFFFFF
    assert (unmasked >> 17 | unmasked << 15) & 0xFFFFFFFF == crc


def test_example_is_decoded_as_protobuf_encoded_it():
    example = tfrecords.decode_example(PROTOBUF_EXAMPLE)
    assert sorted(example) == ["image", "label", "score"]
    assert example["image"] == [b"\xff\xd8jpeg"]
    np.testing.assert_array_equal(example["label"], [-1, 0, 300, 2**62])
    np.testing.assert_array_equal(example["score"], np.float32([1.5, -0.25]))


def test_example_is_encoded_as_protobuf_encodes_it():
    example = {"score": np.float32([1.5, -0.25]), "label": [-1, 0, 300, 2**62], "image": b"\xff\xd8jpeg"}
    assert tfrecords.encode_example(example) == PROTOBUF_EXAMPLE


def test_unpacked_numbers_are_read_too():
    # Feature{int64_list{value: 5, value: 6}} and Feature{float_list{value: 1.5}}, one field a value.
    assert tfrecords._decode_feature(bytes.fromhex("1a0408050806")).tolist() == [5, 6]
    assert tfrecords._decode_feature(bytes.fromhex("12050d0000c03f")).tolist() == [1.5]


@settings(max_examples=50, deadline=None)
@given(
    st.dictionaries(
        st.text(min_size=1, max_size=8),
        st.lists(st.binary(max_size=40), min_size=1, max_size=3)
        | st.lists(st.integers(-(2**63), 2**63 - 1), min_size=1, max_size=4)
        | st.lists(st.floats(width=32, allow_nan=False), min_size=1, max_size=4),
        max_size=4,
    )
)
def test_any_example_survives_the_round_trip(example):
    decoded = tfrecords.decode_example(tfrecords.encode_example(example))
    assert {name: list(value) for name, value in decoded.items()} == example


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=60))
def test_arbitrary_bytes_are_an_example_or_a_value_error(data):
    with contextlib.suppress(ValueError):
        tfrecords.decode_example(data)


def test_every_flipped_byte_is_found_and_named_by_shard_record_and_offset(tmp_path):
    path = tmp_path / "small.tfrecords"
    tfrecords.write_examples(path, [{"label": 1}, {"label": 2}, {"label": 3}])
    clean = path.read_bytes()
    size = len(clean) // 3
    for position in range(len(clean)):
        path.write_bytes(clean[:position] + bytes([clean[position] ^ 0x10]) + clean[position + 1 :])
        with pytest.raises(InputError, match="checksum") as error:
            list(tfrecords.read_examples(path))
        record = position // size
        assert str(error.value).startswith(f"{path}: record {record} (byte {record * size}): ")


def test_every_truncation_is_found(tmp_path):
    path = tmp_path / "small.tfrecords"
    tfrecords.write_examples(path, [{"label": 1}, {"label": 2}])
    clean = path.read_bytes()
    for length in set(range(1, len(clean))) - {len(clean) // 2}:
        path.write_bytes(clean[:length])
        with pytest.raises(InputError, match=r"record \d \(byte \d+\): truncated"):
            list(tfrecords.read_examples(path))


def test_a_record_that_is_no_example_is_named(tmp_path):
    path = tmp_path / "odd.tfrecords"
    path.write_bytes(tfrecords.encode_record(b"\x0a\xff"))
    with pytest.raises(InputError, match=r"record 0 \(byte 0\): not a tf.train.Example: truncated"):
        list(tfrecords.read_examples(path))
