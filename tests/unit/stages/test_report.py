"""Claims about the report: complete, self-contained, escaped, and never stronger than its numbers."""

import base64
import io
import json
import re
import shutil
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest
import synthetic_scores
from PIL import Image

from visalign.cli import main
from visalign.io import stores, tables
from visalign.io.files import write_atomic, write_json
from visalign.report import model_page as report_pages
from visalign.report import study_page
from visalign.stages import report
from visalign.trend import verdict

NASTY = '<script>alert("x")</script>&'
MODEL = "tf_efficientnet_lite0"


def write_report(folder, change=lambda scores: scores, cards=()):
    """Write the report of the synthetic study, with a card and a page of one model; return its HTML.

    The page to be sent alone is ``html/packed.html``.
    """
    scores, sheet = synthetic_scores.write_study(folder)
    tables.write_table(scores, change(synthetic_scores.score_table()))
    trend = ["--models", sheet, "--bootstrap", "50", "--output", str(folder / "trend.json")]
    main(["trend", "--scores", scores, *trend])
    (folder / "figure.svg").write_text("<svg/>")
    write_json(folder / "models" / f"{MODEL}.json", {"parameters": 4_652_008})
    write_atomic(folder / "report" / f"{MODEL}.html", "")
    timing = folder / "benchmarks" / "features" / "lite0"
    timing.mkdir(parents=True)
    (timing / "photographs.tsv").write_text("s\th:m:s\tmax_rss\n12.5\t0:00:12\t-\n")
    (timing / "scenes.tsv").write_text("s\th:m:s\tmax_rss\n7.5\t0:00:07\t321.4\n")
    argv = ["--scores", scores, "--trend", folder / "trend.json", "--figure", folder / "figure.svg"]
    argv += ["--cards", *cards, "--benchmarks-dir", folder / "benchmarks", "--config-hash", "c0ffee"]
    argv += [
        "--directory",
        folder,
        "--output",
        folder / "html/r.html",
        "--packed",
        folder / "html/packed.html",
    ]
    main(["report", *map(str, argv)])
    return (folder / "html" / "r.html").read_text()


VOID = {"meta", "link", "input", "br", "path", "img"}  # elements without an end tag on these pages


class Page(HTMLParser):
    """Tags with attributes, the text of each table row, and the balance of tags."""

    def __init__(self, html):
        super().__init__()
        self.tags, self.rows, self.open, self.text = [], [], [], []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag == "tr":
            self.rows.append([])
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        if tag not in VOID:
            assert self.open.pop() == tag

    def handle_data(self, text):
        self.text.append(text)
        if "tr" in self.open and text.strip():
            self.rows[-1].append(text.strip())


def section_of(html, name):
    """Return one section of the page, from its tag to its end tag."""
    return re.search(f'<section id="section-{name}">.*?</section>', html, re.DOTALL).group()


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("report")


@pytest.fixture(scope="module")
def html(folder):
    card = folder / "clicks.json"
    content = {"source": NASTY, "simulated": True, "planted": {"teacher": "lite2"}, "seeds": list(range(40))}
    card.write_text(json.dumps(content))
    return write_report(folder, cards=[card])


def links_of(html):
    return [a.get("href") or a.get("src") for _, a in Page(html).tags if "href" in a or "src" in a]


def study_of(html):
    """Return the data of the panels."""
    return json.loads(re.search(r'<script type="application/json" id="study">(.*?)</script>', html).group(1))


def test_page_fetches_nothing_and_links_only_to_files_that_exist(html):
    assert not re.search(r"https?://|@import|url\(", html)
    assert "default-src 'none'" in html
    outside = {link for link in links_of(html) if not link.startswith("#")}
    assert outside == {"data:,", "../scores.csv", "../figure.svg", f"../report/{MODEL}.html"}


def test_a_page_that_is_sent_alone_links_to_nothing_and_shows_the_same(tmp_path):
    html = write_report(tmp_path)
    packed = (tmp_path / "html/packed.html").read_text()
    assert {link for link in links_of(packed) if not link.startswith("#")} == {"data:,"}
    assert study_of(packed) == study_of(html)
    names = [[row[0] for row in Page(section_of(page, "scores")).rows if row] for page in (packed, html)]
    assert names[0] == names[1] and MODEL in names[0]


def test_page_is_well_formed_and_ids_are_unique(html):
    page = Page(html)
    assert page.open == []
    ids = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
    assert len(ids) == len(set(ids))


def test_page_says_first_what_is_simulated(html):
    text = " ".join(Page(html).text)
    assert text.index("Part of the data is simulated") < text.index("Trends in words")
    assert "IT predictivity, scenes IT 70-170 whole image; ClickMe alignment" in text
    assert "Not simulated: top-1 accuracy, photographs; Perturbation tolerance, photographs." in text


def test_every_table_marks_what_is_simulated(html):
    header = re.search("<thead>.*?</thead>", section_of(html, "scores"), re.DOTALL).group()
    tagged = {
        name for name in re.findall(r'<button type="button">([^<]*)</button> <span class="tag">', header)
    }
    assert {name.split(",")[0] for name in tagged} == {
        "IT predictivity",
        "ClickMe alignment",
        "Adversarial alignment",
    }
    attacks = [row for row in Page(section_of(html, "failures")).rows if row[0] == "attacks/photographs"]
    metrics = {"simulated" in row: row for row in attacks if synthetic_scores.UNDEFINED in row}
    assert "adversarial_alignment" in metrics[True] and "perturbation_tolerance" in metrics[False]


def test_every_model_has_a_row_with_value_interval_floor_and_ceiling(html):
    scores = synthetic_scores.score_table()
    rows = {row[0]: row for row in Page(section_of(html, "scores")).rows if row}
    assert set(synthetic_scores.model_sheet()["model"]) <= set(rows)
    score = scores[(scores.model == MODEL) & (scores.metric == "pls") & (scores.convention == "r2/c")].iloc[0]
    for expected in (f"{score.value:.3f}", f"{score.ci_low:.3f} to {score.ci_high:.3f}"):
        assert expected in rows[MODEL]
    assert "floor 0.030, ceiling 0.894" in rows[MODEL] and "floor 0.210, ceiling 0.660" in rows[MODEL]
    assert "layer blocks.4" in rows[MODEL]


def test_panels_hold_every_benchmark_metric_and_convention_with_a_value_to_five_digits(html):
    study, scores = study_of(html), synthetic_scores.score_table()
    valued = scores[scores.value.notna() & ~scores.metric.str.endswith("_layer")]
    key = ["benchmark", "metric", "convention"]
    assert {tuple(m[k] for k in key) for m in study["measures"]} == set(
        zip(*(valued[k] for k in key), strict=True)
    )
    for measure in study["measures"]:
        for name, column in (("value", "value"), ("low", "ci_low"), ("high", "ci_high")):
            rows = valued[(valued[key] == [measure[k] for k in key]).all(axis=1)].set_index("model")[column]
            np.testing.assert_allclose(
                np.array(measure[name], dtype=float), rows.reindex(study["models"]).to_numpy(), rtol=1e-4
            )


def test_panels_start_from_the_trends_and_know_parameters(html):
    study = study_of(html)
    assert [study["measures"][p["y"]]["metric"] for p in study["panels"]] == [
        "pls", "spearman", "adversarial_alignment", "perturbation_tolerance",
    ]  # fmt: skip
    assert study["measures"][0]["metric"] == "top1"
    assert study["parameters"][study["models"].index(MODEL)] == 4.652
    assert sum(count is not None for count in study["parameters"]) == 1
    assert set(study["family"]) == set(study["styles"])


def test_drawn_lines_end_at_the_envelope_the_peak_and_the_last_model():
    trend = {
        "envelope": [{"x": 0.0, "y": 0.1}, {"x": 0.4, "y": 0.9}],
        "changepoint": {"x": 0.4, "y": 0.9},
        "rising": {"slope": 2.0, "intercept": 0.1},
        "falling": {"slope": -1.0, "intercept": 1.3},
    }
    drawn = study_page.drawn_trend({"trend": trend, "points": [{"x": 0.9}, {"x": 0.1}]})
    assert drawn["envelope"] == [[0.0, 0.1], [0.4, 0.9]] and drawn["peak"] == [0.4, 0.9]
    np.testing.assert_allclose(drawn["lines"], [[[0, 0.1], [0.4, 0.9]], [[0.4, 0.9], [0.9, 0.4]]], rtol=1e-12)
    assert study_page.drawn_trend({"trend": None}) is None


def test_models_that_are_only_shown_and_controls_without_an_accuracy_are_marked_in_the_panels(tmp_path):
    untrained = [f"tf_efficientnet_lite{net}_untrained" for net in range(3)]

    def change(scores):
        blind = (scores["model"] == untrained[0]) & (scores["benchmark"] == "accuracy/photographs")
        scores.loc[blind, "value"], scores.loc[blind, "status"] = np.nan, "no classes"
        return scores

    html = write_report(tmp_path, change)
    study = study_of(html)
    quiet = {model for model, quiet in zip(study["models"], study["quiet"], strict=True) if quiet}
    assert quiet == set(untrained)
    rho = synthetic_scores.score_table().query("model == @untrained[0] and convention == 'floor_corrected'")
    assert study["panels"][1]["reference"] == [[untrained[0], pytest.approx(rho["value"].iloc[0], rel=1e-4)]]
    assert study["panels"][3]["reference"] == []
    assert "n = 11 models in the statistics; 3 shown only (3 controls); 1 excluded." in html


def test_partial_correlations_coefficients_and_shapes_are_in_the_report(html, folder):
    trend = json.loads((folder / "trend.json").read_text())["panels"][0]["trend"]
    rows = {row[0]: row[1:] for row in reversed(Page(section_of(html, "trends")).rows) if row}  # first panel
    adjusted = trend["adjusted"]
    assert rows["Spearman's ρ given log side"] == [f"{adjusted['partial']['value']:+.3f}", str(adjusted["n"])]
    beta = adjusted["betas"]["log side"]["value"]
    assert rows["standardised coefficient, log side"][0] == f"{beta:+.3f}"
    bic = trend["shapes"]["linear"]["bic"]
    assert rows["a line (descriptive)"][0].startswith(f"BIC {bic:.1f}, cross-validated error ")
    assert "Input sides differ (80 to 224 pixels); ρ given log side = " in html


def test_fewer_than_ten_points_give_no_trend_and_the_panel_says_so(tmp_path):
    few = synthetic_scores.model_sheet()["model"][:8]
    html = write_report(tmp_path, lambda scores: scores[scores["model"].isin(few)])
    for panel in study_of(html)["panels"]:
        assert panel["trend"] is None and "a trend takes at least 10 points" in panel["note"]


def test_rows_without_value_are_listed_once_with_their_reason_and_models(html):
    rows = Page(section_of(html, "failures")).rows
    failed = "tf_efficientnet_lite2_80"
    assert ["clickme/photographs", "simulated", "spearman", synthetic_scores.FAILED, failed] in rows
    untrained = ", ".join(f"tf_efficientnet_lite{net}_untrained" for net in range(3))
    undefined = ["attacks/photographs", "perturbation_tolerance", synthetic_scores.UNDEFINED, untrained]
    assert undefined in rows
    assert len(rows) == len({tuple(row) for row in rows})


def test_scores_that_leave_units_out_are_listed_with_how_many(html):
    scored = synthetic_scores.score_table().query("n_excluded > 0 and value.notna()")
    rows = [row for row in Page(section_of(html, "failures")).rows if row[0] == synthetic_scores.IT]
    (row,) = [row for row in rows if row[1:5] == ["simulated", "pls", "20", "2"]]
    assert set(row[-1].split(", ")) == set(scored["model"])


def test_cards_provenance_and_timings_are_shown(html):
    text = " ".join(Page(html).text)
    assert "lite2" in text and "(40 in all)" in text
    assert "matplotlib" in text and "stage neural" in text and "c0ffee" in text
    assert ["features", "2", "20.0", "12.5", "321"] in Page(html).rows


def test_strings_from_files_are_escaped(html, tmp_path):
    assert NASTY not in html and "&lt;script&gt;" in html
    replaced = {"status": {synthetic_scores.FAILED: NASTY}, "model": {MODEL: NASTY}}
    nasty = write_report(tmp_path, lambda scores: scores.replace(replaced))
    assert NASTY not in nasty and NASTY in study_of(nasty)["models"]
    assert sum(tag == "script" for tag, _ in Page(nasty).tags) == 2


def test_a_study_without_simulated_data_says_so(tmp_path):
    html = write_report(tmp_path, lambda scores: scores.assign(simulated=False))
    assert "No score of this report is marked as simulated." in html
    assert 'class="tag"' not in html


def test_missing_trend_field_is_named(tmp_path, capsys):
    scores, _ = synthetic_scores.write_study(tmp_path)
    (tmp_path / "t.json").write_text("{}")
    with pytest.raises(SystemExit):
        main(
            [
                "report",
                "--scores",
                scores,
                "--trend",
                str(tmp_path / "t.json"),
                "--output",
                str(tmp_path / "r.html"),
            ]
        )
    assert "no field 'panels'" in capsys.readouterr().err
    assert not (tmp_path / "r.html").exists()


# --- the page of one model --------------------------------------------------------------------------------

GALLERY = {"maps": "clicks", "stimuli": "photographs", "transform": "16x16-squash-1-bilinear"}
STIMULI = ["a", "b", "c"]


def write_store(path, ids, **arrays):
    group = stores.open_partial(path, {})
    stores.write_strings(group, "stimulus_id", ids, "stimulus")
    for name, values in arrays.items():
        dims = ("stimulus", "channel", "y", "x")[: values.ndim]
        stores.create_array(group, name, values.shape, values.dtype, dims, rows=2)[:] = values
    stores.publish(path, path.with_suffix(".json"), {})


def write_results(folder):
    """Write maps and saliency of three stimuli, the last two attacked; return the score file of the model."""
    rng = np.random.default_rng(0)
    table = {"stimulus_id": STIMULI, "path": STIMULI, "sha256": STIMULI, "height": 16, "width": 16}
    tables.write_table(folder / "stimuli/photographs.csv", pd.DataFrame(table))
    (folder / "maps").mkdir()
    np.savez(folder / "maps/clicks.npz", stimulus_id=STIMULI, map=rng.random((3, 64, 64), dtype=np.float32))
    write_json(folder / "maps/clicks.json", {"simulated": True})
    pixels = np.zeros((3, 3, 16, 16), np.uint8)
    pixels[1, 0] = 255
    write_store(folder / f"preprocess/photographs/{GALLERY['transform']}.zarr", STIMULI, pixels=pixels)
    saliency = rng.random((3, 16, 16), dtype=np.float32)
    write_store(folder / f"saliency/{MODEL}/photographs.zarr", STIMULI, max_abs_gradient=saliency)
    delta = np.zeros((2, 3, 16, 16), np.float16)
    delta[0, :, :8] = 0.5
    write_store(folder / f"attacks/{MODEL}/photographs.zarr", STIMULI[1:], delta=delta)
    images = {
        "stimulus_id": STIMULI,
        "rho": [0.9, 0.25, np.nan],
        "floor": [0.1, 0.125, 0.1],
        "reason": ["", "", "flat"],
    }
    tables.write_table(folder / f"clickme/{MODEL}/clicks_images.csv", pd.DataFrame(images))
    own = synthetic_scores.score_table().query("model == @MODEL")
    tables.write_table(folder / f"neural/{MODEL}/scenes.csv", own)
    return str(folder / f"neural/{MODEL}/scenes.csv")


def write_model_page(folder, scores):
    argv = ["report", "--model", MODEL, "--scores", scores, "--directory", str(folder)]
    argv += ["--galleries", json.dumps([GALLERY]), "--published-top1", "75.5"]
    main([*argv, "--output", str(folder / f"report/{MODEL}.html")])
    return (folder / f"report/{MODEL}.html").read_text()


@pytest.fixture(scope="module")
def model_page(tmp_path_factory):
    folder = tmp_path_factory.mktemp("page")
    return write_model_page(folder, write_results(folder))


def picture(source):
    """Return the pixels (height, width, 3) of a data address, as floats."""
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(source.partition(",")[2]))), float)


def test_model_page_fetches_nothing_and_links_only_to_files_that_exist(model_page):
    assert not re.search(r"https?://|@import|url\(", model_page)
    assert "default-src 'none'" in model_page and Page(model_page).open == []
    outside = {link for link in links_of(model_page) if not link.startswith("data:")}
    own = {f"../neural/{MODEL}/scenes.csv", f"../clickme/{MODEL}/clicks_images.csv"}
    assert outside == {"../report.html", *own}


def test_model_page_has_every_score_and_says_what_is_simulated(model_page):
    own = synthetic_scores.score_table().query("model == @MODEL and not metric.str.endswith('_layer')")
    rows = Page(section_of(model_page, "scores")).rows[1:]
    assert len(rows) == len(own)
    assert sum("simulated" in row for row in rows) == own["simulated"].sum()
    assert "Part of the data is simulated" in model_page


def test_model_page_says_what_others_report_of_its_accuracy(model_page):
    assert "<dt>published top1</dt><dd>75.5</dd>" in section_of(model_page, "card")


def test_layer_curve_marks_the_chosen_layer(model_page):
    section = section_of(model_page, "layers")
    circles = [a for tag, a in Page(section).tags if tag == "circle"]
    assert len(circles) == len(synthetic_scores.LAYERS)
    assert [i for i, a in enumerate(circles) if a.get("class") == "chosen"] == [4]
    assert "blocks.4 (chosen)" in section


def test_gallery_shows_the_attacked_stimuli_with_what_is_known_of_each(model_page):
    images = [a for tag, a in Page(model_page).tags if tag == "img"]
    assert [a["alt"] for a in images] == ["stimulus", "people", "saliency", "perturbation"] * 2
    names = re.findall("<h3>(.)</h3>", model_page)
    assert names == ["b", "c"]
    assert "saliency: ρ 0.25, floor 0.12" in model_page and "saliency: flat" in model_page
    assert re.findall("perturbation: ([^<]*)", model_page) == ["±0.5"], "c has no perturbation"
    assert "the 99 % quantile of |δ|" in model_page


def test_gallery_pictures_show_the_stored_pixels_and_maps(model_page):
    stimulus, _, _, perturbation = [picture(a["src"]) for tag, a in Page(model_page).tags if tag == "img"][:4]
    np.testing.assert_allclose(stimulus.mean(axis=(0, 1)), [255, 0, 0], atol=3)  # JPEG
    np.testing.assert_allclose(perturbation[:60], 255, atol=3)  # only the upper half was perturbed, upwards
    np.testing.assert_allclose(perturbation[68:], 128, atol=3)


def test_a_model_without_stored_maps_has_no_gallery(tmp_path):
    scores = write_results(tmp_path)
    for stage in ("saliency", "attacks"):
        shutil.rmtree(tmp_path / stage)
    page = write_model_page(tmp_path, scores)
    assert "<img" not in page and "Layer by layer" in page


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["--model", "lite9"], "--model lite9: no row in the score tables"),
        (["--model", MODEL, "--galleries", '[{"maps": "clicks"}]'], "--galleries: no field 'stimuli'"),
        ([], "give --trend for the page of all models, or --model for that of one"),
    ],
)
def test_what_is_wrong_with_the_arguments_is_named(tmp_path, capsys, argv, message):
    with pytest.raises(SystemExit):
        main(["report", *argv, "--scores", write_results(tmp_path), "--output", str(tmp_path / "page.html")])
    assert message in capsys.readouterr().err


def test_heat_is_dark_at_the_least_light_at_the_most_and_flat_without_contrast():
    colours = np.asarray(report_pages.heat(np.linspace(0, 1, 200).reshape(2, 100)), int).sum(axis=2)
    assert colours[0, 0] < 10 and colours[1, -1] > 650 and (np.diff(colours[0]) >= 0).all()
    assert np.ptp(np.asarray(report_pages.heat(np.full((4, 4), 0.3)))[..., 0]) == 0


def test_a_perturbation_is_grey_where_it_is_zero_and_its_opposite_is_its_mirror_image():
    delta = np.random.default_rng(0).standard_normal((3, 16, 16)).astype(np.float32)
    delta[:, :4] = 0
    (picture, end), (opposite, same_end) = report_pages.signed(delta), report_pages.signed(-delta)
    colours, mirrored = np.asarray(picture, int), np.asarray(opposite, int)
    assert end == same_end == pytest.approx(np.quantile(np.abs(delta), 0.99))
    assert (colours[:4] == 128).all() and (colours + mirrored == 256).all()
    assert (np.sign(colours - 128) == np.sign(np.round(127 * np.moveaxis(delta, 0, -1) / end))).all()
    assert colours.min() == 1 and colours.max() == 255
    nothing, end = report_pages.signed(np.zeros((3, 4, 4)))
    assert end == 0 and (np.asarray(nothing) == 128).all()


def test_curve_spans_its_box():
    width, height, margin = report_pages.CURVE
    points = report_pages.curve([0.0, 0.5, 1.0], 0.0, 1.0)
    assert points[0] == {"x": margin, "y": height - margin}
    assert points[1] == {"x": width / 2, "y": height / 2}
    assert points[2] == {"x": width - margin, "y": margin}


# --- words ---------------------------------------------------------------------------------------------


def correlation(value, low, high, n=20):
    return {"value": value, "ci_low": low, "ci_high": high, "n": n}


@pytest.mark.parametrize(
    ("rho", "said"),
    [
        (correlation(0.5, 0.1, 0.8), "tend to score higher"),
        (correlation(-0.5, -0.8, -0.1), "tend to score lower"),
        (correlation(0.5, -0.01, 0.8), "no evidence of a relation"),
        (correlation(0.9, 0.0, 1.0), "no evidence of a relation"),
        (correlation(None, None, None, 3), "too few models"),
        (correlation(0.9, None, None), "nothing can be said"),
    ],
)
def test_words_about_a_correlation_are_no_stronger_than_its_interval(rho, said):
    claims = {"tend to score higher", "tend to score lower", "no evidence of a relation"}
    claims |= {"too few models", "nothing can be said"}
    sentence = verdict.of_correlation(rho, "All models")
    assert {claim for claim in claims if claim in sentence} == {said}


def panel(**more):
    points = [{"model": f"m{i}", "x": i / 10, "y": y} for i, y in enumerate([0.1, 0.9, 0.5])]
    others = {"shown_only": [], "reference_lines": [], "excluded": [{}], "sides": ""}
    return {"n": 3, "points": points, "reason": "", **others, **more}


def test_words_never_claim_a_decline():
    line = {"slope": -1.0, "intercept": 1.0, "rule": "r"}
    rho = {part: correlation(-0.9, -1.0, -0.8) for part in ("overall", "below", "above")} | {"by_family": {}}
    trend = {
        "spearman": rho,
        "changepoint": {"model": "m1", "x": 0.1, "y": 0.9},
        "rising": None,
        "falling": line,
    }
    words = " ".join(verdict.of_panel(panel(trend=trend)))
    assert "declin" not in words.replace("whether scores decline beyond it has not been tested here", "")
    assert "1 model is more accurate" in words and "Rising line: none" in words


def test_words_without_trend_give_the_reason():
    words = verdict.of_panel(panel(trend=None, reason="n = 3; a trend takes at least 10 points"))
    assert words == [
        "n = 3 models in the statistics; 1 excluded.",
        "No trend is given: n = 3; a trend takes at least 10 points.",
    ]


@pytest.mark.parametrize(
    ("value", "said"),
    [(-0.00035, "−0.00035"), (1.2e-15, "0.000"), (0.0, "0.000"), (None, "–"), (0.4567, "0.457")],
)
def test_numbers_have_the_digits_that_matter(value, said):
    assert report.number(value) == said
