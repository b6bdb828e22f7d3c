"""Claims about when enough images are attacked: SciPy's interval, image by image, and how often it holds."""

import numpy as np
import pytest
from scipy import stats

from visalign.attacks import stopping
from visalign.io.scores import Score


def drawn(n, sd=0.7, seed=0, misnamed=0.2):
    """Images in the order of the attack, some of which the model does not name."""
    rng = np.random.default_rng(seed)
    clean = rng.random(n) >= misnamed
    norm = np.where(clean, np.exp(rng.normal(0.3, sd, size=n)), np.nan)
    return {"norm": norm, "clean_correct": clean, "success": clean.copy()}


def first(images, n):
    return {name: values[:n] for name, values in images.items()}


def by_scipy(images, precision):
    """The first number of images whose interval is narrow enough, one number after the other."""
    for n in range(1, len(images["norm"]) + 1):
        log = np.log(images["norm"][:n][images["success"][:n]])
        if len(log) >= stopping.MIN_IMAGES:
            low, high = stats.t.interval(0.95, len(log) - 1, log.mean(), stats.sem(log))
            if (high - low) / 2 <= np.log(1 + precision):
                return n
    return None


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("precision", [0.05, 0.15, 0.3, 0.9])
def test_the_number_is_the_first_whose_interval_by_scipy_is_narrow_enough(precision, seed):
    images = drawn(400, seed=seed)
    assert stopping.enough(images, precision) == by_scipy(images, precision)


def test_what_comes_after_the_stop_decides_nothing_and_before_it_nothing_is_enough():
    images = drawn(400)
    n = stopping.enough(images, 0.15)
    assert n and n > 2 * stopping.MIN_IMAGES
    assert stopping.enough(first(images, n), 0.15) == n
    assert stopping.enough(first(images, n - 1), 0.15) is None
    changed = images | {"norm": np.where(np.arange(400) < n, images["norm"], 1e3 * images["norm"])}
    assert stopping.enough(changed, 0.15) == n


def test_the_unit_of_norms_decides_nothing():
    images = drawn(400)
    numbers = {stopping.enough(images | {"norm": scale * images["norm"]}, 0.15) for scale in (1e-6, 1, 1e6)}
    assert len(numbers) == 1


def test_fewer_images_than_the_least_are_never_enough_however_alike_they_are():
    alike = drawn(100, sd=0)
    n = stopping.enough(alike, 0.01)
    assert n and alike["success"][:n].sum() == stopping.MIN_IMAGES and alike["success"][n - 1]
    assert stopping.enough(first(alike, n - 1), 1.0) is None
    assert stopping.enough(first(alike, 0), 1.0) is None


def test_a_model_with_a_censored_image_is_attacked_on_all():
    images = drawn(400)
    n = stopping.enough(images, 0.15)
    for at, expected in ((int(np.flatnonzero(images["success"])[5]), None), (n, n)):
        images["clean_correct"][at], images["success"][at] = True, False
        assert stopping.enough(images, 0.15) == expected
        images["success"][at] = images["clean_correct"][at] = np.isfinite(images["norm"][at])


@pytest.mark.parametrize(
    ("log_norms", "least", "most_bias"),
    [
        (lambda rng: rng.normal(0, 0.7, size=400), 0.94, 0.01),
        (lambda rng: 0.7 - rng.exponential(0.7, size=400), 0.91, 0.02),
    ],
    ids=["normal", "skewed"],
)
def test_intervals_at_the_stop_hold_about_as_often_as_those_of_a_number_that_was_fixed(
    log_norms, least, most_bias
):
    """2,000 simulated models whose mean log norm is 0; 95 % nominal. The standard error is .005."""
    held, means = [], []
    for seed in range(2000):
        log = log_norms(np.random.default_rng(seed))
        named = np.ones(400, bool)
        n = stopping.enough({"norm": np.exp(log), "clean_correct": named, "success": named}, 0.2)
        half = stats.t.ppf(0.975, n - 1) * stats.sem(log[:n])
        held.append(abs(log[:n].mean()) <= half)
        means.append(log[:n].mean())
    assert least <= np.mean(held) <= 0.965
    assert abs(np.mean(means)) < most_bias


def test_statuses_of_values_say_how_many_of_the_drawn_images_were_attacked():
    scores = [
        Score(metric="m", value=1.0),
        Score(metric="m", value=1.0, status="ok, 1 of 9 censored above every norm"),
        Score(metric="m", status="gradient vanished on 3 of 9 images"),
    ]
    said = stopping.remark(9, 31)
    assert [score.status for score in stopping.remarked(scores, said)] == [
        "ok, stopped after 9 of 40 images",
        "ok, 1 of 9 censored above every norm; stopped after 9 of 40 images",
        "gradient vanished on 3 of 9 images",
    ]
    assert stopping.remarked(scores, stopping.remark(40, 0)) == scores
