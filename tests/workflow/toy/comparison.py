"""The mean response of the training stimuli, whatever the features are."""

from __future__ import annotations

from typing import TYPE_CHECKING

from visalign.comparisons.comparison import Layer, Option, Predicted, Regression

if TYPE_CHECKING:
    import numpy as np

    from visalign.stats.cross_validation import Pair


def predict(
    layer: Layer, Y: np.ndarray, pairs: list[Pair], groups: np.ndarray | None, *, shrinkage: int
) -> list[Predicted]:
    """Training means plus a little of the first column of the Gram matrix, which varies."""
    from visalign.gram import matrix

    K = matrix.with_gram(layer)["K"]
    return [Predicted(Y[train].mean(axis=0) + K[test][:, train[:1]] / shrinkage) for train, test in pairs]


COMPARISON = Regression(
    name="constant",
    meaning="the same of training means; n neuroids",
    described="training means, shrunk by {shrinkage}",
    options=(Option(name="shrinkage", default=1000, help="what the first column is divided by"),),
    predict=predict,
)
