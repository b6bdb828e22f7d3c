"""What the score table says of scores that are missing or leave something out, the same said once."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from typing import TypedDict, TypeVar

import pandas as pd

from visalign.io.scores import is_true
from visalign.trend.answer import StudyTrend

Said = TypeVar("Said", bound=Hashable)


class Failure(TypedDict):
    """Scores that are missing, and models of which the same is said."""

    benchmark: str
    simulated: bool
    reason: str
    metrics: str
    models: list[str]


class LeftOut(TypedDict):
    """Scores that leave units out, and models of which the same is said."""

    benchmark: str
    n: float
    n_excluded: float
    simulated: bool
    metrics: str
    models: list[str]


def failures(scores: pd.DataFrame, trend: StudyTrend) -> list[Failure]:
    """Return what the score table says of scores that are not plainly ok, and why models are in no panel."""
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
    return [
        {
            "benchmark": where,
            "simulated": simulated,
            "reason": reason,
            "metrics": metrics,
            "models": models,
        }
        for (where, simulated, reason), metrics, models in together(rows)
    ]


def left_out(scores: pd.DataFrame) -> list[LeftOut]:
    """Return the scores that leave units out (images, neuroids)."""
    some = scores[(scores["n_excluded"].fillna(0) > 0) & scores["value"].notna()]
    rows = [
        (
            row["model"],
            (row["benchmark"], row["n"], row["n_excluded"], is_true(row["simulated"])),
            row["metric"],
        )
        for row in some.to_dict("records")
    ]
    return [
        {
            "benchmark": benchmark,
            "n": n,
            "n_excluded": n_excluded,
            "simulated": simulated,
            "metrics": metrics,
            "models": models,
        }
        for (benchmark, n, n_excluded, simulated), metrics, models in together(rows)
    ]


def together(rows: Iterable[tuple[str, Said, str]]) -> list[tuple[Said, str, list[str]]]:
    """Join the metrics of which the same is said of a model, then the models of which the same is said.

    Parameters
    ----------
    rows : iterable of (model, what is said, metric)

    Returns
    -------
    list of (what is said, metrics as text, models)
    """
    metrics: dict[tuple[str, Said], dict[str, None]] = {}
    for model, said, metric in rows:
        metrics.setdefault((model, said), {})[metric] = None
    models: dict[tuple[Said, str], list[str]] = {}
    for (model, said), names in metrics.items():
        models.setdefault((said, ", ".join(names)), []).append(model)
    return [(said, text, names) for (said, text), names in models.items()]
