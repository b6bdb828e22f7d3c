"""Claims about image statistics: gratings, ramps and windows whose answers are known in closed form."""

from __future__ import annotations

import numpy as np
import pytest

from visalign.maps.processing import undefined_maps
from visalign.zoo import image_statistics

SIDE = 224
#: Cells away from the border, where the mirror image of a grating is another grating.
INSIDE = (..., slice(8, -8), slice(8, -8))


def grating(wavelength, angle, phase=0.0, amplitude=0.2):
    y, x = np.mgrid[:SIDE, :SIDE].astype(np.float32)
    wave = (x * np.cos(angle) + y * np.sin(angle)) / wavelength
    return (0.5 + amplitude * np.cos(2 * np.pi * wave + phase)).astype(np.float32)


def grey(luma):
    """Pixels (1, 3, height, width) uint8 of luma (height, width)."""
    return np.repeat(np.round(255 * luma).astype(np.uint8)[None, None], 3, axis=1)


@pytest.mark.parametrize(("wavelength", "orientation"), [(8, 0), (8, 3), (16, 5), (32, 4)])
def test_gabor_energy_of_a_grating_is_half_its_amplitude_whatever_its_phase(wavelength, orientation):
    # The wave of negative frequency adds e^-25, the constant that is taken out .002 · .002 of it.
    angle = orientation * np.pi / 8
    phases = np.stack([grating(wavelength, angle, phase) for phase in (0, 0.7, np.pi / 2, 2.5)])
    energies = image_statistics.octave(phases, wavelength)[:, orientation][INSIDE]
    assert energies == pytest.approx(0.1, rel=1e-3)


def test_a_filter_answers_to_another_wavelength_by_its_gaussian():
    # In frequency the filter is a Gaussian of SD 1 / (2π σ).
    energy = image_statistics.octave(grating(10, 0)[None], 8)[0, 0][INSIDE]
    sd = image_statistics.ENVELOPE * 8
    assert energy == pytest.approx(0.1 * np.exp(-2 * (np.pi * sd * (1 / 10 - 1 / 8)) ** 2), rel=0.01)


def test_the_channel_of_the_planted_wavelength_and_orientation_answers_most():
    for scale, wavelength in enumerate(image_statistics.WAVELENGTHS):
        for orientation in (0, 1, 4, 6):
            pixels = grey(grating(wavelength, orientation * np.pi / 8, 1.0))
            mean = image_statistics.gabor_energy(pixels)[INSIDE].mean(axis=(0, 2, 3))
            assert mean.argmax() == scale * image_statistics.ORIENTATIONS + orientation


def test_gabor_energy_tells_nothing_of_brightness():
    image = grating(16, 1.0) - 0.3
    plain, brighter = (image_statistics.octave((image + more)[None], 16) for more in (0, 0.5))
    assert brighter == pytest.approx(plain, abs=1e-5)  # float32
    flat = image_statistics.gabor_energy(np.full((1, 3, SIDE, SIDE), 200, np.uint8))
    assert flat.shape == (1, 32, 28, 28) and flat.max() < 1e-6


@pytest.mark.parametrize("side", [80, 112, 299])
def test_gabor_energies_have_one_size_whatever_the_input(side):
    pixels = np.random.default_rng(0).integers(256, size=(2, 3, side, side), dtype=np.uint8)
    energies = image_statistics.gabor_energy(pixels)
    assert energies.shape == (2, 32, 28, 28) and energies.dtype == np.float32 and np.isfinite(energies).all()
    assert image_statistics.area_means(pixels).shape == (2, 3, 56, 56)


def test_pixels_are_means_of_cells():
    cells = np.random.default_rng(0).integers(256, size=(2, 3, 56, 56), dtype=np.uint8)
    pixels = cells.repeat(4, axis=2).repeat(4, axis=3)
    assert image_statistics.area_means(pixels) == pytest.approx(cells / 255, abs=1e-6)


def test_luma_is_that_of_rec_709():
    colours = np.array([[255, 0, 0], [0, 255, 0], [0, 0, 255], [255, 255, 255]], np.uint8)
    assert image_statistics.luma(colours[..., None, None]).ravel() == pytest.approx(
        [0.2126, 0.7152, 0.0722, 1]
    )


def test_edge_energy_of_a_ramp_is_its_slope():
    ramp = np.broadcast_to(np.arange(SIDE) / 255, (SIDE, SIDE))
    edges = image_statistics.edge_energy(grey(ramp))[0]
    assert edges[10:-10, 10:-10] == pytest.approx(1 / 255, rel=1e-3)  # eight SDs hold all of the Gaussian


def test_edge_energy_of_a_step_is_its_height_times_a_gaussian():
    step = np.where(np.arange(SIDE) < 100, 51, 204)[:, None] / 255 * np.ones(SIDE)
    edges = image_statistics.edge_energy(grey(step))[0]
    distance = np.arange(SIDE) + 0.5 - 100
    sd = image_statistics.EDGE_SD
    expected = 0.6 * np.exp(-(distance**2) / (2 * sd**2)) / (sd * np.sqrt(2 * np.pi))
    assert edges[:, 60] == pytest.approx(expected, abs=0.01 * expected.max())  # pixels are half a SD wide
    assert edges.sum(axis=0) == pytest.approx(0.6, rel=1e-3)


def test_local_contrast_is_sd_over_mean_in_the_window():
    image = np.random.default_rng(1).integers(40, 256, size=(SIDE, SIDE)) / 255
    contrast = image_statistics.local_contrast(grey(image))[0]
    reach = 4 * int(image_statistics.CONTRAST_SD)
    line = np.exp(-(np.arange(-reach, reach + 1) ** 2) / (2 * image_statistics.CONTRAST_SD**2))
    window = np.outer(line, line) / line.sum() ** 2
    for y, x in ((50, 60), (112, 112), (150, 190)):
        part = image[y - reach : y + reach + 1, x - reach : x + reach + 1]
        mean = (window * part).sum()
        sd = np.sqrt((window * (part - mean) ** 2).sum())
        assert contrast[y, x] == pytest.approx(sd / mean, rel=1e-5)


@pytest.mark.parametrize("value", [0, 1, 77, 255])
def test_a_flat_image_has_no_edges_and_no_contrast_at_all(value):
    flat = np.full((1, 3, 97, 97), value, np.uint8)
    for statistic in (image_statistics.edge_energy, image_statistics.local_contrast):
        maps = statistic(flat)
        assert maps.max() == 0 and undefined_maps(maps)[0].all()  # constant, as of any other model


def test_a_flat_part_of_an_image_ties():
    half = np.where(np.arange(SIDE) < 112, 90, 10 + np.arange(SIDE)) / 255 * np.ones((SIDE, 1))
    for statistic in (image_statistics.edge_energy, image_statistics.local_contrast):
        assert len(np.unique(statistic(grey(half))[0][:, :70])) == 1


def test_the_centre_is_the_same_for_all_images_and_falls_with_distance():
    pixels = np.random.default_rng(0).integers(256, size=(3, 3, 96, 96), dtype=np.uint8)
    maps = image_statistics.centre_bias(pixels)
    assert (maps == image_statistics.centre_bias(255 - pixels)).all() and (maps == maps[0]).all()
    y, x = np.mgrid[:96, :96] - 47.5
    order = np.argsort(-maps[0].ravel(), kind="stable")
    assert (np.diff(np.hypot(y, x).ravel()[order]) > -1e-6).all()
    assert len(np.unique(maps)) == len(np.unique(y**2 + x**2))  # no ranks are lost in float32
