"""Claims about a whole task: what was planted is found, what was not stays at the floor."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.special import ndtr

from visalign.errors import InputError
from visalign.probes.people import Answers
from visalign.probes.probe import probe_task
from visalign.probes.protocol import Protocol
from visalign.probes.spectra import Gram
from visalign.probes.trials import Trials

QUICK = Protocol(draws=3, permutations=60, sizes=(), resamples=300)


def trials(n, **columns):
    """Trials of one task, labels in turn; a column is a value, or one per trial."""
    own = dict.fromkeys(("split", "group", "difficulty", "pair"), "") | {"task": "t"} | columns
    cells = {name: [v] * n if isinstance(v, str) else [str(x) for x in v] for name, v in own.items()}
    text = {name: np.array(column, object) for name, column in cells.items()}
    ids = np.array([f"s{i:05d}" for i in range(n)], object)
    label = np.arange(n) % 2.0
    return Trials(stimulus_id=ids, label=label, theta=np.full(n, np.nan), **text)


def planted(label, d, p=20, seed=0):
    """Features of which the first knows the label at d′."""
    X = np.random.default_rng(seed).standard_normal((len(label), p))
    X[:, 0] += d * label
    return X


def probe(X, own, protocol=QUICK, **more):
    return probe_task({"layer": X}, own.stimulus_id, own, "t", protocol, **more)


def score(result, metric, convention=None, part="test"):
    own = [s for s in result.parts[part].scores if s.metric == metric]
    return next(s for s in own if convention in (None, s.convention))


@pytest.mark.parametrize("d", [1.0, 2.0])
@pytest.mark.parametrize("classifier", ["ridge", "logistic"])
def test_planted_features_are_scored_as_their_d_prime(d, classifier):
    split = ["train"] * 4000 + ["test"] * 4000
    own = trials(8000, split=split)
    result = probe(planted(own.label, d), own, replace(QUICK, classifier=classifier, permutations=20))
    expected, found = ndtr(d / 2), score(result, "probe_accuracy")
    assert abs(found.value - expected) < 3 * np.sqrt(expected * (1 - expected) / 4000)
    assert found.ci_low < expected < found.ci_high and found.n == 4000 and found.status == "ok, groups=4000"
    assert score(result, "probe_auc").value == pytest.approx(ndtr(d / np.sqrt(2)), abs=0.025)
    assert (found.floor is None) == (classifier == "logistic")


def test_cross_validated_accuracy_and_its_floor():
    own = trials(400)
    result = probe(planted(own.label, 2.0, p=5), own)
    expected, found = ndtr(1.0), score(result, "probe_accuracy")
    assert abs(found.value - expected) < 3 * np.sqrt(expected * (1 - expected) / 400)
    assert found.floor == pytest.approx(0.5, abs=0.02)
    floor = result.parts["test"].floor
    assert floor.p == 1 / 61 and 0.5 < floor.high < 0.6 and floor.permutations == 60


def test_without_signal_scores_and_floors_are_at_chance_in_small_sets_too():
    floors, values, p = [], [], []
    for seed in range(25):
        own = trials(48)
        result = probe(planted(own.label, 0, p=200, seed=seed), own, replace(QUICK, seed=seed))
        values.append(score(result, "probe_accuracy").value)
        floors.append(result.parts["test"].floor.mean)
        p.append(result.parts["test"].floor.p)
    assert np.mean(floors) == pytest.approx(0.5, abs=0.01)
    assert abs(np.mean(values) - 0.5) < 3 * np.std(values) / 5
    assert 0.3 < np.mean(p) < 0.7


def test_one_strong_feature_is_above_its_floor():
    own = trials(80, split=["train"] * 40 + ["test"] * 40)
    floor = probe(planted(own.label, 4.0, p=1), own).parts["test"].floor
    assert floor.high < 0.8 and floor.p == 1 / 61


def test_labels_copied_within_groups_stay_at_the_floor_unless_groups_are_split():
    whole, parted = [], []
    for seed in range(6):
        rng = np.random.default_rng(seed)
        scene = np.repeat(np.arange(40), 8)
        own = replace(trials(320, group=scene), label=(scene % 2).astype(float))
        X = rng.standard_normal((40, 60))[scene]  # knows the scene only
        X += 0.3 * rng.standard_normal(X.shape)
        result = probe(X, own)
        whole.append((score(result, "probe_accuracy").value, result.parts["test"].floor.mean))
        parted.append(score(probe(X, replace(own, group=trials(320).group)), "probe_accuracy").value)
    values, floors = np.array(whole).T
    assert abs(np.mean(values - floors)) < 3 * np.std(values) / np.sqrt(6)
    assert np.min(parted) > 0.8


def test_the_order_of_stimuli_and_trials_changes_nothing():
    own = trials(90, difficulty=np.arange(90) // 2 % 3)
    X, rng = planted(own.label, 1.5), np.random.default_rng(0)
    order, rows = rng.permutation(90), rng.permutation(90)
    protocol = replace(QUICK, sizes=(30, 50))
    one = probe(X, own, protocol)
    other = probe_task({"layer": X[rows]}, own.stimulus_id[rows], own.take(order), "t", protocol)
    assert one.parts["test"].scores == other.parts["test"].scores
    assert one.trials.equals(other.trials) and one.curve.equals(other.curve)


def test_a_gram_matrix_serves_where_features_are_standardised_already():
    own = trials(60, split=["train"] * 40 + ["test"] * 20)
    X = planted(own.label, 1.5)
    X = (X - X[:40].mean(axis=0)) / X[:40].std(axis=0)
    values = [probe(source, own).trials.value.to_numpy() for source in (X, Gram(X @ X.T))]
    np.testing.assert_allclose(values[0], values[1], rtol=1e-4, atol=1e-6)


def test_the_layer_is_chosen_where_nothing_is_tested():
    own = trials(200, split=["train"] * 100 + ["test"] * 100)
    good, bad = planted(own.label, 2.0), planted(own.label, 0, seed=1)
    bad[100:, 0] = 9 * own.label[100:]  # knows the tests only
    result = probe_task({"bad": bad, "good": good}, own.stimulus_id, own, "t", QUICK)
    assert result.scores[0].layer == "good"
    alone = probe_task({"good": good}, own.stimulus_id, own, "t", QUICK)
    assert result.scores[0].value == alone.scores[0].value


def test_a_learning_curve_rises_to_the_headline():
    own = trials(1200, split=["train"] * 800 + ["test"] * 400)
    result = probe(planted(own.label, 2.5, p=100), own, replace(QUICK, sizes=(50, 100, 200, 400, 1600)))
    curve = result.curve
    assert curve["size"].tolist() == [50, 100, 200, 400, 800]
    assert curve.accuracy.is_monotonic_increasing
    assert curve.accuracy.iloc[-1] == score(result, "probe_accuracy").value
    assert (curve.ci_low < curve.accuracy).all() and (curve.accuracy < curve.ci_high).all()
    area, n80 = score(result, "curve_area"), score(result, "n80")
    x, y = np.log2(curve["size"]), curve.accuracy
    assert area.value == pytest.approx(np.mean((y.to_numpy()[1:] + y.to_numpy()[:-1]) / 2))
    assert area.ci_low < area.value < area.ci_high and "50 to 800" in area.status
    assert np.interp(np.log2(n80.value), x, y) == pytest.approx(0.8) and n80.ci_low < n80.value < n80.ci_high


def test_curves_that_do_not_arrive_or_have_no_room_say_so():
    own = trials(200)
    result = probe(planted(own.label, 0), own, replace(QUICK, sizes=(50, 100)))
    assert score(result, "n80").value is None
    assert score(result, "n80").status == "not reached with 160 training trials"
    short = probe(planted(own.label, 0)[:40], own.take(np.arange(40)), replace(QUICK, sizes=(50, 100)))
    for metric in ("curve_area", "n80"):
        assert score(short, metric).status.startswith("one training size")


def people_of(own, right, participants):
    n = len(own)
    names = np.repeat([f"p{i}" for i in range(participants)], n)
    stimuli = np.tile(own.stimulus_id, participants)
    late = np.zeros(n * participants, dtype=bool)
    return Answers(names, stimuli, np.full(len(late), ""), right.ravel(), late)


def test_people_give_their_accuracy_the_gap_and_the_consistency():
    own, rng = trials(300), np.random.default_rng(0)
    right = rng.random((12, 300)) < 0.9
    result = probe(planted(own.label, 1.0), own, answers=people_of(own, right, 12))
    accuracy, gap = score(result, "probe_accuracy"), score(result, "human_gap")
    own_accuracy = score(result, "people_accuracy")
    assert own_accuracy.value == pytest.approx(right.mean()) and accuracy.ceiling is None
    assert own_accuracy.ci_low < own_accuracy.value < own_accuracy.ci_high and own_accuracy.n == 300
    assert gap.value == pytest.approx(right.mean() - accuracy.value) and gap.n == 300
    assert gap.ci_low < gap.value < gap.ci_high
    median = score(result, "error_consistency")
    assert median.convention == "kappa/median" and median.headline
    assert median.ci_low < 0 < median.ci_high  # errors are independent
    assert {s.convention for s in result.scores if s.metric == "error_consistency"} == {
        *("kappa/median", "kappa/mean", "kappa/highest"),
    }


def test_errors_that_are_shared_show_in_the_gap_only_by_their_number():
    own, rng = trials(400), np.random.default_rng(1)
    X = planted(own.label, 1.5, p=1)
    first = probe(X, own).trials
    model = first[first.draw == 0].correct.to_numpy() > 0.5
    others = rng.random((8, 400)) < model.mean()
    same = np.where(rng.random((8, 400)) < 0.9, model, others)
    result = probe(X, own, answers=people_of(own, same, 8))
    assert score(result, "error_consistency").value > 0.7
    gap = score(result, "human_gap")
    assert abs(gap.value) < 0.03 and gap.ci_high - gap.ci_low < 0.1  # images are drawn together


def test_people_who_saw_some_images_are_scored_on_these():
    own = trials(100)
    answers = people_of(own.take(np.arange(60)), np.ones((3, 60), dtype=bool), 3)
    result = probe(planted(own.label, 1.0), own, answers=answers)
    for metric in ("people_accuracy", "human_gap"):
        assert (score(result, metric).n, score(result, metric).n_excluded) == (60, 40)
    nobody = replace(answers, task=np.full(180, "other"))
    result = probe(planted(own.label, 1.0), own, answers=nobody)
    for metric in ("people_accuracy", "human_gap", "error_consistency"):
        assert score(result, metric).status == "people answered none of these images"


def test_pixels_are_scored_beside_the_model():
    own = trials(200)
    result = probe(planted(own.label, 1.0), own, pixels=planted(own.label, 4.0, seed=1))
    assert score(result, "pixel_accuracy").value > 0.9 > score(result, "probe_accuracy").value


def test_transfer_trials_are_scored_apart_by_the_probe_of_the_task():
    split = ["train"] * 200 + ["test"] * 100 + ["transfer"] * 100 + ["val"] * 20
    own = trials(420, split=split)
    X = planted(own.label, 3.0)
    X[300:400, 0] = np.random.default_rng(0).standard_normal(100)  # transfer knows nothing
    result = probe(X, own)
    assert score(result, "probe_accuracy").value > 0.85
    transfer = score(result, "probe_accuracy", part="transfer")
    assert transfer.value < 0.65 and transfer.n == 100
    assert set(result.trials.split) == {"test", "transfer"} and len(result.trials) == 200


def test_transfer_of_a_cross_validated_task_is_to_the_probe_of_all_other_trials():
    own = trials(
        300, split=[""] * 240 + ["transfer"] * 60, group=[""] * 240 + [f"t{i // 10}" for i in range(60)]
    )
    X = planted(own.label, 3.0)
    whole = replace(own, split=np.array(["train"] * 240 + ["test"] * 60, object))
    result, expected = probe(X, own), probe(X, whole)
    assert score(result, "probe_accuracy").n == 240 and score(result, "probe_accuracy").value > 0.85
    transfer = score(result, "probe_accuracy", part="transfer")
    assert transfer.value == score(expected, "probe_accuracy").value and transfer.n == 60
    assert transfer.status == "ok, groups=6"
    # The other trials are scored as if there were no transfer.
    alone = probe(X[:240], own.take(np.arange(240)))
    assert score(alone, "probe_accuracy").value == score(result, "probe_accuracy").value
    curve = probe(X, own, replace(QUICK, sizes=(20, 80))).curve
    assert list(curve["size"]) == [20, 80, 192]


def test_levels_of_difficulty_have_scores_of_their_own():
    own = trials(600, difficulty=np.arange(600) // 2 % 3)
    X = planted(own.label, 0, p=1)
    X[:, 0] += (3 - 1.2 * own.difficulty.astype(int)) * own.label
    X[:, 0] -= (3 - 1.2 * own.difficulty.astype(int)) / 2
    part = probe(X, own).parts["test"]
    own_scores, permuted = ([scores[i] for scores in part.levels.values()] for i in range(2))
    values = [part.levels[level][0].value for level in "012"]
    assert values == sorted(values, reverse=True) and all(s.n == 200 for s in own_scores)
    assert np.mean(values) == pytest.approx(part.scores[0].value)
    assert part.difficulty.slope_interval[1] < 0 and 0 < part.difficulty.threshold < 2
    assert all(s.floor == pytest.approx(0.5, abs=0.05) for s in own_scores)
    assert [s.value for s in permuted] == [s.floor for s in own_scores]
    assert all(s.metric == "permuted_accuracy" and s.ci_low < 0.5 < s.ci_high for s in permuted)


def test_a_continuum_of_difficulty_is_fitted_and_not_cut_into_levels():
    own = trials(100, difficulty=np.arange(100) / 7)
    part = probe(planted(own.label, 2.0), own).parts["test"]
    assert not part.levels and part.difficulty.levels == 100
    few = trials(100, difficulty=np.arange(100) % 4 * 5)
    assert list(probe(planted(own.label, 2.0), few).parts["test"].levels) == ["0", "5", "10", "15"]


def test_a_table_has_every_draw_and_trial():
    own = trials(60, group=np.arange(60) // 2, difficulty="3")
    table = probe(planted(own.label, 1.0), own).trials
    assert len(table) == 180 and table.groupby("draw").stimulus_id.nunique().eq(60).all()
    assert table.columns.tolist() == [
        *("stimulus_id", "task", "split", "label", "draw", "fold", "value", "correct", "group", "difficulty")
    ]
    assert ((table.value > 0) == (table.label > 0)).eq(table.correct > 0).all()
    assert table.groupby(["draw", "group"]).fold.nunique().eq(1).all()
    assert not table.isna().any().any()


@pytest.mark.parametrize("split", [[""] * 240, ["train"] * 120 + ["test"] * 80 + ["val"] * 40])
def test_the_published_probe_runs_in_its_place(split):
    own = trials(240, split=split)
    X = planted(own.label, 0, p=400) + own.label[:, None]  # its rate of 5e-5 hardly moves a single weight
    result = probe(X, own, replace(QUICK, classifier="published", draws=1))
    assert score(result, "probe_accuracy").value > 0.8 and score(result, "probe_accuracy").floor is None


def test_orientations_are_decoded_and_their_error_is_reported():
    theta = np.random.default_rng(0).uniform(0, 180, 300)
    own = replace(trials(300), label=theta, theta=theta)
    noise = np.random.default_rng(1).standard_normal((300, 4))
    twice = np.radians(2 * theta)
    X = np.column_stack([np.cos(twice), np.sin(twice), noise]) + 0.05 * noise[:, :1]
    found = probe(X, own).scores
    assert [s.metric for s in found] == ["decoder_error"] and found[0].convention == "degrees"
    assert found[0].ci_low < found[0].value < found[0].ci_high < 5 and found[0].floor == 45
    assert probe(noise, own).scores[0].value == pytest.approx(45, abs=5)


def test_bad_input_is_refused_before_anything_is_computed():
    own = trials(60)
    X = planted(own.label, 1.0)
    with pytest.raises(InputError, match=r"stimulus_id: 's00059' has no features \(1 such\)"):
        probe_task({"layer": X[:59]}, own.stimulus_id[:59], own, "t", QUICK)
    with pytest.raises(InputError, match="layer layer: features are not finite"):
        probe(np.where(X > 2, np.nan, X), own)
    with pytest.raises(InputError, match="probe: 'svm' is unknown"):
        probe(X, own, replace(QUICK, classifier="svm"))
    with pytest.raises(InputError, match="too few for 5 folds"):
        probe(X, replace(own, group=(np.arange(60) // 20).astype(str).astype(object)))
    with pytest.raises(InputError, match="published: needs features"):
        probe(Gram(X @ X.T), own, replace(QUICK, classifier="published"))
