"""The config of a study, once it is validated: what the library reads of it; schemas have the meanings.

Sections that rules only pass on, whole, are JSON here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NotRequired, TypedDict

if TYPE_CHECKING:
    from visalign.io.files import Json
    from visalign.trend.overlay import Settings


class Published(TypedDict):
    """A table of published top-1 accuracies, and its columns."""

    table: str
    model: str
    top1: str


class Models(TypedDict):
    """Which models."""

    sheet: str
    select: list[str]
    published: NotRequired[Published]


class Train(TypedDict):
    """Trainings: what rows of the sheet leave empty, and what all share."""

    sheet: str | None
    supervision: str
    weight: float
    share: float
    steps: int
    batch_size: int
    optimiser: str
    schedule: str
    learning_rate: float
    decay: float
    smoothing: float
    smallest_crop: float
    batch_norm: str
    precision: str
    devices: int
    workers: int
    checkpoint_every: int
    evaluate_every: int


class Stimuli(TypedDict):
    """Which images."""

    sheet: str


class Recordings(TypedDict):
    """Which neural recordings, and how their ceilings are computed."""

    enabled: bool
    sheet: str
    ceiling_splits: int
    ceiling_seed: int
    reliability_threshold: float


class Maps(TypedDict):
    """Which human importance maps."""

    enabled: bool
    sheet: str


class SimulatedRecording(TypedDict):
    """A recording to simulate."""

    teacher: str
    layer: str
    stimuli: str
    fit_stimuli: str
    neuroids: int
    dimensions: int
    repetitions: int
    reliability: float
    windows: NotRequired[dict[str, float]]
    grid: NotRequired[int]
    count: NotRequired[int]
    seed: int


class SimulatedClicks(TypedDict):
    """A click log to simulate."""

    teacher: str
    stimuli: str
    teacher_weight: float
    sharpness: float
    participants: int
    clicks: int
    idiosyncrasy: float
    seed: int


class Simulate(TypedDict):
    """Simulated datasets by name."""

    recordings: dict[str, SimulatedRecording]
    clicks: dict[str, SimulatedClicks]


class Accuracy(TypedDict):
    """Accuracy on labelled images."""

    enabled: bool
    stimuli: list[str]


class Dask(TypedDict):
    """Where dask computes; `options` are those of ``SLURMCluster``, and ``jobs``."""

    where: str
    options: Json


class Neural(TypedDict):
    """Predictivity of recordings; options of comparisons stand beside these keys."""

    enabled: bool
    metrics: list[str]
    layer_selection: str
    grid_features: str
    splits: int
    train_size: float
    split_seed: int
    inner_splits: int


class Revelation(TypedDict):
    """Accuracy on partly revealed images."""

    enabled: bool
    count: int | None
    levels: list[float] | None
    batch_size: int
    human_curve: str | None


class Clickme(TypedDict):
    """Agreement with human importance maps."""

    enabled: bool
    bootstrap: int
    revelation: Revelation


class Attacks(TypedDict):
    """Smallest perturbations."""

    enabled: bool
    count: int | None
    budget: int
    target: str
    batch_size: int | None
    bootstrap: int
    budgets: list[int]


class Trend(TypedDict):
    """Accuracy against alignment."""

    enabled: bool
    bootstrap: int
    roles: list[str]
    accuracy: str | None
    metric: str
    confirmatory: str | None
    overlay: NotRequired[Settings]


class Config(TypedDict):
    """The config; a measure without settings of its own has a section too."""

    seed: int
    gpus: str | int
    check: bool
    allow_missing: bool
    models: Models
    train: Train
    stimuli: Stimuli
    recordings: Recordings
    maps: Maps
    simulate: Simulate
    features: Json
    accuracy: Accuracy
    dask: Dask
    gram: Json
    neural: Neural
    saliency: Json
    clickme: Clickme
    attacks: Attacks
    trend: Trend
    figures: Json
    report: Json
