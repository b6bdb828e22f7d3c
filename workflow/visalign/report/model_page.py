"""The page of one model: its scores, its layers, and where it looks beside where people look."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import zarr
from PIL import Image, ImageOps

from visalign.errors import InputError
from visalign.io import stores, tables
from visalign.io.files import read_json
from visalign.maps import alignment
from visalign.measures import wording
from visalign.report import study_page
from visalign.stimuli import tables as stimulus_tables
from visalign.stimuli.transforms import Transform
from visalign.trend import verdict

#: A gallery shows this many stimuli, this many pixels wide.
STIMULI = 8
WIDTH = 128
#: Map colours of least, middle and most importance: dark to light, so that they read without hue too.
DARK, MIDDLE, LIGHT = "#000004", "#b63679", "#fcfdbf"
#: Values above this quantile of a map, or of a perturbation's sizes, look alike: few are far beyond.
QUANTILE = 0.99
#: The saliency that is compared with people's maps.
SALIENCY = "max_abs_gradient"
#: Width, height and margin of a layer curve, in pixels.
CURVE = (640, 200, 12)


def curve(values: Sequence[float], low: float, high: float) -> list[dict[str, Any]]:
    """Place values at equal steps in the box of a curve, `low` at its bottom and `high` at its top.

    Returns
    -------
    list of dict
        x, y in pixels from the upper left corner, in the order of `values`.
    """
    width, height, margin = CURVE
    step = (width - 2 * margin) / max(1, len(values) - 1)
    scale = (height - 2 * margin) / ((high - low) or 1.0)
    return [
        {"x": round(margin + i * step, 1), "y": round(height - margin - (value - low) * scale, 1)}
        for i, value in enumerate(values)
    ]


def layer_curves(scores: pd.DataFrame) -> list[dict[str, Any]]:
    """Return a curve over layers for each benchmark that has layer scores.

    Parameters
    ----------
    scores : DataFrame
        Score rows of one model.

    Returns
    -------
    list of dict
        benchmark, metric, convention, simulated, low, high (ends of the y axis), points: x, y, layer,
        value, chosen (whether the headline score is that layer's).
    """
    layered = scores[scores["metric"].str.endswith(study_page.PER_LAYER) & scores["value"].notna()]
    found = []
    for key, rows in layered.groupby(["benchmark", "metric", "convention"], sort=False):
        benchmark, metric, convention = map(str, key)
        headline = {"benchmark": benchmark, "metric": metric.removesuffix(study_page.PER_LAYER)}
        chosen = {row["layer"] for row in study_page.rows_of(scores, headline, convention).values()}
        low, high = min(0.0, rows["value"].min()), max(1.0, rows["value"].max())
        points = curve(list(rows["value"]), low, high)
        for point, layer, value in zip(points, rows["layer"], rows["value"], strict=True):
            point |= {"layer": layer, "value": value, "chosen": layer in chosen}
        simulated = bool(study_page.is_simulated(rows).any())
        names = {"benchmark": benchmark, "metric": metric, "convention": convention, "simulated": simulated}
        found.append(names | {"low": low, "high": high, "points": points})
    return found


def thumbnail(image: Image.Image, resampling: Image.Resampling = Image.Resampling.LANCZOS) -> str:
    """Return an image as a small JPEG in a data address."""
    height = round(WIDTH * image.height / image.width)
    buffer = io.BytesIO()
    image.resize((WIDTH, height), resampling).save(buffer, "JPEG", quality=80, subsampling=0)
    return "data:image/jpeg;base64," + base64.b64encode(buffer.getvalue()).decode()


def heat(importance: np.ndarray) -> Image.Image:
    """Colour a map (height, width) from its smallest value, dark, to its ``QUANTILE``, light."""
    low, high = float(importance.min()), float(np.quantile(importance, QUANTILE))
    shade = np.clip((importance - low) / ((high - low) or 1.0), 0, 1)
    return ImageOps.colorize(Image.fromarray((255 * shade).astype(np.uint8)), DARK, LIGHT, MIDDLE)


def signed(delta: np.ndarray) -> tuple[Image.Image, float]:
    """Colour a perturbation (3, height, width), each channel in its own colour, around mid-grey for zero.

    Returns
    -------
    (picture, end) : Image, float
        A channel is at its brightest from `end`, the ``QUANTILE`` of |δ|, and at its darkest from −`end`.
    """
    end = float(np.quantile(np.abs(delta), QUANTILE))
    shade = 128 + 127 * np.clip(delta / (end or 1.0), -1, 1)
    return Image.fromarray(np.moveaxis(shade.round().astype(np.uint8), 0, -1)), end


def per_image(path: Path) -> dict[str, dict[str, Any]]:
    """Return stimulus_id -> row of a per-image table; nothing where there is no such file."""
    if not path.exists():
        return {}
    table = tables.read_table(path, required=("stimulus_id",), dtype={"stimulus_id": str})
    rows = [{str(key): value for key, value in row.items()} for row in table.to_dict("records")]
    return {row["stimulus_id"]: row for row in rows}


def compared(row: Mapping[str, Any]) -> str:
    """Say how a map of one image compares with people's: ρ and floor, or why not."""
    if not row or row["rho"] != row["rho"]:
        return str(row.get("reason", ""))
    return f"ρ {wording.decimal(row['rho'])}, floor {verdict.decimal(row['floor'])}"


def perturbed(row: Mapping[str, Any]) -> str:
    """Say how large a perturbation is and what the model then names, and how its place compares."""
    if not row.get("success"):
        return compared(row)
    return f"norm {row['norm']:.2g}, named class {row['adversarial_label']}; {compared(row)}"


def model_pictures(
    found: Mapping[str, zarr.Group], row: int, attacked: int, texts: Mapping[str, str]
) -> list[tuple[str, str, str]]:
    """Return title, data address and text of each picture that a model has of one stimulus.

    Parameters
    ----------
    found : mapping of str to zarr.Group
        Stage -> store.
    row, attacked : int
        Row of the stimulus in the stores of saliency and attacks.
    """
    pictures = []
    if "saliency" in found:
        saliency = np.asarray(stores.array(found["saliency"], SALIENCY)[row])
        pictures.append(("saliency", thumbnail(heat(saliency)), texts["clickme"]))
    if "attacks" in found:
        image, end = signed(np.asarray(stores.array(found["attacks"], "delta")[attacked], dtype=np.float32))
        text = "; ".join(filter(None, (f"±{end:.2g}" if end else "", texts["attacks"])))
        # Not smoothed: neighbours of opposite sign would average to grey.
        pictures.append(("perturbation", thumbnail(image, Image.Resampling.NEAREST), text))
    return pictures


def gallery(directory: Path, model: str, entry: Mapping[str, str]) -> dict[str, Any] | None:
    """Return stimuli with people's map, saliency and perturbation as pictures.

    Parameters
    ----------
    directory : Path
        Results of the stages.
    entry : mapping
        maps, stimuli, transform: names of the map set and its stimulus set, key of the model's transform.

    Returns
    -------
    dict or None
        name, simulated, quantile, stimuli: name, pictures (title, source, text). The stimuli are the first
        that were attacked, or the first of all. None where the model has neither saliency nor perturbations.

    Raises
    ------
    InputError
        When `entry` lacks a field.
    """
    for field in ("maps", "stimuli", "transform"):
        if field not in entry:
            raise InputError(f"--galleries: no field {field!r} in {dict(entry)}")
    name, stimuli, transform = entry["maps"], entry["stimuli"], entry["transform"]
    paths = {stage: directory / stage / model / f"{stimuli}.zarr" for stage in ("attacks", "saliency")}
    found = {stage: stores.open_store(path) for stage, path in paths.items() if path.exists()}
    if not found:
        return None
    table = stimulus_tables.read(directory / "stimuli" / f"{stimuli}.csv")
    shown = stores.strings(next(iter(found.values())))[:STIMULI]
    rows = stimulus_tables.rows_of(table, shown, model)
    maps = alignment.read_maps(directory / "maps" / f"{name}.npz", table)[rows]
    human = alignment.at_input(maps, table.iloc[rows], Transform.from_key(transform))
    pixels = stores.array(
        stores.open_store(directory / "preprocess" / stimuli / f"{transform}.zarr"), "pixels"
    )
    images = {s: per_image(directory / s / model / f"{name}_images.csv") for s in ("clickme", "attacks")}
    texts = {"clickme": compared, "attacks": perturbed}
    entries = []
    for i, (stimulus, row) in enumerate(zip(shown, rows.tolist(), strict=True)):
        said = {stage: say(images[stage].get(stimulus, {})) for stage, say in texts.items()}
        image = Image.fromarray(np.moveaxis(np.asarray(pixels[row]), 0, -1))
        pictures = [("stimulus", thumbnail(image), ""), ("people", thumbnail(heat(human[i])), "")]
        entries.append({"name": stimulus, "pictures": pictures + model_pictures(found, row, i, said)})
    simulated = read_json(directory / "maps" / f"{name}.json")["simulated"]
    return {"name": name, "simulated": simulated, "quantile": QUANTILE, "stimuli": entries}


def files(directory: Path, model: str, galleries: Iterable[Mapping[str, str]]) -> list[Path]:
    """Return the files beside the scores that the page of a model links to where they exist."""
    beside = ("clickme/{}/{}_images.csv", "clickme/{}/{}_gallery.png", "attacks/{}/{}_images.csv")
    found = [directory / path.format(model, entry["maps"]) for entry in galleries for path in beside]
    return [directory / "models" / f"{model}.json", *found]


def content(
    scores: pd.DataFrame, model: str, directory: Path, galleries: Sequence[Mapping[str, str]]
) -> dict[str, Any]:
    """Return what the page of one model shows, for its template.

    Parameters
    ----------
    scores : DataFrame
        Score rows; those of other models are ignored.
    directory : Path
        Results of the stages.
    galleries : sequence of mapping
        As ``gallery`` takes them.

    Raises
    ------
    InputError
        When the model has no score row.
    """
    own = scores[scores["model"] == model]
    if own.empty:
        raise InputError(f"--model {model}: no row in the score tables")
    own = own.assign(simulated=study_page.is_simulated(own))
    simulated: dict[str, bool] = {}
    for benchmark, rows in own.groupby("benchmark", sort=False):
        if rows["simulated"].nunique() == 1:
            simulated[str(benchmark).replace("/", " ").replace("_", " ")] = bool(rows["simulated"].iloc[0])
        else:
            marks = rows.groupby("metric", sort=False)["simulated"].any()
            simulated |= {study_page.plain_name(str(benchmark), str(m)): bool(v) for m, v in marks.items()}
    card = directory / "models" / f"{model}.json"
    return {
        "model": model,
        "simulation": verdict.of_simulation(simulated),
        "card": read_json(card) if card.exists() else {},
        "scores": own[~own["metric"].str.endswith(study_page.PER_LAYER)].to_dict("records"),
        "curves": layer_curves(own),
        "galleries": [g for g in (gallery(directory, model, entry) for entry in galleries) if g],
    }
