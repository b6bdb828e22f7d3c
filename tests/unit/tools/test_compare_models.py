"""Claims about the comparison of models on one recording."""

from __future__ import annotations

import json
import re

import numpy as np
import pandas as pd
import pytest

from visalign import cli
from visalign.tools import compare_models


def table(values: dict[str, np.ndarray], model: str | None = None, units: int = 50) -> pd.DataFrame:
    """Draws of one metric; the first of each convention is the recording itself."""
    parts = [
        pd.DataFrame({"metric": "pls", "convention": name, "units": units, "draw": range(len(v)), "value": v})
        for name, v in values.items()
    ]
    whole = pd.concat(parts, ignore_index=True)
    return whole if model is None else whole.assign(model=model, benchmark="neural/it/IT/70-170/whole_image")


def alike(seed: int = 0, draws: int = 400) -> tuple[np.ndarray, np.ndarray]:
    """Two models that share nearly all of what the draws change."""
    rng = np.random.default_rng(seed)
    shared = 0.05 * rng.standard_normal(draws)
    one, other = (m + shared + 0.005 * rng.standard_normal(draws) for m in (0.62, 0.60))
    return np.r_[0.62, one], np.r_[0.60, other]


def test_what_models_share_cancels_in_their_difference():
    one, other = alike()
    first, second = compare_models.differences({"a": table({"r2/c": one}), "b": table({"r2/c": other})})
    assert first["difference"] == first["ci_low"] == first["ci_high"] == 0
    assert second["difference"] == pytest.approx(-0.02)
    # The difference scatters by .005 √2 = .007, each model by .05.
    assert -0.045 < second["ci_low"] < -0.02 < second["ci_high"] < 0
    assert second["above"] < 0.01 and first["best"] + second["best"] == pytest.approx(1)


def test_the_headline_is_compared_unless_another_convention_is_asked_for():
    one, other = alike()
    tables = {"a": table({"r2/c": one, "r": one + 1}), "b": table({"r2/c": other, "r": other + 1})}
    assert [row["convention"] for row in compare_models.differences(tables)] == ["r2/c", "r2/c"]
    found = compare_models.differences(tables, convention="r")
    assert [row["convention"] for row in found] == ["r", "r"] and found[0]["value"] == pytest.approx(1.62)
    assert compare_models.differences(tables, metric="ridge") == []


def test_the_command_compares_files_of_models_and_of_arrays(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    for name, values in zip(("lite0", "lite1"), alike(), strict=True):
        table({"r2/c": values}, name).to_parquet(f"{name}.parquet")
        table({"r2/c": values}).to_parquet(f"array_{name}.parquet")
    cli.main(["compare-models", "lite0.parquet", "lite1.parquet", "--json"])
    found = json.loads(capsys.readouterr().out)
    assert [row["model"] for row in found] == ["lite0", "lite1"]
    assert found[0]["benchmark"] == "neural/it/IT/70-170/whole_image"
    cli.main(["compare-models", "array_lite0.parquet", "array_lite1.parquet", "--output", "d.csv"])
    written = pd.read_csv("d.csv")
    assert written["model"].tolist() == ["array_lite0.parquet", "array_lite1.parquet"]
    assert written["difference"].tolist() == [0, pytest.approx(-0.02)]


@pytest.mark.parametrize(
    ("case", "message"),
    [
        ("one", "one table of draws; two or more are compared"),
        ("twice", "two tables of one model"),
        ("text", r"b\.parquet: not a parquet table"),
        ("columns", r"b\.parquet: units: no such column"),
        ("draws", "b: .* pls r2/c: other draws than those of a"),
        ("nothing", "no benchmark, metric and convention that all of them have"),
    ],
)
def test_tables_that_cannot_be_compared_are_refused(tmp_path, monkeypatch, capsys, case, message):
    monkeypatch.chdir(tmp_path)
    one, other = alike()
    table({"r2/c": one}, "a").to_parquet("a.parquet")
    changed = {
        "twice": table({"r2/c": other}, "a"),
        "columns": table({"r2/c": other}, "b").drop(columns="units"),
        "draws": table({"r2/c": other}, "b", units=20),
        "nothing": table({"r2/c": other}, "b").assign(metric="ridge"),
    }
    changed.get(case, table({"r2/c": other}, "b")).to_parquet("b.parquet")
    if case == "text":
        (tmp_path / "b.parquet").write_text("not parquet")
    files = ["a.parquet"] if case == "one" else ["a.parquet", "b.parquet"]
    with pytest.raises(SystemExit):
        cli.main(["compare-models", *files])
    assert re.search(message, capsys.readouterr().err)
