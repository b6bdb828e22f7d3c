"""Claims about the score table: every pair is there, a value or the reason why not."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pandas as pd
import pytest
from score_rows import put, score_row

from visalign.errors import InputError
from visalign.io.scores import SCORE_COLUMNS, write_scores
from visalign.measures import score_table
from visalign.measures.score_table import Benchmark

MODELS = {
    "a": {"architecture": "net", "weights": "random", "source": "0", "label_space": "imagenet-1k"},
    "b": {"architecture": "net", "weights": "random", "source": "1", "label_space": "scenes-8"},
}
ACCURACY = {"measure": "accuracy", "dataset": "photographs", "label_space": "imagenet-1k", "simulated": False}
NEURAL = {"measure": "neural", "dataset": "it", "label_space": None, "simulated": True}
ATTACKS = {"measure": "attacks", "dataset": "clickme", "label_space": "imagenet-1k", "simulated": True}


def log(folder: Path, name: str, text: str, age: float = 0) -> None:
    path = folder / "logs" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    os.utime(path, (1e9 - age, 1e9 - age))


def gather(folder: Path, benchmarks: list[dict], models: dict = MODELS) -> pd.DataFrame:
    return score_table.gather(folder, models, list(map(Benchmark.of, benchmarks)), folder / "logs")


def test_every_pair_of_model_and_benchmark_has_a_value_or_a_reason(tmp_path):
    put(tmp_path, "accuracy", "a", "photographs")
    table = gather(tmp_path, [ACCURACY, NEURAL, ATTACKS])
    assert tuple(table.columns) == SCORE_COLUMNS
    pairs = set(zip(table["model"], table["benchmark"], strict=True))
    assert pairs == {(m, b) for m in "ab" for b in ("accuracy/photographs", "neural/it", "attacks/clickme")}
    assert (table["value"].isna() == (table["status"] != "ok")).all()
    assert (table["status"] != "").all()
    assert table["value"].notna().sum() == 1


def test_values_are_kept_to_the_last_bit(tmp_path):
    put(
        tmp_path, "accuracy", "a", "photographs", value=1 / 3, ci_low=0.1, n=20, version=1, inputs_hash="0123"
    )
    row = gather(tmp_path, [ACCURACY]).iloc[0]
    assert (row["value"], row["ci_low"], row["n"], row["inputs_hash"]) == (1 / 3, 0.1, 20, "0123")


def test_tolerances_of_all_models_come_from_one_file_for_those_that_can_have_them(tmp_path):
    for model in "ab":
        put(tmp_path, "attacks", model, "clickme", metric="perturbation_tolerance", convention="l2")
    common = {"benchmark": "attacks/clickme", "metric": "perturbation_tolerance", "simulated": False}
    rows = [
        score_row(model=model, value=0.01, convention="rms/image_effects", **common)
        for model in ("a", "b", "of another study")
    ]
    write_scores(tmp_path / "tolerances/clickme.csv", rows)
    table = gather(tmp_path, [ACCURACY, ATTACKS])
    got = table[table["convention"] == "rms/image_effects"]
    assert got["model"].tolist() == ["a"], "the labels of clickme are not those of b"
    off = gather(tmp_path, [ATTACKS | {"reason": "stage attacks is switched off"}])
    assert off["value"].isna().all()


def test_another_label_space_is_a_reason_even_when_an_old_file_is_there(tmp_path):
    put(tmp_path, "accuracy", "b", "photographs")
    table = gather(tmp_path, [ACCURACY])
    reason = "label space imagenet-1k of photographs is not the model's scenes-8"
    assert table.set_index("model").loc["b", "status"] == reason
    assert table["value"].isna().all()


def test_a_head_of_another_size_is_a_reason_where_labels_count(tmp_path):
    for measure, dataset, metric in (("accuracy", "photographs", "top1"), ("neural", "it", "pls")):
        put(tmp_path, measure, "a", dataset, metric=metric)
    heads = {"a": "the head has 512 outputs, label space imagenet-1k has 1000 classes"}
    benchmarks = list(map(Benchmark.of, (ACCURACY, NEURAL, ATTACKS)))
    table = score_table.gather(tmp_path, {"a": MODELS["a"]}, benchmarks, tmp_path / "logs", heads)
    own = table[table["benchmark"] != "neural/it"]
    assert set(own["status"]) == {heads["a"]} and own["value"].isna().all() and len(own) == 3
    assert table.set_index("benchmark").loc["neural/it", "value"] == 0.5


def test_a_stage_that_is_off_is_a_reason_even_when_an_old_file_is_there(tmp_path):
    put(tmp_path, "neural", "a", "it", metric="pls")
    table = gather(tmp_path, [NEURAL | {"reason": "stage neural is switched off"}])
    assert set(table["status"]) == {"stage neural is switched off"} and table["value"].isna().all()


def test_the_label_space_plays_no_part_in_neural_scores(tmp_path):
    put(tmp_path, "neural", "b", "it", metric="pls", simulated=True)
    assert gather(tmp_path, [NEURAL]).set_index("model").loc["b", "value"] == 0.5


def test_every_score_says_that_weights_come_with_another_transform_than_is_used(tmp_path):
    for model in "ab":
        put(tmp_path, "accuracy", model, "photographs")
        put(tmp_path, "neural", model, "it", metric="pls", status="ok, of 3 images")
        put(tmp_path, "attacks", model, "clickme", metric="perturbation_tolerance", value=None, status="no")
    (tmp_path / "models").mkdir()
    differences = ["size 72, used is 64", "crop .9, used is 1"]
    (tmp_path / "models/a.json").write_text(json.dumps({"other_transform": differences}))
    (tmp_path / "models/b.json").write_text("{}")
    alike = {name: MODELS["a"] for name in "ab"}
    table = gather(tmp_path, [ACCURACY, NEURAL, ATTACKS], alike)
    told = "size 72, used is 64; crop .9, used is 1"
    status = {(row["model"], row["benchmark"]): row["status"] for row in table.to_dict("records")}
    assert status == {
        ("a", "accuracy/photographs"): f"ok, {told}",
        ("a", "neural/it"): f"ok, of 3 images; {told}",
        ("a", "attacks/clickme"): "no",
        ("b", "accuracy/photographs"): "ok",
        ("b", "neural/it"): "ok, of 3 images",
        ("b", "attacks/clickme"): "no",
    }


def test_a_failed_model_is_named_with_the_last_line_of_its_log(tmp_path):
    log(tmp_path, "models/a.log", "visalign models: done in 3.0 s\n")
    log(
        tmp_path,
        "features/a/photographs.log",
        "10 %\r20 %\nvisalign features: error: no layer 'x'\n",
    )
    table = gather(tmp_path, [ACCURACY]).set_index("model")
    assert table.loc["a", "status"] == "failed: features: visalign features: error: no layer 'x'"


@pytest.mark.parametrize("name", ["models_weights/net-random-0", "recordings/it", "preprocess/it/64x64"])
def test_an_error_of_what_models_share_is_found(tmp_path, name):
    log(tmp_path, f"{name}.log", "visalign: error: shared\n")
    table = gather(tmp_path, [NEURAL], {"a": MODELS["a"]}).set_index("model")
    assert table.loc["a", "status"] == f"failed: {name.split('/')[0]}: visalign: error: shared"


def test_a_traceback_is_an_error_too(tmp_path):
    log(tmp_path, "attacks/a/clickme.log", "Traceback (most recent call last):\n  File x\nMemoryError\n")
    assert (
        gather(tmp_path, [ATTACKS]).set_index("model").loc["a", "status"].iloc[0]
        == "failed: attacks: MemoryError"
    )


def test_the_newest_error_counts(tmp_path):
    log(tmp_path, "models/a.log", "visalign models: error: old\n", age=100)
    log(tmp_path, "features/a/p.log", "visalign features: error: new\n", age=1)
    log(tmp_path, "saliency/a/p.log", "visalign saliency: done in 1 s\n", age=0)
    assert gather(tmp_path, [ACCURACY]).set_index("model").loc["a", "status"] == (
        "failed: features: visalign features: error: new"
    )


def test_errors_of_other_models_are_not_mixed_in(tmp_path):
    log(tmp_path, "models/ab.log", "visalign models: error: another\n")
    log(tmp_path, "features/ab/p.log", "visalign features: error: another\n")
    status = gather(tmp_path, [ACCURACY]).set_index("model").loc["a", "status"]
    assert status == "failed: no error in its logs: interrupted, or not run"


def test_a_reason_has_a_row_for_every_headline_metric(tmp_path):
    table = gather(tmp_path, [ATTACKS], {"a": MODELS["a"]}).set_index("metric")
    assert set(table.index) == {"perturbation_tolerance", "adversarial_alignment"}
    assert table["simulated"].to_dict() == {"perturbation_tolerance": False, "adversarial_alignment": True}


def test_an_unknown_metric_is_refused(tmp_path):
    put(tmp_path, "accuracy", "a", "photographs", metric="top2")
    with pytest.raises(InputError, match="metric: 'top2' is not a known metric"):
        gather(tmp_path, [ACCURACY])
