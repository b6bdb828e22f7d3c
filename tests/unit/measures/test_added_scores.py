"""Claims about scores that a study did not measure: what a table may hold, and what is refused."""

import numpy as np
import pandas as pd
import pytest
from score_rows import put, score_row

from visalign.errors import InputError
from visalign.io.scores import SCORE_COLUMNS, read_scores, write_scores
from visalign.measures import added_scores
from visalign.measures.score_table import Benchmark, gather

HEADER = "model,benchmark,metric,convention,value"
IT = "neural/hvm/IT/70-170/whole_image"


def write(folder, *lines, header=HEADER):
    path = folder / "mine.csv"
    path.write_text("\n".join([header, *lines]) + "\n")
    return path


def refusal(path):
    with pytest.raises(InputError) as error:
        added_scores.read_table(path)
    return str(error.value).removeprefix(f"{path}: ")


def test_five_columns_are_enough(tmp_path):
    found = added_scores.read_table(write(tmp_path, f"net,{IT},pls,r2/c,0.25", f"net,{IT},pls,r,-.5"))
    first, second = found.rows.values()
    assert (first["value"], second["value"], first["status"], first["simulated"]) == (0.25, -0.5, "ok", False)
    assert set(first) == set(SCORE_COLUMNS) and first["n_excluded"] is first["ci_low"] is None
    assert list(found.lines.values()) == [2, 3] and found.benchmarks() == [IT]


def test_a_score_table_of_another_run_is_read_back_as_it_is(tmp_path):
    rows = [
        score_row(
            model="net",
            benchmark=IT,
            metric="pls",
            convention="r2/c",
            value=0.1 + 0.2,
            ci_low=0.2,
            ci_high=0.5,
            n=168,
            n_excluded=2,
            floor=0.01,
            ceiling=0.82,
            layer="layer3",
            status="ok, 2 neuroids silent",
            simulated=True,
            seed=0,
            version=6,
            inputs_hash="ab",
        ),
        score_row(model="net", benchmark=IT, metric="pls", convention="r", status="no ceiling"),
    ]
    write_scores(tmp_path / "other.csv", rows)
    assert list(added_scores.read_table(tmp_path / "other.csv").rows.values()) == rows


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("a/b,neural/hvm,pls,r,0.1", "line 2: model: 'a/b' is no name"),
        ("net,hvm,pls,r,0.1", "line 2: benchmark: 'hvm' is not MEASURE/DATASET"),
        ("net,vision/hvm,pls,r,0.1", "line 2: benchmark: 'vision/hvm' is not MEASURE/DATASET"),
        (
            "net,neural/hvm,spearman,r,0.1",
            "line 2: metric: 'spearman' is no metric of neural (there are: pls",
        ),
        (
            'net,neural/hvm,pls,r,"0,1"',
            "line 2: value: '0,1' is not a number (a decimal comma: write a point)",
        ),
        ("net,neural/hvm,pls,r,", "line 2: value: none, and status does not say why"),
        ("net,neural/hvm,pls,,0.1", "line 2: convention: empty"),
        ("net,accuracy/imagenet,top1,proportion,76.5", "line 2: value: 76.5 is no proportion (0 to 1)"),
        ("net,neural/hvm,pls,r,inf", "line 2: value: 'inf' is not a number"),
    ],
)
def test_a_wrong_row_is_refused_by_line_field_and_value(tmp_path, line, reason):
    assert refusal(write(tmp_path, line)).startswith(reason)


@pytest.mark.parametrize(
    ("column", "cell", "reason"),
    [
        ("status", "failed", "line 2: status: 'failed', but there is a value, 0.1"),
        ("simulated", "yes", "line 2: simulated: 'yes' is not true or false"),
        ("n", "2.5", "line 2: n: '2.5' is not a whole number"),
        ("role", "teacher", "line 2: role: 'teacher' is not one of model, control"),
        ("parameters", "0", "line 2: parameters: '0' is not a whole number from 1"),
        ("score", "1", "score: unknown column (known: model, "),
    ],
)
def test_a_wrong_further_column_is_refused(tmp_path, column, cell, reason):
    path = write(tmp_path, f"net,neural/hvm,pls,r,0.1,{cell}", header=f"{HEADER},{column}")
    assert refusal(path).startswith(reason)


def test_an_interval_upside_down_is_refused(tmp_path):
    path = write(tmp_path, "net,neural/hvm,pls,r,0.1,0.2,0.1", header=f"{HEADER},ci_low,ci_high")
    assert refusal(path) == "line 2: ci_low: 0.2 is above ci_high, 0.1"


def test_all_that_is_wrong_is_told_at_once_and_missing_columns_first(tmp_path):
    told = refusal(write(tmp_path, "net,hvm,pls,r,0.1", "net,neural/hvm,pls,r,x", "net,neural/hvm,pls,r,1"))
    assert [line.split(": ")[-2] for line in told.splitlines()] and told.count("\n") == 1
    assert refusal(write(tmp_path, "net", header="model")).count("no column") == 4
    assert refusal(write(tmp_path)) == "no rows"


def test_a_score_that_is_there_twice_is_refused(tmp_path):
    told = refusal(write(tmp_path, "net,neural/hvm,pls,r,0.1", "net,neural/hvm,pls,r,0.2"))
    assert told == "line 3: model: 'net' has neural/hvm pls r in line 2 too"


def test_what_is_said_of_a_model_is_kept_once_and_must_agree(tmp_path):
    header = f"{HEADER},family,parameters"
    lines = ["net,neural/a,pls,r,0.1,ResNet,", "net,neural/b,pls,r,0.1,,25000000"]
    found = added_scores.read_table(write(tmp_path, *lines, header=header))
    assert found.models == {"net": {"family": "ResNet", "parameters": "25000000"}}
    told = refusal(write(tmp_path, *lines, "net,neural/c,pls,r,0.1,ViT,", header=header))
    assert told == "line 4: family: 'ViT', and 'ResNet' in another row of net"


ROW = {"architecture": "resnet18", "weights": "hub", "label_space": "imagenet-1k"}
MEASURED = [Benchmark("accuracy", "photos", "imagenet-1k")]


def test_rows_of_others_stand_beside_measured_ones(tmp_path):
    put(tmp_path, "accuracy", "own", "photos", convention="proportion")
    mine = added_scores.read_table(write(tmp_path, f"theirs,{IT},pls,r2/c,0.3"))
    scores = gather(tmp_path, {"own": ROW}, MEASURED, tmp_path, added=[mine])
    assert scores[["model", "value"]].values.tolist() == [["own", 0.5], ["theirs", 0.3]]
    assert scores["n"].dtype.kind == "f" and scores["simulated"].dtype == bool


def test_a_table_alone_is_a_score_table(tmp_path):
    mine = added_scores.read_table(write(tmp_path, f"theirs,{IT},pls,r2/c,0.3"))
    scores = gather(tmp_path, {}, [], tmp_path, added=[mine])
    scores.to_csv(tmp_path / "scores.csv", index=False)
    again = read_scores(tmp_path / "scores.csv")
    assert list(again.columns) == list(SCORE_COLUMNS) and again["value"].tolist() == [0.3]
    with pytest.raises(InputError, match="no scores"):
        gather(tmp_path, {}, [], tmp_path)


def test_a_measured_score_that_a_table_has_too_is_an_error_with_its_line(tmp_path):
    put(tmp_path, "accuracy", "own", "photos", convention="proportion")
    other = write(tmp_path, "own,accuracy/photos,top5,proportion,0.4")
    assert (
        len(gather(tmp_path, {"own": ROW}, MEASURED, tmp_path, added=[added_scores.read_table(other)])) == 2
    )
    mine = added_scores.read_table(write(tmp_path, "own,accuracy/photos,top1,proportion,0.4"))
    with pytest.raises(
        InputError, match=r"line 2: model: 'own' has accuracy/photos top1 proportion from else"
    ):
        gather(tmp_path, {"own": ROW}, MEASURED, tmp_path, added=[mine])


@pytest.mark.parametrize("unit", [1, 100])
def test_published_accuracies_are_proportions_whatever_their_unit(tmp_path, unit):
    table = pd.DataFrame({"net": ["a", "b", "other"], "acc": np.array([0.75, 0.5, 0.009]) * unit})
    table.to_csv(tmp_path / "published.csv", index=False)
    path = str(tmp_path / "published.csv")
    rows = added_scores.published_rows(["b", "a", "absent"], path, "net", "acc")
    assert [row["value"] for row in rows] == pytest.approx([0.5, 0.75, None])
    assert {row["benchmark"] for row in rows} == {"accuracy/published"}
    assert [row["status"] for row in rows] == ["ok, published in published.csv"] * 2 + [
        "not in published.csv"
    ]


def test_published_accuracies_of_two_units_are_refused(tmp_path):
    (tmp_path / "p.csv").write_text("model,top1\na,0.75\nb,76.1\n")
    with pytest.raises(InputError, match=r"top1: 76.1 is no proportion \(0 to 1\), and 0.75 no per cent"):
        added_scores.published_rows(["a", "b"], str(tmp_path / "p.csv"), "model", "top1")
