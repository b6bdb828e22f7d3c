"""The card of a trained model, as the training writes it and comparisons read it."""

from __future__ import annotations

from typing import TypedDict

from visalign.zoo.card import ModelCard


class FullRecipe(TypedDict):
    """All of a recipe: what `loop.Recipe` has, and how images are fed."""

    supervision: str
    weight: float
    steps: int
    optimiser: str
    schedule: str
    learning_rate: float
    decay: float
    smoothing: float
    batch_norm: str
    seed: int
    batch_size: int
    share: float
    smallest_crop: float


class TrainedCard(ModelCard):
    """A model's card, and how it was trained."""

    base_sha256: str  # of the weights that it was trained from
    trained_on: str  # hash of the tables of its images and of their maps
    recipe: FullRecipe
    metrics: dict[str, float | None]  # the last row; None: not defined
