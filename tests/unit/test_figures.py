"""Claims about the figure: every model is shown, named and told apart; same input, same bytes."""

import json
import xml.etree.ElementTree as ElementTree

import matplotlib.colors
import numpy as np
import pytest
import synthetic_scores
from PIL import Image

from visalign import figures, theme
from visalign.cli import main


def trend_file(folder, change=lambda panels: panels):
    """Write the panels of the synthetic study, changed, as the trend stage writes them."""
    scores, sheet = synthetic_scores.write_study(folder)
    path = folder / "trend.json"
    main(["trend", "--scores", scores, "--models", sheet, "--bootstrap", "50", "--output", str(path)])
    trend = json.loads(path.read_text())
    trend["panels"] = change(trend["panels"])
    path.write_text(json.dumps(trend))
    return path


def draw(trend, folder):
    main(["figures", "--trend", str(trend), "--output-dir", str(folder)])
    return {suffix: folder / f"accuracy_vs_alignment.{suffix}" for suffix in ("png", "svg", "pdf")}


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    folder = tmp_path_factory.mktemp("figures")
    trend = trend_file(folder)
    return json.loads(trend.read_text())["panels"], draw(trend, folder / "out")


def svg_texts(path):
    return [
        "".join(element.itertext())
        for element in ElementTree.parse(path).iter("{http://www.w3.org/2000/svg}text")
    ]


def test_svg_names_every_model_once_a_panel_as_text(drawn):
    panels, files = drawn
    texts = svg_texts(files["svg"])
    shown = [point["model"] for panel in panels for point in panel["points"]]
    for model in set(shown):
        assert texts.count(model) == shown.count(model)


def test_svg_says_title_unit_counts_and_what_is_simulated(drawn):
    panels, files = drawn
    texts = "\n".join(svg_texts(files["svg"]))
    for panel in panels:
        assert panel["title"] in texts and panel["y_label"] in texts
        assert f"n = {panel['n']} models, {len(panel['excluded'])} excluded" in texts
    assert texts.count("SIMULATED DATA") == sum(panel["simulated"] for panel in panels) == 3
    for family in ("EfficientNet-Lite0", "untrained"):
        assert family in texts


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
        nothing = {"points": [], "n": 0, "trend": None, "reason": "n = 0", "excluded": excluded}
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
    return {"points": points, "trend": {"envelope": [{"model": "m5"}]}}


def test_up_to_sixty_models_are_all_named():
    assert len(figures.named_points(crowd(60))) == 60


def test_of_more_models_only_envelope_and_extremes_are_named():
    panel = crowd(61)
    named = {point["model"] for point in figures.named_points(panel)}
    extremes = {f(panel["points"], key=lambda p, a=a: p[a])["model"] for a in "xy" for f in (min, max)}
    assert named == extremes | {"m5"}


def test_error_bars_reach_from_point_to_interval_and_are_never_negative():
    points = [
        {"x": 0.5, "x_low": 0.4, "x_high": 0.8},
        {"x": 0.5, "x_low": None, "x_high": None},
        {"x": 0.5, "x_low": 0.6, "x_high": 0.7},  # a percentile interval that misses its estimate
    ]
    np.testing.assert_allclose(figures.asymmetric(points, "x"), [[0.1, 0, 0], [0.3, 0, 0.2]])


def test_families_differ_in_colour_and_marker_whatever_their_order():
    families = [f"family {i:02d}" for i in range(72)]
    styles = theme.family_styles(families)
    assert styles == theme.family_styles(reversed(families))
    assert len({(style["color"], style["marker"]) for style in styles.values()}) == 72


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
