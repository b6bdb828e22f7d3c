"""What input the networks of callables take, for the jobs that make them."""

from __future__ import annotations

from visalign.stimuli.transforms import DataConfig
from visalign.study.study import Study
from visalign.zoo.callables import is_callable


def input_of(study: Study, weights: str) -> DataConfig | None:
    """Input of the first model of some weights whose network a callable makes; None of other weights.

    By it the outputs are counted, of which there are as many at any size.
    """
    model = study.models_of_weights[weights][0]
    return study.data_configs[model] if is_callable(study.models[model]["architecture"]) else None
