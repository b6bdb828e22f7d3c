"""Saliency against a bare loop of gradients, and Spearman correlations of maps against SciPy's.

tf_efficientnet_lite0 at 224 pixels on the CPU with one thread, batches of 16. The stage reads a uint8 store,
normalises, computes gradients, writes both reductions and publishes its store with content hashes.
"""

from __future__ import annotations

import shutil
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import zarr

from _measure import as_a_job, paired_seconds, report, result

if TYPE_CHECKING:
    from visalign.zoo.card import ModelCard

ARCHITECTURE, SIDE, BATCH, STIMULI, MAPS = "tf_efficientnet_lite0", 224, 16, 64, 16


def prepare(folder: Path) -> tuple[ModelCard, str, zarr.Array]:
    """Write random weights with their card, and a store of noise images."""
    from visalign import cli
    from visalign.io import stores
    from visalign.io.files import read_json

    card, weights = folder / "model.json", folder / "model.safetensors"
    cli.main(["models", "weights", "--model", "lite0", "--architecture", ARCHITECTURE, "--weights", "random",
              "--source", "0", "--output", str(weights), "--card", str(card)])  # fmt: skip
    shape, dimensions = (STIMULI, 3, SIDE, SIDE), ("stimulus", "channel", "y", "x")
    group = stores.open_partial(folder / "pixels.zarr", {})
    pixels = stores.create_array(group, "pixels", shape, np.uint8, dimensions, rows=64)
    pixels[:] = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    return read_json(card), str(weights), pixels


def stage(card: ModelCard, weights: str, pixels: zarr.Array, folder: Path) -> float:
    """Seconds of the stage, with loading the model and publishing."""
    from visalign.io import stores
    from visalign.zoo import saliency
    from visalign.zoo.inputs import Inputs

    output = folder / "saliency.zarr"
    shutil.rmtree(output, ignore_errors=True)
    group = stores.open_partial(output, {})
    start = time.perf_counter()
    inputs = Inputs(card, pd.DataFrame(), pixels, "model.json", "table.csv")
    saliency.write(inputs, weights, np.arange(STIMULI), group, BATCH)
    stores.publish(output, folder / "saliency.json", {})
    return time.perf_counter() - start


def bare(card: ModelCard, weights: str, pixels: zarr.Array) -> float:
    """Seconds of forward and backward passes alone, on normalised float32 tensors in memory."""
    import torch

    from visalign.zoo import network
    from visalign.zoo import pixels as batches

    model = network.Normalised(network.load(card, weights), card["data_config"])
    inputs = [
        (model.normalise(batch).requires_grad_(), torch.arange(STIMULI)[rows, None])
        for rows, batch in batches.pixel_batches(pixels, BATCH)
    ]
    start = time.perf_counter()
    for batch, labels in inputs:
        torch.autograd.grad(model.model(batch).gather(1, labels).sum(), batch)
    return time.perf_counter() - start


def saliency_ratio(rounds: int = 4) -> float:
    """Speed of the stage over the bare loop's; the first of the rounds warms up."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        made = prepare(folder)
        seconds = [(bare(*made), stage(*made, folder)) for _ in range(rounds)]
    theirs, ours = np.median(seconds[1:], axis=0)
    return float(theirs / ours)


def spearman_ratio() -> float:
    """Speed of our ρ of pairs of maps over SciPy's, both maps ranked anew."""
    from scipy.stats import spearmanr

    from visalign.stats.ranks import standard_ranks

    first, second = np.random.default_rng(0).random((2, MAPS, SIDE, SIDE), dtype=np.float32)
    ours, theirs = paired_seconds(
        lambda: np.einsum("np,np->n", standard_ranks(first), standard_ranks(second)),
        lambda: [spearmanr(a.ravel(), b.ravel()).statistic for a, b in zip(first, second, strict=True)],
        rounds=5,
    )
    return theirs / ours


def main() -> None:
    """Measure both in turn, in one process."""
    speed, spearman = saliency_ratio(), spearman_ratio()
    report(
        "clickme",
        [
            result("saliency, of the bare loop's speed", speed, "", ">= 0.9", speed >= 0.9),
            result("Spearman of maps over SciPy", spearman, "x", ">= 2", spearman >= 2),
        ],
    )


if __name__ == "__main__":
    as_a_job()
    main()
