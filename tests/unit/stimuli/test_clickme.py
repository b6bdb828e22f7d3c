"""Claims about images with importance maps in ClickMe's files."""

from __future__ import annotations

import io
import os
import tracemalloc

import numpy as np
import pytest
import torch
from PIL import Image

from visalign.errors import InputError
from visalign.io import tfrecords
from visalign.stimuli import clickme


def smooth_images(n: int, seed: int = 0) -> np.ndarray:
    """Images that JPEG stores almost without loss, uint8 (n, 256, 256, 3)."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 256, size=(n, 4, 4, 3), dtype=np.uint8)
    return np.array([Image.fromarray(c).resize((256, 256), Image.Resampling.BICUBIC) for c in coarse])


def png(pixels: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, format="PNG")
    return buffer.getvalue()


@pytest.fixture
def shard(tmp_path):
    images = smooth_images(3)
    path = tmp_path / "val-0.tfrecords"
    clickme.write_clickme(path, images, images[..., 0], [7, 0, 999])
    return path


def test_jpeg_shard_survives_the_round_trip(tmp_path):
    images = smooth_images(4)
    heatmaps = images[..., 1].astype(np.float32) / 10
    clickme.write_clickme(tmp_path / "a.tfrecords", images, heatmaps, [3, 1, 4, 1])
    records = list(clickme.read_clickme(tmp_path / "a.tfrecords"))
    assert [r.label for r in records] == [3, 1, 4, 1]
    for record, image, heatmap in zip(records, images, heatmaps, strict=True):
        assert record.image.dtype == np.uint8 and record.image.shape == (256, 256, 3)
        assert record.heatmap.dtype == np.float32 and record.click_count is None
        # JPEG at quality 95 changes smooth pixels by less than 2 % of the range.
        assert np.abs(record.image.astype(int) - image).max() <= 5
        np.testing.assert_allclose(record.heatmap, heatmap * 255 / heatmap.max(), atol=5)


def test_raw_float32_shard_is_read_exactly(tmp_path):
    rng = np.random.default_rng(0)
    image, heatmap = smooth_images(1)[0], rng.random((256, 256), dtype=np.float32)
    for scale in (1, 255):
        raw = {"image": (image.astype("<f4") / scale).tobytes(), "heatmap": heatmap.tobytes()}
        path = tmp_path / f"{scale}.tfrecords"
        tfrecords.write_examples(path, [raw | {"label": 5, "click_count": 17}])
        (record,) = clickme.read_clickme(path)
        np.testing.assert_array_equal(record.image, image)
        np.testing.assert_array_equal(record.heatmap, heatmap)
        assert (record.label, record.click_count) == (5, 17)


def small_record(scale: float = 255) -> tuple[np.ndarray, np.ndarray, dict]:
    """Image and map of 224 × 224 pixels, and the record of raw float32 that holds them."""
    image = smooth_images(1)[0, :224, :224]
    heatmap = np.random.default_rng(0).random((224, 224, 1), dtype=np.float32)
    raw = {"image": (image.astype("<f4") / 255 * scale).tobytes(), "heatmap": heatmap.tobytes(), "label": 5}
    return image, heatmap[..., 0], raw


@pytest.mark.parametrize("scale", [1, 255])
def test_raw_float32_of_224_pixels_is_read_exactly_and_its_map_is_processed(tmp_path, scale):
    image, heatmap, raw = small_record(scale)
    tfrecords.write_examples(tmp_path / "a.tfrecords", [raw, raw | {"heatmap": heatmap.ravel()}])
    for record in clickme.read_clickme(tmp_path / "a.tfrecords"):  # bytes, and a list of floats
        np.testing.assert_array_equal(record.image, image)
        np.testing.assert_array_equal(record.heatmap, heatmap)
        assert record.processed and record.label == 5


def test_only_maps_of_224_pixels_are_processed(tmp_path, shard):
    heatmap = np.zeros((256, 256), np.float32).tobytes()
    raw = {"image": np.ones((256, 256, 3), np.float32).tobytes(), "heatmap": heatmap, "label": 5}
    tfrecords.write_examples(tmp_path / "a.tfrecords", [raw])
    records = [*clickme.read_clickme(shard), *clickme.read_clickme(tmp_path / "a.tfrecords")]
    assert [record.processed for record in records] == [False] * 4


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"heatmap": np.zeros((256, 256), np.float32).tobytes()}, "heatmap: 256 × 256 pixels, but its image"),
        ({"heatmap": np.zeros(225 * 225, np.float32)}, "heatmap: 50625 values, not 256 × 256 or 224 × 224"),
        (
            {"image": bytes(225 * 225 * 12)},
            "image: not a readable image: of no format that Pillow knows; nor raw float32 of 256 × 256 "
            "or 224 × 224 pixels: 607500 bytes",
        ),
        (
            {"image": bytes(224 * 224 * 3)},
            "image: not a readable image: of no format that Pillow knows; nor raw",
        ),  # uint8
    ],
)
def test_a_record_of_no_dialect_is_named(tmp_path, change, message):
    tfrecords.write_examples(tmp_path / "a.tfrecords", [small_record()[2] | change])
    with pytest.raises(InputError) as error:
        list(clickme.read_clickme(tmp_path / "a.tfrecords"))
    assert f"a.tfrecords: record 0 (byte 0): {message}" in str(error.value)


def tensors(batch: bool = True) -> dict[str, torch.Tensor]:
    """A record as it is published: uint8 image and map, channels first, and an int32 label."""
    rng = np.random.default_rng(0)
    image = torch.from_numpy(rng.integers(0, 256, size=(3, 224, 224), dtype=np.uint8))
    heatmap = torch.from_numpy(rng.integers(0, 256, size=(1, 224, 224), dtype=np.uint8))
    record = {"image": image, "heatmap": heatmap, "label": torch.tensor([7], dtype=torch.int32)}
    return {name: value[None] for name, value in record.items()} if batch else record


@pytest.mark.parametrize("batch", [True, False])
def test_a_file_of_torch_is_read_exactly_as_one_record(tmp_path, batch):
    torch.save(tensors(batch), tmp_path / "0.pth")
    (record,) = clickme.read_clickme(tmp_path / "0.pth")
    expected = tensors(batch=False)
    np.testing.assert_array_equal(record.image, expected["image"].permute(1, 2, 0).numpy())
    np.testing.assert_array_equal(record.heatmap, expected["heatmap"][0].numpy())
    assert record.image.dtype == np.uint8 and record.heatmap.dtype == np.float32
    assert record.label == 7 and record.processed


class Evil:
    """What runs a command where it is unpickled."""

    def __reduce__(self):
        return os.system, ("touch evil",)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (tensors() | {"heatmap": None}, "heatmap: shape (), not ([1,] 1, height, width)"),
        (tensors() | {"image": torch.ones(1, 224, 224, 3)}, "image: shape (1, 224, 224, 3), not ([1,] 3, "),
        (tensors() | {"image": torch.ones(2, 3, 9, 9)}, "image: shape (2, 3, 9, 9), not ([1,] 3, "),
        (tensors() | {"heatmap": torch.ones(1, 9, 224)}, "heatmap: 9 × 224 pixels, but its image has 224 × "),
        (tensors() | {"label": torch.tensor([1, 2])}, "label: int64 (2,), not one whole number"),
        (tensors() | {"label": torch.tensor(-1)}, "label: -1 is negative"),
        (
            {"images": 1, "heatmaps": 2, "labels": 3},
            "no field 'image' (fields: heatmaps, images, labels): one image a file",
        ),
        (torch.ones(3), "Tensor, expected a dict of image, heatmap and label"),
        ({"image": Evil()}, "not a readable file of tensors (torch.save): Weights only load failed"),
    ],
)
def test_other_files_of_torch_are_named_and_run_nothing(tmp_path, monkeypatch, content, message):
    monkeypatch.chdir(tmp_path)
    torch.save(content, "a.pth")
    with pytest.raises(InputError) as error:
        list(clickme.read_clickme("a.pth"))
    assert str(error.value).startswith(f"a.pth: {message}") and "\n" not in str(error.value)
    assert not (tmp_path / "evil").exists()


def test_a_damaged_or_absent_file_of_torch_is_named(tmp_path):
    path = tmp_path / "a.pth"
    with pytest.raises(InputError, match=r"a\.pth: no such file"):
        list(clickme.read_clickme(path))
    torch.save(tensors(), path)
    clean = path.read_bytes()
    for damaged in (clean[: len(clean) // 2], b"", b"nothing of the kind"):
        path.write_bytes(damaged)
        with pytest.raises(InputError, match=r"a\.pth: not a readable file of tensors"):
            list(clickme.read_clickme(path))


@pytest.mark.parametrize("scale", [1, 255])
@pytest.mark.parametrize("compressed", [False, True])
def test_an_npz_file_is_read_exactly_as_one_record(tmp_path, scale, compressed):
    image = smooth_images(1)[0, :100]
    heatmap = np.random.default_rng(0).random((100, 256, 1))
    save = np.savez_compressed if compressed else np.savez
    save(tmp_path / "a.npz", image=image.astype(np.float32) / scale, heatmap=heatmap, label=np.array([5]))
    (record,) = clickme.read_clickme(tmp_path / "a.npz")
    np.testing.assert_array_equal(record.image, image)
    np.testing.assert_array_equal(record.heatmap, heatmap[..., 0].astype(np.float32))
    assert record.heatmap.dtype == np.float32 and record.label == 5 and record.click_count is None


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"heatmap": None}, "no field 'heatmap' (fields: image, label)"),
        ({"heatmap": np.ones((4, 5))}, "heatmap: 4 × 5 pixels, but its image has 4 × 4"),
        ({"heatmap": np.array([["a"] * 4] * 4)}, "heatmap: <U1 values, not numbers"),
        ({"image": np.ones((4, 4))}, "image: shape (4, 4), not (height, width, 3)"),
        ({"image": np.full((4, 4, 3), np.nan)}, "image: not finite"),
        ({"image": np.ones((3, 4, 4))}, "image: shape (3, 4, 4), not (height, width, 3)"),
        (
            {"image": np.linspace(-2, 2.5, 48).reshape(4, 4, 3)},
            "image: values of -2 to 2.5, neither of 0 to 1 nor of 0 to 255: normalised? undo it, "
            "or store uint8",
        ),
        (
            {"image": np.full((4, 4, 3), 256)},
            "image: int64 values of 256 to 256, not pixels of 0 to 255: store them as uint8",
        ),
        ({"label": np.int64(-1)}, "label: -1 is negative: labels are indices from 0"),
        ({"label": np.array("cat")}, "label: <U3 (), not one whole number"),
        ({"label": np.array([0, 1])}, "label: int64 (2,), not one whole number"),
        ({"label": np.float64(1.5)}, "label: float64 (), not one whole number"),
        ({"label": np.array([{}])}, "label: a pickled object array, which is never loaded"),
    ],
)
def test_bad_fields_of_an_npz_file_are_named(tmp_path, change, message):
    fields = {"image": np.zeros((4, 4, 3)), "heatmap": np.ones((4, 4)), "label": np.int64(1)} | change
    np.savez(tmp_path / "a.npz", **{name: array for name, array in fields.items() if array is not None})
    with pytest.raises(InputError) as error:
        list(clickme.read_clickme(tmp_path / "a.npz"))
    assert str(error.value) == f"{tmp_path / 'a.npz'}: {message}"


def test_a_corrupt_npz_file_is_named(tmp_path):
    path = tmp_path / "a.npz"
    np.savez_compressed(path, image=np.zeros((9, 9, 3)), heatmap=np.ones((9, 9)), label=np.int64(1))
    clean = path.read_bytes()
    for damaged in (clean[:50] + bytes(40) + clean[90:], clean[: len(clean) // 2], b""):
        path.write_bytes(damaged)
        with pytest.raises(InputError, match=str(path)):
            list(clickme.read_clickme(path))


def test_twenty_shards_take_the_memory_of_one(tmp_path):
    rng = np.random.default_rng(0)
    image, heatmap = (rng.random((256, 256, n), dtype=np.float32).tobytes() for n in (3, 1))
    raw = {"image": image, "heatmap": heatmap, "label": 5}
    tfrecords.write_examples(tmp_path / "a-00", [raw] * 3)
    for i in range(1, 20):
        os.link(tmp_path / "a-00", tmp_path / f"a-{i:02d}")
    peaks = []
    for pattern in ("a-00", "a-00", "a-*"):  # the first run pays for imports
        tracemalloc.start()
        for shard in clickme.list_shards(str(tmp_path / pattern)):
            for _ in clickme.read_clickme(shard):
                pass
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[2] < 1.01 * peaks[1]


@pytest.mark.parametrize("damage", [lambda jpeg: jpeg[: len(jpeg) // 2], lambda jpeg: b"no image at all"])
def test_corrupt_jpeg_is_named_by_file_record_and_field(tmp_path, shard, damage):
    examples = list(tfrecords.read_examples(shard))
    examples[1]["heatmap"] = [damage(examples[1]["heatmap"][0])]
    path = tmp_path / "bad.tfrecords"
    tfrecords.write_examples(path, examples)
    with pytest.raises(
        InputError, match=r"bad.tfrecords: record 1 \(byte \d+\): heatmap: not a readable map"
    ):
        list(clickme.read_clickme(path))


def test_a_map_of_another_size_than_its_image_is_named(tmp_path, shard):
    examples = list(tfrecords.read_examples(shard))
    examples[2]["heatmap"] = [png(np.zeros((256, 128), np.uint8))]
    path = tmp_path / "bad.tfrecords"
    tfrecords.write_examples(path, examples)
    with pytest.raises(
        InputError, match=r"record 2 .*: heatmap: 256 × 128 pixels, but its image has 256 × 256"
    ):
        list(clickme.read_clickme(path))


def test_a_missing_feature_is_named(tmp_path):
    tfrecords.write_examples(tmp_path / "a.tfrecords", [{"image": b"x", "heatmap": b"y"}])
    with pytest.raises(InputError, match=r"record 0 \(byte 0\): label: missing"):
        list(clickme.read_clickme(tmp_path / "a.tfrecords"))


@pytest.mark.parametrize(
    ("label", "message"),
    [
        (np.float32([3.7]), "label: float32 (1,), not one whole number"),
        (b"cat", "label: text ('cat'), not one whole number"),
        (b"7", "label: text ('7'), not one whole number"),
        ([1, 2], "label: int64 (2,), not one whole number"),
        ([-1], "label: -1 is negative"),
    ],
)
def test_a_label_that_is_no_index_is_named_by_file_record_and_field(tmp_path, shard, label, message):
    examples = list(tfrecords.read_examples(shard))
    examples[1]["label"] = label
    tfrecords.write_examples(tmp_path / "bad.tfrecords", examples)
    with pytest.raises(InputError) as error:
        list(clickme.read_clickme(tmp_path / "bad.tfrecords"))
    assert "bad.tfrecords: record 1 (byte " in str(error.value) and f"): {message}" in str(error.value)


NORMALISED = ((smooth_images(1)[0] / 255 - 0.45) / 0.225).astype(np.float32).tobytes()


def turned_jpeg() -> bytes:
    exif = Image.Exif()
    exif[274] = 6
    buffer = io.BytesIO()
    Image.fromarray(smooth_images(1)[0]).save(buffer, format="JPEG", exif=exif)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("image", "message"),
    [
        (png(np.full((256, 256, 4), 99, np.uint8)), "image: transparent pixels"),
        (turned_jpeg(), "image: turned by its EXIF orientation, but its heatmap is not"),
        (NORMALISED, "image: values of -2 to 2.44444, neither of 0 to 1 nor of 0 to 255: normalised?"),
        (np.float32([1.0]), "image: float32 values, not one byte string"),
        ([2**62], "image: int64 values, not one byte string"),
        ([b"one", b"two"], "image: 2 byte strings, not one byte string"),
        (b"no image", "image: not a readable image"),
    ],
)
def test_an_image_that_cannot_be_taken_as_seen_is_named(tmp_path, shard, image, message):
    examples = list(tfrecords.read_examples(shard))
    examples[2]["image"] = image
    tfrecords.write_examples(tmp_path / "bad.tfrecords", examples)
    with pytest.raises(InputError, match=r"bad\.tfrecords: record 2 \(byte \d+\): ") as error:
        list(clickme.read_clickme(tmp_path / "bad.tfrecords"))
    assert f"): {message}" in str(error.value)


def test_images_and_maps_of_16_bits_keep_their_range(tmp_path, shard):
    deep = smooth_images(1)[0, ..., 0].astype(np.uint16) * 257
    example = next(tfrecords.read_examples(shard)) | {"image": png(deep), "heatmap": png(deep)}
    tfrecords.write_examples(tmp_path / "deep.tfrecords", [example])
    (record,) = clickme.read_clickme(tmp_path / "deep.tfrecords")
    np.testing.assert_array_equal(record.image, np.dstack([deep // 257] * 3))
    np.testing.assert_array_equal(record.heatmap, deep)


def test_records_are_counted_without_reading_them(shard, monkeypatch):
    monkeypatch.setattr(tfrecords, "decode_example", None)
    assert clickme.count_records(shard) == 3
    assert clickme.count_records("any.npz") == clickme.count_records("any.pth") == 1
    shard.write_bytes(shard.read_bytes()[:-1])
    with pytest.raises(InputError, match=r"val-0\.tfrecords: record 2 \(byte \d+\): truncated record"):
        clickme.count_records(shard)


def test_missing_shards_are_named(tmp_path):
    with pytest.raises(InputError, match=r"none-\*.tfrecords: no such TFRecord shard, npz or pth file"):
        clickme.list_shards(str(tmp_path / "none-*.tfrecords"))
    with pytest.raises(InputError, match="no such TFRecord shard"):
        list(tfrecords.read_records(tmp_path / "none"))


def test_records_before_a_corrupt_one_are_streamed(shard):
    content = shard.read_bytes()
    shard.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    records = clickme.read_clickme(shard)
    assert [next(records).label, next(records).label] == [7, 0]
    with pytest.raises(InputError, match=r"record 2 \(byte \d+\): wrong checksum of the record data"):
        next(records)


def test_writing_the_same_records_twice_gives_the_same_bytes(tmp_path):
    images = smooth_images(2)
    for name in ("a", "b"):
        clickme.write_clickme(tmp_path / name, images, images[..., 0], [1, 2])
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a", "b"]


def test_shards_and_identities_are_in_the_order_of_names(tmp_path):
    for name in ("b-1", "b-0", "a-5"):
        (tmp_path / name).touch()
    assert [p.name for p in clickme.list_shards(str(tmp_path / "b-*"))] == ["b-0", "b-1"]
    assert clickme.stimulus_id("clickme", 12) == "clickme-000012"
