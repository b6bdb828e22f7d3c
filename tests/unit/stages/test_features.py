"""Claims about recorded activations: right values, right storage, resumable."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import golden
import numpy as np
import pytest
import torch
import zarr

from visalign import cli
from visalign.errors import InputError
from visalign.io import stores
from visalign.zoo import network
from visalign.zoo import pixels as batches
from visalign.zoo.feature_writer import FeatureWriter, Overflow

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
    model = tiny_model()
    cli.main(arguments(model, pixels, tmp_path, "--layers", "layer2", "--dtype", "float32"))
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


def test_xarray_opens_features_without_a_warning(recorded, recwarn):
    import xarray

    (recorded / "f.zarr" / ".snakemake_timestamp").touch()  # Snakemake marks directories so
    with xarray.open_zarr(recorded / "f.zarr") as dataset:
        assert dataset.sizes["stimulus"] == 10
        assert set(stores.open_store(recorded / "f.zarr").attrs["layers"]) <= set(dataset.data_vars)
        assert dataset["logits"].shape == (10, 1000)
    assert [str(warning.message) for warning in recwarn] == []


@pytest.mark.parametrize("layers", ["layer9", "layer1,layer9"])
def test_an_unknown_layer_is_refused_before_any_work(tmp_path, tiny_model, pixels, capsys, layers):
    with pytest.raises(SystemExit) as stop:
        cli.main(arguments(tiny_model(), pixels, tmp_path, "--layers", layers))
    assert stop.value.code == 2
    assert "layers: 'layer9' is not a module of ResNet" in capsys.readouterr().err
    assert not (tmp_path / "f.zarr").exists() and not (tmp_path / "f.json").exists()


KILL = """
import os, signal, sys
from visalign import cli
from visalign.zoo.feature_writer import FeatureWriter
array = FeatureWriter.array
def kill_within_second_batch(self, layer, *more):
    if layer == "layer3" and self.complete == 4:
        os.kill(os.getpid(), signal.SIGKILL)
    return array(self, layer, *more)
FeatureWriter.array = kill_within_second_batch
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
    write, array = FeatureWriter.write, FeatureWriter.array

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
            patch.setattr(FeatureWriter, "array", cut_in_first_batch)
        elif moment == "after a batch":
            patch.setattr(FeatureWriter, "write", cut_after_second_batch)
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
    write, starts = FeatureWriter.write, []

    def stop_at_second(self, rows, activations):
        if rows.start == BATCH and not starts:
            raise PowerCut
        write(self, rows, activations)

    monkeypatch.setattr(FeatureWriter, "write", stop_at_second)
    with pytest.raises(PowerCut):
        cli.main(arguments(tiny_model(), pixels, tmp_path))

    def note(self, rows, activations):
        starts.append(rows.start)
        write(self, rows, activations)

    monkeypatch.setattr(FeatureWriter, "write", note)
    cli.main(arguments(tiny_model(), pixels, tmp_path))
    assert starts == [4, 8]


@pytest.mark.parametrize("change", ["--batch-size", "--dtype", "--layers", "card"])
def test_work_with_other_settings_is_not_resumed(tmp_path, tiny_model, pixels, monkeypatch, change):
    write = FeatureWriter.write

    def stop_at_second(self, rows, activations):
        if rows.start == BATCH:
            raise PowerCut
        write(self, rows, activations)

    with monkeypatch.context() as patch:
        patch.setattr(FeatureWriter, "write", stop_at_second)
        with pytest.raises(PowerCut):
            cli.main(arguments(tiny_model(), pixels, tmp_path, "--layers", "layer1"))
    starts: list[int] = []
    monkeypatch.setattr(
        FeatureWriter, "write", lambda self, rows, a: starts.append(rows.start) or write(self, rows, a)
    )
    more = {"--batch-size": "5", "--dtype": "float32", "--layers": "layer2"}
    model = tiny_model("test_efficientnet" if change == "card" else "test_resnet")
    own = ["--layers", "blocks.0" if change == "card" else "layer1"]
    cli.main(arguments(model, pixels, tmp_path, *own, *([change, more[change]] if change in more else [])))
    assert starts[0] == 0
    store = stores.open_store(tmp_path / "f.zarr")
    assert set(store.array_keys()) == {*store.attrs["layers"], "stimulus_id"}


@pytest.fixture
def group(tmp_path) -> zarr.Group:
    return stores.open_partial(tmp_path / "f.zarr", {})


def write_batches(group: zarr.Group, values: np.ndarray, layer: str = "x") -> FeatureWriter:
    dtypes = {layer: getattr(torch, str(values.dtype))}
    writer = FeatureWriter(group, len(values), BATCH, {layer: ("stimulus", "channel")}, dtypes)
    for start in range(writer.complete, len(values), BATCH):
        rows = slice(start, min(start + BATCH, len(values)))
        writer.submit(rows, {layer: torch.from_numpy(values[rows])})
    writer.wait()
    return writer


def test_a_float16_layer_that_overflows_is_named(group):
    values = np.zeros((10, 6), np.float16)
    values[5, 3] = -np.inf
    with pytest.raises(Overflow) as overflow:
        write_batches(group, values)
    assert overflow.value.layers == ["x"]
    assert group.attrs["complete"] == 4


def test_the_largest_float16_values_are_kept(group):
    values = np.full((10, 2), 65504, np.float16)
    write_batches(group, values)
    np.testing.assert_array_equal(group["x"][:], values)


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


def test_content_is_hashed_as_it_is_written_also_after_a_restart(group):
    values = np.random.default_rng(0).standard_normal((10, 6)).astype(np.float32)
    whole = write_batches(group, values).digests["x"].hexdigest()
    assert whole == stores.array_manifest(group["x"])["sha256"]
    group.attrs["complete"] = 8
    assert write_batches(group, values).digests["x"].hexdigest() == whole


@pytest.fixture
def amplified(tiny_model, monkeypatch):
    """A model whose layer2 goes beyond float16 for the images of the last batch."""
    load = network.load

    def amplify(module, inputs, output):
        return output * (1e6 if amplify.late else 1.0)

    def loaded(*args):
        model = load(*args)
        model.layer2.register_forward_hook(amplify)
        return model

    amplify.late = False
    monkeypatch.setattr(network, "load", loaded)
    from_store = batches.pixel_batches

    def watched(pixels, size, start, prepare):
        for rows, batch in from_store(pixels, size, start, prepare):
            amplify.late = rows.start >= 8
            yield rows, batch

    monkeypatch.setattr(batches, "pixel_batches", watched)
    return tiny_model()


def test_a_layer_beyond_float16_is_kept_in_float32_from_the_first_stimulus_on(
    tmp_path, amplified, pixels, capsys
):
    cli.main(arguments(amplified, pixels, tmp_path))
    store = stores.open_store(tmp_path / "f.zarr")
    assert (store["layer2"].dtype, store["layer1"].dtype) == (np.float32, np.float16)
    assert store.attrs["float32_layers"][0] == "layer2"
    assert np.abs(store["layer2"][8:]).max() > 65504
    assert "beyond float16, so kept in float32: layer2" in capsys.readouterr().err


@pytest.mark.parametrize(("scale", "offset"), [(1e-8, 0), (1, 3e3)])
def test_a_layer_that_float16_would_round_away_is_kept_in_float32(
    tmp_path, tiny_model, pixels, monkeypatch, capsys, scale, offset
):
    load = network.load

    def loaded(*args):
        model = load(*args)
        model.layer2.register_forward_hook(lambda module, inputs, output: output * scale + offset)
        return model

    monkeypatch.setattr(network, "load", loaded)
    cli.main(arguments(tiny_model(), pixels, tmp_path, "--layers", "layer1,layer2"))
    store = stores.open_store(tmp_path / "f.zarr")
    assert (store["layer2"].dtype, store["layer1"].dtype) == (np.float32, np.float16)
    assert store.attrs["float32_layers"] == ["layer2"]
    assert json.loads((tmp_path / "f.json").read_text())["arrays"]["layer2"]["dtype"] == "float32"
    assert "beyond float16, so kept in float32: layer2" in capsys.readouterr().err


def test_an_overflow_after_a_kill_gives_the_same_store(tmp_path, amplified, pixels, monkeypatch):
    whole, resumed = tmp_path / "whole", tmp_path / "resumed"
    cli.main(arguments(amplified, pixels, whole))
    write = FeatureWriter.write

    def cut(self, rows, activations):
        write(self, rows, activations)
        raise PowerCut

    with monkeypatch.context() as patch:
        patch.setattr(FeatureWriter, "write", cut)
        with pytest.raises(PowerCut):
            cli.main(arguments(amplified, pixels, resumed))
    cli.main(arguments(amplified, pixels, resumed))
    assert_same(resumed, whole)


def test_without_layers_only_logits_are_stored(tmp_path, tiny_model, pixels, recorded):
    cli.main(arguments(tiny_model(), pixels, tmp_path, "--logits-only"))
    store = stores.open_store(tmp_path / "f.zarr")
    assert set(store.array_keys()) == {"logits", "stimulus_id"}
    np.testing.assert_array_equal(store["logits"][:], stores.open_store(recorded / "f.zarr")["logits"][:])


def test_autocast_changes_values_a_little(tmp_path, tiny_model, pixels, recorded):
    cli.main(arguments(tiny_model(), pixels, tmp_path, "--autocast", "bfloat16"))
    exact, fast = (stores.open_store(path / "f.zarr") for path in (recorded, tmp_path))
    assert fast.attrs["autocast"] == "bfloat16"
    one, other = (np.float64(store["layer3"][:]).ravel() for store in (exact, fast))
    assert not np.array_equal(one, other)
    assert np.corrcoef(one, other)[0, 1] > 0.999


def test_a_batch_size_of_auto_is_chosen_recorded_and_kept_when_resumed(
    tmp_path, tiny_model, pixels, monkeypatch
):
    command = arguments(tiny_model(), pixels, tmp_path)
    command[command.index("--batch-size") + 1] = "auto"
    write = FeatureWriter.write

    def cut(self, rows, activations):
        write(self, rows, activations)
        raise PowerCut

    monkeypatch.setattr(batches, "cpu_batch_size", lambda _: 3)
    with monkeypatch.context() as patch:
        patch.setattr(FeatureWriter, "write", cut)
        with pytest.raises(PowerCut):
            cli.main(command)
    monkeypatch.setattr(batches, "cpu_batch_size", lambda _: 7)
    cli.main(command)
    store = stores.open_store(tmp_path / "f.zarr")
    assert store.attrs["batch_size"] == 3 and store["layer1"].shards[0] == 3


def test_pixels_of_another_size_are_refused(tmp_path, tiny_model, write_pixels, capsys):
    images = np.zeros((3, 3, 32, 32), np.uint8)
    with pytest.raises(SystemExit):
        cli.main(arguments(tiny_model(), write_pixels(tmp_path, images), tmp_path))
    assert "shape (3, 32, 32), the card says (3, 64, 64)" in capsys.readouterr().err


def test_results_of_features_are_those_of_its_version(recorded):
    store = stores.open_store(recorded / "f.zarr")
    found = {}
    for name in store.attrs["layers"]:
        values = np.asarray(store[name][:], float)
        found[name] = {"shape": values.shape, "mean": np.abs(values).mean(), "sd": values.std()}
    golden.check("features", "features", found)
