"""The probe of one task: decisions on held-out trials, what chance gives, and how sure the accuracy is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from visalign.errors import InputError
from visalign.probes import folds as divisions
from visalign.probes import other_probes, ridge_probe
from visalign.probes.folds import Fold
from visalign.probes.learning_curve import Curve
from visalign.probes.trials import Trials
from visalign.stats.bootstrap import expanded_interval, resample_counts

#: Share of permutations above which an accuracy stands out.
QUANTILE = 0.975


@dataclass(frozen=True, kw_only=True)
class Setting:
    """How a task is probed.

    Attributes
    ----------
    kind : {"ridge", "logistic", "published"}
    folds, draws : int
        Of tasks whose trials have no split.
    permutations : int
        Of training labels, for the floor; always of ridge.
    bootstrap : int
        Draws of test groups and training draws.
    curve : bool
        Whether learning curves are computed.
    seed : int
    """

    kind: str = "ridge"
    folds: int = 5
    draws: int = 10
    permutations: int = 200
    bootstrap: int = 2000
    curve: bool = True
    seed: int = 0

    def generator(self, task: str, purpose: str) -> np.random.Generator:
        """Random numbers of a purpose, the same for every model."""
        words = [int.from_bytes(word.encode(), "little") % 2**32 for word in (task, purpose)]
        return np.random.default_rng([self.seed, *words])


@dataclass(frozen=True)
class Probed:
    """A probed task.

    Attributes
    ----------
    trials : Trials
        Those that were tested.
    decisions, hits : ndarray, shape (n_draws, n_trials)
        Of each draw of folds or of the one split; hits are 1, 0, or ½ without a decision.
    null : ndarray, shape (n_trials, n_permutations)
        Mean hits after permutations of training labels.
    layers : tuple of str
        The layer of each fold.
    """

    trials: Trials
    decisions: np.ndarray
    hits: np.ndarray
    null: np.ndarray
    layers: tuple[str, ...]

    @property
    def layer(self) -> str:
        """The layer of most folds, the earliest of those that are equally often."""
        return max(dict.fromkeys(self.layers), key=self.layers.count)

    @property
    def right(self) -> np.ndarray:
        """Whether the mean decision of each trial is right, (n_trials,)."""
        return (self.decisions.mean(axis=0) > 0) == (self.trials.label > 0)

    def of(self, chosen: np.ndarray) -> Probed:
        """Some of the trials."""
        return Probed(
            self.trials.of(chosen),
            self.decisions[:, chosen],
            self.hits[:, chosen],
            self.null[chosen],
            self.layers,
        )


Layers = Mapping[str, np.ndarray]


def probe(layers: Layers, trials: Trials, setting: Setting) -> Probed:
    """Probe features for a task.

    Parameters
    ----------
    layers : mapping of str to ndarray, shape (n_images, n_features)
        Rows as `Trials.row` counts them. Of several layers, each fold takes the one with the smallest
        error of left-out training trials; test trials have no say.
    trials : Trials
        Of labels 0 and 1.

    Raises
    ------
    InputError
        Features that are not finite; folds that cannot be made, see `folds.stratified`.
    """
    finite(layers)
    divided = divisions.folds_of(
        trials, setting.folds, setting.draws, setting.generator(trials.task, "folds")
    )
    tested = np.unique(np.concatenate([fold.test for fold in divided]))
    draws = 1 + max(fold.draw for fold in divided)
    decisions, hits = (np.full((draws, len(trials.label)), np.nan) for _ in range(2))
    null = np.zeros((len(trials.label), setting.permutations))
    labels, chosen = permuted_labels(trials, setting, "permutations"), []
    for fold in divided:
        layer = best_layer(layers, trials, fold)
        decided = fold_of(layers[layer], trials, fold, setting, labels)
        decisions[fold.draw, fold.test] = decided[:, 0]
        right = ridge_probe.correct(decided, labels[fold.test])
        hits[fold.draw, fold.test] = right[:, 0]
        null[fold.test] += right[:, 1:] / draws
        chosen.append(layer)
    return Probed(trials.of(tested), decisions[:, tested], hits[:, tested], null[tested], tuple(chosen))


def transferred(layers: Layers, trials: Trials, setting: Setting) -> Probed | None:
    """Test the probe of a task on its trials of the split transfer; None where there are none."""
    test = np.flatnonzero(trials.split == "transfer")
    if not len(test):
        return None
    finite(layers)
    train = np.flatnonzero((trials.split == "train") | (trials.split == ""))
    fold, labels = Fold(0, train, test), permuted_labels(trials, setting, "transfer permutations")
    layer = best_layer(layers, trials, fold)
    decided = fold_of(layers[layer], trials, fold, setting, labels)
    right = ridge_probe.correct(decided, labels[test])
    return Probed(trials.of(test), decided[None, :, 0], right[None, :, 0], right[:, 1:], (layer,))


def permuted_labels(trials: Trials, setting: Setting, purpose: str) -> np.ndarray:
    """Labels of ±1, first the true ones, then permutations (n_trials, 1 + n_permutations).

    A permutation is of all trials that take turns in training and in test, and the same in all folds and
    draws, so that an accuracy under it varies as the true one would if features told nothing. Of a table with
    a split of its own training trials are permuted only; test trials keep their labels.
    """
    signs = 2 * trials.label - 1
    columns = np.repeat(signs[:, None], 1 + setting.permutations, axis=1)
    own = np.flatnonzero((trials.split == "train") | (trials.split == ""))
    rng = setting.generator(trials.task, purpose)
    columns[own, 1:] = divisions.permuted(signs[own], trials.group[own], setting.permutations, rng)
    return columns


def best_layer(layers: Layers, trials: Trials, fold: Fold) -> str:
    """Layer with the smallest error of left-out training trials of a fold."""
    if len(layers) == 1:
        return next(iter(layers))
    signs, groups = 2 * trials.label[fold.train] - 1, trials.group[fold.train]
    errors = {}
    for layer, X in layers.items():
        Z, _ = ridge_probe.scaled(X[trials.row[fold.train]], X[:0])
        factors = ridge_probe.decompose(Z, Z[:0])
        errors[layer] = float(ridge_probe.fit(factors, signs[:, None], groups).errors[0])
    return min(errors, key=lambda layer: errors[layer])


def fold_of(X: np.ndarray, trials: Trials, fold: Fold, setting: Setting, labels: np.ndarray) -> np.ndarray:
    """Decisions on the test trials of a fold, trained on each column of labels.

    Parameters
    ----------
    labels : ndarray, shape (n_trials, 1 + n_permutations)
        Of `permuted_labels`.

    Returns
    -------
    ndarray, shape (n_test, 1 + n_permutations)
        Permutations are of the ridge probe, whatever the kind.
    """
    columns, groups = labels[fold.train], trials.group[fold.train]
    signs, train, test = columns[:, 0], X[trials.row[fold.train]], X[trials.row[fold.test]]
    Z, Z_test = ridge_probe.scaled(train, test)
    decided = ridge_probe.fit(ridge_probe.decompose(Z, Z_test), columns, groups).decisions
    if setting.kind == "logistic":
        decided[:, 0] = other_probes.logistic(Z, signs, Z_test)
    if setting.kind == "published":
        validation = trials.split == "val"
        shown = (X[trials.row[validation]], 2 * trials.label[validation] - 1) if validation.any() else None
        rng = setting.generator(trials.task, "published")
        decided[:, 0] = other_probes.published(train, signs, test, rng, shown)
    return decided


def finite(layers: Layers) -> None:
    """Raise InputError where features are not finite."""
    for layer, X in layers.items():
        if not np.isfinite(X).all():
            row, column = np.argwhere(~np.isfinite(X))[0]
            raise InputError(f"{layer}: image {row}, feature {column}: {X[row, column]} is not finite")


def learning_curve(X: np.ndarray, trials: Trials, setting: Setting) -> Curve:
    """Accuracy of the ridge probe on one test set, trained on nested subsets that are drawn several times.

    The test set is the table's own, or else the first fold.
    """
    first = divisions.folds_of(trials, setting.folds, 1, setting.generator(trials.task, "folds"))[0]
    rng = setting.generator(trials.task, "curve")
    signs = 2 * trials.label - 1
    labels, groups = trials.label[first.train], trials.group[first.train]
    sizes, accuracies = list[list[int]](), list[list[float]]()
    for _ in range(setting.draws):
        subsets = divisions.nested(labels, groups, divisions.SIZES, rng)
        whole = len(subsets) - 1
        row = list[float]()
        for number, subset in enumerate(subsets):
            if number == whole and accuracies:  # all training trials are the same in every draw
                row.append(accuracies[0][-1])
                continue
            chosen = first.train[subset]
            Z, Z_test = ridge_probe.scaled(X[trials.row[chosen]], X[trials.row[first.test]])
            fitted = ridge_probe.fit(
                ridge_probe.decompose(Z, Z_test), signs[chosen, None], trials.group[chosen]
            )
            row.append(float(ridge_probe.correct(fitted.decisions, signs[first.test]).mean()))
        sizes.append([len(subset) for subset in subsets])
        accuracies.append(row)
    return Curve(np.mean(sizes, axis=0), np.array(accuracies))


# --- accuracy and its interval ---


def accuracy(probed: Probed) -> float:
    """Mean over draws of the accuracy."""
    return float(probed.hits.mean())


def area_under_roc(decisions: np.ndarray, labels: np.ndarray) -> float:
    """Probability that a trial of label 1 has a larger decision than one of label 0, mean over draws.

    Parameters
    ----------
    decisions : ndarray, shape (n_draws, n_trials)
    labels : ndarray, shape (n_trials,)
    """
    from scipy.stats import rankdata

    ones = labels > 0
    n, m = int(ones.sum()), int((~ones).sum())
    ranks = rankdata(decisions, axis=1)[:, ones].sum(axis=1)
    return float(((ranks - n * (n + 1) / 2) / (n * m)).mean())


def group_counts(groups: np.ndarray, draws: int, rng: np.random.Generator) -> tuple[np.ndarray, int]:
    """How often each trial is in each resample of whole groups, (draws, n_trials), and how many groups."""
    names, number = np.unique(groups, return_inverse=True)
    return resample_counts(len(names), rng, draws)[:, number], len(names)


def interval(probed: Probed, counts: np.ndarray, units: int, rng: np.random.Generator) -> tuple[float, float]:
    """95 % interval of the accuracy over test groups and training draws.

    Parameters
    ----------
    counts : ndarray, shape (n_bootstrap, n_trials)
        Of `group_counts`.
    units : int
        Groups.
    """
    draw = rng.integers(len(probed.hits), size=len(counts))
    values = np.einsum("bt,bt->b", counts, probed.hits[draw]) / counts.sum(axis=1)
    return expanded_interval(values, units)


def chance(probed: Probed) -> tuple[float, float, float]:
    """Mean and 97.5 % quantile of the accuracy after permutations, and p = (1 + #≥) / (P + 1)."""
    null = probed.null.mean(axis=0)
    reached = int((null >= accuracy(probed) - 1e-12).sum())
    return float(null.mean()), float(np.quantile(null, QUANTILE)), (1 + reached) / (len(null) + 1)
