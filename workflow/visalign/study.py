"""A study: the validated config and sheets, and which files every model needs.

This is all that the Snakefile knows. It imports nothing heavy, since every start of Snakemake pays.
"""

from __future__ import annotations

import fnmatch
import functools
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import jsonschema
import yaml

from visalign import delimited, label_spaces, model_facts, recipes
from visalign.errors import InputError, collected, raise_any
from visalign.transforms import Transform
from visalign.weights import weights_id
from visalign.yaml_text import read_yaml

SCHEMAS = Path(__file__).parents[1] / "schemas"
#: Stages that can be switched off, each with the stages that it needs.
NEEDS = {
    "accuracy": ("features",),
    "features": (),
    "gram": ("features",),
    "recordings": (),
    "neural": ("gram", "recordings"),
    "maps": (),
    "saliency": (),
    "clickme": ("saliency", "maps"),
    "attacks": ("maps",),
    "trend": ("accuracy",),
    "figures": ("trend",),
    "report": ("figures",),
}
#: Cache of what is known of models without their weights.
CACHE = "results/models/data_configs.json"
MEASURES = ("accuracy", "neural", "clickme", "attacks")
#: Sheets, and the column that names their rows.
KEYS = {"models": "model", "train": "model", "stimuli": "stimuli", "recordings": "recording", "maps": "maps"}


@functools.cache
def schema(name: str) -> dict[str, Any]:
    """Read a schema of ``workflow/schemas``."""
    return yaml.safe_load((SCHEMAS / f"{name}.schema.yaml").read_text())


def read_config(path: str | Path) -> Any:
    """Read a config, YAML or JSON (in which YAML takes 1e-05 for a word), strictly."""
    text = delimited.read_text(path, "YAML")
    try:
        return json.loads(text) if text.startswith("{") else read_yaml(path)
    except json.JSONDecodeError:
        return read_yaml(path)  # YAML may begin so as well


def validate(value: Any, schema_name: str, where: str) -> Any:
    """Check `value` against a schema and fill in its defaults.

    Raises
    ------
    InputError
        A line for each fault, which names the file, the field and the value.
    """
    raise_any([message for error in schema_errors(value, schema_name) for message in told(error, where)])
    return value


def schema_errors(value: Any, schema_name: str) -> list[jsonschema.ValidationError]:
    """Fill in the defaults of a schema and return what it does not allow, in the order of the fields."""
    definition = schema(schema_name)
    fill_defaults(value, definition)
    errors = jsonschema.Draft202012Validator(definition).iter_errors(value)
    return sorted(errors, key=lambda error: list(map(str, error.path)))


def unknown_keys(error: jsonschema.ValidationError) -> list[str]:
    """Keys that a schema does not know, where it is them that an error is about."""
    if error.validator != "additionalProperties":
        return []
    return sorted(set(error.instance) - set(error.schema.get("properties", {})), key=str)


def told(error: jsonschema.ValidationError, where: str) -> list[str]:
    """Tell a fault: file, field and value, a line for each key that is unknown."""
    path = [str(part) for part in error.absolute_path]
    known = ", ".join(sorted(error.schema.get("properties", {})))
    unknown = [
        f"{where}: {'.'.join([*path, str(key)])}: unknown key (known: {known})" for key in unknown_keys(error)
    ]
    return unknown or [f"{where}: {'.'.join(path) or '(top level)'}: {error.message}"]


def usable_config(config: dict[str, Any], where: str, faults: list[str]) -> None:
    """Check the config in place: faults are collected, and defaults take the place of what is wrong.

    Raises
    ------
    InputError
        Something is wrong that has no default.
    """
    errors = schema_errors(config, "config")
    faults += [message for error in errors for message in told(error, where)]
    for error in errors:
        keys = [[*error.absolute_path, key] for key in unknown_keys(error)] or [list(error.absolute_path)]
        for path in filter(None, keys):
            remove(config, path)
    if errors and schema_errors(config, "config"):
        raise InputError(*faults)


def remove(value: Any, path: list[Any]) -> None:
    """Remove the key of nested objects that a path leads to, of a list the list."""
    *parents, last = path
    for key in parents:
        if not isinstance(value.get(key), dict):
            last = key
            break
        value = value[key]
    value.pop(last, None)


def fill_defaults(value: Any, definition: dict[str, Any]) -> None:
    """Set missing keys of nested objects to the defaults of their schema, in place."""
    if not isinstance(value, dict):
        return
    for key, part in definition.get("properties", {}).items():
        if key not in value and "default" in part:
            value[key] = json.loads(json.dumps(part["default"]))
        if key in value:
            fill_defaults(value[key], part)
    if isinstance(definition.get("additionalProperties"), dict):
        for key in value:
            if key not in definition.get("properties", {}):
                fill_defaults(value[key], definition["additionalProperties"])


@dataclass
class Sheet:
    """A sheet as far as it can be read: its rows that are right, and the names of the others."""

    rows: dict[str, dict[str, Any]] = field(default_factory=dict)
    faulty: set[str] = field(default_factory=set)
    readable: bool = False

    def knows(self, name: str) -> bool:
        """Whether a name may be that of a row."""
        return not self.readable or name in self.rows or name in self.faulty


def read_sheet(path: str | Path, schema_name: str, key: str) -> dict[str, dict[str, Any]]:
    """Read and check a sheet (TSV); returns its rows by the value of column `key`.

    Raises
    ------
    InputError
        Missing file, no rows, unknown column, bad value, duplicate key: file, line, field, value; of all
        rows.
    """
    faults: list[str] = []
    rows = read_rows(path, schema_name, key, faults).rows
    raise_any(faults)
    return rows


def read_rows(path: str | Path, schema_name: str, key: str, faults: list[str]) -> Sheet:
    """Read a sheet as `read_sheet`, but collect what is wrong with single rows."""
    path = Path(path)
    if not path.is_file():
        raise InputError(f"{path}: no such file")
    properties = schema(schema_name)["properties"]
    rows: dict[str, dict[str, Any]] = {}
    faulty: set[str] = set()
    text = delimited.read_text(path)
    header, *lines = list(delimited.rows(path, text, "\t")) or [delimited.Row(1, [key])]
    names = delimited.column_names(path, header, lines[0] if lines else None, "\t")
    unknown = [name for name in names if name and name not in properties]
    known = ", ".join(sorted(properties))
    raise_any([f"{path}:{header.line}: {name}: unknown column (known: {known})" for name in unknown])
    for number, cells in lines:
        where, before = f"{path}:{number}", len(faults)
        if len(cells) > len(names):
            faults.append(f"{where}: {len(cells)} cells under {len(names)} column names")
            continue
        row: dict[str, Any] = {}
        for name, cell in zip(names, map(str.strip, cells), strict=False):
            if cell and not name:
                faults.append(f"{where}: {cell!r} is in a column without a name")
            elif cell:
                with collected(faults):
                    row[name] = cast(cell, properties[name], f"{where}: {name}")
        if not row and len(faults) == before:  # a line of tabs only
            continue
        if len(faults) == before:
            with collected(faults):
                validate(row, schema_name, where)
        if row.get(key) in rows:
            faults.append(f"{where}: {key}: {row[key]!r} is there twice")
        elif len(faults) > before:
            faulty.add(str(row.get(key)))
        else:
            rows[row[key]] = row
    if not rows and not faults:
        raise InputError(f"{path}: no rows (expected a header and at least one {key})")
    return Sheet(rows, faulty, readable=True)


def read_published(table: str, model: str, top1: str) -> dict[str, float]:
    """Read published top-1 accuracies, by model name, from two columns of a CSV table.

    An accuracy is empty, or a word for a missing number, where there is none.
    """
    text = delimited.read_text(table)
    names = delimited.header(table, text)
    for column in (model, top1):
        if column not in names:
            raise InputError(f"{table}: no column {column!r} (columns: {', '.join(filter(None, names))})")
    published: dict[str, float] = {}
    for number, cells in list(delimited.rows(table, text))[1:]:
        name, cell = (cells[names.index(column)].strip() for column in (model, top1))
        if cell in delimited.MISSING:
            continue
        value = cast(cell, {"type": "number"}, f"{table}:{number}: {top1}")
        if published.setdefault(name, value) != value:
            raise InputError(f"{table}:{number}: {model}: {name!r} is there twice, with another {top1}")
    return published


def cast(cell: str, part: dict[str, Any], where: str) -> Any:
    """Turn a cell into the type that its schema asks for."""
    types = part.get("type", "string")
    if types in ("integer", "number"):
        value = delimited.whole_number(cell) if types == "integer" else delimited.number(cell)
        if value is None:
            raise InputError(f"{where}: {cell!r} is not a {types}{delimited.hint(cell)}")
        return value
    if types == "boolean":
        if cell.lower() not in ("true", "false"):
            raise InputError(f"{where}: {cell!r} is not true or false")
        return cell.lower() == "true"
    return cell


def select(rows: dict[str, Any], patterns: list[str], where: str) -> dict[str, Any]:
    """Keep the rows whose names match one of the shell patterns; each must match something."""
    unmatched = [pattern for pattern in patterns if not fnmatch.filter(rows, pattern)]
    raise_any([f"{where}: models.select: no model matches {pattern!r}" for pattern in unmatched])
    return {name: row for name, row in rows.items() if any(fnmatch.fnmatchcase(name, p) for p in patterns)}


def label_mismatch(model_space: str, stimuli_space: str, stimuli: str) -> str | None:
    """Why labels of a stimulus set cannot be compared with a model's output, or None."""
    if model_space == stimuli_space != "none":
        return None
    return f"label space {stimuli_space} of {stimuli} is not the model's {model_space}"


@dataclass
class Study:
    """The config and sheets of one run, validated, with look-ups for the rules."""

    config: dict[str, Any]
    models: dict[str, dict[str, Any]]
    stimuli: dict[str, dict[str, Any]]
    recordings: dict[str, dict[str, Any]]
    maps: dict[str, dict[str, Any]]
    data_configs: dict[str, dict[str, Any]] = field(default_factory=dict)
    published_top1: dict[str, float] = field(default_factory=dict)
    trained: dict[str, dict[str, Any]] = field(default_factory=dict)  # recipes of models of weights ``train``
    heads: dict[str, int | None] = field(default_factory=dict)  # outputs of models, None where not known
    unavailable: dict[str, str] = field(default_factory=dict)  # models that cannot be looked up now, and why

    @classmethod
    def read(cls, config: dict[str, Any], where: str = "config", faults: list[str] | None = None) -> Study:
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
        usable_config(config, where, found)
        sheets = {kind: Sheet() for kind in KEYS}
        for kind, key in KEYS.items():
            if config[kind]["sheet"]:
                with collected(found):
                    sheets[kind] = read_rows(config[kind]["sheet"], kind, key, found)
        models = sheets["models"]
        named = models.rows | {name: {} for name in models.faulty}
        with collected(found):
            named = named and select(named, config["models"]["select"], config["models"]["sheet"])
        models.rows = {name: row for name, row in named.items() if row}
        for name, row in models.rows.items():
            if row["weights"] == "train":
                found.append(
                    f"{config['models']['sheet']}: {name}: weights: 'train' is for rows of the sheet of train"
                )
        stimuli, recordings, maps = (sheets[kind].rows for kind in ("stimuli", "recordings", "maps"))
        with collected(found):
            trained = recipes.model_rows(
                sheets["train"].rows, models.rows, stimuli, maps, config["train"]["sheet"]
            )
            models.rows |= trained
        study = cls(config, models.rows, stimuli, recordings, maps)
        study.trained = {
            name: recipes.complete(row, config)
            for name, row in sheets["train"].rows.items()
            if name in models.rows
        }
        study.check_references(where, sheets, found)
        if faults is None:
            raise_any(found)
        return study

    @classmethod
    def load(
        cls,
        config: dict[str, Any],
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
            study.look_up(cache, where)
        if faults is None:
            raise_any(found)
        return study

    def look_up(self, cache: str | Path | None, where: str = "config") -> None:
        """Set data configs and heads, see `model_facts.resolve`.

        Raises
        ------
        InputError
            All that is wrong with rows of models; the study is then without these models.
        """
        sheets = {kind: self.config[kind]["sheet"] for kind in ("models", "train")}
        places = {name: sheets["train" if name in self.trained else "models"] for name in self.models}
        facts = model_facts.resolve(self.models, cache)
        faults = model_facts.problems(facts, places)
        for name, row in list(self.models.items()):
            if facts[name]["problem"] or (row["weights"] == "train" and row["source"] not in self.models):
                del self.models[name]
        self.data_configs = data_configs(self.models, facts)
        self.heads = model_facts.heads(self.models, facts)
        reasons = {name: facts[name]["unavailable"] for name in self.models}
        self.unavailable = {name: reason for name, reason in reasons.items() if reason}
        for name in [name for name, row in self.models.items() if row["weights"] == "train"]:
            base, reason = self.models[name]["source"], self.misfit(name)
            if reason:  # the head of a base of the same label space, which would be trained
                faults.append(f"{places[name]}: {name}: base: {base}: {reason}")
        for name, options in self.config["simulate"]["clicks"].items():
            teacher = options["teacher"]
            if teacher in self.models and (reason := self.mismatch(teacher, options["stimuli"])):
                faults.append(f"{where}: simulate.clicks.{name}.teacher: {teacher}: {reason}")
        raise_any(faults)

    def misfit(self, model: str) -> str | None:
        """Why the outputs of a model cannot be read as its label space, or None."""
        return label_spaces.misfit(self.heads.get(model), self.models[model]["label_space"])

    def misfits(self) -> dict[str, str]:
        """Models whose outputs cannot be read as their label space, and why."""
        return {model: reason for model in self.models if (reason := self.misfit(model))}

    def check_references(self, where: str, sheets: dict[str, Sheet], faults: list[str]) -> None:
        """Every name that a sheet or the config refers to must exist; what refers to others is taken out."""
        config = self.config

        def right(place: str, value: str, kind: str) -> bool:
            if not sheets[kind].knows(value):
                faults.append(f"{place}: {value!r} is unknown (known: {', '.join(sheets[kind].rows)})")
            return value in sheets[kind].rows

        for kind, rows in (("recordings", self.recordings), ("maps", self.maps)):
            for name, row in list(rows.items()):
                if not right(f"{config[kind]['sheet']}: {name}: stimuli", row["stimuli"], "stimuli"):
                    del rows[name]
        labelled = []
        for name in config["accuracy"]["stimuli"]:
            if right(f"{where}: accuracy.stimuli", name, "stimuli"):
                labelled.append(name)
                if "label_space" not in self.stimuli[name]:
                    faults.append(f"{where}: accuracy.stimuli: {name!r} has no label_space")
        config["accuracy"]["stimuli"] = labelled
        for kind, datasets in config["simulate"].items():
            for name, options in list(datasets.items()):
                place = f"{where}: simulate.{kind}.{name}"
                names = [("teacher", "models"), ("stimuli", "stimuli"), ("fit_stimuli", "stimuli")]
                there = [
                    right(f"{place}.{key}", options[key], sheet) for key, sheet in names if key in options
                ]
                if not all(there):
                    del datasets[name]

    def sources(self) -> set[str]:
        """Paths and patterns of files and folders that the sheets and the config name, but those of results."""
        rows = [row for sheet in (self.stimuli, self.recordings, self.maps) for row in sheet.values()]
        named = {row[key] for row in rows for key in ("path", "labels", "archive", "clicks") if key in row}
        tables = (self.config["models"].get("published"), self.config["trend"].get("overlay"))
        named |= {settings["table"] for settings in tables if settings}
        named |= set(filter(None, [self.config["clickme"]["revelation"]["human_curve"]]))
        return {path for path in named if not path.startswith("results/")}

    def weights(self, model: str) -> str:
        """Path of a model's weights and of the card beside them, without suffix."""
        row = self.models[model]
        return (
            f"results/train/{model}"
            if row["weights"] == "train"
            else f"results/models/weights/{weights_id(row)}"
        )

    def enabled(self, stage: str) -> bool:
        """Whether a stage and all that it needs are switched on."""
        own = self.config[stage].get("enabled", True)
        return own and all(self.enabled(needed) for needed in NEEDS[stage])

    def transform(self, model: str, stimuli: str) -> str:
        """Key of the transform that `model` applies to the stimulus set `stimuli`."""
        squash = self.stimuli[stimuli]["transform"] == "resize"
        return Transform.of_model(self.data_configs[model], squash).key

    def protocol(self, recording: str) -> str:
        """Name of the protocol of a recording: whole_image, or map-N with N positions a side."""
        row = self.recordings[recording]
        if "grid" not in row:
            return "whole_image"
        return f"map-{row['grid']}" + ("-minmax" if self.config["neural"]["map_features"] == "minmax" else "")

    def mismatch(self, model: str, stimuli: str) -> str | None:
        """Why labels of a stimulus set cannot be compared with a model's output, or None."""
        theirs = self.stimuli[stimuli].get("label_space", "none")
        return label_mismatch(self.models[model]["label_space"], theirs, stimuli) or self.misfit(model)

    def needs_layers(self, stimuli: str) -> bool:
        """Whether something reads layer activations on a stimulus set; else only logits are needed."""
        simulated = self.config["simulate"]["recordings"].values()
        read = {row["stimuli"] for row in self.recordings.values() if self.enabled("neural")}
        read |= {settings[name] for settings in simulated for name in ("stimuli", "fit_stimuli")}
        return stimuli in read

    def benchmarks(self) -> Iterator[tuple[str, str, str]]:
        """Yield (measure, dataset, stimulus set) of every benchmark of the study."""
        for stimuli in self.config["accuracy"]["stimuli"]:
            yield "accuracy", stimuli, stimuli
        for name, row in self.recordings.items():
            yield "neural", name, row["stimuli"]
        for measure in ("clickme", "attacks"):
            for name, row in self.maps.items():
                if row["scored"]:
                    yield measure, name, row["stimuli"]

    def describe_benchmarks(self) -> list[dict[str, Any]]:
        """The benchmarks as data for the stage that gathers scores."""
        sheets = {"neural": self.recordings, "clickme": self.maps, "attacks": self.maps}
        return [
            {
                "measure": measure,
                "dataset": dataset,
                "label_space": None
                if measure == "neural"
                else self.stimuli[stimuli].get("label_space", "none"),
                "simulated": sheets[measure][dataset]["simulated"] if measure in sheets else False,
                "reason": None if self.enabled(measure) else f"stage {measure} is switched off",
            }
            for measure, dataset, stimuli in self.benchmarks()
        ]

    def undefined(self, measure: str, model: str, stimuli: str) -> str | None:
        """Why a model has no score on a benchmark, known before any job runs, or None."""
        if not self.enabled(measure):
            return f"stage {measure} is switched off"
        return None if measure == "neural" else self.mismatch(model, stimuli)

    def score_files(self) -> Iterator[tuple[str, str, str]]:
        """Yield (measure, model, dataset) of every score file that the study makes."""
        for measure, dataset, stimuli in self.benchmarks():
            for model in self.models:
                if self.undefined(measure, model, stimuli) is None:
                    yield measure, model, dataset


def data_configs(models: dict[str, dict[str, Any]], facts: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """Return the data config of each model: timm's, with the overrides of the row."""
    found: dict[str, dict[str, Any]] = {}
    for model, row in models.items():  # a trained model comes after its base, whose overrides it has
        own = found[row["source"]] if row["weights"] == "train" else facts[model]["data_config"]
        found[model] = override(own, row)
    return found


def override(data_config: dict[str, Any], row: dict[str, Any]) -> dict[str, Any]:
    """Apply a sheet row's input_size, crop_pct, crop_mode and interpolation to a data config."""
    result = dict(data_config)
    for name in ("crop_pct", "crop_mode", "interpolation"):
        result[name] = row.get(name, result[name])
    if "input_size" in row:
        result["input_size"] = [3, row["input_size"], row["input_size"]]
    return result
