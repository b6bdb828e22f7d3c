"""Claims about the report: complete, self-contained, escaped, and never stronger than its numbers."""

import json
import re
from html.parser import HTMLParser

import pytest
import synthetic_scores

from visalign import tables, vector, verdict
from visalign.cli import main

NASTY = '<script>alert("x")</script>&'
SVG = '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" width="9" '
FIGURE = SVG + 'viewBox="0 0 9 9"><path d="M0 0"/></svg>'


def write_report(folder, change=lambda scores: scores, cards=()):
    """Write the report of the synthetic study; return its HTML."""
    scores, sheet = synthetic_scores.write_study(folder)
    tables.write_table(scores, change(synthetic_scores.score_table()))
    main(
        [
            "trend",
            "--scores",
            scores,
            "--models",
            sheet,
            "--bootstrap",
            "50",
            "--output",
            str(folder / "t.json"),
        ]
    )
    (folder / "figure.svg").write_text(FIGURE)
    benchmark = folder / "benchmarks" / "features" / "lite0"
    benchmark.mkdir(parents=True)
    (benchmark / "photographs.tsv").write_text("s\th:m:s\tmax_rss\n12.5\t0:00:12\t-\n")
    (benchmark / "scenes.tsv").write_text("s\th:m:s\tmax_rss\n7.5\t0:00:07\t321.4\n")
    argv = ["--scores", scores, "--trend", folder / "t.json", "--figure", folder / "figure.svg"]
    argv += [
        "--cards",
        *cards,
        "--benchmarks-dir",
        folder / "benchmarks",
        "--output",
        folder / "html" / "r.html",
    ]
    main(["report", *map(str, argv)])
    return (folder / "html" / "r.html").read_text()


VOID = {"meta", "link", "input", "br", "path"}  # elements without an end tag on this page


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
def html(tmp_path_factory):
    folder = tmp_path_factory.mktemp("report")
    card = folder / "clicks.json"
    content = {"source": NASTY, "simulated": True, "planted": {"teacher": "lite2"}, "seeds": list(range(40))}
    card.write_text(json.dumps(content))
    return write_report(folder, cards=[card])


def test_page_fetches_nothing(html):
    addresses = set(re.findall(r"https?://[^\s\"'<>)]+", html))
    assert addresses <= {"http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"}
    links = [a.get("href") or a.get("src") for tag, a in Page(html).tags if "href" in a or "src" in a]
    assert all(link.startswith("#") or link in ("data:,", "../scores.csv") for link in links)
    assert "default-src 'none'" in html and "@import" not in html


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


def test_every_model_has_a_row_with_value_interval_floor_and_ceiling(html):
    scores = synthetic_scores.score_table()
    rows = {row[0]: row for row in Page(html).rows if row}
    for model in synthetic_scores.model_sheet()["model"]:
        assert model in rows
    model = "tf_efficientnet_lite0"
    score = scores[(scores.model == model) & (scores.metric == "pls") & (scores.convention == "r2/c")].iloc[0]
    cells = next(row for row in Page(html).rows if row and row[0] == model)
    for expected in (f"{score.value:.3f}", f"{score.ci_low:.3f} to {score.ci_high:.3f}"):
        assert expected in cells
    assert "floor 0.030, ceiling 0.894" in cells and "floor 0.210, ceiling 0.660" in cells
    assert "layer blocks.4" in cells


def test_rows_without_value_are_listed_with_their_reason(html):
    section = section_of(html, "failures")
    rows = Page(section).rows
    assert ["tf_efficientnet_lite2_80", "clickme/photographs", "spearman", synthetic_scores.FAILED] in rows
    failed = ["tf_efficientnet_lite0_untrained", "attacks/photographs", "perturbation_tolerance"]
    assert [*failed, synthetic_scores.UNDEFINED] in rows
    assert len(rows) == len({tuple(row) for row in rows})


def test_layer_curve_of_every_model_marks_the_chosen_layer(html):
    section = section_of(html, "layers")
    tags = Page(section).tags
    assert sum(tag == "polyline" for tag, _ in tags) == 14
    assert sum(a.get("class") == "chosen" for tag, a in tags if tag == "circle") == 14
    assert "blocks.4" in section


def test_cards_versions_and_timings_are_shown(html):
    text = " ".join(Page(html).text)
    assert "lite2" in text and "(40 in all)" in text
    assert "matplotlib" in text and "stage neural" in text
    assert ["features", "2", "20.0", "12.5", "321"] in Page(html).rows


def test_strings_from_files_are_escaped(html, tmp_path):
    assert NASTY not in html and "&lt;script&gt;" in html
    nasty = write_report(
        tmp_path, lambda scores: scores.replace({"status": {synthetic_scores.FAILED: NASTY}})
    )
    assert NASTY not in nasty
    assert sum(tag == "script" for tag, _ in Page(nasty).tags) == 1


def test_a_study_without_simulated_data_says_so(tmp_path):
    html = write_report(tmp_path, lambda scores: scores.assign(simulated=False))
    assert "No score of this report is marked as simulated." in html
    assert 'class="tag"' not in html


def test_missing_trend_field_is_named(tmp_path, capsys):
    scores, _ = synthetic_scores.write_study(tmp_path)
    (tmp_path / "t.json").write_text("{}")
    (tmp_path / "f.svg").write_text(FIGURE)
    argv = ["--scores", scores, "--trend", str(tmp_path / "t.json"), "--figure", str(tmp_path / "f.svg")]
    with pytest.raises(SystemExit):
        main(["report", *argv, "--output", str(tmp_path / "r.html")])
    assert "no field 'panels'" in capsys.readouterr().err
    assert not (tmp_path / "r.html").exists()


# --- embedded SVG --------------------------------------------------------------------------------------


def test_embedded_figure_keeps_shapes_and_loses_what_runs_or_fetches(tmp_path):
    path = tmp_path / "figure.svg"
    path.write_text(
        SVG + 'viewBox="0 0 9 9">'
        "<metadata>https://example.org</metadata><script>alert(1)</script>"
        '<style>@import url("https://example.org/x.css");</style>'
        '<g onclick="alert(2)"><use xlink:href="#mark"/><image xlink:href="https://example.org/i.png"/>'
        '<path style="fill: url(https://example.org/p)" d="M0 0"/>'
        '<path clip-path="url(#clip)" d="M1 1"/></g></svg>'
    )
    found = vector.embeddable(path)
    assert "example.org" not in found and "alert" not in found and "onclick" not in found
    assert 'href="#mark"' in found and 'clip-path="url(#clip)"' in found and 'd="M0 0"' in found
    assert 'viewBox="0 0 9 9"' in found and "width" not in found


@pytest.mark.parametrize(("content", "message"), [("<svg", "not XML"), ("<html/>", "is not svg")])
def test_a_figure_that_is_not_svg_is_refused(tmp_path, content, message):
    (tmp_path / "figure.svg").write_text(content)
    with pytest.raises(ValueError, match=message):
        vector.embeddable(tmp_path / "figure.svg")


def test_curve_spans_its_box():
    points = vector.curve([0.0, 0.5, 1.0], 0.0, 1.0, width=200, height=64, pad=6)
    assert points == [{"x": 6, "y": 58}, {"x": 100, "y": 32}, {"x": 194, "y": 6}]


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
    return {"n": 3, "excluded": [{}], "points": points, "reason": "", **more}


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
        "3 of 4 models have both an accuracy and a score.",
        "No trend is given: n = 3; a trend takes at least 10 points.",
    ]
