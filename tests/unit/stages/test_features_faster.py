"""Claims about features of fused and of compiled networks: the same results, or the reason why not."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
import torch
import zarr
from studies import DATA_CONFIG, SMALL, load, write
from torch import nn

from visalign import cli
from visalign.io import stores
from visalign.study.schemas import section
from visalign.study.settings import of_command
from visalign.zoo import compilation, extraction, network
from visalign.zoo.feature_writer import FeatureWriter

LAYERS = "layer1,layer2.0.conv1,layer4,pre_logits"


@pytest.fixture(scope="module")
def pixels(tmp_path_factory, write_pixels, noise_images) -> list[str]:
    return write_pixels(tmp_path_factory.mktemp("pixels"), noise_images)


@pytest.fixture(autouse=True)
def trained(monkeypatch) -> None:
    """Batch norms with statistics that differ from those of a network that was never trained."""
    load = network.load

    def loaded(*arguments) -> nn.Module:
        model, generator = load(*arguments), torch.Generator().manual_seed(0)
        for module in model.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.running_mean.uniform_(-0.5, 0.5, generator=generator)
                module.running_var.uniform_(0.5, 2, generator=generator)
        return model

    monkeypatch.setattr(network, "load", loaded)


def arguments(model, pixels: list[str], folder: Path, *more: str) -> list[str]:
    output = ["--output", str(folder / "f.zarr"), "--manifest", str(folder / "f.json")]
    return ["features", *model.arguments(), *pixels, *output, "--batch-size", "4", "--layers", LAYERS, *more]


def features(model, pixels: list[str], folder: Path, *more: str) -> zarr.Group:
    cli.main(arguments(model, pixels, folder, *more))
    return stores.open_store(folder / "f.zarr")


def assert_close(one: zarr.Group, other: zarr.Group, by: float) -> None:
    for name in one.attrs["layers"]:
        values, own = (np.float64(store[name][:]) for store in (one, other))
        assert np.sqrt(np.mean((values - own) ** 2)) <= by * own.std(), name


def test_features_of_fused_batch_norms_are_the_same_within_the_tolerance(tmp_path, tiny_model, pixels):
    exact = features(tiny_model(), pixels, tmp_path / "exact", "--dtype", "float32")
    fused = features(tiny_model(), pixels, tmp_path / "fused", "--dtype", "float32", "--fuse", "true")
    # One of the nine convolutions is recorded, and one in a shortcut is like the others.
    norms = sum(
        isinstance(m, nn.BatchNorm2d)
        for m in network.load(tiny_model().facts, tiny_model().weights).modules()
    )
    assert fused.attrs["fused"] == norms - 1 and fused.attrs["fuse"] is True
    assert exact.attrs["fuse"] is False and "fused" not in exact.attrs
    assert_close(fused, exact, extraction.FUSED_TOLERANCE)
    assert not np.array_equal(fused["logits"][:], exact["logits"][:])


def test_a_network_whose_fused_layers_differ_is_left_as_it_is_and_the_reason_told(
    tmp_path, tiny_model, pixels, monkeypatch, capsys
):
    monkeypatch.setattr(extraction, "FUSED_TOLERANCE", 1e-9)
    exact = features(tiny_model(), pixels, tmp_path / "exact")
    kept = features(tiny_model(), pixels, tmp_path / "kept", "--fuse", "true")
    assert kept.attrs["fused"] == 0
    assert re.fullmatch(r"'.*' differs by .*e-0. of its .*, more than 1e-09", kept.attrs["not_fused"])
    assert f"batch norms of tiny are not fused: {kept.attrs['not_fused']}\n" in capsys.readouterr().err
    assert (tmp_path / "kept/f.json").read_text() == (tmp_path / "exact/f.json").read_text()
    assert_close(kept, exact, 0)


class PowerCut(Exception):
    """Stands for a kill, in the same process."""


@pytest.fixture
def cut_after_first_batch(monkeypatch):
    write = FeatureWriter.write

    def cut(self, rows, activations):
        write(self, rows, activations)
        raise PowerCut

    def run(*command: str) -> None:
        with monkeypatch.context() as patch:
            patch.setattr(FeatureWriter, "write", cut)
            with pytest.raises(PowerCut):
                cli.main(list(command))

    return run


@pytest.mark.parametrize("tolerance", [1e-6, 1e-9])
def test_a_pass_goes_on_as_it_began(
    tmp_path, tiny_model, pixels, monkeypatch, cut_after_first_batch, tolerance
):
    monkeypatch.setattr(extraction, "FUSED_TOLERANCE", tolerance)
    whole = features(tiny_model(), pixels, tmp_path / "whole", "--fuse", "true")
    cut_after_first_batch(*arguments(tiny_model(), pixels, tmp_path / "cut", "--fuse", "true"))
    monkeypatch.setattr(extraction, "FUSED_TOLERANCE", 1e-6 if tolerance < 1e-6 else 1e-9)
    resumed = features(tiny_model(), pixels, tmp_path / "cut", "--fuse", "true")
    assert bool(whole.attrs["fused"]) == bool(resumed.attrs["fused"]) == (tolerance == 1e-6)
    assert (tmp_path / "cut/f.json").read_text() == (tmp_path / "whole/f.json").read_text()


def test_only_what_is_on_is_part_of_the_identity(tmp_path, tiny_model, pixels, cut_after_first_batch):
    def identity(*more: str) -> dict:
        cut_after_first_batch(*arguments(tiny_model(), pixels, tmp_path, *more))
        return zarr.open_group(tmp_path / "f.zarr.partial", mode="r").attrs["identity"]

    known = {"dtype", "autocast", "layers", "model", "pixels", "batch_size", "version"}
    assert identity().keys() == identity("--fuse", "false", "--compile", "false").keys() == known
    assert identity("--fuse", "true") == identity() | {"fuse": True}


def test_a_rule_passes_what_is_set_so_that_finished_studies_do_not_rerun(tmp_path, monkeypatch, known_models):
    monkeypatch.chdir(tmp_path)
    known_models(DATA_CONFIG)
    config = write(SMALL)

    def options(settings: dict) -> str:
        return of_command(
            load(config | {"features": settings}).config["features"], section("features"), "features"
        )

    assert options({}) == "--batch-size auto --dtype float16 --autocast off"
    assert options({"fuse": True, "compile": True}) == f"{options({})} --fuse true --compile true"


def test_features_of_a_compiled_pass_are_the_same_within_the_tolerance(tmp_path, tiny_model, pixels):
    exact = features(tiny_model(), pixels, tmp_path / "exact")
    found = features(tiny_model(), pixels, tmp_path / "found", "--compile", "true", "--fuse", "true")
    assert found.attrs["compile"] is True and exact.attrs["compile"] is False
    assert found["layer1"].shape == exact["layer1"].shape  # ten stimuli, the last batch has two
    assert_close(found, exact, 1e-4)  # steps of float16


def scaled(model: nn.Module, rows: int):
    return lambda batch: model(batch) * 1.01


def broken(model: nn.Module, rows: int):
    raise RuntimeError("no kernel for this\nat all")


@pytest.mark.parametrize(
    ("compiled", "said"),
    [
        (scaled, "'logits' differs by 1.0e-02 of its standard deviation when compiled, more than 1e-05"),
        (broken, "cannot be compiled: no kernel for this; --compile false runs it as it is"),
    ],
)
def test_a_compiled_pass_that_differs_or_fails_is_refused_before_anything_is_written(
    tmp_path, tiny_model, pixels, monkeypatch, refused, compiled, said
):
    monkeypatch.setattr(compilation, "compiled", compiled)
    [line] = refused(*arguments(tiny_model(), pixels, tmp_path, "--compile", "true"))
    assert line.startswith("visalign features: error: compile: test_resnet") and said in line
    assert not zarr.open_group(tmp_path / "f.zarr.partial", mode="r").attrs.get("complete")
