"""The measures of accuracy against alignment: by which metric and convention each enters, and its rows."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from visalign.errors import InputError
from visalign.measures import wording


@dataclass(frozen=True)
class Headline:
    """The one metric and convention by which a measure enters the accuracy-versus-alignment figure."""

    measure: str
    stage: str
    title: str
    metric: str
    convention: str
    label: str


CORRECTED = "(ρ − floor) / (A − F / A)"
#: The measures of the combined figure, in panel order.
HEADLINES = (
    Headline("neural", "neural", "Neural predictivity", "pls", "r2/c", "explained variance r²/c"),
    Headline("clickme", "clickme", "ClickMe alignment", "spearman", "floor_corrected", CORRECTED),
    Headline(
        *("adversarial_alignment", "attacks", "Adversarial alignment"),
        *("adversarial_alignment", "floor_corrected", CORRECTED),
    ),
    Headline(
        *("perturbation_tolerance", "attacks", "Perturbation tolerance"),
        *("perturbation_tolerance", "rms/image_effects"),
        "RMS of the smallest perturbation, image effects removed",
    ),
)
MEASURES = tuple(headline.measure for headline in HEADLINES)
#: Metrics of the x axis, and what each is called.
ACCURACIES = {"top1": "top-1 accuracy", "top5": "top-5 accuracy", "multi_label_acc": "multi-label accuracy"}


def select(scores: pd.DataFrame, benchmark: str, metric: str, convention: str) -> dict[str, dict[str, Any]]:
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
    return {str(row["model"]): dict(row) for part in (reasons, exact) for _, row in part.iterrows()}


def missing(row: dict[str, Any] | None) -> str:
    """Return why a score row has no value that can be compared, or '' when it has one.

    A status may say more than ok of a value. A tolerance of which some norms are censored is none: they
    stand in it at norms that were tried and failed, however large those happen to be.
    """
    if row is None:
        return "no row in the score table"
    if not np.isfinite(row["value"]):
        return "no finite value" if row["status"] == "ok" else str(row["status"])
    censored = row["metric"] == "perturbation_tolerance" and "censored" in str(row["status"])
    return f"a mean of norms that are not known: {row['status']}" if censored else ""


def in_order(benchmark: str) -> list[str | int]:
    """Return a sorting key by which numbers count as such: the window 51-90 comes before 131-170."""
    return [int(part) if part.isdigit() else part for part in re.split(r"(\d+)", benchmark)]


def benchmarks(scores: pd.DataFrame, headline: Headline) -> list[str]:
    """Return the benchmarks that have a headline's metric, sorted; [''] where there is none.

    A benchmark above another (``neural/DATASET`` of a model that failed before regions and windows were
    read, above ``neural/DATASET/IT/70-170/whole_image``) is not one of its own.
    """
    of_stage = scores[scores["benchmark"].str.split("/").str[0] == headline.stage]
    with_metric = of_stage[of_stage["metric"] == headline.metric]
    names = sorted(set((with_metric if len(with_metric) else of_stage)["benchmark"]), key=in_order)
    return [n for n in names if not any(other.startswith(f"{n}/") for other in names)] or [""]


def scaled(scores: pd.DataFrame, headline: Headline, benchmark: str) -> Headline:
    """Return a headline in the convention of a benchmark: r where no score is divided by a reliability."""
    rows = scores[(scores["benchmark"] == benchmark) & (scores["metric"] == headline.metric)]
    found = set(rows["convention"])
    if headline.stage == "neural" and headline.convention not in found and "r" in found:
        return replace(headline, convention="r", label="Pearson r (reliability not known)")
    return headline


def title(headline: Headline, benchmark: str) -> str:
    """Return the title of a panel: of neurons, the predictivity of the regions that were recorded."""
    if headline.stage != "neural":
        return headline.title
    return wording.of_regions("".join(benchmark.split("/")[2:3]).split("+"))
