"""Claims about the geometry of evaluation transforms."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import timm
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from timm.data import create_transform

from visalign.errors import InputError
from visalign.stimuli.transforms import CROP_MODES, INTERPOLATIONS, Transform

#: (height, width): landscape, portrait, square, smaller than every crop, thin.
IMAGE_SIZES = [(150, 200), (201, 133), (128, 128), (40, 61), (23, 180)]
MEAN = (0.485, 0.456, 0.406)
FILL = (124, 116, 104)


def noise(height: int, width: int) -> Image.Image:
    pixels = np.random.default_rng([height, width]).integers(0, 256, (height, width, 3), dtype=np.uint8)
    return Image.fromarray(pixels)


def by_timm(transform: Transform, image: Image.Image) -> np.ndarray:
    """What timm's evaluation transform makes of an image before normalisation."""
    reference = create_transform(
        input_size=(3, transform.height, transform.width),
        is_training=False,
        interpolation=transform.interpolation,
        mean=MEAN,
        crop_pct=transform.crop_pct,
        crop_mode=transform.crop_mode,
        normalize=False,
    )
    return reference(image).numpy()


@pytest.mark.parametrize("size", IMAGE_SIZES)
@pytest.mark.parametrize("interpolation", ["bicubic", "bilinear"])
@pytest.mark.parametrize("mode", CROP_MODES)
def test_pixels_equal_those_of_timm(mode, interpolation, size):
    image = noise(*size)
    for (height, width), crop_pct in itertools.product([(64, 64), (97, 97), (60, 90)], [0.875, 1.0, 1.15]):
        transform = Transform(height, width, mode, crop_pct, interpolation, FILL)
        ours, theirs = transform.apply(image), by_timm(transform, image)
        assert ours.dtype == theirs.dtype == np.uint8
        np.testing.assert_array_equal(ours, theirs, err_msg=transform.key)


@given(
    size=st.tuples(st.integers(24, 240), st.integers(24, 240)),  # timm fails where a side shrinks to nothing
    target=st.integers(16, 96),
    crop_pct=st.floats(0.5, 2),
    mode=st.sampled_from(CROP_MODES),
)
@settings(max_examples=60, deadline=None)
def test_any_square_target_equals_timm(size, target, crop_pct, mode):
    transform = Transform(target, target, mode, crop_pct, "bilinear", FILL)
    image = noise(*size)
    np.testing.assert_array_equal(transform.apply(image), by_timm(transform, image))


def test_every_transform_of_timm_is_one_of_ours():
    """All pretrained tags; VOLO's largest have a crop fraction above 1."""
    configs = [timm.get_pretrained_cfg(name).to_dict() for name in timm.list_pretrained()]
    resolved = [timm.data.resolve_data_config(pretrained_cfg=config) for config in configs]
    assert max(config["crop_pct"] for config in resolved) > 1
    keys = {Transform.of_model(config).key for config in resolved if config["input_size"][0] == 3}
    assert all(Transform.from_key(key).key == key for key in keys)


def test_the_largest_volo_sees_what_timm_shows_it():
    image, config = noise(375, 500), timm.get_pretrained_cfg("volo_d5_512.sail_in1k").to_dict()
    transform = Transform.of_model(timm.data.resolve_data_config(pretrained_cfg=config))
    result = transform.apply(image)
    np.testing.assert_array_equal(result, by_timm(transform, image))
    assert (result[:, :33] == 0).all() and result[:, 34:-34].any(axis=(0, 2)).all()


def test_full_size_photograph_equals_timm():
    image = noise(375, 500)
    transform = Transform(224, 224)
    np.testing.assert_array_equal(transform.apply(image), by_timm(transform, image))


def test_grey_and_transparent_images_become_three_channels():
    for mode in ("L", "RGBA", "P", "CMYK"):
        assert Transform(32, 48).apply(noise(50, 60).convert(mode)).shape == (3, 32, 48)


def test_squash_with_full_crop_shows_the_whole_image():
    """Left half black, right half white: the border stays in the middle."""
    image = Image.new("RGB", (200, 50))
    image.paste((255, 255, 255), (100, 0, 200, 50))
    result = Transform(64, 64, "squash", 1.0, "nearest").apply(image)
    assert (result[:, :, :32] == 0).all() and (result[:, :, 32:] == 255).all()


def test_border_pads_with_the_fill_colour():
    result = Transform(64, 64, "border", 1.0, "bilinear", FILL).apply(Image.new("RGB", (64, 32), "white"))
    np.testing.assert_array_equal(result[:, 0, 0], FILL)
    np.testing.assert_array_equal(result[:, 32, 32], (255, 255, 255))


transforms = st.builds(
    Transform,
    height=st.integers(1, 2048),
    width=st.integers(1, 2048),
    crop_mode=st.sampled_from(["center", "squash"]),
    crop_pct=st.floats(0.01, 2),
    interpolation=st.sampled_from(sorted(INTERPOLATIONS)),
) | st.builds(
    Transform,
    height=st.integers(1, 2048),
    width=st.integers(1, 2048),
    crop_mode=st.just("border"),
    fill=st.tuples(*[st.integers(0, 255)] * 3),
)


@given(transforms)
def test_a_key_gives_its_transform_back(transform):
    assert Transform.from_key(transform.key) == transform


@given(transforms)
def test_a_key_is_a_file_name(transform):
    assert not set(transform.key) & set("/ \\:*?")


def test_the_key_of_the_usual_transform_is_readable():
    assert Transform(224, 224).key == "224x224-center-0.875-bicubic"
    assert Transform(160, 160, "squash", 1.0, "bilinear").key == "160x160-squash-1-bilinear"


@pytest.mark.parametrize("key", ["", "224", "224x224-center-0.875", "224x224-corner-0.875-bicubic", "x"])
def test_a_bad_key_is_named(key):
    with pytest.raises(InputError, match="transform: "):
        Transform.from_key(key)


@pytest.mark.parametrize(
    ("field", "value"),
    [("crop_mode", "corner"), ("interpolation", "cubic"), ("crop_pct", 0.0), ("crop_pct", 87.5)],
)
def test_a_bad_field_is_named_with_its_value(field, value):
    with pytest.raises(InputError, match=f"{field}: .*{value}"):
        Transform(**{"height": 64, "width": 64, field: value})
