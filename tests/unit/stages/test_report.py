"""Claims about the report: complete, self-contained, escaped, and never stronger than its numbers."""

import base64
import io
import json
import re

import golden
import numpy as np
import pytest
import synthetic_probes
import synthetic_scores
from html_pages import Page, links_of, section_of
from PIL import Image

from visalign.cli import main
from visalign.io import tables
from visalign.io.files import write_atomic, write_json
from visalign.measures import BY_NAME, HEADLINES
from visalign.report import linked_panels

NASTY = '<script>alert("x")</script>&'
MODEL = "tf_efficientnet_lite0"


def write_report(folder, change=lambda scores: scores, cards=(), *more):
    """Write the report of the synthetic study, with a card and a page of one model; return its HTML.

    The page to be sent alone is ``html/packed.html``.
    """
    scores, sheet = synthetic_scores.write_study(folder)
    tables.write_table(scores, change(synthetic_scores.score_table()))
    trend = ["--models", sheet, "--bootstrap", "100", "--output", str(folder / "trend.json")]
    main(["trend", "--scores", scores, *trend])
    (folder / "figure.svg").write_text("<svg/>")
    write_json(folder / "models" / f"{MODEL}.json", {"parameters": 4_652_008})
    write_atomic(folder / "report" / f"{MODEL}.html", "")
    timing = folder / "benchmarks" / "features" / "lite0"
    timing.mkdir(parents=True)
    (timing / "photographs.tsv").write_text("s\th:m:s\tmax_rss\n12.5\t0:00:12\t-\n")
    (timing / "scenes.tsv").write_text("s\th:m:s\tmax_rss\n7.5\t0:00:07\t321.4\n")
    argv = ["--scores", scores, "--trend", folder / "trend.json", "--figure", folder / "figure.svg"]
    argv += ["--cards", *cards, "--timings", folder / "benchmarks", "--config-hash", "c0ffee"]
    argv += [
        "--directory",
        folder,
        "--output",
        folder / "html/r.html",
        "--packed",
        folder / "html/packed.html",
    ]
    main(["report", "study", *map(str, argv), *more])
    return (folder / "html" / "r.html").read_text()


def test_whose_data_they_are_is_shown_above_their_cards(tmp_path):
    credits = [
        {"names": ["v4", "it<b>"], "citation": "Lab & others 2024", "licence": "MIT"},
        {"names": ["maps"], "citation": "", "licence": "CC0"},
    ]
    page = write_report(tmp_path, lambda scores: scores, (), "--credits", json.dumps(credits))
    assert "<li>v4; it&lt;b&gt;: Lab &amp; others 2024; licence MIT</li>" in page
    assert "<li>maps: licence CC0</li>" in page
    assert page.index("Data cards") < page.index("<li>v4") < page.index("No data card was given")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("report")


@pytest.fixture(scope="module")
def html(folder):
    card = folder / "clicks.json"
    content = {"source": NASTY, "simulated": True, "planted": {"teacher": "lite2"}, "seeds": list(range(40))}
    card.write_text(json.dumps(content))
    return write_report(folder, cards=[card])


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
    simulated = [one for one in HEADLINES if BY_NAME[one.stage].metric(one.metric).simulated == "dataset"]
    drawn = [one for one in simulated if one.figure == "alignment"]  # the study has no probes
    shown = [one for one in drawn if not one.without]  # which only stands in for another
    titles = {"IT predictivity" if one.panel == "neural" else one.title for one in shown}
    assert {name.split(",")[0] for name in tagged} == titles
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
    drawn = linked_panels.drawn_trend({"trend": trend, "points": [{"x": 0.9}, {"x": 0.1}]})
    assert drawn["envelope"] == [[0.0, 0.1], [0.4, 0.9]] and drawn["peak"] == [0.4, 0.9]
    np.testing.assert_allclose(drawn["lines"], [[[0, 0.1], [0.4, 0.9]], [[0.4, 0.9], [0.9, 0.4]]], rtol=1e-12)
    assert linked_panels.drawn_trend({"trend": None}) is None


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


def test_a_study_without_simulated_data_does_not_have_the_word(tmp_path):
    html = write_report(tmp_path, lambda scores: scores.assign(simulated=False))
    shown = re.sub("<(script|style).*?</(script|style)>", "", html, flags=re.S)
    assert "imulated" not in shown and "SIMULATED" not in shown
    assert 'class="tag"' not in html


@pytest.fixture(scope="module")
def probed(tmp_path_factory):
    """A report of the synthetic study with probes, and their figure."""
    folder = tmp_path_factory.mktemp("probed")
    Image.new("RGB", (2160, 3000), "white").save(folder / "accuracy_vs_probes.png")
    tasks = ["depth", "svrt-04"]
    more = ("--probe-figure", str(folder / "accuracy_vs_probes.png"))
    return write_report(folder, lambda _: synthetic_probes.with_probes(tasks=tasks), (), *more)


def test_probes_have_a_section_with_their_floor_baselines_people_and_reliability(probed):
    section = section_of(probed, "probes")
    depth, svrt = re.findall('<tr><th scope="row">(.*?)</tr>', section, re.DOTALL)
    row = dict(re.findall('<td data-label="([^"]*)">([^<]*)<', depth))
    assert row["above permuted labels"] != "– of 11" and row["people"] == "0.90 (simulated)"
    assert row["permuted labels"].startswith("0.50 (0.41 to ") and row["pixels"] == "0.50"
    panel = next(one for one in study_of(probed)["panels"] if one["figure"] == "probes")
    assert "Reliability" not in panel["note"] and "simulated" in depth and "simulated" not in svrt
    assert re.fullmatch(r"0\.\d\d \(0\.\d\d\)", row["reliability of the spread (largest |ρ|)"])
    assert "Reliability of the spread between the 11 models" in section_of(probed, "trends")


def test_panels_of_probes_stand_in_their_section_with_lines_and_the_band_of_their_floor(probed):
    assert 'id="panels-probes"' in section_of(probed, "probes") and '<a href="#section-probes">' in probed
    panels = study_of(probed)["panels"]
    assert [panel["figure"] for panel in panels] == ["alignment"] * 4 + ["probes"] * 2
    names = [[name for name, _ in panel["reference"]] for panel in panels]
    assert names[:4] == [[]] * 4
    assert names[4] == ["permuted labels", "pixels", "image statistics", "people, SIMULATED"]
    [(low, high)] = panels[4]["bands"]
    assert low < 0.5 < high and panels[0]["bands"] == []


def test_the_figure_of_probes_is_in_the_page_and_small(probed):
    (source,) = re.findall('<img src="([^"]*)"', section_of(probed, "probes"))
    picture = Image.open(io.BytesIO(base64.b64decode(source.partition(",")[2])))
    assert picture.size == (1440, 2000) and picture.format == "PNG"


def test_a_study_without_probes_has_no_such_section(html):
    assert "section-probes" not in html and "panels-probes" not in html


def test_where_there_are_only_probes_their_panels_are_the_panels(tmp_path):
    def only(_):
        table = synthetic_probes.with_probes(tasks=["depth"])
        return table[table["benchmark"].str.startswith(("probes/", "accuracy/"))]

    page = write_report(tmp_path, only)
    assert 'id="panels-probes"' not in page and 'id="section-probes"' in page
    assert [panel["figure"] for panel in study_of(page)["panels"]] == ["probes"]


def test_missing_trend_field_is_named(tmp_path, refused):
    scores, _ = synthetic_scores.write_study(tmp_path)
    (tmp_path / "t.json").write_text("{}")
    arguments = ("--trend", tmp_path / "t.json", "--output", tmp_path / "r.html")
    [message] = refused("report", "study", "--scores", scores, *arguments)
    assert "no field 'panels'" in message
    assert not (tmp_path / "r.html").exists()


def test_results_of_report_study_are_those_of_its_version(html):
    page, data = Page(html), study_of(html)
    found = {
        "headings": re.findall("<h[123]>([^<]*)", html),
        "tags": {tag: sum(name == tag for name, _ in page.tags) for tag in ("tr", "td", "th", "details")},
        "models": data["models"],
        "measures": [[one[name] for name in ("name", "convention", "value")] for one in data["measures"]],
        "panels": data["panels"],
        "styles": data["styles"],
        "scores": Page(section_of(html, "scores")).rows,
        "trends": re.findall("<li>([^<]*)", section_of(html, "trends")),
    }
    golden.check("report", "study", found)
