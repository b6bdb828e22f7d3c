"""How often 95 % intervals of the effect of a training miss it, by simulation.

Both arms of a seed are measured on the same 400 images. Logits have noise of each image (SD .5) and of the
training (`noise`); besides, training moves each image by its own amount (`images`). The statistic is the mean
change of the logit. Prints a table of misses in Markdown and writes ``results/bench/arms.csv``; some two
minutes on one core.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy import stats

from _measure import RESULTS
from visalign.train import comparison

N, STUDIES, DRAWS = 400, 1000, 300


def over_images(changes: np.ndarray, rng: np.random.Generator) -> tuple[float, float]:
    """Interval over images, the trainings fixed."""
    of_images = changes.mean(axis=0)
    half = 1.96 * of_images.std(ddof=1) / np.sqrt(len(of_images))
    return of_images.mean() - half, of_images.mean() + half


def over_seeds(changes: np.ndarray, rng: np.random.Generator) -> tuple[float, float]:
    """Student's t of the means of seeds, the images fixed."""
    means = changes.mean(axis=1)
    return stats.t.interval(0.95, len(means) - 1, means.mean(), stats.sem(means))


def crossed_bootstrap(changes: np.ndarray, rng: np.random.Generator) -> tuple[float, float]:
    """Percentiles of means over seeds and images that are both drawn with replacement."""
    n_seeds, n_images = changes.shape
    weights = rng.multinomial(n_seeds, np.full(n_seeds, 1 / n_seeds), DRAWS) / n_seeds
    counts = rng.multinomial(n_images, np.full(n_images, 1 / n_images), DRAWS) / n_images
    return tuple(np.quantile(((weights @ changes) * counts).sum(axis=1), [0.025, 0.975]))


METHODS = {
    "over images": over_images,
    "t over seeds": over_seeds,
    "crossed bootstrap": crossed_bootstrap,
    "effect_interval": lambda changes, rng: comparison.effect_interval(changes),
}


def misses(n_seeds: int, noise: float, images: float) -> dict[str, float]:
    """Share of studies without an effect in which each interval lacks 0."""
    found = dict.fromkeys(METHODS, 0)
    for study in range(STUDIES):
        rng = np.random.default_rng([n_seeds, study])
        logits = rng.normal(0, 0.5, (n_seeds, 2, N)) + rng.normal(0, noise, (n_seeds, 2, 1))
        changes = logits[:, 1] - logits[:, 0] + rng.normal(0, images, N)
        for name, interval in METHODS.items():
            low, high = interval(changes, rng)
            found[name] += not low <= 0 <= high
    return {name: count / STUDIES for name, count in found.items()}


def main() -> None:
    """Simulate all populations."""
    rows = []
    print(f"| seeds | noise | images | {' | '.join(METHODS)} |", "|---" * (3 + len(METHODS)) + "|", sep="\n")
    for n_seeds in (2, 3):
        for noise, images in ((0, 0), (0.03, 0), (0.2, 0), (0, 0.5), (0.03, 0.5), (0.2, 0.5)):
            shares = misses(n_seeds, noise, images)
            rows.append({"seeds": n_seeds, "noise": noise, "images": images} | shares)
            cells = [f"{share:.3f}" for share in shares.values()]
            print(f"| {n_seeds} | {noise} | {images} | {' | '.join(cells)} |", flush=True)
    RESULTS.mkdir(parents=True, exist_ok=True)
    pd.DataFrame(rows).to_csv(RESULTS / "arms.csv", index=False)


if __name__ == "__main__":
    main()
