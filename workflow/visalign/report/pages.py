"""What the pages of the report show, and where they link to, filled into their templates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TypedDict

import pandas as pd

from visalign.io.files import Json, read_json
from visalign.report import linked_panels, model_page, probe_page, probe_tables, remarks, study_page
from visalign.report.render import address, links, render
from visalign.trend import text, verdict
from visalign.trend.answer import Panel, StudyTrend


class Verdict(Panel):
    """A panel in words."""

    name: str
    sentences: list[str]
    further: list[tuple[str, str, int | None]]


class Content(TypedDict):
    """What the page of all models shows, but for models and links."""

    simulated: dict[str, bool]
    simulation: list[str]
    panels: linked_panels.LinkedPanels
    verdicts: list[Verdict]
    probes: probe_tables.Section
    columns: list[study_page.Column]
    failures: list[remarks.Failure]
    left_out: list[remarks.LeftOut]
    cards: Sequence[tuple[str, Json]]  # of recordings and maps
    versions: dict[str, str]
    timings: Sequence[study_page.Timing]
    trend: StudyTrend
    config_hash: str
    credits: Sequence[Mapping[str, object]]
    not_measured: Mapping[str, str]
    n_scores: int


def parameters_of(directory: Path, models: Sequence[str]) -> dict[str, int]:
    """Return model -> number of parameters, of the models whose card says it."""
    cards = [directory / "models" / f"{model}.json" for model in models]
    known = {path.stem: read_json(path).get("parameters") for path in cards if path.exists()}
    return {model: number for model, number in known.items() if number}


def content_of_study(
    scores: pd.DataFrame,
    trend: StudyTrend,
    parameters: Mapping[str, int],
    cards: Sequence[tuple[str, Json]],
    timings: Sequence[study_page.Timing],
    config_hash: str,
    credits: Sequence[Mapping[str, object]] = (),
    not_measured: Mapping[str, str] | None = None,
    probe_figure: Path | None = None,
) -> Content:
    """Return what the page of all models shows, but for models and links.

    Parameters
    ----------
    parameters : mapping of str to int
        Of the models where it is known.
    cards : sequence of (name, data card)
    timings : sequence of dict
    credits : sequence of mapping
        Whose data they are: ``names`` of data sets, ``citation`` and ``licence``.
    not_measured : mapping of str to str, optional
        Title of a measure that the study has no score of its own of -> why.
    probe_figure : Path, optional
        PNG of the figure of probes.
    """
    simulated = study_page.simulated_measures(scores, trend)
    return {
        "simulated": simulated,
        "simulation": verdict.of_simulation(simulated),
        "panels": linked_panels.panels(scores, trend, parameters),
        "verdicts": [
            {
                **panel,
                "name": study_page.measure_name(panel),
                "sentences": verdict.of_panel(panel, study_page.word_of(trend)),
                "further": text.further(panel["trend"]) if panel["trend"] else [],
            }
            for panel in trend["panels"]
        ],
        "probes": probe_tables.section(trend["panels"], probe_figure),
        "columns": study_page.headlines(trend),
        "failures": remarks.failures(scores, trend),
        "left_out": remarks.left_out(scores),
        "cards": cards,
        "versions": study_page.versions(scores),
        "timings": timings,
        "trend": trend,
        "config_hash": config_hash,
        "credits": credits,
        "not_measured": not_measured or {},
        "n_scores": len(scores),
    }


def of_study(
    scores: pd.DataFrame,
    content: Content,
    page: Path,
    pages: Sequence[Path] = (),
    files: Sequence[str | Path] = (),
) -> str:
    """Return the page of all models as HTML, with links to those of `pages` and `files` that exist.

    Parameters
    ----------
    content : dict
    page : Path
        Where it will be, to which addresses are relative.
    """
    models = study_page.model_table(scores, content["trend"], dict(links(pages, page)))
    return render("report.html.j2", {**content, "models": models, "links": links(files, page)})


def of_model(
    scores: pd.DataFrame,
    model: str,
    directory: Path,
    galleries: Sequence[Mapping[str, str]],
    page: Path,
    score_files: Sequence[str],
    published_top1: float | None = None,
    probes: Sequence[Mapping[str, str]] = (),
) -> str:
    """Return the page of one model as HTML.

    Parameters
    ----------
    directory : Path
        Results of the stages.
    galleries : sequence of mapping
        As `model_page.gallery` takes them.
    page : Path
        Where it will be, to which addresses are relative.
    score_files : sequence of str
        To link to.
    published_top1 : float, optional
        What others report.
    probes : sequence of mapping
        As `probe_page.content` takes them.
    """
    files: list[str | Path] = [*score_files, *model_page.files(directory, model, galleries)]
    files += probe_page.files(directory, model, probes)
    content = model_page.content(scores, model, directory, galleries, probes)
    if published_top1 is not None:
        content["card"]["published_top1"] = published_top1
    back = address(directory / "report.html", page)
    return render("model.html.j2", {**content, "links": links(files, page), "back": back})
