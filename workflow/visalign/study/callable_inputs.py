"""What input the networks of callables take, for the jobs that make them."""

from __future__ import annotations

from visalign.stimuli.transforms import DataConfig
from visalign.study.study import Study
from visalign.zoo.callables import is_callable
from visalign.zoo.weights import trained_here, weights_id


def input_of(study: Study, weights: str) -> DataConfig | None:
    """Input of the first model of some weights whose network a callable makes; None of other weights.

    By it the outputs are counted, of which there are as many at any size.
    """
    for model, row in study.models.items():
        if not trained_here(row) and weights_id(row) == weights and is_callable(row["architecture"]):
            return study.data_configs[model]
    return None
