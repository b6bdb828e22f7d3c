"""Claims about trained models beside their baselines."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from visalign import arms, cli
from visalign.arms import Pair
from visalign.errors import InputError
from visalign.tables import score_row, write_scores

N = 300
#: What is planted: gains of alignment by seed, none of accuracy, and a fall of the harmonizer loss.
GAINS = {0: 0.05, 1: 0.09}


@pytest.fixture
def results(tmp_path):
    """Two pairs of models, measured on N images that both arms share, and a score table."""
    rng = np.random.default_rng(0)
    images = rng.normal(0.3, 0.2, N)  # how hard an image is, for every model
    (tmp_path / "train").mkdir()
    lines = ["model\tarchitecture\tweights\tsource\tbaseline"]
    for seed, gain in GAINS.items():
        for kind, more in (("plain", 0.0), ("harmonized", gain)):
            name = f"net+{kind}_{seed}"
            recipe = {"seed": seed, "supervision": "harmonizer" if more else "none", "weight": 0.3}
            (tmp_path / f"train/{name}.json").write_text(json.dumps({"recipe": recipe}))
            (tmp_path / f"train/{name}").mkdir()
            table = {"stimulus_id": [f"s{i}" for i in range(N)], "accuracy": rng.integers(0, 2, N)}
            table |= {"alignment": images + more + rng.normal(0, 0.02, N), "harmonizer_loss": 5 - 10 * more}
            pd.DataFrame(table).to_csv(tmp_path / f"train/{name}/scenes.csv", index=False)
            lines.append(f"{name}\ttest_resnet\ttrain\tnet\t{f'net+plain_{seed}' if more else ''}")
    (tmp_path / "models.tsv").write_text("\n".join(lines) + "\n")
    rows = [
        score_row(model=f"net+{kind}_{seed}", benchmark="neural/it/IT/70-170/whole_image", metric="pls",
                  convention="r2/c", value=value + seed / 10, n=60, simulated=True)
        for kind, value in (("plain", 0.2), ("harmonized", 0.25)) for seed in GAINS
    ]  # fmt: skip
    write_scores(tmp_path / "scores.csv", rows)
    return tmp_path


def compared(results):
    cli.main(["train", "compare", "--models", str(results / "models.tsv"), "--maps", "scenes",
              "--directory", str(results), "--output", str(results / "c.csv"),
              "--text", str(results / "c.md")])  # fmt: skip
    return pd.read_csv(results / "c.csv", dtype={"seed": str})


def test_planted_differences_are_found_seed_by_seed_and_over_seeds(results):
    table = compared(results).set_index(["measure", "seed"]).sort_index()
    noise = 0.02 * np.sqrt(2 / N)
    expected = {"0": 0.05, "1": 0.09, "all": 0.07}
    for seed, gain in expected.items():
        row = table.loc[("alignment", seed)]
        assert row["difference"] == pytest.approx(gain, abs=4 * noise)
        assert row["difference"] == pytest.approx(row["value"] - row["baseline_value"])
        assert row["ci_low"] < gain < row["ci_high"] or abs(row["difference"] - gain) < 4 * noise
        assert row["ci_high"] - row["ci_low"] == pytest.approx(2 * 1.96 * noise, rel=0.5)
        assert table.loc[("harmonizer_loss", seed), "difference"] == pytest.approx(-10 * gain)
        assert table.loc[("accuracy", seed), "n"] == N
    assert table.loc[("accuracy", "all"), "ci_low"] < 0 < table.loc[("accuracy", "all"), "ci_high"]


def test_intervals_are_of_paired_images():
    """The spread of images that both arms share does not widen them: 0.2 against 0.02 of the difference."""
    rng = np.random.default_rng(1)
    images = rng.normal(0, 0.2, N)
    both = np.stack([images + 0.05, images]) + rng.normal(0, 0.01, (2, N))
    members = [dict.fromkeys(arms.PER_IMAGE, both)]
    row = arms.differences(members, {}, 2000, 0)[0]
    assert row["ci_high"] - row["ci_low"] < 0.006


def test_scores_of_the_table_stand_beside_them_as_means_over_seeds(results):
    table = compared(results)
    neural = table[table["measure"] == "it_predictivity"].set_index("seed")
    assert neural.loc["all", "value"] == pytest.approx(0.30)
    assert neural["difference"].tolist() == pytest.approx([0.05] * 3)
    assert neural["ci_low"].isna().all()


def test_the_text_has_a_row_a_pair_and_one_for_all_seeds(results):
    compared(results)
    lines = (results / "c.md").read_text().splitlines()
    assert [line.split("|")[3].strip() for line in lines[2:5]] == ["0", "1", "all"]
    assert "alignment, scenes" in lines[0] and "it predictivity, it/IT/70-170/whole image" in lines[0]
    assert lines[-1].startswith("Baseline → trained")


def test_images_without_a_value_are_left_out_of_both_arms_and_counted(results):
    file = results / "train/net+plain_0/scenes.csv"
    table = pd.read_csv(file)
    table.loc[:4, "alignment"] = np.nan
    table.to_csv(file, index=False)
    found = compared(results).set_index(["measure", "seed"])
    assert found.loc[("alignment", "0"), ["n", "n_excluded"]].tolist() == [N - 5, 5]
    assert found.loc[("alignment", "1"), "n_excluded"] == 0


def test_a_baseline_of_another_seed_or_on_other_images_is_refused(results):
    card = results / "train/net+plain_0.json"
    card.write_text(card.read_text().replace('"seed": 0', '"seed": 7'))
    models = {"net+harmonized_0": {"baseline": "net+plain_0"}}
    with pytest.raises(InputError, match=r"net\+harmonized_0: baseline: net\+plain_0: seed 0"):
        arms.pairs(models, results)
    file = results / "train/net+plain_1/scenes.csv"
    file.write_text(file.read_text().replace("s0,", "t0,"))
    with pytest.raises(InputError, match=r"net\+plain_1: scenes: measured on other images"):
        arms.paired(Pair("net+harmonized_1", "net+plain_1", "harmonizer", 0.3, 1), "scenes", results)
