"""ClickMe alignment of any model on a folder of images and a folder of maps, without the pipeline.

Images, maps and saliency go through the functions that the stages use, so the numbers are the pipeline's.
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

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd
import torch
from tqdm import tqdm

from visalign.errors import InputError
from visalign.io.scores import Entry, Score, entry
from visalign.io.sheets import read_sheet
from visalign.labels import spaces
from visalign.maps import agreement, alignment, collection, scores
from visalign.maps import files as map_files
from visalign.maps import saliency as saliency_alignment
from visalign.maps.alignment import Alignment
from visalign.maps.clicks import ClickLog
from visalign.maps.filtered_clicks import read_clicks_of
from visalign.maps.reader import MapFiles
from visalign.maps.readers import FOLDER
from visalign.stimuli import folders as image_folders
from visalign.stimuli import preprocessing, tables
from visalign.stimuli.rows import table_of
from visalign.stimuli.transforms import Transform
from visalign.zoo import callables, low_level, materialise, network, saliency
from visalign.zoo import pixels as batches
from visalign.zoo.facts import described, override

if TYPE_CHECKING:
    from visalign.io.rows import ModelRow
    from visalign.zoo.card import ModelCard
    from visalign.zoo.weights import NamedWeights


class EntryOfFolders(Entry):
    """A score as `--json` tells it, with its status."""

    status: str


@dataclass(frozen=True)
class Folders:
    """Images and maps of two folders, read and matched.

    Attributes
    ----------
    table : DataFrame
        Stimulus table of the images.
    maps : ndarray of float32, shape (n, 64, 64)
        Processed.
    names : list of str
        Of the images, as the labels have them.
    log : ClickLog, optional
        Filtered.
    """

    table: pd.DataFrame
    maps: np.ndarray
    names: list[str]
    log: ClickLog | None


class Model(NamedTuple):
    """A model's name, its card, and the network."""

    name: str
    card: ModelCard
    network: network.Normalised


def read(images: str, maps: str, labels: str, clicks: str | None) -> Folders:
    """Read images, maps and click log, and check that they fit each other, headers first."""
    named = map_files.read_labels(labels)
    opened = FOLDER.open(MapFiles("", maps, labels), named)
    table = table_of(image_folders.images({"path": images, "labels": labels}))
    sizes = dict(zip(table["stimulus_id"], zip(table["height"], table["width"], strict=True), strict=True))
    FOLDER.check_shapes(MapFiles("", maps, labels), sizes)
    log = read_clicks_of(list(named), clicks)
    processed = collection.process_maps(opened.maps)
    names = processed.stimulus_id.tolist()
    tables.check_order(names, table["stimulus_id"].tolist(), labels, "the map set")
    collection.named_undefined(maps, processed)
    return Folders(table, processed.maps, names, log)


def labels_of(folders: Folders, model: Model, where: str) -> np.ndarray:
    """Labels (n,) of the images, which must be outputs of the model; errors name `where`."""
    return tables.labels(folders.table, spaces.classes(model.card, model.name), where)


def score(
    folders: Folders,
    model: Model,
    where: str,
    declared: float | None,
    *,
    seed: int,
    draws: int,
    batch_size: int,
) -> tuple[dict[str, Alignment], list[Score]]:
    """Compare the model's saliency with the maps; alignments by metric, and their scores.

    Parameters
    ----------
    where : str
        File of labels, which errors name.
    declared : float, optional
        Ceiling of the maps, where there is no click log.
    seed : int
        Of half-splits and intervals.
    draws : int
        Bootstrap draws over images.
    batch_size : int
        Images whose gradients are computed together.
    """
    labels = labels_of(folders, model, where)
    transform = Transform.of_model(model.card["data_config"])
    described = agreement.describe(
        folders.maps, folders.table, transform, log=folders.log, declared=declared, seed=seed
    )
    people = agreement.people(described, folders.names)
    alignments = align(model, folders, labels, transform, batch_size)
    rng, headline = np.random.default_rng(seed), saliency_alignment.HEADLINE
    return alignments, scores.summarise_all(alignments, headline, people, rng, draws)


def per_image(folders: Folders, model: Model, alignments: dict[str, Alignment], where: str) -> pd.DataFrame:
    """Table of the images: name, label and every metric."""
    metrics = alignment.per_image(alignments, saliency_alignment.HEADLINE)
    return pd.DataFrame({"name": folders.names, "label": labels_of(folders, model, where), **metrics})


def by_name(found: list[Score]) -> dict[str, EntryOfFolders]:
    """Scores as JSON values: those of the headline by their convention, others by their metric."""
    names = [
        str(score.convention if score.metric == saliency_alignment.HEADLINE else score.metric)
        for score in found
    ]
    return {name: {**entry(score), "status": score.status} for name, score in zip(names, found, strict=True)}


def text(scores: dict[str, EntryOfFolders]) -> str:
    """One line per score."""

    def number(value: float | None) -> str:
        return "–" if value is None else f"{value:.4f}"

    lines = []
    for key, told in scores.items():
        value, floor = number(told["value"]), number(told["floor"])
        low, high = number(told["ci_low"]), number(told["ci_high"])
        note = "" if told["status"] == "ok" else f"  {told['status']}"
        lines.append(f"{key:20s} {value:>7s}  95 % {low} .. {high}  floor {floor}  n = {told['n']}{note}")
    return "\n".join(lines)


def load_model(name: str, weights: str | None, sheet: str) -> Model:
    """Load a model of the sheet, or of an architecture with a weight file.

    Raises
    ------
    InputError
        A name that the sheet does not have, and no weight file.
    """
    row: ModelRow | None = None
    origin: NamedWeights = {"architecture": name, "weights": "file", "source": weights or ""}
    if weights is None:
        rows: dict[str, ModelRow] = read_sheet(sheet, "models", "model")
        if name not in rows:
            known = ", ".join(rows)
            raise InputError(f"{sheet}: model: no {name!r} (there: {known}); an architecture needs --weights")
        row = rows[name]
        if row["weights"] == low_level.WEIGHTS:
            raise InputError(f"{sheet}: {name}: is a low-level model, which only studies score")
        origin["architecture"], origin["weights"] = row["architecture"], row["weights"]
        origin["source"] = row.get("source", "")
    with tempfile.TemporaryDirectory() as folder:
        file = f"{folder}/weights.safetensors"
        shown = described(row) if row and callables.is_callable(row["architecture"]) else None
        card = materialise.write_weights(origin, file, shown)
        card["model"] = name
        card["label_space"] = row["label_space"] if row else "imagenet-1k"
        if row:
            card["data_config"] = override(card["data_config"], row)
        return Model(name, card, network.Normalised(network.load(card, file), card["data_config"]))


def align(
    model: Model, folders: Folders, labels: np.ndarray, transform: Transform, batch_size: int
) -> dict[str, Alignment]:
    """Compare the saliency of the images of a stimulus table with their processed maps, by metric."""
    table = folders.table
    files = list(zip(map(Path, table["path"]), table["sha256"], strict=True))
    bar = tqdm(total=len(table), desc=f"saliency {model.name}", unit="image")

    def model_maps(rows: slice) -> dict[str, np.ndarray]:
        parts: dict[str, list[np.ndarray]] = {name: [] for name in saliency.REDUCTIONS}
        for first in range(rows.start, rows.stop, batch_size):
            part = slice(first, min(first + batch_size, rows.stop))
            loaded = np.stack([preprocessing.load(*file, transform) for file in files[part]])
            pixels = batches.from_uint8(loaded)
            targets = torch.as_tensor(labels[part], device=pixels.device)
            gradient = network.gradient(model.network, pixels, targets)
            for name, reduced in saliency.reductions(gradient).items():
                parts[name].append(reduced.cpu().numpy())
            bar.update(len(pixels))
        return {metric: np.concatenate(parts[name]) for metric, name in saliency_alignment.METRICS.items()}

    with bar:
        return saliency_alignment.align(model_maps, folders.maps, table, transform)
