"""Linear centred kernel alignment, with the unbiased HSIC."""

from __future__ import annotations

from typing import TYPE_CHECKING

from visalign.comparisons.comparison import Layer, Similarity

if TYPE_CHECKING:
    import numpy as np


def relations(gram: Layer, absent: np.ndarray | None) -> np.ndarray:
    """Return the Gram matrix (n, n) itself."""
    import numpy as np

    if absent is None or not absent.any():
        return gram["K"]
    return np.where(absent[:, None] | absent, np.nan, gram["K"])


def deviations(relations: np.ndarray) -> np.ndarray:
    """U-centred Gram matrix (n, n), of which the cosine is CKA."""
    from visalign.gram import similarity

    return similarity.u_centred(relations)


def agreements(one: np.ndarray, other: np.ndarray, subsets: np.ndarray) -> np.ndarray:
    """CKA within each subset (k,), the columns of `subsets`, bool (n, k)."""
    from visalign.gram import similarity

    return similarity.cka_within(one, other, subsets)


def centred(values: np.ndarray) -> tuple[np.ndarray, float]:
    """U-centred Gram matrix (n, n) of responses: the inner product of two is the unbiased HSIC."""
    import numpy as np

    from visalign.gram import similarity

    n = len(values)
    return similarity.u_centred(values @ values.T) / np.sqrt(n * (n - 3)), 1.0


def best(r: float) -> float:
    """Return r, a cosine as CKA is."""
    return r


COMPARISON = Similarity(
    name="cka",
    meaning="linear CKA (unbiased) of features and responses, layer chosen on other stimuli; n neuroids",
    described="linear centred kernel alignment (unbiased)",
    relate=relations,
    deviate=deviations,
    agree_within=agreements,
    centre=centred,
    limit=best,
)
