"""Claims about where weights come from: a repository's own network, transform and head are used."""

from __future__ import annotations

import json
from pathlib import Path

import huggingface_hub.constants
import pytest
import safetensors.torch
import timm
import torch
from timm.models._hub import save_for_hf

from visalign import cli
from visalign.errors import InputError
from visalign.io.files import read_json
from visalign.zoo import checks, materialise, network, origins
from visalign.zoo import facts as model_facts

OWN = {
    "mean": [0.1, 0.2, 0.3], "std": [0.4, 0.5, 0.6], "input_size": [3, 96, 96], "crop_pct": 0.8,
    "interpolation": "bilinear",
}  # fmt: skip
SHOWN = {"input_size": (3, 96, 96), "mean": (0.1, 0.2, 0.3), "std": (0.4, 0.5, 0.6), "crop_pct": 0.8}


def network_of(architecture: str = "test_resnet", **arguments) -> torch.nn.Module:
    torch.manual_seed(2)
    return timm.create_model(architecture, **arguments)


def publish(folder: Path, model: torch.nn.Module, **more) -> str:
    """Save a network as timm pushes it to the hub."""
    save_for_hf(
        model, folder, safe_serialization=True, model_config={"pretrained_cfg": OWN | more}, data_config=SHOWN
    )
    return str(folder)


def in_cache(monkeypatch, folder: Path, name: str, revisions: dict[str, torch.nn.Module], **more) -> None:
    """Lay a repository out in the hub's cache, which is all that there is: the hub cannot be reached."""
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(folder))
    monkeypatch.setenv("HF_HUB_CACHE", str(folder))
    home = folder / f"models--{name.replace('/', '--')}"
    (home / "refs").mkdir(parents=True)
    (home / "snapshots").mkdir()
    for number, (revision, model) in enumerate(revisions.items()):
        commit = f"{number + 1:040d}"
        publish(home / "snapshots" / commit, model, **more)
        (home / "refs" / revision).write_text(commit)


def made(folder: Path, source: str, architecture: str = "test_resnet") -> tuple[dict, torch.nn.Module]:
    """Card and network of a row of the hub, by the stage."""
    files = ["--output", str(folder / "m.safetensors"), "--card", str(folder / "m.json")]
    words = ["--architecture", architecture, "--weights", "hub", "--source", source]
    cli.main(["models", "weights", "--model", "m", *words, *files])
    card = read_json(folder / "m.json")
    return card, network.load(card, folder / "m.safetensors")


@pytest.mark.parametrize("spelling", ["org/net", "hf-hub:org/net", "hf_hub:org/net", "org/net@main"])
def test_a_repository_of_the_hub_brings_transform_and_head(tmp_path, monkeypatch, spelling):
    model = network_of(num_classes=7)
    in_cache(monkeypatch, tmp_path / "hub", "org/net", {"main": model})
    card, loaded = made(tmp_path, spelling)
    assert {name: card["data_config"][name] for name in OWN} == OWN
    assert card["num_classes"] == 7 and "7 outputs" in card["undefined"]
    assert all(torch.equal(loaded.state_dict()[name], tensor) for name, tensor in model.state_dict().items())


def test_a_revision_has_a_transform_of_its_own(tmp_path, monkeypatch):
    in_cache(monkeypatch, tmp_path, "org/net", {"main": network_of(), "v2": network_of()})
    config = next((tmp_path / "models--org--net/snapshots").glob("*2/config.json"))
    facts = read_json(config)
    facts["pretrained_cfg"]["crop_pct"] = 0.5
    config.write_text(json.dumps(facts))
    found = [origins.repository("test_resnet", f"org/net{at}").data_config["crop_pct"] for at in ("", "@v2")]
    assert found == [0.8, 0.5]


def test_a_repository_without_a_config_asks_for_the_input_that_it_takes(monkeypatch):
    class RemoteEntryNotFoundError(Exception):
        """Named as that of the hub's library."""

    def absent(identifier):
        raise RemoteEntryNotFoundError

    monkeypatch.setattr(timm.models, "load_model_config_from_hf", absent)
    row = {"architecture": "test_resnet", "weights": "hub", "source": "org/bare", "crop_pct": 1.0}
    [facts] = checks.facts_of([row])
    assert facts["problem"].startswith("source: org/bare: has no config.json")
    assert (
        "fill input_size, crop_mode, interpolation (mean and std are those of test_resnet)"
        in facts["problem"]
    )
    filled = row | {"input_size": 96, "crop_mode": "center", "interpolation": "bicubic"}
    assert checks.facts_of([filled])[0]["problem"] is None
    asked = [model_facts.question("m", {"m": each}) for each in (row, filled)]
    assert asked[0] != asked[1] and asked[0]["crop_pct"] == 1.0


def test_a_folder_is_like_a_repository(tmp_path):
    model = network_of()
    card, loaded = made(tmp_path, f"local-dir:{publish(tmp_path / 'net', model)}")
    assert card["data_config"]["mean"] == [0.1, 0.2, 0.3] and "undefined" not in card
    assert torch.equal(loaded.state_dict()["fc.weight"], model.state_dict()["fc.weight"])


def test_arguments_of_a_repositorys_network_are_kept(tmp_path):
    """Position embeddings of another size than timm gives the architecture."""
    model = network_of("vit_tiny_patch16_224", img_size=96, num_classes=1000)
    source = f"local-dir:{publish(tmp_path / 'net', model)}"
    card, loaded = made(tmp_path, source, "vit_tiny_patch16_224")
    assert card["model_args"]["img_size"] == [96, 96] and card["data_config"]["input_size"] == [3, 96, 96]
    assert torch.equal(loaded.pos_embed, model.pos_embed)
    images = torch.rand(1, 3, 96, 96)
    with torch.inference_mode():
        torch.testing.assert_close(loaded(images), model.eval()(images))


def test_another_architecture_than_the_rows_is_refused(tmp_path):
    source = f"local-dir:{publish(tmp_path / 'net', network_of())}"
    with pytest.raises(InputError, match="holds a test_resnet, the row's architecture is test_vit"):
        origins.repository("test_vit", source)


def test_a_config_of_another_library_is_named(tmp_path):
    (tmp_path / "config.json").write_text('{"architectures": ["ResNetForImageClassification"]}')
    with pytest.raises(InputError, match=r"its config\.json is not one of timm's"):
        origins.repository("test_resnet", f"local-dir:{tmp_path}")


def test_weights_that_a_repository_lacks_are_named(tmp_path):
    folder = Path(publish(tmp_path / "net", network_of()))
    state = safetensors.torch.load_file(folder / "model.safetensors")
    safetensors.torch.save_file(
        {name: tensor for name, tensor in state.items() if name != "fc.bias"}, folder / "model.safetensors"
    )
    with pytest.raises(InputError, match=r"source: local-dir:.*fc\.bias"):
        materialise.materialise("test_resnet", "hub", f"local-dir:{folder}")


def test_a_repository_that_cannot_be_reached_is_this_models_error_alone(tmp_path, monkeypatch):
    in_cache(monkeypatch, tmp_path, "org/net", {"main": network_of()})
    with pytest.raises(origins.Unavailable, match="source: org/other: "):
        origins.repository("test_resnet", "org/other")


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ({"weights": "hub", "source": "zzz"}, "source: 'zzz' is not a tag of test_resnet"),
        (
            {"weights": "hub", "architecture": "botnet50ts_256"},
            "source: timm has no pretrained weights of botnet50ts_256",
        ),
        ({"weights": "random", "source": "one"}, "source: 'one' is not a seed"),
        ({"weights": "random"}, "source: '' is not a seed"),
        ({"weights": "file"}, "source: is empty"),
        ({"weights": "package", "source": "absent"}, "source: package 'absent' is not installed"),
    ],
)
def test_a_row_without_weights_says_why(row, reason):
    with pytest.raises(InputError, match=reason):
        origins.origin({"architecture": "test_resnet"} | row)
