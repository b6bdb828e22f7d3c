"""Regressions from Gram matrices against scikit-learn and the bare products: 2,560 stimuli, 168 neuroids.

Ten splits of PLS with 25 components. scikit-learn's PLSRegression is timed on one split and multiplied
by ten: its time hardly depends on the split. Its converged solution (tolerance 1e-12) is found on
features rotated to as many as there are stimuli, which changes no prediction.
"""

from __future__ import annotations

import multiprocessing
import tempfile
import time
from pathlib import Path

import numpy as np
from scipy import linalg
from sklearn.cross_decomposition import PLSRegression
from sklearn.model_selection import ShuffleSplit

from _measure import paired_seconds, report, result
from visalign.gram import ridge
from visalign.gram.matrix import BLOCK_BYTES, blocks, gram
from visalign.gram.pls import predict_splits
from visalign.io import stores
from visalign.io.benchmark import peak_of_process
from visalign.stats.correlations import pearson

STIMULI, NEUROIDS, COMPONENTS = 2560, 168, 25
SPLITS = list(ShuffleSplit(10, train_size=0.9, random_state=1).split(np.zeros(STIMULI)))
COLUMNS = BLOCK_BYTES // (4 * STIMULI)  # of a block, in memory as from a store


def latent() -> np.ndarray:
    """What features and responses share: 200 variables of decaying variance."""
    return np.random.default_rng(0).standard_normal((STIMULI, 200)) * np.arange(1, 201) ** -0.5


def responses() -> np.ndarray:
    """Responses that read the latent variables with noise."""
    rng = np.random.default_rng(1)
    return latent() @ rng.standard_normal((200, NEUROIDS)) + rng.standard_normal((STIMULI, NEUROIDS))


def recorded_features(count: int) -> np.ndarray:
    """Features that read the latent variables with noise, float16 as the pipeline stores them."""
    rng, variables = np.random.default_rng(2), latent().astype(np.float32)
    X = np.empty((STIMULI, count), np.float16)
    for start in range(0, count, 5000):
        block = variables @ rng.standard_normal((200, 5000), dtype=np.float32)
        block += 0.5 * rng.standard_normal(block.shape, dtype=np.float32)
        X[:, start : start + 5000] = block
    return X


def extra_memory(store: str) -> float:
    """Bytes that scoring the features of a store adds to the peak of a process that has only imported."""
    imported = peak_of_process()
    layer = stores.array(stores.open_store(store), "layer")
    predict_splits(gram(blocks(layer))["K"], responses(), SPLITS, COMPONENTS)
    return (peak_of_process() - imported) * 2**20


def memory_row(features: int) -> dict:
    """Peak memory of Gram and ten splits, features read from a store by a process of its own."""
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder) / "features.zarr")
        group = stores.open_partial(path, {})
        layer = stores.create_array(
            group, "layer", (STIMULI, features), np.float16, ("stimulus", "feature"), rows=128
        )
        layer[:] = recorded_features(features)
        stores.publish(path, Path(folder) / "features.json", {})
        with multiprocessing.get_context("spawn").Pool(1) as pool:
            megabytes = pool.apply(extra_memory, (path,)) / 1e6
    return result(f"peak memory, p = {features}", megabytes, "MB", "< 1000", megabytes < 1000)


def at_most(name: str, value: float, target: float) -> dict:
    """Row of a ratio or difference that should be small."""
    return result(name, float(value), "", f"<= {target:g}", bool(value <= target))


def pls_rows(features: int, speed_up: float, over_product: float) -> list[dict]:
    """Compare with the bare product and scikit-learn on the same data in one run."""
    X, Y = recorded_features(features).astype(np.float32), responses()

    def form() -> np.ndarray:
        return gram(X[:, start : start + COLUMNS] for start in range(0, features, COLUMNS))["K"]

    product, formed, ours = paired_seconds(
        lambda: X @ X.T, form, lambda: predict_splits(form(), Y, SPLITS, COMPONENTS)
    )
    train, test = SPLITS[0]
    start = time.perf_counter()
    predicted = PLSRegression(COMPONENTS, scale=False).fit(X[train], Y[train]).predict(X[test])
    ratio = 10 * (time.perf_counter() - start) / ours
    as_timed = pearson(predicted, Y[test])
    eigenvalues, Q = linalg.eigh(gram([X], np.float64)["K"], driver="evd", overwrite_a=True)
    Z = Q * np.sqrt(np.maximum(eigenvalues, 0))
    strict = PLSRegression(COMPONENTS, scale=False, tol=1e-12, max_iter=100_000)
    converged = pearson(strict.fit(Z[train], Y[train]).predict(Z[test]), Y[test])
    r = pearson(predict_splits(form(), Y, SPLITS[:1], COMPONENTS)[0], Y[test])
    at = f"p = {features}"
    return [
        result(f"speed-up over scikit-learn, {at}", ratio, "x", f">= {speed_up:g}", ratio >= speed_up),
        at_most(f"Gram and ten splits over the bare product, {at}", ours / product, over_product),
        at_most(f"Gram over the bare product, {at}", formed / product, 1.3),
        at_most(f"largest difference in r, scikit-learn converged, {at}", np.abs(r - converged).max(), 1e-5),
        result(f"the same for scikit-learn as timed, {at}", float(np.abs(as_timed - converged).max()), ""),
    ]


def ridge_row() -> dict:
    """Fifteen penalties and the predictions over the eigendecomposition alone, the same for every split."""
    K, Y = gram([recorded_features(10_000)])["K"], responses()
    train, test = SPLITS[0]
    penalties = ridge.penalty_grid(K, train, count=15)
    within = K[np.ix_(train, train)]
    alone, ours = paired_seconds(
        lambda: linalg.eigh(within, check_finite=False, driver="evd"),
        lambda: ridge.predict(K, Y, train, test, penalties),
    )
    return at_most("ridge with 15 penalties over its eigendecomposition", ours / alone, 5)


if __name__ == "__main__":
    rows = [memory_row(50_000), *pls_rows(10_000, 40, 4), *pls_rows(50_000, 150, 2), ridge_row()]
    report("neural", rows)
