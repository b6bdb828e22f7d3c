"""What the score table says of scores that are missing or leave something out, the same said once."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pandas as pd

from visalign.report.study_page import is_true


def failures(scores: pd.DataFrame, trend: dict[str, Any]) -> list[dict[str, Any]]:
    """Return what the score table says of scores that are not plainly ok, and why models are in no panel.

    Returns
    -------
    list of dict
        benchmark, metrics, reason, simulated, models: a row for all models of which the same is said.
    """
    failed = scores[scores["status"] != "ok"]
    columns = ["model", "benchmark", "simulated", "status", "metric"]
    entries = list(failed[columns].drop_duplicates().itertuples(index=False, name=None))
    known = set(zip(failed["model"], failed["status"], strict=True))
    for panel in trend["panels"]:
        where = panel["benchmark"] or panel["title"]
        entries += [
            (entry["model"], where, panel["simulated"], entry["reason"], panel["metric"])
            for entry in panel["excluded"]
            if not any(model == entry["model"] and status in entry["reason"] for model, status in known)
        ]
    rows = [
        (model, (where, is_true(simulated), reason), metric)
        for model, where, simulated, reason, metric in entries
    ]
    return together(rows, ("benchmark", "simulated", "reason"))


def left_out(scores: pd.DataFrame) -> list[dict[str, Any]]:
    """Return the scores that leave units out (images, neuroids).

    Returns
    -------
    list of dict
        benchmark, metrics, n, n_excluded, simulated, models: a row for all models of which the same is said.
    """
    some = scores[(scores["n_excluded"].fillna(0) > 0) & scores["value"].notna()]
    fields = ("benchmark", "n", "n_excluded", "simulated")
    rows = [
        (
            row["model"],
            (row["benchmark"], row["n"], row["n_excluded"], is_true(row["simulated"])),
            row["metric"],
        )
        for row in some.to_dict("records")
    ]
    return together(rows, fields)


def together(
    rows: Iterable[tuple[str, tuple[Any, ...], str]], fields: tuple[str, ...]
) -> list[dict[str, Any]]:
    """Join the metrics of which the same is said of a model, then the models of which the same is said.

    Parameters
    ----------
    rows : iterable of (model, what is said, metric)
    fields : tuple of str
        Names of what is said.

    Returns
    -------
    list of dict
        fields; metrics: text; models: list of str.
    """
    metrics: dict[tuple[Any, ...], dict[str, None]] = {}
    for model, said, metric in rows:
        metrics.setdefault((model, *said), {})[metric] = None
    models: dict[tuple[Any, ...], list[str]] = {}
    for (model, *same), names in metrics.items():
        models.setdefault((*same, ", ".join(names)), []).append(model)
    keys = (*fields, "metrics")
    return [dict(zip(keys, said, strict=True)) | {"models": names} for said, names in models.items()]
