"""Recording features against a bare forward loop, a plain loop and a matrix product in memory.

tf_efficientnet_lite0 at 224 pixels on the CPU with one thread, batches of 16. The pipeline reads
a uint8 store, normalises, records, writes its store and publishes it with content hashes.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from _measure import ALLOCATOR, as_a_job, paired_seconds, report, result

if TYPE_CHECKING:
    from visalign.zoo.card import ModelCard

ARCHITECTURE, SIDE, BATCH, STIMULI = "tf_efficientnet_lite0", 224, 16, 192
ROUNDS = 5
PLAIN = """
import sys, time
from pathlib import Path
import timm, torch
from PIL import Image
torch.set_num_threads(1)
model = timm.create_model(sys.argv[1]).eval()
transform = timm.data.create_transform(**timm.data.resolve_model_data_config(model))
paths = sorted(Path(sys.argv[2]).glob("*.jpg"))
start = time.perf_counter()
with torch.no_grad():
    for first in range(0, len(paths), int(sys.argv[3])):
        batch = paths[first : first + int(sys.argv[3])]
        model(torch.stack([transform(Image.open(path).convert("RGB")) for path in batch]))
print(time.perf_counter() - start)
"""


def prepare(folder: Path) -> tuple[ModelCard, str, Path]:
    """Write random weights with their card, JPEG images, and their preprocessed store."""
    from PIL import Image

    from visalign import cli
    from visalign.io.files import read_json

    card, weights = folder / "model.json", folder / "model.safetensors"
    cli.main(["models", "weights", "--model", "lite0", "--architecture", ARCHITECTURE, "--weights", "random",
              "--source", "0", "--output", str(weights), "--card", str(card)])  # fmt: skip
    images = folder / "images"
    images.mkdir()
    rng = np.random.default_rng(0)
    for index in range(STIMULI):
        coarse = Image.fromarray(rng.integers(0, 256, (24, 32, 3), dtype=np.uint8))
        coarse.resize((500, 375), Image.Resampling.BICUBIC).save(images / f"{index:04d}.jpg", quality=90)
    table, store = folder / "images.csv", folder / "pixels.zarr"
    cli.main(["stimuli", "--name", "bench", "--source", "folder", "--path", str(images),
              "--images", str(folder / "unused"), "--table", str(table)])  # fmt: skip
    key = f"{SIDE}x{SIDE}-center-0.875-bicubic"
    cli.main(["preprocess", "--table", str(table), "--transform", key, "--output", str(store),
              "--manifest", str(folder / "pixels.json")])  # fmt: skip
    return read_json(card), str(weights), images


def pipeline(card: ModelCard, weights: str, folder: Path, layers: str) -> float:
    """Record and publish; returns the seconds without loading the model."""
    from visalign.io import stores
    from visalign.zoo import extraction

    output = folder / "features.zarr"
    shutil.rmtree(output, ignore_errors=True)
    pixels = stores.array(stores.open_store(folder / "pixels.zarr"), "pixels")
    work = extraction.Pass(card, weights, layers=layers, dtype="float16", autocast="off")
    start = time.perf_counter()
    group = stores.open_partial(output, {})
    digests = extraction.record(work, pixels, group, BATCH)
    stores.publish(output, folder / "features.json", {}, digests)
    return time.perf_counter() - start


def bare(card: ModelCard, weights: str, folder: Path) -> float:
    """Seconds of forward passes alone, on normalised float32 tensors in memory."""
    import torch

    from visalign.io import stores
    from visalign.zoo import network
    from visalign.zoo import pixels as batches

    model = network.Normalised(network.load(card, weights), card["data_config"])
    pixels = stores.array(stores.open_store(folder / "pixels.zarr"), "pixels")
    inputs = [model.normalise(batch) for _, batch in batches.pixel_batches(pixels, BATCH)]
    start = time.perf_counter()
    with torch.inference_mode():
        for batch in inputs:
            model.model(batch)
    return time.perf_counter() - start


def plain(images: Path) -> float:
    """Seconds of a plain loop: default allocator, NCHW, JPEG decoding between batches."""
    environment = {name: value for name, value in os.environ.items() if name not in ALLOCATOR}
    command = [sys.executable, "-c", PLAIN, ARCHITECTURE, str(images), str(BATCH)]
    ran = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    return float(ran.stdout)


def gram_ratio(folder: Path) -> float:
    """Reading a layer back and forming its Gram, over the product of the same data in memory."""
    from visalign.gram.matrix import blocks, gram
    from visalign.io import stores

    n, shape = 2560, (80, 14, 14)
    values = np.random.default_rng(0).standard_normal((n, *shape), dtype=np.float32).astype(np.float16)
    group = stores.open_partial(folder / "layer.zarr", {})
    layer = stores.create_array(
        group, "layer", values.shape, np.float16, ("stimulus", "channel", "y", "x"), rows=BATCH
    )
    layer[:] = values
    X = values.reshape(n, -1).astype(np.float32)
    ours, product = paired_seconds(lambda: gram(blocks(layer)), lambda: X @ X.T)
    return ours / product


def main() -> None:
    """Measure everything in turn, in one process but for the plain loop."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        card, weights, images = prepare(folder)
        seconds: dict[str, list[float]] = {}
        for _ in range(ROUNDS):
            for label, taken in (
                ("bare", bare(card, weights, folder)),
                ("pre-logits and logits", pipeline(card, weights, folder, "pre_logits")),
                ("automatic ladder", pipeline(card, weights, folder, "auto")),
                ("plain", plain(images)),
            ):
                seconds.setdefault(label, []).append(taken)
        middle = {label: sorted(taken)[ROUNDS // 2] for label, taken in seconds.items()}
        rows = [result("bare forward loop", STIMULI / middle["bare"], "images/s")]
        for label, target in (("pre-logits and logits", 0.95), ("automatic ladder", 0.90)):
            ratio = middle["bare"] / middle[label]
            rows.append(
                result(f"{label}, of the bare loop's speed", ratio, "", f">= {target}", ratio >= target)
            )
        ratio = middle["plain"] / middle["automatic ladder"]
        rows.append(result("automatic ladder over a plain loop", ratio, "x", ">= 1.5", ratio >= 1.5))
        ratio = gram_ratio(folder)
        rows.append(result("Gram from the store over the product alone", ratio, "x", "<= 1.7", ratio <= 1.7))
        report("features", rows)


if __name__ == "__main__":
    as_a_job()
    main()
