"""Claims about weights of the hub, fetched from a server on this machine that speaks its protocol."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import huggingface_hub.utils
import pytest
import timm
import torch
from hub_server import Running
from huggingface_hub import constants
from timm.models._hub import save_for_hf

from visalign import cli
from visalign.io.files import read_json
from visalign.zoo import checks, network, origins

SHOWN = {"input_size": (3, 64, 64), "mean": (0.1, 0.2, 0.3), "std": (0.4, 0.5, 0.6), "crop_pct": 0.8}
PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy")


def files_of(folder: Path, seed: int, **arguments) -> tuple[torch.nn.Module, dict[str, bytes]]:
    """A network, and the files that timm pushes to the hub for it."""
    torch.manual_seed(seed)
    model = timm.create_model("test_resnet", num_classes=7)
    save_for_hf(model, folder, safe_serialization=True, data_config=SHOWN, **arguments)
    return model.eval(), {file.name: file.read_bytes() for file in folder.iterdir()}


@pytest.fixture(scope="module")
def published(tmp_path_factory) -> list[tuple[torch.nn.Module, dict[str, bytes]]]:
    """Two networks with their files."""
    return [files_of(tmp_path_factory.mktemp("net"), seed) for seed in (1, 2)]


@pytest.fixture
def hub(tmp_path, monkeypatch):
    """A hub on this machine, and an empty cache."""
    with Running() as running:
        template = f"{running.address}/{{repo_id}}/resolve/{{revision}}/{{filename}}"
        monkeypatch.setattr(constants, "ENDPOINT", running.address)
        monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
        monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
        monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "cache"))
        for name in PROXIES:
            monkeypatch.delenv(name, raising=False)
        huggingface_hub.utils.close_session()
        yield running
        huggingface_hub.utils.close_session()


def words(folder: Path, source: str) -> list[str]:
    files = ["--output", str(folder / "m.safetensors"), "--card", str(folder / "m.json")]
    row = ["--architecture", "test_resnet", "--weights", "hub", "--source", source, "--label-space", "mine"]
    return ["models", "weights", "--model", "m", *row, *files]


def made(folder: Path, source: str) -> tuple[dict, torch.nn.Module]:
    """Card and network of a row, by the stage."""
    cli.main(words(folder, source))
    card = read_json(folder / "m.json")
    return card, network.load(card, folder / "m.safetensors")


def same(one: torch.nn.Module, other: torch.nn.Module) -> bool:
    theirs = other.state_dict()
    return all(torch.equal(tensor, theirs[name]) for name, tensor in one.state_dict().items())


def problem(source: str) -> dict:
    """What planning says of a row."""
    [facts] = checks.facts_of([{"architecture": "test_resnet", "weights": "hub", "source": source}])
    return facts


def test_a_repository_is_fetched_and_its_commit_is_on_the_card(hub, published, tmp_path):
    model, files = published[0]
    commit = hub.put("org/net", "main", files)
    card, loaded = made(tmp_path, "org/net")
    assert same(loaded, model) and card["commit"] == commit
    assert card["num_classes"] == 7 and card["data_config"]["mean"] == [0.1, 0.2, 0.3]


def test_a_revision_is_a_branch_a_tag_or_a_commit(hub, published, tmp_path):
    (first, old), (second, new) = published
    commit = hub.put("org/net", "v1", old)
    hub.put("org/net", "main", new)
    for source, expected in (("org/net@v1", first), (f"org/net@{commit}", first), ("org/net", second)):
        card, loaded = made(tmp_path, source)
        assert same(loaded, expected)
        assert (card["commit"] == commit) == (expected is first)


def test_what_was_fetched_is_not_fetched_again(hub, published, tmp_path):
    hub.put("org/net", "main", published[0][1])
    made(tmp_path, "org/net")
    hub.asked.clear()
    made(tmp_path, "org/net")
    assert {method for method, _, _ in hub.asked} == {"HEAD"}


def test_a_cut_download_goes_on_where_it_was_cut(hub, published, tmp_path, monkeypatch):
    monkeypatch.setattr(constants, "DOWNLOAD_CHUNK_SIZE", 10_000)
    model, files = published[0]
    hub.put("org/net", "main", files)
    hub.cuts[:] = [500_000, 700_000]
    _, loaded = made(tmp_path, "org/net")
    ranges = [asked for method, path, asked in hub.asked if method == "GET" and path.endswith("safetensors")]
    assert ranges == ["", "bytes=500000-", "bytes=1200000-"]
    assert same(loaded, model)


def test_a_download_that_is_cut_for_good_leaves_nothing_and_can_be_tried_again(
    hub, published, tmp_path, monkeypatch, refused
):
    monkeypatch.setattr(huggingface_hub.file_download.time, "sleep", lambda seconds: None)
    model, files = published[0]
    hub.put("org/net", "main", files)
    hub.cuts[:] = [0] * 6
    [line] = refused(*words(tmp_path, "org/net"))
    assert "source: org/net: " in line and not (tmp_path / "m.safetensors").exists()
    assert same(made(tmp_path, "org/net")[1], model)


@pytest.mark.parametrize("name", ["model.safetensors", "config.json"])
def test_a_file_with_another_checksum_than_the_hubs_is_refused(hub, published, tmp_path, name, refused):
    """Of the right size, which is all that the hub's library looks at."""
    files = published[0][1]
    hub.put("org/net", "main", files)
    flipped = bytearray(files[name])
    flipped[-3] ^= 1
    if name == "config.json":
        flipped = bytearray(files[name].replace(b"0.8", b"0.7"))
    hub.swapped[name] = bytes(flipped)
    [line] = refused(*words(tmp_path, "org/net"))
    assert f"source: org/net: {name}: " in line and "is not the hub's" in line
    assert not (tmp_path / "m.safetensors").exists()
    Path(line.rpartition("; delete ")[2]).unlink()  # as it says
    hub.swapped.clear()
    assert same(made(tmp_path, "org/net")[1], published[0][0])


def test_a_file_of_weights_that_is_none_is_refused_in_a_line(hub, published, tmp_path, refused):
    hub.put("org/net", "main", published[0][1] | {"model.safetensors": b"<html>" * 1000})
    [line] = refused(*words(tmp_path, "org/net"))
    assert line.startswith("visalign models: error: source: org/net: ") and "header" in line


@pytest.mark.parametrize("status", [401, 403])
def test_a_gated_repository_says_what_to_do(hub, tmp_path, status, refused):
    hub.gated["org/net"] = (status, "GatedRepo")
    reason = "source: org/net: gated: ask for access on its page, then log in (hf auth login) or set HF_TOKEN"
    assert problem("org/net")["problem"] == reason
    assert refused(*words(tmp_path, "org/net")) == [f"visalign models: error: {reason}"]


def test_weights_that_are_gated_though_the_config_is_not_say_so(
    hub, published, tmp_path, monkeypatch, refused
):
    hub.put("org/net", "main", published[0][1])
    own = origins.repository("test_resnet", "org/net")
    monkeypatch.setattr(origins, "repository", lambda *row: own)
    hub.gated["org/net"] = (403, "GatedRepo")
    Path(next((tmp_path / "cache").rglob("config.json"))).unlink()
    [line] = refused(*words(tmp_path, "org/net"))
    assert "source: org/net: gated: " in line


def test_a_revision_and_a_repository_that_are_not_there_are_named(hub, published):
    hub.put("org/net", "main", published[0][1])
    assert problem("org/net@v9")["problem"] == "source: org/net@v9: has no revision v9"
    assert problem("org/other")["problem"].startswith(
        "source: org/other: no such repository; if it is private"
    )


def test_a_repository_without_weights_is_named(hub, published, tmp_path, refused):
    hub.put("org/net", "main", {"config.json": published[0][1]["config.json"]})
    [line] = refused(*words(tmp_path, "org/net"))
    assert "source: org/net: lacks a file that timm reads: config.json, model.safetensors" in line


def test_a_hub_that_cannot_be_reached_is_this_models_error_alone(hub, monkeypatch):
    address = "http://127.0.0.1:9"  # where nothing answers
    monkeypatch.setattr(constants, "ENDPOINT", address)
    template = f"{address}/{{repo_id}}/resolve/{{revision}}/{{filename}}"
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
    facts = problem("org/net")
    assert facts["problem"] is None
    assert facts["unavailable"] == "source: org/net: not in the cache, and the hub cannot be reached"


def test_the_address_of_the_hub_is_that_of_the_environment(hub, published, tmp_path):
    """In a process of its own, as a job is."""
    commit = hub.put("org/net", "main", published[0][1])
    inherited = {name: value for name, value in os.environ.items() if name not in PROXIES}
    environment = inherited | {"HF_ENDPOINT": hub.address, "HF_HUB_CACHE": str(tmp_path / "other")}
    command = [sys.executable, "-m", "visalign", *words(tmp_path, "org/net")]
    subprocess.run(command, env=environment, check=True, capture_output=True)
    assert json.loads((tmp_path / "m.json").read_text())["commit"] == commit
    assert any((tmp_path / "other").rglob("model.safetensors"))
