"""What the page of one model says of its probes: scores, learning curves, trials right and wrong."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TypedDict

import numpy as np
import pandas as pd
from PIL import Image

from visalign.errors import InputError
from visalign.io import stores
from visalign.io.scores import ScoreRow, is_true, rows_in
from visalign.io.tables import read_table
from visalign.measures import wording
from visalign.measures.measure import Headline
from visalign.measures.probes import MEASURE, task_of
from visalign.report.pictures import thumbnail
from visalign.report.render import number
from visalign.stimuli import tables as stimulus_tables

#: So many trials of a task are shown that are right, and as many that are wrong.
TRIALS = 3
#: Width, height and margins (left, others) of a learning curve, in pixels.
CURVE = (360, 200, 40, 14)
#: Columns of tables that are read.
DECISIONS = ("stimulus_id", "task", "split", "label", "value", "correct")
POINTS = ("task", "size", "accuracy", "ci_low", "ci_high")


class Cell(TypedDict):
    """A cell of the table of tasks."""

    title: str
    text: str
    simulated: bool


class Task(TypedDict):
    """A task in the table."""

    name: str
    cells: list[Cell]


class Place(TypedDict):
    """A point of a learning curve, in pixels from the upper left corner, and what it says."""

    x: float
    y: float
    size: int
    accuracy: float
    text: str


class LearningCurve(TypedDict):
    """Accuracy over the number of training trials, with a band."""

    points: list[Place]
    band: str  # corners of a polygon
    chance: float  # y of one half
    ticks: list[tuple[float, str]]  # y, accuracy


class Shown(TypedDict):
    """A trial as a picture: its address, and what is said of it."""

    source: str
    name: str
    text: str


class Examples(TypedDict):
    """A task with its learning curve, and trials that were right and wrong."""

    task: str
    curve: LearningCurve | None
    right: list[Shown]
    wrong: list[Shown]


class Line(TypedDict):
    """A score of the tilt illusion: what it is, the model's, and people's or ''."""

    name: str
    text: str
    people: str


class Probe(TypedDict):
    """A probe of the model."""

    name: str
    columns: list[str]
    tasks: list[Task]
    gap: str  # sentence, or ''
    tilt: list[Line]
    examples: list[Examples]


def interval(row: ScoreRow) -> str:
    """Return a score with its interval as text."""
    low, high = row["ci_low"], row["ci_high"]
    ends = "" if low is None else f" [{number(low)}, {number(high)}]"
    return number(row["value"]) + ends


def consistency(row: ScoreRow) -> str:
    """Return κ with people, its floor and its ceiling; or why there is none."""
    if row["value"] is None:
        return row["status"]
    return f"{interval(row)}, floor {number(row['floor'])}, people among themselves {number(row['ceiling'])}"


def cells(rows: Mapping[tuple[str, str], ScoreRow], headline: Headline) -> list[Cell]:
    """Return what is said of one task.

    Parameters
    ----------
    rows : mapping
        (metric, convention) -> score row.
    headline : Headline
        That of accuracy.
    """
    found: list[Cell] = []

    def add(title: str, row: ScoreRow | None, text: str) -> None:
        found.append(
            {"title": title, "text": text, "simulated": row is not None and is_true(row["simulated"])}
        )

    accuracy = rows[headline.metric, headline.convention]
    own = interval(accuracy) if accuracy["value"] is not None else accuracy["status"]
    found.append({"title": headline.label, "text": own, "simulated": False})
    for metric, name, _ in headline.references:
        row = rows.get((metric, headline.convention))
        valued = row if row and row["value"] is not None else None
        add(name, valued, interval(valued) if valued else "–")
    kappa = rows.get(("error_consistency", "kappa/median"))
    add(
        "κ with people",
        kappa if kappa and kappa["value"] is not None else None,
        consistency(kappa) if kappa else "–",
    )
    return found


def tasks_of(scores: pd.DataFrame, probe: str) -> list[Task]:
    """Return the tasks of a probe that have an accuracy or a reason for none, in the order of the scores."""
    headline = MEASURE.headlines[0]
    found: list[Task] = []
    own = scores[scores["benchmark"].str.startswith(f"probes/{probe}/")]
    for benchmark, table in own.groupby("benchmark", sort=False):
        rows = {(row["metric"], row["convention"] or ""): row for row in rows_in(table)}
        if (headline.metric, headline.convention) in rows:
            found.append({"name": task_of(str(benchmark)), "cells": cells(rows, headline)})
    return found


def gap_of(scores: pd.DataFrame, probe: str) -> str:
    """Say how much easier problems of spatial relations are than problems of sameness; '' without both."""
    own = scores[(scores["benchmark"] == f"probes/{probe}/svrt") & (scores["metric"] == "sd_gap")]
    for row in rows_in(own):
        if row["value"] is not None:
            low, high = row["ci_low"], row["ci_high"]
            ends = "" if low is None else f", 95 % interval {number(low)} to {number(high)}"
            return (
                f"Spatial relations less sameness: {wording.decimal(row['value'], sign=True)}{ends} "
                f"(mean accuracy on problems of each kind, {wording.decimal(row['n'], 0)} problems)."
            )
    return ""


def tilt_of(scores: pd.DataFrame, probe: str) -> list[Line]:
    """Return the scores of the tilt illusion of a probe beside people's, or the reason why there are none."""
    named = scores["metric"].str.startswith("tilt_") | (scores["metric"] == "decoder_error")
    own = scores[scores["benchmark"].str.startswith(f"probes/{probe}/") & named]
    return [
        {
            "name": MEASURE.metric(row["metric"]).meaning.partition(";")[0],
            "text": row["status"] if row["value"] is None else interval(row),
            "people": "" if row["ceiling"] is None else number(row["ceiling"]),
        }
        for row in rows_in(own)
    ]


def learning_curve(points: pd.DataFrame) -> LearningCurve | None:
    """Place a learning curve in its box, sizes by their logarithm; None of a single size."""
    if len(points) < 2:
        return None
    width, height, left, margin = CURVE
    size, share = np.log2(points["size"]), points[["accuracy", "ci_low", "ci_high"]].to_numpy(float)
    low, high = min(0.4, float(np.nanmin(share))), 1.0
    across = left + (size - size.min()) / (size.max() - size.min()) * (width - left - margin)
    steps = [tick / 10 for tick in range(0, 11, 2) if low - 1e-9 <= tick / 10 <= high]

    def up(value: float) -> float:
        return round(height - 24 - (value - low) / (high - low) * (height - 24 - margin), 1)

    x = across.round(1).tolist()
    upper = [(a, up(row[2])) for a, row in zip(x, share, strict=True)]
    lower = [(a, up(row[1])) for a, row in zip(x, share, strict=True)]
    return {
        "points": [
            {
                "x": a,
                "y": up(row[0]),
                "size": round(count),
                "accuracy": float(row[0]),
                "text": f"{number(row[0])} [{number(row[1])}, {number(row[2])}]",
            }
            for a, row, count in zip(x, share, points["size"], strict=True)
        ],
        "band": " ".join(f"{a},{b}" for a, b in [*upper, *reversed(lower)]),
        "chance": up(0.5),
        "ticks": [(up(tick), wording.decimal(tick, 1)) for tick in steps],
    }


def clearest(decisions: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the test trials that are most clearly right, and most clearly wrong, of one task.

    A trial is right that is so in more than half of the draws; clearest is the largest mean decision value
    on the side of the answer.
    """
    tested = decisions[decisions["split"] != "transfer"]
    signed = tested.assign(margin=tested["value"] * (2 * tested["label"] - 1), draws=1)
    how = {"label": "first", "value": "mean", "correct": "mean", "margin": "mean", "draws": "sum"}
    trials = signed.groupby("stimulus_id", sort=True).agg(how).reset_index()
    right = trials[trials["correct"] > 0.5].sort_values("margin", ascending=False, kind="stable")
    wrong = trials[trials["correct"] < 0.5].sort_values("margin", kind="stable")
    return right.head(TRIALS), wrong.head(TRIALS)


def shown(trials: pd.DataFrame, images: Iterable[np.ndarray]) -> list[Shown]:
    """Return trials as pictures of their images (3, height, width)."""
    found: list[Shown] = []
    for pixels, trial in zip(images, trials.to_dict("records"), strict=True):
        image = Image.fromarray(np.moveaxis(pixels, 0, -1))
        draws = trial["draws"]
        times = "" if draws == 1 else f", right in {trial['correct'] * draws:.0f} of {draws} draws"
        answer, value = f"true answer {trial['label']:.0f}", wording.decimal(trial["value"], 3, sign=True)
        text = f"{answer}, decision {value}{times}"
        found.append({"source": thumbnail(image), "name": str(trial["stimulus_id"]), "text": text})
    return found


def files(directory: Path, model: str, probes: Iterable[Mapping[str, str]]) -> list[Path]:
    """Return the tables of probes that the page of a model links to where they exist."""
    ends = ("_trials.csv", "_curve.csv")
    return [directory / "probes" / model / f"{entry['probe']}{end}" for entry in probes for end in ends]


def examples(directory: Path, model: str, entry: Mapping[str, str]) -> list[Examples]:
    """Return each task with its learning curve and trials, of those whose decisions were kept.

    Parameters
    ----------
    directory : Path
        Results of the stages.
    entry : mapping
        probe, stimuli, transform: names of the probe and its stimulus set, key of the model's transform.
    """
    decided, learnt = files(directory, model, [entry])
    if not decided.exists():
        return []
    words = {"stimulus_id": str, "task": str, "split": str}
    decisions = read_table(
        decided, required=DECISIONS, dtype=words, keep_default_na=False, na_values={"correct": [""]}
    )
    curves = read_table(learnt, required=POINTS, dtype={"task": str}) if learnt.exists() else None
    tasks = [
        (str(task), own)
        for task, own in decisions.groupby("task", sort=False)
        if own["correct"].notna().all()
    ]
    if not tasks:
        return []
    table = stimulus_tables.read(directory / "stimuli" / f"{entry['stimuli']}.csv")
    store = directory / "preprocess" / entry["stimuli"] / f"{entry['transform']}.zarr"
    pixels = stores.array(stores.open_store(store), "pixels")
    found: list[Examples] = []
    for task, own in tasks:
        sides = []
        for trials in clearest(own):
            rows = stimulus_tables.rows_of(table, list(trials["stimulus_id"]), model)
            sides.append(shown(trials, [np.asarray(pixels[row]) for row in rows.tolist()]))
        points = curves[curves["task"] == task] if curves is not None else pd.DataFrame()
        found.append({"task": task, "curve": learning_curve(points), "right": sides[0], "wrong": sides[1]})
    return found


def content(
    scores: pd.DataFrame, directory: Path, model: str, probes: Sequence[Mapping[str, str]]
) -> list[Probe]:
    """Return what is said of the probes of a model, of those that have a score or a reason for none.

    Parameters
    ----------
    scores : DataFrame
        Score rows of the model.
    directory : Path
        Results of the stages.
    probes : sequence of mapping
        As `examples` takes them.

    Raises
    ------
    InputError
        When an entry of `probes` lacks a field.
    """
    found: list[Probe] = []
    for entry in probes:
        for field in ("probe", "stimuli", "transform"):
            if field not in entry:
                raise InputError(f"--probes: no field {field!r} in {dict(entry)}")
        tasks, tilt = tasks_of(scores, entry["probe"]), tilt_of(scores, entry["probe"])
        if tasks or tilt:
            found.append(
                {
                    "name": entry["probe"],
                    "columns": [cell["title"] for cell in tasks[0]["cells"]] if tasks else [],
                    "tasks": tasks,
                    "gap": gap_of(scores, entry["probe"]),
                    "tilt": tilt,
                    "examples": examples(directory, model, entry),
                }
            )
    return found
