"""Perturbation tolerances of all models of a map set, in one frame and on the same images.

The stage attacks sees one model at a time: an L2 norm grows with the input, and every model has images of
its own. Here norms are root mean squares per input value (L2 / √d), and the tables of all models are compared
together, under two conventions of ``perturbation_tolerance``: ``rms/image_effects``, the median of what image
effects leave (`image_effects`), and ``rms/common_images``, the median over the images that every model names
correctly.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from visalign.attacks import image_effects, masking, stopping
from visalign.attacks.image_effects import Sizes
from visalign.attacks.protocol import NOT_DRAWN, SPARED
from visalign.attacks.tolerance import METRIC, NOTHING
from visalign.errors import InputError
from visalign.io.scores import Score
from visalign.io.tables import read_table
from visalign.stats import bootstrap

#: Fewer images than these that all models name correctly are too few for a score.
MIN_COMMON = 20
#: Status of a model that cannot be compared.
ALONE = "shares no image with the other models"
#: The first is the one in figures.
IMAGE_EFFECTS, COMMON_IMAGES = "rms/image_effects", "rms/common_images"
#: Columns of a per-image table of the stage attacks that are read.
COLUMNS = ("stimulus_id", "rms", "clean_correct", "reason", *masking.SIGNS)


def read(path: Path) -> pd.DataFrame:
    """Read the per-image table of one model."""
    table = read_table(path, COLUMNS, dtype={"stimulus_id": str, "clean_correct": str})
    table = table[list(COLUMNS)]
    for column in ("success", "gradient_vanished", "reproduced"):
        if table[column].dtype != bool:
            raise InputError(f"{path}: column {column!r}: not all True or False")
    return table.assign(clean_correct=table["clean_correct"] == "True")


def gather(tables: Mapping[str, pd.DataFrame], where: str) -> tuple[Sizes, dict[str, str]]:
    """Sizes of all models on all images, and why some models take no part.

    Returns
    -------
    (sizes, reasons) : Sizes, dict of str
        Rows of `sizes` are models in the order of `tables`; those with a reason have no sizes.
    """
    ids = next(iter(tables.values()))["stimulus_id"]
    log, censored = np.full((len(tables), len(ids)), np.nan), np.zeros((len(tables), len(ids)), bool)
    reasons = {}
    for row, (model, table) in enumerate(tables.items()):
        if list(table["stimulus_id"]) != list(ids):
            raise InputError(
                f"{where}: {model}: stimulus_id: other stimuli than those of {next(iter(tables))}"
            )
        clean, success = table["clean_correct"].to_numpy(), table["success"].to_numpy()
        attacked = {name: table[name].to_numpy()[clean] for name in masking.SIGNS}
        if not clean.any():
            reasons[model] = NOTHING
        elif reason := masking.reason(attacked):
            reasons[model] = reason
        elif not success.any():
            reasons[model] = f"undefined: {clean.sum()} of {clean.sum()} censored"
        else:
            log[row, success] = np.log(table["rms"].to_numpy()[success])
            censored[row] = clean & ~success
    return Sizes(log, censored), reasons


def remarks(tables: Mapping[str, pd.DataFrame]) -> dict[str, str]:
    """Say of each model whether it was attacked on all images that were drawn, see `stopping.remark`."""
    found = {}
    for model, table in tables.items():
        spared = int((table["reason"] == SPARED).sum())
        drawn = int((table["reason"] != NOT_DRAWN).sum())
        found[model] = stopping.remark(drawn - spared, spared)
    return found


def summarise(
    sizes: Sizes, models: list[str], reasons: Mapping[str, str], *, seed: int, draws: int
) -> dict[str, list[Score]]:
    """Scores of every model under both conventions, by model.

    Parameters
    ----------
    sizes : Sizes
        Root mean squares, rows as `models`.
    reasons : dict of str
        Why a model takes no part.
    seed, draws : int
        Of the bootstrap over images.
    """
    used = image_effects.connected(sizes.found)
    # an image that one model alone names correctly tells nothing of how models differ
    shared = sizes.found[used].sum(axis=0) > 1
    kept = sizes.of(used, shared)
    common = kept.attacked.all(axis=0)
    few = f"{common.sum()} images common to all {used.sum()} models, fewer than {MIN_COMMON}"
    if used.any():
        values, sample = image_effects.tolerances(kept), image_effects.draws(kept, seed, draws)
    result: dict[str, list[Score]] = {}
    at = 0
    for row, model in enumerate(models):
        attacked = int(sizes.attacked[row].sum())
        found = result[model] = []
        for which, convention in enumerate((IMAGE_EFFECTS, COMMON_IMAGES)):
            n = int(kept.attacked[at, common if which else slice(None)].sum()) if used[row] else 0
            score = Score(metric=METRIC, convention=convention, n=n, n_excluded=attacked - n)
            if not used[row]:
                score = replace(score, status=reasons.get(model, ALONE))
            elif convention == COMMON_IMAGES and n < MIN_COMMON:
                score = replace(score, status=few)
            else:
                score = summary(score, values[which, at], sample[which, :, at])
            found.append(replace(score, headline=convention == IMAGE_EFFECTS))
        at += used[row]
    return result


def summary(score: Score, log: float, sample: np.ndarray) -> Score:
    """A score with value and interval from log sizes; bounds that a censored image decides are None."""
    if np.isinf(log):
        return replace(score, status="undefined: at least half of the images censored")
    low, high = np.exp(bootstrap.expanded_interval(sample, score.n or 0))
    return replace(score, value=float(np.exp(log)), ci_low=float(low), ci_high=float(high))
