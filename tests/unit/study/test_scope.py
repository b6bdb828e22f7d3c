"""Claims about studies without recordings, maps, labels or models: each is optional, what lacks is said."""

from pathlib import Path

import pytest
from studies import DATA_CONFIG, SMALL, edit, load, write

from visalign.errors import InputError
from visalign.measures import BY_NAME
from visalign.study import axis, check
from visalign.study.files import Findings
from visalign.study.inputs import Inputs

ACCURACY = BY_NAME["accuracy"]
TABLE = (
    "model,benchmark,metric,convention,value\nx,neural/hvm/IT,pls,r2/c,0.5\n"
    "x,accuracy/ours,top1,proportion,0.7\n"
)


@pytest.fixture
def config(tmp_path, monkeypatch, known_models):
    monkeypatch.chdir(tmp_path)
    known_models(DATA_CONFIG)
    return write(SMALL)


def absent(config, kind):
    del config[kind]


def null(config, kind):
    config[kind] = {"sheet": None}


def nothing(config, kind):
    config[kind] = None


def unnamed(config, kind):
    config[kind] = {"sheet": ""}


def header_only(config, kind):
    path = Path(config[kind]["sheet"])
    path.write_text(path.read_text().split("\n")[0] + "\n")


WAYS = (absent, null, nothing, unnamed, header_only)


@pytest.mark.parametrize("lack", WAYS)
def test_without_recordings_the_rest_is_measured(config, lack):
    lack(config, "recordings")
    study = load(config)
    assert study.recordings == {} and study.not_measured() == {"neural": "no recordings in this study"}
    assert {measure for measure, _, _ in study.score_files()} == {"accuracy", "clickme", "attacks"}
    assert Inputs(study).data_cards() == ["results/maps/clickme.json"]


@pytest.mark.parametrize("lack", WAYS)
def test_without_maps_the_rest_is_measured(config, lack):
    lack(config, "maps")
    missing = load(config).not_measured()
    assert missing == dict.fromkeys(("clickme", "attacks"), "no importance maps in this study")


def test_a_sheet_that_is_named_and_not_there_is_an_error(config):
    config["recordings"]["sheet"] = "recordigns.tsv"
    with pytest.raises(InputError, match=r"recordigns.tsv: no such file"):
        load(config)


def test_names_of_an_absent_sheet_are_unknown(config):
    del config["stimuli"]
    with pytest.raises(InputError, match=r"recordings.tsv: it: stimuli: 'scenes' is unknown"):
        load(config)


def test_accuracy_is_of_all_labelled_images_unless_some_are_named(config):
    assert list(load(config).datasets(ACCURACY)) == ["photographs", "scenes"]
    assert list(load(config | {"accuracy": {"stimuli": ["scenes"]}}).datasets(ACCURACY)) == ["scenes"]
    none = load(config | {"accuracy": {"stimuli": []}})
    assert none.not_measured() == {"accuracy": "accuracy.stimuli is empty"}


def unlabelled(config):
    text = Path("stimuli.tsv").read_text().replace("imagenet-1k", "").replace("scenes-8", "")
    Path("stimuli.tsv").write_text(text)
    return config


def test_unlabelled_images_have_no_accuracy_and_attacks_have_a_reason(config):
    study = load(unlabelled(config))
    missing = study.not_measured()
    assert set(missing) == {"accuracy", "clickme", "attacks"}
    assert missing["accuracy"] == "no labelled images in this study"
    assert missing["attacks"].startswith("label space none of photographs is not the model's imagenet-1k")
    entries = {(entry["measure"], entry["label_space"]) for entry in study.describe_benchmarks()}
    assert entries == {("neural", None), ("clickme", "none"), ("attacks", "none")}
    assert axis.of_study(study) == {"accuracy": None, "metric": "top1", "axis": None}


@pytest.mark.parametrize(
    ("target", "scored"), [("predicted", True), ("label_or_predicted", True), ("label", False)]
)
def test_saliency_of_the_answer_needs_no_labels(config, target, scored):
    study = load(unlabelled(config) | {"saliency": {"target": target}})
    assert ("clickme" not in study.not_measured()) == scored
    labels = {e["measure"]: e["label_space"] for e in study.describe_benchmarks()}
    assert labels["clickme"] == (None if scored else "none") and labels["attacks"] == "none"


def test_labelled_images_are_those_of_their_label_where_only_others_are_predicted(config):
    config["saliency"] = {"target": "label_or_predicted"}
    assert {model for measure, model, _ in load(config).score_files() if measure == "clickme"} == {"a", "b"}
    config["saliency"] = {"target": "predicted"}
    assert {model for measure, model, _ in load(config).score_files() if measure == "clickme"} == set("abc")


def test_a_stage_that_is_off_is_named_also_where_it_is_another_that_is_needed(config):
    missing = load(config | {"gram": {"enabled": False}, "accuracy": {"enabled": False}}).not_measured()
    assert missing == {"neural": "stage gram is switched off", "accuracy": "stage accuracy is switched off"}


def test_maps_that_are_not_scored_are_none(config):
    edit("maps", "stimuli\n", "stimuli\tscored\n")
    edit("maps", "photographs", "photographs\tfalse")
    assert load(config).not_measured()["clickme"] == "none of the map sets is scored"


def test_a_study_that_measures_nothing_is_an_error_of_one_line(config):
    for kind in ("recordings", "maps"):
        del config[kind]
    with pytest.raises(InputError) as error:
        load(config | {"accuracy": {"enabled": False}})
    assert str(error.value) == (
        "study.yaml: nothing to measure: accuracy: stage accuracy is switched off; neural: no recordings in "
        "this study; clickme: no importance maps in this study; attacks: no importance maps in this study"
    )


def test_a_table_alone_is_a_study_of_the_last_stages(config):
    Path("mine.csv").write_text(TABLE)
    study = load({"scores": {"tables": ["mine.csv"]}})
    inputs = Inputs(study)
    assert inputs.scores() == inputs.cards() == inputs.data_cards() == inputs.model_sheet() == []
    assert {"results/scores.csv", "results/report.html", "results/methods.md"} < set(inputs.targets())
    assert axis.of_study(study)["accuracy"] == "accuracy/ours"
    assert "mine.csv" in study.sources()


@pytest.mark.parametrize(
    ("table", "reason"),
    [
        ("model,value\n", "mine.csv: no column 'benchmark'"),
        (TABLE + "x,neural/hvm/IT,pls,r2/c,x\n", "mine.csv: line 4: value: 'x' is not a number"),
        (
            TABLE + "x,accuracy/theirs,top1,proportion,0.7\n",
            "study.yaml: trend.accuracy: null, expected one of",
        ),
    ],
)
def test_a_wrong_table_is_refused_before_any_job(config, table, reason):
    Path("mine.csv").write_text(table)
    with pytest.raises(InputError) as error:
        load({"scores": {"tables": ["mine.csv"]}})
    assert str(error.value).startswith(reason)


def test_two_tables_with_one_score_and_a_table_against_the_sheet_are_refused(config):
    Path("one.csv").write_text(TABLE)
    Path("two.csv").write_text(
        TABLE.splitlines()[0] + ",input_size\nx,neural/hvm/IT,pls,r2/c,1,\nb,neural/q,pls,r,1,96\n"
    )
    with pytest.raises(InputError) as error:
        load(config | {"scores": {"tables": ["one.csv", "two.csv"]}})
    assert str(error.value).splitlines() == [
        "two.csv: line 2: model: 'x' has neural/hvm/IT pls r2/c in line 2 of one.csv too",
        "two.csv: b: input_size: '96', but 64 in models.tsv",
    ]


def with_published(config):
    Path("published.csv").write_text("model,top1\na,70\nb,71\n")
    config["models"]["published"] = {"table": "published.csv"}
    return config


def test_the_x_axis_is_measured_else_published_else_none(config):
    assert axis.of_study(load(config))["accuracy"] == "accuracy/photographs"
    config = with_published(config)
    assert axis.published(load(config)) is None
    off = load(config | {"accuracy": {"enabled": False}})
    assert axis.of_study(off) == {"accuracy": "accuracy/published", "metric": "top1", "axis": None}
    assert axis.told(off) == "published accuracies of published.csv"
    asked = load(config | {"trend": {"axis": "published"}})
    assert (
        axis.of_study(asked)["accuracy"] == "accuracy/published" and axis.published(asked)["top1"] == "top1"
    )


def test_another_declared_score_may_be_the_x_axis(config):
    score = "neural/it/IT/70-170/whole_image/pls"
    found = axis.of_study(load(config | {"trend": {"axis": score}}))
    assert found == {"accuracy": None, "metric": "top1", "axis": score}


@pytest.mark.parametrize(
    ("trend", "reason"),
    [
        ({"axis": "published"}, "trend.axis: 'published', but models.published is not given"),
        ({"axis": "top1"}, "trend.axis: 'top1' is not BENCHMARK/METRIC (measures: accuracy, neural"),
        (
            {"axis": "neural/v4/pls"},
            "trend.axis: 'neural/v4/pls': neural of 'v4' is not measured (there: it)",
        ),
        ({"axis": "neural/it/IT/spearman"}, "trend.axis: 'neural/it/IT/spearman': no metric of neural"),
        (
            {"axis": "neural/it/pls", "accuracy": "accuracy/scenes"},
            "trend.axis: 'neural/it/pls', but trend.acc",
        ),
    ],
)
def test_an_x_axis_that_is_not_there_is_refused(config, trend, reason):
    with pytest.raises(InputError) as error:
        load(config | {"trend": trend})
    assert str(error.value).startswith(f"study.yaml: {reason}")


def test_the_check_lists_what_is_not_measured_and_what_is_of_others(config):
    Path("mine.csv").write_text(TABLE)
    del config["recordings"]
    lines = list(check.text(load(config | {"scores": {"tables": ["mine.csv"]}}), "study.yaml", Findings()))
    assert lines[lines.index("not measured:") + 1] == "  neural     no recordings in this study"
    assert "of others: mine.csv (2 scores of 1 model)" in lines
    assert "x axis: accuracy/photographs top1" in lines
