"""Where perturbations of the attacked stimuli fall, and what a table says of all stimuli, attacked or not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pandas as pd
import zarr

from visalign.attacks import alignment as adversarial_alignment
from visalign.attacks import masking, tolerance
from visalign.attacks.protocol import NOT_DRAWN, SPARED
from visalign.attacks.store import PER_IMAGE
from visalign.io.scores import Score
from visalign.maps import alignment as map_alignment
from visalign.maps import scores as map_scores
from visalign.maps.alignment import Alignment
from visalign.maps.scores import People
from visalign.stimuli.transforms import Transform

#: Rows of no stimulus.
NONE = np.empty(0, np.int64)


def masked(found: Mapping[str, np.ndarray]) -> str | None:
    """Why perturbations of stimuli, some misnamed, are not the smallest of their model, or None."""
    return masking.reason({name: found[name][found["clean_correct"]] for name in masking.SIGNS})


def align(
    delta: zarr.Array | np.ndarray,
    found: Mapping[str, np.ndarray],
    maps: np.ndarray,
    table: pd.DataFrame,
    attacked: np.ndarray,
    transform: Transform,
    spared: np.ndarray = NONE,
) -> dict[str, Alignment]:
    """Compare where perturbations fall with human maps; one alignment of all stimuli per reduction.

    Parameters
    ----------
    delta : array, shape (n_attacked, channels, height, width)
    found : mapping of str to ndarray, shape (n_attacked,)
        `store.PER_IMAGE` of the attacked stimuli.
    maps : ndarray, shape (n_stimuli, 64, 64)
    table : DataFrame
        Of all stimuli.
    attacked : ndarray of int, shape (n_attacked,)
        Rows of the attacked ones.
    transform : Transform
        That of the stimuli, which the maps go through too.
    spared : ndarray of int, shape (n_spared,)
        Rows of those that were drawn and not attacked.
    """
    human = map_alignment.mover(maps[attacked], table.iloc[attacked], transform)
    aligned = adversarial_alignment.align(delta, human)
    return {metric: in_table(own, attacked, len(table), found, spared) for metric, own in aligned.items()}


def align_importance(
    importance: zarr.Array, maps: np.ndarray, table: pd.DataFrame, drawn: np.ndarray, transform: Transform
) -> dict[str, Alignment]:
    """Compare a low-level model's importance maps, in the place of perturbations, with human maps.

    Parameters
    ----------
    importance : array, shape (n_stimuli, height, width)
        Read a batch at a time.
    maps, table, transform
        As of `align`.
    drawn : ndarray of int, shape (n_drawn,)
        Rows of the stimuli that are compared.
    """

    def model_maps(rows: slice) -> dict[str, np.ndarray]:
        chosen = importance.get_orthogonal_selection((drawn[rows],))  # type: ignore[arg-type]
        return {adversarial_alignment.HEADLINE: np.asarray(chosen)}

    human = map_alignment.mover(maps[drawn], table.iloc[drawn], transform)
    headline = adversarial_alignment.HEADLINE
    found = map_alignment.align_batches(len(drawn), model_maps, human, headline)
    return {headline: found[headline].placed(drawn, len(table), NOT_DRAWN)}


def in_table(
    alignment: Alignment, attacked: np.ndarray, n: int, found: Mapping[str, np.ndarray], spared: np.ndarray
) -> Alignment:
    """Alignment of all `n` stimuli of the table, from that of the attacked ones, or the reason for none."""
    placed = alignment.placed(attacked, n, NOT_DRAWN)
    for row in spared:
        placed.reason[row] = SPARED
    failed = ~found["success"]
    for row, clean in zip(attacked[failed], found["clean_correct"][failed], strict=True):
        placed.reason[row] = "no perturbation" if clean else "not clean-correct"
    return placed


def places(
    alignments: Mapping[str, Alignment],
    people: People | None,
    rng: np.random.Generator,
    draws: int,
    reason: str | None = None,
) -> list[Score]:
    """Scores of where perturbations fall, of stimuli that were attacked.

    Parameters
    ----------
    alignments : mapping of str to Alignment
        Of all stimuli, by metric.
    reason : str, optional
        Why the perturbations are not the smallest of the model: then no score has a value.
    """
    result = []
    for metric, alignment in alignments.items():
        for score in map_scores.summarise(metric, alignment, people, rng, draws):
            elsewhere = alignment.reason.count(NOT_DRAWN) + alignment.reason.count(SPARED)
            score = replace(score, n_excluded=score.n_excluded - elsewhere)
            if reason:
                score = replace(score, value=None, ci_low=None, ci_high=None, status=reason)
            result.append(score)
    return result


def per_image(
    table: pd.DataFrame,
    found: Mapping[str, np.ndarray],
    attacked: np.ndarray,
    alignments: Mapping[str, Alignment],
    dimension: int,
) -> pd.DataFrame:
    """Table of all stimuli: what was found of the attacked ones, and where it falls.

    Parameters
    ----------
    table, found, attacked
        As of `align`.
    dimension : int
        Input values (channels × height × width).
    """
    whole = {name: spread(found[name], attacked, len(table), fill) for name, (_, fill) in PER_IMAGE.items()}
    images = pd.DataFrame({"stimulus_id": table["stimulus_id"], **whole})
    images.insert(2, "rms", images["norm"] * dimension**-0.5)
    images = images.assign(**map_alignment.per_image(alignments, adversarial_alignment.HEADLINE))
    known = ~images["reason"].isin((NOT_DRAWN, SPARED))
    images["clean_correct"] = images["clean_correct"].astype("boolean").where(known)
    return images


def spread(values: np.ndarray, attacked: np.ndarray, n: int, fill: float) -> np.ndarray:
    """Put values of attacked stimuli at their rows of a table of `n`, whose other rows are `fill`."""
    whole = np.full(n, fill, dtype=values.dtype)
    whole[attacked] = values
    return whole


def at_budget(
    budget: int,
    found: Mapping[str, np.ndarray],
    alignment: Alignment,
    people: People | None,
    rng: np.random.Generator,
) -> dict[str, float | str | None]:
    """Row of the curve: median tolerance and mean alignment at a budget, without intervals.

    Parameters
    ----------
    found : mapping of str to ndarray, shape (n_attacked,)
        As of `align`.
    alignment : Alignment
        The headline's, of all stimuli.
    """
    metric = adversarial_alignment.HEADLINE
    clean, reason = found["clean_correct"], masked(found)
    median = tolerance.quantile(found["norm"][clean], found["success"][clean], 0.5)
    values = {f"{tolerance.METRIC}_median": median}
    for score in map_scores.summarise(metric, alignment, people, rng, draws=1):
        values[f"{metric} {score.convention}"] = score.value
    values = dict.fromkeys(values) if reason else values
    return {"budget": budget, "n": int(clean.sum())} | values | {"status": reason or "ok"}
