"""Similarity of layers with dissimilarity matrices, of one subject or several: nothing is predicted of them.

A layer is compared with each subject, and the similarities are averaged (Nili et al. 2014). The layer is
chosen as in `similarity_scores`, on halves of the stimuli; draws are of stimuli, while subjects stay.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from visalign.comparisons.comparison import Comparison, Similarity
from visalign.gram.matrix import with_gram
from visalign.io.scores import Score
from visalign.io.tasks import Client
from visalign.neural.layers import Read
from visalign.neural.rows import Result, of_similarity
from visalign.neural.similarity_scores import (
    DERANGEMENTS,
    DRAWS,
    HALVINGS,
    Halves,
    SimilarityScores,
    agreement,
    agreements,
    choose,
)
from visalign.neural.unit_draws import MIN_UNITS, derangements, draw, halve, spread
from visalign.recordings import rdm, rdm_ceilings
from visalign.recordings.rdm_ceilings import Bounds
from visalign.stats.cross_validation import copies
from visalign.stats.defined import mean_of_defined
from visalign.stats.resampling import numbered

if TYPE_CHECKING:
    import xarray as xr

NO_NEUROIDS = "a dissimilarity matrix has no neuroids that could be predicted"


@dataclass(frozen=True, kw_only=True)
class Matrices:
    """A recording of dissimilarities as it is scored.

    Attributes
    ----------
    values : dict of ndarray, shape (n, n)
        By subject.
    unit : ndarray of int, shape (n,)
        What is halved and drawn whole: the stimulus, or a picture that several stimuli show.
    region : str
        Regions, joined by +.
    said : list of str
        What the status of every score says.
    """

    values: dict[str, np.ndarray]
    unit: np.ndarray
    region: str
    said: list[str]


def prepare(recording: xr.DataArray, pictures: np.ndarray | None = None) -> Matrices:
    """Matrices of a recording in the internal form; by default a picture (n,) is one stimulus."""
    n = recording.sizes["stimulus"]
    unit = np.arange(n) if pictures is None else numbered(pictures)
    said = [copies(pictures)] if pictures is not None else []
    return Matrices(
        values=rdm.by_subject(recording),
        unit=unit,
        region="+".join(sorted(set(recording["region"].values.astype(str).tolist()))),
        said=list(filter(None, said)),
    )


def score(
    client: Client,
    reads: dict[str, Read],
    matrices: Matrices,
    comparison: Comparison,
    *,
    selection: str,
    seed: int,
) -> Result:
    """Score a comparison: as `rows.score`, or the reason why there is no value.

    Parameters
    ----------
    reads : dict
        Gives each layer of the stimuli.
    selection : {"nested", "published"}
        Of the layer.
    seed : int
        Of everything random; none of it depends on the features.
    """
    if reason := why_undefined(comparison, matrices):
        row = Score(metric=comparison.name, status=reason, headline=True)
        return Result([row], [reason], pd.DataFrame(), pd.DataFrame())
    assert isinstance(comparison, Similarity)
    relations = [relations_of(values, comparison) for values in matrices.values.values()]
    ceiling = bounds_of(relations, comparison)
    scored = score_matrices(
        client, reads, relations, matrices.unit, comparison, selection=selection, seed=seed
    )
    said = [*scored.said, *in_words(ceiling, len(relations)), *matrices.said]
    about = Score(metric=comparison.name, status=f"ok, {'; '.join(said)}")
    result = of_similarity(scored, comparison, about, selection, int(matrices.unit.max()) + 1)
    own = [replace(one, ceiling=ceiling.lower) if one.headline else one for one in result.scores]
    return result._replace(scores=own, said=said)


def why_undefined(comparison: Comparison, matrices: Matrices) -> str | None:
    """Why a comparison with dissimilarity matrices has no value, or None."""
    if not isinstance(comparison, Similarity):
        return NO_NEUROIDS
    if "dissimilarity" in comparison.settings:  # it compares dissimilarities, of whatever kind
        return None
    for subject, values in matrices.values.items():
        if (least := rdm.least_eigenvalue(values)) < 0:
            whose = f" of {subject}" if len(matrices.values) > 1 else ""
            return (
                f"1 - dissimilarity{whose} are no inner products of responses: an eigenvalue is {least:.2g} "
                "of the largest"
            )
    return None


def relations_of(dissimilarities: np.ndarray, comparison: Similarity) -> np.ndarray:
    """Relations (n, n) of dissimilarities, whose unit means nothing where it is they that are compared."""
    scale = dissimilarities.max() if "dissimilarity" in comparison.settings else 1.0
    return comparison.relations(rdm.layer(dissimilarities / scale))


def bounds_of(relations: Sequence[np.ndarray], comparison: Similarity) -> Bounds:
    """Bounds of what the true model would have, from relations (n, n) of several subjects."""
    ranked = comparison.settings.get("comparison") == "spearman"
    return rdm_ceilings.bounds(relations, comparison.agreement, ranked=ranked)


def in_words(ceiling: Bounds, subjects: int) -> list[str]:
    """What a status says of subjects and their bounds."""
    if subjects == 1:
        return ["of one dissimilarity matrix, no ceiling; n stimuli"]
    return [
        f"mean over {subjects} subjects' dissimilarity matrices, ceiling between {ceiling.lower:.3f} "
        f"(each subject by the others) and {ceiling.upper:.3f} (by all); n stimuli"
    ]


def score_matrices(
    client: Client,
    reads: dict[str, Read],
    relations: Sequence[np.ndarray],
    unit: np.ndarray,
    comparison: Similarity,
    *,
    selection: str,
    halvings: int = HALVINGS,
    draws: int = DRAWS,
    seed: int,
) -> SimilarityScores:
    """Compare every layer with relations (n, n) of each subject, as `similarity_scores.score_similarities`.

    Halves, draws and derangements of the stimuli are those of a recording of neuroids with the same seed;
    ``n`` of the result are the stimuli.
    """
    generators = [np.random.default_rng([seed, stream]) for stream in range(4)]
    halves = halve(unit, halvings, generators[1])
    drawn = [each.stimuli for each in draw(unit, 1, draws, generators[2])]
    deranged = derangements(unit, DERANGEMENTS, generators[3])
    shared = client.submit(np.asarray, np.array(relations), pure=False)

    def submit(function: Any, *arguments: Any) -> Any:
        return client.submit(function, shared, comparison, *arguments, pure=False)

    found = client.gather([submit(_on_all_and_halves, read, halves) for read in reads.values()])
    values = np.array([value for value, _, _ in found])
    choice = choose(values, np.array([part for _, part, _ in found]), selection)
    used, listed = np.flatnonzero(choice.shares), list(reads.values())
    around = client.gather([submit(_draws_and_floor, listed[i], drawn, deranged) for i in used])
    weights = choice.shares[used]
    raw = weights @ np.array([sample for sample, _ in around])
    centred = {"raw": choice.value + spread(unit) * (raw - mean_of_defined(raw))}
    floor = float(weights @ [floor for _, floor in around])
    units, n = int(unit.max()) + 1, len(unit)
    undefined, said = found[int(choice.shares.argmax())][2], []
    if undefined:
        said.append(f"{undefined} of {n} stimuli without a pattern of features left out")
    if units < MIN_UNITS:
        said.append(f"{units} units are too few to halve: no layer choice, no interval")
    return SimilarityScores(list(reads), values, choice, float("nan"), centred, floor, units, n, 0, said)


def _agreement(a: np.ndarray, relations: np.ndarray, comparison: Similarity) -> tuple[float, int]:
    """Mean similarity of relations (n, n) with those of subjects (s, n, n), and stimuli that are left out."""
    found = [agreement(a, one, comparison) for one in relations]
    return float(np.mean([value for value, _ in found])), max(undefined for _, undefined in found)


def _on_all_and_halves(
    relations: np.ndarray, comparison: Similarity, read: Read, halves: Halves
) -> tuple[float, np.ndarray, int]:
    """Similarity of a layer on all stimuli and on halves (halvings, 2), and stimuli without relations."""
    a = comparison.relations(with_gram(read()))
    value, undefined = _agreement(a, relations, comparison)
    parts = [agreements(a, one, halves, comparison) for one in relations]
    return value, np.mean(parts, axis=0), undefined


def _draws_and_floor(
    relations: np.ndarray,
    comparison: Similarity,
    read: Read,
    drawn: list[np.ndarray],
    deranged: list[np.ndarray],
) -> tuple[np.ndarray, float]:
    """Similarity of a layer on draws (draws,), and mean over derangements of the matrices."""
    a = comparison.relations(with_gram(read()))
    floor = [_agreement(a, _of(relations, order), comparison)[0] for order in deranged]
    sample = [
        _agreement(a[np.ix_(stimuli, stimuli)], _of(relations, stimuli), comparison)[0] for stimuli in drawn
    ]
    return np.array(sample), float(np.mean(floor)) if floor else float("nan")


def _of(relations: np.ndarray, stimuli: np.ndarray) -> np.ndarray:
    """Relations (s, k, k) of some stimuli, of all (s, n, n)."""
    return relations[:, stimuli[:, None], stimuli]
