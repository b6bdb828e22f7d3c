"""The page of one model: its scores, its layers, and where it looks beside where people look."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple, TypedDict

import numpy as np
import pandas as pd
from PIL import Image

from visalign.errors import InputError
from visalign.io import stores
from visalign.io.files import Json, read_json
from visalign.io.scores import ScoreRow, rows_in
from visalign.maps import alignment
from visalign.measures import wording
from visalign.report import probe_page, study_page
from visalign.report.pictures import PICTURES, QUANTILE, heat, per_image, thumbnail
from visalign.report.render import number
from visalign.stimuli import tables as stimulus_tables
from visalign.stimuli.transforms import Transform
from visalign.trend import verdict

#: A gallery shows this many stimuli.
STIMULI = 8
#: Width, height and margin of a layer curve, in pixels.
CURVE = (640, 200, 12)


class Layer(TypedDict):
    """A layer on its curve."""

    x: float  # pixels from the upper left corner
    y: float
    layer: str
    value: float
    chosen: bool  # whether the headline score is this layer's


class Curve(TypedDict):
    """A curve over layers."""

    benchmark: str
    metric: str
    convention: str
    simulated: bool
    low: float  # ends of the y axis
    high: float
    points: list[Layer]


class Stimulus(TypedDict):
    """A stimulus in a gallery, each picture as title, data address and text."""

    name: str
    pictures: list[tuple[str, str, str]]


class Gallery(TypedDict):
    """Stimuli with people's map, saliency and perturbation as pictures."""

    name: str
    simulated: bool
    quantile: float
    stimuli: list[Stimulus]


def curve(values: Sequence[float], low: float, high: float) -> list[tuple[float, float]]:
    """Place values at equal steps in the box of a curve, `low` at its bottom and `high` at its top.

    Returns
    -------
    list of (x, y)
        In pixels from the upper left corner, in the order of `values`.
    """
    width, height, margin = CURVE
    step = (width - 2 * margin) / max(1, len(values) - 1)
    scale = (height - 2 * margin) / ((high - low) or 1.0)
    return [
        (round(margin + i * step, 1), round(height - margin - (value - low) * scale, 1))
        for i, value in enumerate(values)
    ]


def layer_curves(scores: pd.DataFrame) -> list[Curve]:
    """Return a curve over layers for each benchmark that has layer scores.

    Parameters
    ----------
    scores : DataFrame
        Score rows of one model.
    """
    layered = scores[scores["metric"].str.endswith(study_page.PER_LAYER) & scores["value"].notna()]
    found: list[Curve] = []
    for key, rows in layered.groupby(["benchmark", "metric", "convention"], sort=False):
        benchmark, metric, convention = map(str, key)
        headline = metric.removesuffix(study_page.PER_LAYER)
        of_headline = study_page.rows_of(scores, benchmark, headline, convention)
        chosen = {row["layer"] for row in of_headline.values()}
        low, high = min(0.0, rows["value"].min()), max(1.0, rows["value"].max())
        places = curve(list(rows["value"]), low, high)
        found.append(
            {
                "benchmark": benchmark,
                "metric": metric,
                "convention": convention,
                "simulated": bool(study_page.is_simulated(rows).any()),
                "low": low,
                "high": high,
                "points": [
                    {"x": x, "y": y, "layer": layer, "value": value, "chosen": layer in chosen}
                    for (x, y), layer, value in zip(places, rows["layer"], rows["value"], strict=True)
                ],
            }
        )
    return found


def gallery(directory: Path, model: str, entry: Mapping[str, str]) -> Gallery | None:
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
        The stimuli are the first that were attacked, or the first of all. None where the model has neither
        saliency nor perturbations.

    Raises
    ------
    InputError
        When `entry` lacks a field.
    """
    for field in ("maps", "stimuli", "transform"):
        if field not in entry:
            raise InputError(f"--galleries: no field {field!r} in {dict(entry)}")
    name, stimuli, transform = entry["maps"], entry["stimuli"], entry["transform"]
    ordered = sorted(PICTURES, key=lambda picture: not picture.chosen)  # what chose stimuli says which
    paths = {picture.stage: directory / picture.stage / model / f"{stimuli}.zarr" for picture in ordered}
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
    drawn = [picture for picture in PICTURES if picture.stage in found]
    said = {p: per_image(directory / p.said_by / model / f"{name}_images.csv") for p in drawn}
    entries: list[Stimulus] = []
    for i, (stimulus, row) in enumerate(zip(shown, rows.tolist(), strict=True)):
        image = Image.fromarray(np.moveaxis(np.asarray(pixels[row]), 0, -1))
        pictures = [("stimulus", thumbnail(image), ""), ("people", thumbnail(heat(human[i])), "")]
        for picture in drawn:
            source, remark = picture.draw(found[picture.stage], i if picture.chosen else row)
            words = picture.say(said[picture].get(stimulus, {}))
            pictures.append((picture.title, source, "; ".join(filter(None, (remark, words)))))
        entries.append({"name": stimulus, "pictures": pictures})
    simulated = read_json(directory / "maps" / f"{name}.json")["simulated"]
    return {"name": name, "simulated": simulated, "quantile": QUANTILE, "stimuli": entries}


def files(directory: Path, model: str, galleries: Iterable[Mapping[str, str]]) -> list[Path]:
    """Return the files beside the scores that the page of a model links to where they exist."""
    found = [
        directory / picture.said_by / model / f"{entry['maps']}{end}"
        for entry in galleries
        for picture in PICTURES
        for end in ("_images.csv", *picture.beside)
    ]
    return [directory / "models" / f"{model}.json", *found]


def interval(row: ScoreRow) -> str:
    """Return the interval of a score row as text."""
    low, high = row["ci_low"], row["ci_high"]
    return "–" if low is None else f"{number(low)} to {number(high)}"


class Column(NamedTuple):
    """A column of the table of scores: its title, what it says of a row, and how it looks."""

    title: str
    say: Callable[[ScoreRow], str]
    numeric: bool = False
    reason: bool = False  # the status stands beside it


#: Columns of the table of scores after that of the benchmark.
COLUMNS = (
    Column("metric", lambda row: row["metric"]),
    Column("convention", lambda row: row["convention"] or ""),
    Column("value", lambda row: number(row["value"]), numeric=True, reason=True),
    Column("95 % interval", interval, numeric=True),
    Column("floor", lambda row: number(row["floor"]), numeric=True),
    Column("ceiling", lambda row: number(row["ceiling"]), numeric=True),
    Column("n", lambda row: wording.decimal(row["n"], 0), numeric=True),
    Column("left out", lambda row: wording.decimal(row["n_excluded"], 0), numeric=True),
    Column("layer", lambda row: row["layer"] or "–"),
)


def data_of(benchmark: str) -> str:
    """Return the part of a benchmark that says of which data it is: of tasks of one probe the probe."""
    return "/".join(benchmark.split("/")[:2]) if benchmark.startswith("probes/") else benchmark


class Content(TypedDict):
    """What the page of one model shows."""

    model: str
    simulation: list[str]
    card: Json  # of the stage models
    columns: tuple[Column, ...]
    scores: list[ScoreRow]
    curves: list[Curve]
    probes: list[probe_page.Probe]
    galleries: list[Gallery]


def content(
    scores: pd.DataFrame,
    model: str,
    directory: Path,
    galleries: Sequence[Mapping[str, str]],
    probes: Sequence[Mapping[str, str]] = (),
) -> Content:
    """Return what the page of one model shows, for its template.

    Parameters
    ----------
    scores : DataFrame
        Score rows; those of other models are ignored.
    directory : Path
        Results of the stages.
    galleries : sequence of mapping
        As ``gallery`` takes them.
    probes : sequence of mapping
        As ``probe_page.content`` takes them.

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
    for benchmark, rows in own.groupby(own["benchmark"].map(data_of), sort=False):
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
        "columns": COLUMNS,
        "scores": rows_in(own[~own["metric"].str.endswith(study_page.PER_LAYER)]),
        "curves": layer_curves(own),
        "probes": probe_page.content(own, directory, model, probes),
        "galleries": [g for g in (gallery(directory, model, entry) for entry in galleries) if g],
    }
