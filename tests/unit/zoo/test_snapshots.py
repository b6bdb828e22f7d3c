"""Claims about folders like a repository of the hub: read, refused, and compared with what is used."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import timm
import torch
from timm.models._hub import save_for_hf

from visalign import cli
from visalign.errors import InputError
from visalign.io.files import read_json
from visalign.zoo import origins, snapshots
from visalign.zoo.weights import files_of

SHOWN = {"input_size": (3, 64, 64), "mean": (0.1, 0.2, 0.3), "std": (0.4, 0.5, 0.6), "crop_pct": 0.8}
USED = {
    "input_size": [3, 64, 64], "mean": [0.1, 0.2, 0.3], "std": [0.4, 0.5, 0.6], "crop_pct": 0.8,
    "interpolation": "bilinear", "crop_mode": "center",
}  # fmt: skip
#: What an image processor of transformers writes for the same.
SAME = {
    "do_resize": True, "size": {"shortest_edge": 80}, "resample": 2, "do_center_crop": True,
    "crop_size": {"height": 64, "width": 64}, "do_rescale": True, "rescale_factor": 1 / 255,
    "do_normalize": True, "image_mean": [0.1, 0.2, 0.3], "image_std": [0.4, 0.5, 0.6],
}  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("snapshot")
    torch.manual_seed(1)
    model = timm.create_model("test_resnet", num_classes=7)
    save_for_hf(model, path, safe_serialization=True, data_config=SHOWN)
    return path


def write(folder: Path, settings: object) -> Path:
    (folder / snapshots.FILE).write_text(json.dumps(settings))
    return folder


def test_a_folder_is_a_file_of_weights_that_says_what_it_takes(folder, tmp_path):
    row = {"architecture": "test_resnet", "weights": "file", "source": str(folder)}
    assert {file.name for file in files_of(row)} >= {"config.json", "model.safetensors"}
    write(folder, SAME | {"resample": 3, "crop_size": 72})
    words = ["--model", "m", "--architecture", "test_resnet", "--weights", "file", "--source", str(folder)]
    files = ["--output", str(tmp_path / "m.safetensors"), "--card", str(tmp_path / "m.json")]
    cli.main(["models", "weights", *words, *files, "--data-config", json.dumps(USED)])
    card = read_json(tmp_path / "m.json")
    assert card["num_classes"] == 7 and card["data_config"] == USED
    assert card["other_transform"] == [
        "preprocessor_config.json of the weights has input_size [3, 72, 72], used is [3, 64, 64]",
        "preprocessor_config.json of the weights has crop_pct 0.9, used is 0.8",
        "preprocessor_config.json of the weights has interpolation bicubic, used is bilinear",
    ]


def test_what_is_the_same_is_not_told(tmp_path):
    assert snapshots.differences(tmp_path, USED) == []
    assert snapshots.differences(write(tmp_path, SAME), USED) == []
    assert snapshots.differences(write(tmp_path, {"size": 64, "do_normalize": False}), USED) == []


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"size": 224}, {"input_size": [3, 224, 224]}),
        (
            {"size": {"height": 96, "width": 96}, "resample": 1},
            {"input_size": [3, 96, 96], "interpolation": "lanczos"},
        ),
        ({"size": {"height": 96, "width": 64}}, {}),
        ({"size": 256, "crop_size": 224, "do_center_crop": False}, {"input_size": [3, 256, 256]}),
        ({"size": {"shortest_edge": 384}, "crop_pct": 0.95}, {"input_size": [3, 384, 384], "crop_pct": 0.95}),
        ({"image_mean": [0.5, 0.5, 0.5], "do_normalize": False}, {}),
    ],
)
def test_sizes_are_read_as_processors_write_them(tmp_path, settings, expected):
    assert snapshots.stated(write(tmp_path, settings)) == expected


@pytest.mark.parametrize("content", ["[1]", "{"])
def test_a_damaged_file_is_refused(tmp_path, content):
    (tmp_path / snapshots.FILE).write_text(content)
    with pytest.raises(InputError, match=r"preprocessor_config\.json: "):
        snapshots.stated(tmp_path)


@pytest.mark.parametrize(
    ("config", "named"),
    [
        ({"architectures": ["ViTForImageClassification"], "model_type": "vit"}, "ViTForImageClassification"),
        ({"model_type": "vit"}, "vit"),
    ],
)
def test_a_network_of_transformers_is_refused_by_name(tmp_path, config, named):
    (tmp_path / "config.json").write_text(json.dumps(config))
    row = {"architecture": "vit_base_patch16_224", "weights": "file", "source": str(tmp_path)}
    reason = (
        f"its config.json is not one of timm's: it describes {named} of transformers, which is not run here"
    )
    with pytest.raises(InputError, match=reason):
        origins.origin(row)
