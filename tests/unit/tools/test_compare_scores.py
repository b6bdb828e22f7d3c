"""Claims about compare-scores: every difference is counted, and none is invented."""

from __future__ import annotations

import json

import pandas as pd
import pytest
from score_rows import score_row

from visalign import cli
from visalign.io.scores import write_scores
from visalign.tools.compare_scores import compare


def rows(values: dict[str, float | None], layer: str = "x", metric: str = "pls") -> list[dict]:
    return [
        score_row(
            model=model, benchmark="neural/it", metric=metric, value=value, convention="r", layer=layer,
            status="failed" if value is None else "ok", simulated=False, seed=0, version=1, inputs_hash="",
        )
        for model, value in values.items()
    ]  # fmt: skip


def test_differences_of_pairs_are_summed_up():
    before, after = (
        pd.DataFrame(rows(values))
        for values in ({"a": 0.1, "b": 0.2, "c": 0.3, "d": 0.4}, {"a": 0.1, "b": 0.3, "c": 0.25, "e": 1.0})
    )
    (row,) = compare(before, after).to_dict("records")
    assert (row["n"], row["n_only_before"], row["n_only_after"]) == (3, 1, 1)
    assert row["largest"] == pytest.approx(0.1) and row["mean"] == pytest.approx(0.05)
    assert row["rank"] == pytest.approx(0.5)


def test_a_value_that_became_undefined_is_counted():
    before, after = pd.DataFrame(rows({"a": 0.1})), pd.DataFrame(rows({"a": None}))
    (row,) = compare(before, after).to_dict("records")
    assert (row["n"], row["n_only_before"]) == (0, 1)


def test_another_selected_layer_is_a_difference_of_the_score_not_another_score():
    (row,) = compare(pd.DataFrame(rows({"a": 0.1}, "x")), pd.DataFrame(rows({"a": 0.2}, "y"))).to_dict(
        "records"
    )
    assert row["n"] == 1
    curves = compare(*(pd.DataFrame(rows({"a": 0.1}, layer, "pls_layer")) for layer in "xy"))
    assert curves[["n", "n_only_before", "n_only_after"]].values.tolist() == [[0, 1, 1]]


def test_the_tool_reads_two_tables(tmp_path, capsys):
    write_scores(tmp_path / "a.csv", rows({"m": 0.5}))
    write_scores(tmp_path / "b.csv", rows({"m": 0.75}))
    cli.main(["compare-scores", str(tmp_path / "a.csv"), str(tmp_path / "b.csv"), "--json"])
    (row,) = json.loads(capsys.readouterr().out)
    assert row["largest"] == 0.25 and row["rank"] is None
