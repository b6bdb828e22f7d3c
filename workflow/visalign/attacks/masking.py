"""Signs that a search by gradients says nothing about a model: the gradients are masked, or answers random.

A network can hide its boundaries from a search by gradients without being any more robust, as by rounding its
input or saturating its output (Athalye, Carlini & Wagner 2018, arXiv 1802.00420). Two signs cost nothing: the
gradient at the image is exactly zero, or the norm found is far from what the gradient there promises.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

#: Where the median over images of found norm ÷ first-order distance may lie. Those of the embedded networks
#: are .94 to 1.12 (single images .57 to 1.28); of softmax outputs below .03, of logits cut at 0 and 6 2.97.
FIRST_ORDER_RATIO = (0.3, 2.0)
#: Per-image arrays that tell, as `minimum_norm.MinimumNorm` has them.
SIGNS = (
    *("gradient_vanished", "gradients_not_finite", "reproduced"),
    *("norm", "success", "first_order_distance"),
)


def reason(per_image: Mapping[str, np.ndarray]) -> str | None:
    """Why the norms of a model are not its perturbation tolerance, nor their places meant, or None.

    Parameters
    ----------
    per_image : mapping of str to ndarray, shape (n,)
        `SIGNS` of attacked images.
    """
    n = len(per_image["norm"])
    counts = (
        ("gradient vanished on {} of {} images", per_image["gradient_vanished"]),
        ("gradients not finite on {} of {} images", per_image["gradients_not_finite"] > 0),
        ("other answers when run again on {} of {} images: a random network?", ~per_image["reproduced"]),
    )
    for text, wrong in counts:
        if wrong.any():
            return text.format(int(wrong.sum()), n)
    ratio = first_order_ratio(per_image)
    if np.isnan(ratio) or FIRST_ORDER_RATIO[0] <= ratio <= FIRST_ORDER_RATIO[1]:
        return None
    return f"smallest norms are {ratio:.3g} times the first-order distance: masked gradients?"


def first_order_ratio(per_image: Mapping[str, np.ndarray]) -> float:
    """Median over images of found norm ÷ first-order distance; NaN where no perturbation was found."""
    success = per_image["success"]
    ratios = per_image["norm"][success] / per_image["first_order_distance"][success]
    return float(np.median(ratios)) if len(ratios) else float("nan")
