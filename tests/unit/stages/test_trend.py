"""Claims about the trend statistics: the published panels, any table, then the pipeline."""

import json
from pathlib import Path

import golden
import numpy as np
import pandas as pd
import pytest
import synthetic_probes
import synthetic_scores
from synthetic_scores import panels_of

from visalign.cli import main
from visalign.io.files import read_json

PUBLISHED = Path(__file__).resolve().parents[4] / "shared" / "published"
HARMONIZATION = "large_scale_results_hmn.csv"
IT_MAPS = "neural_alignment_red_central_it_shifted_211_250.csv"
ADVERSARIAL = "adversarial_alignment_L2FMNAttack.csv"
needs_published = pytest.mark.skipif(
    not PUBLISHED.is_dir(), reason=f"published tables are not at {PUBLISHED} (they may not be redistributed)"
)


def trend_of(capsys, *argv: str) -> dict:
    main(["trend", *map(str, argv), "--json"])
    return json.loads(capsys.readouterr().out)


def error_of(refused, *argv: str) -> str:
    [message] = refused("trend", *argv)
    return message


# --- published panels ----------------------------------------------------------------------------------


A = ("brainscore_coded.csv", "--x", "ImageNet-top1", "--y", "MajajHong2015.IT-pls")
ON = ("--join", PUBLISHED / IT_MAPS, "--on", "model=model_name")
B = (HARMONIZATION, *ON, "--x", "multi_label_acc", "--y", "new_brain_score")
C = (HARMONIZATION, *ON, "--x", "multi_label_acc", "--y", "spearman")
# n, changepoint (model, x, y), rising, falling, overall ρ: as printed, each to its printed digits.
PANELS = {
    "A": (A, 224, "vonegrcnn_52e_full", ".703 .569", ".282 .371", "-.869 1.180", ".13"),
    "B": (B, 363, "tresnet_v2_l.miil_in21k_ft_in1k", ".9272 .6955", ".408 .317", "-1.450 2.040", ".366"),
    "C": (C, 363, "wide_resnet50_2_linf_eps0.5", ".8519 .5259", ".611 .006", "-4.399 4.274", "-.766"),
}


def agrees(value: float, printed: str) -> bool:
    """Return whether a value rounds to a printed number."""
    return round(value, len(printed.partition(".")[2])) == float(printed)


@needs_published
@pytest.mark.parametrize("name", PANELS)
def test_published_panel_is_reproduced_to_the_printed_digits(name, capsys):
    argv, n, model, peak, rising, falling, overall = PANELS[name]
    found = trend_of(capsys, PUBLISHED / argv[0], *argv[1:], "--bootstrap", "100")
    trend = found["trend"]
    assert found["n"] == n and found["n_missing"] == 0
    assert trend["changepoint"]["model"] == model
    pairs = [(trend["changepoint"][axis], printed) for axis, printed in zip("xy", peak.split(), strict=True)]
    for line, printed in ((trend["rising"], rising), (trend["falling"], falling)):
        pairs += zip((line["slope"], line["intercept"]), printed.split(), strict=True)
    pairs.append((trend["spearman"]["overall"]["value"], overall))
    assert [printed for value, printed in pairs if not agrees(value, printed)] == []


@needs_published
@pytest.mark.parametrize(
    ("name", "said"),
    [("A", "rises, then declines"), ("B", "declines somewhere"), ("C", "declines beyond x = 0.85")],
)
def test_published_panels_decline_were_their_models_independent(name, said, capsys):
    argv = PANELS[name][0]
    trend = trend_of(capsys, PUBLISHED / argv[0], *argv[1:], "--bootstrap", "400")["trend"]
    assert trend["decline"]["p"] <= 0.01
    assert trend["verdict"].startswith(f"The mean score {said}")


@needs_published
def test_published_falling_line_of_panel_a_goes_through_its_anchor(capsys):
    anchor = ("--anchor", "fixres_resnext101_32x48d_wsl")
    line = trend_of(capsys, PUBLISHED / A[0], *A[1:], *anchor, "--bootstrap", "100")["trend"]["falling"]
    assert agrees(line["slope"], "-.350") and agrees(line["intercept"], ".815")


@needs_published
@pytest.mark.parametrize(("column", "printed"), [("pt", ".807"), ("aa", "-.737")])
def test_published_adversarial_correlations_over_models_not_adversarially_trained(column, printed, capsys):
    argv = ("--join", PUBLISHED / ADVERSARIAL, "--on", "model", "--exclude", "type1=adv")
    argv = (PUBLISHED / HARMONIZATION, *argv, "--x", "multi_label_acc", "--y", column, "--bootstrap", "100")
    found = trend_of(capsys, *argv)
    assert found["n"] == 309
    assert agrees(found["trend"]["spearman"]["overall"]["value"], printed)


@needs_published
def test_without_the_join_four_rows_with_a_broken_accuracy_change_panel_c(capsys):
    argv = ("--x", "multi_label_acc", "--y", "spearman", "--bootstrap", "100")
    assert trend_of(capsys, PUBLISHED / HARMONIZATION, *argv)["n"] == 367


# --- any table -----------------------------------------------------------------------------------------


@pytest.fixture
def table(tmp_path):
    path = tmp_path / "table.csv"
    names = [f"net{i}" for i in range(12)]
    accuracy, score = [1, 2, 2, 4, 3, 5, 6, 7, 8, 9, 9, 10], [2, 1, 3, 6, 3, 5, 8, 4, 6, 5, 7, 3]
    columns = {"model": names, "acc": accuracy, "score": score, "kind": ["a", "b"] * 6}
    pd.DataFrame(columns).astype({"acc": float, "score": float}).to_csv(path, index=False)
    return path


def test_rows_without_a_value_are_counted_and_reported(table, capsys):
    rows = pd.read_csv(table)
    rows.loc[[0, 1], "acc"] = np.nan, np.inf
    rows.to_csv(table, index=False)
    assert trend_of(capsys, table, "--x", "acc", "--y", "score")["n_missing"] == 2
    main(["trend", str(table), "--x", "acc", "--y", "score"])
    assert "2 rows with an empty or not finite value" in capsys.readouterr().out


def test_nine_points_give_no_trend_but_are_reported(table, capsys):
    pd.read_csv(table).head(9).to_csv(table, index=False)
    found = trend_of(capsys, table, "--x", "acc", "--y", "score")
    assert found["trend"] is None and "at least 10" in found["reason"]
    assert [point["model"] for point in found["points"]] == [f"net{i}" for i in range(9)]
    main(["trend", str(table), "--x", "acc", "--y", "score"])
    text = capsys.readouterr().out
    assert "no trend" in text and "net8" in text and "rising" not in text


def test_text_names_changepoint_lines_and_correlations(table, capsys):
    main(["trend", str(table), "--x", "acc", "--y", "score", "--family", "kind"])
    text = capsys.readouterr().out
    for expected in (
        "net6",
        "y = 1.200 x +0.800",
        "overall",
        "below",
        "family a",
        "envelope: net0, net2, net3, net6",
    ):
        assert expected in text


def test_inner_join_counts_rows_without_partner(table, tmp_path, capsys):
    other = tmp_path / "other.csv"
    pd.DataFrame({"name": [f"net{i}" for i in range(1, 14)], "z": range(13)}).to_csv(other, index=False)
    found = trend_of(capsys, table, "--join", other, "--on", "model=name", "--x", "acc", "--y", "z")
    assert (found["n"], found["n_unmatched"]) == (11, 3)


def test_columns_of_parameters_and_training_data_are_used_where_the_table_has_them(table, capsys):
    argv = (table, "--x", "acc", "--y", "score", "--bootstrap", "100")
    trend = trend_of(capsys, *argv)["trend"]
    assert trend["adjusted"] is None and trend["power_law"] is None
    rows = pd.read_csv(table).assign(
        parameters=np.geomspace(1e6, 1e8, 12).tolist(), training_data=["a", "b"] * 6
    )
    rows.loc[3, "parameters"] = np.nan
    rows.to_csv(table, index=False)
    trend = trend_of(capsys, *argv, "--exclude", "model=net0")["trend"]
    assert trend["adjusted"]["n"] == trend["power_law"]["n"] == 10
    assert list(trend["adjusted"]["betas"])[:2] == ["accuracy", "log parameters"]
    main(["trend", *map(str, argv)])
    text = capsys.readouterr().out
    for expected in (
        "Spearman's ρ given log parameters, training data",
        "coefficient, log parameters",
        "power law",
        "two pieces (descriptive): BIC",
    ):
        assert expected in text


@pytest.mark.parametrize(("value", "message"), [("0", "0 is not positive"), ("86M", "'86M' is not a number")])
def test_parameters_that_are_not_positive_numbers_are_named(table, capsys, refused, value, message):
    rows = pd.read_csv(table).assign(parameters="5")
    rows.loc[4, "parameters"] = value
    rows.to_csv(table, index=False)
    assert message in error_of(refused, table, "--x", "acc", "--y", "score")


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["--x", "nope", "--y", "score"], "no column 'nope'"),
        (["--x", "model", "--y", "score"], "'net0' is not a number"),
        (["--x", "acc"], "--y is missing"),
        (["--x", "acc", "--y", "score", "--join", "TABLE"], "--join and --on go together"),
        (["--x", "acc", "--y", "score", "--join", "TABLE", "--on", "kind"], "has 'a' twice"),
        (["--x", "acc", "--y", "score", "--anchor", "net99"], "no such point"),
        (["--x", "acc", "--y", "score", "--anchor", "net0"], "not right of the changepoint"),
        (["--x", "acc", "--y", "score", "--exclude", "kind=c"], "no row"),
    ],
)
def test_bad_options_end_with_one_line_that_names_them(table, capsys, refused, argv, message):
    argv = [str(table) if value == "TABLE" else value for value in argv]
    assert message in error_of(refused, table, *argv)


def test_missing_table_is_named(refused):
    assert "nowhere.csv" in error_of(refused, "nowhere.csv", "--x", "a", "--y", "b")


def test_the_command_on_a_table_gives_the_trend_of_the_stage_on_the_same_numbers(tmp_path, capsys):
    sheet = synthetic_scores.model_sheet().drop(columns="input_size")
    panel = panels_of(tmp_path, synthetic_scores.score_table(), sheet)[0]
    table = tmp_path / "points.csv"
    pd.DataFrame(panel["points"])[["model", "family", "x", "y"]].to_csv(table, index=False)
    capsys.readouterr()
    draws = read_json(tmp_path / "trend.json")["bootstrap"]
    main(
        [
            "trend",
            str(table),
            "--x",
            "x",
            "--y",
            "y",
            "--family",
            "family",
            "--json",
            "--bootstrap",
            str(draws),
        ]
    )
    told = json.loads(capsys.readouterr().out)
    assert told["n"] == panel["n"]
    ours = {name: value for name, value in panel["trend"].items() if name != "fitted_curve"}  # a drawing
    assert told["trend"] == ours


def test_results_of_trend_are_those_of_its_version(tmp_path):
    panels = panels_of(tmp_path, synthetic_scores.score_table())
    found = {}
    for panel in panels:
        trend = {name: part for name, part in panel["trend"].items() if name != "fitted_curve"}
        shown = {name: [point[name] for point in panel["points"]] for name in ("model", "x", "y")}
        shown |= {name: panel[name] for name in ("title", "benchmark", "metric", "convention", "reason")}
        excluded = [[entry["model"], entry["reason"]] for entry in panel["excluded"]]
        found[panel["measure"]] = shown | {"excluded": excluded, "trend": trend}
    table = synthetic_probes.with_probes(tasks=["depth"])
    probe = next(one for one in panels_of(tmp_path, table) if one["measure"] == "probes")
    found["probes"] = {name: probe[name] for name in ("figure", "levels", "reliability")}
    golden.check("trend", "trend", found)
