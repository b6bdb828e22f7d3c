"""ClickMe alignment of any model on a folder of images and a folder of maps, without the pipeline.

With ``--json`` it prints ``{"model": name, "scores": {key: entry, ...}}``. A key is ``rho``, the mean
Spearman correlation, and with a ceiling ``rho/ceiling`` and ``floor_corrected``; then ``spearman_4`` and
``spearman_16`` over means of blocks, ``top10_iou`` and ``top10_dice``. An entry has

===========================  ====================================================================
``value``                    mean over images; null where no image can be compared
``ci_low``, ``ci_high``      95 % bootstrap interval over images; null for a single image
``n``, ``n_excluded``        images in the mean, and those with a constant or non-finite map
``floor``                    the same with maps of other images; null for a single image
``ceiling``                  what people reach among each other, where --ceiling gives it
``convention``               how value relates to floor and ceiling
``status``                   ok, or why value is null
===========================  ====================================================================
"""

from __future__ import annotations

import argparse
import json
import math
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from tqdm import tqdm

from visalign import (
    batches,
    map_alignment,
    maps,
    models,
    network,
    preprocess,
    stimuli,
    stimulus_tables,
)
from visalign.errors import InputError
from visalign.map_alignment import Alignment
from visalign.study import Study, override, read_sheet
from visalign.tables import write_table
from visalign.transforms import Transform

#: Bootstrap draws over images.
DRAWS = 2000
#: Images whose gradients are computed together.
BATCH = 16
FIELDS = ("value", "ci_low", "ci_high", "n", "n_excluded", "floor", "ceiling", "convention", "status")


def run(args: argparse.Namespace) -> None:
    """Read everything once to check it, run the model, print the scores, write the per-image table."""
    missing = [f"--{name}" for name in ("model", "images", "maps", "labels") if not getattr(args, name)]
    if missing:
        raise InputError(f"{', '.join(missing)}: needed, or one of the commands score, reveal, gallery")
    if args.ceiling is not None and not 0 < args.ceiling <= 1:
        raise InputError(f"--ceiling: {args.ceiling} is not in (0, 1]")
    names = list(maps.read_labels(args.labels))
    table = pd.DataFrame(stimuli.folder(args.images, args.labels))
    for _ in maps.folder_maps(args.maps, tqdm(names, desc="maps", unit="map")):
        pass
    card, model = load_model(args.model, args.weights, args.sheet)
    labels = stimulus_tables.labels(table, card["num_classes"], args.labels)
    rng = np.random.default_rng(0)
    alignments = align(card, model, table, labels, args.maps, rng)
    scores = {}
    for entry in map_alignment.entries(alignments, args.ceiling, rng, DRAWS):
        key = entry["convention"] if entry["metric"] == "spearman" else entry["metric"]
        scores[key] = {field: plain({"status": "ok"} | entry, field) for field in FIELDS}
    if args.table:
        write_table(
            args.table, pd.DataFrame({"name": names, "label": labels} | map_alignment.per_image(alignments))
        )
    print(json.dumps({"model": args.model, "scores": scores}) if args.json else text(scores))


def plain(entry: dict[str, Any], field: str) -> Any:
    """Field of an entry as a JSON value: NaN is null."""
    value = entry.get(field)
    return None if isinstance(value, float) and math.isnan(value) else value


def text(scores: dict[str, dict[str, Any]]) -> str:
    """One line a score."""

    def number(value: float | None) -> str:
        return "–" if value is None else f"{value:.4f}"

    lines = []
    for key, entry in scores.items():
        value, low, high, floor = (number(entry[field]) for field in ("value", "ci_low", "ci_high", "floor"))
        note = "" if entry["status"] == "ok" else f"  {entry['status']}"
        lines.append(f"{key:15s} {value:>7s}  95 % {low} .. {high}  floor {floor}  n = {entry['n']}{note}")
    return "\n".join(lines)


def load_model(name: str, weights: str | None, sheet: str) -> tuple[dict[str, Any], network.Normalised]:
    """Load a model of the sheet, or of an architecture with a weight file; returns its card and itself.

    Raises
    ------
    InputError
        A name that the sheet does not have, and no weight file.
    """
    row = {"architecture": name, "weights": "file", "source": weights}
    if weights is None:
        rows = read_sheet(sheet, "models", "model")
        if name not in rows:
            known = ", ".join(rows)
            raise InputError(f"{sheet}: model: no {name!r} (there: {known}); an architecture needs --weights")
        row = rows[name]
    with tempfile.TemporaryDirectory() as folder:
        file = f"{folder}/weights.safetensors"
        settings = {"architecture": row["architecture"], "weights": row["weights"], "output": file}
        card = models.write_weights(argparse.Namespace(**settings, source=row.get("source", "")))
        card |= {"model": name, "data_config": override(card["data_config"], row)}
        return card, network.Normalised(network.load(card, file), card["data_config"])


def align(
    card: dict[str, Any],
    model: network.Normalised,
    table: pd.DataFrame,
    labels: np.ndarray,
    folder: str,
    rng: np.random.Generator,
) -> dict[str, Alignment]:
    """Compare the saliency of the images of a stimulus table with the maps of their names in `folder`."""
    name = card["model"]
    study = Study({}, {name: {}}, {"images": {"transform": "model"}}, {}, {}, {name: card["data_config"]})
    transform = Transform.from_key(study.transform(name, "images"))
    files = list(zip(map(Path, table["path"]), table["sha256"], strict=True))
    bar = tqdm(total=len(table), desc=f"saliency {name}", unit="image")

    def model_maps(rows: slice) -> dict[str, np.ndarray]:
        parts = []
        for first in range(rows.start, rows.stop, BATCH):
            part = slice(first, min(first + BATCH, rows.stop))
            pixels = batches.from_uint8(np.stack([preprocess.load(*file, transform) for file in files[part]]))
            targets = torch.as_tensor(labels[part], device=pixels.device)
            parts.append(network.gradient(model, pixels, targets).abs().amax(1).cpu().numpy())
            bar.update(len(pixels))
        return {"spearman": np.concatenate(parts)}

    def human(rows: Any) -> np.ndarray:
        chosen = table.iloc[rows]
        return map_alignment.at_input(
            list(maps.folder_maps(folder, chosen["stimulus_id"])), chosen, transform
        )

    with bar:
        return map_alignment.align_batches(len(table), model_maps, human, rng)
