"""Claims about the x axis: an accuracy, a published one, another score, or none, and then scores by model."""

import numpy as np
import pandas as pd
import pytest
import synthetic_scores
from synthetic_scores import IT, panels_of

from visalign.cli import main
from visalign.errors import InputError
from visalign.io.files import read_json
from visalign.io.scores import SCORE_COLUMNS
from visalign.measures.added_scores import PUBLISHED
from visalign.trend import axis, verdict


def without_accuracy():
    scores = synthetic_scores.score_table()
    return scores[~scores["benchmark"].str.startswith("accuracy/")]


def values(scores, benchmark, metric, convention):
    rows = scores[
        (scores[["benchmark", "metric", "convention"]] == [benchmark, metric, convention]).all(axis=1)
    ]
    return rows.dropna(subset="value").set_index("model")["value"]


def test_without_an_accuracy_every_model_with_a_score_stands_by_it_and_there_is_no_trend(tmp_path):
    scores = without_accuracy()
    panels = panels_of(tmp_path, scores)
    assert read_json(tmp_path / "trend.json")["accuracy"] is None
    truth = values(scores, IT, "pls", "r2/c").sort_values(ascending=False)
    panel = panels[0]
    assert [entry["model"] for entry in panel["by_model"]] == list(truth.index)
    assert [entry["y"] for entry in panel["by_model"]] == pytest.approx(list(truth))
    assert panel["points"] == panel["shown_only"] == panel["reference_lines"] == []
    assert [entry["reason"] for entry in panel["excluded"]] == [synthetic_scores.FAILED]
    assert (panel["x_label"], panel["trend"], panel["reason"]) == ("", None, axis.NONE)
    assert len(panel["sources"]) == 1 and panel["n"] == 0
    assert verdict.of_panel(panel) == [
        "n = 14 with a score (11 models, 3 controls); 1 excluded.",
        "No trend is given: no accuracy in this study: scores by model.",
    ]


def test_a_benchmark_with_a_title_of_its_own_has_it_over_its_panel_and_at_the_axis(tmp_path):
    titles = '{"clickme/photographs": "Fixation alignment"}'
    named = panels_of(tmp_path, synthetic_scores.score_table(), None, "--titles", titles)
    plain = panels_of(tmp_path, synthetic_scores.score_table())
    assert [panel["title"] for panel in plain if panel["measure"] == "clickme"] == ["ClickMe alignment"]
    [own] = [panel for panel in named if panel["measure"] == "clickme"]
    assert own["title"] == "Fixation alignment" and own["y_label"].startswith("Fixation alignment: ")
    assert [p for p in named if p["measure"] != "clickme"] == [p for p in plain if p["measure"] != "clickme"]
    asked = ("--titles", titles, "--axis", "clickme/photographs/spearman")
    panels_of(tmp_path, without_accuracy(), None, *asked)
    assert read_json(tmp_path / "trend.json")["accuracy"]["word"] == "Fixation alignment"


def test_panels_of_a_study_with_an_accuracy_have_no_models_by_score(tmp_path):
    panels = panels_of(tmp_path, synthetic_scores.score_table())
    assert [panel["by_model"] for panel in panels] == [[]] * 4
    assert read_json(tmp_path / "trend.json")["accuracy"] == {
        "benchmark": "accuracy/photographs",
        "metric": "top1",
        "convention": "proportion",
        "word": "accuracy",
    }


def test_another_score_as_x_axis_is_that_of_the_headline_and_has_no_panel(tmp_path):
    scores = without_accuracy()
    panels = panels_of(tmp_path, scores, None, "--axis", f"{IT}/pls")
    assert panels[0]["measure"] == "clickme" and len(panels) == 3
    x = values(scores, IT, "pls", "r2/c")
    assert all(point["x"] == pytest.approx(x[point["model"]]) for point in panels[0]["points"])
    assert panels[0]["x_label"] == "IT predictivity: explained variance r²/c, scenes IT 70-170 whole image"
    found = read_json(tmp_path / "trend.json")["accuracy"]
    assert (found["metric"], found["convention"], found["word"]) == ("pls", "r2/c", "IT predictivity")
    told = " ".join(verdict.of_panel(panels[0], found["word"]))
    assert "IT predictivity below" in told and "ccuracy" not in told
    raw = panels_of(tmp_path, scores, None, "--axis", f"{IT}/pls/r")[0]
    x = values(scores, IT, "pls", "r")
    assert all(point["x"] == pytest.approx(x[point["model"]]) for point in raw["points"])


def row(benchmark, metric, convention, value=0.5):
    return {"model": "a", "benchmark": benchmark, "metric": metric, "convention": convention, "value": value}


def table(*rows):
    return pd.DataFrame(rows).reindex(columns=list(SCORE_COLUMNS))


def test_the_only_accuracy_with_a_value_is_the_axis_and_of_several_one_must_be_named():
    one = table(row("accuracy/a", "top1", "proportion"), row("accuracy/b", "top1", "proportion", np.nan))
    chosen = axis.choose(one, "scores.csv", None, "top1", None, {})
    assert chosen is not None and chosen.benchmark == "accuracy/a"
    assert axis.choose(one.iloc[1:], "scores.csv", None, "top1", None, {}) is None
    two = table(row("accuracy/a", "top1", "proportion"), row("accuracy/b", "top1", "proportion"))
    with pytest.raises(InputError, match=r"None \(there: accuracy/a, accuracy/b\)"):
        axis.choose(two, "scores.csv", None, "top1", None, {})


def test_a_score_of_several_conventions_without_a_headline_must_name_one():
    scores = table(row("neural/it", "cka", "raw"), row("neural/it", "cka", "raw/ceiling"))
    with pytest.raises(InputError, match=r"give neural/it/cka/raw, neural/it/cka/raw/ceiling$"):
        axis.choose(scores, "scores.csv", None, "top1", "neural/it/cka", {})
    chosen = axis.choose(scores, "scores.csv", None, "top1", "neural/it/cka/raw/ceiling", {})
    assert chosen is not None and chosen.convention == "raw/ceiling"
    with pytest.raises(InputError, match=r"no value of the x axis, 'neural/v4/cka' \(there: neural/it/cka\)"):
        axis.choose(scores, "scores.csv", None, "top1", "neural/v4/cka", {})


def test_published_accuracies_are_an_axis_like_any_and_said_to_be_published(tmp_path):
    scores = synthetic_scores.score_table()
    scores["benchmark"] = scores["benchmark"].replace("accuracy/photographs", PUBLISHED)
    panels = panels_of(tmp_path, scores, None, "--accuracy", PUBLISHED)
    before = panels_of(tmp_path, synthetic_scores.score_table())
    assert panels[0]["x_label"] == "top-1 accuracy, published"
    assert [panel["trend"] for panel in panels] == [panel["trend"] for panel in before]


def test_an_accuracy_alone_is_shown_by_model(tmp_path):
    scores = synthetic_scores.score_table()
    scores = scores[scores["benchmark"].str.startswith("accuracy/")]
    [panel] = panels_of(tmp_path, scores)
    assert (panel["measure"], panel["metric"], panel["reason"]) == ("accuracy", "top1", axis.ALONE)
    assert panel["y_label"] == "Accuracy: top-1 accuracy, photographs"
    best = values(scores, "accuracy/photographs", "top1", "proportion").max()
    assert panel["by_model"][0]["y"] == best and len(panel["by_model"]) == 14
    assert read_json(tmp_path / "trend.json")["accuracy"] is None


def test_a_measure_that_is_not_in_the_study_or_is_off_has_no_panel_and_one_that_failed_has(tmp_path):
    scores = synthetic_scores.score_table()
    stage = scores["benchmark"].str.split("/").str[0]
    scores.loc[stage == "clickme", ["value", "status"]] = [np.nan, "stage clickme is switched off"]
    scores.loc[stage == "neural", ["value", "status"]] = [np.nan, "failed: neural: error: no memory"]
    panels = panels_of(tmp_path, scores[stage != "attacks"])
    assert [panel["measure"] for panel in panels] == ["neural"]
    assert len(panels[0]["excluded"]) == 15


def test_models_of_tables_have_the_family_role_and_size_that_the_table_says(tmp_path):
    rng = np.random.default_rng(0)
    header = "model,benchmark,metric,convention,value,family,role,parameters"
    lines = [header]
    for i in range(14):
        own = f"f{i % 7},{'adversarial' if i == 13 else ''},{1000 * (i + 1)}"
        lines.append(f"net{i},accuracy/ours,top1,proportion,{0.5 + 0.03 * i},{own}")
        lines.append(f"net{i},neural/v4/V4,pls,r2/c,{0.3 + 0.02 * i + 0.01 * rng.standard_normal():.4f},,,")
    mine, scores, output = (tmp_path / name for name in ("mine.csv", "scores.csv", "trend.json"))
    mine.write_text("\n".join(lines) + "\n")
    argv = ["--directory", tmp_path, "--benchmarks", "[]", "--tables", mine]
    main(["scores", *map(str, argv), "--output", str(scores), "--parquet", str(tmp_path / "s.parquet")])
    argv = ["--scores", scores, "--tables", mine, "--bootstrap", 100, "--output", output]
    main(["trend", *map(str, argv)])
    [panel] = read_json(output)["panels"]
    assert panel["title"] == "V4 predictivity" and panel["n"] == 13
    assert [point["family"] for point in panel["points"]] == [f"f{i % 7}" for i in range(13)]
    assert [point["model"] for point in panel["shown_only"]] == ["net13"]
    assert panel["trend"]["power_law"]["n"] == 13
