"""Claims about the figures: every model is shown, named and told apart; same input, same bytes."""

import json
import xml.etree.ElementTree as ElementTree

import golden
import matplotlib.colors
import numpy as np
import pytest
import synthetic_scores
from matplotlib.collections import PathCollection
from matplotlib.text import Annotation, Text
from PIL import Image
from score_rows import score_row

from visalign.cli import main
from visalign.io.scores import write_scores
from visalign.report import draw_panel as panels
from visalign.report import figure, label_placement, theme
from visalign.stages import trend as trend_stage


def trend_file(folder, change=lambda panels: panels):
    """Write the panels of the synthetic study, changed, as the trend stage writes them."""
    scores, sheet = synthetic_scores.write_study(folder)
    path = folder / "trend.json"
    main(["trend", "--scores", scores, "--models", sheet, "--bootstrap", "100", "--output", str(path)])
    trend = json.loads(path.read_text())
    trend["panels"] = change(trend["panels"])
    path.write_text(json.dumps(trend))
    return path


def draw(trend, folder):
    main(["figures", "--trend", str(trend), "--output-dir", str(folder), "--measures-dir", str(folder / "m")])
    return {suffix: folder / f"accuracy_vs_alignment.{suffix}" for suffix in ("png", "svg", "pdf")}


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    folder = tmp_path_factory.mktemp("figures")
    trend = trend_file(folder)
    return json.loads(trend.read_text())["panels"], draw(trend, folder / "out")


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """Trends of a study of 120 models in 30 families of unequal size, one measure, with published models."""
    folder = tmp_path_factory.mktemp("large")
    rng = np.random.default_rng(3)
    members = [f"family {i:02d}" for i in range(30) for _ in range(i // 4 + 1)]
    rows, x = [], rng.uniform(0.3, 0.95, len(members))
    for i, accuracy in enumerate(x):
        score = min(accuracy, 1.4 - accuracy) + 0.02 * rng.standard_normal()
        for benchmark, metric, convention, value in (
            ("accuracy/photographs", "top1", "proportion", accuracy),
            ("clickme/photographs", "spearman", "floor_corrected", score),
        ):
            keys = {"model": f"m{i}", "benchmark": benchmark, "metric": metric, "convention": convention}
            rows.append(score_row(**keys, value=value, simulated=False, version=3, seed=5))
    write_scores(folder / "scores.csv", rows)
    sheet = "".join(f"m{i}\t{family}\n" for i, family in enumerate(members))
    (folder / "models.tsv").write_text("model\tfamily\n" + sheet)
    (folder / "published.csv").write_text("model,top1,rho\na,0.5,0.1\nb,0.9,-0.2\n")
    overlay = {"table": str(folder / "published.csv"), "x": "top1", "metric": "top1", "y": {"clickme": "rho"}}
    overlay["conventions"] = {"clickme": "floor_corrected"}
    argv = [
        "--scores",
        str(folder / "scores.csv"),
        "--models",
        str(folder / "models.tsv"),
        "--bootstrap",
        "100",
    ]
    main(["trend", *argv, "--overlay", json.dumps(overlay), "--output", str(folder / "trend.json")])
    return json.loads((folder / "trend.json").read_text())


def figure_of(study, **changed):
    """Draw the panel of ClickMe alignment, changed, alone."""
    panel = next(panel for panel in study["panels"] if panel["measure"] == "clickme") | changed
    with theme.look():
        return figure.accuracy_vs_alignment(study, [panel], figure.named_styles([panel]), 3)


def legend_texts(figure):
    return [text.get_text() for legend in figure.legends for text in legend.get_texts()]


def svg_texts(path):
    return [
        "".join(element.itertext())
        for element in ElementTree.parse(path).iter("{http://www.w3.org/2000/svg}text")
    ]


def test_svg_names_every_model_once_a_panel_as_text(drawn):
    shown_panels, files = drawn
    texts = svg_texts(files["svg"])
    shown = [point["model"] for panel in shown_panels for point in panels.shown_points(panel)]
    for model in set(shown):
        assert texts.count(model) == shown.count(model)


def test_svg_says_title_unit_counts_and_what_is_simulated(drawn):
    shown_panels, files = drawn
    texts = "\n".join(svg_texts(files["svg"]))
    for panel in shown_panels:
        assert panel["title"] in texts and all(word in texts for word in panel["y_label"].split())
        others = f"{len(panel['shown_only'])} shown only (3 controls); " if panel["shown_only"] else ""
        counts = f"n = {panel['n']} models in the statistics; {others}{len(panel['excluded'])} excluded"
        assert counts in texts
    assert texts.count("SIMULATED DATA") == sum(panel["simulated"] for panel in shown_panels) == 3
    for family in ("EfficientNet-Lite0", "untrained"):
        assert family in texts


def test_every_measure_has_a_figure_of_its_own_in_three_formats(drawn):
    shown_panels, files = drawn
    found = {path.name for path in (files["png"].parent / "m").iterdir()}
    stems = {figure.stem(panel) for panel in shown_panels}
    assert found == {f"{stem}.{suffix}" for stem in stems for suffix in ("png", "svg", "pdf")}
    assert "neural_scenes_IT_70-170_whole_image" in stems
    own = "\n".join(svg_texts(files["png"].parent / "m" / "clickme_photographs.svg"))
    assert "ClickMe alignment, SIMULATED DATA" in own and "IT predictivity" not in own


def test_a_panel_says_what_its_data_are_and_a_figure_its_versions_and_seed(study):
    figure = figure_of(study)
    footer = next(t.get_text() for t in figure.axes[0].texts if t.get_text().startswith("n ="))
    assert "x: photographs (real, accuracy version 3, seed 5)" in " ".join(footer.split())
    assert "y: photographs (real, clickme version 3, seed 5)" in " ".join(footer.split())
    assert "decline: p" in " ".join(footer.split())
    title = figure.legends[-1].get_title().get_text()
    assert title.startswith(
        f"trend version {trend_stage.VERSIONS['trend']}, seed 0, 100 bootstrap draws, inputs "
    )


def test_the_two_piece_regression_is_drawn_with_its_band_and_the_interval_of_its_changepoint(study):
    figure = figure_of(study)
    panel = next(panel for panel in study["panels"] if panel["measure"] == "clickme")
    curve, pieces = panel["trend"]["fitted_curve"], panel["trend"]["segmented"]
    assert 0.6 < pieces["changepoint"] < 0.8
    lines = [line for line in figure.axes[0].lines if line.get_color() == theme.FIT]
    np.testing.assert_allclose(lines[0].get_xydata(), np.column_stack([curve["x"], curve["y"]]))
    assert lines[1].get_xdata()[0] == pieces["changepoint"]
    band, interval = figure.axes[0].collections[-1], figure.axes[0].patches[-1]
    edge = band.get_paths()[0].vertices[:, 1]
    assert (edge.min(), edge.max()) == pytest.approx((min(curve["low"]), max(curve["high"])))
    bounds = interval.get_x(), interval.get_x() + interval.get_width()
    assert bounds == pytest.approx((pieces["changepoint_low"], pieces["changepoint_high"]))
    assert "two-piece regression" in legend_texts(figure)


def test_with_nine_models_no_trend_is_drawn_and_the_figure_says_so(study):
    panel = next(panel for panel in study["panels"] if panel["measure"] == "clickme")
    reason = "n = 9; a trend takes at least 10 points"
    figure = figure_of(study, points=panel["points"][:9], n=9, trend=None, reason=reason)
    assert f"no trend drawn: {reason}" in "\n".join(text.get_text() for text in figure.axes[0].texts)
    assert not any("envelope" in text or "regression" in text for text in legend_texts(figure))
    assert not any(len(line.get_xdata()) > 9 for line in figure.axes[0].lines)


def test_the_legend_names_the_largest_families_and_counts_the_others(study):
    texts = legend_texts(figure_of(study))
    named = [text for text in texts if text.startswith("family")]
    assert sorted(named) == [f"family {i}" for i in range(16, 30)]
    assert texts[-1] == "other (16 families)"


def test_published_models_are_drawn_behind_and_named_with_their_number(study):
    axes = figure_of(study).axes[0]
    assert " ".join(axes.get_legend().get_texts()[0].get_text().split()) == (
        "2 published models of published.csv: rho, floor_corrected, against top1"
    )
    (dots,) = (part for part in axes.collections if isinstance(part, PathCollection))
    np.testing.assert_allclose(dots.get_offsets(), [[0.5, 0.1], [0.9, -0.2]])
    assert dots.get_zorder() < min(line.get_zorder() for line in axes.lines)


def test_published_models_on_other_scales_have_axes_of_their_own(study):
    panel = next(panel for panel in study["panels"] if panel["measure"] == "clickme")
    changes = {
        "own_x": True,
        "own_y": True,
        "percent": True,
        "left_out": ["broken"],
        "metric": "multi_label_acc",
    }
    overlay = panel["overlay"] | changes | {"convention": "as published"}
    axes, right, above = figure_of(study, overlay=overlay).axes
    assert (
        axes.get_legend().get_texts()[0].get_text().split()
        == (
            "2 published models of published.csv: rho, as published (axis at the right), against top1 in "
            "per cent (axis above); left out, since their accuracy is none: broken"
        ).split()
    )
    (dots,) = (part for part in above.collections if isinstance(part, PathCollection))
    np.testing.assert_allclose(dots.get_offsets(), [[0.5, 0.1], [0.9, -0.2]])
    assert right.get_ylabel() == "rho, as published" and above.get_xlabel() == "top1 of published.csv"
    assert not any(isinstance(part, PathCollection) for part in axes.collections)
    assert above.get_xlim() != axes.get_xlim() and right.get_ylim() != axes.get_ylim()
    assert axes.get_zorder() > above.get_zorder()


def test_models_that_are_only_shown_are_hollow_and_stand_in_the_legend(study):
    panel = next(panel for panel in study["panels"] if panel["measure"] == "clickme")
    control = panel["points"][-1] | {"role": "control", "model": "untrained"}
    shown = figure_of(study, shown_only=[control])
    drawn = [
        line for line in shown.axes[0].lines if line.get_linestyle() == "None" and len(line.get_xdata()) == 1
    ]
    hollow = [line for line in drawn if line.get_markerfacecolor() == "none" and line.get_markersize() < 10]
    assert [line.get_xydata().tolist() for line in hollow] == [[[control["x"], control["y"]]]]
    assert "hollow: shown only, in no statistic" in legend_texts(shown)
    assert "hollow: shown only, in no statistic" not in legend_texts(figure_of(study))


def test_a_control_without_an_accuracy_is_a_line_with_its_name(study):
    line = {"model": "centre", "family": "", "role": "control", "y": 0.25, "y_low": None, "y_high": None}
    figure = figure_of(study, reference_lines=[line])
    assert [0.25, 0.25] in [list(drawn.get_ydata()) for drawn in figure.axes[0].lines]
    assert "centre" in [text.get_text() for text in figure.axes[0].texts]
    assert "a control without an accuracy" in legend_texts(figure)
    assert "1 shown only (1 control)" in "\n".join(text.get_text() for text in figure.axes[0].texts)


def test_models_without_a_family_are_families_of_their_own_in_the_legend(study):
    panel = next(panel for panel in study["panels"] if panel["measure"] == "clickme")
    points = [point | {"family": ""} for point in panel["points"][:12]]
    assert legend_texts(figure_of(study, points=points, n=12, trend=None))[-1] == "other (12 families)"


def test_names_cover_neither_each_other_nor_a_point_nor_leave_the_panel(study):
    panel = next(panel for panel in study["panels"] if panel["measure"] == "clickme")
    figure = figure_of(study, points=panel["points"][-60:], n=60)
    axes = figure.axes[0]
    names = [text for text in axes.texts if isinstance(text, Annotation) and text.arrow_patch]
    assert len(names) == 60
    boxes = [Text.get_window_extent(name) for name in names]
    points = axes.transData.transform([name.xy for name in names])
    frame = axes.get_window_extent()
    for i, box in enumerate(boxes):
        assert not any(box.overlaps(other) for other in boxes[i + 1 :])
        assert not any(box.contains(*point) for point in points)
        assert frame.contains(box.x0, box.y0) and frame.contains(box.x1, box.y1)


def test_a_lone_name_stands_right_of_its_point():
    size, frame = np.array([[30.0, 8]]), np.array([[0.0, 0], [200, 200]])
    offset = label_placement.place(np.array([[50.0, 50]]), size, np.empty((0, 4)), frame)
    np.testing.assert_allclose(offset, [[15 + label_placement.GAPS[0], 0]])


def test_a_name_at_the_right_edge_stands_inside_the_frame_all_the_same():
    size, frame = np.array([[30.0, 8]]), np.array([[0.0, 0], [200, 200]])
    ((dx, dy),) = label_placement.place(np.array([[195.0, 50]]), size, np.empty((0, 4)), frame)
    assert 195 + dx + 15 <= 200 and np.hypot(dx, dy) < 40


def test_png_is_in_print_resolution_and_not_blank(drawn):
    image = Image.open(drawn[1]["png"])
    assert min(image.size) > 2000
    assert round(image.info["dpi"][0]) == 300
    assert np.asarray(image.convert("L")).std() > 10


def test_pdf_embeds_fonts_that_stay_text(drawn):
    content = drawn[1]["pdf"].read_bytes()
    assert b"/Type3" not in content and b"/CIDFontType2" in content


def test_the_same_panels_give_the_same_bytes(tmp_path):
    trend = trend_file(tmp_path, lambda panels: panels[:1])
    first, second = (draw(trend, tmp_path / name) for name in ("a", "b"))
    for suffix, path in first.items():
        assert path.read_bytes() == second[suffix].read_bytes(), suffix


def test_a_study_without_values_is_drawn_with_its_reasons(tmp_path):
    def emptied(panels):
        excluded = [{"model": "m", "family": "f", "reason": "weights <missing>"}]
        nothing = {
            "points": [],
            "shown_only": [],
            "by_model": [],
            "n": 0,
            "trend": None,
            "reason": "n = 0",
            "excluded": excluded,
        }
        return [panel | nothing for panel in panels]

    texts = "\n".join(svg_texts(draw(trend_file(tmp_path, emptied), tmp_path / "out")["svg"]))
    assert texts.count("no model has a value") == 4
    assert "1 × weights <missing>" in texts


def test_an_empty_trend_file_is_an_error(tmp_path, capsys):
    (tmp_path / "trend.json").write_text('{"panels": []}')
    with pytest.raises(SystemExit):
        draw(tmp_path / "trend.json", tmp_path)
    assert "'panels'" in capsys.readouterr().err


def crowd(n):
    rng = np.random.default_rng(0)
    points = [
        {
            "model": f"m{i}",
            "family": "f",
            "x": x,
            "y": y,
            "x_low": None,
            "x_high": None,
            "y_low": None,
            "y_high": None,
        }
        for i, (x, y) in enumerate(rng.random((n, 2)))
    ]
    return {"points": points, "shown_only": [], "trend": {"envelope": [{"model": "m5"}]}}


def test_up_to_sixty_models_are_all_named():
    assert len(panels.named_points(crowd(60))) == 60


def test_of_more_models_only_envelope_and_extremes_are_named():
    panel = crowd(61)
    named = {point["model"] for point in panels.named_points(panel)}
    extremes = {f(panel["points"], key=lambda p, a=a: p[a])["model"] for a in "xy" for f in (min, max)}
    assert named == extremes | {"m5"}


def test_error_bars_reach_from_point_to_interval_and_are_never_negative():
    bars = [
        (0.5, 0.4, 0.8),
        (0.5, None, None),
        (0.5, 0.6, 0.7),  # a percentile interval that misses its estimate
    ]
    np.testing.assert_allclose(panels.asymmetric(bars), [[0.1, 0, 0], [0.3, 0, 0.2]])


def test_families_differ_in_colour_and_marker_whatever_their_order():
    families = [f"family {i:02d}" for i in range(72)]
    styles = theme.family_styles(families)
    assert styles == theme.family_styles(reversed(families))
    assert len({(style["color"], style["marker"]) for style in styles.values()}) == 72


def test_the_largest_families_come_first_and_differ_in_colour_alone():
    families = [f"family {i}" for i in range(20) for _ in range(i + 1)]
    styles = theme.family_styles(families)
    assert list(styles)[:3] == ["family 19", "family 18", "family 17"]
    largest = list(styles)[: len(theme.PALETTE)]
    assert len({styles[family]["color"] for family in largest}) == len(theme.PALETTE)


# Colour seen with one cone type missing: Viénot, Brettel, Mollon 1999, on linear RGB.
DEUTERANOPIA = np.array([[0.29275, 0.70725, 0], [0.29275, 0.70725, 0], [-0.02234, 0.02234, 1]])
PROTANOPIA = np.array([[0.11238, 0.88762, 0], [0.11238, 0.88762, 0], [0.00401, -0.00401, 1]])
# Linear sRGB to XYZ relative to the white point D65.
XYZ = np.array([[0.4339, 0.3762, 0.1899], [0.2127, 0.7152, 0.0722], [0.0178, 0.1095, 0.8727]])


def lab(linear):
    """Return CIE L*a*b* of linear RGB, shape (n, 3): distances as the eye sees them, 2 just noticeable."""
    relative = np.clip(linear, 0, 1) @ XYZ.T
    f = np.where(relative > 0.008856, np.cbrt(relative), 7.787 * relative + 16 / 116)
    return np.stack([116 * f[:, 1] - 16, 500 * (f[:, 0] - f[:, 1]), 200 * (f[:, 1] - f[:, 2])], axis=1)


@pytest.mark.parametrize(
    "deficiency", [np.eye(3), DEUTERANOPIA, PROTANOPIA], ids=["none", "deutan", "protan"]
)
def test_palette_stays_apart_for_colour_blind_readers(deficiency):
    rgb = np.array([matplotlib.colors.to_rgb(colour) for colour in theme.PALETTE])
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    seen = lab(linear @ deficiency.T)
    distance = np.linalg.norm(seen[:, None] - seen[None], axis=-1)
    assert distance[np.triu_indices(len(rgb), 1)].min() > 15


def test_results_of_figures_are_those_of_its_version(study):
    made = figure_of(study)
    [axes, *_] = made.axes
    found = {
        "inches": list(made.get_size_inches()),
        "title": axes.get_title(),
        "labels": [axes.get_xlabel(), axes.get_ylabel()],
        "texts": sorted(text.get_text() for text in axes.texts),
        "legend": legend_texts(made),
        "lines": [[*map(list, line.get_data())] for line in axes.lines],
        "limits": [list(axes.get_xlim()), list(axes.get_ylim())],
    }
    golden.check("figures", "figures", found)
