"""Claims about the ways to compare: what every one declares, and laws that every one obeys."""

from __future__ import annotations

import pickle
import subprocess
import sys

import numpy as np
import pytest

from visalign import comparisons
from visalign.comparisons.comparison import Regression, Similarity
from visalign.gram import matrix

ALL = pytest.mark.parametrize("comparison", comparisons.COMPARISONS, ids=lambda one: one.name)
REGRESSIONS = pytest.mark.parametrize(
    "comparison",
    [one for one in comparisons.COMPARISONS if isinstance(one, Regression)],
    ids=lambda one: one.name,
)
SIMILARITIES = pytest.mark.parametrize(
    "comparison",
    [one for one in comparisons.COMPARISONS if isinstance(one, Similarity)],
    ids=lambda one: one.name,
)


def test_declaring_comparisons_starts_nothing_but_the_standard_library():
    """Every start of Snakemake imports them."""
    code = (
        "import sys; before = set(sys.modules); import visalign.comparisons; "
        "new = {name.split('.')[0] for name in set(sys.modules) - before}; "
        "print(sorted(new - set(sys.stdlib_module_names)))"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "['visalign']"


@ALL
def test_every_comparison_says_what_it_is_and_adds_metrics_of_its_name(comparison):
    assert comparison.kind in ("regression", "similarity")
    assert comparison.described.format(**comparison.settings)
    metrics = comparison.metrics()
    assert next(iter(metrics)) == comparison.name and all(metrics.values())
    assert all(name == comparison.name or name.startswith(f"{comparison.name}_") for name in metrics)


def test_no_two_comparisons_share_a_name_a_metric_or_an_option_with_another_meaning():
    names = comparisons.names()
    assert len(set(names)) == len(names) == len(comparisons.COMPARISONS)
    assert len(comparisons.metrics()) == sum(len(one.metrics()) for one in comparisons.COMPARISONS)
    declared = [option for one in comparisons.COMPARISONS for option in one.options]
    assert all(option in comparisons.options() for option in declared)


@ALL
def test_options_that_are_not_given_have_their_defaults_and_those_of_others_are_passed_over(comparison):
    every = {option.name: option.default for option in comparisons.options()}
    assert comparison.settings == comparison.using(**every).settings == comparison.using(other=1).settings
    for option in comparison.options:
        value = option.choices[-1] if option.choices else option.default + 1
        changed = comparisons.chosen(comparison.name, **every | {option.name: value})
        assert changed.settings == comparison.settings | {option.name: value}
        assert comparison.settings[option.name] == option.default


@ALL
def test_a_comparison_travels_to_workers(comparison):
    assert pickle.loads(pickle.dumps(comparison)) == comparison


# --- laws ---


def problem(n=60, p=20, m=6) -> tuple[np.ndarray, np.ndarray]:
    """Features (n, p), and responses (n, m) that read them with noise."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((n, p)) * np.arange(1, p + 1) ** -0.5
    return X, X @ rng.standard_normal((p, m)) + 0.5 * rng.standard_normal((n, m))


def gram(X: np.ndarray) -> dict[str, np.ndarray]:
    return matrix.gram([X], np.float64)


def rotation(p: int) -> np.ndarray:
    return np.linalg.qr(np.random.default_rng(1).standard_normal((p, p)))[0]


PAIRS = [(np.arange(40), np.arange(40, 60)), (np.arange(10, 60), np.arange(10))]
#: What changes features or responses, but no prediction beyond what is done to responses.
SAME_FEATURES = {
    "rotated": lambda X: X @ rotation(X.shape[1]),
    "shifted": lambda X: X + 3.0,
    "scaled": lambda X: 7.0 * X,
    "of features": lambda X: X,
}


def predictions(comparison: Regression, layer: dict, Y: np.ndarray) -> np.ndarray:
    return np.vstack([found.responses for found in comparison.fit(layer, Y, PAIRS)])


@REGRESSIONS
def test_predictions_are_finite_and_the_same_each_time(comparison):
    X, Y = problem()
    once, again = (predictions(comparison, gram(X), Y) for _ in range(2))
    assert once.shape == (30, 6) and np.isfinite(once).all() and np.array_equal(once, again)


@REGRESSIONS
@pytest.mark.parametrize("change", SAME_FEATURES)
def test_predictions_do_not_depend_on_axes_origin_or_scale_of_features_or_their_form(comparison, change):
    X, Y = problem()
    changed = SAME_FEATURES[change](X)
    layer = {"X": changed} if change == "of features" else gram(changed)
    found = predictions(comparison, layer, Y)
    np.testing.assert_allclose(found, predictions(comparison, gram(X), Y), atol=1e-7)


@REGRESSIONS
def test_predictions_move_and_grow_with_responses(comparison):
    X, Y = problem()
    before, after = (predictions(comparison, gram(X), values) for values in (Y, 5 * Y - 2))
    np.testing.assert_allclose(after, 5 * before - 2, atol=1e-7)


@REGRESSIONS
def test_a_neuroid_with_one_training_response_is_not_predicted(comparison):
    X, Y = problem()
    Y[1:, 2] = np.nan
    [found, _] = comparison.fit(gram(X), Y, PAIRS)
    assert np.isnan(found.responses[:, 2]).all()
    assert np.isfinite(np.delete(found.responses, 2, axis=1)).all()


@REGRESSIONS
def test_neuroids_are_predicted_alone_unless_a_comparison_says_jointly(comparison):
    X, Y = problem(p=200)
    alone = predictions(comparison, gram(X), Y[:, :1])
    together = predictions(comparison, gram(X), Y)[:, :1]
    assert np.allclose(alone, together, atol=1e-9) is not comparison.jointly


@REGRESSIONS
def test_what_a_fit_counts_is_what_its_option_asks_for_or_what_features_have(comparison):
    X, Y = problem()
    for columns in (20, 2):
        [found, _] = comparison.fit(gram(X[:, :columns]), Y, PAIRS)
        asked = comparison.settings[comparison.counted] if comparison.counted else 0
        assert found.used == min(asked, columns)


@SIMILARITIES
def test_features_agree_with_themselves_wholly_and_with_noise_not(comparison):
    X, _ = problem()
    own = comparison.relations(gram(X))
    assert comparison.agreement(own, own) == pytest.approx(1, abs=1e-9)
    noise = comparison.relations(gram(np.random.default_rng(2).standard_normal((60, 20))))
    assert abs(comparison.agreement(own, noise)) < 0.2


@SIMILARITIES
@pytest.mark.parametrize("change", ["rotated", "scaled"])
def test_agreement_is_symmetric_and_does_not_depend_on_axes_or_scale(comparison, change):
    X, Y = problem()
    own, responses = (comparison.relations(gram(values)) for values in (X, Y))
    found = comparison.agreement(own, responses)
    assert 0.2 < found < 1 and found == pytest.approx(comparison.agreement(responses, own), abs=1e-12)
    if comparison.settings.get("dissimilarity") == "correlation" and change == "rotated":
        return  # a correlation across features depends on their axes
    changed = comparison.relations(gram(SAME_FEATURES[change](X)))
    assert comparison.agreement(changed, responses) == pytest.approx(found, abs=1e-9)


@SIMILARITIES
def test_agreement_within_many_subsets_is_that_of_each_alone(comparison):
    X, Y = problem()
    own, other = (comparison.relations(gram(values)) for values in (X + 100, Y))
    subsets = np.random.default_rng(3).random((60, 7)) < np.linspace(0.2, 0.9, 7)
    found = comparison.agreements(own, other, subsets)
    alone = [comparison.agreement(own[np.ix_(s, s)], other[np.ix_(s, s)]) for s in subsets.T]
    assert found == pytest.approx(alone, abs=1e-9)  # rounding; features have an offset of a hundred SDs
    same = np.ones((60, 60)) - np.eye(60)
    assert np.isnan(comparison.agreements(same, other, subsets)).all()


@SIMILARITIES
def test_absent_stimuli_have_no_relations_and_the_others_agree_as_before(comparison):
    X, Y = problem()
    absent = np.arange(60) < 5
    found = comparison.relations(gram(X), absent)
    assert np.isnan(found[:5, 5:]).all() and np.isfinite(found[5:, 5:]).all()
    own, other = (comparison.relations(gram(values[5:])) for values in (X, Y))
    again = comparison.relations(gram(Y), absent)[5:, 5:]
    expected = comparison.agreement(own, other)
    assert comparison.agreement(found[5:, 5:], again) == pytest.approx(expected, abs=1e-9)


@SIMILARITIES
def test_noise_free_relations_are_at_most_wholly_alike(comparison):
    best = [comparison.best(r) for r in (0.2, 0.6, 1.0)]
    assert best == sorted(best) and best[-1] == pytest.approx(1, abs=1e-12)
