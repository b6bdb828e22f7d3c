"""What a methods section says of a recording of dissimilarities."""

from __future__ import annotations

from typing import TYPE_CHECKING

from visalign.measures.wording import decimal, enumeration, kind

if TYPE_CHECKING:
    from visalign.recordings.card import RecordingCard


def of_dissimilarities(name: str, card: RecordingCard) -> str:
    """Describe one recording of dissimilarities, and between what its ceiling lies."""
    subjects, ceiling = card["subjects"], card["subject_ceiling"]
    if len(subjects) > 1:
        own = f"matrices of {len(subjects)} subjects, each compared with the model and averaged over"
        bounds = (
            f"ceiling of Spearman's correlation between {decimal(ceiling['value'], 3)} and "
            f"{decimal(ceiling['upper'], 3)}: {ceiling['method']}"
        )
    else:
        own, bounds = "one matrix", ceiling["status"]
    return (
        f"{name} ({kind(card)}; {enumeration(filter(None, card['regions']))}, dissimilarities of "
        f"{card['n_stimuli']} stimuli, {own}; nothing can be predicted of them; {bounds})"
    )
