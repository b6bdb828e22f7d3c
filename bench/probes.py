"""The ridge probe against scikit-learn and against the published probe, on features that know something.

2,000 stimuli, 1,280 features of decaying variance, ten draws of five folds, the true labels and 200 permuted
ones, each at its own penalty by leave-one-out. scikit-learn does one of the 10,050 fits (RidgeClassifierCV on
z-scored features, as permutation_test_score calls it) and is multiplied by their number: its time depends
neither on the labels nor on the fold. RidgeCV with a penalty per target does all labels of a fold at once and
is multiplied by the folds. Every method has the same folds, labels and penalties.

The published probe is one linear layer trained by AdamW for thirty epochs, ours and the same in torch. One
training of it is timed: against one fit of the ridge probe, and against a fit among all of them, whose
decompositions are shared.

Generators: images of 112 pixels a second of one core, and the memory that twice as many images take more.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import numpy as np
from sklearn.linear_model import RidgeClassifierCV, RidgeCV
from sklearn.model_selection import StratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from _measure import as_a_job, report, result
from visalign.probes import published_probe
from visalign.probes.ridge_probe import Fit, classify, correct, penalty_grid
from visalign.probes.spectra import Features
from visalign.visual_tasks import cluttered_letters, pathfinder, perspective, svrt

STIMULI, FEATURES, DRAWS, FOLDS, PERMUTATIONS = 2000, 1280, 10, 5, 200
#: Fits of scikit-learn that are timed, and folds that are compared decision by decision.
TIMED = 3
#: Generators, and how many images a second they should draw at least.
GENERATORS: dict[str, tuple[Callable[..., object], int]] = {
    "pathfinder": (partial(pathfinder.draw, length=6), 50),
    "svrt": (lambda seed, index, side: svrt.draw(seed, index, side, problem=1 + index % 23), 50),
    "cluttered_letters": (partial(cluttered_letters.draw, level="medium"), 15),
    "perspective": (perspective.draw, 15),
}
#: Images that are drawn; their side.
IMAGES, SIDE = 230, 112


def features(seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Features of decaying variance, float32 as stored, and labels that some directions know."""
    rng = np.random.default_rng(seed)
    latent = rng.standard_normal((STIMULI, 300)) * np.arange(1, 301) ** -0.5
    X = latent @ rng.standard_normal((300, FEATURES)) + 0.5 * rng.standard_normal((STIMULI, FEATURES))
    signal = latent[:, 20:60] @ rng.standard_normal(40)
    label = (signal + signal.std() * rng.standard_normal(STIMULI)).argsort().argsort() >= STIMULI // 2
    return np.maximum(X + 0.5, 0).astype(np.float32), label.astype(float)


def splits(label: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
    """Stratified folds of every draw."""
    return [
        pair
        for draw in range(DRAWS)
        for pair in StratifiedKFold(FOLDS, shuffle=True, random_state=draw).split(label, label)
    ]


def permuted(label: np.ndarray) -> np.ndarray:
    """True labels, then permuted ones, in columns; in blocks of four, so that folds stay nearly balanced."""
    rng = np.random.default_rng(1)
    order = np.argsort(label, kind="stable").reshape(2, -1).T.ravel()
    columns = np.repeat(label[:, None], PERMUTATIONS + 1, axis=1)
    blocks = columns[order].reshape(-1, 4, PERMUTATIONS + 1)
    blocks[:, :, 1:] = rng.permuted(blocks[:, :, 1:], axis=1)
    columns[order] = blocks.reshape(columns.shape)
    return columns


def seconds(function: Callable[[], object]) -> float:
    """Time a function once."""
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


def of_fold(shared: Features, labels: np.ndarray, train: np.ndarray, test: np.ndarray) -> Fit:
    """Decisions of ours for all columns of labels."""
    spectrum = shared.spectrum(train, test)
    return classify(spectrum, labels[train], penalty_grid(spectrum))


def against_scikit_learn() -> list[dict]:
    """All draws of ours; some fits of scikit-learn, times their number."""
    X, label = features()
    labels, every = permuted(label), splits(label)
    fits: list[Fit] = []

    def ours() -> None:
        shared = Features(X)
        fits.extend(of_fold(shared, labels, train, test) for train, test in every)

    taken = seconds(ours)
    grid = FEATURES * np.geomspace(1e-4, 1e4, 15)
    X64 = X.astype(np.float64)
    equal, compared, one_by_one, together, penalties = 0, 0, 0.0, 0.0, 0
    for (train, test), fit in list(zip(every, fits, strict=True))[:TIMED]:
        classifier = make_pipeline(StandardScaler(), RidgeClassifierCV(grid))
        one_by_one += seconds(partial(classifier.fit, X64[train], label[train]))
        equal += int((classifier.predict(X64[test]) == (fit.values[:, 0] > 0)).sum())
        compared += len(test)
        targets = 2 * labels - 1
        balanced = np.flatnonzero(targets[train].sum(axis=0) == 0)
        all_at_once = make_pipeline(StandardScaler(), RidgeCV(grid, alpha_per_target=True))
        together += seconds(partial(all_at_once.fit, X64[train], targets[train]))
        predicted = all_at_once.predict(X64[test])[:, balanced]
        equal += int(((predicted > 0) == (fit.values[:, balanced] > 0)).sum())
        compared += predicted.size
        alphas = all_at_once[-1].alpha_
        penalties += int(np.isclose(alphas, fit.penalties, rtol=1e-3).sum())
    n_fits = len(every) * (PERMUTATIONS + 1)
    slow, fast = one_by_one / TIMED * n_fits / taken, together / TIMED * len(every) / taken
    share, same = equal / compared, penalties / (TIMED * labels.shape[1])
    return [
        result("ours: 10 draws, 200 permutations", taken, "s"),
        result("speed-up over RidgeClassifierCV, fit by fit", slow, "x", ">= 50", slow >= 50),
        result("speed-up over RidgeCV, all labels of a fold at once", fast, "x", "> 1", fast > 1),
        result("equal decisions", share, "", ">= 0.9999", share >= 0.9999),
        result("equal penalties", same, "", ">= 0.999", same >= 0.999),
    ]


def against_published(of_all: float) -> list[dict]:
    """Accuracy and time of ours and of the published probe on one split.

    `of_all` is the time of all draws, folds and permutations of ours.
    """
    X, label = features()
    train, test = splits(label)[0]
    validation, rest = train[::10], np.setdiff1d(train, train[::10])
    fits: list[np.ndarray] = []
    ridge = seconds(lambda: fits.append(of_fold(Features(X), label[:, None], train, test).values[:, 0]))
    held_out = X[validation], label[validation]
    rng = np.random.default_rng(0)

    def sgd() -> None:
        fits.append(published_probe.train(X[rest], label[rest], held_out, X[test], rng).values)

    numpy_seconds = seconds(sgd)
    ours, theirs = (float(correct(values, label[test]).mean()) for values in fits)
    rows = [
        result("accuracy of the ridge probe", ours, ""),
        result("accuracy of the published probe, NumPy", theirs, "", f"<= {ours:.4g}", theirs <= ours),
        result("speed-up over the published probe, NumPy", numpy_seconds / ridge, "x"),
    ]
    try:
        accuracy, torch_seconds = in_torch(X, label, rest, validation, test)
    except ImportError:
        return rows
    among = torch_seconds * DRAWS * FOLDS * (PERMUTATIONS + 1) / of_all
    return [
        *rows,
        result("accuracy of the published probe, torch", accuracy, "", f"<= {ours:.4g}", accuracy <= ours),
        result("speed-up over the published probe, torch, one fit", torch_seconds / ridge, "x"),
        result("the same, 10 draws and 200 permutations", among, "x", ">= 100", among >= 100),
    ]


def in_torch(
    X: np.ndarray, label: np.ndarray, train: np.ndarray, validation: np.ndarray, test: np.ndarray
) -> tuple[float, float]:
    """Accuracy of the published probe in torch, and the seconds that training took."""
    import torch
    from torch import nn

    torch.manual_seed(0)
    torch.set_num_threads(1)
    x, y = torch.from_numpy(X), torch.from_numpy(label.astype(np.float32))
    probe = nn.Sequential(
        nn.BatchNorm1d(FEATURES, eps=published_probe.EPS, affine=False),
        nn.Dropout(published_probe.DROPOUT),
        nn.Linear(FEATURES, 1),
    )
    optimiser = torch.optim.AdamW(
        probe.parameters(), lr=published_probe.RATE, weight_decay=published_probe.DECAY
    )
    loss, best, accuracy = nn.BCEWithLogitsLoss(), -1.0, 0.0
    start = time.perf_counter()
    for _ in range(published_probe.EPOCHS):
        probe.train()
        order = train[torch.randperm(len(train)).numpy()]
        for first in range(0, len(order) - published_probe.BATCH + 1, published_probe.BATCH):
            rows = order[first : first + published_probe.BATCH]
            optimiser.zero_grad()
            loss(probe(x[rows])[:, 0], y[rows]).backward()
            optimiser.step()
        probe.eval()
        with torch.no_grad():
            values = probe(x)[:, 0].numpy()
        found = float(correct(values[validation], label[validation]).mean())
        if found > best:
            best, accuracy = found, float(correct(values[test], label[test]).mean())
    return accuracy, time.perf_counter() - start


def resident() -> float:
    """Memory of this process now, MB: a peak that is over, or that of imports, would hide a growth."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def generation() -> Iterator[dict]:
    """Yield images a second, and how much memory grows while as many again are drawn."""
    for name, (draw, least) in GENERATORS.items():
        for index in range(23):  # what is made once
            draw(2, index, SIDE)
        start = time.process_time()
        for index in range(IMAGES):
            draw(1, index, SIDE)
        rate = IMAGES / (time.process_time() - start)
        yield result(f"{name}: images a second of a core", rate, "1/s", f">= {least}", rate >= least)
        before = resident()
        for index in range(IMAGES, 3 * IMAGES):
            draw(1, index, SIDE)
        more = resident() - before
        yield result(f"{name}: growth of memory over {2 * IMAGES} more", more, "MB", "< 5", more < 5)


if __name__ == "__main__":
    as_a_job()
    ours = against_scikit_learn()
    report("probes", [*ours, *against_published(ours[0]["value"]), *generation()])
