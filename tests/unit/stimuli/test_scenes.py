"""Claims about procedural scenes: balanced, the same each time, and masks and cues are what they say."""

from __future__ import annotations

import numpy as np
import pytest

from visalign.stimuli import scenes


@pytest.fixture(scope="module")
def rendered() -> list[scenes.Scene]:
    photograph = np.random.default_rng(0).integers(0, 256, (300, 400, 3), dtype=np.uint8)
    return list(scenes.scenes(16, [photograph, photograph[::-1]], 1))


def test_scenes_are_balanced_over_categories(rendered):
    assert np.bincount([scene.label for scene in rendered]).tolist() == [2] * len(scenes.SHAPES)


def test_a_longer_set_of_scenes_starts_with_the_shorter_and_another_seed_differs(rendered):
    photograph = np.random.default_rng(0).integers(0, 256, (300, 400, 3), dtype=np.uint8)
    backgrounds = [photograph, photograph[::-1]]
    for one, other in zip(rendered, scenes.scenes(3, backgrounds, 1), strict=False):
        np.testing.assert_array_equal(one.image, other.image)
        np.testing.assert_array_equal(one.mask, other.mask)
    assert (next(scenes.scenes(1, backgrounds, 2)).image != rendered[0].image).any()


@pytest.mark.parametrize("label", range(len(scenes.SHAPES)))
def test_the_mask_is_where_the_object_was_painted(label):
    """Two backgrounds, one seed: images agree inside the mask and differ outside."""
    black, white = (np.full((300, 300, 3), value, np.uint8) for value in (0, 255))
    one, other = (scenes.render(label, photograph, np.random.default_rng(3)) for photograph in (black, white))
    difference = np.abs(one.image.astype(int) - other.image).max(axis=-1)
    np.testing.assert_array_equal(one.mask, other.mask)
    assert one.mask.any() and one.image.shape == (scenes.SIZE, scenes.SIZE, 3)
    assert difference[one.mask].max() <= 128 < 127 + difference[~one.mask].min()


@pytest.mark.parametrize("shape", scenes.SHAPES)
def test_every_shape_is_a_shape_of_its_own(shape):
    y, x = np.mgrid[-1.2:1.2:101j, -1.2:1.2:101j]
    areas = {name: scenes.distance(name, x, y) < 0 for name in scenes.SHAPES}
    assert 0.05 < areas[shape].mean() < 0.6
    assert all((areas[shape] != areas[name]).mean() > 0.03 for name in scenes.SHAPES if name != shape)


@pytest.mark.parametrize("label", range(len(scenes.SHAPES)))
def test_a_cue_is_a_grating_behind_an_otherwise_unchanged_scene(label):
    """The spectrum of what the cue adds has one peak, at the category's wavelength and orientation."""
    photograph = np.full((300, 300, 3), 128, np.uint8)
    plain, cued = (scenes.render(label, photograph, np.random.default_rng(3), cue) for cue in (None, 1.0))
    np.testing.assert_array_equal(plain.mask, cued.mask)
    np.testing.assert_array_equal(plain.image[plain.mask][:, 0] > 200, cued.image[plain.mask][:, 0] > 200)
    added = (cued.image.astype(float) - plain.image)[..., 0]
    added[plain.mask] = 0
    power = np.abs(np.fft.fft(added.sum(axis=0 if label % 2 else 1)))[1:128]
    waves = scenes.WAVES / 1.5 ** (label // 2)
    assert abs(power.argmax() + 1 - waves) <= 1
    assert np.abs(added).max() <= scenes.AMPLITUDE + 1


def test_a_cue_names_the_own_category_in_its_share_of_the_scenes():
    rng = np.random.default_rng(0)
    for agreement in (0.0, 0.8, 1.0):
        cues = np.array([scenes.cue_of(3, agreement, rng) for _ in range(4000)])
        expected = agreement + (1 - agreement) / len(scenes.SHAPES)
        assert abs((cues == 3).mean() - expected) < 4 * np.sqrt(0.25 / 4000)
