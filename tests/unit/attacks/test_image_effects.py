"""Claims about sizes of perturbations that compare across models."""

import numpy as np
import pytest

from visalign.attacks import image_effects
from visalign.attacks.image_effects import Sizes


def planted(n_models=8, n_images=40, share=0.6, noise=0.0, seed=0):
    """Log sizes with planted effects; each model lacks the hardest images, the more so the worse it is."""
    rng = np.random.default_rng(seed)
    models, images = np.linspace(-1, 1, n_models), rng.normal(size=n_images)
    log = models[:, None] + images + noise * rng.normal(size=(n_models, n_images))
    skill = np.linspace(share, 1, n_models)[:, None] * n_images
    log[np.argsort(np.argsort(images)) >= skill] = np.nan
    return models, images, log


def nothing_censored(log):
    return Sizes(log, np.zeros(log.shape, bool))


def dummy_regression(log, weights):
    """Weighted least squares with one column per model and one per image; image effects of mean 0."""
    model, image = np.nonzero(np.isfinite(log))
    design = np.zeros((len(model), sum(log.shape)))
    design[np.arange(len(model)), model] = design[np.arange(len(model)), len(log) + image] = 1
    root = np.sqrt(weights[image])
    effects = np.linalg.lstsq(design * root[:, None], log[model, image] * root, rcond=None)[0][len(log) :]
    return effects - np.average(effects, weights=weights)


@pytest.mark.parametrize("seed", range(3))
def test_image_effects_are_those_of_a_regression_on_dummies(seed):
    """To 1e-7: conjugate gradients stop at a relative residual of 1e-10."""
    _, _, log = planted(noise=0.3, seed=seed)
    rng = np.random.default_rng(seed)
    log[rng.random(log.shape) < 0.3] = np.nan
    log = log[:, np.isfinite(log).sum(axis=0) > 1]
    weights = np.vstack([np.ones(log.shape[1]), rng.integers(1, 4, size=(2, log.shape[1]))])
    for effects, own in zip(image_effects.fit(log, weights), weights, strict=True):
        np.testing.assert_allclose(effects, dummy_regression(log, own), atol=1e-7)


def test_planted_differences_between_models_are_found_whichever_images_each_has():
    """Means over each model's own images order the models otherwise: better ones have harder images."""
    models, _, log = planted()
    got = image_effects.tolerances(nothing_censored(log))[0]
    np.testing.assert_allclose(got - got.mean(), models - models.mean(), atol=1e-7)
    own = np.nanmean(log, axis=1)
    assert np.abs(own - own.mean() - models).max() > 0.2


def test_the_scale_is_that_of_an_average_image():
    models, images, log = planted(share=1)
    np.testing.assert_allclose(image_effects.tolerances(nothing_censored(log))[0], models + images.mean())


def test_medians_are_numpy_s_of_what_is_there_and_infinite_where_half_is():
    rng = np.random.default_rng(0)
    values = rng.normal(size=(6, 11))
    values[rng.random(values.shape) < 0.3] = np.nan
    np.testing.assert_allclose(image_effects.medians(values), np.nanmedian(values, axis=1))
    rows = np.array([[1, 2, np.inf], [1, np.inf, np.nan], [np.inf, np.inf, 1], [np.nan] * 3])
    np.testing.assert_array_equal(image_effects.medians(rows), [2, np.inf, np.inf, np.nan])
    assert np.isnan(image_effects.medians(np.zeros((2, 0)))).all()


def test_models_are_linked_by_way_of_others_and_the_largest_such_set_is_compared():
    found = np.zeros((5, 6), bool)
    found[0, :2] = found[1, 1:3] = found[2, 2:4] = True
    found[3, 4] = found[4, 5] = True
    assert image_effects.connected(found).tolist() == [True, True, True, False, False]
    assert not image_effects.connected(np.eye(3, dtype=bool)).any()


def test_draws_are_of_images_that_all_models_share():
    """With additive sizes without noise, no draw changes a difference between models."""
    models, _, log = planted(n_models=4)
    drawn = image_effects.draws(nothing_censored(log), 0, 60)
    difference = drawn[0] - drawn[0].mean(axis=1, keepdims=True)
    np.testing.assert_allclose(difference, np.broadcast_to(models - models.mean(), (60, 4)), atol=1e-6)
    assert drawn[0].std(axis=0).min() > 0.05, "the average image varies"
