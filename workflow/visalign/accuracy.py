"""Stage accuracy: top-1 and top-5 of the recorded logits."""

from __future__ import annotations

import argparse

import numpy as np

from visalign import stimulus_tables, stores
from visalign.stats import wilson
from visalign.tables import inputs_hash, score_row, write_scores

VERSION = 1
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


def run(args: argparse.Namespace) -> None:
    """Write the accuracy rows of one model on one labelled set."""
    table = stimulus_tables.read(args.table)
    store = stores.open_store(args.features)
    stimulus_tables.check_ids(store, table, args.features)
    logits = stores.values(store, "logits")
    labels = stimulus_tables.labels(table, logits.shape[1], args.table)
    rows = []
    for k in (1, 5):
        correct = int(hits(logits, labels, k).sum())
        low, high = wilson(correct, len(labels))
        rows.append(
            score_row(
                model=args.model,
                benchmark=f"accuracy/{args.dataset}",
                metric=f"top{k}",
                value=correct / len(labels),
                ci_low=low,
                ci_high=high,
                n=len(labels),
                convention="proportion",
                simulated=False,
                version=VERSION,
                inputs_hash=inputs_hash(args.manifest, args.table),
            )
        )
    write_scores(args.output, rows)
