"""Stage accuracy: top-1, top-5 and multi-label accuracy of the recorded logits, or why there is none."""

from __future__ import annotations

import argparse

from visalign.io import stores
from visalign.io.files import inputs_hash
from visalign.io.scores import Source, rows_of, write_scores
from visalign.labels import accuracy
from visalign.stimuli import tables
from visalign.study.options import add_settings
from visalign.study.schemas import definition

VERSIONS = {"accuracy": 2}
EXAMPLES = """\
  python -m visalign accuracy --model lite0 --dataset photographs --features features.zarr \\
      --features-manifest features.json --table photographs.csv --label-space imagenet-1k \\
      --output accuracy.csv
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of ``python -m visalign accuracy``."""
    parser.add_argument("--model", required=True, help="name of the model")
    parser.add_argument("--dataset", required=True, help="name of the stimulus set")
    parser.add_argument("--features", required=True, help="feature store (.zarr)")
    parser.add_argument("--features-manifest", required=True, help="its manifest (.json)")
    parser.add_argument("--table", required=True, help="table of the stimulus set, with labels")
    add_settings(parser, definition("stimuli"), "accuracy")
    parser.add_argument("--output", required=True, help="score rows to write (CSV)")


def run(args: argparse.Namespace) -> None:
    """Write the accuracy rows of one model on one labelled set."""
    table = tables.read(args.table)
    store = stores.open_store(args.features)
    tables.check_ids(store, table, args.features)
    logits = stores.values(store, "logits")
    n_classes = logits.shape[1]
    # Of the head, see `labels.spaces.provenance`; those of a larger one are those of the label space only.
    reason = stores.attribute(store, "undefined", None) or accuracy.misfit(n_classes, args.label_space)
    if reason:
        scores = accuracy.undefined(reason, "multi_labels" in table)
    else:
        labels = tables.labels(table, n_classes, args.table)
        scores = accuracy.scores(logits, labels, tables.all_labels(table, n_classes, args.table))
    source = Source(
        model=args.model,
        benchmark=f"accuracy/{args.dataset}",
        version=VERSIONS["accuracy"],
        inputs_hash=inputs_hash(args.features_manifest, args.table),
    )
    write_scores(args.output, rows_of(scores, source))
