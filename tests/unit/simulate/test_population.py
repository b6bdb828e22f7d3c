"""Claims about simulated sites: they read the first components of the teacher's layer, and nothing else."""

from __future__ import annotations

import numpy as np
import pytest
import zarr
from sklearn.decomposition import PCA

from visalign.simulate import population
from visalign.stats.correlations import pearson


@pytest.fixture(scope="module")
def features():
    """Features (100 fitted, 40 shown) × 30 of unlike variance, around a mean that is not 0."""
    rng = np.random.default_rng(0)
    mixed = rng.standard_normal((140, 30)) * np.geomspace(10, 0.1, 30)
    rotated = mixed @ np.linalg.qr(rng.standard_normal((30, 30)))[0] + 5
    return rotated[:100].astype(np.float32), rotated[100:].astype(np.float32)


def stored(array):
    """The array in a Zarr store in memory."""
    result = zarr.create_array({}, shape=array.shape, dtype=array.dtype, chunks=(32, 30))
    result[:] = array
    return result


def first_components(fit, shown, dimensions):
    """Whitened scores by scikit-learn, of unit variance (over n, not n − 1) over the fitted stimuli."""
    pca = PCA(dimensions, whiten=True, svd_solver="full").fit(fit.astype(np.float64))
    return pca.transform(shown.astype(np.float64)) * np.sqrt(len(fit) / (len(fit) - 1))


@pytest.mark.parametrize("where", ["store", "memory"])
def test_the_projection_is_onto_the_first_principal_components_of_other_stimuli(features, where):
    fit, shown = features
    if where == "store":
        found = population.project(stored(fit), stored(shown), 4)
    else:
        found = population.project_rows(fit, shown, 4)
    expected = first_components(fit, shown, 4)
    signs = np.sign((found * expected).sum(axis=0))
    # Features and products in float32: rounding of 1e-7 of the largest, at component spreads of 10 to 6.
    np.testing.assert_allclose(found * signs, expected, atol=1e-4)


def test_every_signal_is_a_mixture_of_the_latent_dimensions(features):
    latent = first_components(*features, 4)
    signal = population.mix(latent, 20, np.random.default_rng(1))
    centred = latent - latent.mean(axis=0)
    residual = signal - centred @ np.linalg.lstsq(centred, signal, rcond=None)[0]
    np.testing.assert_allclose(residual, 0, atol=1e-12)  # float64 rounding
    np.testing.assert_allclose(signal.std(axis=0), 1)
    # Sites differ: their mixtures span every dimension.
    assert np.linalg.matrix_rank(signal) == 4


def test_population_has_the_planted_single_trial_reliability():
    rng = np.random.default_rng(0)
    responses = population.noisy(population.mix(rng.standard_normal((4000, 5)), 20, rng), 2, 0.3, rng)
    r = pearson(responses[:, 0], responses[:, 1])
    # Standard error of one r is 1/√4000 = .016, of the mean over 20 sites .004.
    assert r.mean() == pytest.approx(0.3, abs=0.015)


def test_a_model_that_knows_the_signal_reaches_the_planted_reliability_within_images():
    rng = np.random.default_rng(2)
    images, positions, sites, repetitions, reliability = 14, 400, 60, 12, 0.1
    gain = np.exp(rng.standard_normal(images))  # images differ much in how well their maps are measured
    signal = np.repeat(gain, positions)[:, None] * rng.standard_normal((images * positions, sites))
    signal /= signal.std(axis=0)
    mean = population.noisy(signal, repetitions, reliability, rng).mean(axis=1)
    by_image = (a.reshape(images, positions, sites) for a in (signal, mean))
    r = np.mean([np.median(pearson(s, m)) for s, m in zip(*by_image, strict=True)])
    planted = population.within_image_reliability(signal, images, reliability, repetitions)
    # Standard error of one r at most .05, of the median over 60 sites .008, of the mean over 14 images .002,
    # so of r²/c .006; over the mean of the images' c instead, r²/c is .78.
    assert r**2 / planted == pytest.approx(1, abs=0.02)
