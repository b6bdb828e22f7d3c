"""Rows of the sheets: what a cell of each column holds, once it is read.

A column is optional in a row where its schema in ``workflow/schemas`` neither requires it nor has a default.
"""

from typing import NotRequired, TypedDict


class ModelRow(TypedDict):
    """A model."""

    model: str
    architecture: str
    weights: str
    source: NotRequired[str]
    family: str
    role: NotRequired[str]
    input_size: NotRequired[int]
    mean: NotRequired[str]
    std: NotRequired[str]
    crop_pct: NotRequired[float]
    crop_mode: NotRequired[str]
    interpolation: NotRequired[str]
    layers: str
    label_space: str
    baseline: NotRequired[str]
    training_data: NotRequired[str]
    parameters: NotRequired[int]


class RecipeRow(TypedDict):
    """A model to train on human maps; what is empty is that of the config."""

    model: str
    base: str
    maps: str
    stimuli: NotRequired[str]
    validation: NotRequired[str]
    baseline: NotRequired[str]
    family: NotRequired[str]
    role: NotRequired[str]
    input_size: NotRequired[int]
    seed: NotRequired[int]
    supervision: NotRequired[str]
    weight: NotRequired[float]
    share: NotRequired[float]
    steps: NotRequired[int]
    batch_size: NotRequired[int]
    optimiser: NotRequired[str]
    schedule: NotRequired[str]
    learning_rate: NotRequired[float]
    decay: NotRequired[float]
    smoothing: NotRequired[float]
    smallest_crop: NotRequired[float]
    batch_norm: NotRequired[str]


class StimuliRow(TypedDict):
    """A stimulus set."""

    stimuli: str
    source: str
    path: NotRequired[str]
    layout: NotRequired[str]
    archive: NotRequired[str]
    sha1: NotRequired[str]
    archive_sha1: NotRequired[str]
    labels: NotRequired[str]
    multi_labels: NotRequired[str]
    label_space: NotRequired[str]
    background: NotRequired[str]
    variable: NotRequired[str]
    categories: NotRequired[str]
    transform: str
    count: int
    seed: int
    cue: NotRequired[float]
    size: int
    length: NotRequired[int]
    level: NotRequired[str]
    control: NotRequired[str]
    tasks: NotRequired[str]
    phases: NotRequired[int]
    citation: NotRequired[str]
    licence: NotRequired[str]


class RecordingRow(TypedDict):
    """A neural recording."""

    recording: str
    reader: str
    path: str
    stimuli: str
    region: NotRequired[str]
    subject: NotRequired[str]
    windows: NotRequired[str]
    first_ms: NotRequired[int]
    variable: NotRequired[str]
    order: NotRequired[str]
    grid: NotRequired[int]
    sha1: NotRequired[str]
    simulated: bool
    citation: NotRequired[str]
    licence: NotRequired[str]


class ProbeRow(TypedDict):
    """A probe: trials of visual tasks on a stimulus set, and what of a model is probed."""

    probe: str
    stimuli: str
    trials: NotRequired[str]
    people: NotRequired[str]
    tasks: NotRequired[str]
    layer: str
    pool: str
    classifier: str
    curve: bool
    simulated: bool
    scored: bool
    citation: NotRequired[str]
    licence: NotRequired[str]


class MapsRow(TypedDict):
    """A set of human importance maps."""

    maps: str
    reader: str
    path: str
    stimuli: str
    labels: NotRequired[str]
    clicks: NotRequired[str]
    ceiling: NotRequired[float]
    sigma: NotRequired[float]
    pixels_per_degree: NotRequired[float]
    weighting: NotRequired[str]
    first_fixation: NotRequired[bool]
    screen: NotRequired[str]
    shown: NotRequired[str]
    simulated: bool
    scored: bool
    citation: NotRequired[str]
    licence: NotRequired[str]
