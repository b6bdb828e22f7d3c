"""Claims about the scoring of a model on plain folders of images and maps."""

from __future__ import annotations

import io
import json
from pathlib import Path

import jsonschema
import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image
from scipy import stats as scipy_stats

from visalign import cli
from visalign.io.scores import read_scores
from visalign.maps import alignment, processing
from visalign.maps import clicks as click_logs
from visalign.stimuli.photographs import embedded
from visalign.stimuli.transforms import Transform
from visalign.zoo import network

ROOT = Path(cli.__file__).parents[2]

ENTRY = {
    "type": "object",
    "additionalProperties": False,
    "required": ["value", "ci_low", "ci_high", "n", "n_excluded", "floor", "ceiling", "convention", "status"],
    "properties": {
        **{key: {"type": ["number", "null"]} for key in ("value", "ci_low", "ci_high", "floor", "ceiling")},
        **{key: {"type": "integer", "minimum": 0} for key in ("n", "n_excluded")},
        **{key: {"type": "string"} for key in ("convention", "status")},
    },
}
SCHEMA = {
    "type": "object",
    "additionalProperties": False,
    "required": ["model", "scores"],
    "properties": {
        "model": {"type": "string"},
        "scores": {
            "type": "object",
            "required": ["rho", "top10_iou", "top10_dice"],
            "additionalProperties": ENTRY,
        },
    },
}


def photographs() -> list[tuple[str, bytes]]:
    """Names and contents of the embedded photographs."""
    return [(file.name, file.read_bytes()) for file in embedded()]


@pytest.fixture(scope="module")
def folders(tmp_path_factory) -> Path:
    """The embedded photographs, and blurred blobs of their shapes as their maps."""
    root, rng = tmp_path_factory.mktemp("folders"), np.random.default_rng(0)
    (root / "images").mkdir()
    (root / "maps").mkdir()
    lines = ["name,label"]
    for name, content in photographs():
        (root / "images" / name).write_bytes(content)
        lines.append(f"{name},{Path(name).stem.split('_')[-1]}")
        with Image.open(io.BytesIO(content)) as image:
            size = image.width // 3, image.height // 3
        coarse = Image.fromarray(rng.integers(0, 256, (5, 6), dtype=np.uint8))
        coarse.resize(size, Image.Resampling.BICUBIC).save(root / "maps" / f"{Path(name).stem}.png")
    (root / "labels.csv").write_text("\n".join(lines) + "\n")
    return root


def words(folders: Path, *more: str) -> list[str]:
    paths = ["--images", str(folders / "images"), "--maps", str(folders / "maps")]
    return ["clickme", "folder", *paths, "--labels", str(folders / "labels.csv"), *more]


def few(folders: Path, tmp_path: Path, count: int = 4) -> list[str]:
    labels = tmp_path / "few.csv"
    labels.write_text("\n".join((folders / "labels.csv").read_text().splitlines()[: count + 1]) + "\n")
    return [*words(folders), "--labels", str(labels)]


def test_an_embedded_model_is_scored_on_the_embedded_photographs(folders, tmp_path, capsys):
    sheet, table = str(ROOT / "config/models/embedded.tsv"), tmp_path / "per_image.csv"
    arguments = [
        "--model",
        "lite0_80",
        "--sheet",
        sheet,
        "--ceiling",
        "0.8",
        "--output",
        str(table),
        "--json",
    ]
    cli.main(words(folders, *arguments))
    result = json.loads(capsys.readouterr().out)
    jsonschema.validate(result, SCHEMA)
    scores, images = result["scores"], pd.read_csv(table, keep_default_na=False)
    assert result["model"] == "lite0_80" and {entry["n"] for entry in scores.values()} == {20}
    rho, floor = scores["rho"]["value"], scores["rho"]["floor"]
    assert rho == pytest.approx(images["rho"].mean()) and -1 < rho < 1
    assert scores["rho/ceiling"]["value"] == pytest.approx(rho / 0.8)
    attainable = np.sqrt(1.6 / 1.8)
    assert scores["rho/attainable"]["value"] == pytest.approx(rho / attainable)
    # The maps are noise: those of different images are unlike, and the span is all that is attainable.
    assert scores["floor_corrected"]["value"] == pytest.approx((rho - floor) / attainable, rel=0.02)
    assert scores["rho"]["ci_low"] < rho < scores["rho"]["ci_high"]
    assert images["name"].tolist() == [name for name, _ in photographs()]
    assert (images["reason"] == "").all()


def test_folders_are_scored_as_the_gradient_and_the_maps_say(folders, tmp_path, tiny_model, capsys):
    """Step by step: the model's own transform, its gradient, the blurred maps at its input, SciPy's ρ."""
    files = tiny_model(size=160)
    arguments = ["--model", "test_resnet", "--weights", files.weights, "--output", str(tmp_path / "t.csv")]
    cli.main([*few(folders, tmp_path), *arguments, "--json"])
    scores = json.loads(capsys.readouterr().out)["scores"]
    assert "rho/ceiling" not in scores  # no --ceiling
    config = files.facts["data_config"]
    transform = Transform(160, 160, config["crop_mode"], config["crop_pct"], config["interpolation"])
    model = network.Normalised(network.load(files.facts, files.weights), config)
    expected = []
    for name, content in photographs()[:4]:
        with Image.open(io.BytesIO(content)) as image:
            size = {"height": [image.height], "width": [image.width]}
            pixels = torch.from_numpy(transform.apply(image).copy())[None] / 255
        label = torch.tensor([int(Path(name).stem.split("_")[-1])])
        own = network.gradient(model, pixels, label)[0].abs().amax(0).numpy()
        human = np.asarray(Image.open(folders / "maps" / f"{Path(name).stem}.png"), np.float32)
        (moved,) = alignment.at_input(processing.process(human[None]), pd.DataFrame(size), transform)
        expected.append(scipy_stats.spearmanr(own.ravel(), moved.ravel()).statistic)
    found = pd.read_csv(tmp_path / "t.csv")["rho"]
    np.testing.assert_allclose(found, expected, atol=1e-3)  # sums of a batch and of one image differ
    assert scores["rho"]["value"] == pytest.approx(found.mean())


def test_without_json_there_is_a_line_per_score(folders, tmp_path, tiny_model, capsys):
    cli.main(
        [*few(folders, tmp_path, 2), "--model", "test_resnet", "--weights", tiny_model(size=160).weights]
    )
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == [
        "rho",
        "spearman_abs_mean",
        "spearman_4",
        "spearman_abs_mean_4",
        "spearman_16",
        "spearman_abs_mean_16",
        "top10_iou",
        "top10_dice",
    ]
    assert all("95 %" in line and "n = 2" in line for line in lines)


def test_constant_maps_leave_null_and_a_reason(folders, tmp_path, tiny_model, capsys):
    (tmp_path / "maps").mkdir()
    for name, content in photographs()[:2]:
        with Image.open(io.BytesIO(content)) as image:
            constant = np.full((image.height, image.width), 0.5)
        np.save(tmp_path / "maps" / f"{Path(name).stem}.npy", constant)
    arguments = [
        "--model",
        "test_resnet",
        "--weights",
        tiny_model(size=160).weights,
        "--json",
        "--ceiling",
        "0.6",
    ]
    cli.main([*few(folders, tmp_path, 2), "--maps", str(tmp_path / "maps"), *arguments])
    result = json.loads(capsys.readouterr().out)
    jsonschema.validate(result, SCHEMA)
    assert {entry["value"] for entry in result["scores"].values()} == {None}
    entry = result["scores"]["rho"]
    assert "human map constant" in entry["status"] and (entry["n"], entry["n_excluded"]) == (0, 2)


def oblong_study(root: Path, count: int) -> dict[str, str]:
    """Images of three shapes, maps at their own scales, one constant and one with a gap, and labels."""
    rng, lines = np.random.default_rng(3), ["name,label"]
    (root / "images").mkdir()
    (root / "maps").mkdir()
    for i in range(count):
        height, width = ((60, 90), (100, 70), (80, 80))[i % 3]
        Image.fromarray(rng.integers(0, 256, (height, width, 3), dtype=np.uint8)).save(
            root / f"images/{i}.png"
        )
        heatmap = rng.random((height // (1 + i % 2), width // (1 + i % 2)), dtype=np.float32) ** 9
        if i in (5, 9):
            heatmap[:] = 0.5 if i == 5 else np.nan
        np.save(root / f"maps/{i}.npy", heatmap)
        lines.append(f"{i}.png,{rng.integers(1000)}")
    (root / "labels.csv").write_text("\n".join(lines) + "\n")
    return {name: str(root / name) for name in ("images", "maps", "labels.csv")}


def clicked(root: Path) -> str:
    """A click log of six of the images, and of one of another set."""
    rng, names = np.random.default_rng(4), [*(f"{i}.png" for i in range(6)), "other.png"]
    pairs = [(name, user) for name in names for user in range(5)]
    clicks = [rng.normal(128, 30, (9, 2)) for _ in pairs]
    images, users = zip(*pairs, strict=True)
    click_logs.write_log(root / "c.npz", images, clicks, [f"u{u}" for u in users], [1.0] * 35, [False] * 35)
    return str(root / "c.npz")


def by_stages(root: Path, files: dict[str, str], model: list[str], transform: str, ceiling: list[str]):
    """Scores and per-image table of the stages on the same folders."""
    path = {name: str(root / name) for name in ("t.csv", "m.npz", "p.zarr", "s.zarr", "i", "o.csv", "oi.csv")}
    json_of = {name: ["--output", path[name], "--manifest", str(root / f"{name}.json")] for name in path}
    table, labels = ["--table", path["t.csv"]], ["--labels", files["labels.csv"]]
    maps_card, pixels = str(root / "m.json"), ["--pixels", path["p.zarr"]]
    cli.main(
        [
            "stimuli",
            "--name",
            "s",
            "--source",
            "folder",
            "--path",
            files["images"],
            *labels,
            *table,
            "--images",
            path["i"],
        ]
    )
    cli.main(
        [
            "maps",
            "read",
            "--name",
            "s",
            "--reader",
            "folder",
            "--path",
            files["maps"],
            *labels,
            *ceiling,
            "--table",
            path["t.csv"],
            "--output",
            path["m.npz"],
            "--maps-card",
            maps_card,
        ]
    )
    cli.main(
        [
            "maps",
            "ceilings",
            "--maps",
            path["m.npz"],
            *table,
            "--transform",
            transform,
            *ceiling,
            "--output",
            str(root / "ceilings.json"),
        ]
    )
    cli.main(["preprocess", *table, "--transform", transform, *json_of["p.zarr"]])
    manifests = ["--pixels-manifest", str(root / "p.zarr.json")]
    cli.main(["saliency", *model, *pixels, *manifests, *table, *json_of["s.zarr"]])
    cli.main(
        [
            "clickme",
            "score",
            "--model",
            "m",
            "--dataset",
            "s",
            "--saliency",
            path["s.zarr"],
            "--saliency-manifest",
            str(root / "s.zarr.json"),
            *table,
            "--transform",
            transform,
            "--maps",
            path["m.npz"],
            "--ceilings",
            str(root / "ceilings.json"),
            "--output",
            path["o.csv"],
            "--per-image",
            path["oi.csv"],
        ]
    )
    return read_scores(path["o.csv"]), pd.read_csv(path["oi.csv"], keep_default_na=False)


@pytest.mark.parametrize("ceiling", [[], ["--ceiling", "0.65753"], ["--clicks", "c.npz"]])
def test_the_command_and_the_stages_give_the_same_numbers(tmp_path, tiny_model, capsys, ceiling):
    """Every entry, its floor and interval, and every image; more images than a batch or a floor holds."""
    files, model = oblong_study(tmp_path, 70), tiny_model(size=160)
    ceiling = [word if word != "c.npz" else clicked(tmp_path) for word in ceiling]
    config = model.facts["data_config"]
    arguments = ["--images", files["images"], "--maps", files["maps"], "--labels", files["labels.csv"]]
    arguments += ["--model", "test_resnet", "--weights", model.weights, *ceiling]
    cli.main(["clickme", "folder", *arguments, "--output", str(tmp_path / "c.csv"), "--json"])
    command = json.loads(capsys.readouterr().out)["scores"]
    transform = Transform.of_model(config).key
    scores, images = by_stages(tmp_path, files, model.arguments(), transform, ceiling)
    assert len(scores) == len(command) == (11 if ceiling else 8)
    for row in scores.to_dict("records"):
        entry = command[row["convention"] if row["metric"] == "spearman" else row["metric"]]
        assert (entry["n"], entry["n_excluded"], entry["status"]) == (68, 2, "ok")
        assert (row["n"], row["n_excluded"], row["status"]) == (68, 2, "ok")
        for field in ("value", "ci_low", "ci_high", "floor", "ceiling"):
            assert np.float64(entry[field]) == pytest.approx(row[field], abs=1e-9, nan_ok=True), (row, field)
    of_command = pd.read_csv(tmp_path / "c.csv", keep_default_na=False)
    assert of_command["name"].tolist() == images["stimulus_id"].tolist()
    assert of_command["reason"].tolist() == images["reason"].tolist()
    for column in set(images) - {"stimulus_id", "reason"}:
        own, theirs = (pd.to_numeric(table[column]) for table in (of_command, images))
        np.testing.assert_allclose(own, theirs, atol=1e-9)


def test_square_maps_of_oblong_images_are_refused_by_the_command(tmp_path, tiny_model, refused):
    files = oblong_study(tmp_path, 3)
    np.save(tmp_path / "maps/1.npy", np.eye(80))
    arguments = ["--images", files["images"], "--maps", files["maps"], "--labels", files["labels.csv"]]
    model = ["--model", "test_resnet", "--weights", tiny_model(size=160).weights]
    *_, error = refused("clickme", "folder", *arguments, *model)
    assert "maps/1.npy: the map has 80 × 80 pixels (height × width), but its image 100 × 70" in error


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "the following arguments are required: --model"),
        (["--model", "lite9"], "embedded.tsv: model: no 'lite9'"),
        (["--model", "lite0", "--maps", "absent"], "absent: no such folder of maps"),
        (["--model", "lite0", "--labels", "absent.csv"], "absent.csv: no such file"),
        (["--model", "resnet_50", "--weights", "w.safetensors"], "'resnet_50' is not an architecture"),
    ],
)
def test_bad_input_is_named(folders, refused, arguments, message):
    sheet = str(ROOT / "config/models/embedded.tsv")
    assert message in refused(*words(folders, "--sheet", sheet), *arguments)[-1]
