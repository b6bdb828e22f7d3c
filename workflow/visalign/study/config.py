"""The config of a study once it is validated: those of its keys that the study and its methods read by name.

All keys, and what they mean, are in ``workflow/schemas``; rules pass the others on.
"""

from typing import TYPE_CHECKING, NotRequired, TypedDict

from visalign.io.files import Json

if TYPE_CHECKING:
    from visalign.trend.overlay import Settings


class Published(TypedDict):
    """A table of published top-1 accuracies, and its columns."""

    table: str
    model: str
    top1: str


class Models(TypedDict):
    """Which models."""

    sheet: str | None
    select: list[str]
    published: NotRequired[Published]


class Train(TypedDict):
    """Trainings; the other keys are the recipe of what a row leaves empty."""

    sheet: str | None


class Sheet(TypedDict):
    """Which stimulus sets, recordings or map sets."""

    sheet: str | None


class SimulatedRecording(TypedDict):
    """A recording to simulate."""

    teacher: str
    stimuli: str
    fit_stimuli: str


class SimulatedClicks(TypedDict):
    """A click log to simulate."""

    teacher: str
    stimuli: str


class SimulatedAnswers(TypedDict):
    """People's answers to simulate."""

    stimuli: str


class Simulate(TypedDict):
    """Simulated datasets by name."""

    recordings: dict[str, SimulatedRecording]
    clicks: dict[str, SimulatedClicks]
    answers: dict[str, SimulatedAnswers]


class Accuracy(TypedDict):
    """Accuracy on labelled images; null, of all, is replaced by their names when a study is read."""

    stimuli: list[str] | None


class Dask(TypedDict):
    """Where dask computes; `options` are those of ``SLURMCluster``, and ``jobs``."""

    where: str
    options: Json


class Neural(TypedDict):
    """Predictivity of recordings."""

    grid_features: str


class Revelation(TypedDict):
    """Accuracy on partly revealed images."""

    enabled: bool
    levels: list[float] | None
    human_curve: str | None


class Clickme(TypedDict):
    """Agreement with human importance maps."""

    revelation: Revelation


class Attacks(TypedDict):
    """Smallest perturbations."""

    count: int | None
    budget: int
    budgets: list[int]


class Scores(TypedDict):
    """The table of all scores."""

    tables: list[str]


class Trend(TypedDict):
    """Accuracy against alignment."""

    bootstrap: int
    roles: list[str]
    accuracy: str | None
    axis: str | None
    metric: str
    confirmatory: str | None
    overlay: NotRequired["Settings"]


class Config(TypedDict):
    """The config."""

    seed: int
    allow_missing: bool
    forkserver: bool
    models: Models
    train: Train
    stimuli: Sheet
    recordings: Sheet
    maps: Sheet
    probes: Sheet
    simulate: Simulate
    accuracy: Accuracy
    dask: Dask
    neural: Neural
    clickme: Clickme
    attacks: Attacks
    scores: Scores
    trend: Trend
