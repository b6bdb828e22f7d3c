"""Claims about recorded activations: right values, right storage, resumable."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
import zarr

from visalign import cli, features, network, stores
from visalign.errors import InputError

BATCH = 4  # ten stimuli: three batches, the last of two


@pytest.fixture(scope="module")
def pixels(tmp_path_factory, write_pixels, noise_images) -> list[str]:
    return write_pixels(tmp_path_factory.mktemp("pixels"), noise_images)


def arguments(model, pixels: list[str], folder: Path, *more: str) -> list[str]:
    output = ["--output", str(folder / "f.zarr"), "--manifest", str(folder / "f.json")]
    return ["features", *model.arguments(), *pixels, *output, "--batch-size", str(BATCH), *more]


@pytest.fixture(scope="module")
def recorded(tmp_path_factory, tiny_model, pixels) -> Path:
    """An uninterrupted run."""
    folder = tmp_path_factory.mktemp("features")
    cli.main(arguments(tiny_model(), pixels, folder))
    return folder


def independent(model, layers: list[str], images: np.ndarray) -> dict[str, np.ndarray]:
    """Activations by hooks of our own, all images in one batch."""
    network_ = network.load(model.facts, model.weights)
    kept: dict[str, torch.Tensor] = {}
    for name in layers:
        module = network_.get_submodule(name)
        module.register_forward_hook(lambda _, __, out, name=name: kept.update({name: out.clone()}))
    config = model.facts["data_config"]
    mean, std = (torch.tensor(config[name])[:, None, None] for name in ("mean", "std"))
    with torch.no_grad():
        kept["logits"] = network_((torch.from_numpy(images) / 255 - mean) / std)
    return {name: value.numpy() for name, value in kept.items()}


@pytest.mark.parametrize("architecture", ["test_resnet", "test_efficientnet"])
def test_layers_and_logits_equal_a_direct_forward_pass(
    tmp_path, tiny_model, pixels, noise_images, architecture
):
    model = tiny_model(architecture)
    cli.main(arguments(model, pixels, tmp_path))
    store = stores.open_store(tmp_path / "f.zarr")
    layers = [name for name in store.attrs["layers"] if name not in ("logits", "pre_logits")]
    assert len(layers) >= 5
    expected = independent(model, layers, noise_images)
    for name in layers:
        assert store[name].dtype == np.float16 and store[name].shape == expected[name].shape
        scale = np.abs(expected[name]).max()
        np.testing.assert_allclose(store[name][:], expected[name], rtol=2**-10, atol=1e-5 * scale)
    assert store["logits"].dtype == np.float32
    np.testing.assert_allclose(store["logits"][:], expected["logits"], rtol=1e-4, atol=1e-5)


def test_pre_logits_are_what_the_classifier_reads(recorded, tiny_model):
    store, model = stores.open_store(recorded / "f.zarr"), tiny_model()
    classifier = network.load(model.facts, model.weights).get_classifier()
    logits = classifier(torch.from_numpy(store["pre_logits"][:].astype(np.float32)))
    np.testing.assert_allclose(
        logits.numpy(), store["logits"][:], atol=2e-3 * np.abs(store["logits"][:]).max()
    )


def test_float32_storage_is_exact(tmp_path, tiny_model, pixels, noise_images):
    model = tiny_model("test_resnet", "layer2")
    cli.main(arguments(model, pixels, tmp_path, "--dtype", "float32"))
    stored = stores.open_store(tmp_path / "f.zarr")["layer2"]
    expected = independent(model, ["layer2"], noise_images)["layer2"]
    assert stored.dtype == np.float32
    np.testing.assert_allclose(stored[:], expected, rtol=1e-4, atol=1e-5 * np.abs(expected).max())


def test_a_store_says_what_it_holds(recorded, tiny_model):
    store = stores.open_store(recorded / "f.zarr")
    assert store.attrs["layers"] == [
        "maxpool",
        "layer1",
        "layer2",
        "layer3",
        "layer4",
        "pre_logits",
        "logits",
    ]
    assert store.attrs["weights_sha256"] == tiny_model().facts["sha256"]
    assert stores.strings(store) == [f"s{i}" for i in range(10)]
    assert store["layer1"].metadata.dimension_names == ("stimulus", "layer1_channel", "layer1_y", "layer1_x")


def test_tokens_keep_their_axis_and_the_prefix_is_counted(tmp_path, tiny_model, write_pixels):
    images = np.random.default_rng(0).integers(0, 256, size=(3, 3, 160, 160), dtype=np.uint8)
    cli.main(arguments(tiny_model("test_vit", size=160), write_pixels(tmp_path, images), tmp_path))
    store = stores.open_store(tmp_path / "f.zarr")
    assert store["blocks.0"].shape == (3, 101, 64)  # a class token and 10 × 10 patches
    assert store["blocks.0"].metadata.dimension_names == ("stimulus", "blocks.0_token", "blocks.0_channel")
    assert store.attrs["prefix_tokens"] == 1


def test_xarray_opens_features(recorded):
    xarray = pytest.importorskip("xarray")
    with xarray.open_zarr(recorded / "f.zarr", consolidated=False) as dataset:
        assert dataset.sizes["stimulus"] == 10
        assert set(stores.open_store(recorded / "f.zarr").attrs["layers"]) <= set(dataset.data_vars)
        assert dataset["logits"].shape == (10, 1000)


@pytest.mark.parametrize("layers", ["layer9", "layer1,layer9"])
def test_an_unknown_layer_is_refused_before_any_work(tmp_path, tiny_model, pixels, capsys, layers):
    with pytest.raises(SystemExit) as stop:
        cli.main(arguments(tiny_model("test_resnet", layers), pixels, tmp_path))
    assert stop.value.code == 2
    assert "layers: 'layer9' is not a module of ResNet" in capsys.readouterr().err
    assert not (tmp_path / "f.zarr").exists() and not (tmp_path / "f.json").exists()


KILL = """
import os, signal, sys
from visalign import cli, features
array = features.Writer.array
def kill_within_second_batch(self, layer, *more):
    if layer == "layer3" and self.group.attrs.get("complete") == 4:
        os.kill(os.getpid(), signal.SIGKILL)
    return array(self, layer, *more)
features.Writer.array = kill_within_second_batch
cli.main(sys.argv[1:])
"""


def assert_same(folder: Path, recorded: Path) -> None:
    assert (folder / "f.json").read_bytes() == (recorded / "f.json").read_bytes()
    one, other = (stores.open_store(path / "f.zarr") for path in (folder, recorded))
    for name, array in other.arrays():
        np.testing.assert_array_equal(one[name][:], array[:], err_msg=name)


def test_killed_extraction_resumes_bit_identical(tmp_path, tiny_model, pixels, recorded):
    command = arguments(tiny_model(), pixels, tmp_path)
    killed = subprocess.run([sys.executable, "-c", KILL, *command], capture_output=True)
    assert killed.returncode == -9
    assert not (tmp_path / "f.zarr").exists() and not (tmp_path / "f.json").exists()
    cli.main(command)
    assert_same(tmp_path, recorded)


class PowerCut(Exception):
    """Stands for a kill, in the same process."""


@pytest.mark.parametrize("moment", ["in the first batch", "after a batch", "before publishing"])
def test_interrupted_extraction_resumes_bit_identical(
    tmp_path, tiny_model, pixels, recorded, monkeypatch, moment
):
    write, array = features.Writer.write, features.Writer.array

    def cut(*_):
        raise PowerCut

    def cut_in_first_batch(self, layer, *more):
        return cut() if layer == "layer3" else array(self, layer, *more)

    def cut_after_second_batch(self, rows, activations):
        write(self, rows, activations)
        if rows.start == BATCH:
            cut()

    with monkeypatch.context() as patch:
        if moment == "in the first batch":
            patch.setattr(features.Writer, "array", cut_in_first_batch)
        elif moment == "after a batch":
            patch.setattr(features.Writer, "write", cut_after_second_batch)
        else:
            patch.setattr(stores, "publish", cut)
        with pytest.raises(PowerCut):
            cli.main(arguments(tiny_model(), pixels, tmp_path))
    partial = zarr.open_group(tmp_path / "f.zarr.partial", mode="r")
    complete = {"in the first batch": 0, "after a batch": 8, "before publishing": 10}
    assert partial.attrs.get("complete", 0) == complete[moment]
    cli.main(arguments(tiny_model(), pixels, tmp_path))
    assert_same(tmp_path, recorded)


def test_a_resumed_run_does_not_repeat_complete_batches(tmp_path, tiny_model, pixels, monkeypatch):
    write, starts = features.Writer.write, []

    def stop_at_second(self, rows, activations):
        if rows.start == BATCH and not starts:
            raise PowerCut
        write(self, rows, activations)

    monkeypatch.setattr(features.Writer, "write", stop_at_second)
    with pytest.raises(PowerCut):
        cli.main(arguments(tiny_model(), pixels, tmp_path))

    def note(self, rows, activations):
        starts.append(rows.start)
        write(self, rows, activations)

    monkeypatch.setattr(features.Writer, "write", note)
    cli.main(arguments(tiny_model(), pixels, tmp_path))
    assert starts == [4, 8]


@pytest.mark.parametrize("change", ["--batch-size", "--dtype", "card"])
def test_work_with_other_settings_is_not_resumed(tmp_path, tiny_model, pixels, monkeypatch, change):
    write = features.Writer.write

    def stop_at_second(self, rows, activations):
        if rows.start == BATCH:
            raise PowerCut
        write(self, rows, activations)

    with monkeypatch.context() as patch:
        patch.setattr(features.Writer, "write", stop_at_second)
        with pytest.raises(PowerCut):
            cli.main(arguments(tiny_model("test_resnet", "layer1"), pixels, tmp_path))
    starts: list[int] = []
    monkeypatch.setattr(
        features.Writer, "write", lambda self, rows, a: starts.append(rows.start) or write(self, rows, a)
    )
    more = {"--batch-size": ["--batch-size", "5"], "--dtype": ["--dtype", "float32"], "card": []}[change]
    model = tiny_model("test_resnet", "layer2" if change == "card" else "layer1")
    cli.main(arguments(model, pixels, tmp_path, *more))
    assert starts[0] == 0
    store = stores.open_store(tmp_path / "f.zarr")
    assert set(store.array_keys()) == {*store.attrs["layers"], "stimulus_id"}


@pytest.fixture
def group(tmp_path) -> zarr.Group:
    return stores.open_partial(tmp_path / "f.zarr", {})


def write_batches(group: zarr.Group, values: np.ndarray, layer: str = "x") -> features.Writer:
    writer = features.Writer(group, len(values), BATCH, "float16")
    for start in range(group.attrs.get("complete", 0), len(values), BATCH):
        rows = slice(start, min(start + BATCH, len(values)))
        writer.submit(rows, {layer: values[rows]})
    writer.wait()
    return writer


def test_a_layer_beyond_float16_is_kept_in_float32(group):
    values = np.random.default_rng(0).standard_normal((10, 6)).astype(np.float32)
    values[5, 3] = -70000.0
    write_batches(group, values)
    assert group["x"].dtype == np.float32
    np.testing.assert_allclose(group["x"][:4], values[:4], rtol=2**-10)  # written before it was known
    np.testing.assert_array_equal(group["x"][4:], values[4:])
    assert group.attrs["complete"] == 10


def test_a_layer_that_just_fits_stays_float16(group):
    values = np.full((10, 2), 65504, np.float32)
    write_batches(group, values)
    assert group["x"].dtype == np.float16
    np.testing.assert_array_equal(group["x"][:], values)


def test_widening_one_layer_leaves_the_others(group):
    writer = features.Writer(group, 4, 2, "float16")
    for start, value in ((0, 1.0), (2, 1e5)):
        batch = {"x": np.full((2, 3), value, np.float32), "y": np.full((2, 3), start + 1, np.float32)}
        writer.submit(slice(start, start + 2), batch)
    writer.wait()
    assert (group["x"].dtype, group["y"].dtype) == (np.float32, np.float16)
    assert group["y"][:, 0].tolist() == [1, 1, 3, 3]


def test_a_run_killed_while_a_layer_is_widened_loses_nothing(group, monkeypatch):
    values = np.random.default_rng(0).standard_normal((10, 6)).astype(np.float32)
    values[5, 3] = 70000.0
    create = stores.create_array

    def power_cut(*args, **more):
        create(*args, **more)
        raise PowerCut

    writer = features.Writer(group, 10, BATCH, "float16")
    writer.write(slice(0, 4), {"x": values[:4]})
    with monkeypatch.context() as patch:
        patch.setattr(stores, "create_array", power_cut)
        with pytest.raises(PowerCut):
            writer.write(slice(4, 8), {"x": values[4:8]})
    write_batches(group, values)
    np.testing.assert_allclose(group["x"][:], values, rtol=2**-10)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_activations_that_are_not_finite_are_named(group, value):
    values = np.zeros((10, 6), np.float32)
    values[5, 3] = value
    with pytest.raises(InputError, match=r"layers: 'block': activations of stimuli 4\.\. are not finite"):
        write_batches(group, values, "block")
    assert group.attrs["complete"] == 4


def test_opposite_infinities_do_not_hide_each_other(group):
    values = np.array([[np.inf, -np.inf]], np.float32)
    with pytest.raises(InputError, match="not finite"):
        write_batches(group, values)


@pytest.mark.parametrize("ndim", [1, 5])
def test_a_layer_of_odd_dimensions_is_named(ndim):
    with pytest.raises(InputError, match=f"layers: 'x' has {ndim} dimensions, expected 2, 3 or 4"):
        features.dimensions("x", ndim)
