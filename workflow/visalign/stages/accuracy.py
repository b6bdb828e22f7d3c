"""Stage accuracy: top-1, top-5 and multi-label accuracy of the recorded logits, or why there is none."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

import numpy as np

from visalign.io import stores
from visalign.io.files import inputs_hash
from visalign.io.scores import score_row, write_scores
from visalign.labels import spaces
from visalign.stats.correlations import wilson
from visalign.stimuli import tables

if TYPE_CHECKING:
    import pandas as pd

VERSIONS = {"accuracy": 2}
EXAMPLES = """\
  python -m visalign accuracy --model lite0 --dataset photographs --features features.zarr \\
      --manifest features.json --table photographs.csv --output accuracy.csv
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of ``python -m visalign accuracy``."""
    parser.add_argument("--model", required=True, help="name of the model")
    parser.add_argument("--dataset", required=True, help="name of the stimulus set")
    parser.add_argument("--features", required=True, help="feature store (.zarr)")
    parser.add_argument("--manifest", required=True, help="its manifest (.json)")
    parser.add_argument("--table", required=True, help="table of the stimulus set, with labels")
    parser.add_argument("--label-space", default="imagenet-1k", help="what its labels mean")
    parser.add_argument("--output", required=True, help="score rows to write (CSV)")


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


def run(args: argparse.Namespace) -> None:
    """Write the accuracy rows of one model on one labelled set."""
    table = tables.read(args.table)
    store = stores.open_store(args.features)
    tables.check_ids(store, table, args.features)
    logits = stores.values(store, "logits")
    # Of the head, see `labels.spaces.provenance`; those of a larger one are those of the label space only.
    undefined = stores.attribute(store, "undefined", None) or misfit(logits.shape[1], args.label_space)
    common = {
        "model": args.model,
        "benchmark": f"accuracy/{args.dataset}",
        "simulated": False,
        "version": VERSIONS["accuracy"],
        "inputs_hash": inputs_hash(args.manifest, args.table),
    }
    if undefined:
        metrics = ["top1", "top5", *(["multi_label_acc"] if "multi_labels" in table else [])]
        entries = [{"metric": metric, "value": None, "status": undefined} for metric in metrics]
    else:
        entries = measure(logits, table, args.table)
    write_scores(args.output, [score_row(**common, **entry) for entry in entries])


def misfit(outputs: int, label_space: str) -> str | None:
    """Why logits are not those of a label space, or None: they are, or its size is not known."""
    n_classes = spaces.size(label_space)
    if n_classes in (None, outputs):
        return None
    return f"{outputs} logits are not those of the {n_classes} classes of label space {label_space}"


def measure(logits: np.ndarray, table: pd.DataFrame, where: str) -> list[dict[str, Any]]:
    """Entries of top-1, top-5 and, where the table has all classes of its images, multi-label accuracy."""
    labels = tables.labels(table, logits.shape[1], where)
    entries = []
    for k in (1, 5):
        correct = int(hits(logits, labels, k).sum())
        low, high = wilson(correct, len(labels))
        entry = {"metric": f"top{k}", "value": correct / len(labels), "ci_low": low, "ci_high": high}
        entries.append(entry | {"n": len(labels), "convention": "proportion"})
    classes = tables.all_labels(table, logits.shape[1], where)
    if classes is not None:
        entries.append({"metric": "multi_label_acc"} | multi_label(logits, labels, classes))
    return entries


def multi_label(logits: np.ndarray, labels: np.ndarray, classes: list[list[int]]) -> dict[str, Any]:
    """Entry of multi-label accuracy; images without annotation are left out and counted."""
    known = np.flatnonzero([bool(own) for own in classes])
    left_out = {"n": len(known), "n_excluded": len(classes) - len(known)}
    if not len(known):
        return left_out | {"value": None, "status": "no image has multi-labels"}
    hit = multi_hits(logits[known], [classes[index] for index in known])
    value, low, high = mean_of_classes(hit, labels[known])
    return left_out | {"value": value, "ci_low": low, "ci_high": high, "convention": "proportion"}
