"""Statistics of grey images that must not tell the answer to a visual task, and a ridge on them."""

from __future__ import annotations

import numpy as np
from PIL import Image
from scipy import stats


def statistics(image: np.ndarray) -> dict[str, float]:
    """Ink, mean, SD, histogram, centre, spread and power of a grey image (side, side)."""
    ink = (255.0 - image.astype(float)) / 255
    total, (y, x) = ink.sum(), np.indices(ink.shape)
    cx, cy = (ink * x).sum() / total, (ink * y).sum() / total
    dx, dy = x - cx, y - cy
    found = {"ink": float((ink > 0.5).sum()), "mean": image.mean(), "sd": image.std(), "x": cx, "y": cy}
    found |= {"xx": (ink * dx * dx).sum() / total, "yy": (ink * dy * dy).sum() / total}
    found |= {"xy": (ink * dx * dy).sum() / total}
    counts = np.histogram(image, bins=8, range=(0, 256))[0]
    found |= {f"bin{index}": float(count) for index, count in enumerate(counts)}
    power = np.abs(np.fft.fft2(ink - ink.mean())) ** 2
    radius = np.hypot(*np.meshgrid(*[np.fft.fftfreq(len(ink))] * 2))
    edges = np.geomspace(1 / len(ink), 0.5, 9)
    band = np.digitize(radius, edges)
    found |= {f"power{index}": float(np.log(power[band == index].mean() + 1)) for index in range(1, 9)}
    return found


def small(image: np.ndarray) -> np.ndarray:
    """Grey image as 28 × 28 means, (784,)."""
    return np.asarray(Image.fromarray(image).resize((28, 28), Image.Resampling.BOX), dtype=float).ravel()


def accuracy(features: np.ndarray, labels: np.ndarray, folds: int = 5) -> float:
    """Share of right answers of a ridge on held-out images, features (n, p) standardised."""
    from sklearn.linear_model import RidgeClassifierCV
    from sklearn.model_selection import StratifiedKFold, cross_val_score
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    model = make_pipeline(StandardScaler(), RidgeClassifierCV(alphas=np.geomspace(1e-1, 1e5, 7)))
    split = StratifiedKFold(folds, shuffle=True, random_state=0)
    return float(cross_val_score(model, features, labels, cv=split).mean())


def with_squares(table: np.ndarray) -> np.ndarray:
    """Columns of a table and the squares of their deviations."""
    return np.hstack([table, (table - table.mean(axis=0)) ** 2])


def differing(table: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """P value of each column being distributed alike under both labels (Kolmogorov–Smirnov)."""
    return np.array([stats.ks_2samp(column[labels == 1], column[labels == 0]).pvalue for column in table.T])
