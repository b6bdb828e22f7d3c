"""Claims about the sheet of trained models: what its rows become, and which are refused."""

from __future__ import annotations

from pathlib import Path

import pytest
import studies
import yaml
from studies import DATA_CONFIG, edit, load, write

from visalign import cli
from visalign.errors import InputError
from visalign.io import schemas, sheets
from visalign.study.recipes import INHERITED, OF_ALL
from visalign.study.schemas import of_section

TRAINED = ["a+none", "a+harmonized", "b+harmonized", "a+twice"]


@pytest.fixture
def config(tmp_path, monkeypatch, known_models) -> dict:
    """A study with two bases and four trained models that is valid; tests change one thing."""
    monkeypatch.chdir(tmp_path)
    known_models(DATA_CONFIG)
    return write(studies.TRAINED)


def test_trained_models_join_those_of_the_model_sheet(config):
    loaded = load(config)
    assert list(loaded.models) == ["a", "b", *TRAINED] and list(loaded.trained) == TRAINED
    assert {row["weights"] for name, row in loaded.models.items() if name in TRAINED} == {"train"}
    assert loaded.weights("a+none") == "results/train/a+none.safetensors"
    assert loaded.weights("a") == "results/models/weights/test_resnet-random-0.safetensors"
    assert {model for _, model, dataset in loaded.score_files() if dataset == "clickme"} >= {"a", "a+none"}


def test_a_study_without_a_sheet_trains_nothing(config):
    config["train"] = {}
    loaded = load(config)
    assert list(loaded.models) == ["a", "b"] and loaded.trained == {}


def test_a_trained_model_inherits_what_its_row_does_not_say(config):
    models = load(config).models
    inherited = {key: models["a"][key] for key in INHERITED}
    own = {"family": "harmonized", "input_size": 64, "baseline": "a"}
    made = {"architecture": "test_resnet", "weights": "train", "label_space": "imagenet-1k"}
    assert models["a+none"] == inherited | made | {"model": "a+none", "source": "a"}
    assert models["a+harmonized"] == inherited | made | own | {"model": "a+harmonized", "source": "a"}
    assert models["a+twice"]["input_size"] == 64, "of its base, which is a trained model too"


def test_label_space_is_that_of_the_images(config):
    assert load(config).models["b+harmonized"]["label_space"] == "scenes-8"
    assert load(config).models["b"]["label_space"] == "imagenet-1k"


def test_data_configs_of_trained_models_follow_those_of_their_bases(config):
    found = load(config).data_configs
    assert found["a+none"] == found["a"] != DATA_CONFIG
    assert found["a+harmonized"] == found["a"] | {"input_size": [3, 64, 64]} == found["a+twice"]
    assert found["b+harmonized"] == DATA_CONFIG


def test_a_base_whose_head_is_not_its_label_space_cannot_be_trained_on_it(config, known_models):
    known_models(DATA_CONFIG, num_classes=512)
    with pytest.raises(InputError, match=r"train\.tsv: a\+none: base: a: the head has 512 outputs"):
        load(config)


def test_a_trained_model_has_its_bases_head_or_that_of_its_images(config):
    heads = load(config).heads
    assert heads == {
        "a": 1000,
        "b": 1000,
        "a+none": 1000,
        "a+harmonized": 1000,
        "b+harmonized": None,
        "a+twice": 1000,
    }


def test_a_recipe_is_the_row_over_the_config_over_the_defaults(config):
    config |= {"seed": 7, "train": {"sheet": "train.tsv", "steps": 20, "optimiser": "adamw", "devices": 2}}
    trained = load(config).trained
    assert [trained[name]["steps"] for name in TRAINED] == [20, 50, 20, 20]
    assert [trained[name]["supervision"] for name in TRAINED] == ["none", *["harmonizer"] * 3]
    assert {(row["optimiser"], row["seed"], row["learning_rate"]) for row in trained.values()} == {
        ("adamw", 7, 0.1)
    }
    assert not set(OF_ALL) & set(trained["a+none"])


def test_every_setting_is_part_of_a_recipe_or_of_all_and_a_column_where_of_a_recipe():
    settings = set(of_section("train")["properties"])
    assert settings - set(OF_ALL) <= set(schemas.schema("train")["properties"])
    assert set(OF_ALL) < settings


def test_without_further_images_every_image_has_a_map_unless_the_row_says_otherwise(config):
    assert [row["share"] for row in load(config).trained.values()] == [0.2, 0.2, 1.0, 1.0]
    edit("train", "a+twice\ta+harmonized\tclickme", "a+twice\ta+harmonized\tclickme\t\t\t\t\t\t\t\t0.5")
    assert load(config).trained["a+twice"]["share"] == 0.5


@pytest.mark.parametrize(
    ("sheet", "old", "new", "reason"),
    [
        ("train", "a+none\ta\t", "a\ta\t", "train.tsv: model: 'a' is a row of the model sheet too"),
        ("train", "b+harmonized\tb", "a+none\tb", "train.tsv:4: model: 'a+none' is there twice"),
        ("train", "a+none\ta\t", "a+none\tz\t", "train.tsv: a+none: base: 'z' is unknown (known: a, b)"),
        (
            "train", "a+none\ta\t", "a+none\ta+twice\t",
            "train.tsv: a+none: base: 'a+twice' is unknown (known: a, b)",
        ),
        (
            "train", "\tmasks\t", "\tmask\t",
            "train.tsv: b+harmonized: maps: 'mask' is unknown (known: clickme, ",
        ),
        (
            "train", "\theld_out", "\theld",
            "train.tsv: a+harmonized: validation: 'held' is unknown (known: clickme, ",
        ),
        (
            "train", "\tphotographs", "\tphotos",
            "train.tsv: a+none: stimuli: 'photos' is unknown (known: photographs, ",
        ),
        ("train", "\t\tb\n", "\t\tz\n", "train.tsv: b+harmonized: baseline: 'z' is unknown"),
        (
            "train", "\tphotographs", "\tscenes",
            "train.tsv: a+none: label spaces of its images must be one "
            "(photographs: imagenet-1k, scenes: scenes-8)",
        ),
        (
            "train", "\theld_out", "\tmasks",
            "train.tsv: a+harmonized: label spaces of its images must be one "
            "(photographs: imagenet-1k, scenes: scenes-8)",
        ),
        (
            "train", "\tmasks", "\tunlabelled",
            "train.tsv: b+harmonized: label spaces of its images must be one (plain: none)",
        ),
        ("train", "\tsteps\t", "\tstep\t", "train.tsv:1: step: unknown column (known: base, "),
        ("train", "\t50\n", "\t0\n", "train.tsv:3: steps: 0 is less than the minimum of 1"),
        (
            "train", "held_out\ta\t", "held_out\ta+none\t",
            "train.tsv: a+harmonized: baseline: a+none is of another recipe: input_size 64, not",
        ),
        (
            "train", "\tmasks\t\t\tb", "\tmasks\t\t\ta+none",
            "train.tsv: b+harmonized: baseline: a+none is of another recipe: base b, not a; maps",
        ),
        ("train", "\tnone\n", "\tnothing\n", "train.tsv:2: supervision: 'nothing' is not one of"),
        (
            "train", "b+harmonized\tb\tmasks", "b+harmonized\tb\t",
            "train.tsv:4: (top level): 'maps' is a required",
        ),
        (
            "models", "\trandom\t1", "\ttrain\ta",
            "models.tsv: b: weights: 'train' is for rows of the sheet of train",
        ),
        (
            "maps", "\tphotographs", "\tphotos",
            "train.tsv: a+none: its maps are of stimuli 'photos', which are unknown",
        ),
    ],
)  # fmt: skip
def test_a_wrong_row_is_refused_by_file_row_column_and_value(config, sheet, old, new, reason):
    edit(sheet, old, new)
    with pytest.raises(InputError) as error:
        load(config)
    assert str(error.value).startswith(reason)


def test_the_written_sheet_is_read_to_the_same_rows(config):
    Path("study.yaml").write_text(yaml.safe_dump(config))
    cli.main(["train", "rows", "--config", "study.yaml", "--output", "all.tsv"])
    assert sheets.read_sheet("all.tsv", "models", "model") == load(config).models


def test_only_selected_bases_are_written(config):
    config["models"]["select"] = ["b"]
    Path("train.tsv").write_text("model\tbase\tmaps\nb+harmonized\tb\tmasks\n")
    Path("study.yaml").write_text(yaml.safe_dump(config))
    cli.main(["train", "rows", "--config", "study.yaml", "--output", "all.tsv"])
    assert list(sheets.read_sheet("all.tsv", "models", "model")) == ["b", "b+harmonized"]
