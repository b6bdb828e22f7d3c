"""What is known of a study's models before any job runs: asked of timm once, then read from a cache.

A process of its own asks (``python -m visalign models facts``), since every start of Snakemake passes here
and timm takes seconds to import.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NotRequired, TypedDict

from visalign.errors import InputError
from visalign.io.files import write_atomic
from visalign.io.rows import ModelRow
from visalign.labels import spaces
from visalign.zoo import callables, low_level
from visalign.zoo.weights import NamedWeights, files_of, is_repository, trained_here

if TYPE_CHECKING:
    from visalign.stimuli.transforms import DataConfig

#: Raised when the same row gets other facts.
VERSION = 2
#: Columns that say what a callable takes, of which nothing else does.
INPUT: tuple[Literal["input_size", "mean", "std", "crop_pct", "interpolation"], ...] = (
    *("input_size", "mean", "std", "crop_pct", "interpolation"),
)
#: Size and time of each of some files, with its name.
States = list[list[str | int]]


class Question(NamedWeights):
    """What decides the facts of a row: columns of the model sheet; those of the base where it is trained."""

    input_size: NotRequired[int]
    layers: NotRequired[str]
    crop_pct: NotRequired[float]
    crop_mode: NotRequired[str]
    interpolation: NotRequired[str]
    mean: NotRequired[str]
    std: NotRequired[str]


class Facts(TypedDict):
    """What is known of a model before its weights are there."""

    data_config: DataConfig | None  # without the row's overrides; None with a problem that leaves it unknown
    num_classes: int | None  # outputs of the head; None: unknown
    problem: str | None  # what is wrong with the row
    unavailable: str | None  # why weights or data config cannot be looked up now


class Answer(Facts):
    """Facts as timm gives them."""

    fetched: bool  # whether the weights are those of the hub, not of files here


class Known(Answer):
    """Facts in the cache."""

    state: States  # of the files that they rest on


#: Facts of low-level models, of which timm knows nothing.
LOW_LEVEL: Facts = {
    "data_config": low_level.DATA_CONFIG,
    "num_classes": 0,
    "problem": None,
    "unavailable": None,
}


def resolve(models: dict[str, ModelRow], cache: str | Path | None) -> dict[str, Facts]:
    """Return the facts of each model.

    Parameters
    ----------
    models : dict
        Rows of the model sheet by name, a trained model after its base.
    cache : str or Path, optional
        JSON file that keeps them; where it holds all, timm is not started.
    """
    given = {name: LOW_LEVEL for name, row in models.items() if row["weights"] == low_level.WEIGHTS}
    models = {name: row for name, row in models.items() if name not in given}
    cache = Path(cache) if cache else None
    stored = json.loads(cache.read_text()) if cache and cache.exists() else {}
    version = f"{timm_version()}/{VERSION}"
    known: dict[str, Known] = stored.get(version, {})
    questions = {model: question(model, models) for model in models}
    keys = {model: json.dumps(asked, sort_keys=True) for model, asked in questions.items()}
    states = {key: state(questions[model]) for model, key in keys.items()}
    missing = {key: questions[model] for model, key in keys.items() if not holds(known.get(key), states[key])}
    if missing:
        answers = ask(list(missing.values()))
        known |= {key: {**facts, "state": states[key]} for key, facts in zip(missing, answers, strict=True)}
        if cache:
            write_atomic(cache, json.dumps({version: known}, indent=1))
    return given | {model: known[key] for model, key in keys.items()}


def question(model: str, models: dict[str, ModelRow]) -> Question:
    """What decides a model's facts; a trained model's are those of the first base, at its own input size."""
    own = base = models[model]
    sizes = [own.get("input_size")]
    while trained_here(base):
        base = models[base["source"]]
        sizes.append(base.get("input_size"))
    asked: Question = {
        "architecture": base["architecture"],
        "weights": base["weights"],
        "source": base.get("source", ""),
    }
    if "input_size" in own:
        asked["input_size"] = own["input_size"]
    if own.get("layers", "auto") != "auto":
        asked["layers"] = own["layers"]
    made = callables.is_callable(asked["architecture"])
    if made:
        if size := next(filter(None, sizes), None):
            asked["input_size"] = size
        if "mean" in base:
            asked["mean"] = base["mean"]
        if "std" in base:
            asked["std"] = base["std"]
    if made or is_repository(asked["source"]):  # which may say nothing of its input
        if "crop_pct" in base:
            asked["crop_pct"] = base["crop_pct"]
        if "crop_mode" in base:
            asked["crop_mode"] = base["crop_mode"]
        if "interpolation" in base:
            asked["interpolation"] = base["interpolation"]
    return asked


def state(asked: Question) -> States:
    """Size and time of the files that a model's facts rest on."""
    source, files = asked["source"], files_of(asked)
    if asked["weights"] == "package":
        spec = importlib.util.find_spec(source) if source.isidentifier() else None
        files += [Path(place) for place in spec.submodule_search_locations or []] if spec else []
    elif asked["weights"] == "hub" and is_repository(source) and not files:
        home = os.environ.get("HF_HOME", f"{os.environ.get('XDG_CACHE_HOME', '~/.cache')}/huggingface")
        hub = Path(os.environ.get("HF_HUB_CACHE", f"{home}/hub")).expanduser()
        folder = hub / f"models--{source.rpartition(':')[2].partition('@')[0].replace('/', '--')}"
        files = [folder / "refs", folder / "snapshots"]
    stats = [(str(file), file.stat() if file.exists() else None) for file in files]
    return [[name, *((found.st_size, found.st_mtime_ns) if found else ())] for name, found in stats]


def holds(facts: Known | None, now: States) -> bool:
    """Whether cached facts still hold; what is known of a repository of the hub holds once it is known."""
    if facts is None:
        return False
    settled = facts["fetched"] and facts["data_config"] is not None and facts["unavailable"] is None
    return settled or facts["state"] == now


def ask(rows: list[Question]) -> list[Answer]:
    """Ask timm, in a process of its own."""
    command = [sys.executable, "-m", "visalign", "models", "facts"]
    result = subprocess.run(command, input=json.dumps(rows), capture_output=True, text=True)
    if result.returncode:
        raise InputError(f"visalign models --facts: {(result.stderr.strip().splitlines() or ['failed'])[-1]}")
    return json.loads(result.stdout.splitlines()[-1])


def problems(
    facts: dict[str, Facts], sheets: dict[str, str], field: Literal["problem", "unavailable"] = "problem"
) -> list[str]:
    """What is wrong with models, or unavailable, a line each.

    Parameters
    ----------
    facts : dict of dict
        See `resolve`.
    sheets : dict of str
        Sheet that holds the row of each model.
    """
    return [f"{sheets[model]}: {model}: {known[field]}" for model, known in facts.items() if known[field]]


def heads(models: dict[str, ModelRow], facts: dict[str, Facts]) -> dict[str, int | None]:
    """Outputs of the head of each model; of a trained one the base's, or a new head's where labels differ."""
    outputs: dict[str, int | None] = {}
    for model, row in models.items():
        if not trained_here(row):
            outputs[model] = facts[model]["num_classes"]
        elif row["label_space"] == models[row["source"]]["label_space"]:
            outputs[model] = outputs[row["source"]]
        else:
            outputs[model] = spaces.size(row["label_space"])
    return outputs


def timm_version() -> str:
    """Version of timm, without importing it; '' where it is in another environment."""
    try:
        return importlib.metadata.version("timm")
    except importlib.metadata.PackageNotFoundError:
        return ""


def described(row: NamedWeights | Question) -> DataConfig:
    """What input a callable takes, as its row says; InputError where the row does not."""
    empty = [column for column in INPUT if column not in row]
    if empty:
        raise InputError(
            f"architecture: {row['architecture']}: says nothing of the input that it takes: fill "
            f"{', '.join(empty)} ({', '.join(INPUT)} are needed; crop_mode is center when empty)"
        )
    asked: Question = row  # type: ignore[assignment]
    return {
        "input_size": [3, asked["input_size"], asked["input_size"]],
        "interpolation": asked["interpolation"],
        "mean": channels(asked["mean"]),
        "std": channels(asked["std"]),
        "crop_pct": asked["crop_pct"],
        "crop_mode": asked.get("crop_mode", "center"),
    }


def channels(cell: str) -> list[float]:
    """Values of red, green and blue in a cell of the columns mean and std, of which one may stand for all."""
    values = [float(value) for value in cell.split(",")]
    return values * 3 if len(values) == 1 else values


def override(data_config: DataConfig, row: ModelRow) -> DataConfig:
    """Apply a sheet row's input_size, mean, std, crop_pct, crop_mode and interpolation to a data config."""
    result = data_config.copy()
    if "mean" in row:
        result["mean"] = channels(row["mean"])
    if "std" in row:
        result["std"] = channels(row["std"])
    result["crop_pct"] = row.get("crop_pct", result["crop_pct"])
    result["crop_mode"] = row.get("crop_mode", result["crop_mode"])
    result["interpolation"] = row.get("interpolation", result["interpolation"])
    if "input_size" in row:
        result["input_size"] = [3, row["input_size"], row["input_size"]]
    return result
