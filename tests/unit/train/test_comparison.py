"""Claims about trained models beside their baselines."""

from __future__ import annotations

import json

import golden
import numpy as np
import pandas as pd
import pytest
from scipy import stats
from score_rows import score_row

from visalign import cli
from visalign.errors import InputError
from visalign.io.scores import write_scores
from visalign.train import comparison
from visalign.train.comparison import Pair

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
            recipe = {
                "seed": seed,
                "supervision": "harmonizer" if more else "none",
                "weight": 0.3,
                "steps": 9,
            }
            card = {"source": "net", "base_sha256": "a", "trained_on": "b", "recipe": recipe}
            (tmp_path / f"train/{name}.json").write_text(json.dumps(card))
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
    cli.main(["train", "compare", "--models", str(results / "models.tsv"), "--map-sets", "scenes",
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
        assert row["images_high"] - row["images_low"] == pytest.approx(2 * 1.96 * noise, rel=0.5)
        assert table.loc[("harmonizer_loss", seed), "difference"] == pytest.approx(-10 * gain)
        assert table.loc[("accuracy", seed), "n"] == N
        assert np.isnan(row["ci_low"]) == (seed != "all")
    assert table.loc[("accuracy", "all"), "ci_low"] < 0 < table.loc[("accuracy", "all"), "ci_high"]
    # Two seeds, .04 apart: t with one degree of freedom, 12.7 standard errors of .02 to either side.
    low, high = table.loc[("alignment", "all"), ["ci_low", "ci_high"]]
    assert high - low == pytest.approx(2 * 12.706 * 0.02, rel=0.2)  # of noise
    assert table.loc[("alignment", "all"), "sd_seeds"] == pytest.approx(0.04 / np.sqrt(2), rel=0.2)


def test_intervals_are_of_paired_images():
    """The spread of images that both arms share does not widen them: 0.2 against 0.02 of the difference."""
    rng = np.random.default_rng(1)
    images = rng.normal(0, 0.2, N)
    both = np.stack([images + 0.05, images]) + rng.normal(0, 0.01, (2, N))
    members = [dict.fromkeys(comparison.PER_IMAGE, both)]
    row = comparison.differences(members, {}, 2000, 0)[0]
    assert row["images_high"] - row["images_low"] < 0.006


def test_without_variance_between_images_the_interval_is_students_over_seeds():
    """Three published differences, with images that vary by noise alone (closed form, 2 degrees)."""
    seeds, noise = np.array([0.007, 0.013, -0.018]), np.array([[1, -1, 0, 0], [0, 0, 1, -1], [-1, 1, 0, 0.0]])
    expected = stats.t.interval(0.95, 2, seeds.mean(), stats.sem(seeds))
    assert comparison.effect_interval(seeds[:, None] + 1e-3 * noise) == pytest.approx(expected, abs=2e-4)
    assert comparison.effect_interval(seeds[:, None]) == pytest.approx(expected)
    assert expected == pytest.approx((-0.040, 0.041), abs=1e-3)


def test_the_interval_of_crossed_seeds_and_images_has_the_variance_of_both():
    """Without noise: s²(seeds) / seeds + s²(images) / images, exactly, and 3 degrees of freedom."""
    rng = np.random.default_rng(2)
    seeds, images = rng.normal(size=4), rng.normal(size=30)
    low, high = comparison.effect_interval(seeds[:, None] + images)
    variance = seeds.var(ddof=1) / 4 + images.var(ddof=1) / 30
    assert (low + high) / 2 == pytest.approx(seeds.mean() + images.mean())
    assert (high - low) / 2 == pytest.approx(stats.t.ppf(0.975, 3) * np.sqrt(variance))


def test_two_seeds_of_the_same_change_leave_no_doubt():
    assert comparison.effect_interval(np.full((2, 5), 0.25)) == (0.25, 0.25)


def test_noise_of_training_is_no_effect():
    """Three seeds of no effect, trainings of SD .05, 400 images: 95 % intervals hold 0 in 93 to 99 of 100.

    Over images alone they hold it in about 85.
    """
    rng = np.random.default_rng(3)
    hits = []
    for _ in range(300):
        difficulty = rng.normal(1, 1.2, 400)
        logits = difficulty + rng.normal(0, 0.5, (3, 2, 400)) + rng.normal(0, 0.05, (3, 2, 1))
        members = [dict.fromkeys(comparison.PER_IMAGE[:1], (pair > 0).astype(float)) for pair in logits]
        low, high = comparison.effect_interval(
            np.stack([m["accuracy"][0] - m["accuracy"][1] for m in members])
        )
        hits.append(low <= 0 <= high)
    assert 0.93 <= np.mean(hits) <= 0.99  # ± 2 standard errors of 300 at 96 %


def test_scores_of_the_table_stand_beside_them_as_means_over_seeds(results):
    table = compared(results)
    neural = table[table["measure"] == "it_predictivity"].set_index("seed")
    assert neural.loc["all", "value"] == pytest.approx(0.30)
    assert neural["difference"].tolist() == pytest.approx([0.05] * 3)
    assert neural["images_low"].isna().all() and neural["ci_low"].isna().tolist() == [True, True, False]


def test_the_text_has_a_row_a_pair_and_one_for_all_seeds(results):
    compared(results)
    lines = (results / "c.md").read_text().splitlines()
    assert [line.split("|")[4].strip() for line in lines[2:5]] == ["0", "1", "all"]
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


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ('"seed": 0', '"seed": 7', "seed 0, its baseline's is 7"),
        (
            '"steps": 9',
            '"steps": 10, "optimiser": "sgd"',
            "steps 9, .* 10; optimiser None, its baseline's is sgd",
        ),
        ('"base_sha256": "a"', '"base_sha256": "c"', "base_sha256 a, its baseline's is c"),
        ('"trained_on": "b"', '"trained_on": "d"', "trained_on b, its baseline's is d"),
    ],
)
def test_a_baseline_of_another_recipe_or_base_is_refused(results, old, new, reason):
    card = results / "train/net+plain_0.json"
    card.write_text(card.read_text().replace(old, new))
    models = {"net+harmonized_0": {"baseline": "net+plain_0"}}
    with pytest.raises(InputError, match=rf"net\+harmonized_0: baseline: net\+plain_0: {reason}"):
        comparison.pairs(models, results)


def test_a_baseline_on_other_images_is_refused(results):
    file = results / "train/net+plain_1/scenes.csv"
    file.write_text(file.read_text().replace("s0,", "t0,"))
    pair = Pair("net+harmonized_1", "net+plain_1", "net", "r", "harmonizer", 0.3, 1)
    with pytest.raises(InputError, match=r"net\+plain_1: scenes: measured on other images"):
        comparison.paired(pair, "scenes", results)


def test_seeds_of_several_bases_or_recipes_are_not_one_pool(results):
    for name in ("net+plain_1", "net+harmonized_1"):
        card = results / f"train/{name}.json"
        card.write_text(card.read_text().replace('"steps": 9', '"steps": 10'))
    assert "all" not in set(compared(results)["seed"])


def test_results_of_train_compare_are_those_of_its_version(results):
    found = compared(results)
    golden.check("train", "compare", found.astype(object).where(found.notna(), None).to_dict("list"))
