"""The card of a recording: what it is, and its ceilings, which are computed here for every time bin."""

from __future__ import annotations

from collections import Counter
from typing import NamedTuple, NotRequired, TypedDict

import numpy as np
import pandas as pd
import xarray as xr

from visalign.errors import InputError
from visalign.recordings import form
from visalign.recordings.ceilings import ALPHA, SplitHalf, mean_over_repetitions, split_half_ceiling
from visalign.recordings.site_pairs import SitePair, site_pair_ceiling
from visalign.recordings.subject_ceilings import SubjectCeiling, subject_ceiling
from visalign.stats.defined import or_none

#: By protocol, then whether repetitions are equal and even in number.
METHODS = {
    ("whole_image", True): "Pearson between means of random half-splits of the repetitions, Spearman-Brown "
    "corrected, median over neuroids, mean over splits; 95 % bootstrap interval over stimuli and neuroids",
    ("whole_image", False): "1 - noise variance of the mean responses over their variance, which is the mean "
    "over all half-splits of each stimulus' own repetitions, median over neuroids; 95 % bootstrap interval "
    "over stimuli and neuroids; split_slots is Brain-Score's, between halves of repetition numbers",
    ("grid", True): "Pearson over the grid positions of one image between means of random half-splits of the "
    "repetitions, Spearman-Brown corrected, median over neuroids, mean over splits; square of the mean root "
    "over images; 95 % bootstrap interval over images and neuroids",
    (
        "grid",
        False,
    ): "1 - noise variance of the mean responses over their variance over the grid positions of "
    "one image, median over neuroids; square of the mean root over images; 95 % bootstrap interval over "
    "images and neuroids",
}
SUBJECT_METHODS = {
    "whole_image": "Pearson over held-out stimuli of PLS predictions from the neuroids of one other subject, "
    "mean over shuffle splits and subjects, median over neuroids; 95 % bootstrap interval over neuroids",
    "grid": "Pearson over the grid positions of a held-out image of PLS predictions from the neuroids of one "
    "other subject, mean over images and subjects, median over neuroids; 95 % bootstrap interval over "
    "neuroids",
}

SITE_PAIR_METHOD = (
    "site pairs, for want of repetitions (no reliability): Pearson over the grid positions of an image "
    "between a site's activity and that of the site most alike on the other images, median over sites, "
    "mean over images; best_pair chooses the site on the image itself, as published"
)


class Drawn(TypedDict):
    """Random half-splits, where there are such, and the seed of all that is drawn."""

    n_splits: NotRequired[int]
    seed: int


class DescribedCeiling(Drawn):
    """A ceiling: the median over neuroids with its interval, None where undefined, as the status tells."""

    value: float | None
    ci_low: float | None
    ci_high: float | None
    method: str
    n_neuroids: int
    n_undefined: int
    status: str  # "ok", or why there is no value
    upper: NotRequired[float | None]  # of subjects' dissimilarities, between which and the value it lies


class CeilingKind(TypedDict):
    """What a ceiling is: a ``reliability`` or the likeness of ``site_pairs``; and its published form."""

    kind: str
    best_pair: NotRequired[float | None]  # of site pairs
    split_slots: NotRequired[float]  # of repetitions that are unequal


class RecordingCeiling(DescribedCeiling, CeilingKind):
    """The ceiling that scores are divided by, with the number of reliable neuroids."""

    reliability_threshold: float
    n_reliable: int


class DescribedCeilings(TypedDict):
    """The ceilings of one time bin, or of the mean over them."""

    ceiling: RecordingCeiling
    subject_ceiling: DescribedCeiling


class DescribedTimeBin(DescribedCeilings):
    """A time bin, its borders None and its name empty where the file says none."""

    start: float | None
    end: float | None
    window: str


class Grid(TypedDict):
    """How many images, and grid positions on each."""

    n_images: int
    height: int
    width: int


class Repetitions(TypedDict):
    """Over stimuli."""

    min: int
    median: float
    max: int


class Excluded(TypedDict):
    """What a recording lacks."""

    neuroids_other_regions: int
    neuroids_missing: list[str]
    responses_missing: int


class DescribedDissimilarities(TypedDict):
    """Dissimilarities of one subject, and the least eigenvalue of 1 − these as a share of the largest."""

    min: float
    median: float
    max: float
    least_eigenvalue: float


class Origin(TypedDict):
    """What a recording's file does not know: its name, place and reader, the region that was chosen."""

    name: str
    source: str
    reader: str
    region: str | None
    version: int


class RecordingCard(Origin, DescribedCeilings):
    """What stage recordings says of a recording; `regions` and `subjects` are numbers of neuroids."""

    identifier: str
    simulated: bool
    protocol: str  # whole_image or grid
    grid: Grid | None
    positions: bool  # whether neuroids have x and y
    regions: dict[str, int]
    subjects: dict[str, int]
    n_stimuli: int
    n_neuroids: int
    n_repetitions: int
    n_time_bins: int
    repetitions_per_stimulus: Repetitions
    excluded: Excluded
    dissimilarities: NotRequired[dict[str, DescribedDissimilarities]]  # by subject
    time_bins: list[DescribedTimeBin]
    content_sha256: str


class Ceilings(NamedTuple):
    """The ceilings of one time bin; of grids without repetitions `site_pairs` stands in."""

    split_half: SplitHalf
    subject: SubjectCeiling
    site_pairs: SitePair | None


def compute_ceilings(
    responses: xr.DataArray, n_splits: int, seed: int, components: int, pictures: np.ndarray | None = None
) -> Ceilings:
    """Compute the ceilings of responses (stimulus, repetition, neuroid), a grid recording's within images.

    What one subject's neuroids predict of another's, by PLS of `components`, is tested on other `pictures`
    (n_stimuli,) than fitted.
    """
    images = responses.image_id.values.astype(str) if form.is_grid(responses) else None
    repeated = responses.sizes["repetition"] > 1
    return Ceilings(
        split_half_ceiling(responses.values, n_splits, seed, images, pictures),
        subject_ceiling(
            mean_over_repetitions(responses.transpose("stimulus", "neuroid", "repetition").values),
            responses.subject.values.astype(str),
            components,
            n_splits,
            seed,
            groups=images,
            pictures=pictures,
        ),
        None if images is None or repeated else site_pairs(responses, seed),
    )


def site_pairs(responses: xr.DataArray, seed: int) -> SitePair:
    """Likeness of the sites' activity in one time bin, recorded once."""
    n_images, height, width = form.grid(responses)
    activity = responses.isel(repetition=0).values.astype(np.float64)
    return site_pair_ceiling(activity.reshape(n_images, height * width, -1), seed)


def is_simulated(path: str, recording: xr.DataArray, said: bool | None) -> bool:
    """Reconcile the file's own word with the command line's: what is simulated stays so."""
    if recording.attrs["simulated"] and said is False:
        raise InputError(f"{path}: simulated: the file says that it is simulated, --simulated says false")
    return bool(recording.attrs["simulated"]) or bool(said)


def ceiling_table(
    recording: xr.DataArray, ceilings: list[Ceilings], reliability_threshold: float
) -> pd.DataFrame:
    """Tabulate ceilings, one row per neuroid and time bin; NaN where undefined, which is not reliable."""
    bins = zip(
        recording.time_bin_start.values,
        recording.time_bin_end.values,
        form.time_windows(recording),
        ceilings,
        strict=True,
    )
    neuroids = pd.DataFrame({name: recording[name].values for name in ("neuroid_id", "region", "subject")})
    tables = [
        neuroids.assign(
            time_bin_start=start,
            time_bin_end=end,
            window=window,
            ceiling=ceiling.split_half.per_neuroid,
            p_value=ceiling.split_half.p_value,
            reliable=reliable(ceiling.split_half, reliability_threshold),
            subject_ceiling=ceiling.subject.per_neuroid,
        )
        for start, end, window, ceiling in bins
    ]
    return pd.concat(tables, ignore_index=True)


def reliable(ceiling: SplitHalf, threshold: float) -> np.ndarray:
    """Neuroids (n_neuroids,) with a ceiling from the threshold on, whose responses depend on the stimulus."""
    return (ceiling.per_neuroid >= threshold) & (ceiling.p_value < ALPHA)


class Settings(NamedTuple):
    """Half-splits of the repetitions, their seed, and the least ceiling of a reliable neuroid."""

    ceiling_splits: int
    seed: int
    reliability_threshold: float


def of_recording(
    recording: xr.DataArray,
    overall: Ceilings,
    ceilings: list[Ceilings],
    settings: Settings,
    origin: Origin,
) -> RecordingCard:
    """Describe the recording; with several time bins `ceiling` is that of the mean over them.

    Parameters
    ----------
    overall, ceilings : Ceilings, list of Ceilings
        Of the mean over time bins, and of each.
    """
    n = recording.sizes
    present = ~np.isnan(recording.values)
    repetitions = present.any(axis=(2, 3)).sum(axis=1)
    return {
        "name": origin["name"],
        "identifier": recording.attrs["identifier"],
        "source": str(origin["source"]),
        "reader": origin["reader"],
        "simulated": bool(recording.attrs["simulated"]),
        "protocol": protocol(recording),
        "grid": grid(recording) if form.is_grid(recording) else None,
        "positions": "x" in recording.coords and "y" in recording.coords,
        "region": origin["region"] or None,
        "regions": dict(sorted(Counter(map(str, recording.region.values)).items())),
        "subjects": dict(sorted(Counter(map(str, recording.subject.values)).items())),
        "n_stimuli": n["stimulus"],
        "n_neuroids": n["neuroid"],
        "n_repetitions": n["repetition"],
        "n_time_bins": n["time_bin"],
        "repetitions_per_stimulus": {
            "min": int(repetitions.min()),
            "median": float(np.median(repetitions)),
            "max": int(repetitions.max()),
        },
        "excluded": {
            "neuroids_other_regions": int(recording.attrs.get("n_neuroids_other_regions", 0)),
            "neuroids_missing": recording.attrs.get("neuroids_missing", "").splitlines(),
            "responses_missing": int((~present).sum()),
        },
        **describe_ceilings(recording, overall, settings),
        "time_bins": [
            {
                "start": float(start) if window else None,
                "end": float(end) if window else None,
                "window": window,
                **describe_ceilings(recording, ceiling, settings),
            }
            for start, end, window, ceiling in zip(
                recording.time_bin_start.values,
                recording.time_bin_end.values,
                form.time_windows(recording),
                ceilings,
                strict=True,
            )
        ],
        "content_sha256": form.content_sha256(recording),
        "version": origin["version"],
    }


def protocol(recording: xr.DataArray) -> str:
    """Name the scoring that fits the recording: "grid" or "whole_image"."""
    return "grid" if form.is_grid(recording) else "whole_image"


def grid(recording: xr.DataArray) -> Grid:
    """How many images and positions a grid recording has."""
    n_images, height, width = form.grid(recording)
    return {"n_images": n_images, "height": height, "width": width}


def describe_ceilings(recording: xr.DataArray, ceilings: Ceilings, settings: Settings) -> DescribedCeilings:
    """Return both ceilings as JSON values; an undefined one has no value and a reason as its status."""
    split_half, subject, pairs = ceilings
    drawn: Drawn = {"n_splits": settings.ceiling_splits, "seed": settings.seed}
    subject_reason = "undefined for every neuroid (constant responses, or too few stimuli of both subjects)"
    if len(set(recording.subject.values)) < 2:
        subject_reason = "one subject only: no subject-to-subject ceiling"
    if pairs is not None:
        reason = "undefined: one site or image only, or missing responses"
        described = describe(pairs, SITE_PAIR_METHOD, reason, {"seed": settings.seed})
        kind: CeilingKind = {"kind": "site_pairs", "best_pair": or_none(pairs.best)}
    else:
        reason = "undefined for every neuroid (constant responses, or no stimulus was repeated)"
        if recording.sizes["repetition"] < 2:
            reason = "one repetition only: no split-half ceiling"
        method = METHODS[protocol(recording), split_half.equal]
        described = describe(
            split_half, method, reason, drawn if split_half.equal else {"seed": settings.seed}
        )
        kind = {"kind": "reliability"}
        if not (split_half.equal or np.isnan(split_half.slots) or form.is_grid(recording)):
            kind["split_slots"] = split_half.slots
    return {
        "ceiling": {
            **described,
            **kind,
            "reliability_threshold": settings.reliability_threshold,
            "n_reliable": int(reliable(split_half, settings.reliability_threshold).sum()),
        },
        "subject_ceiling": describe(subject, SUBJECT_METHODS[protocol(recording)], subject_reason, drawn),
    }


def describe(
    ceiling: SplitHalf | SubjectCeiling | SitePair, method: str, reason: str, drawn: Drawn
) -> DescribedCeiling:
    """Return a ceiling as JSON values; `reason` is why it is undefined, if it is."""
    return {
        "value": or_none(ceiling.value),
        "ci_low": or_none(ceiling.ci_low),
        "ci_high": or_none(ceiling.ci_high),
        "method": method,
        **drawn,
        "n_neuroids": len(ceiling.per_neuroid),
        "n_undefined": int(np.isnan(ceiling.per_neuroid).sum()),
        "status": reason if np.isnan(ceiling.value) else "ok",
    }
