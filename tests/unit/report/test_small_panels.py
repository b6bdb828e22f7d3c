"""Claims about the figure of probes: small panels with floor, baselines, people and what ρ can be."""

import json

import numpy as np
import pytest
import synthetic_probes
import synthetic_scores
from hypothesis import given
from hypothesis import strategies as st

from visalign.cli import main
from visalign.io import tables
from visalign.io.files import read_json
from visalign.report import draw_levels, figure, small_panels, theme

SUFFIXES = ("png", "svg", "pdf")


def trend_of(folder, table):
    """Write the trend of a score table; return its path."""
    scores, sheet = synthetic_scores.write_study(folder)
    tables.write_table(scores, table)
    argv = ["--scores", scores, "--models", sheet, "--bootstrap", "100"]
    main(["trend", *argv, "--output", str(folder / "trend.json")])
    return folder / "trend.json"


def draw(trend, folder, *more):
    argv = ["--trend", str(trend), "--output-dir", str(folder), "--measures-dir", str(folder / "m")]
    main(["figures", *argv, "--dpi", "60", *more])


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    folder = tmp_path_factory.mktemp("probes")
    return read_json(trend_of(folder, synthetic_probes.with_probes()))


@pytest.fixture(scope="module")
def probes(study):
    return figure.figures_of(study["panels"])["probes"]


@pytest.fixture(scope="module")
def made(study, probes):
    with theme.look():
        return figure.drawn(study, probes, figure.named_styles(study["panels"]), 4)


def axes_of(made, title):
    return next(axes for axes in made.axes if axes.get_title(loc="left").partition("\n")[0] == title)


def test_probes_have_a_figure_of_their_own_and_the_main_one_keeps_all_others(study):
    found = figure.figures_of(study["panels"])
    assert list(found) == ["alignment", "probes"]
    assert [panel["measure"] for panel in found["alignment"]] == [
        "neural",
        "clickme",
        "adversarial_alignment",
        "perturbation_tolerance",
    ]
    assert len(found["probes"]) == 10 and {panel["measure"] for panel in found["probes"]} == {"probes"}


def test_a_study_without_probes_has_no_figure_of_them_unless_it_is_asked_for(tmp_path):
    trend = trend_of(tmp_path, synthetic_scores.score_table())
    some = read_json(trend)
    some["panels"] = some["panels"][:1]
    trend.write_text(json.dumps(some))
    draw(trend, tmp_path / "a")
    assert {path.name for path in (tmp_path / "a").glob("*.*")} == {
        f"accuracy_vs_alignment.{suffix}" for suffix in SUFFIXES
    }
    draw(trend, tmp_path / "b", "--figures", "probes")
    assert "no model has been scored on probes yet" in (tmp_path / "b/accuracy_vs_probes.svg").read_text()


def test_where_there_are_only_probes_the_main_figure_shows_them(tmp_path):
    table = synthetic_probes.with_probes(tasks=["depth", "svrt-04"])
    kept = table["benchmark"].str.startswith(("probes/", "accuracy/"))
    draw(trend_of(tmp_path, table[kept]), tmp_path / "out")
    main_figure, own = (
        (tmp_path / f"out/accuracy_vs_{name}.svg").read_bytes() for name in ("alignment", "probes")
    )
    assert main_figure == own and b"svrt-04" in own


def test_three_panels_stand_beside_each_other_on_a_page(made, probes):
    width, height = made.get_size_inches()
    assert width == pytest.approx(7.2) and height < 11
    assert len([axes for axes in made.axes if axes.axison]) == len(probes)
    sizes = [
        text.get_fontsize() for axes in made.axes for text in [*axes.texts, axes.title, axes.xaxis.label]
    ]
    assert min(sizes) >= 5.8


def test_floor_is_a_band_and_baselines_and_people_are_named_lines(made, probes):
    axes = axes_of(made, "Probe depth")
    panel = next(panel for panel in probes if panel["title"] == "Probe depth")
    heights = {line.get_ydata()[0] for line in axes.lines if list(line.get_xdata()) == [0, 1]}
    assert heights == {level["y"] for level in panel["levels"]}
    band = panel["levels"][0]
    [patch] = axes.patches
    low, high = patch.get_y(), patch.get_y() + patch.get_height()
    assert (low, high) == pytest.approx((band["low"], band["high"]))
    names = {text.get_text() for text in axes.texts}
    assert {"permuted labels", "pixels", "image statistics", "people, SIMULATED"} <= names
    dashed = [line.is_dashed() for line in axes.lines if list(line.get_xdata()) == [0, 1]]
    assert dashed == [False, True, True, False] and len(set(draw_levels.DASHES)) == 3  # without colour too


def test_names_of_lines_do_not_cover_each_other_and_stay_in_their_panel(made):
    for axes in made.axes:
        names = [
            text
            for text in axes.texts
            if text.get_text() in ("permuted labels", "pixels", "image statistics")
        ]
        boxes = [super(type(text), text).get_window_extent() for text in names]
        middles = sorted((box.y0 + box.y1) / 2 * 72 / made.dpi for box in boxes)
        assert all(np.diff(middles) > small_panels.FOOTER_SIZE)
        frame = axes.get_window_extent()
        assert all(frame.y0 < (box.y0 + box.y1) / 2 < frame.y1 for box in boxes)


def test_panels_of_one_metric_have_one_scale_that_holds_all_that_is_drawn(made, probes):
    limits = {axes.get_ylim() for axes in made.axes if axes.axison}
    assert len(limits) == 1
    [(low, high)] = limits
    for panel in probes:
        drawn = [*draw_levels.heights(panel["levels"]), *(point["y_high"] for point in panel["points"])]
        assert low < min(drawn) and max(drawn) < high


def test_reliability_stands_under_a_panel_beside_its_correlation(made, probes):
    panel = next(panel for panel in probes if panel["title"] == "Probe depth")
    found = panel["reliability"]
    footer = next(t.get_text() for t in axes_of(made, "Probe depth").texts if t.get_text().startswith("n ="))
    text = " ".join(footer.split())
    assert "n = 11 + 3 shown only; 1 excluded · ρ = " in text
    assert f"reliability of the spread {found['value']:.2f}: |ρ| up to {found['attainable']:.2f}" in text
    alike = {"value": -0.1, "attainable": None, "disattenuated": None, "n": 11, "units": [48, 48]}
    assert "reliability of the spread −0.10: no more than errors" in " ".join(
        small_panels.short_footer(panel | {"reliability": alike}).split()
    )


def test_without_a_trend_the_footer_says_why(probes):
    text = small_panels.short_footer(probes[0] | {"trend": None, "reason": "n = 3; too few"})
    assert "no trend: n = 3; too few" in text and "reliability" not in text


def test_people_are_marked_as_simulated_at_their_line(made):
    [line] = [text.get_text() for text in axes_of(made, "Probe depth").texts if "people" in text.get_text()]
    assert line == "people, SIMULATED"


def test_published_models_of_a_task_are_drawn_behind_it_and_counted(study, probes):
    overlay = {"table": "p.csv", "x": "acc", "y": "depth", "metric": "top1", "convention": "proportion"}
    overlay |= {"percent": True, "n": 2, "n_missing": 0, "left_out": [], "own_x": False, "own_y": False}
    overlay["points"] = [{"model": "a", "x": 0.7, "y": 0.61}, {"model": "b", "x": 0.8, "y": 0.11}]
    changed = [probes[0] | {"overlay": overlay}, probes[1]]
    with theme.look():
        made = figure.drawn(study, changed, figure.named_styles(changed), 4)
    offsets = [c.get_offsets().tolist() for c in made.axes[0].collections if len(c.get_offsets()) == 2]
    assert [[0.7, 0.61], [0.8, 0.11]] in offsets and made.axes[0].get_ylim()[0] <= 0.11
    footer = " ".join(text.get_text() for text in made.axes[0].texts)
    assert "2 published models (grey, depth)" in footer


def test_a_panel_without_values_says_why(study, probes):
    nothing = {"points": [], "shown_only": [], "trend": None, "reason": "n = 0", "levels": []}
    excluded = [{"model": "m", "family": "f", "reason": "weights are missing"}]
    empty = [probes[0] | nothing | {"excluded": excluded}, probes[1]]
    with theme.look():
        made = figure.drawn(study, empty, figure.named_styles(empty), 4)
    assert any("1 × weights are missing" in text.get_text() for text in made.axes[0].texts)


def test_a_panel_alone_is_drawn_large_with_the_same_lines(study, probes):
    panel = next(panel for panel in probes if panel["title"] == "Probe depth")
    with theme.look():
        made = figure.drawn(study, [panel], figure.named_styles([panel]), 4)
    [axes] = made.axes
    assert axes.get_position().width * made.get_size_inches()[0] > 4
    names = {text.get_text() for text in axes.texts}
    assert {"permuted labels", "people, SIMULATED", "tf_efficientnet_lite0"} <= names
    assert axes.get_ylim()[0] < panel["levels"][0]["low"] and axes.get_ylim()[1] > 0.9
    assert any("Reliability of the spread between the 11 models" in " ".join(n.split()) for n in names)


@given(st.lists(st.floats(0, 100), min_size=1, max_size=6))
def test_names_are_spread_apart_in_order_and_within_bounds(places):
    ordered = sorted(places)
    moved = draw_levels.spread(ordered, 10, 0, 100)
    assert all(np.diff(moved) >= 10 - 1e-6) and moved[0] >= -1e-9 and moved[-1] <= 100 + 1e-9
    if all(np.diff(ordered) >= 10):
        assert moved == pytest.approx(ordered)


def test_names_that_overlap_are_spread_around_their_middle():
    assert draw_levels.spread([50, 52], 10, 0, 100) == pytest.approx([46, 56])
    assert draw_levels.spread([1, 2], 10, 0, 100) == pytest.approx([0, 10])
