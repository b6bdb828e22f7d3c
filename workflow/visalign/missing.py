"""Neural predictivity where recordings lack some stimuli for some neuroids."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from visalign.stats import pearson

#: (K, Y, train, test) to predictions (n_test, m), such as `gram_pls.predict`.
Predict = Callable[[np.ndarray, np.ndarray, np.ndarray, np.ndarray], np.ndarray]


def mask_groups(Y: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
    """Neuroids grouped by the stimuli they have.

    Parameters
    ----------
    Y : ndarray, shape (n, m)
        Responses, NaN where missing.

    Returns
    -------
    list of (neuroids, stimuli)
        Index arrays: each neuroid is in one group, and has exactly the stimuli of its group.
    """
    masks, group = np.unique(~np.isnan(Y), axis=1, return_inverse=True)
    return [(np.flatnonzero(group == g), np.flatnonzero(mask)) for g, mask in enumerate(masks.T)]


def predict_with_missing(
    predict: Predict, K: np.ndarray, Y: np.ndarray, train: np.ndarray, test: np.ndarray
) -> tuple[np.ndarray, int]:
    """Predict responses to test stimuli, each neuroid fitted on the training stimuli it has.

    Neuroids that have the same training stimuli are fitted together. Regressions that treat neuroids
    one by one (ridge) are as if fitted alone; PLS2 components depend on all neuroids of a fit, so there
    the grouping matters and differs from a joint fit.

    Parameters
    ----------
    predict : callable
        Fits and predicts without missing responses, as ``gram_pls.predict(K, Y, train, test)``.
    K : ndarray, shape (n, n)
        Gram matrix of all stimuli.
    Y : ndarray, shape (n, m)
        Responses, NaN where missing.
    train, test : ndarray of int
        Indices of stimuli.

    Returns
    -------
    predicted : ndarray, shape (n_test, m)
        For all test stimuli, also those a neuroid lacks; NaN for neuroids with fewer than two training
        stimuli.
    groups : int
        Number of groups of neuroids.
    """
    missing = np.isnan(Y)
    if not missing.any():
        return predict(K, Y, train, test), 1
    filled = np.where(missing, 0, Y)  # read by no fit
    predicted = np.full((len(test), Y.shape[1]), np.nan)
    groups = mask_groups(Y[train])
    for neuroids, stimuli in groups:
        if len(stimuli) >= 2:
            predicted[:, neuroids] = predict(K, filled[:, neuroids], train[stimuli], test)
    return predicted, len(groups)


def pearson_present(predicted: np.ndarray, Y: np.ndarray) -> np.ndarray:
    """Pearson correlation of each neuroid over the stimuli where both arguments are present.

    Parameters
    ----------
    predicted, Y : ndarray, shape (n_test, m)
        NaN where missing.

    Returns
    -------
    ndarray, shape (m,)
        NaN where fewer than two stimuli are present, or one side is constant.
    """
    present = ~(np.isnan(predicted) | np.isnan(Y))
    count = np.maximum(present.sum(axis=0), 1)

    def centred(values: np.ndarray) -> np.ndarray:
        """Deviations from the mean of those present, 0 where missing: those add nothing to r."""
        return np.where(present, values - values.sum(axis=0, where=present) / count, 0)

    return pearson(centred(predicted), centred(Y))
