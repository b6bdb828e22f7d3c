"""Stage recordings: read neural recordings into the internal form, with the ceilings of every neuroid."""

from __future__ import annotations

import argparse
from collections import Counter
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from tqdm import tqdm

from visalign import assemblies
from visalign.ceilings import SplitHalf, split_half_ceiling
from visalign.errors import InputError
from visalign.tables import write_json, write_table

VERSION = 1
EXAMPLES = """\
  python -m visalign recordings --name majajhong --assembly assy_dicarlo_MajajHong2015_public.nc \\
      --reader assembly --region IT --sha1 13d28ca0ce88ee550b54db3004374ae19096e9b9 \\
      --output majajhong.nc --ceilings majajhong_ceilings.csv --card majajhong.json
"""
READERS = {"assembly": assemblies.read_assembly}
METHOD = (
    "Pearson between means of random half-splits of the repetitions, Spearman-Brown corrected, "
    "median over neuroids, mean over splits; 95 % bootstrap interval over neuroids"
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of ``python -m visalign recordings``."""
    parser.add_argument("--name", required=True, help="name of the recording")
    parser.add_argument("--assembly", required=True, help="file to read")
    parser.add_argument("--reader", default="assembly", choices=sorted(READERS), help="format of the file")
    parser.add_argument("--region", default=None, help="keep the neuroids of this region only")
    parser.add_argument("--sha1", default=None, help="expected checksum of the file")
    parser.add_argument("--ceiling-splits", type=int, default=10, help="half-splits of the repetitions")
    parser.add_argument("--seed", type=int, default=1, help="seed of splits and intervals")
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
    if args.ceiling_splits < 1:
        raise InputError(f"--ceiling-splits: {args.ceiling_splits} is not a positive number")
    recording = READERS[args.reader](args.assembly, region=args.region or None, sha1=args.sha1 or None)
    recording.attrs["simulated"] = int(is_simulated(args.assembly, recording, args.simulated))
    windows = assemblies.time_windows(recording)
    ceilings = [
        split_half_ceiling(recording.values[..., i], args.ceiling_splits, args.seed)
        for i in tqdm(range(len(windows)), desc="ceilings", unit="time bin")
    ]
    overall = ceilings[0]
    if len(windows) > 1:
        mean = recording.mean("time_bin").values
        overall = split_half_ceiling(mean, args.ceiling_splits, args.seed)
    assemblies.write_recording(args.output, recording)
    write_table(args.ceilings, ceiling_table(recording, ceilings))
    write_json(args.card, card(args, recording, overall, ceilings))


def is_simulated(path: str, recording: xr.DataArray, said: str | None) -> bool:
    """Reconcile the file's own word with the command line's: what is simulated stays so."""
    if recording.attrs["simulated"] and said == "false":
        raise InputError(f"{path}: simulated: the file says that it is simulated, --simulated says false")
    return bool(recording.attrs["simulated"]) or said == "true"


def ceiling_table(recording: xr.DataArray, ceilings: list[SplitHalf]) -> pd.DataFrame:
    """Tabulate ceilings, one row a neuroid and time bin; NaN where undefined."""
    bins = zip(
        recording.time_bin_start.values,
        recording.time_bin_end.values,
        assemblies.time_windows(recording),
        ceilings,
        strict=True,
    )
    neuroids = pd.DataFrame({name: recording[name].values for name in ("neuroid_id", "region", "subject")})
    tables = [
        neuroids.assign(time_bin_start=start, time_bin_end=end, window=window, ceiling=ceiling.per_neuroid)
        for start, end, window, ceiling in bins
    ]
    return pd.concat(tables, ignore_index=True)


def card(
    args: argparse.Namespace, recording: xr.DataArray, overall: SplitHalf, ceilings: list[SplitHalf]
) -> dict[str, Any]:
    """Describe the recording; with several time bins `ceiling` is that of the mean over them."""
    n = recording.sizes
    present = ~np.isnan(recording.values)
    repetitions = present.any(axis=(2, 3)).sum(axis=1)
    settings = {"n_splits": args.ceiling_splits, "seed": args.seed}
    return {
        "name": args.name,
        "identifier": recording.attrs["identifier"],
        "source": str(args.assembly),
        "reader": args.reader,
        "simulated": bool(recording.attrs["simulated"]),
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
            "responses_missing": int((~present).sum()),
        },
        "ceiling": describe_ceiling(overall, n["repetition"], settings),
        "time_bins": [
            {"start": float(start), "end": float(end), "window": window}
            | {"ceiling": describe_ceiling(ceiling, n["repetition"], settings)}
            for start, end, window, ceiling in zip(
                recording.time_bin_start.values,
                recording.time_bin_end.values,
                assemblies.time_windows(recording),
                ceilings,
                strict=True,
            )
        ],
        "content_sha256": assemblies.content_sha256(recording),
        "version": VERSION,
    }


def describe_ceiling(ceiling: SplitHalf, n_repetitions: int, settings: dict[str, int]) -> dict[str, Any]:
    """Return a ceiling as JSON values; an undefined one has no value and a reason as its status."""
    status = "ok"
    if n_repetitions < 2:
        status = "one repetition only: no split-half ceiling"
    elif np.isnan(ceiling.value):
        status = "undefined for every neuroid (constant responses, or no stimulus in both halves)"
    numbers = {"value": ceiling.value, "ci_low": ceiling.ci_low, "ci_high": ceiling.ci_high}
    return {
        **{name: None if np.isnan(number) else float(number) for name, number in numbers.items()},
        "method": METHOD,
        **settings,
        "n_neuroids": len(ceiling.per_neuroid),
        "n_undefined": int(np.isnan(ceiling.per_neuroid).sum()),
        "status": status,
    }
