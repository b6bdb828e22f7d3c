"""Images that a model is trained on must not be those that it is scored on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from visalign.errors import InputError
from visalign.stimuli import tables

if TYPE_CHECKING:
    import pandas as pd


def check(model: str, trained: Mapping[str, pd.DataFrame], scored: Mapping[str, pd.DataFrame]) -> None:
    """Raise InputError for an image that a model is trained and scored on, under whatever names.

    Parameters
    ----------
    trained, scored : mapping of str to DataFrame
        Stimulus tables by their files.
    """
    for path, table in trained.items():
        for other, images in scored.items():
            if shared := tables.shared_pictures(table, images):
                here, there = shared[0]
                raise InputError(
                    f"{path}: sha256: {len(shared)} of its {len(table)} images are in {other} too, the first "
                    f"{here!r} ({there!r} there): {model} would be trained and scored on them; train on "
                    "others, or take that set out of the scores (that of maps by scored: false)"
                )
