"""Stage recordings: read neural recordings into the internal form, with the ceilings of every neuroid."""

from __future__ import annotations

import argparse
from functools import partial

from tqdm import tqdm

from visalign.comparisons import pls
from visalign.io.files import write_json
from visalign.io.tables import write_table
from visalign.recordings import card as cards
from visalign.recordings import form, rdm, rdm_card, readers
from visalign.recordings.reader import Asked
from visalign.stimuli import tables as stimulus_tables
from visalign.study.options import add_settings
from visalign.study.schemas import definition, section

VERSIONS = {"recordings": 5}
EXAMPLES = """\
  python -m visalign recordings --name majajhong --path assy_dicarlo_MajajHong2015_public.nc \\
      --reader assembly --region IT --sha1 13d28ca0ce88ee550b54db3004374ae19096e9b9 \\
      --output majajhong.nc --ceilings majajhong_ceilings.csv --recording-card majajhong.json
  python -m visalign recordings --name george_ml --path george_ml.mat --reader arcaro \\
      --region ML --subject George --windows 51-90,91-130,131-170,171-210,211-250 \\
      --output george_ml.nc --ceilings george_ml_ceilings.csv --recording-card george_ml.json
  python -m visalign recordings --name mine --path mine/card.yaml --reader arrays --table stimuli.csv \\
      --output mine.nc --ceilings mine_ceilings.csv --recording-card mine.json
  python -m visalign recordings --name it --path rdms.mat --reader rdm --variable "RDMs(1).RDM" --region IT \\
      --table stimuli.csv --output it.nc --ceilings it_ceilings.csv --recording-card it.json
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of ``python -m visalign recordings``."""
    parser.add_argument("--name", required=True, help="name of the recording")
    add_settings(parser, definition("recordings"), "recordings")
    parser.set_defaults(simulated=None)  # as the file says
    parser.add_argument("--table", help="table of the stimulus set that was shown (CSV), which has all ids")
    add_settings(parser, section("recordings"), "recordings")
    parser.add_argument("--output", required=True, help="recording in the internal form (netCDF)")
    parser.add_argument("--ceilings", required=True, help="ceiling per neuroid and time bin (CSV)")
    parser.add_argument(
        "--recording-card", required=True, help="what the recording is, with its ceilings (JSON)"
    )


def run(args: argparse.Namespace) -> None:
    """Read a recording, compute its ceilings, write the three outputs; the card comes last."""
    asked: Asked = {
        "region": args.region,
        "subject": args.subject,
        "windows": args.windows,
        "first_ms": args.first_ms,
        "variable": args.variable,
        "order": args.order,
        "stimulus_ids": list(stimulus_tables.read(args.table)["stimulus_id"]) if args.table else None,
    }
    recording = readers.read(args.reader, args.path, asked, args.sha1 or None)
    simulated = cards.is_simulated(args.path, recording, args.simulated)
    recording.attrs["simulated"] = int(simulated)
    settings = cards.Settings(args.ceiling_splits, args.ceiling_seed, args.reliability_threshold)
    origin: cards.Origin = {
        "name": args.name,
        "source": args.path,
        "reader": args.reader,
        "region": args.region,
        "version": VERSIONS["recordings"],
    }
    if rdm.is_rdm(recording):
        if args.table:  # all of its stimuli are there
            stimulus_tables.pictures(args.table, form.images(recording), args.path)
        form.write_recording(args.output, recording)
        write_table(args.ceilings, rdm_card.ceiling_table())
        write_json(args.recording_card, rdm_card.of_rdm(recording, settings, origin))
        return
    shown = stimulus_tables.pictures(args.table, form.images(recording), args.path) if args.table else None
    n_bins = recording.sizes["time_bin"]
    components = int(pls.COMPARISON.settings["components"])
    compute = partial(
        cards.compute_ceilings,
        n_splits=args.ceiling_splits,
        seed=args.ceiling_seed,
        components=components,
        pictures=shown,
    )
    ceilings = [
        compute(recording.isel(time_bin=i)) for i in tqdm(range(n_bins), desc="ceilings", unit="time bin")
    ]
    overall = compute(recording.mean("time_bin")) if n_bins > 1 else ceilings[0]
    form.write_recording(args.output, recording)
    write_table(args.ceilings, cards.ceiling_table(recording, ceilings, args.reliability_threshold))
    write_json(args.recording_card, cards.of_recording(recording, overall, ceilings, settings, origin))
