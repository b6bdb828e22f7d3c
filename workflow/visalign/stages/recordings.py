"""Stage recordings: read neural recordings into the internal form, with the ceilings of every neuroid."""

from __future__ import annotations

import argparse
from collections import Counter
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import xarray as xr
from tqdm import tqdm

from visalign.errors import InputError
from visalign.io.files import write_json
from visalign.io.tables import write_table
from visalign.neural.predictivity import mean_over_repetitions
from visalign.recordings import arcaro, arrays, assembly, form
from visalign.recordings.ceilings import ALPHA, SplitHalf, split_half_ceiling
from visalign.recordings.site_pairs import SitePair, site_pair_ceiling
from visalign.recordings.subject_ceilings import SubjectCeiling, subject_ceiling
from visalign.stimuli import tables as stimulus_tables
from visalign.study.options import at_least

VERSIONS = {"recordings": 4}
EXAMPLES = """\
  python -m visalign recordings --name majajhong --path assy_dicarlo_MajajHong2015_public.nc \\
      --reader assembly --region IT --sha1 13d28ca0ce88ee550b54db3004374ae19096e9b9 \\
      --output majajhong.nc --ceilings majajhong_ceilings.csv --card majajhong.json
  python -m visalign recordings --name george_ml --path george_ml.mat --reader arcaro \\
      --region ML --subject George --windows 51-90,91-130,131-170,171-210,211-250 \\
      --output george_ml.nc --ceilings george_ml_ceilings.csv --card george_ml.json
  python -m visalign recordings --name mine --path mine/card.yaml --reader arrays --table stimuli.csv \\
      --output mine.nc --ceilings mine_ceilings.csv --card mine.json
"""
READERS = ("assembly", "arcaro", "arrays")
#: By protocol, then whether repetitions are equal and even in number.
METHODS = {
    ("whole_image", True): "Pearson between means of random half-splits of the repetitions, Spearman-Brown "
    "corrected, median over neuroids, mean over splits; 95 % bootstrap interval over stimuli and neuroids",
    ("whole_image", False): "1 - noise variance of the mean responses over their variance, which is the mean "
    "over all half-splits of each stimulus' own repetitions, median over neuroids; 95 % bootstrap interval "
    "over stimuli and neuroids; split_slots is Brain-Score's, between halves of repetition numbers",
    ("map", True): "Pearson over the grid positions of one image between means of random half-splits of the "
    "repetitions, Spearman-Brown corrected, median over neuroids, mean over splits; square of the mean root "
    "over images; 95 % bootstrap interval over images and neuroids",
    ("map", False): "1 - noise variance of the mean responses over their variance over the grid positions of "
    "one image, median over neuroids; square of the mean root over images; 95 % bootstrap interval over "
    "images and neuroids",
}
SUBJECT_METHODS = {
    "whole_image": "Pearson over held-out stimuli of PLS predictions from the neuroids of one other subject, "
    "mean over shuffle splits and subjects, median over neuroids; 95 % bootstrap interval over neuroids",
    "map": "Pearson over the grid positions of a held-out image of PLS predictions from the neuroids of one "
    "other subject, mean over images and subjects, median over neuroids; 95 % bootstrap interval over "
    "neuroids",
}

SITE_PAIR_METHOD = (
    "site pairs, for want of repetitions (no reliability): Pearson over the grid positions of an image "
    "between a site's map and that of the site most alike on the other images, median over sites, mean over "
    "images; best_pair chooses the site on the image itself, as published"
)


class Ceilings(NamedTuple):
    """The ceilings of one time bin; of maps without repetitions `site_pairs` stands in."""

    split_half: SplitHalf
    subject: SubjectCeiling
    site_pairs: SitePair | None


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of ``python -m visalign recordings``."""
    parser.add_argument("--name", required=True, help="name of the recording")
    parser.add_argument("--path", required=True, help="file to read; arrays: the card (YAML)")
    parser.add_argument("--reader", default="assembly", choices=READERS, help="format of the file")
    parser.add_argument(
        "--region", default=None, help="keep the neuroids of this region only; arcaro: the region of all"
    )
    parser.add_argument("--subject", default=None, help="arcaro: the subject")
    parser.add_argument(
        "--windows", default=None, help="arcaro: time bins in ms, ends included: 51-90,91-130"
    )
    parser.add_argument(
        "--first-ms", type=int, default=None, help="arcaro: time of the first sample after onset (default: 0)"
    )
    parser.add_argument("--sha1", default=None, help="expected checksum of the file")
    parser.add_argument(
        "--table",
        default=None,
        help="table of the stimulus set that was shown (CSV), to which ids must belong",
    )
    parser.add_argument(
        "--ceiling-splits", type=at_least(1), default=10, help="half-splits of the repetitions"
    )
    parser.add_argument("--seed", type=int, default=1, help="seed of splits and intervals")
    parser.add_argument(
        "--reliability-threshold",
        type=float,
        default=0.1,
        help="a neuroid is reliable where its split-half ceiling is at least this, and its responses differ "
        "between stimuli (F test, 5 %%)",
    )
    parser.add_argument(
        "--simulated",
        choices=["true", "false"],
        default=None,
        help="whether the data are simulated (default: as the file says)",
    )
    parser.add_argument("--output", required=True, help="recording in the internal form (netCDF)")
    parser.add_argument("--ceilings", required=True, help="ceiling per neuroid and time bin (CSV)")
    parser.add_argument("--card", required=True, help="what the recording is, with its ceilings (JSON)")


def run(args: argparse.Namespace) -> None:
    """Read a recording, compute its ceilings, write the three outputs; the card comes last."""
    recording = read(args)
    recording.attrs["simulated"] = int(is_simulated(args.path, recording, args.simulated))
    shown = (
        stimulus_tables.pictures(args.table, form.images(recording), args.path) if args.table else None
    )
    n_bins = recording.sizes["time_bin"]
    ceilings = [
        compute_ceilings(recording.isel(time_bin=i), args.ceiling_splits, args.seed, shown)
        for i in tqdm(range(n_bins), desc="ceilings", unit="time bin")
    ]
    overall = ceilings[0]
    if n_bins > 1:
        overall = compute_ceilings(recording.mean("time_bin"), args.ceiling_splits, args.seed, shown)
    form.write_recording(args.output, recording)
    write_table(args.ceilings, ceiling_table(recording, ceilings, args.reliability_threshold))
    write_json(args.card, card(args, recording, overall, ceilings))


def read(args: argparse.Namespace) -> xr.DataArray:
    """Read a recording with its reader; an option too few or too many is an InputError."""
    if args.reader == "arcaro":
        for name in ("region", "subject", "windows"):
            if not getattr(args, name):
                raise InputError(f"--{name}: the reader arcaro needs it")
        return arcaro.read_map(
            args.path, args.windows, args.region, args.subject, args.first_ms or 0, args.sha1 or None
        )
    for name in ("subject", "windows", "first_ms"):
        if getattr(args, name) is not None:
            raise InputError(f"--{name.replace('_', '-')}: the reader {args.reader} does not take it")
    reader = assembly.read_assembly if args.reader == "assembly" else arrays.read_arrays
    return reader(args.path, region=args.region or None, sha1=args.sha1 or None)


def compute_ceilings(
    responses: xr.DataArray, n_splits: int, seed: int, pictures: np.ndarray | None = None
) -> Ceilings:
    """Compute the ceilings of responses (stimulus, repetition, neuroid), a map recording's within images.

    What one subject's neuroids predict of another's is tested on other `pictures` (n_stimuli,) than fitted.
    """
    images = responses.image_id.values.astype(str) if form.is_map(responses) else None
    repeated = responses.sizes["repetition"] > 1
    return Ceilings(
        split_half_ceiling(responses.values, n_splits, seed, images, pictures),
        subject_ceiling(
            mean_over_repetitions(responses.transpose("stimulus", "neuroid", "repetition").values),
            responses.subject.values.astype(str),
            n_splits,
            seed,
            groups=images,
            pictures=pictures,
        ),
        None if images is None or repeated else site_pairs(responses, seed),
    )


def site_pairs(responses: xr.DataArray, seed: int) -> SitePair:
    """Likeness of the sites' maps of one time bin, recorded once."""
    n_images, height, width = form.grid(responses)
    maps = responses.isel(repetition=0).values.astype(np.float64)
    return site_pair_ceiling(maps.reshape(n_images, height * width, -1), seed)


def is_simulated(path: str, recording: xr.DataArray, said: str | None) -> bool:
    """Reconcile the file's own word with the command line's: what is simulated stays so."""
    if recording.attrs["simulated"] and said == "false":
        raise InputError(f"{path}: simulated: the file says that it is simulated, --simulated says false")
    return bool(recording.attrs["simulated"]) or said == "true"


def ceiling_table(
    recording: xr.DataArray, ceilings: list[Ceilings], reliability_threshold: float
) -> pd.DataFrame:
    """Tabulate ceilings, one row a neuroid and time bin; NaN where undefined, which is not reliable."""
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


def card(
    args: argparse.Namespace, recording: xr.DataArray, overall: Ceilings, ceilings: list[Ceilings]
) -> dict[str, Any]:
    """Describe the recording; with several time bins `ceiling` is that of the mean over them."""
    n = recording.sizes
    present = ~np.isnan(recording.values)
    repetitions = present.any(axis=(2, 3)).sum(axis=1)
    return {
        "name": args.name,
        "identifier": recording.attrs["identifier"],
        "source": str(args.path),
        "reader": args.reader,
        "simulated": bool(recording.attrs["simulated"]),
        "protocol": protocol(recording),
        "grid": dict(zip(("n_images", "height", "width"), form.grid(recording), strict=True))
        if form.is_map(recording)
        else None,
        "positions": "x" in recording.coords and "y" in recording.coords,
        "region": args.region or None,
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
            "neuroids_other_regions": int(recording.attrs["n_neuroids_other_regions"]),
            "neuroids_missing": recording.attrs.get("neuroids_missing", "").splitlines(),
            "responses_missing": int((~present).sum()),
        },
        **describe_ceilings(args, recording, overall),
        "time_bins": [
            {"start": float(start) if window else None, "end": float(end) if window else None}
            | {"window": window}
            | describe_ceilings(args, recording, ceiling)
            for start, end, window, ceiling in zip(
                recording.time_bin_start.values,
                recording.time_bin_end.values,
                form.time_windows(recording),
                ceilings,
                strict=True,
            )
        ],
        "content_sha256": form.content_sha256(recording),
        "version": VERSIONS["recordings"],
    }


def protocol(recording: xr.DataArray) -> str:
    """Name the scoring that fits the recording: "map" or "whole_image"."""
    return "map" if form.is_map(recording) else "whole_image"


def describe_ceilings(
    args: argparse.Namespace, recording: xr.DataArray, ceilings: Ceilings
) -> dict[str, Any]:
    """Return both ceilings as JSON values; an undefined one has no value and a reason as its status."""
    split_half, subject, pairs = ceilings
    settings = {"n_splits": args.ceiling_splits, "seed": args.seed}
    subject_reason = "undefined for every neuroid (constant responses, or too few stimuli of both subjects)"
    if len(set(recording.subject.values)) < 2:
        subject_reason = "one subject only: no subject-to-subject ceiling"
    if pairs is not None:
        reason = "undefined: one site or image only, or missing responses"
        described = describe(pairs, SITE_PAIR_METHOD, reason, {"seed": args.seed})
        described |= {"kind": "site_pairs", "best_pair": None if np.isnan(pairs.best) else pairs.best}
    else:
        reason = "undefined for every neuroid (constant responses, or no stimulus was repeated)"
        if recording.sizes["repetition"] < 2:
            reason = "one repetition only: no split-half ceiling"
        method = METHODS[protocol(recording), split_half.equal]
        described = describe(
            split_half, method, reason, settings if split_half.equal else {"seed": args.seed}
        )
        described |= {"kind": "reliability"}
        if not (split_half.equal or np.isnan(split_half.slots) or form.is_map(recording)):
            described |= {"split_slots": split_half.slots}
    n_reliable = int(reliable(split_half, args.reliability_threshold).sum())
    described |= {"reliability_threshold": args.reliability_threshold, "n_reliable": n_reliable}
    return {
        "ceiling": described,
        "subject_ceiling": describe(subject, SUBJECT_METHODS[protocol(recording)], subject_reason, settings),
    }


def describe(
    ceiling: SplitHalf | SubjectCeiling | SitePair, method: str, reason: str, settings: dict[str, int]
) -> dict[str, Any]:
    """Return a ceiling as JSON values; `reason` is why it is undefined, if it is."""
    numbers = {"value": ceiling.value, "ci_low": ceiling.ci_low, "ci_high": ceiling.ci_high}
    return {
        **{name: None if np.isnan(number) else float(number) for name, number in numbers.items()},
        "method": method,
        **settings,
        "n_neuroids": len(ceiling.per_neuroid),
        "n_undefined": int(np.isnan(ceiling.per_neuroid).sum()),
        "status": reason if np.isnan(ceiling.value) else "ok",
    }
