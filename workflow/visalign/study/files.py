"""The files that a study names: are they there, of their format, and do their ids and labels match?

No image is decoded and no network is run.
"""

from __future__ import annotations

import glob
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple, TypeVar

import numpy as np
from tqdm import tqdm

from visalign.errors import InputError, collected, raise_any
from visalign.io.rows import MapsRow, ProbeRow, RecordingRow, StimuliRow
from visalign.labels import multi_labels
from visalign.maps import lists as map_lists
from visalign.maps import revelation
from visalign.maps.filtered_clicks import read_clicks
from visalign.probes.people import read_answers
from visalign.probes.trials import check as check_trials
from visalign.probes.trials import read_trials, trials_of
from visalign.recordings import lists as recording_lists
from visalign.recordings import readers
from visalign.stimuli import images, sources
from visalign.stimuli.source import Listed
from visalign.stimuli.tables import unmatched
from visalign.study import fetched
from visalign.study.layout import made
from visalign.study.study import Study
from visalign.trend import overlay as overlays

#: Columns of sheets that name files.
FILES = {
    "stimuli": ("path", "labels", "multi_labels", "archive"),
    "recordings": ("path", "order"),
    "maps": ("path", "labels", "clicks"),
    "probes": ("trials", "people"),
}

Row = TypeVar("Row", bound=Mapping[str, object])


@dataclass
class Findings:
    """What is wrong with a study's files, and what is worth knowing of them."""

    faults: list[str] = field(default_factory=list)
    images: dict[str, int] = field(default_factory=dict)  # stimulus set -> number of images
    unread: dict[str, list[str]] = field(
        default_factory=dict
    )  # stimulus set -> files that are no images of it
    pending: list[str] = field(default_factory=list)  # files that the study makes or fetches first


def examine(study: Study, findings: Findings, probed: int | None = None) -> None:
    """Check the files that some stage of a study will read, as far as they are there; adds to the findings.

    Parameters
    ----------
    probed : int, optional
        Read the headers of so many images of a set at most, evenly spread; of all by default.
    """
    listed: dict[str, Stimuli] = {}
    for name, row in there(study, "stimuli", study.stimuli, findings):
        with collected(findings.faults):
            listed[name] = stimulus_set(name, row, findings, probed)
    for _, recorded in there(study, "recordings", study.recordings, findings):
        with collected(findings.faults):
            recording(recorded, listed.get(recorded["stimuli"]))
    for name, mapped in there(study, "maps", study.maps, findings):
        with collected(findings.faults):
            map_set(name, mapped, listed.get(mapped["stimuli"]))
    for _, probed_row in there(study, "probes", study.probes, findings):
        with collected(findings.faults):
            probe(probed_row, study.stimuli[probed_row["stimuli"]], listed.get(probed_row["stimuli"]))
    with collected(findings.faults):
        tables(study)


def there(study: Study, sheet: str, rows: Mapping[str, Row], findings: Findings) -> Iterator[tuple[str, Row]]:
    """Yield name and row of those rows of a sheet in use all of whose files are there.

    Files that the study makes are pending, even where they are there: they may be of an earlier config.
    """
    used = study.in_use()[sheet]
    for name, row in rows.items():
        paths = [str(row[column]) for column in FILES[sheet] if column in row and name in used]
        if sheet == "recordings" and paths:
            paths += beside(row)
        missing = [path for path in paths if not made(path) and (fetched.absent(path) or not exists(path))]
        absent = [path for path in missing if not fetched.of_path(path)]
        place = f"{study.section(sheet)['sheet']}: {name}"
        findings.faults += [f"{place}: {path}: no such file or folder" for path in absent]
        findings.pending += [path for path in paths if made(path) or (path in missing and path not in absent)]
        if name in used and not missing and not any(map(made, paths)):
            yield name, row


def beside(row: Mapping[str, object]) -> list[str]:
    """Files that are fetched among those that the file of a recording names; its check tells of others."""
    with suppress(InputError):  # which its check tells
        named = readers.of(str(row["reader"])).files(str(row["path"]))
        return [file for file in named if fetched.of_path(file)]
    return []


def exists(path: str) -> bool:
    """Whether there is a file, a folder, or a file of a pattern."""
    return bool(glob.glob(path)) if "*" in path else Path(path).exists()


class Stimuli(NamedTuple):
    """A stimulus set, and the height and width of those of its images that were looked at, by id."""

    listed: Listed
    sizes: dict[str, tuple[int, int]]


def stimulus_set(name: str, row: StimuliRow, findings: Findings, probed: int | None) -> Stimuli:
    """List a stimulus set and read the headers of its images; every image that is wrong is a fault."""
    listed = sources.listed(row)
    if "multi_labels" in row:
        multi_labels.of_stimuli(listed.stimulus_id, row["multi_labels"], row.get("label_space", ""))
    findings.images[name] = len(listed.stimulus_id)
    if listed.unread:
        findings.unread[name] = listed.unread
    files = list(zip(listed.stimulus_id, listed.files or (), strict=False))
    if probed is not None and len(files) > probed:
        files = [files[i] for i in np.linspace(0, len(files) - 1, probed).astype(int)]
    sizes = {}
    for stimulus_id, file in tqdm(files, desc=f"check {name}", unit="image", delay=2, leave=False):
        with collected(findings.faults):
            sizes[stimulus_id] = images.probe(file, row.get("background", ""))
    return Stimuli(listed, sizes)


def recording(row: RecordingRow, stimuli: Stimuli | None) -> None:
    """Check a recording: its file, its grid, its stimuli against those of the set."""
    listed = recording_lists.listed_stimuli(row)
    place = f"the stimulus set {row['stimuli']}"
    if stimuli and listed.in_order:
        n, shown = len(listed.stimulus_ids), len(stimuli.listed.stimulus_id)
        if n != shown:
            raise InputError(
                f"{row['path']}: {n} stimuli, but {place} has {shown} images, whose order is theirs"
            )
    elif stimuli and (reason := unmatched(listed.stimulus_ids, stimuli.listed.stimulus_id, place)):
        raise InputError(f"{row['path']}: {reason}")


def map_set(name: str, row: MapsRow, stimuli: Stimuli | None) -> None:
    """Check a map set: its files; ids, in their order, labels and shapes against those of the images."""
    if "clicks" in row:
        read_clicks(row["clicks"])
    listed = map_lists.listed_maps(name, row, stimuli and stimuli.listed)
    if stimuli is None:
        return
    ids, known = [stimulus_id for stimulus_id, _ in listed], stimuli.listed.stimulus_id
    place = f"stimulus set {row['stimuli']}"
    if reason := unmatched(ids, known, f"the {place}") or unmatched(
        known, ids, f"the maps, but in the {place}"
    ):
        raise InputError(f"{row['path']}: {reason}")
    if ids != known:
        raise InputError(f"{row['path']}: stimulus_id: those of the {place}, but in another order")
    for (stimulus_id, label), own in zip(listed, stimuli.listed.label or (), strict=False):
        if label is not None and label != own:
            where = row.get("labels", row["path"])
            raise InputError(f"{where}: label: {label} for {stimulus_id!r}, where the {place} has {own}")
    map_lists.check_shapes(name, row, stimuli.sizes, stimuli.listed)


def probe(row: ProbeRow, shown: StimuliRow, stimuli: Stimuli | None) -> None:
    """Check the trials of a probe against its stimulus set, and people's answers against the trials.

    Trials that the set's source draws with its images are known once it has.
    """
    known = stimuli and stimuli.listed.stimulus_id
    if "trials" in row:
        trials = read_trials(row["trials"], known)
    elif stimuli and stimuli.listed.trials is not None:
        trials = trials_of(stimuli.listed.trials, shown["path"])
        check_trials(trials, known)
    else:
        return
    trials.asked(row.get("tasks"))
    if "people" in row:
        read_answers(row["people"], trials)


def tables(study: Study) -> None:
    """Check the tables that the config names: published points, people's curve."""
    faults: list[str] = []
    settings = study.config["clickme"]["revelation"]
    if settings["enabled"] and settings["human_curve"]:
        with collected(faults):
            levels = settings["levels"] or revelation.LEVELS
            revelation.read_human_curve(settings["human_curve"], np.array(levels, dtype=float))
    if overlay := study.config["trend"].get("overlay"):
        with collected(faults):
            overlays.read_overlay(overlay, tuple(overlay["y"]))
    raise_any(faults)
