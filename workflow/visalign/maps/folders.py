"""ClickMe alignment of any model on a folder of images and a folder of maps, without the pipeline.

Images, maps and saliency go through the functions of the stages, so the numbers are those of the pipeline.
With ``--json`` it prints ``{"model": name, "scores": {key: entry, ...}}``. A key is ``rho``, the mean
Spearman correlation, and with ``--clicks`` or ``--ceiling`` the three that `maps.scores` explains,
``floor_corrected``, ``rho/attainable`` and ``rho/ceiling``, which may exceed 1; ``spearman_abs_mean``, the
same of the other reduction of the gradient; ``spearman_4``, ``spearman_16`` and so on over means of blocks;
``top10_iou`` and ``top10_dice``. An entry has

===========================  ====================================================================
``value``                    mean over images; null where no image can be compared
``ci_low``, ``ci_high``      95 % bootstrap interval over images; null for a single image
``n``, ``n_excluded``        images in the mean, and those with a constant or non-finite map
``floor``                    the same with maps of other images; null for a single image
``ceiling``                  of ``rho`` the agreement of half the people with the other half; else 1
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

from visalign.errors import InputError
from visalign.io.scores import score_row
from visalign.io.sheets import read_sheet
from visalign.io.tables import write_table
from visalign.labels import spaces
from visalign.maps import agreement, alignment
from visalign.maps import files as map_files
from visalign.maps import saliency as saliency_alignment
from visalign.maps import scores as alignment_scores
from visalign.maps.alignment import Alignment
from visalign.stages import maps, saliency, stimuli
from visalign.stimuli import preprocessing, tables
from visalign.stimuli.transforms import Transform
from visalign.study.study import override
from visalign.tools import maps_ceilings
from visalign.zoo import low_level, materialise, network
from visalign.zoo import pixels as batches

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
    maps_ceilings.check_declared(args.ceiling)
    named = map_files.read_labels(args.labels)
    files = map_files.find(args.maps, named)
    maps.unused_files(args.maps, files)
    table = pd.DataFrame(list(stimuli.folder(args.images, args.labels)))
    sizes = dict(zip(table["stimulus_id"], zip(table["height"], table["width"], strict=True), strict=True))
    map_files.check_shapes(files, sizes)
    log = maps_ceilings.read_log(args.clicks, list(named))
    names, _, human, undefined = maps.process_maps(maps.folder_maps(files, named))
    tables.check_order(names.tolist(), table["stimulus_id"].tolist(), args.labels, "the map set")
    maps.named_undefined(args.maps, names, undefined)
    card, model = load_model(args.model, args.weights, args.sheet)
    labels = tables.labels(table, spaces.classes(card, args.model), args.labels)
    transform = Transform.of_model(card["data_config"])
    described = agreement.describe(human, table, transform, log=log, declared=args.ceiling)
    people = agreement.people(described, names.tolist())
    alignments = align(card, model, table, labels, human, transform)
    scores = {}
    for entry in alignment_scores.entries(alignments, people, np.random.default_rng(0), DRAWS):
        row = score_row(**entry)
        key = row["convention"] if row["metric"] == "spearman" else row["metric"]
        scores[key] = {field: plain(row[field]) for field in FIELDS}
    if args.table:
        columns = {"name": list(named), "label": labels} | alignment.per_image(alignments)
        write_table(args.table, pd.DataFrame(columns))
    print(json.dumps({"model": args.model, "scores": scores}) if args.json else text(scores))


def plain(value: Any) -> Any:
    """Value of a score as JSON: NaN is null."""
    return None if isinstance(value, float) and math.isnan(value) else value


def text(scores: dict[str, dict[str, Any]]) -> str:
    """One line a score."""

    def number(value: float | None) -> str:
        return "–" if value is None else f"{value:.4f}"

    lines = []
    for key, entry in scores.items():
        value, low, high, floor = (number(entry[field]) for field in ("value", "ci_low", "ci_high", "floor"))
        note = "" if entry["status"] == "ok" else f"  {entry['status']}"
        lines.append(f"{key:20s} {value:>7s}  95 % {low} .. {high}  floor {floor}  n = {entry['n']}{note}")
    return "\n".join(lines)


def load_model(name: str, weights: str | None, sheet: str) -> tuple[dict[str, Any], network.Normalised]:
    """Load a model of the sheet, or of an architecture with a weight file; returns its card and itself.

    Raises
    ------
    InputError
        A name that the sheet does not have, and no weight file.
    """
    row: dict[str, Any] = {"architecture": name, "weights": "file", "source": weights}
    if weights is None:
        rows = read_sheet(sheet, "models", "model")
        if name not in rows:
            known = ", ".join(rows)
            raise InputError(f"{sheet}: model: no {name!r} (there: {known}); an architecture needs --weights")
        row = rows[name]
        if row["weights"] == low_level.WEIGHTS:
            raise InputError(f"{sheet}: {name}: is a low-level model, which only studies score")
    with tempfile.TemporaryDirectory() as folder:
        file = f"{folder}/weights.safetensors"
        origin = {name: row.get(name, "") for name in ("architecture", "weights", "source")}
        card = materialise.write_weights(origin, file)
        card |= {"model": name, "data_config": override(card["data_config"], row)}
        card["label_space"] = row.get("label_space", "imagenet-1k")
        return card, network.Normalised(network.load(card, file), card["data_config"])


def align(
    card: dict[str, Any],
    model: network.Normalised,
    table: pd.DataFrame,
    labels: np.ndarray,
    human: np.ndarray,
    transform: Transform,
) -> dict[str, Alignment]:
    """Compare the saliency of the images of a stimulus table with their processed maps, by metric."""
    files = list(zip(map(Path, table["path"]), table["sha256"], strict=True))
    bar = tqdm(total=len(table), desc=f"saliency {card['model']}", unit="image")

    def model_maps(rows: slice) -> dict[str, np.ndarray]:
        parts: dict[str, list[np.ndarray]] = {name: [] for name in saliency.REDUCTIONS}
        for first in range(rows.start, rows.stop, BATCH):
            part = slice(first, min(first + BATCH, rows.stop))
            pixels = batches.from_uint8(
                np.stack([preprocessing.load(*file, transform) for file in files[part]])
            )
            targets = torch.as_tensor(labels[part], device=pixels.device)
            for name, reduced in saliency.reductions(network.gradient(model, pixels, targets)).items():
                parts[name].append(reduced.cpu().numpy())
            bar.update(len(pixels))
        return {metric: np.concatenate(parts[name]) for metric, name in saliency_alignment.METRICS.items()}

    with bar:
        return saliency_alignment.align(model_maps, human, table, transform)
