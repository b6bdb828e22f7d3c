"""Stage recordings: read neural recordings into the internal form, with the ceilings of every neuroid."""

from __future__ import annotations

import argparse

from tqdm import tqdm

from visalign.io.files import write_json
from visalign.io.tables import write_table
from visalign.recordings import card as cards
from visalign.recordings import form, readers
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


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of ``python -m visalign recordings``."""
    parser.add_argument("--name", required=True, help="name of the recording")
    parser.add_argument("--path", required=True, help="file to read; arrays: the card (YAML)")
    parser.add_argument("--reader", default="assembly", choices=readers.names(), help="format of the file")
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
    row = {name: getattr(args, name) for name in ("region", *readers.SETTINGS)}
    recording = readers.read(args.reader, args.path, row, args.sha1 or None)
    simulated = cards.is_simulated(args.path, recording, args.simulated)
    recording.attrs["simulated"] = int(simulated)
    shown = stimulus_tables.pictures(args.table, form.images(recording), args.path) if args.table else None
    n_bins = recording.sizes["time_bin"]
    ceilings = [
        cards.compute_ceilings(recording.isel(time_bin=i), args.ceiling_splits, args.seed, shown)
        for i in tqdm(range(n_bins), desc="ceilings", unit="time bin")
    ]
    overall = ceilings[0]
    if n_bins > 1:
        overall = cards.compute_ceilings(recording.mean("time_bin"), args.ceiling_splits, args.seed, shown)
    settings = cards.Settings(args.ceiling_splits, args.seed, args.reliability_threshold)
    form.write_recording(args.output, recording)
    write_table(args.ceilings, cards.ceiling_table(recording, ceilings, args.reliability_threshold))
    named = {"name": args.name, "source": args.path, "reader": args.reader, "region": args.region}
    named["version"] = VERSIONS["recordings"]
    write_json(args.card, cards.of_recording(recording, overall, ceilings, settings, named))
