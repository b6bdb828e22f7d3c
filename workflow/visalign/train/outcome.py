"""What a training tells while it runs, and what it leaves: rows of metrics, and a card."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from torch import nn
from tqdm import tqdm

from visalign.io.delimited import text_of
from visalign.io.files import write_atomic
from visalign.train.images import TrainingImages
from visalign.train.loop import Progress

if TYPE_CHECKING:
    from visalign.stimuli.transforms import DataConfig
    from visalign.train.card import FullRecipe, TrainedCard
    from visalign.zoo.card import ModelCard


def described(images: TrainingImages) -> str:
    """How many images there are, and how many have a human map."""
    n, n_maps = len(images.table), int(images.has_map.sum())
    lost = len(images.maps) - n_maps
    return f"{n} images, {n_maps} with a human map; {lost} maps are constant or not finite"


def bar(model: str, steps: int, *, shown: bool) -> tqdm:
    """Bar of a training's steps."""
    return tqdm(total=steps, desc=f"train {model}", unit="step", disable=not shown)


def reporter(bar: tqdm, path: Path) -> Callable[[Progress], None]:
    """Return a function that advances the bar and writes the metrics so far, for who watches."""

    def report(progress: Progress) -> None:
        bar.update(progress.step - bar.n)
        if not bar.disable and progress.count == 0:
            bar.set_postfix({name: f"{progress.rows[-1][name]:.3g}" for name in ("total", "accuracy")})
            write_metrics(path, progress)

    return report


def write_metrics(path: str | Path, progress: Progress) -> None:
    """Write the rows of metrics as CSV."""
    write_atomic(path, text_of(list(progress.rows[-1]), progress.rows))


def card_of(
    base: ModelCard,
    model: nn.Module,
    *,
    model_name: str,
    label_space: str,
    data_config: DataConfig,
    sha256: str,
    trained_on: str,
    recipe: FullRecipe,
    metrics: Mapping[str, float],
) -> TrainedCard:
    """Card of a trained model, as the stage models writes those of others.

    Parameters
    ----------
    base : dict
        Card of the model that it was trained from.
    sha256 : str
        Of its weight file.
    trained_on : str
        Hash of the tables of its images and of their maps.
    metrics : mapping
        Last row; what is not defined is None.
    """
    card: ModelCard = {
        "model": model_name,
        "label_space": label_space,
        "architecture": base["architecture"],
        "weights": "train",
        "source": base["model"],
        "sha256": sha256,
        "parameters": sum(parameter.numel() for parameter in model.parameters()),
        "num_classes": model.num_classes,  # type: ignore[typeddict-item]
        "data_config": data_config,
    }
    if "model_args" in base:
        card["model_args"] = base["model_args"]
    if "code_sha256" in base:
        card["code_sha256"] = base["code_sha256"]
    return {
        **card,
        "base_sha256": base["sha256"],
        "trained_on": trained_on,
        "recipe": recipe,
        "metrics": {name: None if math.isnan(value) else value for name, value in metrics.items()},
    }
