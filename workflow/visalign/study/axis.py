"""The x axis of a study: an accuracy that it measures or others did, another score, or none."""

from __future__ import annotations

from typing import TypedDict

from visalign.measures import BY_NAME
from visalign.measures.added_scores import PUBLISHED
from visalign.study.config import Published
from visalign.study.scope import Sheets, not_measured

#: What `trend.axis` calls the published accuracies.
WORD = PUBLISHED.split("/")[1]


class Axis(TypedDict):
    """The x axis, as options of the stage trend."""

    accuracy: str | None  # benchmark, of an accuracy
    metric: str  # of it
    axis: str | None  # another score


def accuracies(study: Sheets) -> list[str]:
    """Benchmarks of the accuracies that a study measures, then of those that it has from others."""
    own = [] if "accuracy" in not_measured(study) else study.datasets(BY_NAME["accuracy"])
    added = (name for table in study.added for name in table.benchmarks())
    found = [*(f"accuracy/{name}" for name in own), *(one for one in added if one.startswith("accuracy/"))]
    return list(dict.fromkeys(found))


def published(study: Sheets) -> Published | None:
    """The table of published accuracies where these are the x axis, else None."""
    settings, table = study.config["trend"], study.config["models"].get("published")
    asked = settings["axis"] == WORD
    unasked = settings["axis"] is None and settings["accuracy"] is None and not accuracies(study)
    return table if study.models and (asked or unasked) else None


def of_study(study: Sheets) -> Axis:
    """The x axis of a study; where neither an accuracy nor another score is one, there is none."""
    settings = study.config["trend"]
    if published(study):
        return {"accuracy": PUBLISHED, "metric": "top1", "axis": None}
    if settings["axis"]:
        return {"accuracy": None, "metric": settings["metric"], "axis": settings["axis"]}
    first = settings["accuracy"] or next(iter(accuracies(study)), None)
    return {"accuracy": first, "metric": settings["metric"], "axis": None}


def told(study: Sheets) -> str:
    """Say what the x axis of a study is."""
    if table := published(study):
        return f"published accuracies of {table['table']}"
    x = of_study(study)
    score = x["axis"] or (f"{x['accuracy']} {x['metric']}" if x["accuracy"] else "")
    return score or "none: scores by model, without a trend"


def faults(study: Sheets, where: str) -> list[str]:
    """What is wrong with the x axis that a config asks for, a line each."""
    settings, there = study.config["trend"], accuracies(study)
    accuracy, axis = settings["accuracy"], settings["axis"]
    own = study.config["accuracy"]["stimuli"] or ()
    if accuracy and axis:
        return [f"{where}: trend.axis: {axis!r}, but trend.accuracy: {accuracy!r}: give one of them"]
    if accuracy and accuracy not in (*there, *(f"accuracy/{name}" for name in own)):
        added = "" if not study.added else " and of no table of scores"
        return [
            f"{where}: trend.accuracy: {accuracy!r} is none of accuracy.stimuli ({', '.join(own)}){added}"
        ]
    if (asks := published(study)) and WORD in own:
        return [f"{where}: trend.axis: {PUBLISHED} is an accuracy of the study and of {asks['table']} too"]
    if axis == WORD and not published(study):
        lacking = "models.published is not given" if study.models else "there are no models"
        return [f"{where}: trend.axis: {WORD!r}, but {lacking}"]
    measured = set(own) and "accuracy" not in not_measured(study)
    if not accuracy and not axis and not measured and len(there) > 1:
        return [f"{where}: trend.accuracy: null, expected one of {', '.join(there)}"]
    return [] if axis in (None, WORD) else faults_of_score(study, axis, where)


def faults_of_score(study: Sheets, axis: str, where: str) -> list[str]:
    """What is wrong with another score as x axis, BENCHMARK/METRIC or BENCHMARK/METRIC/CONVENTION."""
    place = f"{where}: trend.axis: {axis!r}"
    name, *rest = axis.split("/")
    if name not in BY_NAME or len(rest) < 2:
        return [f"{place} is not BENCHMARK/METRIC (measures: {', '.join(BY_NAME)}), nor {WORD!r}"]
    missing = not_measured(study).get(name)
    own = [] if missing else list(study.datasets(BY_NAME[name]))
    added = [
        one.split("/")[1] for table in study.added for one in table.benchmarks() if one.startswith(f"{name}/")
    ]
    if rest[0] not in (*own, *added):
        why = f": {missing}" if missing else ""
        return [f"{place}: {name} of {rest[0]!r} is not measured{why} (there: {', '.join([*own, *added])})"]
    if not {metric.name for metric in BY_NAME[name].metrics} & set(rest[1:]):
        return [
            f"{place}: no metric of {name} (there are: {', '.join(m.name for m in BY_NAME[name].metrics)})"
        ]
    return []
