"""Claims about ClickMe scores, revelation and galleries."""

from __future__ import annotations

import io
import subprocess
import sys
from pathlib import Path

import digests
import golden
import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image
from scipy import stats as scipy_stats

from visalign import cli
from visalign.io import stores
from visalign.io.files import write_json
from visalign.io.scores import read_scores
from visalign.maps import revelation
from visalign.report import gallery, theme
from visalign.zoo import network, saliency

ROOT = Path(cli.__file__).parents[2]
LABELS = [0, 999, 5, 500, 17, 3, 700, 1, 0, 8]
TRANSFORM = "64x64-squash-1-bilinear"
VARIANTS = ["spearman_abs_mean", *(f"spearman{m}_{side}" for side in (4, 16) for m in ("", "_abs_mean"))]


def scored(folder: Path, *more: str) -> tuple[pd.DataFrame, pd.DataFrame]:
    files = {
        "--saliency": "s.zarr",
        "--saliency-manifest": "s.json",
        "--table": "t.csv",
        "--maps": "m.npz",
        "--ceilings": "m.json",
        "--output": "scores.csv",
        "--per-image": "images.csv",
    }
    paths = [word for option, name in files.items() for word in (option, str(folder / name))]
    names = ["--model", "m", "--dataset", "d", "--transform", TRANSFORM, "--bootstrap", "200"]
    cli.main(["clickme", "score", *names, *paths, *more])
    return read_scores(folder / "scores.csv"), pd.read_csv(folder / "images.csv", keep_default_na=False)


@pytest.fixture
def study(tmp_path) -> Path:
    """Saliency of ten images, maps of which one is constant and one not finite, table and card."""
    rng, ids = np.random.default_rng(0), [f"s{i}" for i in range(10)]
    maps = rng.random((10, 64, 64), dtype=np.float32)
    group = stores.open_partial(tmp_path / "s.zarr", {})
    for name in saliency.REDUCTIONS:
        values = maps + rng.random(maps.shape, dtype=np.float32)
        stores.create_array(group, name, maps.shape, np.float32, ("stimulus", "y", "x"), rows=4)[:] = values
    stores.write_strings(group, "stimulus_id", ids, "stimulus")
    stores.publish(tmp_path / "s.zarr", tmp_path / "s.json", {})
    maps[3], maps[7] = 0, np.nan
    np.savez(tmp_path / "m.npz", stimulus_id=ids, label=LABELS, map=maps)
    declared = {"ceiling": {"method": "declared", "value": 0.9}, "floor": {"per_image": [0.3] * 10}}
    write_json(tmp_path / "m.json", declared | {"stimulus_id": ids})
    table = {"stimulus_id": ids, "path": "x.png", "sha256": "0", "label": LABELS, "height": 64, "width": 64}
    pd.DataFrame(table).to_csv(tmp_path / "t.csv", index=False)
    return tmp_path


# --- score ---


def test_scores_equal_scipy_under_every_convention(study):
    scores, images = scored(study)
    ours = stores.values(stores.open_store(study / "s.zarr"), "max_abs_gradient")
    theirs = np.load(study / "m.npz")["map"]
    used = [i for i in range(10) if i not in (3, 7)]
    rho = scipy_stats.spearmanr(ours[used].reshape(8, -1), theirs[used].reshape(8, -1), axis=1).statistic[
        :8, 8:
    ]
    own, floor = np.diag(rho), (rho.sum(axis=1) - np.diag(rho)) / 7
    found = pd.to_numeric(images["rho"])[used], pd.to_numeric(images["floor"])[used]
    np.testing.assert_allclose(found, [own, floor], atol=1e-6)
    headline = scores[scores.metric == "spearman"].set_index("convention")
    attainable = np.sqrt(1.8 / 1.9)
    expected = {
        "rho": own.mean(),
        "rho/ceiling": own.mean() / 0.9,
        "rho/attainable": own.mean() / attainable,
        "floor_corrected": (own.mean() - floor.mean()) / (attainable - 0.3 / attainable),
    }
    for convention, value in expected.items():
        row = headline.loc[convention]
        assert row.value == pytest.approx(value, abs=1e-6)
        assert row.ci_low < row.value < row.ci_high
    assert headline.loc["rho", ["floor", "ceiling"]].tolist() == pytest.approx([floor.mean(), 0.9], abs=1e-6)


def test_every_metric_has_its_row_and_its_column(study):
    scores, images = scored(study)
    rows = list(zip(scores.metric, scores.convention, strict=True))
    conventions = ("floor_corrected", "rho/attainable", "rho/ceiling", "rho")
    headline = [("spearman", convention) for convention in conventions]
    overlap = [("top10_iou", "overlap"), ("top10_dice", "overlap")]
    assert sorted(rows) == sorted(headline + [(name, "rho") for name in VARIANTS] + overlap)
    assert set(images.columns) == {
        "stimulus_id",
        "rho",
        "floor",
        "reason",
        *VARIANTS,
        "top10_iou",
        "top10_dice",
    }
    assert (
        (scores.n == 8).all() and (scores.n_excluded == 2).all() and (scores.benchmark == "clickme/d").all()
    )
    assert scores[scores.metric != "spearman"].ceiling.isna().all() and scores.floor.notna().all()


def test_undefined_maps_are_listed_with_their_reason(study):
    _, images = scored(study)
    reasons = dict(zip(images.stimulus_id, images.reason, strict=True))
    assert {name: reason for name, reason in reasons.items() if reason} == {
        "s3": "human map constant",
        "s7": "human map not finite",
    }
    assert (images.rho[images.reason != ""] == "").all()


def test_saved_maps_are_scored_without_torch(study):
    code = "import sys\nfrom visalign import cli\ncli.main(sys.argv[1:])\nsys.exit('torch' in sys.modules)"
    words = ["clickme", "score", "--model", "m", "--dataset", "d", "--transform", TRANSFORM]
    files = "saliency=s.zarr saliency-manifest=s.json table=t.csv maps=m.npz ceilings=m.json"
    files += " output=o.csv per-image=i.csv"
    for option, name in (pair.split("=") for pair in files.split()):
        words += [f"--{option}", str(study / name)]
    done = subprocess.run([sys.executable, "-c", code, *words], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def revelation_file(folder: Path, correct: np.ndarray) -> str:
    ids = [f"s{i}" for i in range(len(correct))]
    np.savez(
        folder / "r.npz", stimulus_id=ids, level=revelation.LEVELS, correct=correct, excluded=["s3", "s7"]
    )
    return str(folder / "r.npz")


def test_the_revelation_curve_is_scored_beside_alone_and_against_people(study):
    correct = np.random.default_rng(0).random((8, 12)) < np.linspace(0.3, 0.9, 12)
    file = revelation_file(study, correct)
    scores, _ = scored(study, "--revelation", file)
    curve, levels = correct.mean(axis=0), np.array(revelation.LEVELS)
    (alone,) = scores[scores.metric.str.startswith("revelation")].to_dict("records")
    assert alone["metric"] == "revelation_auc" and (alone["n"], alone["n_excluded"]) == (8, 2)
    log = np.log(levels[1:])
    expected = np.trapezoid(curve[1:], log) / (log[-1] - log[0])
    assert alone["value"] == pytest.approx(expected)
    human = np.linspace(0.5, 1, 12)
    pd.DataFrame({"level": levels, "accuracy": human}).to_csv(study / "human.csv", index=False)
    scores, _ = scored(study, "--revelation", file, "--human-curve", str(study / "human.csv"))
    values = scores.set_index("metric").value
    assert values["revelation_mse"] == pytest.approx(np.mean((curve - human) ** 2))
    assert values["revelation_area"] == pytest.approx(revelation.area_between(levels, curve, human))


def test_results_of_score_are_those_of_its_version(study):
    correct = np.random.default_rng(0).random((8, 12)) < np.linspace(0.3, 0.9, 12)
    scores, images = scored(study, "--revelation", revelation_file(study, correct))
    per_image = images.drop(columns="stimulus_id").to_dict("list")
    numbers = {name: pd.to_numeric(pd.Series(own)) for name, own in per_image.items() if name != "reason"}
    golden.check("clickme", "score", digests.of_scores(scores) | {"images": numbers})


# --- reveal ---


def revealed(folder: Path, model, pixels: list[str], *more: str):
    words = [
        *model.arguments(),
        *pixels[:2],
        "--table",
        str(folder / "t.csv"),
        "--maps",
        str(folder / "m.npz"),
    ]
    words += ["--transform", TRANSFORM, "--batch-size", "3", "--output", str(folder / "r.npz")]
    cli.main(["clickme", "reveal", *words, *more])
    return np.load(folder / "r.npz")


def test_a_revealed_image_is_answered_as_the_network_answers_it(
    study, tiny_model, write_pixels, noise_images
):
    files = tiny_model()
    found = revealed(study, files, write_pixels(study, noise_images))
    assert found["excluded"].tolist() == ["s3", "s7"] and found["correct"].shape == (8, 12)
    used = [i for i in range(10) if i not in (3, 7)]
    assert found["stimulus_id"].tolist() == [f"s{i}" for i in used]
    model = network.Normalised(network.load(files.facts, files.weights), files.facts["data_config"])
    truth = np.array(LABELS)[used] < 398
    with torch.inference_mode():
        full = model(torch.from_numpy(noise_images[used]) / 255).argmax(1).numpy() < 398
        grey = model(model.mean.expand(1, 3, 64, 64)).argmax(1).item() < 398
    np.testing.assert_array_equal(found["correct"][:, -1], full == truth)
    np.testing.assert_array_equal(found["correct"][:, 0], truth == grey)


def test_a_network_that_sees_the_important_pixels_needs_few_of_them(
    study, tiny_model, write_pixels, monkeypatch
):
    """Red, where people look, is what its one unit for animals answers to."""

    class Red(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.unused = torch.nn.Parameter(torch.zeros(1))

        def forward(self, pixels):
            logits = torch.zeros(len(pixels), 1000)
            logits[:, 0] = (pixels[:, 0] - pixels[:, 1]).amax(dim=(1, 2))
            logits[:, 999] = 0.5
            return logits

    monkeypatch.setattr(network, "load", lambda *_: Red())
    maps = np.random.default_rng(0).random((10, 64, 64), dtype=np.float32)
    images = np.full((10, 3, 64, 64), 128, np.uint8)
    top = maps.reshape(10, -1).argmax(axis=1)
    for i, label in enumerate(LABELS):
        if label < 398:
            images[i, 0].reshape(-1)[top[i]] = 255
            images[i, 1].reshape(-1)[top[i]] = 0
    np.savez(study / "m.npz", stimulus_id=[f"s{i}" for i in range(10)], label=LABELS, map=maps)
    correct = revealed(study, tiny_model(), write_pixels(study, images))["correct"]
    animal = np.array(LABELS) < 398
    assert correct[:, 1:].all() and correct[~animal].all() and not correct[animal, 0].any()


def test_the_same_images_are_revealed_to_every_model(study, tiny_model, write_pixels, noise_images):
    pixels = write_pixels(study, noise_images)
    first = revealed(study, tiny_model(), pixels, "--count", "4", "--seed", "1")["stimulus_id"]
    other = revealed(study, tiny_model("test_vit"), pixels, "--count", "4", "--seed", "1")["stimulus_id"]
    assert first.tolist() == other.tolist() and len(first) == 4
    assert not {"s3", "s7"} & set(first.tolist())


def test_levels_can_be_chosen(study, tiny_model, write_pixels, noise_images):
    found = revealed(study, tiny_model(), write_pixels(study, noise_images), "--levels", "5", "50")
    assert found["level"].tolist() == [5, 50] and found["correct"].shape == (8, 2)


@pytest.mark.parametrize("levels", [("50", "5"), ("0", "50"), ("5", "101"), ("-1", "5", "50")])
def test_levels_that_do_not_ascend_in_percent_are_refused(study, tiny_model, capsys, levels):
    with pytest.raises(SystemExit) as stop:
        revealed(study, tiny_model(), ["--pixels", "p.zarr"], "--levels", *levels)
    assert stop.value.code == 2 and "--levels" in capsys.readouterr().err


def test_a_network_of_other_classes_is_refused(study, tiny_model, capsys):
    files = tiny_model()
    write_json(study / "model.json", files.facts | {"num_classes": 8})
    with pytest.raises(SystemExit) as stop:
        revealed(study, type(files)(str(study / "model.json"), files.weights), ["--pixels", "p.zarr"])
    assert stop.value.code == 2 and "num_classes: 8 are not ImageNet's 1000" in capsys.readouterr().err


def test_results_of_reveal_are_those_of_its_version(study, tiny_model, write_pixels, noise_images):
    found = revealed(study, tiny_model(), write_pixels(study, noise_images), "--count", "5")
    kept = {name: found[name] for name in ("stimulus_id", "level", "excluded")}
    golden.check("clickme", "reveal", kept | {"correct": found["correct"].astype(int)})


# --- gallery ---


def test_examples_are_the_best_the_median_and_the_worst():
    assert gallery.examples(np.array([0.2, np.nan, 0.9, -0.1, 0.5, 0.3])) == {
        "best": 2,
        "median": 5,
        "worst": 3,
    }
    assert gallery.examples(np.array([np.nan, 0.1])) == {"best": 1}
    assert gallery.examples(np.array([np.nan])) == {}


def drawn(folder: Path, pixels: list[str], simulated: str = "true") -> bytes:
    words = [
        "--model",
        "m",
        "--saliency",
        str(folder / "s.zarr"),
        *pixels[:2],
        "--table",
        str(folder / "t.csv"),
    ]
    words += [
        "--maps",
        str(folder / "m.npz"),
        "--per-image",
        str(folder / "images.csv"),
        "--transform",
        TRANSFORM,
    ]
    output = folder / "gallery.png"
    cli.main(["clickme", "gallery", *words, "--simulated", simulated, "--output", str(output)])
    return output.read_bytes()


def test_the_gallery_is_the_same_picture_each_time_and_says_when_maps_are_simulated(
    study, write_pixels, noise_images
):
    scored(study)
    pixels = write_pixels(study, noise_images)
    first = drawn(study, pixels)
    with Image.open(io.BytesIO(first)) as image:
        assert image.width > 600 and image.height > 500
    assert drawn(study, pixels) == first
    assert drawn(study, pixels, simulated="false") != first


def test_results_of_gallery_are_those_of_its_version(study, write_pixels, noise_images):
    scored(study)
    with Image.open(io.BytesIO(drawn(study, write_pixels(study, noise_images)))) as image:
        pixels = np.asarray(image.convert("RGB"), dtype=float)
    loose = {"mean": round(pixels.mean() / 10), "ink": round(float((pixels < 128).mean()), 1)}
    golden.check("clickme", "gallery", {"size": pixels.shape, **loose})


def test_a_gallery_shows_image_maps_overlay_and_rho():
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (1, 3, 9, 9), dtype=np.uint8)
    human, model = rng.random((2, 1, 9, 9))
    with theme.look():
        figure = gallery.gallery(pixels, human, model, np.array([0.25]), ["best\ns1"], "m (SIMULATED)")
    axes = figure.axes
    assert [a.get_title(loc="center") for a in axes] == ["image", "human map", "saliency", "overlay"]
    assert axes[0].get_ylabel() == "best\ns1\nρ = 0.25"
    np.testing.assert_array_equal(axes[0].images[0].get_array(), pixels[0].transpose(1, 2, 0))
    np.testing.assert_array_equal(axes[1].images[0].get_array(), human[0])
    assert "SIMULATED" in figure.get_suptitle()


def test_a_gallery_without_a_comparable_image_says_so(study, write_pixels, noise_images):
    images = pd.DataFrame({"stimulus_id": [f"s{i}" for i in range(10)], "rho": np.nan})
    images.to_csv(study / "images.csv", index=False)
    assert drawn(study, write_pixels(study, noise_images)).startswith(b"\x89PNG")
