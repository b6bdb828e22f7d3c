"""Claims about trials: what is read, what is kept together, and what is refused with its place."""

import itertools

import numpy as np
import pytest

from visalign.errors import InputError
from visalign.probes.trials import Trials, read_trials, units

HEADER = "stimulus_id,task,label,split,group,difficulty,pair"


def rows(n=8, task="depth", **columns):
    """Rows of a table, labels in turn; a column is a value, or one per row."""
    own = {"stimulus_id": [f"s{i}" for i in range(n)], "task": task, "label": [i % 2 for i in range(n)]}
    own |= {"split": "", "group": "", "difficulty": "", "pair": ""} | columns
    return [",".join(str(v[i] if isinstance(v, list) else v) for v in own.values()) for i in range(n)]


def write(path, lines, header=HEADER):
    file = path / "trials.csv"
    file.write_text("\n".join([header, *lines]) + "\n")
    return file


def test_a_stimulus_may_be_asked_in_several_tasks(tmp_path):
    file = write(tmp_path, rows(8) + rows(6, "near", difficulty="2.5"))
    trials = read_trials(file, known=[f"s{i}" for i in range(8)])
    assert trials.tasks == ["depth", "near"] and len(trials) == 14
    near = trials.of("near")
    assert near.difficulty.tolist() == ["2.5"] * 6 and near.label.tolist() == [0, 1] * 3
    assert near.cross_validated and not near.angular


def test_trials_of_a_task_come_by_stimulus_whatever_the_order_of_the_file(tmp_path):
    one = read_trials(write(tmp_path, rows(8))).of("depth")
    other = read_trials(write(tmp_path, rows(8)[::-1])).of("depth")
    assert np.array_equal(one.stimulus_id, other.stimulus_id) and np.array_equal(one.label, other.label)


def test_names_that_look_like_numbers_or_missing_values_stay_names(tmp_path):
    names = ["007", "NA", "None", "1e3"]
    assert read_trials(write(tmp_path, rows(4, stimulus_id=names))).stimulus_id.tolist() == names


def test_an_angle_task_has_a_theta_everywhere(tmp_path):
    lines = [f"{line},{30 * i}" for i, line in enumerate(rows(6, label=[30 * i for i in range(6)]))]
    trials = read_trials(write(tmp_path, lines, HEADER + ",theta"))
    assert trials.of("depth").angular
    lines[2] = lines[2].rsplit(",", 1)[0] + ","
    with pytest.raises(InputError, match=r"task depth: theta: empty in 1 of 6 trials"):
        read_trials(write(tmp_path, lines, HEADER + ",theta"))


def test_trials_of_a_group_or_a_pair_are_one_unit():
    group = np.array(["a", "a", "", "b", "", "", "c"], dtype=object)
    pair = np.array(["", "x", "x", "", "", "y", "y"], dtype=object)
    assert units(group, pair).tolist() == [0, 0, 0, 1, 2, 3, 3]
    assert units(np.array(["a", ""]), np.array(["", "a"])).tolist() == [0, 1]  # a group is no pair


def test_units_are_the_classes_of_a_brute_force_closure():
    rng = np.random.default_rng(0)
    group, pair = (rng.choice(["", *"abcdefgh"], 30) for _ in range(2))
    label = list(range(30))
    for _ in range(30):
        for i, j in itertools.combinations(range(30), 2):
            if (group[i] and group[i] == group[j]) or (pair[i] and pair[i] == pair[j]):
                label[i] = label[j] = min(label[i], label[j])
    found = units(group, pair)
    assert all((found[i] == found[j]) == (label[i] == label[j]) for i in range(30) for j in range(30))


SPLITS = ["train"] * 4 + ["test"] * 4


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"label": [0, 1, 2, 1, 0, 1, 0, 1]}, "task depth: label: 2 of 's2' is not 0 or 1 (1 such"),
        ({"label": 1}, "task depth: label: all trials: all are 1: both labels are needed"),
        ({"split": SPLITS, "label": [0, 1, 0, 1, 1, 1, 1, 1]}, "label: split test: all are 1"),
        ({"split": SPLITS, "label": [0, 0, 0, 0, 1, 0, 1, 1]}, "label: split train: all are 0"),
        ({"split": SPLITS, "group": list("abcdaefg")}, "group: 'a' is in train and in test (1 such)"),
        ({"split": SPLITS, "pair": list("abcdabfg")}, "pair: 'a' is in train and in test (2 such)"),
        ({"split": ["train", "", *SPLITS[2:]]}, "task depth: split: empty in 1 of 8 trials"),
        ({"split": ["validation", *SPLITS[1:]]}, "split: 'validation' is unknown (known: train, val, test,"),
        ({"split": "train"}, "task depth: split: no trial is 'test'"),
        (
            {"stimulus_id": ["s1", *[f"s{i}" for i in range(1, 8)]]},
            "stimulus_id: 's1' is there more than once",
        ),
        ({"stimulus_id": [f"s{i}" for i in range(3, 11)]}, "stimulus_id: 's10', 's8', 's9' are no stimulus"),
        ({"label": ["0", "one", *[0, 1] * 3]}, "label: line 3: 'one' is not a number"),
        ({"task": ["", *["depth"] * 7]}, "task: line 2: empty, expected a name"),
    ],
)
def test_bad_tables_are_refused_with_file_field_and_value(tmp_path, columns, message):
    file = write(tmp_path, rows(8, **columns))
    with pytest.raises(InputError) as error:
        read_trials(file, known=[f"s{i}" for i in range(8)])
    assert message in str(error.value) and str(error.value).startswith(str(file))


def test_a_group_may_be_in_validation_and_transfer(tmp_path):
    split = ["train", "train", "val", "val", "test", "test", "transfer", "transfer"]
    trials = read_trials(write(tmp_path, rows(8, split=split, group=list("aaaabbaa"))))
    assert isinstance(trials, Trials)


def test_transfer_may_stand_beside_trials_that_are_cross_validated(tmp_path):
    trials = read_trials(write(tmp_path, rows(8, split=[""] * 4 + ["transfer"] * 4)))
    assert trials.cross_validated


def test_faults_of_all_tasks_are_told_at_once(tmp_path):
    with pytest.raises(InputError) as error:
        read_trials(write(tmp_path, rows(4, label=1) + rows(4, "near", split="train")))
    assert len(error.value.messages) == 2


def test_an_unknown_task_names_those_there_are(tmp_path):
    with pytest.raises(InputError, match=r"trials.csv: task: 'far' is unknown \(known: depth\)"):
        read_trials(write(tmp_path, rows(4))).of("far")


def test_an_empty_table_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"no trials below the header"):
        read_trials(write(tmp_path, []))
