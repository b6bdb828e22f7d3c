"""Claims about the panels of accuracy against alignment: who is in them, as what, and why others are not."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import synthetic_probes
import synthetic_scores
from score_rows import score_row
from synthetic_scores import panels_of

from visalign import measures
from visalign.cli import main
from visalign.io import sheets, tables
from visalign.io.files import read_json
from visalign.io.scores import Source, rows_of
from visalign.labels import accuracy
from visalign.trend import model_sheet

SHEETS = Path(__file__).parents[3] / "config/models"


def test_models_of_one_family_have_a_trend_but_no_cross_validated_error(tmp_path):
    scores, sheet = synthetic_scores.write_study(tmp_path)
    synthetic_scores.model_sheet().assign(family="one").to_csv(sheet, sep="\t", index=False)
    output = tmp_path / "trend.json"
    main(["trend", "--scores", scores, "--models", sheet, "--bootstrap", "100", "--output", str(output)])
    shapes = read_json(output)["panels"][0]["trend"]["shapes"]
    assert {shape["cv_rmse"] for shape in shapes.values()} == {None}


def test_in_a_sheet_without_families_each_model_is_its_own(tmp_path):
    scores, sheet = str(tmp_path / "scores.csv"), str(tmp_path / "models.tsv")
    tables.write_table(scores, synthetic_scores.score_table())
    names = sorted(set(synthetic_scores.score_table()["model"]))
    (tmp_path / "models.tsv").write_text("\n".join(["model", *names]) + "\n")
    output = str(tmp_path / "trend.json")
    main(["trend", "--scores", scores, "--models", sheet, "--bootstrap", "100", "--output", output])
    points = read_json(tmp_path / "trend.json")["panels"][0]["points"]
    assert points and {point["family"] for point in points} == {""}


def test_a_sheet_may_leave_out_the_empty_cells_at_the_end_of_a_row(tmp_path):
    """As `check` and all other stages let it: a study of weeks must not end here."""
    scores, sheet = synthetic_scores.write_study(tmp_path)
    lines = Path(sheet).read_text().splitlines()
    Path(sheet).write_text("\n".join([f"{lines[0]}\tnotes", *lines[1:-1], f"{lines[-1]}\tlast"]) + "\n")
    output = tmp_path / "trend.json"
    main(["trend", "--scores", scores, "--models", sheet, "--bootstrap", "100", "--output", str(output)])
    assert read_json(output)["panels"][0]["n"] == 11


@pytest.mark.parametrize("sheet", sorted(SHEETS.glob("*.tsv")), ids=lambda path: path.name)
def test_every_model_sheet_is_read(tmp_path, sheet):
    scores = str(tmp_path / "scores.csv")
    tables.write_table(scores, synthetic_scores.score_table())
    _, found = model_sheet.read_study(scores, str(sheet))
    assert len(found) == len(sheets.read_sheet(sheet, "models", "model"))


TITLES = ["IT predictivity", "ClickMe alignment", "Adversarial alignment", "Perturbation tolerance"]


@pytest.fixture(scope="module")
def panels(tmp_path_factory):
    return panels_of(tmp_path_factory.mktemp("trend"), synthetic_scores.score_table())


def test_panels_are_the_four_measures_in_fixed_order(panels):
    assert [panel["title"] for panel in panels] == TITLES
    assert [panel["simulated"] for panel in panels] == [True, True, True, False]
    assert [panel["n"] for panel in panels] == [11] * 4
    assert [len(panel["shown_only"]) for panel in panels] == [3, 3, 0, 0]


TREND_FIELDS = {
    *("spearman", "pearson", "envelope", "changepoint", "rising", "beyond", "falling"),
    *(
        "segmented",
        "decline",
        "envelope_decline",
        "shapes",
        "adjusted",
        "power_law",
        "verdict",
        "fitted_curve",
    ),
}


@pytest.mark.parametrize(
    ("benchmark", "title"),
    [
        ("neural/hvm/IT/70-170/whole_image", "IT predictivity"),
        ("neural/hvm/V4/70-170/whole_image", "V4 predictivity"),
        ("neural/hvm/IT+V1+V4/70-170/whole_image", "IT, V1 and V4 predictivity"),
        ("neural/hvm//70-170/whole_image", "Neural predictivity"),
        ("neural/hvm", "Neural predictivity"),  # every model failed before the recording was read
    ],
)
def test_a_panel_of_neurons_names_the_regions_that_were_recorded(tmp_path, benchmark, title):
    scores = synthetic_scores.score_table()
    scores["benchmark"] = scores["benchmark"].where(~scores["benchmark"].str.startswith("neural/"), benchmark)
    panel = panels_of(tmp_path, scores)[0]
    assert panel["title"] == title and panel["y_label"].startswith(f"{title}: ")


def test_every_trend_has_the_same_fields(panels):
    for panel in panels:
        assert set(panel["trend"]) >= TREND_FIELDS
        assert set(panel["trend"]["decline"]) >= {"statistic", "p", "start", "reason"}
        assert set(panel["trend"]["shapes"] or ()) <= {"linear", "plateau", "segmented"}


def test_four_families_are_too_few_for_a_test_of_decline(panels):
    assert panels[0]["trend"]["verdict"].startswith("The mean score is not tested for a decline: ")


def test_parameters_and_training_data_of_the_model_sheet_are_used(tmp_path):
    scores, sheet = synthetic_scores.write_study(tmp_path)
    rows = synthetic_scores.model_sheet()
    rows["parameters"] = [str(5_000_000 + 100_000 * i) for i in range(14)] + [""]  # of a control
    rows["training_data"] = ["imagenet-1k", "imagenet-22k"] * 7 + ["imagenet-1k"]
    rows.to_csv(sheet, sep="\t", index=False)
    output = tmp_path / "trend.json"
    main(["trend", "--scores", scores, "--models", sheet, "--bootstrap", "100", "--output", str(output)])
    trend = read_json(output)["panels"][0]["trend"]
    assert trend["adjusted"]["n"] == trend["power_law"]["n"] == 11
    assert list(trend["adjusted"]["betas"])[1:] == [
        "log parameters",
        "log side",
        "training data: others",
    ]


def test_models_of_another_role_change_no_statistic_and_are_shown_with_it(tmp_path):
    """Planted: eleven models without a trend, and three that would make one, as their role is not `model`."""
    scores, sheet = synthetic_scores.score_table(), synthetic_scores.model_sheet()
    untrained = scores["model"].str.contains("untrained")
    pulling = scores["metric"].isin(["pls", "spearman"]) & untrained
    scores.loc[pulling, ["value", "ci_low", "ci_high"]] -= 5
    found = panels_of(tmp_path, scores, sheet)[:2]
    for panel, alone in zip(found, panels_of(tmp_path, scores[~untrained], sheet)[:2], strict=True):
        assert panel["trend"] == alone["trend"] and panel["n"] == 11
        assert {point["role"] for point in panel["points"]} == {"model"}
        assert [point["role"] for point in panel["shown_only"]] == ["control"] * 3
        assert min(point["y"] for point in panel["shown_only"]) < -3
    asked = panels_of(tmp_path, scores, sheet, "--roles", "model", "control")[0]
    assert asked["n"] == 14 and asked["shown_only"] == []
    assert asked["trend"]["pearson"]["overall"]["value"] > 0.9
    marked = sheet.assign(role=["adversarial" if "_80" in model else "" for model in sheet["model"]])
    shown = panels_of(tmp_path, scores, marked)[1]["shown_only"]
    assert [point["role"] for point in shown] == [
        "adversarial",
        "control",
        "adversarial",
        "control",
        "control",
    ]


def test_a_control_without_an_accuracy_is_a_line_and_any_other_model_is_excluded(tmp_path):
    scores, sheet = synthetic_scores.score_table(), synthetic_scores.model_sheet()
    no_accuracy = scores["model"].isin(["tf_efficientnet_lite0_untrained", "tf_efficientnet_lite0_80"])
    no_accuracy &= scores["benchmark"] == "accuracy/photographs"
    scores.loc[no_accuracy, "value"] = np.nan
    scores.loc[no_accuracy, "status"] = "no classes"
    panel = panels_of(tmp_path, scores, sheet)[1]
    row = scores.query("model == 'tf_efficientnet_lite0_untrained' and convention == 'floor_corrected'").iloc[
        0
    ]
    (line,) = panel["reference_lines"]
    assert (line["model"], line["y"]) == (row["model"], pytest.approx(row["value"]))
    assert (line["y_low"], line["y_high"]) == pytest.approx((row["ci_low"], row["ci_high"]))
    excluded = {entry["model"]: entry["reason"] for entry in panel["excluded"]}
    assert excluded["tf_efficientnet_lite0_80"] == "accuracy/photographs top1: no classes"
    assert line["model"] not in excluded and len(panel["shown_only"]) == 2


def test_the_side_of_the_input_is_a_covariate_and_said_where_sides_differ(tmp_path):
    """Planted: tolerance rises with the side alone, and so does accuracy: given the side nothing is left."""
    scores, sheet = synthetic_scores.score_table(), synthetic_scores.model_sheet()
    sides = dict(
        zip(sheet["model"], sheet["input_size"].where(sheet["input_size"] != "untrained", "80"), strict=True)
    )
    size = scores["model"].map(sides).astype(float)
    net = scores["model"].str.extract(r"lite(\d)")[0].astype(int)
    for metric, factor, order in (("top1", 0.003, [0, 1, 2]), ("perturbation_tolerance", 1e-5, [1, 2, 0])):
        rows = (scores["metric"] == metric) & scores["value"].notna()
        scores.loc[rows, "value"] = factor * (size + net.map(dict(enumerate(order))))[rows]
    argv = ("--sides", json.dumps({model: int(side) for model, side in sides.items()}))
    panel = panels_of(tmp_path, scores, sheet.drop(columns="input_size"), *argv)[3]
    assert panel["trend"]["spearman"]["overall"]["value"] > 0.9
    partial = panel["trend"]["adjusted"]["partial"]["value"]
    assert abs(partial) < 0.7 and "log side" in panel["trend"]["adjusted"]["betas"]
    assert panel["sides"].startswith("Input sides differ (80 to 224 pixels); ρ given log side = ")
    alike = ("--sides", json.dumps(dict.fromkeys(sides, 224)))
    assert panels_of(tmp_path, scores, sheet.drop(columns="input_size"), *alike)[3]["sides"] == ""


def test_the_headline_of_tolerance_is_free_of_input_size_and_images(panels):
    assert panels[3]["convention"] == "rms/image_effects"
    assert panels[3]["y_label"] == (
        "Perturbation tolerance: RMS of the smallest perturbation, image effects removed"
    )


def test_a_tolerance_of_censored_norms_is_no_point_whatever_its_value(tmp_path):
    """Twelve models that decline and a masked one: what is left is the trend of the twelve."""
    accuracy, rng = np.linspace(0.5, 0.8, 12), np.random.default_rng(0)
    tolerance = 0.2 - 0.2 * (accuracy - 0.5) + 0.01 * rng.standard_normal(12)

    def scored(model, x, y, status="ok"):
        keys = {"model": model, "simulated": False, "version": 1, "seed": 0}
        top1 = {"metric": "top1", "convention": "proportion"}
        norm = {"metric": "perturbation_tolerance", "convention": "rms/image_effects"}
        return [
            score_row(**keys, **top1, benchmark="accuracy/photographs", value=x),
            score_row(**keys, **norm, benchmark="attacks/c", value=y, status=status),
        ]

    rows = [row for i in range(12) for row in scored(f"m{i}", accuracy[i], tolerance[i])]
    masked = scored("masked", 0.82, 107.0, "ok, 3 of 6 censored at the largest tried norm")
    sheet = pd.DataFrame({"model": [*(f"m{i}" for i in range(12)), "masked"]})
    [panel] = panels_of(tmp_path, pd.DataFrame(rows + masked), sheet)
    assert panel["n"] == 12 and panel["trend"]["changepoint"]["model"] != "masked"
    assert panel["trend"]["pearson"]["overall"]["value"] < -0.8
    (entry,) = panel["excluded"]
    assert entry["model"] == "masked" and entry["reason"].endswith(
        "3 of 6 censored at the largest tried norm"
    )


def test_the_verdict_is_of_p_values_that_are_adjusted_for_the_number_of_panels(tmp_path):
    """One measure declines in two time windows, with the same scores: p is doubled, unless named before."""
    accuracy, rng = np.linspace(0.4, 0.9, 14), np.random.default_rng(0)
    score, windows = 1 - accuracy + 0.05 * rng.standard_normal(14), ("51-90", "91-130")
    rows = []
    for i, (x, y) in enumerate(zip(accuracy, score, strict=True)):
        keys = {"model": f"m{i}", "simulated": False, "version": 1, "seed": 0}
        top1 = {"benchmark": "accuracy/photographs", "metric": "top1", "convention": "proportion"}
        rows.append(score_row(**keys, **top1, value=x))
        for window in windows:
            pls = {"benchmark": f"neural/it/IT/{window}/grid", "metric": "pls", "convention": "r2/c"}
            rows.append(score_row(**keys, **pls, value=y))
    argv = (tmp_path, pd.DataFrame(rows), pd.DataFrame({"model": [f"m{i}" for i in range(14)]}))
    panels = panels_of(*argv)
    decline = [panel["trend"]["decline"] for panel in panels[:2]]
    assert [test["p_adjusted"] for test in decline] == [2 * decline[0]["p"]] * 2 == [2 * decline[1]["p"]] * 2
    assert all("corrected for 2 panels" in panel["trend"]["verdict"] for panel in panels[:2])
    panels = panels_of(*argv, "--confirmatory", "neural/it/IT/51-90/grid")
    assert panels[0]["trend"]["decline"]["p_adjusted"] == decline[0]["p"]
    assert not any("corrected" in panel["trend"]["verdict"] for panel in panels[:2])


def test_another_accuracy_may_be_the_x_axis(tmp_path):
    panel = panels_of(tmp_path, synthetic_scores.score_table(), None, "--metric", "top5")[0]
    top5 = synthetic_scores.score_table().query("metric == 'top5'").set_index("model")["value"]
    assert panel["x_label"] == "top-5 accuracy, photographs"
    assert all(point["x"] == pytest.approx(top5[point["model"]]) for point in panel["points"])


def test_an_x_axis_that_was_not_measured_is_an_error_that_names_those_that_were(tmp_path, capsys):
    with pytest.raises(SystemExit):
        panels_of(tmp_path, synthetic_scores.score_table(), None, "--accuracy", "accuracy/imagenet")
    assert "'accuracy/imagenet' (there: accuracy/photographs)" in capsys.readouterr().err


def test_a_model_with_two_rows_in_the_sheet_is_an_error(tmp_path, capsys):
    scores, sheet = synthetic_scores.write_study(tmp_path)
    rows = synthetic_scores.model_sheet()
    pd.concat([rows, rows.head(1)]).to_csv(sheet, sep="\t", index=False)
    with pytest.raises(SystemExit):
        main(["trend", "--scores", scores, "--models", sheet, "--output", str(tmp_path / "trend.json")])
    assert "'tf_efficientnet_lite0' has two rows" in capsys.readouterr().err


def test_points_are_the_scores_of_the_headline_convention(panels):
    scores = synthetic_scores.score_table()
    model = "tf_efficientnet_lite0"
    point = next(p for p in panels[0]["points"] if p["model"] == model)
    row = scores[(scores.model == model) & (scores.metric == "pls") & (scores.convention == "r2/c")].iloc[0]
    assert (point["y"], point["y_low"], point["y_high"]) == pytest.approx(
        (row.value, row.ci_low, row.ci_high)
    )
    assert point["family"] == "EfficientNet-Lite0"


def test_failed_models_are_excluded_with_their_status(panels):
    for panel in panels:
        reasons = {entry["model"]: entry["reason"] for entry in panel["excluded"]}
        assert reasons["tf_efficientnet_lite2_80"] == synthetic_scores.FAILED
        assert sum(len(panel[part]) for part in ("points", "shown_only", "excluded")) == 15
    untrained = next(e for e in panels[2]["excluded"] if e["model"] == "tf_efficientnet_lite0_untrained")
    assert untrained["reason"] == f"adversarial_alignment: {synthetic_scores.UNDEFINED}"


def test_a_model_without_any_row_is_excluded_as_such(tmp_path):
    scores = synthetic_scores.score_table()
    gone = "tf_efficientnet_lite1"
    for panel in panels_of(tmp_path, scores[scores.model != gone]):
        assert {
            "model": gone,
            "family": "EfficientNet-Lite1",
            "role": "model",
            "reason": "no row in the score table",
        } in panel["excluded"]


def test_a_failure_before_regions_are_known_makes_no_panel_but_gives_the_reason(tmp_path):
    scores = synthetic_scores.score_table()
    model = "tf_efficientnet_lite1_80"
    scores = scores[~((scores.model == model) & scores.benchmark.str.startswith("neural"))]
    bare = score_row(model=model, benchmark="neural/scenes", metric="pls", status="failed: out of memory")
    panels = panels_of(tmp_path, pd.concat([scores, pd.DataFrame([bare])]))
    assert [panel["title"] for panel in panels] == TITLES
    reasons = {entry["model"]: entry["reason"] for entry in panels[0]["excluded"]}
    assert reasons[model] == "pls: failed: out of memory"


def test_a_benchmark_below_another_leaves_it_its_panel_where_it_has_values(tmp_path):
    table = pd.concat([synthetic_scores.score_table(), synthetic_probes.rows(["depth"])])
    below = synthetic_probes.rows(["depth"]).assign(benchmark="probes/tasks/depth/transfer")
    not_asked = score_row(
        model="convnext_tiny",
        benchmark="probes/tilt",
        metric="probe_accuracy",
        status="not among probes.models",
    )
    tilt = score_row(
        model="resnet18", benchmark="probes/tilt/centre", metric="tilt_correlation", convention="r", value=0.5
    )
    more = pd.DataFrame([not_asked, not_asked | {"benchmark": "probes/tasks"}, tilt], columns=list(table))
    found = synthetic_scores.panels_of(tmp_path, pd.concat([table, below, more], ignore_index=True))
    own = [panel["benchmark"] for panel in found if panel["figure"] == "probes"]
    assert own == ["probes/tasks/depth", "probes/tasks/depth/transfer", "probes/tilt/centre"]


def test_every_time_window_of_a_recording_has_its_panel(tmp_path):
    scores = synthetic_scores.score_table()
    late = scores[scores.benchmark == synthetic_scores.IT].assign(
        benchmark=synthetic_scores.IT.replace("70-170", "170-270")
    )
    panels = panels_of(tmp_path, pd.concat([scores, late]))
    assert [panel["title"] for panel in panels] == [TITLES[0], *TITLES]
    assert {"scenes IT 70-170 whole image", "scenes IT 170-270 whole image"} == {
        p["subtitle"] for p in panels[:2]
    }


def test_panels_of_time_windows_are_in_the_order_of_time(tmp_path):
    scores = synthetic_scores.score_table()
    early = scores[scores.benchmark == synthetic_scores.IT].assign(
        benchmark=synthetic_scores.IT.replace("70-170", "131-170")
    )
    panels = panels_of(tmp_path, pd.concat([early, scores]))
    assert [p["benchmark"].split("/")[3] for p in panels[:2]] == ["70-170", "131-170"]


def test_a_score_with_a_remark_in_its_status_is_a_point(tmp_path):
    scores = synthetic_scores.score_table()
    chosen = (scores.model == "tf_efficientnet_lite0") & (scores.metric == "perturbation_tolerance")
    scores.loc[chosen, "status"] = "ok, 18 images common to all models"
    panels = panels_of(tmp_path, scores)
    assert "tf_efficientnet_lite0" in [point["model"] for point in panels[3]["points"]]


def test_a_panel_knows_measure_data_versions_and_seeds(panels):
    assert [panel["measure"] for panel in panels] == [
        "neural", "clickme", "adversarial_alignment", "perturbation_tolerance",
    ]  # fmt: skip
    accuracy, it = panels[0]["sources"]
    assert accuracy == {
        "benchmark": "accuracy/photographs",
        "simulated": False,
        "versions": [1],
        "seeds": [0],
    }
    assert it == {"benchmark": synthetic_scores.IT, "simulated": True, "versions": [1], "seeds": [0]}


def test_a_score_without_ceiling_says_that_the_headline_convention_is_missing(tmp_path):
    scores = synthetic_scores.score_table()
    alone = scores.model == "tf_efficientnet_lite0"
    panels = panels_of(tmp_path, scores[~(alone & (scores.metric == "pls") & (scores.convention == "r2/c"))])
    reasons = {entry["model"]: entry["reason"] for entry in panels[0]["excluded"]}
    assert reasons["tf_efficientnet_lite0"] == "pls: no r2/c value"


def test_fewer_than_ten_models_give_points_but_no_trend(tmp_path):
    scores = synthetic_scores.score_table()
    few = synthetic_scores.model_sheet()["model"][:9]
    panels = panels_of(tmp_path, scores[scores.model.isin(few)])
    assert panels[0]["n"] == len(panels[0]["points"]) == 8 and len(panels[0]["shown_only"]) == 1
    assert panels[0]["trend"] is None and "at least 10" in panels[0]["reason"]


def test_two_rows_of_one_score_are_an_error(tmp_path, capsys):
    scores = synthetic_scores.score_table()
    with pytest.raises(SystemExit):
        panels_of(tmp_path, pd.concat([scores, scores.head(1)]))
    assert "'tf_efficientnet_lite0' has two rows" in capsys.readouterr().err


def test_a_model_without_a_name_is_an_error_that_names_its_line(tmp_path, capsys):
    table = tmp_path / "points.csv"
    table.write_text("model,x,y\na,.1,.2\n,.2,.3\n,,\n")
    with pytest.raises(SystemExit):
        main(["trend", str(table), "--x", "x", "--y", "y"])
    assert f"{table}: model: line 3: empty, expected a name" in capsys.readouterr().err
    scores, sheet = synthetic_scores.write_study(tmp_path)
    rows = synthetic_scores.model_sheet()
    rows.loc[4, "model"] = " "
    rows.to_csv(sheet, sep="\t", index=False)
    with pytest.raises(SystemExit):
        main(["trend", "--scores", scores, "--models", sheet, "--output", str(tmp_path / "trend.json")])
    assert f"{sheet}: model: line 6: empty, expected a name" in capsys.readouterr().err


@pytest.mark.parametrize("metric", measures.ACCURACIES)
def test_the_x_axis_is_any_accuracy_as_the_stage_writes_it(tmp_path, metric):
    scores = accuracy.scores(np.eye(6, dtype="f4")[:3], np.arange(3), [[0], [1], [2]])
    source = Source(model="m", benchmark="accuracy/photographs")
    measured = {row["metric"]: row for row in rows_of(scores, source)}
    rows = []
    for i in range(12):
        keys = {"model": f"m{i}", "simulated": False, "version": 1, "seed": 0}
        axis = measured[metric] | keys | {"value": i / 12}
        pls = {"benchmark": "neural/it/IT/51-90/grid", "metric": "pls", "convention": "r2/c", "value": i / 24}
        rows += [axis, score_row(**keys, **pls)]
    sheet = pd.DataFrame({"model": [f"m{i}" for i in range(12)]})
    panel = panels_of(tmp_path, pd.DataFrame(rows), sheet, "--metric", metric)[0]
    assert [point["x"] for point in panel["points"]] == [i / 12 for i in range(12)]
    assert panel["x_label"] == f"{measures.ACCURACIES[metric]}, photographs"
