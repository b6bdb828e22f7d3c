"""Claims about gradient saliency."""

from __future__ import annotations

from pathlib import Path

import digests
import golden
import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

from visalign import cli
from visalign.io import stores
from visalign.zoo import network, saliency

CONFIG = {"mean": [0.5, 0.4, 0.3], "std": [0.2, 0.5, 1.0]}
LABELS = [0, 999, 5, 5, 17, 3, 2, 1, 0, 8]


def linear_model(classes: int = 4) -> network.Normalised:
    torch.manual_seed(0)
    return network.Normalised(nn.Sequential(nn.Flatten(), nn.Linear(3 * 5 * 6, classes)), CONFIG)


def test_the_gradient_of_a_linear_model_is_the_weights_of_the_label():
    """With respect to the normalised input: the std does not enter."""
    model, labels = linear_model(), torch.tensor([2, 0, 3])
    gradient = network.gradient(model, torch.rand(3, 3, 5, 6), labels)
    expected = model.model[1].weight.detach()[labels].reshape(3, 3, 5, 6)
    torch.testing.assert_close(gradient, expected)


def test_the_gradient_equals_finite_differences(tiny_model):
    """A smooth model in float64: tanh between two linear maps."""
    torch.manual_seed(0)
    layers = nn.Sequential(nn.Flatten(), nn.Linear(3 * 4 * 4, 9), nn.Tanh(), nn.Linear(9, 3)).double()
    model = network.Normalised(layers, CONFIG)
    pixels, labels = torch.rand(2, 3, 4, 4, dtype=torch.float64), torch.tensor([1, 2])
    gradient = network.gradient(model, pixels, labels)
    step = 1e-5
    for image, channel, y, x in [(0, 0, 1, 2), (1, 2, 3, 0), (1, 1, 0, 0)]:
        moved = model.normalise(pixels).detach().repeat(2, 1, 1, 1)
        moved[image, channel, y, x] += step
        moved[2 + image, channel, y, x] -= step
        own = layers(moved)[:, labels[image]].detach()
        slope = (own[image] - own[2 + image]) / (2 * step)
        torch.testing.assert_close(gradient[image, channel, y, x], slope, rtol=1e-4, atol=1e-8)


def test_an_image_does_not_see_its_batch(tiny_model, noise_images):
    files = tiny_model()
    model = network.Normalised(network.load(files.facts, files.weights), files.facts["data_config"])
    pixels, labels = torch.from_numpy(noise_images[:4]) / 255, torch.tensor(LABELS[:4])
    together = network.gradient(model, pixels, labels)
    alone = torch.cat([network.gradient(model, pixels[i : i + 1], labels[i : i + 1]) for i in range(4)])
    torch.testing.assert_close(together, alone, rtol=1e-3, atol=1e-5 * float(together.abs().max()))


def test_another_label_has_another_gradient(tiny_model, noise_images):
    files = tiny_model()
    model = network.Normalised(network.load(files.facts, files.weights), files.facts["data_config"])
    pixels = torch.from_numpy(noise_images[:1]) / 255
    one, other = (network.gradient(model, pixels, torch.tensor([label])) for label in (0, 1))
    assert not torch.allclose(one, other)


@pytest.fixture(scope="module")
def pixels(tmp_path_factory, write_pixels, noise_images) -> list[str]:
    return write_pixels(tmp_path_factory.mktemp("pixels"), noise_images)


def run(folder: Path, model, pixels: list[str], labels: list = LABELS, batch_size: int = 4):
    ids = [f"s{i}" for i in range(len(labels))]
    table = pd.DataFrame({"stimulus_id": ids, "path": "x.png", "sha256": "0", "label": labels})
    folder.mkdir(exist_ok=True)
    table.to_csv(folder / "t.csv", index=False)
    output = ["--output", str(folder / "s.zarr"), "--manifest", str(folder / "s.json")]
    more = ["--table", str(folder / "t.csv"), "--batch-size", str(batch_size)]
    cli.main(["saliency", *model.arguments(), *pixels, *more, *output])
    return stores.open_store(folder / "s.zarr")


def test_both_reductions_are_stored(tmp_path, tiny_model, pixels, noise_images):
    files = tiny_model()
    store = run(tmp_path, files, pixels)
    model = network.Normalised(network.load(files.facts, files.weights), files.facts["data_config"])
    gradient = network.gradient(model, torch.from_numpy(noise_images) / 255, torch.tensor(LABELS)).numpy()
    expected = {
        "max_abs_gradient": np.abs(gradient).max(axis=1),
        "abs_mean_gradient": np.abs(gradient.mean(axis=1)),
    }
    assert tuple(expected) == saliency.REDUCTIONS
    for name, maps in expected.items():
        assert store[name].shape == (10, 64, 64) and store[name].dtype == np.float32
        np.testing.assert_allclose(store[name][:], maps, rtol=1e-3, atol=1e-4 * maps.max())
    assert stores.strings(store) == [f"s{i}" for i in range(10)]


def test_results_of_saliency_are_those_of_its_version(tmp_path, tiny_model, pixels):
    store = run(tmp_path, tiny_model(), pixels)
    found = {name: store[name][:] / store[name][:].max() for name in saliency.REDUCTIONS}
    golden.check("saliency", "saliency", {name: digests.of_array(maps) for name, maps in found.items()})


def test_the_batch_size_changes_nothing_that_matters(tmp_path, tiny_model, pixels):
    one, other = (run(tmp_path / str(size), tiny_model(), pixels, batch_size=size) for size in (1, 10))
    for name in saliency.REDUCTIONS:
        np.testing.assert_allclose(one[name][:], other[name][:], rtol=1e-3, atol=1e-4 * other[name][:].max())


def test_a_killed_run_resumes_after_its_last_batch_bit_identical(tmp_path, tiny_model, pixels, monkeypatch):
    whole = run(tmp_path / "whole", tiny_model(), pixels)
    gradient, computed = network.gradient, []

    def killed(model, batch, labels):
        if len(computed) == 2:
            raise KeyboardInterrupt
        computed.append(len(batch))
        return gradient(model, batch, labels)

    monkeypatch.setattr(network, "gradient", killed)
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "killed", tiny_model(), pixels)
    assert not (tmp_path / "killed/s.zarr").exists()
    monkeypatch.setattr(network, "gradient", lambda *args: computed.append(len(args[1])) or gradient(*args))
    resumed = run(tmp_path / "killed", tiny_model(), pixels)
    assert computed == [4, 4, 2]
    for name in saliency.REDUCTIONS:
        np.testing.assert_array_equal(resumed[name][:], whole[name][:])
    assert (tmp_path / "killed/s.json").read_bytes() == (tmp_path / "whole/s.json").read_bytes()


def test_another_batch_size_starts_over_instead_of_resuming(tmp_path, tiny_model, pixels, monkeypatch):
    gradient, computed = network.gradient, []

    def killed(model, batch, labels):
        if computed:
            raise KeyboardInterrupt
        computed.append(len(batch))
        return gradient(model, batch, labels)

    monkeypatch.setattr(network, "gradient", killed)
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path, tiny_model(), pixels)
    monkeypatch.setattr(network, "gradient", lambda *args: computed.append(len(args[1])) or gradient(*args))
    run(tmp_path, tiny_model(), pixels, batch_size=5)
    assert computed == [4, 5, 5]


def test_the_network_is_in_evaluation_mode_and_its_weights_have_no_gradients(
    tmp_path, tiny_model, pixels, monkeypatch
):
    gradient, seen = network.gradient, []

    def watched(model, batch, labels):
        result = gradient(model, batch, labels)
        seen.append((model.model.training, any(p.requires_grad for p in model.parameters()), result.dtype))
        return result

    monkeypatch.setattr(network, "gradient", watched)
    run(tmp_path, tiny_model(), pixels)
    assert set(seen) == {(False, False, torch.float32)}


@pytest.mark.parametrize(
    ("labels", "reason"),
    [
        ([1000, *LABELS[1:]], "label: 1000 of 's0' is not in 0..999"),
        ([*LABELS[:-1], None], "label: nan of 's9' is not in 0..999"),
        (LABELS[:-1], "stimulus_id: 1 of 10 not in the stimulus table, first 's9'"),
    ],
)
def test_wrong_labels_and_other_stimuli_are_refused(tmp_path, tiny_model, pixels, capsys, labels, reason):
    with pytest.raises(SystemExit) as stop:
        run(tmp_path, tiny_model(), pixels, labels)
    assert stop.value.code == 2
    assert reason in capsys.readouterr().err
    assert not list(tmp_path.glob("s.*"))
