"""Accuracy of logits: top-1, top-5, and multi-label accuracy, with intervals."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from visalign.io.scores import Score
from visalign.labels import spaces
from visalign.stats.correlations import wilson

MULTI_LABEL = "multi_label_acc"


def hits(logits: np.ndarray, labels: np.ndarray, k: int) -> np.ndarray:
    """Whether the label is among the `k` largest logits.

    Parameters
    ----------
    logits : ndarray, shape (n_images, n_classes)
    labels : ndarray of int, shape (n_images,)

    Returns
    -------
    ndarray of bool, shape (n_images,)
        Ties count against the model, so a constant output hits nothing.
    """
    own = logits[np.arange(len(labels)), labels][:, None]
    return (logits >= own).sum(axis=1) <= k


def multi_hits(logits: np.ndarray, classes: list[list[int]]) -> np.ndarray:
    """Whether the largest logit is one of the classes of each image; ties with others count against it.

    Parameters
    ----------
    logits : ndarray, shape (n_images, n_classes)
    classes : list of list of int, length n_images

    Returns
    -------
    ndarray of bool, shape (n_images,)
    """
    others = logits.copy()
    for row, own in zip(others, classes, strict=True):
        row[own] = -np.inf
    return logits.max(axis=1) > others.max(axis=1)


def mean_of_classes(hit: np.ndarray, labels: np.ndarray) -> tuple[float, float, float]:
    """Mean over classes of their accuracies, with an interval.

    Wilson's at the effective number of images, 1 / Σ w² of their weights w in the mean (Kish, Survey
    Sampling, 1965). Where classes have equally many images it is that of a proportion; since classes are
    fixed and differ in difficulty, it is rather too wide.

    Parameters
    ----------
    hit : ndarray of bool, shape (n_images,)
    labels : ndarray of int, shape (n_images,)
        Class of each image.

    Returns
    -------
    (value, low, high) : tuple of float
    """
    _, inverse, counts = np.unique(labels, return_inverse=True, return_counts=True)
    weights = 1 / (len(counts) * counts[inverse])
    value, effective = float(weights @ hit), float(1 / (weights @ weights))
    return (value, *wilson(value * effective, effective))


def misfit(outputs: int, label_space: str) -> str | None:
    """Why logits are not those of a label space, or None: they are, or its size is not known."""
    n_classes = spaces.size(label_space)
    if n_classes in (None, outputs):
        return None
    return f"{outputs} logits are not those of the {n_classes} classes of label space {label_space}"


def scores(logits: np.ndarray, labels: np.ndarray, classes: list[list[int]] | None = None) -> list[Score]:
    """Top-1, top-5 and, where all classes of the images are known, multi-label accuracy.

    Parameters
    ----------
    logits : ndarray, shape (n_images, n_classes)
    labels : ndarray of int, shape (n_images,)
    classes : list of list of int, length n_images, optional
        All classes that people found in each image; none where it has no annotation.
    """
    found = []
    for k in (1, 5):
        correct = int(hits(logits, labels, k).sum())
        low, high = wilson(correct, len(labels))
        found.append(
            Score(
                metric=f"top{k}",
                convention="proportion",
                value=correct / len(labels),
                ci_low=low,
                ci_high=high,
                n=len(labels),
                headline=True,
            )
        )
    return found if classes is None else [*found, multi_label(logits, labels, classes)]


def multi_label(logits: np.ndarray, labels: np.ndarray, classes: list[list[int]]) -> Score:
    """Multi-label accuracy; images without annotation are left out and counted."""
    known = np.flatnonzero([bool(own) for own in classes])
    without = Score(metric=MULTI_LABEL, n=len(known), n_excluded=len(classes) - len(known), headline=True)
    if not len(known):
        return replace(without, status="no image has multi-labels")
    hit = multi_hits(logits[known], [classes[index] for index in known])
    value, low, high = mean_of_classes(hit, labels[known])
    return replace(without, convention="proportion", value=value, ci_low=low, ci_high=high)


def undefined(reason: str, annotated: bool) -> list[Score]:
    """Return the same metrics without values, and why; multi-label accuracy where images are annotated."""
    metrics = ["top1", "top5", *([MULTI_LABEL] if annotated else [])]
    return [Score(metric=metric, status=reason, headline=True) for metric in metrics]
