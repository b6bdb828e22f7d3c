"""Claims about the released tables of the 3D-PC: our statistics give the figures computed from them.

Choices: percentages of models that have a value on the full test (−1 is none); trials as answered, whether in
time or not; the median over participants of κ; a tie of people is no majority.
"""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from visalign.probes import error_consistency, people, reliability
from visalign.stats.correlations import pearson, spearman

PUBLISHED = Path(__file__).resolve().parents[4] / "shared" / "published"
pytestmark = pytest.mark.skipif(
    not (PUBLISHED / "vpt_human_trials.csv").is_file(), reason=f"released tables are not at {PUBLISHED}"
)
PREDICTIONS = {
    "depth": "vpt_combined_preds_depth_human_lp.csv",
    "perspective": "vpt_combined_preds_human_lp.csv",
}


def models(table):
    found = pd.read_csv(PUBLISHED / f"vpt_Perspective_Results_{table}.csv")
    return found[(found.perspective_accuracy >= 0) & (found.depth_accuracy >= 0)]


def right(task, timed_out_is_wrong=False):
    """Whether each model, and each participant, is right on each of the 94 images."""
    logits = pd.read_csv(PUBLISHED / PREDICTIONS[task])
    label = logits.iloc[:, 1].to_numpy() > 0
    of_models = ((logits.iloc[:, 2:].to_numpy() > 0) == label[:, None]).T.astype(float)
    trials = pd.read_csv(PUBLISHED / "vpt_human_trials.csv")
    trials = trials[trials.task == task]
    ok = trials.response == trials.label
    if timed_out_is_wrong:
        ok &= ~trials.timed_out
    answers = people.Answers(
        trials.participant.astype(str).to_numpy(),
        trials.stimulus_id.to_numpy(),
        trials.task.to_numpy(),
        ok.to_numpy(),
        trials.timed_out.to_numpy(),
    )
    found = people.answers_to(answers, task, [f"{name.split('_')[0]}/{name}" for name in logits.img_name])
    assert not found.n_elsewhere and not np.isnan(found.right).any()
    return of_models, found.right


@pytest.mark.parametrize(
    ("table", "column", "n", "mean", "sd", "highest"),
    [
        ("linear_probe_results", "depth_accuracy", 325, 0.670, 0.041, 0.803),
        ("linear_probe_results", "perspective_accuracy", 325, 0.510, 0.010, 0.541),
        ("linear_probe_results", "depth_accuracy_human", 324, 0.619, None, 0.766),
        ("linear_probe_results", "perspective_accuracy_human", 324, 0.531, None, 0.660),
        ("linear_probe_results", "view_exp_accuracy", 317, 0.499, None, 0.625),
        ("finetune_results_full", "depth_accuracy", 317, 0.859, None, 0.920),
        ("finetune_results_full", "perspective_accuracy", 317, 0.641, None, 0.861),
        ("finetune_results_full", "depth_accuracy_human", 317, 0.812, None, None),
        ("finetune_results_full", "perspective_accuracy_human", 317, 0.662, None, 0.926),
    ],
)
def test_accuracies_of_models(table, column, n, mean, sd, highest):
    values = models(table)[column].dropna() / 100
    assert len(values) == n
    assert round(values.mean(), 3) == mean
    assert sd is None or round(values.std(), 3) == sd
    assert highest is None or round(values.max(), 3) == highest


@pytest.mark.parametrize(
    ("table", "column", "r", "rho"),
    [
        ("linear_probe_results", "depth_accuracy", 0.658, 0.651),
        ("linear_probe_results", "depth_accuracy_human", 0.045, None),
        ("linear_probe_results", "perspective_accuracy", 0.338, 0.356),
        ("linear_probe_results", "perspective_accuracy_human", 0.207, None),
        ("linear_probe_results", "view_exp_accuracy", None, -0.02),
        ("finetune_results_full", "depth_accuracy", 0.706, None),
        ("finetune_results_full", "depth_accuracy_human", 0.424, None),
        ("finetune_results_full", "perspective_accuracy", 0.637, None),
        ("finetune_results_full", "perspective_accuracy_human", 0.633, None),
    ],
)
def test_correlations_with_top1(table, column, r, rho):
    found = models(table)
    found = found[(found.imagenet_accuracy >= 0) & found[column].notna()]
    pair = found.imagenet_accuracy.to_numpy(), found[column].to_numpy()
    assert r is None or float(pearson(*pair)) == pytest.approx(r, abs=6e-4)
    assert rho is None or float(spearman(*pair)) == pytest.approx(rho, abs=6e-4 if rho > 0 else 6e-3)


@pytest.mark.parametrize(
    ("column", "n", "expected"),
    [
        ("depth_accuracy", 2562, 0.95),
        ("depth_accuracy_human", 94, 0.19),
        ("perspective_accuracy", 3848, 0.37),
        ("perspective_accuracy_human", 94, None),  # below 0
        ("view_exp_accuracy", 100, None),
    ],
)
def test_reliability_of_the_spread_between_models(column, n, expected):
    accuracy = models("linear_probe_results")[column].dropna().to_numpy() / 100
    found = reliability.spread_reliability(accuracy, reliability.binomial_errors(accuracy, n))
    assert found < 0 if expected is None else round(found, 2) == expected
    assert np.isnan(reliability.disattenuated(0.1, found)) == (expected in (None, 0.19))


@pytest.mark.parametrize(
    ("task", "n", "answered", "in_time"), [("depth", 10, 0.752, 0.730), ("perspective", 20, 0.870, 0.851)]
)
def test_accuracy_of_people(task, n, answered, in_time):
    own = right(task)[1]
    assert own.shape == (n, 94)
    assert round(people.accuracy(own), 3) == answered
    assert round(people.accuracy(right(task, timed_out_is_wrong=True)[1]), 3) == in_time


@pytest.mark.parametrize(
    ("task", "mean", "highest", "pairs", "majority"),
    [("depth", 0.051, 0.24, 0.32, 0.819), ("perspective", 0.005, 0.10, 0.23, 0.926)],
)
def test_error_consistency_of_models_with_people(task, mean, highest, pairs, majority):
    of_models, of_people = right(task)
    assert len(of_models) == 317
    kappa = np.median(error_consistency.consistency(of_models, of_people).kappa, axis=1)
    assert round(kappa.mean(), 3) == mean and round(kappa.max(), 2) == highest
    assert round(np.median(error_consistency.between(of_people).kappa), 2) == pairs
    assert round((of_people.mean(axis=0) > 0.5).mean(), 3) == majority


def test_the_table_and_the_logits_agree_on_the_accuracy_of_probes():
    for task, column in (("depth", "depth_accuracy_human"), ("perspective", "perspective_accuracy_human")):
        expected = models("linear_probe_results")[column].mean() / 100
        assert right(task)[0].mean() == pytest.approx(expected, abs=0.003)
