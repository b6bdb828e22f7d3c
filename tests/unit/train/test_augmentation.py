"""Claims about images augmented together with their maps, and about batches that mix mapped images in."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image
from scipy.stats import ks_2samp
from torchvision.transforms import RandomResizedCrop

from visalign.errors import InputError
from visalign.train.augmentation import RATIO, SMALLEST, augment, batch_indices, random_crop

N_DRAWS = 200


def photograph(height: int = 50, width: int = 70) -> torch.Tensor:
    return torch.randint(0, 256, (3, height, width), generator=torch.Generator().manual_seed(0)).byte()


@pytest.mark.parametrize("size", [32, 64])
def test_a_map_that_is_the_red_channel_stays_the_red_channel(size):
    """Exactly in float; in uint8 to half a grey level, to which the image, but not the map, is rounded."""
    pixels = photograph()
    for seed in range(N_DRAWS):
        image, human_map, _ = augment(pixels, pixels[0].float(), size, np.random.default_rng(seed))
        assert image.dtype == torch.uint8
        assert (image[0] - human_map).abs().max() <= 0.5 + 1e-4
        image, human_map, _ = augment(pixels / 255, pixels[0] / 255, size, np.random.default_rng(seed))
        assert image.dtype == torch.float32
        torch.testing.assert_close(image[0], human_map, rtol=0, atol=1e-6)


def test_image_and_map_equal_the_crop_that_pillow_resizes():
    """Including the flip: known from the generator that drew it."""
    pixels, importance = photograph(), torch.rand(50, 70, generator=torch.Generator().manual_seed(1))
    flips = 0
    for seed in range(N_DRAWS):
        image, human_map, has_map = augment(pixels / 255, importance, 24, np.random.default_rng(seed))
        rng = np.random.default_rng(seed)
        rows, columns = random_crop(50, 70, rng)
        flip = rng.random() < 0.5
        for plane, found in ((pixels[1] / 255, image[1]), (importance, human_map)):
            crop = Image.fromarray(plane.numpy()[rows, columns])
            resized = np.asarray(crop.resize((24, 24), Image.Resampling.BILINEAR))
            np.testing.assert_allclose(found, resized[:, ::-1] if flip else resized, atol=1e-5)
        assert has_map
        flips += flip
    assert 0.4 < flips / N_DRAWS < 0.6


def test_an_image_without_a_map_gets_a_zero_map_and_the_same_crop():
    pixels = photograph()
    image, human_map, has_map = augment(pixels, None, 32, np.random.default_rng(3))
    assert not has_map
    assert human_map.shape == (32, 32) and not human_map.any()
    assert torch.equal(image, augment(pixels, torch.ones(50, 70), 32, np.random.default_rng(3))[0])


def test_a_seed_decides_the_augmentation():
    pixels = photograph()
    first, again, other = (augment(pixels, None, 32, np.random.default_rng(seed))[0] for seed in (5, 5, 6))
    assert torch.equal(first, again) and not torch.equal(first, other)


def test_crops_are_distributed_as_torchvision_s():
    """Area and log aspect ratio: Kolmogorov-Smirnov tests against as many crops of torchvision."""
    rng, drawn, reference = np.random.default_rng(0), [], []
    torch.manual_seed(0)
    canvas = torch.empty(1, 300, 400)
    for _ in range(2000):
        rows, columns = random_crop(300, 400, rng)
        assert 0 <= rows.start < rows.stop <= 300 and 0 <= columns.start < columns.stop <= 400
        drawn.append((rows.start, columns.start, rows.stop - rows.start, columns.stop - columns.start))
        reference.append(RandomResizedCrop.get_params(canvas, list((SMALLEST, 1.0)), list(RATIO)))
    ours, theirs = np.array(drawn).T, np.array(reference).T
    for summary in (lambda c: c[0], lambda c: c[1], lambda c: c[2] * c[3], lambda c: np.log(c[3] / c[2])):
        assert ks_2samp(summary(ours), summary(theirs)).pvalue > 0.01


@pytest.mark.parametrize("height, width, rows, columns", [(10, 500, 10, 13), (500, 9, 12, 9), (1, 1, 1, 1)])
def test_an_image_too_long_for_any_crop_gives_its_centre(height, width, rows, columns):
    found = random_crop(height, width, np.random.default_rng(0))
    assert [part.stop - part.start for part in found] == [rows, columns]
    for part, side in zip(found, (height, width), strict=True):
        assert abs(part.start - (side - part.stop)) <= 1


def test_a_map_of_another_size_than_the_image_is_refused():
    with pytest.raises(InputError, match=r"human_map: shape \(64, 64\) is not the image's \(50, 70\)"):
        augment(photograph(), torch.zeros(64, 64), 32, np.random.default_rng(0))


HAS_MAP = np.arange(100) % 7 == 0  # 15 of 100


@pytest.mark.parametrize("share, n_mapped", [(0.0, 0), (0.2, 4), (0.33, 7), (1.0, 20)])
def test_every_batch_has_the_share_of_mapped_images(share, n_mapped):
    for step in range(20):
        batch = batch_indices(HAS_MAP, 20, step, seed=1, share=share)
        assert batch.shape == (20,) and batch.dtype == np.int64
        assert HAS_MAP[batch].tolist() == [True] * n_mapped + [False] * (20 - n_mapped)


def test_a_pass_shows_every_image_of_a_kind_once_and_each_pass_in_another_order():
    batches = np.stack([batch_indices(HAS_MAP, 20, step, seed=1) for step in range(85)])
    for shown, kind in ((batches[:, :4].ravel(), HAS_MAP), (batches[:, 4:].ravel(), ~HAS_MAP)):
        n = kind.sum()
        passes = shown[: len(shown) // n * n].reshape(-1, n)
        assert len(passes) >= 16
        np.testing.assert_array_equal(
            np.sort(passes, axis=1), np.tile(np.flatnonzero(kind), (len(passes), 1))
        )
        assert len(np.unique(passes, axis=0)) == len(passes)


def test_a_batch_depends_on_seed_and_step_only():
    in_order = [batch_indices(HAS_MAP, 20, step, seed=1) for step in range(30)]
    np.testing.assert_array_equal(batch_indices(HAS_MAP, 20, 17, seed=1), in_order[17])
    assert not np.array_equal(batch_indices(HAS_MAP, 20, 17, seed=2), in_order[17])


@pytest.mark.parametrize(
    "has_map, share, message",
    [
        (HAS_MAP, 1.5, r"share: 1\.5 is not in \[0, 1\]"),
        (~HAS_MAP & HAS_MAP, 0.2, r"share: 0\.2 asks for images with a map, but there are none"),
        (HAS_MAP | ~HAS_MAP, 0.2, r"share: 0\.2 asks for images without a map, but there are none"),
    ],
)
def test_a_share_that_cannot_be_had_is_refused(has_map, share, message):
    with pytest.raises(InputError, match=message):
        batch_indices(has_map, 20, 0, seed=1, share=share)


def test_a_set_of_mapped_images_alone_has_no_need_of_others():
    assert len(batch_indices(np.ones(5, bool), 8, 0, seed=1, share=1.0)) == 8
