"""The card of a map set: what its maps are, and how far people agree about them."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, NamedTuple, NotRequired, TypedDict

import numpy as np

from visalign.maps import clicks
from visalign.maps.clicks import Reliability
from visalign.maps.collection import Processed
from visalign.stats.defined import or_none

if TYPE_CHECKING:
    from visalign.maps.participants import Log
    from visalign.maps.reader import UnusedFiles

#: Half-splits of the participants.
ITERATIONS = 20
CEILING_OF_PARTICIPANTS = (
    "Spearman between maps of random halves of the participants, at 64 x 64{}; mean over images and "
    "iterations; 95 % bootstrap interval over images"
)
#: What maps of participants are, where their reader does not smooth them.
BLURRED = " after the blur that every map gets"
FLOOR_OF_PARTICIPANTS = "as the ceiling, but the second half's map is that of another image"
CEILING_DECLARED = "declared by the data's provider (--ceiling)"


class DescribedReliability(TypedDict):
    """A ceiling or a floor with its interval; what is None is unknown or undefined, as the status tells."""

    value: float | None
    ci_low: float | None
    ci_high: float | None
    method: str | None  # participants or declared
    definition: str | None
    n_images: NotRequired[int]  # this and the next two: of participants
    n_undefined: NotRequired[int]
    iterations: NotRequired[int]
    status: str


class DescribedMaps(TypedDict):
    """What the card says of the maps themselves."""

    n: int
    size: list[int]  # height and width
    ceiling: DescribedReliability
    floor: DescribedReliability
    filters: dict[str, int] | None  # what each filter of the log of people dropped
    undefined: dict[str, list[str]]  # maps, by the reason
    processed_before: NotRequired[int]  # maps that were blurred when they were read; absent for none
    seed: int
    content_sha256: str


class MapsCard(DescribedMaps):
    """What ``maps read`` says of a map set."""

    name: str
    source: list[str]
    reader: str
    simulated: bool
    version: int
    unused_files: UnusedFiles | None
    settings: NotRequired[dict[str, object]]  # columns that only its reader takes, as they were filled


class Participants(NamedTuple):
    """Ceiling and floor of participants, what each filter of their log dropped, and what their maps are."""

    ceiling: Reliability
    floor: Reliability
    counts: dict[str, int]
    blur: str = BLURRED


def estimate_participants(
    log: Log, counts: dict[str, int], seed: int, *, smooths: bool = False
) -> Participants:
    """Return the participants' ceiling and floor, beside what the filters dropped.

    `smooths` says that the log's reader smooths the maps, so that they get no other blur.
    """
    ceiling, floor = clicks.participant_reliability(log, iterations=ITERATIONS, seed=seed)
    return Participants(ceiling, floor, counts, "" if smooths else BLURRED)


def content_hash(processed: Processed) -> str:
    """Return the SHA-256 of ids, labels and maps."""
    digest = hashlib.sha256("\0".join(processed.stimulus_id.tolist()).encode())
    digest.update(processed.labels.astype("<i8", copy=False).data)
    digest.update(processed.maps.astype("<f4", copy=False).data)
    return digest.hexdigest()


def of_maps(
    processed: Processed,
    undefined: dict[str, list[str]],
    participants: Participants | None,
    declared: float | None,
    seed: int,
) -> DescribedMaps:
    """What the card says of the maps themselves.

    Parameters
    ----------
    undefined : dict of list of str
        Maps that have no correlation, by the reason.
    participants : Participants, optional
        Of a log of clicks or fixations.
    declared : float, optional
        Ceiling that the data's provider declares.
    seed : int
        Of the half-splits.
    """
    described: DescribedMaps = {
        "n": len(processed.maps),
        "size": list(processed.maps.shape[1:]),
        "ceiling": describe_ceiling(declared, participants),
        "floor": describe_floor(participants),
        "filters": participants.counts if participants else None,
        "undefined": undefined,
        "seed": seed,
        "content_sha256": content_hash(processed),
    }
    if processed.n_before:
        described["processed_before"] = processed.n_before
    return described


def describe_ceiling(declared: float | None, participants: Participants | None) -> DescribedReliability:
    """Return the ceiling as JSON values: from participants, else declared, else none with the reason."""
    if participants is not None:
        return _describe(participants.ceiling, CEILING_OF_PARTICIPANTS.format(participants.blur))
    if declared is not None:
        return {
            "value": declared,
            "ci_low": None,
            "ci_high": None,
            "method": "declared",
            "definition": CEILING_DECLARED,
            "status": "ok",
        }
    return _unknown("neither a click log nor a declared ceiling")


def describe_floor(participants: Participants | None) -> DescribedReliability:
    """Return the participants' floor as JSON values; without a click log none, with the reason."""
    if participants is not None:
        return _describe(participants.floor, FLOOR_OF_PARTICIPANTS)
    return _unknown("no click log, hence no participants' floor")


def _unknown(status: str) -> DescribedReliability:
    return {
        "value": None,
        "ci_low": None,
        "ci_high": None,
        "method": None,
        "definition": None,
        "status": status,
    }


def _describe(reliability: Reliability, definition: str) -> DescribedReliability:
    return {
        "value": or_none(reliability.value),
        "ci_low": or_none(reliability.ci_low),
        "ci_high": or_none(reliability.ci_high),
        "method": "participants",
        "definition": definition,
        "n_images": len(reliability.per_image),
        "n_undefined": reliability.n_undefined,
        "iterations": ITERATIONS,
        "status": "undefined for every image" if np.isnan(reliability.value) else "ok",
    }
