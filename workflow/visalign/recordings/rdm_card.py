"""The card of a recording of dissimilarities: no responses, hence no reliability; subjects have bounds."""

from __future__ import annotations

import numpy as np
import pandas as pd
import xarray as xr

from visalign.recordings import form, rdm
from visalign.recordings.card import (
    DescribedCeiling,
    DescribedCeilings,
    DescribedDissimilarities,
    Origin,
    RecordingCard,
    Settings,
)
from visalign.recordings.rdm_ceilings import rank_bounds
from visalign.stats.defined import or_none

NO_RELIABILITY = "dissimilarities have no repetitions: no reliability"
ONE_SUBJECT = "one subject only: no subject-to-subject ceiling"
SUBJECT_METHOD = (
    "Spearman between the dissimilarities of a subject and the ranked mean ranks of the others', mean over "
    "subjects; upper: of all subjects', itself among them (Nili et al. 2014)"
)
#: Columns of the table of ceilings, which has no neuroid.
COLUMNS = (
    *("neuroid_id", "region", "subject", "time_bin_start", "time_bin_end", "window"),
    *("ceiling", "p_value", "reliable", "subject_ceiling"),
)


def ceiling_table() -> pd.DataFrame:
    """Table of ceilings per neuroid, of which there are none."""
    return pd.DataFrame(columns=list(COLUMNS))


def of_rdm(recording: xr.DataArray, settings: Settings, origin: Origin) -> RecordingCard:
    """Describe a recording of dissimilarities in the internal form; it has subjects, but no neuroids."""
    matrices = rdm.by_subject(recording)
    ceilings = describe_ceilings(list(matrices.values()), settings)
    n = recording.sizes["stimulus"]
    return {
        "name": origin["name"],
        "identifier": recording.attrs["identifier"],
        "source": str(origin["source"]),
        "reader": origin["reader"],
        "simulated": bool(recording.attrs["simulated"]),
        "protocol": "whole_image",
        "grid": None,
        "positions": False,
        "region": origin["region"] or None,
        "regions": {str(name): 0 for name in np.unique(recording["region"].values.astype(str))},
        "subjects": dict.fromkeys(matrices, 0),
        "n_stimuli": n,
        "n_neuroids": 0,
        "n_repetitions": 1,
        "n_time_bins": 1,
        "repetitions_per_stimulus": {"min": 1, "median": 1.0, "max": 1},
        "excluded": {"neuroids_other_regions": 0, "neuroids_missing": [], "responses_missing": 0},
        "dissimilarities": {name: describe(values) for name, values in matrices.items()},
        **ceilings,
        "time_bins": [{"start": None, "end": None, "window": "", **ceilings}],
        "content_sha256": form.content_sha256(recording),
        "version": origin["version"],
    }


def describe(values: np.ndarray) -> DescribedDissimilarities:
    """What the dissimilarities (n, n) of a subject are."""
    pairs = values[~np.tri(len(values), dtype=bool)]
    return {
        "min": float(pairs.min()),
        "median": float(np.median(pairs)),
        "max": float(pairs.max()),
        "least_eigenvalue": rdm.least_eigenvalue(values),
    }


def describe_ceilings(matrices: list[np.ndarray], settings: Settings) -> DescribedCeilings:
    """Both ceilings of dissimilarities (n, n) of each subject; one that is not there has a reason."""
    lower, upper = rank_bounds(matrices)
    nothing: DescribedCeiling = {
        "value": None,
        "ci_low": None,
        "ci_high": None,
        "method": "",
        "seed": settings.seed,
        "n_neuroids": 0,
        "n_undefined": 0,
        "status": NO_RELIABILITY,
    }
    return {
        "ceiling": {
            **nothing,
            "kind": "reliability",
            "reliability_threshold": settings.reliability_threshold,
            "n_reliable": 0,
        },
        "subject_ceiling": {
            **nothing,
            "value": or_none(lower),
            "upper": or_none(upper),
            "method": SUBJECT_METHOD,
            "status": "ok" if len(matrices) > 1 else ONE_SUBJECT,
        },
    }
