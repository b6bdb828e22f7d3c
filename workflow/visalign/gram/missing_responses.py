"""Neural predictivity where recordings lack some stimuli for some neuroids."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from visalign.gram.pls import Fit
from visalign.stats.correlations import pearson
from visalign.stats.cross_validation import Pair

#: (K, Y, train, test) to predictions (n_test, m), such as `gram.ridge.predict`.
Predict = Callable[[np.ndarray, np.ndarray, np.ndarray, np.ndarray], np.ndarray]
#: (Y, pairs) to a fit of each pair.
Fits = Callable[[np.ndarray, list[Pair]], list[Fit]]
#: Times that gaps are filled with what was fitted. With 20 of 208 responses of each neuroid missing, r of
#: PLS2 is .864, .870, .872, .872 after 0, 1, 2, 3; with 60, .836, .857, .862, .864.
ROUNDS = 2


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
) -> np.ndarray:
    """Predict responses to test stimuli, each neuroid fitted on the training stimuli it has.

    For regressions that treat neuroids one by one (ridge): those that have the same training stimuli are
    fitted together, as if alone. PLS2 fits neuroids jointly, see `fit_jointly`.

    Parameters
    ----------
    predict : callable
        Fits and predicts without missing responses, as ``gram_ridge.predict(K, Y, train, test, ...)``.
    K : ndarray, shape (n, n)
        Gram matrix of all stimuli.
    Y : ndarray, shape (n, m)
        Responses, NaN where missing.
    train, test : ndarray of int
        Indices of stimuli.

    Returns
    -------
    ndarray, shape (n_test, m)
        For all test stimuli, also those a neuroid lacks; NaN for neuroids with fewer than two training
        stimuli.
    """
    missing = np.isnan(Y)
    if not missing.any():
        return predict(K, Y, train, test)
    filled = np.where(missing, 0, Y)  # read by no fit
    predicted = np.full((len(test), Y.shape[1]), np.nan)
    for neuroids, stimuli in mask_groups(Y[train]):
        if len(stimuli) >= 2:
            predicted[:, neuroids] = predict(K, filled[:, neuroids], train[stimuli], test)
    return predicted


def fit_jointly(fits: Fits, Y: np.ndarray, pair: Pair) -> Fit:
    """Fit all neuroids together, as PLS2 does, gaps of the training responses filled from the others.

    A gap holds the mean of its neuroid over the training stimuli, then, in `ROUNDS` rounds, what a fit to the
    training responses so filled predicts for it.

    Parameters
    ----------
    fits : callable
        Fits each pair without missing responses, as ``gram_pls.fit_splits(K, Y, pairs)`` given K.
    Y : ndarray, shape (n, m)
        Responses, NaN where missing.
    pair : (train, test)
        Indices of stimuli.

    Returns
    -------
    Fit
        Predictions are NaN for neuroids with fewer than two training responses, which enter no fit.
    """
    train, _ = pair
    enough = (~np.isnan(Y[train])).sum(axis=0) >= 2
    own = Y[:, enough] if enough.any() else np.zeros((len(Y), 1))
    gaps = np.isnan(own)
    filled = np.where(gaps, np.nanmean(own[train], axis=0), own)
    for _ in range(ROUNDS if gaps[train].any() else 0):
        [fit] = fits(filled, [(train, np.arange(len(Y)))])
        filled = np.where(gaps, fit.predicted, own)
    [fit] = fits(filled, [pair])
    if enough.all():
        return fit
    loadings, mean = np.zeros((len(fit.loadings), Y.shape[1])), np.full(Y.shape[1], np.nan)
    if enough.any():
        loadings[:, enough], mean[enough] = fit.loadings, fit.mean
    return Fit(fit.scores, loadings, mean)


def filled(Y: np.ndarray, train: np.ndarray) -> int:
    """Missing training responses that `fit_jointly` fills."""
    gaps = np.isnan(Y[train]).sum(axis=0)
    return int(gaps[len(train) - gaps >= 2].sum())


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
    return pearson(predicted, Y, where=~(np.isnan(predicted) | np.isnan(Y)))
