"""Claims about a study without an x axis: scores are drawn and listed by model."""

from pathlib import Path

import numpy as np
import pytest
import synthetic_scores
from synthetic_scores import IT, panels_of

from visalign.io.files import read_json
from visalign.report import figure, linked_panels, pages, study_page, theme


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """Score table and trend of a study without an accuracy."""
    folder = tmp_path_factory.mktemp("study")
    scores = synthetic_scores.score_table()
    scores = scores[~scores["benchmark"].str.startswith("accuracy/")]
    panels_of(folder, scores)
    return scores, read_json(folder / "trend.json")


def test_scores_are_drawn_a_line_per_model_the_highest_on_top_with_their_intervals(study):
    _, trend = study
    panel = trend["panels"][0]
    with theme.look():
        drawn = figure.accuracy_vs_alignment(trend, [panel], figure.named_styles([panel]), 3)
    [axes] = drawn.axes
    dots = [line.get_xydata()[0].tolist() for line in axes.lines if len(line.get_xdata()) == 1]
    assert dots == [[entry["y"], place] for place, entry in enumerate(panel["by_model"])]
    bars = np.array([bar.get_segments()[0][:, 0] for bar in axes.collections])
    np.testing.assert_allclose(bars, [[entry["y_low"], entry["y_high"]] for entry in panel["by_model"]])
    assert axes.get_ylim()[0] > axes.get_ylim()[1]
    names = [tick.get_text() for tick in axes.get_yticklabels()]
    assert names == [entry["model"] for entry in panel["by_model"]]
    assert axes.get_xlabel().startswith("IT predictivity")
    hollow = {line.get_ydata()[0] for line in axes.lines if line.get_markerfacecolor() == "none"}
    controls = {i for i, entry in enumerate(panel["by_model"]) if entry["role"] == "control"}
    assert hollow == controls and len(controls) == 3
    texts = " ".join(text.get_text() for text in axes.texts)
    assert "no accuracy in this study: scores by model" in texts and "no trend drawn" not in texts
    legends = [text.get_text() for legend in drawn.legends for text in legend.get_texts()]
    assert "hollow: of another role, such as control" in legends


def test_of_many_models_some_are_named(study):
    _, trend = study
    entry = trend["panels"][0]["by_model"][0]
    many = [entry | {"model": f"m{i}", "y": 1 - i / 500} for i in range(200)]
    panel = trend["panels"][0] | {"by_model": many}
    with theme.look():
        [axes] = figure.accuracy_vs_alignment(trend, [panel], {}, 3).axes
    assert [tick.get_text() for tick in axes.get_yticklabels()] == [f"m{i}" for i in range(0, 200, 4)]


def test_the_report_has_columns_for_panels_only_and_says_what_is_not_measured(study):
    scores, trend = study
    columns = study_page.headlines(trend)
    assert [column["benchmark"] for column in columns] == [panel["benchmark"] for panel in trend["panels"]]
    missing = {"Accuracy": "no labelled images in this study"}
    content = pages.content_of_study(scores, trend, {}, (), (), "", not_measured=missing)
    assert content["panels"]["x"] is None
    assert content["panels"]["panels"][0]["note"].endswith("no accuracy in this study: scores by model.")
    page = pages.of_study(scores, content, Path("report.html"))
    assert "<li>Accuracy: no labelled images in this study.</li>" in page
    assert "rank correlation with accuracy" not in page and "There is no accuracy in this study" in page


def test_another_score_as_x_axis_can_be_chosen_and_named_in_the_report(tmp_path):
    scores = synthetic_scores.score_table()
    panels_of(tmp_path, scores, None, "--axis", f"{IT}/pls")
    trend = read_json(tmp_path / "trend.json")
    found = linked_panels.panels(scores, trend, {})
    first = found["measures"][0]
    assert found["x"] == 0 and first["accuracy"] and (first["benchmark"], first["metric"]) == (IT, "pls")
    assert {m["benchmark"] for m in found["measures"] if m["accuracy"]} == {IT, "accuracy/photographs"}
    page = pages.of_study(
        scores, pages.content_of_study(scores, trend, {}, (), (), ""), tmp_path / "report.html"
    )
    assert "rank correlation with IT predictivity" in page and "IT predictivity below" in page
