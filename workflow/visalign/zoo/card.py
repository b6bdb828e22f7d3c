"""The card of a model: what is known of it and of its weights, as the stages models and train write it."""

from __future__ import annotations

from typing import TYPE_CHECKING, NotRequired

from visalign.labels.spaces import Head

if TYPE_CHECKING:
    from visalign.io.files import Json
    from visalign.stimuli.transforms import DataConfig


class ModelCard(Head):
    """What is known of a model; of weights alone all but its name and its label space."""

    model: NotRequired[str]
    architecture: str
    weights: str  # kind of source, a column of the model sheet
    source: str
    sha256: str  # of the weight file
    parameters: int
    data_config: DataConfig
    model_args: NotRequired[Json]  # for timm, of a repository's network
    fitted: NotRequired[list[str]]  # what had to be done to make the weights fit
    other_transform: NotRequired[list[str]]  # how that of the weights differs from the one used
    commit: NotRequired[str]  # of the repository of the hub
    code_sha256: NotRequired[str]  # of the file that defines a callable
    class_map: NotRequired[str]  # this and the next: see `labels.spaces.provenance`
    undefined: NotRequired[str]
