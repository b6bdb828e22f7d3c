"""Claims about stores of pooled layers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from visalign import cli
from visalign.io import stores


@pytest.fixture(scope="module")
def pixels(tmp_path_factory, write_pixels, noise_images) -> list[str]:
    return write_pixels(tmp_path_factory.mktemp("pixels"), noise_images)


def record(model, pixels: list[str], folder: Path, *more: str):
    output = ["--output", str(folder / "f.zarr"), "--manifest", str(folder / "f.json")]
    options = ["--batch-size", "4", "--dtype", "float32", *more]
    cli.main(["features", *model.arguments(), *pixels, *output, *options])
    return stores.open_store(folder / "f.zarr")


def test_pooled_layers_are_means_of_those_that_are_kept_whole(tmp_path, tiny_model, pixels):
    whole = record(tiny_model(), pixels, tmp_path / "whole")
    both = record(tiny_model(), pixels, tmp_path / "both", "--pools", "mean", "centre")
    pooled = record(tiny_model(), pixels, tmp_path / "pooled", "--pools", "mean", "--pooled-only")
    expected = whole["layer2"][:].mean(axis=(2, 3))
    for store in (both, pooled):
        np.testing.assert_allclose(store["layer2@mean"][:], expected, rtol=1e-5, atol=1e-6)
        assert store["layer2@mean"].dtype == np.float32
    assert np.array_equal(both["layer2"][:], whole["layer2"][:])
    assert "layer2" not in pooled and "layer2@centre" in both and "layer2@centre" not in pooled
    assert np.array_equal(pooled["pre_logits"][:], whole["pre_logits"][:])  # has no positions
    assert pooled.attrs["layers"][-1] == "logits" and "layer2@mean" in pooled.attrs["layers"]


def test_tokens_are_pooled_without_those_before_the_patches(tmp_path, tiny_model, write_pixels):
    images = np.random.default_rng(0).integers(0, 256, (5, 3, 160, 160), dtype=np.uint8)
    model, shown = tiny_model("test_vit", size=160), write_pixels(tmp_path / "pixels", images)
    store = record(model, shown, tmp_path / "f", "--pools", "mean", "grid-4")
    tokens = store["blocks.0"][:]
    np.testing.assert_allclose(store["blocks.0@mean"][:], tokens[:, 1:].mean(axis=1), rtol=1e-5, atol=1e-6)
    assert store["blocks.0@grid-4"].shape == (5, 16 * 64)
