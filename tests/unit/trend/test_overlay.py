"""Claims about published models behind a study's own: all are shown, none enters a statistic."""

import json
import re
from pathlib import Path

import pandas as pd
import pytest
import synthetic_probes
import synthetic_scores

from visalign.cli import main
from visalign.errors import InputError
from visalign.io import tables
from visalign.io.sheets import validate
from visalign.measures import PANELS
from visalign.study.schemas import definition, of_section
from visalign.trend.overlay import on_axes, read_overlay

PUBLISHED = Path(__file__).resolve().parents[4] / "shared" / "published"
needs_published = pytest.mark.skipif(
    not PUBLISHED.is_dir(), reason=f"published tables are not at {PUBLISHED} (they may not be redistributed)"
)


@pytest.fixture
def table(tmp_path):
    path = tmp_path / "published.csv"
    columns = {
        "model": ["a", "b", "c"],
        "acc": [0.5, 0.7, None],
        "it": [0.1, 0.2, 0.3],
        "percent": [50, 70, 80],
        "mixed": [0.5, 70, 80],
    }
    pd.DataFrame(columns).to_csv(path, index=False)
    return str(path)


def settings(table, **changes):
    """Settings of an overlay of IT scores in the convention of the panel."""
    own = {
        "table": table,
        "x": "acc",
        "metric": "top1",
        "y": {"neural": "it"},
        "conventions": {"neural": "r2/c"},
    }
    return own | changes


def panels_with(folder, *overlay):
    scores, sheet = synthetic_scores.write_study(folder)
    output = folder / "trend.json"
    argv = ["--scores", scores, "--models", sheet, "--bootstrap", "100", "--output", str(output)]
    main(["trend", *argv, *(["--overlay", json.dumps(overlay[0])] if overlay else [])])
    return json.loads(output.read_text())["panels"]


def test_the_points_of_a_measure_are_the_rows_with_both_values(table):
    found = read_overlay(settings(table), PANELS)
    assert found == {
        "neural": {
            "table": "published.csv",
            "x": "acc",
            "y": "it",
            "metric": "top1",
            "convention": "r2/c",
            "percent": False,
            "n": 2,
            "n_missing": 1,
            "left_out": [],
            "points": [{"model": "a", "x": 0.5, "y": 0.1}, {"model": "b", "x": 0.7, "y": 0.2}],
        }
    }


def test_published_models_change_no_point_and_no_statistic(table, tmp_path):
    plain = panels_with(tmp_path)
    conventions = {"neural": "r2/c", "clickme": "as published"}
    y = {"neural": "it", "clickme": "it"}
    overlaid = panels_with(tmp_path, settings(table, y=y, conventions=conventions))
    shown = [panel.pop("overlay") for panel in overlaid]
    assert [overlay and overlay["own_y"] for overlay in shown] == [False, True, None, None]
    assert [panel.pop("overlay") for panel in plain] == [None] * 4
    assert overlaid == plain


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"x": "mixed"}, r"column 'mixed': 70 is no proportion \(0 to 1\), and 0.5 no per cent"),
        ({"conventions": {}}, "conventions: neural is missing: give the convention of column 'it'"),
        ({"x": "nope"}, "no column 'nope'"),
        ({"y": {"saliency": "it"}}, "trend.overlay.y: 'saliency' is unknown"),
        ({"model": "name"}, "no column 'name'"),
        ({"table": "nowhere.csv"}, "nowhere.csv: no such file"),
    ],
)
def test_what_is_wrong_is_named(table, change, message):
    with pytest.raises(InputError, match=message):
        read_overlay(settings(table) | change, PANELS)


@pytest.mark.parametrize("key", ["table", "x", "metric", "y", "conventions"])
def test_an_overlay_that_does_not_say_what_it_shows_is_refused(table, key):
    wanting = settings(table)
    del wanting[key]
    with pytest.raises(InputError, match=rf"trend\.overlay: {key} is missing"):
        read_overlay(wanting, PANELS)


def test_accuracies_in_per_cent_are_taken_as_such(table):
    found = read_overlay(settings(table, x="percent"), PANELS)["neural"]
    assert found["percent"] and [point["x"] for point in found["points"]] == [0.5, 0.7, 0.8]


def test_models_whose_accuracy_is_none_are_left_out_by_name(tmp_path):
    path = tmp_path / "published.csv"
    path.write_text("model,acc,it\na,0.5,1\nlabels mixed up,0.0013,1\nb,0.9,1\nnegative,-1,1\nbeyond,850,1\n")
    found = read_overlay(settings(str(path)), PANELS)["neural"]
    assert found["left_out"] == ["labels mixed up", "negative", "beyond"] and found["n"] == 2


@pytest.mark.parametrize(
    ("metric", "convention", "own"),
    [
        ("top1", "r2/c", (False, False)),
        ("multi_label_acc", "r2/c", (True, False)),
        ("top1", "as published", (False, True)),
    ],
)
def test_what_is_not_on_the_panels_scale_gets_an_axis_of_its_own(table, metric, convention, own):
    changes = {"metric": metric, "conventions": {"neural": convention}}
    overlay = read_overlay(settings(table, **changes), PANELS)["neural"]
    found = on_axes(overlay, "top1", "r2/c")
    assert (found["own_x"], found["own_y"]) == own


def test_the_config_knows_every_measure_and_has_no_overlay_unless_asked():
    overlay = of_section("trend")["properties"]["overlay"]["properties"]
    assert tuple(overlay["y"]["properties"]) == tuple(overlay["conventions"]["properties"]) == PANELS
    config = {kind: {"sheet": "s.tsv"} for kind in ("models", "stimuli", "recordings", "maps")}
    assert "overlay" not in validate(config, definition("config"), "here")["trend"]


def test_points_of_one_benchmark_are_drawn_on_its_panel_only(table, tmp_path):
    other = tmp_path / "other"
    other.mkdir()
    scores, sheet = synthetic_scores.write_study(other)
    tables.write_table(scores, synthetic_probes.with_probes(tasks=["depth", "svrt-01"]))
    own = settings(table, y={"probes/tasks/depth": "percent"}, conventions={"probes/tasks/depth": "percent"})
    argv = ["--scores", scores, "--models", sheet, "--bootstrap", "100", "--overlay", json.dumps(own)]
    main(["trend", *argv, "--output", str(other / "trend.json")])
    panels = json.loads((other / "trend.json").read_text())["panels"]
    shown = {panel["benchmark"]: panel["overlay"] for panel in panels if panel["overlay"]}
    assert list(shown) == ["probes/tasks/depth"]
    overlay = shown["probes/tasks/depth"]
    assert [point["y"] for point in overlay["points"]] == [0.5, 0.7]
    assert overlay["convention"] == "proportion" and not overlay["own_y"] and not overlay["own_x"]


def test_a_benchmark_that_has_no_panel_is_named_with_those_that_have(table, tmp_path, refused):
    scores, sheet = synthetic_scores.write_study(tmp_path)
    own = settings(table, y={"probes/tasks/depth": "it"}, conventions={"probes/tasks/depth": "percent"})
    [said] = refused(
        *("trend", "--scores", scores, "--models", sheet, "--overlay", json.dumps(own)),
        *("--output", tmp_path / "t.json"),
    )
    assert "trend.overlay.y: 'probes/tasks/depth' is unknown" in said and "clickme/photographs" in said


def test_scores_that_are_no_per_cent_are_not_taken_as_such(table):
    own = settings(table, conventions={"neural": "percent"})
    with pytest.raises(InputError, match=r"column 'it': the highest is 0\.2, which is no per cent"):
        read_overlay(own, PANELS)


def test_the_config_takes_benchmarks_of_measures_that_have_panels():
    overlay = of_section("trend")["properties"]["overlay"]["properties"]
    for columns in ("y", "conventions"):
        [pattern] = overlay[columns]["patternProperties"]
        assert re.match(pattern, "probes/tasks/depth") and not re.match(pattern, "accuracy/photographs")


@needs_published
@pytest.mark.parametrize(
    ("name", "n"),
    [
        ("vpt_Perspective_Results_linear_probe_results.csv", 318),
        ("vpt_Perspective_Results_finetune_results_full.csv", 317),
    ],
)
def test_published_results_on_the_3d_pc_stand_behind_its_panels(name, n):
    raw = pd.read_csv(PUBLISHED / name)
    y = {"probes/tasks/depth": "depth_accuracy", "probes/tasks/vpt-basic": "perspective_accuracy"}
    overlay = {
        "table": str(PUBLISHED / name),
        "model": "model_name",
        "x": "imagenet_accuracy",
        "metric": "top1",
        "y": y,
        "conventions": dict.fromkeys(y, "percent"),
    }
    found = read_overlay(overlay, tuple(y))
    for benchmark, column in y.items():
        own = found[benchmark]
        assert own["n"] + own["n_missing"] + len(own["left_out"]) == len(raw) and own["percent"]
        points = {point["model"]: (point["x"], point["y"]) for point in own["points"]}
        row = raw[raw["model_name"] == "resnet152.a3_in1k"].iloc[0]
        expected = row["imagenet_accuracy"] / 100, row[column] / 100
        assert points["resnet152.a3_in1k"] == pytest.approx(expected)
        assert all(0 < y < 1 for _, y in points.values())
    assert found["probes/tasks/depth"]["n"] == n  # the others have no accuracy


@needs_published
@pytest.mark.parametrize(
    ("name", "columns", "left_out", "n", "highest"),
    [
        (
            "brainscore_coded.csv",
            {"model": "model_name", "x": "ImageNet-top1", "y": {"neural": "MajajHong2015.IT-pls"}},
            0,
            224,
            ("vonegrcnn_52e_full", 0.703, 0.569),
        ),
        (
            "large_scale_results_hmn.csv",
            {"x": "multi_label_acc", "y": {"clickme": "spearman"}},
            4,
            363,
            ("wide_resnet50_2_linf_eps0.5", 0.8519, 0.5259),
        ),
        (
            "large_scale_results_hmn.csv",
            {"x": "top1", "y": {"clickme": "spearman"}},
            0,
            367,
            ("beit_large_patch16_384.in22k_ft_in22k_in1k", 0.88402, -0.0103),
        ),
    ],
)
def test_published_tables_give_all_their_models_but_those_of_a_broken_accuracy(
    name, columns, left_out, n, highest
):
    conventions = dict.fromkeys(columns["y"], "as published")
    changes = columns | {"conventions": conventions, "metric": columns["x"]}
    ((_, overlay),) = read_overlay(settings(str(PUBLISHED / name), **changes), PANELS).items()
    assert (overlay["n"], overlay["n_missing"], len(overlay["left_out"])) == (n, 0, left_out)
    points = {point["model"]: (point["x"], point["y"]) for point in overlay["points"]}
    assert points[highest[0]] == pytest.approx(highest[1:], abs=5e-5)
