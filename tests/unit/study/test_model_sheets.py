"""Claims about the model sheet of the full study: timm knows every name, rows say what they are."""

import csv
from pathlib import Path

import pytest
import timm
import torch
import torchvision

from visalign.io.sheets import read_sheet
from visalign.zoo import checks, facts
from visalign.zoo import layers as layers_of
from visalign.zoo.weights import pretrained_name, weights_id

ROOT = Path(__file__).resolve().parents[3]
SHEET = ROOT / "config" / "models" / "timm.tsv"
PUBLISHED = ROOT.parent / "shared" / "published" / "large_scale_results_hmn.csv"
#: Published names whose timm weights end before a classifier.
HEADLESS = {
    *(f"vit_{size}_patch{patch}_224.dino" for size in ("small", "base") for patch in (8, 16)),
    *(f"vit_{size}_patch14_dinov2.lvd142m" for size in ("small", "base", "large", "giant")),
}
#: Rows whose architecture torchvision implements too, by its name there.
TORCHVISION = {
    "resnet18_l2_eps3": "resnet18",
    "resnet50.tv_in1k": "resnet50",
    "wide_resnet50_2_linf_eps4.0": "wide_resnet50_2",
    "vgg16.tv_in1k": "vgg16",
    "densenet121.tv_in1k": "densenet121",
    "mobilenetv2_100.ra_in1k": "mobilenet_v2",
    "efficientnet_b0.ra_in1k": "efficientnet_b0",
    "convnext_base.fb_in22k_ft_in1k": "convnext_base",
    "swin_tiny_patch4_window7_224.ms_in1k": "swin_t",
    "vit_base_patch16_224.augreg_in1k": "vit_b_16",
}


@pytest.fixture(scope="module")
def models() -> dict:
    """The networks of the sheet."""
    rows = read_sheet(SHEET, "models", "model")
    return {name: row for name, row in rows.items() if row["weights"] != "low-level"}


@pytest.fixture(scope="module")
def hub(models) -> dict:
    return {name: row for name, row in models.items() if row["weights"] == "hub"}


def count_parameters(build, *args, **kwargs) -> int:
    """Number of parameters of a network that is built without memory for them."""
    with torch.device("meta"):
        return sum(parameter.numel() for parameter in build(*args, **kwargs).parameters())


def test_every_hub_row_is_pretrained_in_timm_with_1000_classes_unless_it_says_otherwise(hub):
    assert hub.keys() <= set(timm.list_pretrained())
    classes = {name: timm.get_pretrained_cfg(name).num_classes for name in hub}
    assert {name for name in hub if classes[name] != 1000} == HEADLESS
    assert {name for name, row in hub.items() if row["label_space"] != "imagenet-1k"} == HEADLESS
    assert {hub[name]["label_space"] for name in HEADLESS} == {"none"}


def test_every_row_is_known_before_a_run_without_a_network(models, monkeypatch):
    monkeypatch.setattr(timm, "create_model", None)
    found = dict(zip(models, checks.facts_of([facts.question(m, models) for m in models]), strict=True))
    assert [known["problem"] for known in found.values() if known["problem"]] == []
    outputs = facts.heads(models, found)
    assert {name for name, n in outputs.items() if n == 0} == HEADLESS
    assert {n for name, n in outputs.items() if name not in HEADLESS} == {1000, None}
    files = {name for name, row in models.items() if row["weights"] == "file"}
    assert {name for name, n in outputs.items() if n is None} <= files


def test_hub_rows_are_named_architecture_dot_tag(hub):
    assert [f"{row['architecture']}.{row['source']}" for row in hub.values()] == list(hub)


def test_no_two_rows_share_weights(models):
    assert len({weights_id(row) for row in models.values()}) == len(models)


def test_file_rows_are_the_42_adversarially_trained_networks(models):
    adversarial = {name for name, row in models.items() if row["family"] == "adversarially trained"}
    assert adversarial == {name for name, row in models.items() if row["weights"] == "file"}
    assert len(adversarial) == 42
    for name in adversarial:
        assert models[name]["source"] == f"data/models/{name}.ckpt"
        assert name.startswith(f"{models[name]['architecture']}_l")


@pytest.mark.skipif(
    not PUBLISHED.is_file(), reason=f"published tables are not at {PUBLISHED} (they may not be redistributed)"
)
def test_sheet_holds_every_published_model_and_25_others(models, hub):
    with PUBLISHED.open(newline="") as file:
        published = {row["model"]: row["type1"] for row in csv.DictReader(file)}
    assert published.keys() - models.keys() == set()
    adversarial = {name for name, kind in published.items() if kind == "adv"}
    assert models.keys() - hub.keys() == adversarial
    assert len(hub.keys() & published.keys()) == 325
    assert len(hub.keys() - published.keys()) >= 25


def test_an_architecture_has_one_family_and_there_are_at_most_40(models, hub):
    families = {(row["architecture"], row["family"]) for row in hub.values()}
    assert len(families) == len({row["architecture"] for row in hub.values()})
    assert len({row["family"] for row in models.values()}) <= 40


def test_head_of_the_sheet_explains_every_class_of_training_data(models):
    head = "".join(line for line in SHEET.open() if line.startswith("#"))
    for classes in {row["training_data"] for row in models.values()}:
        method, _, images = classes.rpartition("+")
        assert images in head
        assert not method or f"{method}+SET" in head


@pytest.mark.parametrize(("name", "theirs"), TORCHVISION.items())
def test_parameters_equal_a_count_of_torchvisions_network(models, name, theirs):
    assert models[name]["parameters"] == count_parameters(torchvision.models.get_model, theirs, weights=None)


@pytest.mark.slow
def test_every_network_of_the_sheet_has_its_parameters_and_layers_to_record(models):
    """Built and run on torch's meta device: shapes without memory or arithmetic."""
    counted, layers = {}, {}
    for name, row in models.items():
        with torch.device("meta"):
            model = timm.create_model(pretrained_name(row)).eval()
            size = tuple(model.pretrained_cfg["input_size"][1:])
            layers[name] = len(layers_of.layer_shapes(model, "auto", size))
        counted[name] = sum(parameter.numel() for parameter in model.parameters())
    assert counted == {name: row["parameters"] for name, row in models.items()}
    assert min(layers.values()) >= 4
