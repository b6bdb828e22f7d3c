"""How far people agree about importance maps, within the crop of the images that a model sees.

ρ with a model is over the pixels of its input, and people agree on these otherwise than on the whole image:
less, as a rule, since the border is cut off, on which they agree that there is nothing. Ceiling and floor are
therefore taken from maps that went through the model's transform, once for all models of that transform.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal, TypedDict

import numpy as np
import pandas as pd
from tqdm import tqdm

from visalign.io.files import read_json
from visalign.maps import alignment, processing
from visalign.maps import clicks as click_logs
from visalign.maps.participants import Log
from visalign.maps.scores import People
from visalign.stats.defined import mean_of_defined, or_none
from visalign.stats.ranks import RankSum, standard_ranks
from visalign.stimuli import tables
from visalign.stimuli.transforms import Transform

#: Half-splits of the participants of an image.
ITERATIONS = 20
DEFINITIONS = {
    "participants": "Spearman between maps of random halves of the participants, over the pixels of the "
    "model's input; mean over half-splits and images",
    "declared": "declared by the data's provider, of whole images: the crop of the model is not allowed for",
    "floor": "Spearman between maps of different images, over the pixels of the model's input; mean over all "
    "pairs",
}


class Averaged(TypedDict):
    """The mean of values per image, None where undefined, as the status tells."""

    value: float | None
    status: str
    n_images: int
    n_undefined: int
    per_image: list[float | None]


class ParticipantsCeiling(Averaged):
    """Agreement of participants on the images of their log."""

    method: Literal["participants"]
    images: list[str]
    definition: str


class DeclaredCeiling(TypedDict):
    """A ceiling that the data's provider declares."""

    method: Literal["declared"]
    value: float
    status: str
    definition: str


class NoCeiling(TypedDict):
    """No ceiling, and why."""

    value: None
    method: None
    status: str


class Floor(Averaged):
    """Likeness of maps of different images, in the order of a stimulus table."""

    definition: str


class Agreement(TypedDict):
    """Ceiling and floor of people within the crop of a transform."""

    transform: str
    ceiling: ParticipantsCeiling | DeclaredCeiling | NoCeiling
    floor: Floor
    seed: int


class StoredAgreement(Agreement):
    """What ``maps ceilings`` writes."""

    stimulus_id: list[str]
    version: int
    inputs_hash: str


def split_half(log: Log, table: pd.DataFrame, transform: Transform, seed: int) -> dict[str, float]:
    """Agreement c of random halves of the participants, of one image after the other.

    Parameters
    ----------
    log : Log
        Of clicks or fixations, filtered.
    table : DataFrame
        Stimulus table, with the size of each image. An image of the log that it lacks is as large as it was
        when people clicked on it.

    Returns
    -------
    dict of str to float
        Mean of Spearman's ρ between the maps of the halves; NaN for one participant, or where all is outside
        the crop.
    """
    rng = np.random.default_rng(seed)
    sizes = table.set_index("stimulus_id")[["height", "width"]].to_dict("index")
    clicked = dict.fromkeys(("height", "width"), click_logs.SIZE)
    found = {}
    for image, maps in tqdm(log.participants(), desc="half-splits", unit="image"):
        halves = np.concatenate([click_logs.random_halves(maps, rng) for _ in range(ITERATIONS)])
        size = pd.DataFrame([sizes.get(image, clicked)] * len(halves))
        squares = halves.reshape(-1, processing.SIZE, processing.SIZE)
        ranks = standard_ranks(alignment.at_input(squares, size, transform))
        found[image] = float(mean_of_defined(np.einsum("np,np->n", ranks[::2], ranks[1::2]), axis=0))
    return found


def between_images(maps: np.ndarray, table: pd.DataFrame, transform: Transform) -> np.ndarray:
    """Mean ρ of the map of each image with those of all others, (n,); NaN of undefined maps.

    Parameters
    ----------
    maps : ndarray, shape (n, 64, 64)
        Processed human maps of the images of `table`; they are read twice.
    """
    moved = alignment.mover(maps, table, transform)
    total, result = RankSum(), np.full(len(maps), np.nan)
    for rows in alignment.slices(len(maps)):
        total.add(standard_ranks(moved(rows)))
    for rows in alignment.slices(len(maps)):
        own = standard_ranks(moved(rows))
        result[rows] = total.mean_with_others(own, np.einsum("np,np->n", own, own))
    return result


def describe(
    maps: np.ndarray,
    table: pd.DataFrame,
    transform: Transform,
    *,
    log: Log | None = None,
    declared: float | None = None,
    seed: int,
) -> Agreement:
    """Ceiling c and floor F of people within a model's crop; a log of people outdoes a declaration."""
    ceiling: ParticipantsCeiling | DeclaredCeiling | NoCeiling
    if log is not None:
        agreement = split_half(log, table, transform, seed)
        ceiling = {
            "method": "participants",
            "images": list(agreement),
            **averaged(np.array([*agreement.values()])),
            "definition": DEFINITIONS["participants"],
        }
    elif declared is not None:
        ceiling = {
            "method": "declared",
            "value": declared,
            "status": "ok, of whole images",
            "definition": DEFINITIONS["declared"],
        }
    else:
        ceiling = {
            "value": None,
            "method": None,
            "status": "neither a click log nor a declared ceiling",
        }
    floor: Floor = {
        "definition": DEFINITIONS["floor"],
        **averaged(between_images(maps, table, transform)),
    }
    return {"transform": transform.key, "ceiling": ceiling, "floor": floor, "seed": seed}


def averaged(values: np.ndarray) -> Averaged:
    """Mean and values (n,) as JSON values, None where undefined."""
    defined = int(np.isfinite(values).sum())
    return {
        "value": float(mean_of_defined(values, axis=0)) if defined else None,
        "status": "ok" if defined else "undefined for every image",
        "n_images": len(values),
        "n_undefined": len(values) - defined,
        "per_image": [or_none(value) for value in values],
    }


def people(described: Agreement, stimulus_id: list[str]) -> People | None:
    """What `describe` found, for the images of a stimulus table; None without a ceiling."""
    ceiling, floor = described["ceiling"], np.array(described["floor"]["per_image"], dtype=float)
    if ceiling["method"] is None:
        return None
    if ceiling["method"] == "declared":
        return People(np.full(len(floor), ceiling["value"]), floor)
    known = dict(zip(ceiling["images"], np.array(ceiling["per_image"], dtype=float).tolist(), strict=True))
    if not known.keys() & set(stimulus_id):
        return People(np.array([*known.values()]), floor, paired=False)
    return People(np.array([known.get(name, np.nan) for name in stimulus_id]), floor)


def read(path: str | Path, table: pd.DataFrame) -> People | None:
    """Read what ``maps ceilings`` wrote of the images of a stimulus table; None without a ceiling."""
    described: StoredAgreement = read_json(path)
    ids = list(table["stimulus_id"])
    tables.check_order(described["stimulus_id"], ids, path, "the file of ceilings")
    return people(described, ids)
