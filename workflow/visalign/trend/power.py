"""Which fall of the mean score studies of so many models would find, before there are any scores."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from visalign.trend import mean_decline, segmented
from visalign.trend.correlation import family_codes

#: Rise of the scores up to the upper third of the models, per unit of accuracy: as that of the studies whose
#: power docs/calibration.md tabulates.
RISE = 3.0
#: Simulated studies, of which the median counts, and draws of the test in each.
STUDIES, DRAWS = 9, 299


def accuracies(rng: np.random.Generator, families: np.ndarray, spread: float = 0.25) -> np.ndarray:
    """Return x, uniform in 0 … 1, of families that differ in it; a small `spread` makes them narrow."""
    place = rng.uniform(size=families.max() + 1)[families] + spread * rng.standard_normal(len(families))
    return (np.argsort(np.argsort(place)) + rng.uniform(size=len(families))) / len(families)


def noise_of(rng: np.random.Generator, families: np.ndarray, shared: float = 0.3) -> np.ndarray:
    """Return normal noise of variance 1, of which families share a part."""
    common = rng.standard_normal(families.max() + 1)[families]
    return np.sqrt(shared) * common + np.sqrt(1 - shared) * rng.standard_normal(len(families))


def smallest_fall(
    families: Sequence[str], n_models: int, *, seed: int = 0, studies: int = STUDIES, draws: int = DRAWS
) -> float | None:
    """Return the fall over the upper third of the models that 80 % of studies would find.

    Models are drawn from those of a study, with their families; accuracies and noise are simulated, see
    `accuracies` and `noise_of`. Scores rise up to the upper third of the models and then fall, by how much
    `mean_decline.smallest_detectable` finds.

    Parameters
    ----------
    families : sequence of str
        Family of each model of the study; '' is one of its own.
    n_models : int
        At most the number of these.
    seed, studies, draws : int

    Returns
    -------
    float or None
        Median over simulated studies, in standard deviations of what the trend leaves of the scores; None
        where at least half of them test nothing, or do not even find ``mean_decline.LARGEST_FALL``.
    """
    found = []
    for study in range(studies):
        rng = np.random.default_rng([seed, study, n_models])
        chosen = rng.choice(len(families), n_models, replace=False)
        codes = family_codes([families[index] for index in chosen])
        x = accuracies(rng, codes)
        y = RISE * np.minimum(x, 2 / 3) + noise_of(rng, codes)
        fall = mean_decline.decline(x, y, codes, segmented.wild_signs(codes, rng, draws))
        size = fall["smallest_detectable"]
        found.append(np.inf if size is None else size)
    median = float(np.median(found))
    return median if np.isfinite(median) else None
