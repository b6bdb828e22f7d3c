"""Settings of a study as words of a command line, which the rules pass to their commands."""

from __future__ import annotations

import hashlib
import json
import shlex
from collections.abc import Mapping, Sequence

from visalign.io.files import Json
from visalign.io.schemas import Schema
from visalign.study.config import Dask
from visalign.study.schemas import definition, section, settings_of
from visalign.study.study import Study

#: Files of a training that not every one has.
OPTIONAL = ("stimuli", "validation", "validation_maps", "validation_pixels")


def options(settings: Mapping[str, object], *names: str) -> str:
    """Command-line options of the settings that are there, in the order of their names.

    Underscores become hyphens, true and false are words, and what is None is left out.
    """
    words = []
    for name in names:
        value = settings.get(name)
        if value is not None:
            word = str(value).lower() if isinstance(value, bool) else str(value)
            words.append(f"--{name.replace('_', '-')} {shlex.quote(word)}")
    return " ".join(words)


def of_command(values: Mapping[str, object], schema: Schema, command: str, *, cost: bool = False) -> str:
    """Command-line options of the settings that a command takes, those that change results or the others.

    Parameters
    ----------
    values : dict
        A section of the config, or a row of a sheet.
    schema : dict
        Of it, see `schemas.section`.
    cost : bool
        Whether those that change no result.
    """
    parts = settings_of(schema, command)
    names = [name for name, part in parts.items() if part.get("cost", False) == cost]
    return " ".join(filter(None, (option(name, values.get(name)) for name in names)))


def option(name: str, value: object) -> str:
    """Command-line option of a setting: several words of a list, JSON of an object, nothing of None."""
    flag = name.replace("_", "-")
    if isinstance(value, dict):
        return json_option(flag, value)
    return several(flag, value) if isinstance(value, list) else options({name: value}, name)


def json_option(name: str, value: object) -> str:
    """Command-line option of a value as JSON, or nothing where there is none."""
    return f"--{name} {shlex.quote(json.dumps(value, sort_keys=True))}" if value else ""


def words(values: Sequence[object]) -> str:
    """Values of an option that takes several."""
    return " ".join(shlex.quote(str(value)) for value in values)


def several(name: str, values: Sequence[object]) -> str:
    """Command-line option that takes several values, or nothing where there is none."""
    return f"--{name} {words(values)}" if values else ""


def dask_options(settings: Dask) -> str:
    """Where dask runs."""
    more = json.dumps(settings["options"], sort_keys=True)
    return f"--dask {shlex.quote(settings['where'])} --dask-options {shlex.quote(more)}"


def layers_option(study: Study, model: str, stimuli: str) -> str:
    """Which layers a model's features on a stimulus set are of, and how they are kept, or none."""
    whole, pools = study.needs_layers(stimuli), study.pools(stimuli)
    if not whole and not pools:
        return "--logits-only"
    parts = [of_command(study.models[model], definition("models"), "features"), several("pools", pools)]
    return " ".join(filter(None, [*parts, "" if whole else "--pooled-only"]))


def recipe_options(study: Study, model: str, files: dict[str, str]) -> str:
    """Command-line options of a recipe, and of those `files` of its training that not every one has."""
    row = study.trained[model]
    recipe = {**study.config["train"], **row}
    optional = {name: files.get(name) for name in OPTIONAL}
    if "validation" in row:
        optional["transform"] = study.transform(model, study.stimuli_of(row["validation"]))
    parts = [
        options({"label_space": study.models[model]["label_space"]}, "label_space"),
        of_command(recipe, definition("train"), "fit"),
        of_command(recipe, section("train"), "fit"),
        options(recipe, "seed"),
        options(optional, *optional),
    ]
    return " ".join(filter(None, parts))


def of_methods(config: Mapping[str, object]) -> Json:
    """The settings that the methods of a study speak of; others change nothing in them."""
    silent = ("gpus", "allow_missing", "check", "dask", "downloads", "figures", "forkserver")
    return {name: value for name, value in config.items() if name not in silent}


def config_hash(config: Json) -> str:
    """Short hash of a config, the same however its files were checked and its jobs started."""
    content = json.dumps(config | {"check": True, "forkserver": True}, sort_keys=True)
    return hashlib.sha256(content.encode()).hexdigest()[:16]
