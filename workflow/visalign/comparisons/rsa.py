"""Representational similarity: the correlation of two dissimilarity matrices."""

from __future__ import annotations

from typing import TYPE_CHECKING

from visalign.comparisons.comparison import Layer, Option, Similarity

if TYPE_CHECKING:
    import numpy as np

    from visalign.gram.similarity import Dissimilarity


def relations(
    gram: Layer, absent: np.ndarray | None, *, dissimilarity: Dissimilarity, comparison: str
) -> np.ndarray:
    """Dissimilarities (n, n) of stimuli, or their ranks.

    Ranks are those among all pairs also where some of the stimuli are compared: they order these alike.
    """
    import numpy as np

    from visalign.gram import similarity
    from visalign.stats.correlations import ranks

    n = len(gram["K"])
    distances = similarity.rdm(gram, dissimilarity)
    if absent is not None and absent.any():
        distances[(absent[:, None] | absent)[similarity.above_diagonal(n)]] = np.nan
    if comparison == "spearman":
        defined = ~np.isnan(distances)
        distances[defined] = ranks(distances[defined])
    return similarity.square(distances, n)


def deviations(relations: np.ndarray) -> np.ndarray:
    """Deviations (n, n) from the mean pair, of which the cosine is the correlation over pairs of stimuli."""
    from visalign.gram import similarity

    return similarity.off_diagonal_deviations(relations)


def agreements(one: np.ndarray, other: np.ndarray, subsets: np.ndarray, **_settings: str) -> np.ndarray:
    """Pearson correlation over pairs within each subset (k,), the columns of `subsets`, bool (n, k)."""
    from visalign.gram import similarity

    return similarity.correlations_within(one, other, subsets)


def centred(
    values: np.ndarray, *, dissimilarity: Dissimilarity, **_settings: str
) -> tuple[np.ndarray, float]:
    """Dissimilarities (n, n) of responses less their mean: the inner product of two is their covariance.

    A correlation is taken of patterns of unit norm; the second value is then the mean squared norm.
    """
    import numpy as np

    from visalign.gram import similarity

    n = len(values)
    distances = similarity.rdm_of(values, dissimilarity)
    defined = ~np.isnan(distances)
    if not defined.any():
        return np.full((n, n), np.nan), 1.0
    centred = np.where(defined, distances - distances[defined].mean(), 0) / np.sqrt(2 * defined.sum())
    norm = 1.0 if dissimilarity == "squared_euclidean" else float(values.var(axis=1).mean())
    return similarity.square(centred, n), norm


def best(r: float, *, comparison: str, **_settings: str) -> float:
    """Return r, as a rank correlation that of binormal variables of that correlation: 6/π asin(r/2)."""
    import numpy as np

    return float(6 / np.pi * np.arcsin(min(r, 1) / 2)) if comparison == "spearman" else r


COMPARISON = Similarity(
    name="rsa",
    meaning="correlation of both dissimilarity matrices, layer chosen on other stimuli; n neuroids",
    described="representational similarity ({dissimilarity} of stimuli, {comparison} of dissimilarities)",
    options=(
        Option(
            name="dissimilarity",
            default="correlation",
            help="of RSA",
            choices=("correlation", "squared_euclidean"),
        ),
        Option(name="comparison", default="spearman", help="of two RDMs", choices=("spearman", "pearson")),
    ),
    relate=relations,
    deviate=deviations,
    agree_within=agreements,
    centre=centred,
    limit=best,
)
