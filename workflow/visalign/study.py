"""A study: the validated config and sheets, and which files every model needs.

This is all that the Snakefile knows. It imports nothing heavy, since every start of Snakemake pays.
"""

from __future__ import annotations

import csv
import fnmatch
import functools
import importlib.metadata
import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import jsonschema
import yaml

from visalign import recipes
from visalign.errors import InputError, collected, raise_any
from visalign.transforms import Transform
from visalign.weights import pretrained_name, weights_id

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
MEASURES = ("accuracy", "neural", "clickme", "attacks")
#: Sheets, and the column that names their rows.
KEYS = {"models": "model", "train": "model", "stimuli": "stimuli", "recordings": "recording", "maps": "maps"}


@functools.cache
def schema(name: str) -> dict[str, Any]:
    """Read a schema of ``workflow/schemas``."""
    return yaml.safe_load((SCHEMAS / f"{name}.schema.yaml").read_text())


def read_config(path: str | Path) -> Any:
    """Read a config, YAML or JSON (in which YAML takes 1e-05 for a word)."""
    text = Path(path).read_text()
    return json.loads(text) if text.startswith("{") else yaml.safe_load(text)


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
    with path.open(newline="") as file:
        lines = [(n, line) for n, line in enumerate(file, 1) if line.strip() and not line.startswith("#")]
    reader = csv.reader([line for _, line in lines], delimiter="\t")
    header = next(reader, [])
    unknown = [name for name in header if name not in properties]
    known = ", ".join(sorted(properties))
    raise_any([f"{path}:{lines[0][0]}: {name}: unknown column (known: {known})" for name in unknown])
    for (number, _), cells in zip(lines[1:], reader, strict=True):
        where, before = f"{path}:{number}", len(faults)
        if len(cells) > len(header):
            faults.append(f"{where}: {len(cells)} cells under {len(header)} column names")
            continue
        row: dict[str, Any] = {}
        for name, cell in zip(header, cells, strict=False):
            if cell != "":
                with collected(faults):
                    row[name] = cast(cell, properties[name], f"{where}: {name}")
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
    """Read published top-1 accuracies, by model name, from two columns of a CSV table."""
    if not Path(table).is_file():
        raise InputError(f"{table}: no such file")
    with open(table, newline="") as file:
        rows = csv.DictReader(file)
        for column in (model, top1):
            if column not in (rows.fieldnames or []):
                raise InputError(
                    f"{table}: no column {column!r} (columns: {', '.join(rows.fieldnames or [])})"
                )
        return {
            row[model]: cast(row[top1], {"type": "number"}, f"{table}:{rows.line_num}: {top1}")
            for row in rows
            if row[top1]
        }


def cast(cell: str, part: dict[str, Any], where: str) -> Any:
    """Turn a cell into the type that its schema asks for."""
    types = part.get("type", "string")
    try:
        if types == "integer":
            return int(cell)
        if types == "number":
            return float(cell)
    except ValueError:
        raise InputError(f"{where}: {cell!r} is not a {types}") from None
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
        """Validate everything; resolve timm's data configs of models not in `cache` yet. See `read`."""
        found: list[str] = [] if faults is None else faults
        study = cls.read(config, where, found)
        with collected(found):
            if "published" in config["models"]:
                study.published_top1 = read_published(**config["models"]["published"])
        with collected(found):
            study.data_configs = resolve_data_configs(study.models, cache, config["models"]["sheet"])
        if faults is None:
            raise_any(found)
        return study

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
        data = self.data_configs[model]
        _, height, width = data["input_size"]
        if self.stimuli[stimuli]["transform"] == "resize":
            return Transform(height, width, "squash", 1.0, "bilinear").key
        fill = (
            tuple(round(255 * value) for value in data["mean"])
            if data["crop_mode"] == "border"
            else (0, 0, 0)
        )
        return Transform(height, width, data["crop_mode"], data["crop_pct"], data["interpolation"], fill).key  # type: ignore[arg-type]

    def protocol(self, recording: str) -> str:
        """Name of the protocol of a recording: whole_image, or map-N with N positions a side."""
        row = self.recordings[recording]
        if "grid" not in row:
            return "whole_image"
        return f"map-{row['grid']}" + ("-minmax" if self.config["neural"]["map_features"] == "minmax" else "")

    def mismatch(self, model: str, stimuli: str) -> str | None:
        """Why labels of a stimulus set cannot be compared with a model's output, or None."""
        theirs = self.stimuli[stimuli].get("label_space", "none")
        return label_mismatch(self.models[model]["label_space"], theirs, stimuli)

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


def resolve_data_configs(
    models: dict[str, dict[str, Any]], cache: str | Path | None, sheet: str
) -> dict[str, dict[str, Any]]:
    """Return timm's data config of each model, with the row's overrides.

    timm (and so torch) is started, once, only for weights that `cache` does not hold.

    Raises
    ------
    InputError
        An architecture or tag that timm does not know, with the sheet and near names.
    """
    cache = Path(cache) if cache else None
    stored = json.loads(cache.read_text()) if cache and cache.exists() else {}
    version = timm_version()
    known = stored.get(version, {})
    names = {model: pretrained_name(row) for model, row in models.items() if row["weights"] != "train"}
    missing = sorted(set(names.values()) - set(known))
    if missing:
        command = [sys.executable, "-m", "visalign", "models", "--resolve", *missing]
        result = subprocess.run(command, capture_output=True, text=True)
        if result.returncode:
            raise InputError(f"{sheet}: architecture: {result.stderr.strip().splitlines()[-1]}")
        known |= json.loads(result.stdout)
        if cache:
            cache.parent.mkdir(parents=True, exist_ok=True)
            temporary = cache.with_suffix(".partial")
            temporary.write_text(json.dumps({version: known}, indent=1))
            temporary.replace(cache)
    found: dict[str, dict[str, Any]] = {}
    for model, row in models.items():  # a trained model comes after its base, whose overrides it has
        found[model] = override(known[names[model]] if model in names else found[row["source"]], row)
    return found


def timm_version() -> str:
    """Version of timm, without importing it; '' where it is in another environment."""
    try:
        return importlib.metadata.version("timm")
    except importlib.metadata.PackageNotFoundError:
        return ""


def override(data_config: dict[str, Any], row: dict[str, Any]) -> dict[str, Any]:
    """Apply a sheet row's input_size, crop_pct, crop_mode and interpolation to a data config."""
    result = dict(data_config)
    for name in ("crop_pct", "crop_mode", "interpolation"):
        result[name] = row.get(name, result[name])
    if "input_size" in row:
        result["input_size"] = [3, row["input_size"], row["input_size"]]
    return result
