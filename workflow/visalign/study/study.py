"""A study: the validated config and sheets, and which files every model needs.

This is all that the Snakefile knows. It imports nothing heavy, since every start of Snakemake pays.
"""

from __future__ import annotations

import fnmatch
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar, cast

from visalign.errors import collected, raise_any
from visalign.io.files import Json
from visalign.io.rows import MapsRow, ModelRow, ProbeRow, RecipeRow, RecordingRow, StimuliRow
from visalign.io.schemas import row_defaults
from visalign.io.sheets import Sheet, read_published, read_rows, usable_config
from visalign.labels import spaces
from visalign.maps import readers as map_readers
from visalign.measures import BY_NAME, MEASURES, Measure
from visalign.measures.added_scores import AddedScores, published_rows
from visalign.measures.measure import NOT_CHOSEN, SWITCHED_OFF
from visalign.stimuli.transforms import DataConfig, Transform
from visalign.study import axis, layout, recipes, references, scope
from visalign.study.config import Config
from visalign.study.schemas import definition
from visalign.zoo import facts as model_facts
from visalign.zoo import low_level
from visalign.zoo.weights import trained_here, weights_id

if TYPE_CHECKING:
    from visalign.measures.score_table import Chosen, Entry

#: Stages that can be switched off, each with the stages that it needs.
NEEDS: dict[str, tuple[str, ...]] = {
    "features": (),
    "gram": ("features",),
    "recordings": (),
    "maps": (),
    "saliency": (),
    **{measure.name: measure.needs for measure in MEASURES},
    "trend": (),
    "figures": ("trend",),
    "report": ("figures",),
}
#: Cache of what is known of models without their weights.
CACHE = layout.DATA_CONFIGS
#: Columns of sheets that name files and folders.
SOURCES = ("path", "labels", "multi_labels", "archive", "clicks", "order", "trials", "people")
#: Sheets, and the column that names their rows.
KEYS = {
    "models": "model",
    "train": "model",
    "stimuli": "stimuli",
    "recordings": "recording",
    "maps": "maps",
    "probes": "probe",
}
#: Kinds of simulated datasets, and the measure of what their teachers give.
SIMULATED: tuple[tuple[Literal["recordings", "clicks"], str], ...] = (
    ("recordings", "neural"),
    ("clicks", "clickme"),
)

Row = TypeVar("Row")


def select(rows: dict[str, Row], patterns: list[str], where: str) -> dict[str, Row]:
    """Keep the rows whose names match one of the shell patterns; each must match something."""
    unmatched = [pattern for pattern in patterns if not fnmatch.filter(rows, pattern)]
    raise_any([f"{where}: models.select: no model matches {pattern!r}" for pattern in unmatched])
    return {name: row for name, row in rows.items() if any(fnmatch.fnmatchcase(name, p) for p in patterns)}


@dataclass
class Study:
    """The config and sheets of one run, validated, with look-ups for the rules."""

    config: Config
    models: dict[str, ModelRow]
    stimuli: dict[str, StimuliRow]
    recordings: dict[str, RecordingRow]
    maps: dict[str, MapsRow]
    probes: dict[str, ProbeRow] = field(default_factory=dict)
    data_configs: dict[str, DataConfig] = field(default_factory=dict)
    published_top1: dict[str, float] = field(default_factory=dict)
    added: list[AddedScores] = field(default_factory=list)  # tables of scores that others measured
    trained: dict[str, RecipeRow] = field(default_factory=dict)  # recipes of models of weights ``train``
    heads: dict[str, int | None] = field(default_factory=dict)  # outputs of models, None where not known
    unavailable: dict[str, str] = field(default_factory=dict)  # models that cannot be looked up now, and why

    @classmethod
    def read(cls, config: Json, where: str = "config", faults: list[str] | None = None) -> Study:
        """Validate the config and its sheets, without timm's data configs.

        Parameters
        ----------
        faults : list of str, optional
            Collects what is wrong; the study is then that of all that is right.

        Raises
        ------
        InputError
            All that is wrong, where `faults` does not collect it.
        """
        found: list[str] = [] if faults is None else faults
        scope.without_empty(config, KEYS)
        usable_config(config, definition("config"), where, found)
        # Of a sheet that is not there no row is known; one that cannot be read may have any.
        sheets = {kind: Sheet(readable=not config[kind]["sheet"]) for kind in KEYS}
        for kind, key in KEYS.items():
            if config[kind]["sheet"]:
                with collected(found):
                    sheets[kind] = read_rows(config[kind]["sheet"], definition(kind), key, found)
        models = sheets["models"]
        named = models.rows | {name: {} for name in models.faulty}
        with collected(found):
            named = named and select(named, config["models"]["select"], config["models"]["sheet"])
        models.rows = {name: row for name, row in named.items() if row}
        for name, row in list(models.rows.items()):
            if trained_here(row):
                found.append(
                    f"{config['models']['sheet']}: {name}: weights: 'train' is for rows of the sheet of train"
                )
            if row["weights"] == low_level.WEIGHTS:
                if wrong := low_level.faults(row, row_defaults("models")):
                    found += [f"{config['models']['sheet']}: {name}: {fault}" for fault in wrong]
                    del models.rows[name]
                row |= {"label_space": "none", "source": str(low_level.VERSION)}
        stimuli, recordings, maps = (sheets[kind].rows for kind in ("stimuli", "recordings", "maps"))
        with collected(found):
            trained = recipes.model_rows(
                sheets["train"].rows, models.rows, stimuli, maps, config["train"]["sheet"]
            )
            models.rows |= trained
        probes = sheets["probes"].rows
        study = cls(cast(Config, config), models.rows, stimuli, recordings, maps, probes)
        study.trained = {
            name: recipes.complete(row, study.config)
            for name, row in sheets["train"].rows.items()
            if name in models.rows
        }
        found += recipes.unequal_pairs(study.trained, config["train"]["sheet"])
        references.check(config, sheets, where, found)
        study.added = scope.tables(study.config, study.models, found)
        found += axis.faults(study, where)
        if faults is None:
            raise_any(found)
        return study

    @classmethod
    def load(
        cls,
        config: Json,
        where: str = "config",
        cache: str | Path | None = None,
        faults: list[str] | None = None,
    ) -> Study:
        """Validate everything; ask timm about models that are not in `cache` yet. See `read`."""
        found: list[str] = [] if faults is None else faults
        study = cls.read(config, where, found)
        with collected(found):
            if "published" in config["models"]:
                study.published_top1 = read_published(**config["models"]["published"])
        with collected(found):
            if table := axis.published(study):
                published_rows(study.models, **table)
        with collected(found):
            study.look_up(cache, where)
        if not found and (nothing := scope.nothing(study)):
            found.append(f"{where}: {nothing}")
        if faults is None:
            raise_any(found)
        return study

    def look_up(self, cache: str | Path | None, where: str = "config") -> None:
        """Set data configs and heads, see `zoo.facts.resolve`.

        Raises
        ------
        InputError
            All that is wrong with rows of models; the study is then without these models.
        """
        sheet, of_trained = (self.config[kind]["sheet"] or "" for kind in ("models", "train"))
        places = {name: of_trained if name in self.trained else sheet for name in self.models}
        facts = model_facts.resolve(self.models, cache)
        faults = model_facts.problems(facts, places)
        for name, row in list(self.models.items()):
            if facts[name]["problem"] or (trained_here(row) and row["source"] not in self.models):
                del self.models[name]
        self.data_configs = data_configs(self.models, facts)
        self.heads = model_facts.heads(self.models, facts)
        reasons = {name: facts[name]["unavailable"] for name in self.models}
        self.unavailable = {name: reason for name, reason in reasons.items() if reason}
        for name in [name for name, row in self.models.items() if trained_here(row)]:
            base, reason = self.models[name]["source"], self.misfit(name)
            if reason:  # the head of a base of the same label space, which would be trained
                faults.append(f"{places[name]}: {name}: base: {base}: {reason}")
        for kind, measure in SIMULATED:
            for name, options in self.config["simulate"][kind].items():
                teacher = options["teacher"]
                if teacher in self.models and (reason := self.lacking(measure, teacher, options["stimuli"])):
                    faults.append(f"{where}: simulate.{kind}.{name}.teacher: {teacher}: {reason}")
        raise_any(faults)

    def misfit(self, model: str) -> str | None:
        """Why the outputs of a model cannot be read as its label space, or None."""
        return spaces.misfit(self.heads.get(model), self.models[model]["label_space"])

    def misfits(self) -> dict[str, str]:
        """Models whose outputs cannot be read as their label space, and why."""
        return {model: reason for model in self.models if (reason := self.misfit(model))}

    def in_use(self) -> dict[str, set[str]]:
        """Names of the stimulus sets, recordings and map sets that some stage will read."""
        used: dict[str, set[str]] = {"stimuli": set(), "recordings": set(), "maps": set(), "probes": set()}
        for measure in filter(lambda measure: self.enabled(measure.name), MEASURES):
            used[measure.over] |= set(self.datasets(measure))
        maps = used["maps"]
        maps |= {row["maps"] for row in self.trained.values()}
        maps |= {row["validation"] for row in self.trained.values() if "validation" in row}
        stimuli = used["stimuli"]
        stimuli |= {self.recordings[name]["stimuli"] for name in used["recordings"]}
        stimuli |= {self.probes[name]["stimuli"] for name in used["probes"]}
        stimuli |= {self.stimuli_of(name) for name in maps}
        stimuli |= {row["stimuli"] for row in self.trained.values() if "stimuli" in row}
        simulate = self.config["simulate"]
        shown = [row for name, row in simulate["recordings"].items() if name in used["recordings"]]
        stimuli |= {name for row in shown for name in (row["stimuli"], row["fit_stimuli"])}
        stimuli |= {row["stimuli"] for name, row in simulate["clicks"].items() if name in maps}
        return used

    def sources(self) -> set[str]:
        """Paths and patterns of files and folders that sheets and config name, but for those in results."""
        sheets: tuple[Mapping[str, Mapping[str, object]], ...] = (
            self.stimuli,
            self.recordings,
            self.maps,
            self.probes,
        )
        rows = [row for sheet in sheets for row in sheet.values()]
        named = {str(row[key]) for row in rows for key in SOURCES if key in row}
        tables = (self.config["models"].get("published"), self.config["trend"].get("overlay"))
        named |= {settings["table"] for settings in tables if settings}
        named |= set(self.config["scores"]["tables"])
        named |= set(filter(None, [self.config["clickme"]["revelation"]["human_curve"]]))
        return {path for path in named if not layout.made(path)}

    def is_low_level(self, model: str) -> bool:
        """Whether a model is an image statistic and no network, see `low_level`."""
        return self.models[model]["weights"] == low_level.WEIGHTS

    def low_level(self) -> list[str]:
        """Models that are image statistics."""
        return [model for model in self.models if self.is_low_level(model)]

    def weights(self, model: str) -> str:
        """Path of a model's weights; its card is their manifest."""
        row = self.models[model]
        return layout.trained_weights(model) if trained_here(row) else layout.weights(weights_id(row))

    @cached_property
    def models_of_weights(self) -> dict[str, list[str]]:
        """Models by the name of their weights, but for those that are trained."""
        found: dict[str, list[str]] = {}
        for model, row in self.models.items():
            if not trained_here(row):
                found.setdefault(weights_id(row), []).append(model)
        return found

    def unavailable_config(self, model: str) -> str | None:
        """Why the data config of a model is not known yet: its repository of the hub could not be reached."""
        return self.unavailable.get(model) if self.models[model]["weights"] == "hub" else None

    def sides(self) -> dict[str, int]:
        """Input sides in pixels of the models whose data config is known."""
        known = {model: card for model, card in self.data_configs.items() if model not in self.unavailable}
        return {model: card["input_size"][-1] for model, card in known.items()}

    def titles(self) -> dict[str, str]:
        """Titles of the benchmarks whose maps are of something else than clicks."""
        compared = self.datasets(BY_NAME["clickme"]) if self.enabled("clickme") else ()
        found = {f"clickme/{name}": map_readers.of(self.maps[name]["reader"]).title for name in compared}
        return {benchmark: title for benchmark, title in found.items() if title}

    def not_measured(self) -> dict[str, str]:
        """Measures of which the study has no score of its own, and why."""
        return scope.not_measured(self)

    def section(self, stage: str) -> Mapping[str, Any]:
        """Section of the config of a stage whose name is computed."""
        sections: Mapping[str, Any] = self.config
        return sections[stage]

    def enabled(self, stage: str) -> bool:
        """Whether a stage and all that it needs are switched on."""
        return self.switched_off(stage) is None

    def switched_off(self, stage: str) -> str | None:
        """The stage that a config switches off and without which a stage does not run, or None."""
        if not self.section(stage).get("enabled", True):
            return stage
        return next(filter(None, map(self.switched_off, NEEDS[stage])), None)

    def transform(self, model: str, stimuli: str) -> str:
        """Key of the transform that `model` applies to the stimulus set `stimuli`."""
        squash = self.stimuli[stimuli]["transform"] == "resize"
        return Transform.of_model(self.data_configs[model], squash).key

    def transform_of_clicks(self, maps: str) -> str:
        """Key of the transform of the teacher of a simulated click log."""
        settings = self.config["simulate"]["clicks"][maps]
        return self.transform(settings["teacher"], settings["stimuli"])

    def stimuli_of(self, maps: str) -> str:
        """Stimulus set of a map set."""
        return self.maps[maps]["stimuli"]

    def reveals(self, model: str, maps: str) -> bool:
        """Whether a model has to name what partly revealed images of a map set show.

        That takes a network, and images, of ImageNet's classes.
        """
        space = self.stimuli[self.stimuli_of(maps)].get("label_space")
        on = self.config["clickme"]["revelation"]["enabled"]
        return on and space == "imagenet-1k" and not self.is_low_level(model)

    def protocol(self, recording: str) -> str:
        """Name of the protocol of a recording: whole_image, or grid-N with N positions per side."""
        row = self.recordings[recording]
        if "grid" not in row:
            return "whole_image"
        scaled = "-minmax" if self.config["neural"]["grid_features"] == "minmax" else ""
        return f"grid-{row['grid']}{scaled}"

    def mismatch(self, model: str, stimuli: str) -> str | None:
        """Why labels of a stimulus set cannot be compared with a model's output, or None."""
        theirs = self.stimuli[stimuli].get("label_space", "none")
        return spaces.label_mismatch(self.models[model]["label_space"], theirs, stimuli) or self.misfit(model)

    def needs_layers(self, stimuli: str) -> bool:
        """Whether something reads layer activations on a stimulus set; else only logits are needed."""
        simulated = self.config["simulate"]["recordings"].values()
        read = {row["stimuli"] for row in self.recordings.values() if self.enabled("neural")}
        read |= {name for row in simulated for name in (row["stimuli"], row["fit_stimuli"])}
        return stimuli in read

    def pools(self, stimuli: str) -> list[str]:
        """Ways in which layer activations on a stimulus set are pooled, for what probes them."""
        rows = self.probes.values() if self.enabled("probes") else ()
        return sorted({row["pool"] for row in rows if row["scored"] and row["stimuli"] == stimuli})

    def datasets(self, measure: Measure) -> dict[str, str]:
        """Datasets of a measure, each with its stimulus set."""
        if measure.over == "stimuli":
            return {name: name for name in self.section(measure.name)["stimuli"] or ()}
        if measure.over == "recordings":
            return {name: row["stimuli"] for name, row in self.recordings.items()}
        if measure.over == "probes":
            return {name: row["stimuli"] for name, row in self.probes.items() if row["scored"]}
        return {name: row["stimuli"] for name, row in self.maps.items() if row["scored"]}

    def benchmarks(self) -> Iterator[tuple[str, str, str]]:
        """Yield (measure, dataset, stimulus set) of every benchmark of the study."""
        for measure in MEASURES:
            for dataset, stimuli in self.datasets(measure).items():
                yield measure.name, dataset, stimuli

    def describe_benchmarks(self) -> list[Entry]:
        """The benchmarks as data for the stage that gathers scores."""
        sheets: dict[str, Mapping[str, RecordingRow | MapsRow | ProbeRow]] = {
            "recordings": self.recordings,
            "maps": self.maps,
            "probes": self.probes,
        }
        return [
            {
                "measure": measure.name,
                "dataset": dataset,
                "label_space": self.label_space(measure, stimuli),
                "simulated": sheets[measure.over][dataset]["simulated"] if measure.over in sheets else False,
                "reason": None if self.enabled(measure.name) else SWITCHED_OFF.format(measure.name),
                **self.chosen(measure),
            }
            for measure in MEASURES
            for dataset, stimuli in self.datasets(measure).items()
        ]

    def chosen(self, measure: Measure) -> Chosen:
        """Patterns of the models that a measure is of, where its section has some."""
        settings = self.section(measure.name)
        return {"models": settings["models"]} if "models" in settings else {}

    def label_space(self, measure: Measure, stimuli: str) -> str | None:
        """Label space of a stimulus set for a measure, None where labels play no part."""
        named = self.stimuli[stimuli].get("label_space", "none")
        return named if self.needs_labels(measure, stimuli) else None

    def undefined(self, measure: str, model: str, stimuli: str) -> str | None:
        """Why a model has no score on a benchmark, known before any job runs, or None."""
        if not self.enabled(measure):
            return SWITCHED_OFF.format(measure)
        return self.lacking(measure, model, stimuli)

    def lacking(self, measure: str, model: str, stimuli: str) -> str | None:
        """Why a model cannot have a score on a benchmark, or None."""
        patterns = self.section(measure).get("models", ["*"])
        if not any(fnmatch.fnmatchcase(model, pattern) for pattern in patterns):
            return NOT_CHOSEN.format(measure)
        if self.is_low_level(model):
            return low_level.lacks(self.models[model]["architecture"], BY_NAME[measure].low_level)
        if self.needs_labels(BY_NAME[measure], stimuli):
            return self.mismatch(model, stimuli)
        return self.misfit(model) if BY_NAME[measure].labelled else None

    def needs_labels(self, measure: Measure, stimuli: str) -> bool:
        """Whether scores of a measure on a stimulus set need labels that the outputs of a model name."""
        target = self.section("saliency").get("target")
        return scope.needs_labels(
            measure, target, labelled=self.stimuli[stimuli].get("label_space", "none") != "none"
        )

    def scored_on(self, model: str) -> list[str]:
        """Stimulus sets on which a model is scored."""
        pairs = ((measure, stimuli) for measure, _, stimuli in self.benchmarks())
        return list(dict.fromkeys(s for measure, s in pairs if self.undefined(measure, model, s) is None))

    def paired_models(self) -> list[str]:
        """Trained models that have a baseline, and their baselines."""
        pairs = {name: row["baseline"] for name, row in self.models.items() if "baseline" in row}
        return list(dict.fromkeys(name for pair in pairs.items() for name in pair))

    def compared_on(self) -> list[str]:
        """Map sets on which trained models are compared with their baselines: all that none is trained on."""
        models = self.paired_models()
        return [
            name
            for name, row in self.maps.items()
            if row["scored"] and all(self.mismatch(model, row["stimuli"]) is None for model in models)
        ]

    def score_files(self) -> Iterator[tuple[str, str, str]]:
        """Yield (measure, model, dataset) of every score file that the study makes."""
        for measure, dataset, stimuli in self.benchmarks():
            for model in self.models:
                if self.undefined(measure, model, stimuli) is None:
                    yield measure, model, dataset


def data_configs(models: dict[str, ModelRow], facts: dict[str, model_facts.Facts]) -> dict[str, DataConfig]:
    """Return the data config of each model: timm's, with the overrides of the row."""
    found: dict[str, DataConfig] = {}
    for model, row in models.items():  # a trained model comes after its base, whose overrides it has
        own = found[row["source"]] if trained_here(row) else facts[model]["data_config"]
        assert own is not None, f"{model}: a model without a data config has a problem"
        found[model] = model_facts.override(own, row)
    return found
