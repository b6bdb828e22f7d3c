"""Sizes of perturbations that compare across models: without image effects, or on images that all share.

Every model is attacked on the images that it names correctly, and models that name more of them get harder
ones. An additive model of the logarithms, log size ~ model + image, fitted by least squares to all pairs with
a perturbation, tells what of an image's size is the image's (two-way classification with empty cells, Yates
1934, doi:10.1080/01621459.1934.10502686).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

#: Conjugate gradients stop at this relative residual, or after so many steps; a table without gaps takes one.
TOLERANCE, STEPS = 1e-10, 200
#: Bootstrap draws that are fitted together: memory is that of a few (draws × images) arrays.
DRAWS_TOGETHER = 250


@dataclass(frozen=True)
class Sizes:
    """Sizes of smallest perturbations of models on images.

    Attributes
    ----------
    log : ndarray, shape (n_models, n_images)
        Logarithms; NaN where there is no perturbation.
    censored : ndarray of bool, shape (n_models, n_images)
        Where a perturbation was searched and not found: it is larger than any.
    """

    log: np.ndarray
    censored: np.ndarray

    @property
    def found(self) -> np.ndarray:
        """Where a perturbation was found."""
        return np.isfinite(self.log)

    @property
    def attacked(self) -> np.ndarray:
        """Where a perturbation was searched."""
        return self.found | self.censored

    def of(self, models: np.ndarray, images: np.ndarray) -> Sizes:
        """Return the sizes of some models on some images (indices or masks)."""
        return Sizes(self.log[models][:, images], self.censored[models][:, images])


def connected(found: np.ndarray) -> np.ndarray:
    """Models that can be compared: the largest set that shared images link, directly or by way of others.

    Parameters
    ----------
    found : ndarray of bool, shape (n_models, n_images)

    Returns
    -------
    ndarray of bool, shape (n_models,)
        None where no two models share an image.
    """
    from scipy.sparse.csgraph import connected_components

    counts = found.astype(np.float32)
    component = connected_components(counts @ counts.T > 0, directed=False)[1]
    sizes = np.bincount(component)
    return (component == sizes.argmax()) & (sizes.max() > 1)


def fit(log: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Image effects of the additive model by least squares, one fit per row of weights.

    The effects of images are eliminated: given those of models, an image's is the mean of what they leave of
    its sizes, whatever its weight. What remains is solved by conjugate gradients, preconditioned by counts.

    Parameters
    ----------
    log : ndarray, shape (n_models, n_images)
        NaN where there is none.
    weights : ndarray, shape (n_fits, n_images)
        How often each image counts.

    Returns
    -------
    ndarray, shape (n_fits, n_images)
        Their weighted mean is 0, so that what is left of a size is that of an average image.
    """
    found = np.isfinite(log).astype(float)
    sizes = np.nan_to_num(log)
    count = np.maximum(found.sum(axis=0), 1)
    rows = weights @ found.T
    inverse = 1 / np.maximum(rows, 1e-300)

    def normal(models: np.ndarray) -> np.ndarray:
        return rows * models - ((models @ found) / count * weights) @ found.T

    residual = weights @ sizes.T - (weights * (sizes.sum(axis=0) / count)) @ found.T
    models = np.zeros_like(residual)
    scaled = inverse * residual
    direction, power = scaled, (residual * scaled).sum(axis=1)
    enough = TOLERANCE**2 * power
    for _ in range(STEPS):
        if (power <= enough).all():
            break
        image = normal(direction)
        curvature = (direction * image).sum(axis=1)
        step = np.where(power > enough, power / np.where(curvature > 0, curvature, np.inf), 0)[:, None]
        models, residual = models + step * direction, residual - step * image
        scaled = inverse * residual
        before, power = power, (residual * scaled).sum(axis=1)
        direction = scaled + (power / np.where(before > 0, before, np.inf))[:, None] * direction
    effects = (sizes.sum(axis=0) - models @ found) / count
    return effects - (weights * effects).sum(axis=1, keepdims=True) / weights.sum(axis=1, keepdims=True)


def medians(values: np.ndarray) -> np.ndarray:
    """Medians of rows (n, m) over the values that are not NaN, of which +inf is larger than all.

    Returns
    -------
    ndarray, shape (n,)
        +inf where it depends on one; NaN where there is no value.
    """
    if not values.shape[1]:
        return np.full(len(values), np.nan)
    ordered = np.sort(values, axis=1)  # NaN comes last
    n = (~np.isnan(ordered)).sum(axis=1)
    low, high = (ordered[np.arange(len(values)), np.maximum(at, 0)] for at in ((n - 1) // 2, n // 2))
    return np.where(np.isinf(high), high, (low + high) / 2)


def summaries(sizes: Sizes, effects: np.ndarray, images: np.ndarray) -> np.ndarray:
    """Log tolerances from images (indices, as often as they count), by image effects and on common images.

    Returns
    -------
    ndarray, shape (2, n_models)
        Medians of log sizes less image effects, and of log sizes on images where all models were attacked.
        +inf where at least half are censored, NaN where there is no image.
    """
    plain = np.where(sizes.censored, np.inf, sizes.log)[:, images]
    common = ~np.isnan(plain).any(axis=0)
    return np.array([medians(plain - effects[images]), medians(plain[:, common])])


def tolerances(sizes: Sizes) -> np.ndarray:
    """Log tolerances of all models, shape (2, n_models): see `summaries`."""
    n = sizes.log.shape[1]
    return summaries(sizes, fit(sizes.log, np.ones((1, n)))[0], np.arange(n))


def draws(sizes: Sizes, seed: int, n: int) -> np.ndarray:
    """Bootstrap draws of `tolerances`, shape (2, n, n_models).

    Images are drawn, the same for all models, and their effects fitted anew in each draw.
    """
    n_models, n_images = sizes.log.shape
    rng, result = np.random.default_rng(seed), np.full((2, n, n_models), np.nan)
    for first in range(0, n if n_images else 0, DRAWS_TOGETHER):
        chosen = rng.integers(n_images, size=(min(DRAWS_TOGETHER, n - first), n_images))
        weights = np.array([np.bincount(row, minlength=n_images) for row in chosen], dtype=float)
        for index, (row, effects) in enumerate(zip(chosen, fit(sizes.log, weights), strict=True), first):
            result[:, index] = summaries(sizes, effects, row)
    return result
