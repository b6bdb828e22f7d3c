"""Claims about the command that writes the score table."""

from __future__ import annotations

import json
from pathlib import Path

import golden
import numpy as np
import pandas as pd
from score_rows import put

from visalign import cli
from visalign.io.scores import SCORE_COLUMNS, read_scores

ACCURACY = {"measure": "accuracy", "dataset": "photographs", "label_space": "imagenet-1k", "simulated": False}
NEURAL = {"measure": "neural", "dataset": "it", "label_space": None, "simulated": True}


def run(folder: Path, *more: str) -> Path:
    sheet = "model\tarchitecture\tweights\na\tx\trandom\nb\tx\trandom\n"
    (folder / "models.tsv").write_text(sheet)
    arguments = [
        "--directory",
        str(folder),
        "--sheet",
        str(folder / "models.tsv"),
        "--logs",
        str(folder / "logs"),
    ]
    arguments += ["--benchmarks", json.dumps([ACCURACY, NEURAL]), *more]
    cli.main(
        ["scores", *arguments, "--output", str(folder / "s.csv"), "--parquet", str(folder / "s.parquet")]
    )
    return folder / "s.csv"


def test_csv_and_parquet_hold_the_same_table(tmp_path, capsys):
    put(tmp_path, "accuracy", "a", "photographs", value=1 / 3, n=3)
    csv, parquet = read_scores(run(tmp_path)), pd.read_parquet(tmp_path / "s.parquet")
    assert list(csv.columns) == list(parquet.columns) == list(SCORE_COLUMNS)
    assert len(csv) == 4
    for column in SCORE_COLUMNS:
        one, other = csv[column], parquet[column]
        if one.dtype.kind == "f":
            np.testing.assert_array_equal(one, other.astype(float))
        else:
            assert one.astype(str).tolist() == other.fillna("").astype(str).tolist(), column
    assert "model b failed" in capsys.readouterr().out


def test_only_selected_models_are_gathered(tmp_path):
    assert set(read_scores(run(tmp_path, "--select", "b"))["model"]) == {"b"}


def test_the_same_files_give_the_same_bytes(tmp_path):
    put(tmp_path, "accuracy", "a", "photographs")
    assert run(tmp_path).read_bytes() == run(tmp_path).read_bytes()


def test_results_of_scores_are_those_of_its_version(tmp_path):
    put(tmp_path, "accuracy", "a", "photographs", value=1 / 3, ci_low=0.1, ci_high=0.6, n=3, version=1)
    put(tmp_path, "neural", "b", "it", metric="pls", value=0.25, floor=0.01, ceiling=0.8, simulated=True)
    table = read_scores(run(tmp_path))
    golden.check("scores", "scores", table.to_dict("list"))
