"""Claims about the schedule of a training, its optimisers and its rows of metrics."""

from __future__ import annotations

import numpy as np
import pytest
import timm

from visalign.train import harmonizer
from visalign.train.loop import Progress, Recipe

STEPS = 8


def recipe(**options) -> Recipe:
    every = {
        "supervision": "none", "weight": 1.0, "steps": 200, "optimiser": "sgd", "schedule": "step",
        "learning_rate": 0.1, "decay": 1e-3, "smoothing": 0.1, "batch_norm": "batch", "seed": 0,
    }  # fmt: skip
    return Recipe(**every | options)


@pytest.mark.parametrize("schedule", ["step", "cosine"])
def test_the_learning_rate_rises_in_equal_steps_over_a_fortieth_of_the_training(schedule):
    rates = [recipe(schedule=schedule).rate(step) for step in range(6)]
    np.testing.assert_allclose(rates, 0.1 * np.array([1, 2, 3, 4, 5, 6]) / 6)


def test_the_learning_rate_falls_to_a_tenth_after_15_30_and_40_percent():
    rates = [recipe().rate(step) for step in range(5, 200)]
    np.testing.assert_allclose(rates, np.repeat([1e-1, 1e-2, 1e-3, 1e-4], [25, 30, 20, 120]))


def test_the_learning_rate_follows_half_a_cosine_to_nearly_zero():
    rates = [recipe(schedule="cosine").rate(step) for step in range(5, 200)]
    np.testing.assert_allclose(rates, 0.1 * np.cos(np.pi / 2 * np.arange(195) / 195) ** 2, atol=1e-15)
    assert rates[-1] < 1e-5


@pytest.mark.parametrize("schedule", ["step", "cosine"])
def test_a_training_of_one_step_has_a_rate(schedule):
    assert recipe(schedule=schedule, steps=1).rate(0) == 0.05


def test_adamw_decays_what_should_decay_and_sgd_leaves_it_to_the_loss():
    model = timm.create_model("test_vit", num_classes=8)
    decayed, others = recipe(optimiser="adamw").make_optimiser(model).param_groups
    assert list(map(id, decayed["params"])) == list(map(id, harmonizer.decayed_parameters(model)))
    assert (decayed["weight_decay"], others["weight_decay"]) == (1e-3, 0)
    assert len(decayed["params"]) + len(others["params"]) == len(list(model.parameters()))
    (group,) = recipe().make_optimiser(model).param_groups
    assert group["weight_decay"] == 0 and group["nesterov"] and group["momentum"] == 0.9
    assert len(group["params"]) == len(list(model.parameters()))


def test_a_row_of_metrics_is_the_mean_since_the_last():
    progress = Progress()
    for step in range(5):
        progress.add({"total": float(step)})
        if step in (2, 4):
            progress.close_row({"validation_accuracy": 1.0})
    assert [(row["step"], row["total"]) for row in progress.rows] == [(3, 1.0), (5, 3.5)]
