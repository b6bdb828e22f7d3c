"""Claims about the probes on the page of a model: every task beside its floor, its curve, and its trials."""

import base64
import io
import json
import re

import numpy as np
import pandas as pd
import pytest
import synthetic_probes
from html_pages import Page
from PIL import Image
from score_rows import score_row

from visalign.cli import main
from visalign.io import stores, tables
from visalign.io.scores import SCORE_COLUMNS
from visalign.report import probe_page

MODEL = "tf_efficientnet_lite0"
ENTRY = {"probe": "tasks", "stimuli": "tasks", "transform": "16x16-squash-1-bilinear"}
STIMULI = [f"s{i}" for i in range(12)]


def decisions(task, margins, draws=2):
    """Decisions of a task in which even stimuli have answer 1, with mean margins as given."""
    rows = [
        {
            "stimulus_id": STIMULI[i],
            "task": task,
            "split": "",
            "label": float(i % 2 == 0),
            "draw": draw,
            "fold": 0,
            "value": margin * (1 if i % 2 == 0 else -1) + (0.01 if draw else -0.01),
            "correct": float(margin > 0),
            "group": "",
            "difficulty": "",
        }
        for i, margin in enumerate(margins)
        for draw in range(draws)
    ]
    return pd.DataFrame(rows)


def write_results(folder, probes=(ENTRY,), curve=True, kept=True):
    """Write scores, decisions, curves and pixels of two tasks; return the page of the model."""
    own = synthetic_probes.rows(["depth", "svrt-04"]).query("model == @MODEL")
    about = {"model": MODEL, "convention": "kappa/median", "n": 120, "metric": "error_consistency"}
    more = [
        score_row(
            benchmark="probes/tasks/depth", value=0.25, floor=0.01, ceiling=0.5, simulated=True, **about
        ),
        score_row(
            model=MODEL,
            benchmark="probes/tasks/svrt-04",
            metric="people_accuracy",
            convention="proportion",
            status="people answered none of these images",
            simulated=True,
        ),
        score_row(
            benchmark="probes/tasks/svrt",
            model=MODEL,
            metric="sd_gap",
            convention="difference",
            value=0.2,
            n=4,
        ),
    ]
    more[0] |= {"ci_low": 0.1, "ci_high": 0.4}
    scores = folder / f"probes/{MODEL}/tasks.csv"
    tables.write_table(scores, pd.concat([own, pd.DataFrame(more, columns=list(SCORE_COLUMNS))]))
    if kept:
        trials = [
            decisions("depth", [0.1 * (i + 1) for i in range(6)] + [-0.1 * (i + 1) for i in range(6)]),
            decisions("svrt-04", [1 - 0.05 * i for i in range(12)]),
        ]
        tables.write_table(folder / f"probes/{MODEL}/tasks_trials.csv", pd.concat(trials))
    if curve:
        points = {"task": ["depth"] * 3 + ["svrt-04"], "size": [50, 100, 200, 38.4]}
        points |= {
            "accuracy": [0.5, 0.6, 0.8, 0.9],
            "ci_low": [0.4, 0.5, 0.7, 0.8],
            "ci_high": [0.6, 0.7, 0.9, 1],
        }
        tables.write_table(folder / f"probes/{MODEL}/tasks_curve.csv", pd.DataFrame(points))
    table = {"stimulus_id": STIMULI, "path": STIMULI, "sha256": STIMULI, "height": 16, "width": 16}
    tables.write_table(folder / "stimuli/tasks.csv", pd.DataFrame(table))
    pixels = np.broadcast_to(20 * np.arange(12, dtype=np.uint8)[:, None, None, None], (12, 3, 16, 16))
    store = folder / f"preprocess/tasks/{ENTRY['transform']}.zarr"
    group = stores.open_partial(store, {})
    stores.write_strings(group, "stimulus_id", STIMULI, "stimulus")
    stores.create_array(
        group, "pixels", pixels.shape, pixels.dtype, ("stimulus", "channel", "y", "x"), rows=2
    )[:] = pixels
    stores.publish(store, store.with_suffix(".json"), {})
    page = folder / f"report/{MODEL}.html"
    argv = ["report", "model", "--model", MODEL, "--scores", str(scores), "--directory", str(folder)]
    main([*argv, "--probes", json.dumps(list(probes)), "--output", str(page)])
    return page.read_text()


@pytest.fixture(scope="module")
def html(tmp_path_factory):
    return write_results(tmp_path_factory.mktemp("probe_page"))


def section_of_probes(html):
    return re.search('<section class="probes">.*?</section>', html, re.DOTALL).group()


def test_every_task_stands_beside_floor_pixels_statistics_and_people(html):
    header, depth, svrt = Page(section_of_probes(html)).rows[:3]
    assert header == [
        *("task", "accuracy", "permuted labels", "pixels", "image statistics", "people", "κ with people")
    ]
    own = (
        synthetic_probes.rows(["depth", "svrt-04"])
        .query("model == @MODEL")
        .set_index(["benchmark", "metric"])
    )
    for row, task in ((depth, "depth"), (svrt, "svrt-04")):
        text = " ".join(row)
        assert row[0] == task
        for metric in ("probe_accuracy", "permuted_accuracy", "pixel_accuracy", "statistics_accuracy"):
            assert f"{own.loc[(f'probes/tasks/{task}', metric), 'value']:.3f}" in text
    assert "0.900" in " ".join(depth) and "0.900" not in " ".join(svrt)
    assert "0.250 [0.100, 0.400], floor 0.010, people among themselves 0.500" in " ".join(depth)
    assert (
        "Spatial relations less sameness: +0.20 (mean accuracy on problems of each kind, 4 problems)." in html
    )


def test_the_tilt_illusion_stands_beside_that_of_people(tmp_path):
    about = {"model": MODEL, "benchmark": "probes/tilt/centre", "n": 28}
    unclear = "decoder_error is 21.0 degrees, more than 10: biases say nothing"
    rows = [
        score_row(metric="tilt_repulsion", value=2.1, ci_low=1.5, ci_high=2.6, ceiling=2.2, **about),
        score_row(metric="tilt_slope", status=unclear, **about),
        score_row(metric="probe_accuracy", model=MODEL, benchmark="probes/tilt", status="no task"),
    ]
    [probe] = probe_page.content(
        pd.DataFrame(rows, columns=list(SCORE_COLUMNS)), tmp_path, MODEL, [ENTRY | {"probe": "tilt"}]
    )
    assert probe["tasks"] == [] and probe["columns"] == [] and probe["examples"] == []
    assert probe["tilt"] == [
        {
            "name": "mean illusion at 10° to 30°, degrees",
            "text": "2.100 [1.500, 2.600]",
            "people": "2.200",
        },
        {"name": "slope of the regression of the illusion on people's", "text": unclear, "people": ""},
    ]


def test_only_what_rests_on_simulated_people_is_marked(html):
    cells = re.findall(r'<td data-label="([^"]*)">(.*?)</td>', section_of_probes(html))
    marked = [title for title, content in cells if "simulated" in content]
    assert marked == ["people", "κ with people"]  # of depth; nobody answered the other


def test_learning_curves_are_drawn_where_there_are_several_sizes_with_their_numbers(html):
    page = Page(section_of_probes(html))
    circles = [attributes for tag, attributes in page.tags if tag == "circle"]
    assert len(circles) == 3 and section_of_probes(html).count("<svg") == 1
    x, y = ([float(circle[axis]) for circle in circles] for axis in ("cx", "cy"))
    assert x[1] - x[0] == pytest.approx(x[2] - x[1], abs=0.2)  # logarithmic
    assert y[0] > y[1] > y[2] and (y[0] - y[1]) * 2 == pytest.approx(y[1] - y[2], abs=0.3)
    assert "0.600 [0.500, 0.700]" in section_of_probes(html)


def picture(source):
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(source.partition(",")[2]))), float)


def test_the_clearest_right_and_wrong_trials_are_shown_with_answer_and_decision(html):
    images = [attributes for tag, attributes in Page(section_of_probes(html)).tags if tag == "img"]
    assert [a["alt"] for a in images] == ["s5", "s4", "s3", "s11", "s10", "s9", "s0", "s1", "s2"]
    for attributes in images:
        expected = 20 * int(attributes["alt"][1:])
        np.testing.assert_allclose(picture(attributes["src"]).mean(), expected, atol=3)
    captions = re.findall("<figcaption>([^<]*)", section_of_probes(html))
    assert captions[0] == "true answer 0, decision −0.600, right in 2 of 2 draws"
    assert captions[3] == "true answer 0, decision +0.600, right in 0 of 2 draws"
    assert "No trial is wrong in more than half of the draws." in section_of_probes(html)


def test_trials_of_a_transfer_split_are_no_examples():
    table = decisions("depth", [0.5] * 12).assign(split=["test"] * 12 + ["transfer"] * 12)
    right, wrong = probe_page.clearest(table)
    assert set(right["stimulus_id"]) <= set(STIMULI[:6]) and wrong.empty


def test_the_page_links_to_decisions_and_curves(html):
    assert f"../probes/{MODEL}/tasks_trials.csv" in html and f"../probes/{MODEL}/tasks_curve.csv" in html


def test_without_decisions_there_are_scores_only(tmp_path):
    html = write_results(tmp_path, curve=False, kept=False)
    assert "Learning curves" not in html and "κ with people" in html


def test_without_probes_there_is_no_such_section(tmp_path):
    assert 'class="probes"' not in write_results(tmp_path, probes=())


def test_a_probe_without_a_field_is_named(tmp_path, capsys):
    with pytest.raises(SystemExit):
        write_results(tmp_path, probes=[{"probe": "tasks"}])
    assert "--probes: no field 'stimuli'" in capsys.readouterr().err


def test_page_is_well_formed_and_fetches_nothing(html):
    assert Page(html).open == [] and not re.search(r"https?://|url\(", html)


def test_tasks_of_one_probe_are_named_together_where_part_is_simulated(html):
    notice = re.search('<div class="notice".*?</div>', html, re.DOTALL).group()
    assert "people accuracy, tasks; error consistency, tasks." in notice and "tasks depth" not in notice
