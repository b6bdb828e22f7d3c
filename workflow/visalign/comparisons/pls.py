"""Partial least squares: the regression of Brain-Score."""

from __future__ import annotations

from typing import TYPE_CHECKING

from visalign.comparisons.comparison import Layer, Option, Predicted, Regression

if TYPE_CHECKING:
    import numpy as np

    from visalign.gram.pls import Fit
    from visalign.stats.cross_validation import Pair


def fits(layer: Layer, Y: np.ndarray, pairs: list[Pair], components: int) -> list[Fit]:
    """PLS fitted on each (train, test); NaN for neuroids of fewer than two training responses."""
    import numpy as np

    from visalign.gram import missing_responses, primal_pls
    from visalign.gram import pls as gram_pls

    def fit(Y: np.ndarray, pairs: list[Pair]) -> list[Fit]:
        if "X" in layer:
            return primal_pls.fit_splits_primal(layer["X"], Y, pairs, components)
        rounding = float(layer["rounding"]) if "rounding" in layer else None
        return gram_pls.fit_splits(layer["K"], Y, pairs, components, rounding)

    if not np.isnan(Y).any():  # all pairs share their products
        return fit(Y, pairs)
    return [missing_responses.fit_jointly(fit, Y, pair) for pair in pairs]


def predict(
    layer: Layer, Y: np.ndarray, pairs: list[Pair], groups: np.ndarray | None, *, components: int
) -> list[Predicted]:
    """Predictions of PLS for each pair; it leaves nothing out, so it needs no groups."""
    from visalign.gram.missing_responses import filled

    return [
        Predicted(fit.predicted, fit.used, filled(Y, train))
        for fit, (train, _) in zip(fits(layer, Y, pairs, components), pairs, strict=True)
    ]


COMPARISON = Regression(
    name="pls",
    meaning="held-out correlation of PLS predictions, layer chosen on inner splits; n neuroids",
    described="partial least squares with {components} components (centred, not scaled)",
    options=(Option(name="components", default=25, help="PLS components"),),
    predict=predict,
    jointly=True,
    counted="components",
)
