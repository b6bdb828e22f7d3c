"""Names by which sheets and config refer to rows of sheets: each must be there."""

from __future__ import annotations

from visalign.errors import unknown
from visalign.io.files import Json
from visalign.io.sheets import Sheet
from visalign.measures import MEASURES, Measure
from visalign.stimuli import sources


def check(config: Json, sheets: dict[str, Sheet], where: str, faults: list[str]) -> None:
    """Collect names that no row has; rows and settings that refer to such are taken out, in place.

    Parameters
    ----------
    config : dict
    sheets : dict of str to Sheet
        By kind, such as ``stimuli``.
    where : str
        File of the config, which faults name.
    """
    for kind in ("recordings", "maps", "probes"):
        for name, row in list(sheets[kind].rows.items()):
            place = f"{config[kind]['sheet']}: {name}: stimuli"
            if not known(sheets["stimuli"], place, row["stimuli"], faults):
                del sheets[kind].rows[name]
    for name, row in list(sheets["probes"].rows.items()):
        source = sources.of(sheets["stimuli"].rows[row["stimuli"]])
        if "trials" not in row and not source.asks:
            place = f"{config['probes']['sheet']}: {name}: trials"
            faults.append(
                f"{place}: empty, but the source {source.name} of {row['stimuli']!r} writes none: give a CSV"
            )
            del sheets["probes"].rows[name]
    for measure in MEASURES:
        if measure.over == "stimuli":
            check_stimuli(config[measure.name], measure, sheets["stimuli"], where, faults)
    for kind, datasets in config["simulate"].items():
        for name, settings in list(datasets.items()):
            place = f"{where}: simulate.{kind}.{name}"
            names = (("teacher", "models"), ("stimuli", "stimuli"), ("fit_stimuli", "stimuli"))
            there = [
                known(sheets[sheet], f"{place}.{key}", settings[key], faults)
                for key, sheet in names
                if key in settings
            ]
            if not all(there):
                del datasets[name]


def known(sheet: Sheet, place: str, name: str, faults: list[str]) -> bool:
    """Whether a sheet has a row of a name that is right; one that it does not have at all is a fault."""
    if not sheet.knows(name):
        faults.append(f"{place}: {unknown(name, sheet.rows)}")
    return name in sheet.rows


def check_stimuli(section: Json, measure: Measure, stimuli: Sheet, where: str, faults: list[str]) -> None:
    """Check the stimulus sets of a measure; those that are not there are taken out, null is all there are."""
    if section["stimuli"] is None:
        rows = stimuli.rows.items()
        section["stimuli"] = [name for name, row in rows if "label_space" in row or not measure.labelled]
    place = f"{where}: {measure.name}.stimuli"
    section["stimuli"] = [name for name in section["stimuli"] if known(stimuli, place, name, faults)]
    if measure.labelled:
        bare = [name for name in section["stimuli"] if "label_space" not in stimuli.rows[name]]
        faults += [f"{place}: {name!r} has no label_space" for name in bare]
