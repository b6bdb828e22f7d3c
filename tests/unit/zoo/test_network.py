"""Claims about running a model: the right weights, pixels."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from visalign.errors import InputError
from visalign.zoo import network


def test_a_loaded_model_is_frozen_and_in_eval_mode(tiny_model):
    files = tiny_model()
    model = network.load(files.facts, files.weights)
    assert not model.training
    assert not any(parameter.requires_grad for parameter in model.parameters())


def test_weights_of_another_checksum_are_refused(tiny_model, tmp_path):
    files = tiny_model()
    other = tmp_path / "w.safetensors"
    other.write_bytes(Path(files.weights).read_bytes()[:-4] + b"\0\0\0\1")
    with pytest.raises(
        InputError, match=r"w\.safetensors: sha256 [0-9a-f]{64} is not the card's [0-9a-f]{64}"
    ):
        network.load(files.facts, other)


def test_missing_weights_are_named(tiny_model):
    with pytest.raises(InputError, match=r"absent: no such weight file"):
        network.load(tiny_model().facts, "absent")


@pytest.mark.parametrize("architecture", ["test_vit", "test_efficientnet", "test_convnext"])
def test_a_model_runs_at_another_input_size(tiny_model, architecture):
    """Position embeddings made for 160 pixels are resampled."""
    files = tiny_model(architecture)
    model = network.load(files.facts, files.weights)
    assert model(torch.zeros(2, 3, 64, 64)).shape == (2, 1000)


def test_the_wrapper_normalises_inside(tiny_model):
    files = tiny_model()
    config = files.facts["data_config"]
    model = network.load(files.facts, files.weights)
    pixels = torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    mean, std = (np.array(config[name], np.float32)[:, None, None] for name in ("mean", "std"))
    expected = model(torch.from_numpy((pixels.numpy() - mean) / std))
    torch.testing.assert_close(network.Normalised(model, config)(pixels), expected)
