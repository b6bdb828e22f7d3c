"""Claims about fixations: the maps they make, against SciPy and closed forms, and which of them count."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage
from scipy.integrate import dblquad

from visalign.errors import InputError
from visalign.maps import fixations
from visalign.maps.fixation_files import Trial
from visalign.maps.fixations import Person, Settings

HEIGHT, WIDTH = 320, 448  # cells of 5 × 7 pixels
SIZES = {"a.jpg": (HEIGHT, WIDTH), "b.jpg": (HEIGHT, WIDTH)}
SIGMA = Settings(sigma=12.0)


def person(*xy: tuple[float, float], weights: list[float] | None = None) -> Person:
    return Person(np.array(xy, dtype=float), np.array(weights or [1.0] * len(xy)))


def smoothed(someone: Person, sigma: float = 12.0, size: tuple[int, int] = (HEIGHT, WIDTH)) -> np.ndarray:
    return fixations.smoothed(someone, size, np.array([sigma, sigma]))


def trial(image: str, name: str, *xy: tuple[float, float], duration: list[float] | None = None) -> Trial:
    durations = np.full(len(xy), np.nan) if duration is None else np.array(duration, dtype=float)
    return Trial(image, name, np.reshape(np.array(xy, dtype=float), (-1, 2)), durations)


def place(trials: list[Trial], settings: Settings = SIGMA, sizes: dict = SIZES) -> tuple:
    return fixations.place(trials, sizes, settings, "f.csv")


# --- maps ---


@pytest.mark.parametrize("sigma", [(12.0, 12.0), (16.0, 12.0)])
def test_a_map_is_the_histogram_of_fixations_filtered_by_scipy(sigma):
    """SciPy samples a Gaussian at whole pixels, here it is integrated: up to 1 / (24 σ²) = 3e-4 apart."""
    rng = np.random.default_rng(0)
    pixels = np.column_stack([rng.integers(0, WIDTH, 60), rng.integers(0, HEIGHT, 60)])
    weights = rng.uniform(0.5, 2, 60)
    histogram = np.zeros((HEIGHT, WIDTH))
    np.add.at(histogram, (pixels[:, 1], pixels[:, 0]), weights)
    filtered = ndimage.gaussian_filter(histogram, sigma[::-1], mode="constant", truncate=4)
    expected = filtered.reshape(64, HEIGHT // 64, 64, WIDTH // 64).mean(axis=(1, 3))
    found = fixations.smoothed(Person(pixels + 0.5, weights), (HEIGHT, WIDTH), np.array(sigma))
    np.testing.assert_allclose(found, expected, atol=1e-3 * expected.max())


def test_a_cell_is_the_integral_of_the_gaussian_over_it():
    """Numerically integrated (to 1.5e-8 by default), with the mass beyond four SDs put back."""
    x, y, sigma = 100.3, 61.8, 9.0
    found = smoothed(person((x, y)), sigma)
    whole = 0.9999366575163338**2  # erf(4 / √2) along each axis
    for row, column in ((12, 14), (10, 13), (13, 17)):
        (top, left), (tall, wide) = (row * 5, column * 7), (5, 7)
        mass, _ = dblquad(
            lambda v, u: np.exp(-((u - x) ** 2 + (v - y) ** 2) / (2 * sigma**2)) / (2 * np.pi * sigma**2),
            *(left, left + wide, top, top + tall),
        )
        assert found[row, column] == pytest.approx(mass / (tall * wide) / whole, rel=1e-6)


def test_a_fixation_has_mass_one_inside_and_half_of_it_on_the_border():
    """Nothing is normalised again: what falls outside is lost; sums in float64."""
    cell = (HEIGHT // 64) * (WIDTH // 64)
    assert smoothed(person((200, 150))).sum() * cell == pytest.approx(1)
    assert smoothed(person((0, 150))).sum() * cell == pytest.approx(0.5)
    assert smoothed(person((0, 0))).sum() * cell == pytest.approx(0.25)


def test_beyond_four_sds_all_places_are_alike():
    found = smoothed(person((224, 160)))
    rows, columns = np.nonzero(found)
    assert (found == 0).any() and np.unique(found[found == 0]).size == 1
    assert columns.min() * 7 <= 224 - 48 < (columns.min() + 1) * 7
    assert rows.max() * 5 < 160 + 48 <= (rows.max() + 1) * 5


def test_the_gaussian_is_round_in_pixels_of_an_oblong_image():
    """SD along x and y, in pixels, from the moments of the map: those of a cell, side² / 12, are added."""
    found = smoothed(person((224, 160)), 20)
    for axis, side in ((1, 7), (0, 5)):
        profile = found.sum(axis=1 - axis)
        centres = (np.arange(64) + 0.5) * side
        mean = (profile * centres).sum() / profile.sum()
        variance = (profile * (centres - mean) ** 2).sum() / profile.sum()
        assert variance == pytest.approx(20**2 + side**2 / 12, rel=2e-3)  # the tails beyond 4 SDs: 1e-3


def test_a_map_is_the_sum_of_its_fixations_by_their_weights():
    both = smoothed(person((100, 100), (300, 200), weights=[2, 0.5]))
    apart = 2 * smoothed(person((100, 100))) + 0.5 * smoothed(person((300, 200)))
    np.testing.assert_allclose(both, apart, atol=1e-15)


def test_the_map_of_an_image_is_the_mean_of_its_people():
    found, _ = place([trial("a.jpg", "1", (100, 100)), trial("a.jpg", "2", (300, 200), (310, 200))])
    ((image, maps),) = found.participants()
    assert image == "a.jpg" and maps.shape == (2, 64 * 64) and maps.dtype == np.float32
    np.testing.assert_array_equal(maps[0], smoothed(person((100, 100))).ravel().astype(np.float32))
    np.testing.assert_allclose(found.mean_map("a.jpg").ravel(), maps.mean(axis=0), rtol=1e-6)


# --- where ---


def test_sigma_is_in_pixels_or_in_degrees():
    trials = [trial("a.jpg", "1", (100, 100))]
    pixels, _ = place(trials, Settings(sigma=24))
    degrees, _ = place(trials, Settings(sigma=1, pixels_per_degree=24))
    np.testing.assert_array_equal(pixels.mean_map("a.jpg"), degrees.mean_map("a.jpg"))


def test_an_image_in_the_middle_of_a_screen_has_its_own_pixels():
    on_image, _ = place([trial("a.jpg", "1", *[(100, 50)] * 9)])
    on_screen, counts = place(
        [trial("a.jpg", "1", *[(100 + 96, 50 + 40)] * 9, (90, 200))], Settings(sigma=12, screen="640x400")
    )
    assert counts["fixations_outside"] == 1
    np.testing.assert_allclose(on_screen.mean_map("a.jpg"), on_image.mean_map("a.jpg"), rtol=1e-6)


def test_an_image_that_was_shown_larger_is_scaled_with_its_gaussian():
    own, _ = place([trial("a.jpg", "1", (100, 50), (10, 300))])
    shown, _ = place(
        [trial("a.jpg", "1", (200 + 52, 100 + 192), (20 + 52, 600 + 192))],
        Settings(sigma=24, screen="1000x1024", shown="896x640"),
    )
    np.testing.assert_allclose(shown.mean_map("a.jpg"), own.mean_map("a.jpg"), rtol=1e-6)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (
            Settings(sigma=12, shown="640x640"),
            "f.csv: shown: 640x640, but 'a.jpg' has another shape, 448x320",
        ),
        (
            Settings(sigma=12, screen="400x400"),
            "f.csv: screen: 400x400 is smaller than 'a.jpg' as shown, 448x320",
        ),
        (Settings(sigma=12, screen="800 x 600"), "screen: '800 x 600' is not WIDTHxHEIGHT in pixels"),
        (Settings(sigma=12, shown="0x600"), "shown: '0x600' is not WIDTHxHEIGHT in pixels"),
        (
            Settings(sigma=1),
            r"f.csv: sigma: 1 pixels, .*at least 0.5 cells; with pixels_per_degree it is in degrees",
        ),
        (
            Settings(sigma=20, pixels_per_degree=25),
            "f.csv: sigma: 500 pixels, but a cell .* and the image 448",
        ),
    ],
)
def test_a_frame_or_an_sd_that_does_not_suit_the_images_is_refused(settings, message):
    with pytest.raises(InputError, match=message):
        place([trial("a.jpg", "1", (100, 100))], settings)


# --- which count ---


def test_what_is_left_out_is_counted():
    nowhere = (np.nan, np.nan)
    trials = [
        trial("a.jpg", "1", (10, 10), *[(100, 100)] * 20, (-1, 5), nowhere),
        trial("a.jpg", "2", (100, 320)),
        trial("a.jpg", "3"),
        trial("elsewhere.jpg", "1", (5, 5)),
        trial("elsewhere.jpg", "2", (9000, 5)),
    ]
    found, counts = place(trials)
    assert counts == {
        "trials": 5,
        "unlisted": 2,
        "images_unlisted": 1,
        "fixations": 24,
        "first_fixations": 0,
        "no_position": 1,
        "fixations_outside": 2,
        "trials_without_fixations": 2,
        "images_without_fixations": 1,
        "fixations_kept": 21,
        "images_kept": 1,
    }
    left_out = ("first_fixations", "no_position", "fixations_outside")
    assert counts["fixations"] - sum(counts[name] for name in left_out) == counts["fixations_kept"]
    assert list(found.by_image) == ["a.jpg"] and len(found.by_image["a.jpg"].people) == 1


def test_the_first_fixation_is_left_out_where_it_is_not_wanted():
    trials = [trial("a.jpg", "1", (224, 160), (10, 10)), trial("a.jpg", "2", (224, 160))]
    without = Settings(sigma=12, first_fixation=False)
    found, counts = place(trials, without)
    assert (counts["first_fixations"], counts["trials_without_fixations"]) == (2, 1)
    expected, _ = place([trial("a.jpg", "1", (10, 10))])
    np.testing.assert_array_equal(found.mean_map("a.jpg"), expected.mean_map("a.jpg"))


def test_durations_weight_where_they_should_and_must_then_be_known():
    by_duration = Settings(sigma=12, weighting="duration")
    twice = trial("a.jpg", "1", (100, 100), (300, 200), (np.nan, np.nan), duration=[300, 100, np.nan])
    found, _ = place([twice], by_duration)
    expected = smoothed(person((100, 100), (300, 200), weights=[300, 100]))
    np.testing.assert_allclose(found.mean_map("a.jpg"), expected, rtol=1e-6)
    unweighted, _ = place([twice])
    np.testing.assert_allclose(
        unweighted.mean_map("a.jpg"), smoothed(person((100, 100), (300, 200))), rtol=1e-6
    )
    message = "f.csv: duration: none of fixation 2 of person '1' on 'a.jpg', and weighting is by duration"
    with pytest.raises(InputError, match=message):
        place([trial("a.jpg", "1", (100, 100), (300, 200), duration=[300, np.nan])], by_duration)


def test_images_are_in_the_order_of_the_stimulus_set():
    found, _ = place([trial("b.jpg", "1", (9, 9)), trial("a.jpg", "1", (9, 9))])
    assert list(found.by_image) == ["a.jpg", "b.jpg"]


@pytest.mark.parametrize(
    ("trials", "message"),
    [
        (
            [trial("c", "1", (9, 9))],
            r"f.csv: image: none of its 1 images \('c'\) is one of the 2 .*'a.jpg', 'b.jpg'",
        ),
        (
            [trial("a.jpg", "1", (0.5, 0.3), (0.1, 1))],
            "f.csv: x, y: x from 0.1 to 0.5, .* are shares of the image",
        ),
        (
            [trial("a.jpg", "1", *[(9, 9)] * 8, (900, 9))],
            "f.csv: x, y: 1 of 9 fixations lie outside their image .x from 9 to 900, .* screen and shown",
        ),
        ([trial("a.jpg", "1"), trial("a.jpg", "2", (np.nan, np.nan))], "f.csv: x, y: no fixation is left"),
    ],
)
def test_positions_that_are_no_pixels_of_the_images_are_refused(trials, message):
    with pytest.raises(InputError, match=message):
        place(trials)


def test_a_tenth_of_the_fixations_may_lie_outside():
    _, counts = place([trial("a.jpg", "1", *[(9, 9)] * 9, (900, 9))])
    assert counts["fixations_outside"] == 1
