"""Claims about the whole description of a trend: published panels with their families, what is said."""

import csv
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from visalign.trend.association import describe

ROOT = Path(__file__).resolve().parents[3]
PUBLISHED = ROOT.parent / "shared" / "published"


@pytest.fixture(scope="module")
def published():
    """Accuracy, scores of panels B and C, and the family of each published model, adversarial ones as one."""
    if not PUBLISHED.is_dir():
        pytest.skip(f"published tables are not at {PUBLISHED} (they may not be redistributed)")
    with open(ROOT / "config" / "models" / "timm.tsv") as file:
        rows = list(csv.DictReader((line for line in file if not line.startswith("#")), delimiter="\t"))
    family = {row["model"].split(".")[0]: row["family"] for row in reversed(rows)}
    family |= {row["model"]: row["family"] for row in rows}
    table = pd.read_csv(PUBLISHED / "large_scale_results_hmn.csv").merge(
        pd.read_csv(PUBLISHED / "neural_alignment_red_central_it_shifted_211_250.csv"),
        left_on="model",
        right_on="model_name",
    )
    table["family"] = [family.get(model, "") for model in table.model]
    table.loc[table.type1 == "adv", "family"] = "adversarially trained"
    return table


@pytest.mark.parametrize(
    ("score", "adversarial", "mean_declines", "envelope_declines"),
    [
        ("new_brain_score", True, False, False),
        ("new_brain_score", False, False, False),
        ("spearman", True, True, True),
        ("spearman", False, True, True),
    ],
)
def test_published_panels_by_family(published, score, adversarial, mean_declines, envelope_declines):
    table = published if adversarial else published[published.type1 != "adv"]
    x, y = (table[column].to_numpy(dtype=float) for column in ("multi_label_acc", score))
    trend = describe(x, y, list(table.model), list(table.family), seed=0, draws=499)
    assert (trend["decline"]["p"] <= 0.05) == mean_declines
    assert (trend["envelope_decline"]["p"] <= 0.05) == envelope_declines
    said = (
        "The upper envelope (0.9 quantile) declines" if envelope_declines else "No evidence of decline of the"
    )
    assert said in trend["verdict"]


def test_the_input_side_is_a_covariate_of_a_trend():
    rng = np.random.default_rng(0)
    x, y = rng.uniform(size=(2, 30))
    sides = rng.choice([160.0, 224, 288], 30)
    names = [f"m{i}" for i in range(30)]
    trend = describe(x, y, names, [""] * 30, sides=sides, seed=0, draws=20)
    assert list(trend["adjusted"]["betas"]) == ["accuracy", "log side"]
    assert describe(x, y, names, [""] * 30, seed=0, draws=20)["adjusted"] is None


def test_three_families_of_models_have_no_direction():
    rng = np.random.default_rng(0)
    x = np.repeat([0.5, 0.6, 0.7], 5) + 0.01 * rng.uniform(size=15)
    trend = describe(x, x, [f"m{i}" for i in range(15)], list("aaaaabbbbbccccc"), seed=0, draws=50)
    assert trend["spearman"]["overall"]["family_ci_low"] is None
    assert "Rises" not in trend["verdict"] and "not tested" in trend["verdict"]
