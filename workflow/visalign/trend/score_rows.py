"""Which rows of the score table a panel of accuracy against alignment shows."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pandas as pd

from visalign.errors import InputError
from visalign.io.scores import ScoreRow, rows_in
from visalign.measures import HEADLINES
from visalign.measures.measure import SWITCHED_OFF, Headline, Void


def number(value: float | None) -> float | None:
    """Return a float, or None for what JSON cannot hold."""
    return float(value) if value is not None and np.isfinite(value) else None


def select(scores: pd.DataFrame, benchmark: str, metric: str, convention: str) -> dict[str, ScoreRow]:
    """Return model -> score row of one benchmark, metric and convention.

    A model without such a row may have one that says why: of the dataset instead of its region and window
    (the model failed before they were read), without a convention, or of another metric. That row then
    stands in, without a value.
    """
    here = scores[[f"{benchmark}/".startswith(f"{name}/") for name in scores["benchmark"]]]
    of_metric = here[here["metric"] == metric]
    exact = of_metric[(of_metric["convention"] == convention) & (of_metric["benchmark"] == benchmark)]
    twice = exact["model"][exact["model"].duplicated()]
    if len(twice):
        where = f"{benchmark} {metric} {convention}"
        raise InputError(f"score table: model {twice.iloc[0]!r} has two rows of {where}")
    elsewhere = of_metric[of_metric["status"] == "ok"].assign(status=f"no {convention} value")
    failed = here[here["status"] != "ok"]
    reasons = pd.concat([elsewhere, failed, failed[failed["metric"] == metric]]).assign(value=np.nan)
    return {row["model"]: row for part in (reasons, exact) for row in rows_in(part)}


def missing(row: ScoreRow | None, void: Void | None = None) -> str:
    """Return why a score row has no value that can be compared, or '' when it has one.

    A status may say more than ok of a value, even that it is `void`.
    """
    if row is None:
        return "no row in the score table"
    if number(row["value"]) is None:
        return "no finite value" if row["status"] == "ok" else row["status"]
    return f"{void.reason}: {row['status']}" if void and void.word in row["status"] else ""


def in_order(benchmark: str) -> list[str | int]:
    """Return a sorting key by which numbers count as such: the window 51-90 comes before 131-170."""
    return [int(part) if part.isdigit() else part for part in re.split(r"(\d+)", benchmark)]


def benchmarks(scores: pd.DataFrame, headline: Headline) -> list[str]:
    """Return the benchmarks that have a headline's metric, sorted; none of a measure that is not in a study.

    It is not where the table has no row of it, values of other metrics only, or says that its stage is off. A
    benchmark above another (``neural/DATASET`` of a model that failed before regions and windows were read,
    above ``neural/DATASET/IT/70-170/whole_image``) is not one of its own; one with a value always is.
    """
    own = scores["benchmark"].str.split("/").str[0] == headline.stage
    of_stage = scores[own & (scores["status"] != SWITCHED_OFF.format(headline.stage))]
    with_metric = of_stage[of_stage["metric"] == headline.metric]
    if with_metric.empty and of_stage["value"].notna().any():  # other metrics were asked for
        return []
    names = sorted(set((with_metric if len(with_metric) else of_stage)["benchmark"]), key=in_order)
    valued = valued_in(of_stage, headline.metric)
    lower = {*names, *of_stage["benchmark"][of_stage["value"].notna()]}
    own_names = [n for n in names if n in valued or not any(other.startswith(f"{n}/") for other in lower)]
    if headline.without:
        return [n for n in own_names if n in valued and n not in valued_in(of_stage, headline.without)]
    return own_names


def valued_in(scores: pd.DataFrame, metric: str) -> set[str]:
    """Return the benchmarks on which some model has a value of a metric."""
    return set(scores["benchmark"][(scores["metric"] == metric) & scores["value"].notna()])


def of_headlines(scores: pd.DataFrame) -> list[tuple[Headline, str]]:
    """Return each headline with each of its benchmarks, in order.

    Where a headline stands in for another metric, that metric's own has no panel.
    """
    found = [(headline, name) for headline in HEADLINES for name in benchmarks(scores, headline)]
    instead = {(headline.stage, headline.without, name) for headline, name in found if headline.without}
    return [(one, name) for one, name in found if (one.stage, one.metric, name) not in instead]


def scaled(scores: pd.DataFrame, headline: Headline, benchmark: str) -> Headline:
    """Return a headline in the convention of a benchmark, which may be the one that it has otherwise."""
    rows = scores[(scores["benchmark"] == benchmark) & (scores["metric"] == headline.metric)]
    found, other = set(rows["convention"]), headline.otherwise
    if other and headline.convention not in found and other.convention in found:
        return replace(headline, convention=other.convention, label=other.label)
    return headline


def title(headline: Headline, benchmark: str, titles: Mapping[str, str]) -> str:
    """Return the title of the panel of a headline on a benchmark: its own of `titles`, or the headline's."""
    if benchmark in titles:
        return titles[benchmark]
    return headline.title_of(benchmark) if headline.title_of else headline.title
