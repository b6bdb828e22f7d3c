"""Tool compare-models: differences between models on a recording, with intervals, from bootstrap draws.

Stage neural draws the same stimuli and neuroids for every model, so the difference of two models is taken
draw by draw, and what they share cancels: it is far better known than the intervals of either suggest.
"""

from __future__ import annotations

import argparse
import io
import json
from typing import TypedDict

import numpy as np
import pandas as pd

from visalign.errors import InputError
from visalign.io.tables import write_table
from visalign.stats import bootstrap

EXAMPLES = """\
  python -m visalign compare-models results/neural/lite0/it_simulated_draws.parquet \\
      results/neural/lite0_untrained/it_simulated_draws.parquet
  python -m visalign compare-models results/neural/*/it_simulated_draws.parquet --metric pls --json
  python -m visalign neural --features trained.npy --responses Y.npy --draws trained.parquet
  python -m visalign neural --features untrained.npy --responses Y.npy --draws untrained.parquet
  python -m visalign compare-models trained.parquet untrained.parquet --output differences.csv
"""
COLUMNS = ("metric", "convention", "units", "draw", "value")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of ``python -m visalign compare-models``."""
    parser.add_argument(
        "draws",
        nargs="+",
        metavar="DRAWS",
        help="tables that neural --draws wrote; others are compared with the first",
    )
    parser.add_argument("--metric", help="of this metric only (pls, ridge, cka, rsa)")
    parser.add_argument("--convention", help="in this convention (default: the headline of each metric)")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--output", help="table to write (CSV)")


def run(args: argparse.Namespace) -> None:
    """Print or write how models differ."""
    if len(args.draws) < 2:
        raise InputError(f"{args.draws[0]}: one table of draws; two or more are compared")
    tables = {name_of(path, table): table for path in args.draws for table in [read(path)]}
    if len(tables) < len(args.draws):
        raise InputError(f"{', '.join(args.draws)}: two tables of one model")
    found = differences(tables, args.metric, args.convention)
    if not found:
        raise InputError(
            f"{', '.join(args.draws)}: no benchmark, metric and convention that all of them have"
        )
    if args.output:
        write_table(args.output, pd.DataFrame(found))
    print(
        json.dumps(found)
        if args.json
        else pd.DataFrame(found).to_string(index=False, float_format="{:.4f}".format)
    )


def read(path: str) -> pd.DataFrame:
    """Read a table of draws.

    Raises
    ------
    InputError
        Not a parquet file, or one without a column of COLUMNS.
    """
    with open(path, "rb") as file:
        content = file.read()
    try:
        table = pd.read_parquet(io.BytesIO(content))
    except (OSError, ValueError) as error:  # as pyarrow's are
        raise InputError(f"{path}: not a parquet table: {error}") from None
    for column in COLUMNS:
        if column not in table.columns:
            raise InputError(f"{path}: {column}: no such column; expected a table of neural --draws")
    return table


def name_of(path: str, table: pd.DataFrame) -> str:
    """Model of a table of draws; of arrays, which name none, the path."""
    return str(table["model"].iloc[0]) if "model" in table.columns and len(table) else path


class Difference(TypedDict):
    """How a model differs from the first one by one score."""

    benchmark: str
    metric: str
    convention: str
    model: str
    value: float
    difference: float
    ci_low: float  # 95 % interval of the difference
    ci_high: float
    above: float  # share of draws in which it is above the first model
    best: float  # share of draws in which it is the best of all


def differences(
    tables: dict[str, pd.DataFrame], metric: str | None = None, convention: str | None = None
) -> list[Difference]:
    """Score of each model, its difference from the first, and how often it is the best.

    Parameters
    ----------
    tables : dict
        Model -> table of draws; draw 0 is the recording itself.

    Returns
    -------
    list of dict
        For each benchmark and metric that all have, one per model.

    Raises
    ------
    InputError
        Tables of different draws: other stimuli, neuroids or seeds.
    """
    keyed = {model: by_score(table, metric, convention) for model, table in tables.items()}
    first, *_ = keyed
    rows: list[Difference] = []
    for key, reference in keyed[first].items():
        if not all(key in scores for scores in keyed.values()):
            continue
        units, values = reference
        benchmark, name, scale = key
        sample = {model: scores[key][1] for model, scores in keyed.items()}
        for model, scores in keyed.items():
            if scores[key][0] != units or len(sample[model]) != len(values):
                raise InputError(
                    f"{model}: {' '.join(key)}: other draws than those of {first}: run neural alike"
                )
        every = np.array(list(sample.values()))
        with np.errstate(invalid="ignore"):
            best = (every[:, 1:] == np.nanmax(every[:, 1:], axis=0)).mean(axis=1)
        for (model, own), share in zip(sample.items(), best, strict=True):
            change = own - values
            low, high = bootstrap.expanded_interval(change[1:], units)
            rows.append(
                {
                    "benchmark": benchmark,
                    "metric": name,
                    "convention": scale,
                    "model": model,
                    "value": own[0],
                    "difference": change[0],
                    "ci_low": low,
                    "ci_high": high,
                    "above": float((change[1:] > 0).mean()),
                    "best": float(share),
                }
            )
    return rows


def by_score(
    table: pd.DataFrame, metric: str | None, convention: str | None
) -> dict[tuple[str, str, str], tuple[int, np.ndarray]]:
    """(benchmark, metric, convention) -> independent units, and draws, that of the recording itself first."""
    chosen = table.assign(benchmark=table["benchmark"] if "benchmark" in table.columns else "")
    found: dict[tuple[str, str, str], tuple[int, np.ndarray]] = {}
    seen: set[tuple[str, str]] = set()
    for (benchmark, name, scale), part in chosen.groupby(["benchmark", "metric", "convention"], sort=False):
        headline = (str(benchmark), str(name)) not in seen
        seen.add((str(benchmark), str(name)))
        if (metric in (None, name)) and (scale == convention if convention else headline):
            ordered = part.sort_values("draw")
            found[str(benchmark), str(name), str(scale)] = (
                int(ordered["units"].iloc[0]),
                ordered["value"].to_numpy(dtype=float),
            )
    return found
