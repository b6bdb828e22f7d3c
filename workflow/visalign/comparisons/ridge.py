"""Ridge regression, each neuroid at the penalty of its smallest leave-one-out error."""

from __future__ import annotations

from typing import TYPE_CHECKING

from visalign.comparisons.comparison import Layer, Option, Predicted, Regression

if TYPE_CHECKING:
    import numpy as np

    from visalign.stats.cross_validation import Pair


def predict(
    layer: Layer, Y: np.ndarray, pairs: list[Pair], groups: np.ndarray | None, *, penalties: int
) -> list[Predicted]:
    """Predictions of ridge regression for each pair."""
    from visalign.gram import matrix, missing_responses, ridge

    K = matrix.with_gram(layer)["K"]

    def fit(K: np.ndarray, Y: np.ndarray, train: np.ndarray, test: np.ndarray) -> np.ndarray:
        return ridge.predict(K, Y, train, test, ridge.penalty_grid(K, train, penalties), groups)

    return [
        Predicted(missing_responses.predict_with_missing(fit, K, Y, train, test)) for train, test in pairs
    ]


COMPARISON = Regression(
    name="ridge",
    meaning="the same of ridge predictions, one penalty per neuroid by leaving out images; n neuroids",
    described="ridge regression with {penalties} penalties to choose from for each neuroid, by the exact "
    "errors on training images left out one by one",
    options=(Option(name="penalties", default=15, help="ridge penalties to choose from"),),
    predict=predict,
)
