"""What an image gives away without being understood: coarse pixels, simple statistics, a ridge on them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PIL import Image
from scipy import stats
from sklearn.linear_model import RidgeClassifierCV
from sklearn.model_selection import StratifiedKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

#: Side of the coarse pixels, and of the image of which power is taken.
COARSE, WAVES = 28, 64
NAMES = (
    *("mean", "sd", *(f"histogram {k}" for k in range(8)), "x", "y", "xx", "yy", "xy"),
    *(f"power {k}" for k in range(8)),
)
MARKERS = ("first x", "first y", "second x", "second y", "distance")


def pixels(image: np.ndarray) -> np.ndarray:
    """Coarse pixels of an image, flat, of all its channels."""
    small = Image.fromarray(image).resize((COARSE, COARSE), Image.Resampling.BOX)
    return np.asarray(small, dtype=np.float32).ravel()


def statistics(image: np.ndarray, markers: np.ndarray | None = None) -> np.ndarray:
    """Numbers called NAMES, and those called MARKERS where there are any."""
    grey = np.asarray(Image.fromarray(image).convert("L"), dtype=float)
    y, x = np.mgrid[: grey.shape[0], : grey.shape[1]] / len(grey) - 0.5
    weight = grey / grey.sum()
    cx, cy = (weight * x).sum(), (weight * y).sum()
    moments = [(weight * a * b).sum() for a, b in ((x - cx, x - cx), (y - cy, y - cy), (x - cx, y - cy))]
    found = [grey.mean(), grey.std(), *np.histogram(grey, 8, (0, 256))[0], cx, cy, *moments, *power(grey)]
    if markers is not None:
        markers = np.asarray(markers, dtype=float)
        found += [*(markers / len(grey) - 0.5).ravel(), np.linalg.norm(markers[0] - markers[1]) / len(grey)]
    return np.array(found)


def power(grey: np.ndarray) -> list[float]:
    """Logarithm of the power in eight rings of the spectrum."""
    small = np.asarray(Image.fromarray(grey.astype(np.float32)).resize((WAVES, WAVES), Image.Resampling.BOX))
    spectrum = np.abs(np.fft.fft2(small - small.mean())) ** 2
    frequency = np.hypot(*np.meshgrid(np.fft.fftfreq(WAVES), np.fft.fftfreq(WAVES)))
    rings = np.minimum((frequency / 0.5 * 8).astype(int), 7)
    return [float(np.log(spectrum[rings == k].mean() + 1)) for k in range(8)]


def accuracy(features: Sequence[np.ndarray] | np.ndarray, labels: np.ndarray) -> float:
    """Share of labels that a ridge finds in other images, the penalty chosen on those it is fitted to."""
    ridge = make_pipeline(StandardScaler(), RidgeClassifierCV(alphas=np.logspace(-1, 6, 15)))
    folds = StratifiedKFold(5, shuffle=True, random_state=0)
    return float(np.mean(cross_val_predict(ridge, np.asarray(features), labels, cv=folds) == labels))


def check_chance(
    images: Sequence[np.ndarray], markers: Sequence[np.ndarray] | None, labels: Sequence[int]
) -> None:
    """Fail where coarse pixels or statistics with their squares tell labels, or one statistic differs."""
    labels = np.asarray(labels).astype(int)
    table = np.array(
        [statistics(image, None if markers is None else markers[k]) for k, image in enumerate(images)]
    )
    least = differing(table, labels, markers is not None)
    assert not least, least
    tolerance = 3 * np.sqrt(0.25 / len(labels))
    scaled = StandardScaler().fit_transform(table)
    found = {
        "pixels": accuracy([pixels(image) for image in images], labels),
        "statistics": accuracy(np.concatenate([scaled, scaled**2], axis=1), labels),
    }
    assert all(abs(value - 0.5) <= tolerance for value in found.values()), (found, tolerance)


def differing(table: np.ndarray, labels: np.ndarray, marked: bool) -> dict[str, float]:
    """Statistics whose distributions of both labels differ at .01, corrected for their number."""
    names = (*NAMES, *MARKERS) if marked else NAMES
    values = [
        stats.ks_2samp(column[labels == 0], column[labels == 1], method="asymp").pvalue for column in table.T
    ]
    return {name: p for name, p in zip(names, values, strict=True) if p <= 0.01 / len(names)}
