"""Claims about map sets of fixations: maps, ceilings and floors, on synthetic people and on those of OSIE."""

from __future__ import annotations

import json
from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import ndimage
from scipy import stats as scipy_stats

from visalign import cli
from visalign.errors import InputError
from visalign.maps import agreement, alignment, lists, readers
from visalign.maps.reader import NO_LABEL
from visalign.stimuli.source import Listed
from visalign.stimuli.transforms import Transform

OSIE = Path(__file__).resolve().parents[4] / "shared/real/osie/fixations.mat"
HEIGHT, WIDTH = 320, 448  # cells of 5 × 7 pixels
WHOLE = Transform(64, 64, "squash", 1.0, "bilinear")
CROP = Transform(48, 48, "center", 0.7, "bilinear")
NEEDS_OSIE = pytest.mark.skipif(not OSIE.is_file(), reason=f"needs OSIE's fixations, {OSIE}")


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)


def write_table(ids: list[str], height: int = HEIGHT, width: int = WIDTH, **columns: object) -> None:
    facts = {"path": "x.png", "sha256": "0", "height": height, "width": width, **columns}
    pd.DataFrame({"stimulus_id": ids, **facts}).to_csv("t.csv", index=False)


def write_fixations(images: list[str], people: int, n: int = 12) -> pd.DataFrame:
    """Whole pixels around one place of each image, which people look at alike."""
    rng = np.random.default_rng(0)
    rows = []
    for image in images:
        centre = rng.uniform((120, 90), (330, 230))
        for person in range(people):
            for x, y in np.rint(rng.normal(centre, 40, (n, 2))).clip(0, (WIDTH - 1, HEIGHT - 1)):
                rows.append({"person": f"p{person}", "image": image, "x": x, "y": y})
    table = pd.DataFrame(rows)
    table.to_csv("f.csv", index=False)
    return table


def read(*more: str, path: str = "f.csv", sigma: str = "24") -> tuple[dict, dict]:
    command = ["maps", "read", "--name", "m", "--reader", "fixations", "--path", path, "--sigma", sigma]
    cli.main([*command, "--table", "t.csv", "--output", "m.npz", "--maps-card", "m.json", *more])
    with np.load("m.npz", allow_pickle=False) as arrays:
        return dict(arrays), json.loads(Path("m.json").read_text())


def ceilings(transform: Transform, *more: str) -> dict:
    command = ["maps", "ceilings", "--maps", "m.npz", "--table", "t.csv", "--transform", transform.key]
    cli.main([*command, "--output", "c.json", *more])
    return json.loads(Path("c.json").read_text())


def filtered(own: pd.DataFrame, sigma: float = 24) -> np.ndarray:
    """Map of a person's fixations, of whole pixels, by SciPy: filtered histogram, mean over cells."""
    histogram = np.zeros((HEIGHT, WIDTH))
    np.add.at(histogram, (own["y"].to_numpy(int), own["x"].to_numpy(int)), 1)
    smooth = ndimage.gaussian_filter(histogram, sigma, mode="constant", truncate=4)
    return smooth.reshape(64, HEIGHT // 64, 64, WIDTH // 64).mean(axis=(1, 3))


def spearman(a: np.ndarray, b: np.ndarray) -> float:
    return float(scipy_stats.spearmanr(a.ravel(), b.ravel()).statistic)


def test_a_map_is_smoothed_once_and_unlabelled_images_stay_so():
    """By SciPy, whose pixels are half a pixel further to the upper left: 1 % of the peak at σ = 24."""
    write_table(["b", "a"])
    own = write_fixations(["a", "b", "elsewhere"], 4)
    arrays, card = read()
    assert arrays["stimulus_id"].tolist() == ["b", "a"] and arrays["label"].tolist() == [NO_LABEL] * 2
    for row, image in enumerate(("b", "a")):
        expected = filtered(own[own["image"] == image]) / 4
        np.testing.assert_allclose(arrays["map"][row], expected, atol=0.015 * expected.max())
    assert card["settings"] == {"sigma": 24} and "processed_before" not in card
    assert card["filters"]["unlisted"] == 4 and card["filters"]["images_unlisted"] == 1


def test_labels_are_those_of_the_stimulus_set():
    write_table(["a", "b"], label=[7, ""])
    write_fixations(["a", "b"], 2)
    assert read()[0]["label"].tolist() == [7, NO_LABEL]


def test_the_ceiling_of_two_people_is_their_correlation():
    """Each half is one of them, in every split; ρ by SciPy of SciPy's maps, half a pixel off."""
    images = ["a", "b", "c"]
    write_table(images)
    own = write_fixations(images, 2)
    _, card = read()
    one, other = (
        [filtered(own[(own["image"] == image) & (own["person"] == person)]) for image in images]
        for person in ("p0", "p1")
    )
    expected = [spearman(*maps) for maps in zip(one, other, strict=True)]
    assert card["ceiling"]["value"] == pytest.approx(np.mean(expected), abs=0.02)
    assert card["ceiling"]["method"] == "participants" and "at 64 x 64;" in card["ceiling"]["definition"]
    found = ceilings(WHOLE, "--clicks", "f.csv", "--sigma", "24")
    assert found["ceiling"]["images"] == images
    assert found["ceiling"]["per_image"] == pytest.approx(expected, abs=0.02)
    assert found["ceiling"]["value"] == pytest.approx(card["ceiling"]["value"], abs=1e-6)


def test_ceiling_and_floor_are_taken_within_the_crop():
    """Of two people: ρ by SciPy of SciPy's maps, cropped; over fewer pixels half a pixel matters more."""
    images = ["a", "b", "c", "d"]
    write_table(images)
    own = write_fixations(images, 2)
    read()
    found = ceilings(CROP, "--clicks", "f.csv", "--sigma", "24")
    table = pd.read_csv("t.csv")  # all of one size
    of_people = [
        alignment.at_input(
            [filtered(part) for _, part in own[own["image"] == image].groupby("person")], table[:2], CROP
        )
        for image in images
    ]
    expected = [spearman(*maps) for maps in of_people]
    assert found["ceiling"]["per_image"] == pytest.approx(expected, abs=0.03)
    means = [maps.mean(axis=0) for maps in of_people]
    pairs = [spearman(one, other) for one, other in combinations(means, 2)]
    assert found["floor"]["value"] == pytest.approx(np.mean(pairs), abs=0.03)
    whole = ceilings(WHOLE, "--clicks", "f.csv", "--sigma", "24")["ceiling"]["per_image"]
    assert np.abs(np.array(expected) - whole).max() > 0.06, "tells the crop from the whole image"
    people = agreement.people(found, images)
    assert people is not None and people.paired and np.isfinite(people.ceiling).all()


def test_an_image_without_fixations_and_one_person_alone_are_counted(capsys):
    write_table(["a", "b", "c"])
    own = write_fixations(["a", "b"], 3)
    own[(own["image"] == "a") | (own["person"] == "p1")].to_csv("f.csv", index=False)
    arrays, card = read()
    assert np.isnan(arrays["map"][2]).all() and card["undefined"]["non_finite"] == ["c"]
    assert card["filters"]["images_without_fixations"] == 1
    assert (card["ceiling"]["n_images"], card["ceiling"]["n_undefined"]) == (2, 1)
    said = capsys.readouterr().err
    assert "f.csv: images without fixations: 1 ('c')" in said and "images_without_fixations 1" in said


def test_settings_reach_maps_and_ceilings_alike():
    images = ["a", "b"]
    write_table(images)
    own = write_fixations(images, 3)
    (own.assign(x=own["x"] + 100, y=own["y"] + 50)).to_csv("screen.csv", index=False)
    plain = read()[0]["map"], ceilings(WHOLE, "--clicks", "f.csv", "--sigma", "24")["ceiling"]
    more = ["--screen", f"{WIDTH + 200}x{HEIGHT + 100}", "--pixels-per-degree", "12"]
    moved = (
        read(*more, path="screen.csv", sigma="2")[0]["map"],
        ceilings(WHOLE, "--clicks", "screen.csv", "--sigma", "2", *more)["ceiling"],
    )
    np.testing.assert_allclose(moved[0], plain[0], rtol=1e-5)
    assert moved[1] == plain[1]
    later = read("--first-fixation", "false")[1]
    assert later["filters"]["first_fixations"] == 6
    assert later["settings"] == {"sigma": 24, "first_fixation": False}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--labels", "l.csv"], "--labels: l.csv, but --reader fixations takes those of the stimulus set"),
        (["--clicks", "c.npz"], "--clicks: c.npz, but --reader fixations takes the log of --path"),
        (["--weighting", "duration"], "f.csv: duration: none of fixation 1 of person 'p0' on 'a'"),
        (["--sigma", "1"], "f.csv: sigma: 1 pixels, but a cell of the map of 'a' has 7"),
        (["--reader", "clicks", "--labels", "l.csv"], "--sigma: 24.0, but reader clicks takes none"),
    ],
)
def test_what_does_not_go_together_is_refused(refused, arguments, message):
    write_table(["a"])
    write_fixations(["a"], 2)
    command = ["maps", "read", "--name", "m", "--reader", "fixations", "--path", "f.csv", "--sigma", "24"]
    *_, error = refused(
        *command, "--table", "t.csv", "--output", "m.npz", "--maps-card", "m.json", *arguments
    )
    assert message in error and not Path("m.npz").exists()


def test_the_sizes_of_images_and_a_sigma_are_needed(refused):
    write_fixations(["a"], 2)
    command = ["maps", "read", "--name", "m", "--reader", "fixations", "--path", "f.csv"]
    output = ["--output", "m.npz", "--maps-card", "m.json"]
    assert "--sigma: needed by reader fixations" in refused(*command, *output)[-1]
    error = refused(*command, "--sigma", "24", *output)[-1]
    assert "f.csv: the sizes of its images are needed: give the table of the stimulus set" in error


def test_ceilings_need_a_sigma_and_a_file_of_fixations(refused):
    write_table(["a"])
    write_fixations(["a"], 2)
    read()
    command = ["maps", "ceilings", "--maps", "m.npz", "--table", "t.csv", "--transform", WHOLE.key]
    more = ["--output", "c.json"]
    assert (
        "--sigma: needed with --screen"
        in refused(*command, "--clicks", "f.csv", "--screen", "9x9", *more)[-1]
    )
    assert "--clicks: needed with --sigma" in refused(*command, "--sigma", "24", *more)[-1]


# --- planning ---


def test_a_row_lists_the_images_of_its_stimulus_set_some_of_which_must_be_there():
    write_fixations(["a", "b", "c"], 2)
    row = {"reader": "fixations", "path": "f.csv", "sigma": 24}
    assert lists.listed_maps("m", row) == [("a", None), ("b", None), ("c", None)]
    assert lists.listed_maps("m", row, Listed(["c", "d"], None, None, [])) == [("c", None), ("d", None)]
    assert lists.listed_maps("m", row, Listed(["c", "d"], [1, 2], None, [])) == [("c", 1), ("d", 2)]
    with pytest.raises(InputError, match=r"f.csv: image: none of its 3 images .*stimulus set \('x'\)"):
        lists.listed_maps("m", row, Listed(["x"], None, None, []))


def test_a_row_is_placed_on_its_images_where_all_their_sizes_are_known():
    write_fixations(["a", "b"], 2)
    stimuli = Listed(["a", "b"], None, None, [])
    row = {"reader": "fixations", "path": "f.csv", "sigma": 24}
    small = {"a": (20, 30), "b": (20, 30)}
    with pytest.raises(InputError, match=r"f.csv: sigma: 24 pixels|fixations lie outside their image"):
        lists.check_shapes("m", row, small, stimuli)
    lists.check_shapes("m", row, {"a": (20, 30)}, stimuli)
    lists.check_shapes("m", row, {"a": (HEIGHT, WIDTH), "b": (HEIGHT, WIDTH)}, stimuli)


def test_columns_that_a_reader_does_not_take_are_refused():
    write_fixations(["a"], 2)
    with pytest.raises(InputError, match="maps m: pixels_per_degree: 30, but reader masks takes none"):
        lists.listed_maps("m", {"reader": "masks", "path": "t.csv", "pixels_per_degree": 30})
    with pytest.raises(InputError, match="maps m: sigma: needed by reader fixations"):
        lists.listed_maps("m", {"reader": "fixations", "path": "f.csv"})
    assert set(readers.settings()) == set(readers.of("fixations").settings)


# --- OSIE ---


@NEEDS_OSIE
def test_people_of_osie_agree_as_measured_independently():
    """Seven people against seven others ρ .81, another photograph's map .32, at one degree, 24 pixels.

    Both were measured with another grid and one pairing of the images. Over 50 images, the standard errors of
    their means are .01 and .02, and the grid makes up to .02: hence 0.03.
    """
    write_table([f"{1001 + number}.jpg" for number in range(50)], 600, 800)
    arrays, card = read(path=str(OSIE))
    assert card["n"] == 50 and np.isfinite(arrays["map"]).all()
    assert card["ceiling"]["value"] == pytest.approx(0.81, abs=0.03)
    assert card["floor"]["value"] == pytest.approx(0.32, abs=0.03)
    filters = card["filters"]
    assert (filters["unlisted"], filters["images_unlisted"]) == (650 * 15, 650)
    assert filters["fixations"] == filters["fixations_kept"] == 6977 and filters["fixations_outside"] == 0
    found = ceilings(
        Transform.from_key("224x224-center-0.875-bicubic"), "--clicks", str(OSIE), "--sigma", "24"
    )
    assert found["ceiling"]["n_undefined"] == found["floor"]["n_undefined"] == 0
    # A square crop of an oblong image loses its border, on which people agree: less of both.
    assert 0.6 < found["ceiling"]["value"] < card["ceiling"]["value"]
    assert found["floor"]["value"] < 0.32
