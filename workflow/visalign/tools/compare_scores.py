"""Tool compare-scores: what changed between two score tables.

For the effect of an option that trades exactness for speed, such as ``features.autocast``, of an
update, or of another machine.
"""

from __future__ import annotations

import argparse
import json

import numpy as np
import pandas as pd

from visalign.errors import InputError
from visalign.io.scores import read_scores
from visalign.stats.correlations import spearman

EXAMPLES = """\
  python -m visalign compare-scores before.csv results/scores.csv
  python -m visalign compare-scores before.csv results/scores.csv --json
"""
KEY = ["model", "benchmark", "metric", "convention", "layer"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of ``python -m visalign compare-scores``."""
    parser.add_argument("before", help="score table (CSV)")
    parser.add_argument("after", help="score table (CSV)")
    parser.add_argument("--json", action="store_true", help="print JSON")


def compare(before: pd.DataFrame, after: pd.DataFrame) -> pd.DataFrame:
    """Compare score tables, a row for each benchmark, metric and convention.

    Returns
    -------
    DataFrame
        ``n`` values in both; ``n_only_before`` and ``n_only_after`` (another selected layer, or a
        value that became undefined); ``largest`` and ``mean`` absolute difference; ``rank`` Spearman
        correlation over the pairs, NaN below three.
    """
    # The selected layer is a finding, not part of what a selected score is.
    curve = before["metric"].str.endswith("_layer"), after["metric"].str.endswith("_layer")
    before, after = (
        table.assign(layer=table["layer"].where(of_layer, "")).dropna(subset="value")
        for table, of_layer in zip((before, after), curve, strict=True)
    )
    merged = before.merge(after, on=KEY, how="outer", suffixes=("_before", "_after"), indicator=True)
    rows = []
    for names, group in merged.groupby(["benchmark", "metric", "convention"], sort=True):
        pairs = group[group["_merge"] == "both"]
        x, y = (pairs[f"value_{side}"].to_numpy(dtype=float) for side in ("before", "after"))
        difference = np.abs(y - x)
        rows.append(
            dict(zip(("benchmark", "metric", "convention"), names, strict=True))
            | {
                "n": len(pairs),
                "n_only_before": int((group["_merge"] == "left_only").sum()),
                "n_only_after": int((group["_merge"] == "right_only").sum()),
                "largest": difference.max() if len(pairs) else np.nan,
                "mean": difference.mean() if len(pairs) else np.nan,
                "rank": float(spearman(x, y)) if len(pairs) > 2 else np.nan,
            }
        )
    return pd.DataFrame(rows)


def run(args: argparse.Namespace) -> None:
    """Print the comparison."""
    before, after = read_scores(args.before), read_scores(args.after)
    if before.empty or after.empty:
        raise InputError(f"{args.before if before.empty else args.after}: no scores")
    table = compare(before, after)
    if args.json:
        print(json.dumps(json.loads(table.to_json(orient="records"))))
    else:
        print(table.to_string(index=False, float_format=lambda value: f"{value:.3g}", na_rep=""))
