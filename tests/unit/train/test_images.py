"""Claims about images for training: which batch a step sees, whatever way it is read."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

from visalign.errors import InputError
from visalign.maps import processing
from visalign.stimuli import images as decoding
from visalign.stimuli import preprocessing
from visalign.stimuli.transforms import Transform
from visalign.train import images as training_images
from visalign.train.augmentation import augment
from visalign.train.images import Batch, TrainingImages

N_MAPPED, N_OTHERS, SIZE, BATCH = 12, 12, 32, 8


def noise(seed: int, height: int, width: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """Images of noise; the red channel of the first is their map, brought to their size."""
    folder = tmp_path_factory.mktemp("images")
    maps = np.random.default_rng(0).uniform(0, 255, (N_MAPPED, 16, 16)).astype(np.float32)
    for index in range(N_MAPPED + N_OTHERS):
        size = (40 + index, 70 - index)
        pixels = noise(index, *size)
        if index < N_MAPPED:
            pixels[..., 0] = processing.resize_bilinear(maps[index][None], size)[0].round()
        Image.fromarray(pixels).save(folder / f"{index}.png")
    np.save(folder / "maps.npy", maps)
    return folder


@pytest.fixture
def images(folder) -> TrainingImages:
    """Half of each batch has a map; the label of an image is its row."""
    rows = range(N_MAPPED + N_OTHERS)
    table = pd.DataFrame({"path": [str(folder / f"{row}.png") for row in rows], "label": rows})
    return TrainingImages(table, np.load(folder / "maps.npy"), SIZE, BATCH, 0.5, seed=0, smallest_crop=0.3)


def equal(one: Batch, other: Batch) -> bool:
    return all(torch.equal(a, b) for a, b in zip(one, other, strict=True))


def test_a_batch_holds_images_labels_and_maps_of_the_share_asked_for(images):
    (batch,) = images.batches(0, 1, workers=1)
    assert batch.images.shape == (BATCH, 3, SIZE, SIZE) and batch.images.dtype == torch.uint8
    assert batch.human_maps.shape == (BATCH, SIZE, SIZE) and batch.human_maps.dtype == torch.float32
    assert batch.has_map.tolist() == [True] * 4 + [False] * 4 == (batch.labels < N_MAPPED).tolist()
    assert not batch.human_maps[4:].any()


def test_every_image_is_seen_once_a_pass(images):
    labels = torch.cat([batch.labels for batch in images.batches(0, 3, workers=2)])
    assert sorted(labels.tolist()) == list(range(N_MAPPED + N_OTHERS))


def test_image_and_map_are_cropped_and_flipped_together(images):
    """The red channel, which is the map, stays the map, to the two roundings to grey levels of the image."""
    for batch in images.batches(0, 5, workers=2):
        difference = batch.images[:, 0].float() - batch.human_maps
        assert difference[batch.has_map].abs().max() <= 1 + 1e-3
        assert batch.human_maps[batch.has_map].std(dim=(1, 2)).min() > 5, "not because both are blank"


def test_an_image_is_augmented_by_its_seed_step_and_slot(images):
    (batch,) = images.batches(3, 4, workers=1)
    for slot, row in enumerate(images.indices(3)):
        pixels = torch.from_numpy(np.array(Image.open(images.table["path"][row]))).permute(2, 0, 1)
        expected, _, _ = augment(pixels, None, SIZE, np.random.default_rng([0, 3, slot]), 0.3)
        assert torch.equal(batch.images[slot], expected) and batch.labels[slot] == row


@pytest.mark.parametrize("start", range(1, 6))
def test_batches_do_not_depend_on_where_reading_starts(images, start):
    whole, rest = list(images.batches(0, 6, workers=2)), list(images.batches(start, 6, workers=2))
    assert len(rest) == 6 - start
    assert all(map(equal, whole[start:], rest))


def test_nothing_is_read_where_all_steps_are_done(images):
    assert list(images.batches(6, 6, workers=2)) == []


@pytest.mark.parametrize("cache_bytes", [0, 30_000, training_images.CACHE_BYTES])
@pytest.mark.parametrize("workers", [1, 5])
def test_batches_do_not_depend_on_workers_or_cache(images, monkeypatch, workers, cache_bytes):
    expected = list(images.batches(0, 4, workers=2))
    monkeypatch.setattr(training_images, "CACHE_BYTES", cache_bytes)
    assert all(map(equal, expected, replace(images).batches(0, 4, workers)))


def test_batches_depend_on_the_seed(images):
    (one,), (other,) = images.batches(0, 1, workers=1), replace(images, seed=1).batches(0, 1, workers=1)
    assert not torch.equal(one.labels, other.labels) and not torch.equal(one.images, other.images)


@pytest.mark.parametrize("world", [2, 4, 8])
@pytest.mark.parametrize("share", [0.125, 0.5])
def test_parts_of_several_processes_are_the_batch_with_maps_spread_evenly(images, world, share):
    images = replace(images, share=share)
    (whole,) = images.batches(2, 3, workers=2)
    parts = [next(iter(images.batches(2, 3, 2, rank, world))) for rank in range(world)]
    for rank, part in enumerate(parts):
        assert equal(part, Batch(*(each[rank::world] for each in whole)))
    mapped = [int(part.has_map.sum()) for part in parts]
    assert max(mapped) - min(mapped) <= 1 and sum(mapped) == share * BATCH


def test_constant_and_non_finite_maps_are_none(images):
    maps = images.maps.copy()
    maps[0], maps[1, 3, 3], maps[2, 0, 0] = 7.0, np.nan, np.inf
    found = replace(images, maps=maps)
    assert np.flatnonzero(~found.has_map).tolist() == [0, 1, 2, *range(N_MAPPED, N_MAPPED + N_OTHERS)]
    batches = list(found.batches(0, 5, workers=2))
    assert all(batch.human_maps.isfinite().all() for batch in batches)
    seen = {int(label) for batch in batches for label in batch.labels[~batch.has_map]}
    assert {0, 1, 2} <= seen, "they are images without a map"


@pytest.mark.parametrize(("share", "kind"), [(1.0, "with"), (0.5, "with"), (0.0, "without")])
def test_a_share_that_cannot_be_had_is_refused_at_once(images, share, kind):
    maps = images.maps if share == 0 else np.zeros_like(images.maps)
    table = images.table[:N_MAPPED] if share == 0 else images.table
    with pytest.raises(InputError, match=f"share: {share} asks for images {kind} a map, but there are none"):
        replace(images, table=table, maps=maps, share=share)


@pytest.mark.parametrize("content", [b"no image", None], ids=["broken", "cut off"])
def test_a_broken_image_is_named(images, tmp_path, content):
    whole = Path(images.table["path"][0]).read_bytes()
    broken = tmp_path / "broken.png"
    broken.write_bytes(content or whole[: len(whole) // 2])
    table = images.table.assign(path=str(broken))
    with pytest.raises(InputError, match=r"broken\.png: not a readable image: "):
        next(iter(replace(images, table=table).batches(0, 1, workers=2)))


def test_a_missing_image_is_named(images):
    table = images.table.assign(path="absent.png")
    with pytest.raises(InputError, match=r"absent\.png: not a readable image: "):
        next(iter(replace(images, table=table).batches(0, 1, workers=2)))


def test_the_cache_holds_no_more_than_its_bound_and_the_image_that_reached_it(images, monkeypatch):
    monkeypatch.setattr(training_images, "CACHE_BYTES", 30_000)
    for _ in images.batches(0, 9, workers=1):
        pass
    held = sum(image.numel() for image in images.cache.values())
    assert 30_000 <= held < 30_000 + 3 * 60 * 60


def test_a_small_set_is_decoded_once(images, monkeypatch):
    opened = []
    original = decoding.read
    monkeypatch.setattr(decoding, "read", lambda path, ground: opened.append(path) or original(path, ground))
    for _ in images.batches(0, 9, workers=1):
        pass
    assert sorted(opened) == sorted(images.table["path"])


def test_batches_are_read_ahead_but_no_more_than_two(images, monkeypatch):
    asked = []
    original = TrainingImages.indices
    monkeypatch.setattr(
        TrainingImages, "indices", lambda self, step: asked.append(step) or original(self, step)
    )
    reading = images.batches(0, 9, workers=2)
    next(reading)
    assert asked == [0, 1, 2]
    reading.close()


def test_training_shows_the_pixels_that_the_stage_preprocess_stores(images, tmp_path):
    """Upright, on the declared ground, scaled from 16 bits."""
    exif = Image.Exif()
    exif[274] = 6
    pixels = noise(0, 40, 40)
    Image.fromarray(pixels).save(tmp_path / "0.png", exif=exif)
    Image.new("RGBA", (40, 40), (255, 0, 0, 51)).save(tmp_path / "1.png")
    Image.fromarray(pixels[..., 0].astype(np.uint16) * 257).save(tmp_path / "2.png")
    paths = [str(tmp_path / f"{row}.png") for row in range(3)]
    table = pd.DataFrame({"path": paths, "label": range(3), "background": ["", "#0000ff", None]})
    shown = TrainingImages(table, images.maps[:1], SIZE, 2, 0.5, seed=0, smallest_crop=0.3)
    transform = Transform(40, 40, "squash", 1.0)
    for row, path in enumerate(map(Path, paths)):
        sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
        stored = preprocessing.load(path, sha256, transform, table["background"][row])
        np.testing.assert_array_equal(shown.image(row).numpy(), stored)
    np.testing.assert_array_equal(shown.image(0).numpy(), np.rot90(pixels, -1).transpose(2, 0, 1))
    with pytest.raises(InputError, match=r"1\.png: transparent pixels"):
        replace(shown, table=table.assign(background="")).image(1)
