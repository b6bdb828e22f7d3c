"""Claims about people's agreement within the crop of a model: direct computations, by SciPy."""

from __future__ import annotations

import json
from itertools import permutations

import golden
import numpy as np
import pandas as pd
import pytest
from scipy import stats as scipy_stats

from visalign import cli
from visalign.maps import agreement, alignment, processing
from visalign.maps import clicks as click_logs
from visalign.maps.clicks import ClickLog
from visalign.stimuli.transforms import Transform

NARROW, WHOLE = Transform(48, 48, "center", 0.7, "bilinear"), Transform(48, 48, "squash", 1.0, "bilinear")
PARTICIPANTS = 6


def ids(n: int) -> list[str]:
    return [f"image-{i}" for i in range(n)]


def click_log(n: int, names: list[str] | None = None, *, wide: bool = False) -> ClickLog:
    """Clicks around one place of each image; wide ones reach over the whole image."""
    rng = np.random.default_rng(0)
    centres = rng.uniform(*((118, 138) if wide else (100, 156)), size=(n, 2))
    sd, clicks = (45, 30) if wide else (25, 12)
    pairs = [(i, user) for i in range(n) for user in range(PARTICIPANTS)]
    return ClickLog(
        np.array([(names or ids(n))[i] for i, _ in pairs]),
        tuple(rng.normal(centres[i], sd, size=(clicks, 2)) for i, _ in pairs),
        np.array([f"user-{user}" for _, user in pairs]),
        np.ones(len(pairs)),
        np.zeros(len(pairs), dtype=bool),
    )


def table(n: int, height: int = 200, width: int = 300) -> pd.DataFrame:
    names = ids(n)
    return pd.DataFrame(
        {"stimulus_id": names, "path": "x.png", "sha256": "0", "height": height, "width": width}
    )


def mean_maps(log: ClickLog) -> np.ndarray:
    return processing.process(np.stack(list(click_logs.mean_maps(log).values())))


def spearman(a: np.ndarray, b: np.ndarray) -> float:
    return float(scipy_stats.spearmanr(a.ravel(), b.ravel()).statistic)


def test_the_ceiling_is_that_of_processed_halves_within_the_crop(monkeypatch):
    """From clicks to SciPy's ρ; 1e-3 as the order of averaging and blurring differs."""
    monkeypatch.setattr(agreement, "ITERATIONS", 3)
    log, stimuli = click_log(2), table(2)
    found = agreement.split_half(log, stimuli, NARROW, seed=4)
    rng = np.random.default_rng(4)
    for row, image in enumerate(ids(2)):
        own = click_logs.clicks_by_image(log)[image]
        rho = []
        for _ in range(3):
            order = rng.permutation(PARTICIPANTS)
            halves = [click_logs.group_map([own[i] for i in part]) for part in (order[:3], order[3:])]
            processed = processing.process(np.array(halves))
            moved = alignment.at_input(processed, stimuli.iloc[[row, row]], NARROW)
            rho.append(spearman(*moved))
        assert found[image] == pytest.approx(np.mean(rho), abs=1e-3)


def test_people_agree_otherwise_within_a_crop_than_on_the_whole_image():
    log = click_log(4, wide=True)
    maps = mean_maps(log)
    whole, crop = (
        agreement.describe(maps, table(4, 256, 256), transform, log=log, seed=0)
        for transform in (WHOLE, NARROW)
    )
    assert crop["ceiling"]["value"] < whole["ceiling"]["value"] - 0.05
    # Uncropped, it is the ceiling on the card, but for the pixels (48 × 48 for 64 × 64) and the halves.
    card, _ = click_logs.participant_reliability(log)
    assert whole["ceiling"]["value"] == pytest.approx(card.value, abs=0.01)


def test_maps_of_different_images_are_compared_in_every_pair(monkeypatch):
    monkeypatch.setattr(alignment, "BATCH", 2)
    maps = np.random.default_rng(1).random((5, 64, 64), dtype=np.float32)
    maps[3] = 0
    found = agreement.between_images(maps, table(5), NARROW)
    moved = alignment.at_input(maps, table(5), NARROW)
    used = [0, 1, 2, 4]
    for image in used:
        others = [spearman(moved[image], moved[j]) for j in used if j != image]
        assert found[image] == pytest.approx(np.mean(others), abs=1e-9)
    assert np.isnan(found[3])
    pairs = [spearman(moved[i], moved[j]) for i, j in permutations(used, 2)]
    described = agreement.describe(maps, table(5), NARROW, declared=0.7, seed=0)
    assert described["floor"]["value"] == pytest.approx(np.mean(pairs), abs=1e-9)
    assert described["floor"]["n_undefined"] == 1 and described["floor"]["per_image"][3] is None


def test_an_image_that_cannot_be_split_is_counted():
    log = click_log(3)
    alone = log.keep((log.file_pointer != "image-1") | (log.user_id == "user-0"))
    described = agreement.describe(mean_maps(log), table(3), WHOLE, log=alone, seed=0)
    ceiling = described["ceiling"]
    assert (ceiling["n_images"], ceiling["n_undefined"], ceiling["status"]) == (3, 1, "ok")
    assert ceiling["per_image"][1] is None and ceiling["value"] > 0


def test_ceilings_are_those_of_the_images_of_the_table():
    log = click_log(3, ["image-2", "elsewhere", "image-0"])
    maps = np.random.default_rng(1).random((4, 64, 64), dtype=np.float32)
    described = agreement.describe(maps, table(4), WHOLE, log=log, seed=0)
    people = agreement.people(described, ids(4))
    assert people is not None and people.paired
    known = dict(zip(described["ceiling"]["images"], described["ceiling"]["per_image"], strict=True))
    np.testing.assert_array_equal(people.ceiling, [known["image-0"], np.nan, known["image-2"], np.nan])


def test_a_log_of_other_images_is_not_paired_with_the_maps():
    log = click_log(2, ["a", "b"])
    maps = np.random.default_rng(1).random((3, 64, 64), dtype=np.float32)
    people = agreement.people(agreement.describe(maps, table(3), WHOLE, log=log, seed=0), ids(3))
    assert people is not None and not people.paired and people.ceiling.shape == (2,)


# --- the command ---


def ceilings(folder, *more: str, n: int = 3) -> dict:
    table(n).to_csv(folder / "t.csv", index=False)
    np.savez(folder / "m.npz", stimulus_id=ids(n), label=[1] * n, map=mean_maps(click_log(n)))
    cli.main(
        [
            "maps",
            "ceilings",
            "--maps",
            str(folder / "m.npz"),
            "--table",
            str(folder / "t.csv"),
            "--transform",
            NARROW.key,
            "--output",
            str(folder / "o.json"),
            *more,
        ]
    )
    return json.loads((folder / "o.json").read_text())


def written(folder, log: ClickLog) -> list[str]:
    fields = log.file_pointer, log.clicks, log.user_id, log.user_catch_trial, log.is_mobile
    click_logs.write_log(folder / "c.npz", *fields)
    return ["--clicks", str(folder / "c.npz")]


def test_a_declared_ceiling_says_that_it_is_of_whole_images(tmp_path):
    found = ceilings(tmp_path, "--ceiling", "0.65753")
    assert found["ceiling"]["value"] == 0.65753 and found["ceiling"]["status"] == "ok, of whole images"
    assert found["transform"] == NARROW.key and found["floor"]["status"] == "ok"


def test_a_click_log_outdoes_a_declaration_and_what_is_left_out_is_said(tmp_path, capsys):
    log = click_log(4, [*ids(3), "elsewhere"])
    found = ceilings(tmp_path, *written(tmp_path, log), "--ceiling", "0.5")
    assert found["ceiling"]["method"] == "participants" and found["ceiling"]["images"] == ids(3)
    expected = agreement.split_half(log.keep(log.file_pointer != "elsewhere"), table(3), NARROW, 0)
    assert found["ceiling"]["per_image"] == pytest.approx(list(expected.values()))
    assert "unlisted 6" in capsys.readouterr().err


def test_a_log_that_names_no_image_of_the_set_says_so(tmp_path, capsys):
    found = ceilings(tmp_path, *written(tmp_path, click_log(2, ["a", "b"])))
    assert found["ceiling"]["images"] == ["a", "b"]
    assert (
        "c.npz: file_pointer: no image of the set: the ceiling is of other images" in capsys.readouterr().err
    )


def test_without_log_and_declaration_there_is_no_ceiling_but_a_reason(tmp_path):
    found = ceilings(tmp_path)
    assert found["ceiling"]["value"] is None
    assert found["ceiling"]["status"] == "neither a click log nor a declared ceiling"
    assert agreement.read(tmp_path / "o.json", table(3)) is None


def test_a_file_of_other_images_is_named(tmp_path):
    ceilings(tmp_path, "--ceiling", "0.6")
    with pytest.raises(Exception, match=r"o\.json: stimulus_id: "):
        agreement.read(tmp_path / "o.json", table(4))


def test_results_of_ceilings_are_those_of_their_version(tmp_path):
    found = ceilings(tmp_path, *written(tmp_path, click_log(3)))
    golden.check("maps", "ceilings", {name: found[name] for name in ("ceiling", "floor")})
