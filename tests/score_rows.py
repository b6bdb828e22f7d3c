"""Rows of score tables, as stages write them."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import Any

from visalign.io.scores import Score, Source, rows_of, write_scores

SOURCE = {field.name for field in fields(Source)}


def score_row(**values: Any) -> dict[str, Any]:
    """Return one row with every column; what is not given is empty."""
    source = {"model": "", "benchmark": ""} | {name: values[name] for name in SOURCE & set(values)}
    score = {"metric": ""} | {name: value for name, value in values.items() if name not in SOURCE}
    return rows_of([Score(**score)], Source(**source))[0]


def put(folder: Path, measure: str, model: str, dataset: str, **more: Any) -> None:
    """Write the scores of one job: a top-1 of .5, or what is given."""
    row = {"model": model, "benchmark": f"{measure}/{dataset}", "metric": "top1", "value": 0.5}
    write_scores(folder / f"{measure}/{model}/{dataset}.csv", [score_row(**row | more)])
