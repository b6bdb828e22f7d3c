"""What a study measures and what not: recordings, maps, labelled images, scores of others are optional."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Protocol

from visalign.errors import collected
from visalign.io.files import Json
from visalign.io.rows import MapsRow, ModelRow, StimuliRow
from visalign.measures import MEASURES, Measure
from visalign.measures.added_scores import OF_MODELS, AddedScores, read_table
from visalign.measures.measure import SWITCHED_OFF
from visalign.study.config import Config


class Sheets(Protocol):
    """What is read here of a study, which is built on it."""

    @property
    def config(self) -> Config:
        """The whole config."""

    @property
    def models(self) -> Mapping[str, ModelRow]:
        """Rows of the model sheet."""

    @property
    def stimuli(self) -> Mapping[str, StimuliRow]:
        """Rows of the sheet of stimulus sets."""

    @property
    def maps(self) -> Mapping[str, MapsRow]:
        """Rows of the sheet of maps."""

    @property
    def added(self) -> list[AddedScores]:
        """Tables of scores that others measured."""

    @property
    def trained(self) -> Mapping[str, object]:
        """Recipes of the models that are trained."""

    def datasets(self, measure: Measure) -> dict[str, str]:
        """Datasets of a measure, each with its stimulus set."""

    def switched_off(self, stage: str) -> str | None:
        """The stage that is off and without which a stage does not run, or None."""

    def undefined(self, measure: str, model: str, stimuli: str) -> str | None:
        """Why a model has no score on a benchmark, or None."""


#: Why a measure over the rows of a sheet has no dataset where the sheet has no rows.
NONE = {
    "recordings": "no recordings in this study",
    "maps": "no importance maps in this study",
    "stimuli": "no labelled images in this study",
    "probes": "no probes in this study",
}


def without_empty(config: Json, kinds: Iterable[str]) -> None:
    """Take out of a config the sections of sheets that are there without a word: ``recordings:``."""
    for kind in kinds:
        if kind in config and config[kind] is None:
            del config[kind]


def tables(config: Config, models: Mapping[str, ModelRow], faults: list[str]) -> list[AddedScores]:
    """Read the tables of scores that others measured, and collect what is wrong with them.

    What a table says of a model that is in the model sheet must be what the sheet says.
    """
    found: list[AddedScores] = []
    for path in config["scores"]["tables"]:
        with collected(faults):
            found.append(read_table(path))
    seen: dict[tuple[str, ...], str] = {}
    for table in found:
        for key, line in table.lines.items():
            where = f"{table.path}: line {line}"
            if key in seen:
                score = " ".join(filter(None, key[1:]))
                faults.append(f"{where}: model: {key[0]!r} has {score} in {seen[key]} too")
            seen.setdefault(key, f"line {line} of {table.path}")
        for model, facts in table.models.items():
            row: Mapping[str, object] = models.get(model, {})
            for name in (name for name in OF_MODELS if name in facts and name in row):
                if str(row[name]) != facts.get(name):
                    sheet = config["models"]["sheet"]
                    faults.append(
                        f"{table.path}: {model}: {name}: {facts.get(name)!r}, but {row[name]!r} in {sheet}"
                    )
    return found


def needs_labels(measure: Measure, target: str | None, *, labelled: bool) -> bool:
    """Whether scores of a measure need labels that the outputs of a model name.

    Parameters
    ----------
    measure : Measure
    target : str, optional
        ``saliency.target`` of the config, by which saliency is of the class that a model answers: of sets
        without labels, or of all.
    labelled : bool
        Whether the stimulus set has labels.
    """
    if "saliency" not in measure.needs:
        return measure.labelled
    return target != "predicted" and not (target == "label_or_predicted" and not labelled)


def why_without_datasets(study: Sheets, measure: Measure) -> str:
    """Say why a measure has nothing that it could be measured on."""
    if measure.over == "maps" and study.maps:
        return "none of the map sets is scored"
    if measure.over == "stimuli" and any("label_space" in row for row in study.stimuli.values()):
        return f"{measure.name}.stimuli is empty"
    return NONE[measure.over]


def not_measured(study: Sheets) -> dict[str, str]:
    """Return the measures of which a study has no score of its own, by name, and why."""
    found: dict[str, str] = {}
    for measure in MEASURES:
        datasets = study.datasets(measure)
        if measure.over == "probes" and not study.config["probes"]["sheet"]:
            continue  # nobody asked for any
        if off := study.switched_off(measure.name):
            found[measure.name] = SWITCHED_OFF.format(off)
        elif not datasets:
            found[measure.name] = why_without_datasets(study, measure)
        elif not study.models:
            found[measure.name] = "no models in this study"
        else:
            pairs = ((model, stimuli) for stimuli in datasets.values() for model in study.models)
            reasons = dict[str, None]()
            for model, stimuli in pairs:
                if (reason := study.undefined(measure.name, model, stimuli)) is None:
                    break
                reasons[reason] = None
            else:
                found[measure.name] = "; ".join(reasons)
    return found


def nothing(study: Sheets) -> str:
    """Say that a study measures nothing at all and has no scores of others, in one line; '' where it does.

    A study that trains models and compares them measures that.
    """
    missing = not_measured(study)
    asked = [measure for measure in MEASURES if measure.over != "probes" or study.datasets(measure)]
    if len(missing) < len(asked) or study.added or study.trained:
        return ""
    return "nothing to measure: " + "; ".join(f"{name}: {reason}" for name, reason in missing.items())
