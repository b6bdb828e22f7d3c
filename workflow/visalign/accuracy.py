"""Stage accuracy: top-1 and top-5 of the recorded logits, or why a head has no such scores."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

import numpy as np
import zarr

from visalign import stimulus_tables, stores
from visalign.stats import wilson
from visalign.tables import inputs_hash, score_row, write_scores

if TYPE_CHECKING:
    import pandas as pd

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
    undefined = stores.attribute(store, "undefined", None)  # of the head, see `label_spaces.provenance`
    common = {
        "model": args.model,
        "benchmark": f"accuracy/{args.dataset}",
        "simulated": False,
        "version": VERSION,
        "inputs_hash": inputs_hash(args.manifest, args.table),
    }
    entries = [{"value": None, "status": undefined}] * 2 if undefined else measure(store, table, args.table)
    rows = [score_row(metric=f"top{k}", **common, **entry) for k, entry in zip((1, 5), entries, strict=True)]
    write_scores(args.output, rows)


def measure(store: zarr.Group, table: pd.DataFrame, where: str) -> list[dict[str, Any]]:
    """Entries of top-1 and top-5."""
    logits = stores.values(store, "logits")
    labels = stimulus_tables.labels(table, logits.shape[1], where)
    entries = []
    for k in (1, 5):
        correct = int(hits(logits, labels, k).sum())
        low, high = wilson(correct, len(labels))
        value = correct / len(labels)
        entries.append(
            {"value": value, "ci_low": low, "ci_high": high, "n": len(labels), "convention": "proportion"}
        )
    return entries
