"""Simulated people who answer visual tasks: the wider the margin of a trial, the more often they are right.

p(right) = lapse/2 + (1 − lapse) Φ(ability + slope · m + u), where m is the margin of the trial, standardised
over the trials of its task, and u ~ N(0, idiosyncrasy²) is of the image, the same for all people: the two
make them err on the same images.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.special import ndtr

from visalign.errors import InputError, unknown
from visalign.visual_tasks import pathfinder, perspective
from visalign.visual_tasks.ray_cast import Box

#: Places on a line of sight at which its distance from the edges of boxes is looked for.
PLACES = 1025


class Crowd(NamedTuple):
    """Who answers: `participants`, and what decides whether they are right, see the module."""

    participants: int
    ability: float
    slope: float
    lapse: float
    idiosyncrasy: float


def of_depth(trial: pd.Series, geometry: Mapping[str, object]) -> float:
    """Logarithm of the difference of both distances over their mean."""
    return float(np.log(float(trial["difficulty"])))


def of_sight(trial: pd.Series, geometry: Mapping[str, object]) -> float:
    """Logarithm of how far the line of sight is from the nearest box, or of how deep it goes into one."""
    eye, ball = np.array(geometry["eye"], float), np.array(geometry["ball"], float)
    line = eye + np.linspace(0, 1, PLACES)[:, None] * (ball - eye)
    nearest = min(signed_distance(line, Box(*box)).min() for box in geometry["boxes"])  # type: ignore[attr-defined]
    return float(np.log(max(abs(nearest), 1e-3)))


def of_contour(trial: pd.Series, geometry: Mapping[str, object]) -> float:
    """Minus the logarithm of the number of dashes between the markers."""
    return -float(np.log(float(trial["difficulty"])))


#: Margin of a trial of each task that people are simulated for.
MARGINS: dict[str, Callable[[pd.Series, Mapping[str, object]], float]] = {
    perspective.DEPTH: of_depth,
    perspective.BASIC: of_sight,
    perspective.STRATEGY: of_sight,
    pathfinder.TASK: of_contour,
}


def signed_distance(points: np.ndarray, box: Box) -> np.ndarray:
    """Distance of points (n, 3) from the surface of a box, negative inside it: (n,)."""
    beyond = np.abs(box.own_points(points)) - box.half
    return np.linalg.norm(np.maximum(beyond, 0), axis=1) + np.minimum(beyond.max(axis=1), 0)


def read_geometry(path: str | Path) -> dict[str, dict[str, object]]:
    """Geometry of each image, as a generator wrote it: a line of JSON each."""
    lines = [json.loads(line) for line in Path(path).read_text().splitlines()]
    return {line["stimulus_id"]: line for line in lines}


def margins(trials: pd.DataFrame, geometry: Mapping[str, Mapping[str, object]], task: str) -> np.ndarray:
    """Margins of the trials of a task, standardised over them; 0 where all are the same.

    Parameters
    ----------
    trials : DataFrame
        Columns stimulus_id, task, difficulty; those of the task.
    geometry : mapping
        Of each image, as its generator wrote it.

    Returns
    -------
    ndarray, shape (n_trials,)

    Raises
    ------
    InputError
        People are not simulated for the task.
    """
    if task not in MARGINS:
        raise InputError(f"tasks: {unknown(task, MARGINS)}")
    found = [MARGINS[task](trial, geometry[trial["stimulus_id"]]) for _, trial in trials.iterrows()]
    centred = np.array(found) - np.mean(found)
    spread = centred.std()
    return centred / spread if spread > 1e-12 else np.zeros(len(centred))


def right_answers(
    margin: np.ndarray, crowd: Crowd, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Who is right on which trial.

    Returns
    -------
    right : ndarray of bool, shape (participants, n_trials)
    probability : ndarray, shape (n_trials,)
        Of being right, the same for all.
    """
    own = crowd.ability + crowd.slope * margin + crowd.idiosyncrasy * rng.standard_normal(len(margin))
    probability = crowd.lapse / 2 + (1 - crowd.lapse) * ndtr(own)
    return rng.random((crowd.participants, len(margin))) < probability, probability


def error_consistency(probability: np.ndarray) -> float:
    """Cohen's κ of two people with the same probabilities (n,) of being right, on endless images.

    Both are right or both wrong on an image with p² + (1 − p)².
    """
    accuracy = probability.mean()
    by_chance = accuracy**2 + (1 - accuracy) ** 2
    return float((np.mean(probability**2 + (1 - probability) ** 2) - by_chance) / (1 - by_chance))


def table(trials: pd.DataFrame, right: np.ndarray) -> pd.DataFrame:
    """Answers of people to the trials of a task, a row each, as `probes.people` reads them."""
    people, n = right.shape
    label = np.tile(trials["label"].astype(float).astype(int), people)
    columns = {
        "participant": np.repeat([f"simulated-{number + 1:02d}" for number in range(people)], n),
        "stimulus_id": np.tile(trials["stimulus_id"], people),
        "task": np.tile(trials["task"], people),
        "response": np.where(right.ravel(), label, 1 - label),
        "label": label,
        "timed_out": "false",
    }
    return pd.DataFrame(columns)
