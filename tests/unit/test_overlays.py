"""Claims about published models behind a study's own: all are shown, none enters a statistic."""

import json
from pathlib import Path

import pandas as pd
import pytest
import synthetic_scores

from visalign import trend
from visalign.cli import main
from visalign.errors import InputError
from visalign.overlays import read_overlay
from visalign.sheets import schema, validate

PUBLISHED = Path(__file__).resolve().parents[3] / "shared" / "published"
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
    }
    pd.DataFrame(columns).to_csv(path, index=False)
    return str(path)


def panels_with(folder, *overlay):
    scores, sheet = synthetic_scores.write_study(folder)
    output = folder / "trend.json"
    argv = ["--scores", scores, "--models", sheet, "--bootstrap", "50", "--output", str(output)]
    main(["trend", *argv, *(["--overlay", json.dumps(overlay[0])] if overlay else [])])
    return json.loads(output.read_text())["panels"]


def test_the_points_of_a_measure_are_the_rows_with_both_values(table):
    found = read_overlay({"table": table, "x": "acc", "y": {"neural": "it"}}, trend.MEASURES)
    assert found == {
        "neural": {
            "table": "published.csv",
            "x": "acc",
            "y": "it",
            "n": 2,
            "n_missing": 1,
            "points": [{"model": "a", "x": 0.5, "y": 0.1}, {"model": "b", "x": 0.7, "y": 0.2}],
        }
    }


def test_published_models_change_no_point_and_no_statistic(table, tmp_path):
    plain = panels_with(tmp_path)
    overlaid = panels_with(tmp_path, {"table": table, "x": "acc", "y": {"neural": "it", "clickme": "it"}})
    shown = [panel.pop("overlay") for panel in overlaid]
    assert [bool(overlay) for overlay in shown] == [True, True, False, False]
    assert [panel.pop("overlay") for panel in plain] == [None] * 4
    assert overlaid == plain


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"x": "percent"}, "column 'percent': 50 is not a proportion"),
        ({"x": "nope"}, "no column 'nope'"),
        ({"y": {"saliency": "it"}}, "trend.overlay.y: 'saliency' is unknown"),
        ({"model": "name"}, "no column 'name'"),
        ({"table": "nowhere.csv"}, "nowhere.csv: no such file"),
    ],
)
def test_what_is_wrong_is_named(table, change, message):
    settings = {"table": table, "x": "acc", "y": {"neural": "it"}} | change
    with pytest.raises(InputError, match=message):
        read_overlay(settings, trend.MEASURES)


def test_an_overlay_without_its_table_is_named():
    with pytest.raises(InputError, match=r"trend\.overlay: table is missing"):
        read_overlay({"x": "acc", "y": {}}, trend.MEASURES)


def test_the_config_knows_every_measure_and_has_no_overlay_unless_asked():
    settings = schema("config")["properties"]["trend"]["properties"]["overlay"]
    assert tuple(settings["properties"]["y"]["properties"]) == trend.MEASURES
    config = {kind: {"sheet": "s.tsv"} for kind in ("models", "stimuli", "recordings", "maps")}
    assert "overlay" not in validate(config, "config", "here")["trend"]


@needs_published
@pytest.mark.parametrize(
    ("name", "settings", "n", "highest"),
    [
        (
            "brainscore_coded.csv",
            {"model": "model_name", "x": "ImageNet-top1", "y": {"neural": "MajajHong2015.IT-pls"}},
            224,
            ("vonegrcnn_52e_full", 0.703, 0.569),
        ),
        (
            "large_scale_results_hmn.csv",
            {"x": "multi_label_acc", "y": {"clickme": "spearman"}},
            367,
            ("wide_resnet50_2_linf_eps0.5", 0.8519, 0.5259),
        ),
    ],
)
def test_published_tables_give_all_their_models(name, settings, n, highest):
    ((_, overlay),) = read_overlay(settings | {"table": str(PUBLISHED / name)}, trend.MEASURES).items()
    assert (overlay["n"], overlay["n_missing"]) == (n, 0)
    points = {point["model"]: (point["x"], point["y"]) for point in overlay["points"]}
    assert points[highest[0]] == pytest.approx(highest[1:], abs=5e-5)
