"""Claims about click logs: encodings, filters, maps, and the participants' ceiling and floor."""

from __future__ import annotations

import re

import numpy as np
import pytest
import torch
from scipy import stats as scipy_stats

from visalign.errors import InputError
from visalign.maps import clicks as click_logs
from visalign.maps import processing
from visalign.stats import correlations


def gaussian_clicks(rng: np.random.Generator, centre: np.ndarray, n: int, sigma: float = 25) -> np.ndarray:
    return np.clip(rng.normal(centre, sigma, size=(n, 2)), 0, 255.9)


def simulated_log(
    rng: np.random.Generator, n_images: int = 20, n_participants: int = 20, n_clicks: int = 12
) -> click_logs.ClickLog:
    """Participants who click around an image's own spot."""
    centres = rng.uniform(70, 186, size=(n_images, 2))
    pairs = [(i, p) for i in range(n_images) for p in range(n_participants)]
    return click_logs.ClickLog(
        np.array([f"image-{i:02d}" for i, _ in pairs]),
        tuple(gaussian_clicks(rng, centres[i], n_clicks) for i, _ in pairs),
        np.array([f"user-{p:02d}" for _, p in pairs]),
        np.ones(len(pairs)),
        np.zeros(len(pairs), dtype=bool),
    )


def write(path, log: click_logs.ClickLog) -> None:
    click_logs.write_log(path, log.file_pointer, log.clicks, log.user_id, log.user_catch_trial, log.is_mobile)


def assert_equal_logs(a: click_logs.ClickLog, b: click_logs.ClickLog) -> None:
    for field in ("file_pointer", "user_id", "user_catch_trial", "is_mobile"):
        np.testing.assert_array_equal(getattr(a, field), getattr(b, field))
    assert len(a.clicks) == len(b.clicks)
    for x, y in zip(a.clicks, b.clicks, strict=True):
        np.testing.assert_array_equal(x, y)


# --- files ---


def test_a_log_survives_the_round_trip(tmp_path):
    log = simulated_log(np.random.default_rng(0), 3, 4)
    log = click_logs.ClickLog(
        log.file_pointer,
        (np.zeros((0, 2)), *log.clicks[1:]),
        log.user_id,
        log.user_catch_trial,
        log.is_mobile,
    )
    write(tmp_path / "log.npz", log)
    assert_equal_logs(click_logs.read_log(tmp_path / "log.npz"), log)


def test_the_padded_encoding_reads_as_the_flat_one(tmp_path):
    rng = np.random.default_rng(0)
    clicks = [rng.uniform(0, 256, (k, 2)) for k in (3, 0, 5)]
    padded = np.full((3, 5, 2), np.nan)
    for row, xy in zip(padded, clicks, strict=True):
        row[: len(xy)] = xy
    common = {
        "file_pointer": np.array(list("aab")),
        "user_id": np.arange(3),
        "user_catch_trial": np.ones(3),
        "is_mobile": np.zeros(3, dtype=bool),
    }
    np.savez(tmp_path / "padded.npz", clickmap_x=padded[..., 0], clickmap_y=padded[..., 1], **common)
    click_logs.write_log(tmp_path / "flat.npz", clicks=clicks, **common)
    assert_equal_logs(
        click_logs.read_log(tmp_path / "padded.npz"), click_logs.read_log(tmp_path / "flat.npz")
    )


def public_log() -> dict[str, np.ndarray]:
    """Fields as the public files hold them: ragged lists as object arrays."""
    x = np.empty(2, dtype=object)
    y, mobile = x.copy(), x.copy()
    x[:], y[:], mobile[:] = [[1, 2], [3]], [[4, 5], [6]], [[False], []]
    return {
        "file_pointer": np.array(["a", "b"], dtype=object),
        "clickmap_x": x,
        "clickmap_y": y,
        "user_id": np.array([1, 2], dtype=object),
        "user_catch_trial": np.array([1.0, 0.9], dtype=object),
        "is_mobile": mobile,
    }


def test_pickled_arrays_are_refused_with_the_way_to_convert_them(tmp_path):
    np.savez(tmp_path / "public.npz", **public_log())
    with pytest.raises(InputError, match="pickled object array, which is never loaded; convert") as error:
        click_logs.read_log(tmp_path / "public.npz")
    assert "\n" not in str(error.value)


def test_the_documented_conversion_makes_a_readable_log(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    np.savez("public.npz", **public_log())
    recipe = re.search(r"::\n\n((?:    .*\n)+)", click_logs.__doc__).group(1)
    exec("\n".join(line[4:] for line in recipe.splitlines()), {"np": np})
    log = click_logs.read_log("plain.npz")
    assert [c.tolist() for c in log.clicks] == [[[1, 4], [2, 5]], [[3, 6]]]
    assert log.user_catch_trial.tolist() == [1.0, 0.9] and not log.is_mobile.any()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"user_id": np.arange(2)}, "user_id: shape"),
        ({"user_catch_trial": np.array(["x", "y", "z"])}, "user_catch_trial: <U1 values, not numbers"),
        ({"clickmap_x": np.ones(5)}, "clickmap_x and clickmap_y"),
        ({"click_offsets": np.array([0, 1, 2, 3])}, "click_offsets: not 4 rising offsets from 0 to 6"),
        ({"clickmap_x": np.array([1, 2, np.inf, 4, 5, 6])}, "infinite click"),
        ({"is_mobile": None}, "no field 'is_mobile'"),
        ({"click_offsets": None}, "flat arrays need click_offsets"),
    ],
)
def test_bad_fields_are_named(tmp_path, change, message):
    fields = {
        "file_pointer": np.array(list("abc")),
        "clickmap_x": np.ones(6),
        "clickmap_y": np.ones(6),
        "click_offsets": np.array([0, 2, 4, 6]),
        "user_id": np.arange(3),
        "user_catch_trial": np.ones(3),
        "is_mobile": np.zeros(3),
    }
    fields = {k: v for k, v in (fields | change).items() if v is not None}
    np.savez(tmp_path / "log.npz", **fields)
    with pytest.raises(InputError, match=re.escape(message)) as error:
        click_logs.read_log(tmp_path / "log.npz")
    assert str(tmp_path / "log.npz") in str(error.value)


FIELDS = {
    "file_pointer": np.array(list("abc")),
    "clickmap_x": np.array([10.0, 20, 30, 40, 50, 60]),
    "clickmap_y": np.array([60.0, 50, 40, 30, 20, 10]),
    "click_offsets": np.array([0, 2, 4, 6]),
    "user_id": np.arange(3),
    "user_catch_trial": np.ones(3),
    "is_mobile": np.zeros(3),
}
PADDED = np.array([[1.0, 2, np.nan], [4, 5, 6], [7, np.nan, np.nan]])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"user_catch_trial": np.array([1.0, 97.5, 100])},
            "user_catch_trial: 97.5 (entry 1, 2 such) is not a share from 0 to 1 (divide percent by 100)",
        ),
        ({"user_catch_trial": np.array([1, -1, 1])}, "user_catch_trial: -1 (entry 1, 1 such) is not a share"),
        ({"is_mobile": np.array([0, 1, 2])}, "is_mobile: 2 (entry 2, 1 such) is neither 0 nor 1"),
        ({"is_mobile": np.array([0, np.nan, 1])}, "is_mobile: nan (entry 1, 1 such) is neither 0 nor 1"),
        ({"is_mobile": np.array(["True"] * 3)}, "is_mobile: <U4 values, not numbers"),
        ({"is_mobile": np.array([b"0"] * 3)}, "is_mobile: |S1 values, not numbers"),
        ({"file_pointer": np.array(["a", "", "c"])}, "file_pointer: entry 1 names no image"),
        ({"file_pointer": np.array([["a"]] * 3)}, "file_pointer: shape (3, 1), not one image an entry"),
        ({"file_pointer": np.array(3)}, "file_pointer: shape (), not one image an entry"),
        ({"user_id": np.array([True, False, True])}, "user_id: bool values, not names"),
        ({"user_id": np.array([b"\xff"] * 3)}, "user_id: not UTF-8"),
        ({"clickmap_x": np.ones(6, bool)}, "clickmap_x: bool values, not numbers"),
        (
            {"clickmap_x": FIELDS["clickmap_x"] / 256, "clickmap_y": FIELDS["clickmap_y"] / 256},
            "x from 0.0390625 to 0.234375, y from 0.0390625 to 0.234375 are shares of the image: clicks",
        ),
        (
            {"clickmap_x": FIELDS["clickmap_x"] / 30 - 1, "clickmap_y": FIELDS["clickmap_y"] / 60},
            "are shares of the image",
        ),
        (
            {"clickmap_x": FIELDS["clickmap_x"] * 8},
            "3 of 6 clicks lie outside (x from 80 to 480, y from 10 to 60): clicks are in pixels of the 256",
        ),
        (
            {"clickmap_x": np.where(np.arange(6) == 3, np.nan, FIELDS["clickmap_x"])},
            "clickmap_x, clickmap_y: NaN among the clicks of entry 1 (1 such clicks): leave them out",
        ),
        ({"click_offsets": np.array([0.0, 2, 4, 6])}, "click_offsets: not 4 rising offsets"),
        ({"click_offsets": np.array([0, 4, 2, 6], np.uint64)}, "click_offsets: not 4 rising offsets"),
        (
            {"clickmap_x": PADDED[:, ::-1], "clickmap_y": PADDED[:, ::-1]},
            "NaN among the clicks of entry 0 (2 such): NaN may only fill a row behind its last click",
        ),
        ({"clickmap_x": PADDED, "clickmap_y": PADDED[[1, 1, 1]]}, "NaN among the clicks of entry 0 (2 such)"),
        (
            {
                "clickmap_x": np.nan_to_num(PADDED).astype(int),
                "clickmap_y": np.nan_to_num(PADDED).astype(int),
            },
            "clickmap_x, clickmap_y: entry 0 ends in a click at (0, 0) (2 such): fill rows with NaN",
        ),
    ],
)
def test_what_would_vanish_or_be_misread_is_refused(tmp_path, change, message):
    np.savez(tmp_path / "log.npz", **(FIELDS | change))
    with pytest.raises(InputError, match=re.escape(message)) as error:
        click_logs.read_log(tmp_path / "log.npz")
    assert str(tmp_path / "log.npz") in str(error.value) and "\n" not in str(error.value)


@pytest.mark.parametrize(
    "users", [np.array(["", " ", "a"]), np.array([np.nan, np.nan, 1.0]), np.array(["None", "nan", "a"])]
)
def test_a_missing_participant_is_nobody(tmp_path, users):
    np.savez(tmp_path / "log.npz", **(FIELDS | {"user_id": users}))
    assert click_logs.read_log(tmp_path / "log.npz").user_id.tolist()[:2] == ["", ""]


def test_names_in_bytes_are_those_in_text(tmp_path):
    images = np.array(["ä.jpg", "b.jpg", "c.jpg"])
    np.savez(tmp_path / "log.npz", **(FIELDS | {"file_pointer": np.char.encode(images, "utf-8")}))
    assert click_logs.read_log(tmp_path / "log.npz").file_pointer.tolist() == images.tolist()


def test_a_few_clicks_outside_are_read_and_left_to_the_filter(tmp_path):
    x = np.tile(FIELDS["clickmap_x"], 4)
    x[3] = 256
    fields = {"clickmap_x": x, "clickmap_y": x, "click_offsets": np.array([0, 8, 16, 24])}
    np.savez(tmp_path / "log.npz", **(FIELDS | fields))
    log = click_logs.read_log(tmp_path / "log.npz")
    assert len(log.clicks[0]) == 8
    kept, counts = click_logs.filter_log(log, min_participants=1)
    assert counts["clicks_outside"] == 1 and [len(xy) for xy in kept.clicks] == [7, 8, 8]


def test_other_files_are_refused(tmp_path):
    (tmp_path / "text.npz").write_text("no archive")
    (tmp_path / "empty.npz").touch()
    np.save(tmp_path / "array.npy", np.ones(3))
    for name in ("text.npz", "empty.npz", "array.npy", "absent.npz"):
        with pytest.raises(InputError, match=name):
            click_logs.read_log(tmp_path / name)


# --- filters ---


def test_each_filter_drops_what_it_should_and_is_counted():
    two, one = np.ones((2, 2)), np.ones((1, 2))
    rows = [("a", f"u{i}", 1.0, False, two) for i in range(5)]  # five good maps of image a
    rows += [("a", "low", 0.94, False, two), ("a", "none", np.nan, False, two)]  # failed catch trials
    rows += [("a", "limit", 0.95, False, two)]  # exactly at the limit: kept
    rows += [("a", "phone", 1.0, True, two)]
    rows += [("a", "u0", 1.0, False, two)]  # second map of u0
    rows += [("a", "single", 1.0, False, one), ("a", "nothing", 1.0, False, two[:0])]
    rows += [
        ("a", "", 1.0, False, two),
        ("a", "", 1.0, False, two),
    ]  # the same one, or not?
    rows += [
        ("a", "beside", 1.0, False, np.array([[1, 1], [256, 1], [1, -0.1]]))
    ]  # one click is on the image
    rows += [("b", f"u{i}", 1.0, False, two) for i in range(4)]  # one participant short
    pointer, user, catch, mobile, clicks = zip(*rows, strict=True)
    log = click_logs.ClickLog(
        np.array(pointer), tuple(clicks), np.array(user), np.array(catch), np.array(mobile)
    )
    kept, counts = click_logs.filter_log(log)
    assert counts == {
        "maps": 19,
        "clicks_outside": 2,
        "failed_catch_trials": 2,
        "mobile": 1,
        "no_participant": 2,
        "repeated": 1,
        "single_click": 3,
        "few_participants": 4,
        "images_few_participants": 1,
        "maps_kept": 6,
        "images_kept": 1,
        "participants_kept": 6,
    }
    assert sorted(kept.user_id) == ["limit", "u0", "u1", "u2", "u3", "u4"]
    assert len(kept.clicks) == 6


def test_filtering_a_filtered_log_changes_nothing():
    log, _ = click_logs.filter_log(simulated_log(np.random.default_rng(0), 3, 6))
    again, counts = click_logs.filter_log(log)
    assert_equal_logs(log, again)
    assert counts["maps"] == counts["maps_kept"] == 18


# --- maps ---


def test_clicks_are_counted_at_row_y_and_column_x_and_ignored_outside():
    clicks = np.array([[10.9, 20.0], [10.2, 20.7], [255.9, 0], [256, 0], [-0.1, 5]])
    (counts,) = click_logs.click_counts([clicks])
    assert counts[20, 10] == 2 and counts[0, 255] == 1 and counts.sum() == 3


def test_disc_blur_equals_torch():
    counts = np.random.default_rng(0).poisson(0.01, (2, 256, 256))
    kernel = torch.from_numpy(click_logs.disc_kernel() / click_logs.disc_kernel().sum())[None, None]
    expected = torch.from_numpy(counts.astype(float))[:, None]
    for _ in range(2):
        expected = torch.nn.functional.conv2d(expected, kernel, padding="same")
    np.testing.assert_allclose(click_logs.disc_blur(counts), expected[:, 0].numpy(), atol=1e-15)


def test_the_disc_is_round_and_21_pixels_wide():
    disc = click_logs.disc_kernel()
    assert disc.shape == (21, 21) and disc[10].sum() == 21 and disc[0].sum() == 1
    np.testing.assert_array_equal(disc, disc.T)


def test_untouched_pixels_stay_exactly_zero():
    counts = np.zeros((1, 256, 256), dtype=int)
    counts[0, 128, 128] = 1
    assert np.count_nonzero(click_logs.disc_blur(counts)[0, :100]) == 0


def test_participant_maps_average_over_participants(tmp_path):
    log = simulated_log(np.random.default_rng(0), 2, 6)
    write(tmp_path / "log.npz", log)
    maps = click_logs.maps_from_log(tmp_path / "log.npz")
    assert list(maps) == ["image-00", "image-01"]
    for image, found in maps.items():
        own = [c for c, name in zip(log.clicks, log.file_pointer, strict=True) if name == image]
        expected = np.mean([click_logs.disc_blur(click_logs.click_counts([c]))[0] for c in own], axis=0)
        assert found.dtype == np.float32 and found.shape == (256, 256)
        np.testing.assert_allclose(found, expected, atol=1e-8)


# --- ceiling and floor ---


@pytest.mark.parametrize("processed", [True, False])
def test_ceiling_equals_a_straightforward_recomputation(processed):
    log = simulated_log(np.random.default_rng(1), 3, 7)
    ceiling, floor = click_logs.participant_reliability(log, iterations=3, processed=processed, seed=5)
    rng = np.random.default_rng(5)
    same, other = np.zeros((3, 3)), np.zeros((3, 3))
    for iteration in range(3):
        halves = []
        for image in ("image-00", "image-01", "image-02"):
            own = [c for c, name in zip(log.clicks, log.file_pointer, strict=True) if name == image]
            order = rng.permutation(7)
            maps = [click_logs.group_map([own[i] for i in part]) for part in (order[:3], order[3:])]
            halves.append(processing.process(np.array(maps)) if processed else np.array(maps))
        partner = np.roll(np.arange(3), rng.integers(1, 3))
        for i in range(3):
            same[iteration, i] = scipy_stats.spearmanr(halves[i][0].ravel(), halves[i][1].ravel())[0]
            other[iteration, i] = scipy_stats.spearmanr(halves[i][0].ravel(), halves[partner[i]][1].ravel())[
                0
            ]
    # 1e-3: the order of averaging and blurring differs, and with it the last bits that tell near ties apart.
    np.testing.assert_allclose(ceiling.per_image, same.mean(axis=0), atol=1e-3)
    np.testing.assert_allclose(floor.per_image, other.mean(axis=0), atol=1e-3)
    assert ceiling.value == pytest.approx(ceiling.per_image.mean())


def test_ceiling_recovers_the_planted_reliability():
    """Planted: the agreement of two fresh groups, each as large as a half, from the same densities.

    The planted value is a mean over 20 images × 10 draws, the ceiling over 20 images of one log. The
    standard deviation of their difference over eight seeds was .0045; the tolerance is four of them.
    """
    rng = np.random.default_rng(3)
    centres = rng.uniform(70, 186, size=(20, 2))
    planted = []
    for centre in centres:
        for _ in range(10):
            groups = [[gaussian_clicks(rng, centre, 12) for _ in range(10)] for _ in range(2)]
            maps = processing.process(np.array([click_logs.group_map(g) for g in groups]))
            planted.append(correlations.spearman(maps[0].ravel(), maps[1].ravel()))
    pairs = [(i, p) for i in range(20) for p in range(20)]
    log = click_logs.ClickLog(
        np.array([f"{i:02d}" for i, _ in pairs]),
        tuple(gaussian_clicks(rng, centres[i], 12) for i, _ in pairs),
        np.array([str(p) for _, p in pairs]),
        np.ones(len(pairs)),
        np.zeros(len(pairs), dtype=bool),
    )
    ceiling, floor = click_logs.participant_reliability(log, seed=0)
    assert ceiling.value == pytest.approx(np.mean(planted), abs=0.018)
    assert ceiling.ci_low < ceiling.value < ceiling.ci_high
    assert floor.ci_high < ceiling.ci_low


def test_floor_equals_ceiling_where_all_images_are_clicked_alike():
    rng = np.random.default_rng(0)
    log = simulated_log(rng, 6, 10)
    clicks = tuple(gaussian_clicks(rng, np.array([128, 128]), 12) for _ in log.clicks)
    log = click_logs.ClickLog(log.file_pointer, clicks, log.user_id, log.user_catch_trial, log.is_mobile)
    ceiling, floor = click_logs.participant_reliability(log)
    assert floor.value == pytest.approx(ceiling.value, abs=0.03)


@pytest.mark.parametrize("n", [2, 3])
def test_the_floor_is_never_of_an_image_with_itself(n):
    """Everyone clicks alike, on each image elsewhere: halves of one image agree wholly, others not at all."""
    log = simulated_log(np.random.default_rng(0), n, 6)
    corners = np.array([[40.0, 40.0], [210.0, 210.0], [40.0, 210.0]])
    clicks = tuple(corners[int(name[-2:])] + [[0, 0], [9, 9]] for name in log.file_pointer)
    log = click_logs.ClickLog(log.file_pointer, clicks, log.user_id, log.user_catch_trial, log.is_mobile)
    ceiling, floor = click_logs.participant_reliability(log, iterations=8)
    np.testing.assert_allclose(ceiling.per_image, 1)
    assert (floor.per_image < 0).all()


def test_identical_participants_reach_one():
    log = simulated_log(np.random.default_rng(0), 2, 6)
    clicks = tuple(np.array([[50.0, 80.0], [60.0, 90.0]]) for _ in log.clicks)
    log = click_logs.ClickLog(log.file_pointer, clicks, log.user_id, log.user_catch_trial, log.is_mobile)
    ceiling, _ = click_logs.participant_reliability(log, iterations=2)
    np.testing.assert_allclose(ceiling.per_image, 1)


def test_an_image_that_cannot_be_split_is_counted_not_dropped():
    log = simulated_log(np.random.default_rng(0), 2, 6)
    log = log.keep((log.file_pointer == "image-00") | (log.user_id == "user-00"))
    ceiling, _ = click_logs.participant_reliability(log, iterations=2)
    assert ceiling.n_undefined == 1 and np.isnan(ceiling.per_image[1]) and np.isfinite(ceiling.value)


def test_one_image_has_a_ceiling_but_no_floor():
    log = simulated_log(np.random.default_rng(0), 1, 6)
    ceiling, floor = click_logs.participant_reliability(log, iterations=2)
    assert np.isfinite(ceiling.value) and np.isnan(floor.value) and floor.n_undefined == 1


def test_the_same_seed_gives_the_same_ceiling():
    log = simulated_log(np.random.default_rng(0), 3, 6)
    first, second = (click_logs.participant_reliability(log, iterations=2, seed=4)[0] for _ in range(2))
    np.testing.assert_array_equal(first.per_image, second.per_image)
    assert (first.ci_low, first.ci_high) == (second.ci_low, second.ci_high)
