"""Decisions of probes on the trials that they were not trained on, for true and permuted labels."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from visalign.errors import InputError
from visalign.probes import angles, logistic_probe, published_probe, ridge_probe
from visalign.probes.folds import nested_order, subset_ends
from visalign.probes.protocol import SUBSETS, TRAINING, Protocol, Split
from visalign.probes.spectra import Features, Gram
from visalign.probes.trials import Trials

Layers = Mapping[str, Features | Gram]
#: Share of the training trials that the published probe validates on where no trial is ``val``.
HELD_OUT = 0.1


class Decisions(NamedTuple):
    """What was decided.

    ``values`` (R, n) and ``fold`` (R, n): of each draw and trial, NaN and −1 where it was not tested;
    ``layers``: the layer of each split; ``permuted`` (R, n_parts, P): accuracy with permuted labels.
    """

    values: np.ndarray
    fold: np.ndarray
    layers: list[str]
    permuted: np.ndarray


def decide(
    layers: Layers,
    trials: Trials,
    unit: np.ndarray,
    splits: list[Split],
    protocol: Protocol,
    permuted: np.ndarray,
    parts: list[np.ndarray],
) -> Decisions:
    """Train and test on every split.

    Parameters
    ----------
    layers : mapping
        Features of the trials. Of several layers, each split takes the one with the smallest left-out error
        on its training trials.
    permuted : ndarray, shape (n, P)
        Permuted labels.
    parts : list of ndarray
        Trials of which accuracies with permuted labels are taken.
    """
    n, draws = len(trials), max(split.draw for split in splits) + 1
    values, fold, chosen = np.full((draws, n), np.nan), np.full((draws, n), -1), []
    right, count = np.zeros((draws, len(parts), permuted.shape[1])), np.zeros((draws, len(parts), 1))
    labels = np.column_stack([trials.label, permuted])
    member = np.zeros((len(parts), n))
    for row, part in zip(member, parts, strict=True):
        row[part] = 1
    for split in splits:
        found, layer = fitted(layers, trials, unit, split, protocol, labels)
        values[split.draw, split.test], fold[split.draw, split.test] = found[:, 0], split.fold
        own = member[:, split.test]
        right[split.draw] += own @ ridge_probe.correct(found[:, 1:], permuted[split.test])
        count[split.draw, :, 0] += own.sum(axis=1)
        chosen.append(layer)
    return Decisions(values, fold, chosen, right / np.maximum(count, 1))


def fitted(
    layers: Layers, trials: Trials, unit: np.ndarray, split: Split, protocol: Protocol, labels: np.ndarray
) -> tuple[np.ndarray, str]:
    """Decision values (n_test, m) of a split for columns of labels (n, m), and the layer they come from.

    The values of orientations are the orientations, degrees.
    """
    spectra = {name: features.spectrum(split.train, split.test) for name, features in layers.items()}
    groups, train = unit[split.train], split.train
    targets = angles.double_angle(trials.label) if trials.angular else 2 * trials.label[:, None] - 1
    layer = next(iter(spectra))
    if len(spectra) > 1:
        errors = {
            name: ridge_probe.left_out_errors(own, targets[train], ridge_probe.penalty_grid(own), groups)
            for name, own in spectra.items()
        }
        layer = min(errors, key=lambda name: errors[name].sum(axis=1).min())
    spectrum = spectra[layer]
    grid = ridge_probe.penalty_grid(spectrum)
    if trials.angular:
        return angles.decoded(ridge_probe.regress(spectrum, targets[train], grid, groups).values)[
            :, None
        ], layer
    if protocol.classifier == "ridge":
        return ridge_probe.classify(spectrum, labels[train], grid, groups).values, layer
    if protocol.classifier == "logistic":
        return logistic_probe.classify(spectrum, labels[train, 0])[:, None], layer
    return _published(layers[layer], trials, unit, split, protocol)[:, None], layer


def _published(
    features: Features | Gram, trials: Trials, unit: np.ndarray, split: Split, protocol: Protocol
) -> np.ndarray:
    """Decision values (n_test,) of the published probe."""
    where = f"{trials.where}: task {trials.task[0]}"
    if isinstance(features, Gram):
        raise InputError("probe: published: needs features, not their Gram matrix")
    train, validation = split.train, split.validation
    if not len(validation):
        order = train[nested_order(trials.label[train], unit[train], protocol.rng(SUBSETS, split.draw))]
        end = subset_ends(unit[order], [max(int(HELD_OUT * len(order)), 2)])
        held_out = next(iter(end.values()), 0)
        validation, train = order[:held_out], order[held_out:]
    if len(train) < published_probe.BATCH or not len(validation):
        raise InputError(
            f"{where}: probe: published: {len(train)} training and {len(validation)} validation trials: at "
            f"least {published_probe.BATCH} and 1 are needed"
        )
    return published_probe.train(
        features.rows(train),
        trials.label[train],
        (features.rows(validation), trials.label[validation]),
        features.rows(split.test),
        protocol.rng(TRAINING, split.draw, split.fold),
    ).values


class Curve(NamedTuple):
    """``sizes`` (k,): mean number of training trials; ``correct`` (R, n, k): NaN where not tested."""

    sizes: np.ndarray
    correct: np.ndarray


def learn(
    layers: Layers,
    trials: Trials,
    unit: np.ndarray,
    splits: list[Split],
    protocol: Protocol,
    whole: np.ndarray,
) -> Curve:
    """Train on nested subsets of every split's training trials and test on its test trials.

    Parameters
    ----------
    whole : ndarray, shape (R, n)
        Decision values with all training trials, the last point of the curve.

    Returns
    -------
    Curve
        Of the sizes whose subsets have both labels in every draw, and all.
    """
    draws = protocol.draws
    every = splits if len(splits) > 1 else [splits[0]._replace(draw=draw) for draw in range(draws)]
    tested = {size: np.full((draws, len(trials)), np.nan) for size in protocol.sizes}
    used: dict[int, list[int]] = {size: [] for size in protocol.sizes}
    for split in every:
        rng = protocol.rng(SUBSETS, split.draw, split.fold)
        order = split.train[nested_order(trials.label[split.train], unit[split.train], rng)]
        for size, end in subset_ends(unit[order], protocol.sizes).items():
            subset = order[:end]
            if len(np.unique(trials.label[subset])) < 2:
                continue
            own = split._replace(train=np.sort(subset))
            found = fitted(layers, trials, unit, own, protocol, trials.label[:, None])[0]
            tested[size][split.draw, split.test] = ridge_probe.correct(found[:, 0], trials.label[split.test])
            used[size].append(end)
    complete = [size for size in protocol.sizes if len(used[size]) == len(every)]
    last = np.where(np.isnan(whole), np.nan, ridge_probe.correct(whole, trials.label))
    correct = [*(tested[size] for size in complete), np.broadcast_to(last, (draws, len(trials)))]
    sizes = [*(np.mean(used[size]) for size in complete), np.mean([len(split.train) for split in splits])]
    return Curve(np.array(sizes), np.stack(correct, axis=-1))
