"""Claims about people's answers: what is read, what counts as wrong, whose accuracy it is."""

import numpy as np
import pytest

from visalign.errors import InputError
from visalign.probes import people

HEADER = "participant,stimulus_id,response,label,timed_out"


def write(path, lines, header=HEADER):
    file = path / "people.csv"
    file.write_text("\n".join([header, *lines]) + "\n")
    return file


def test_time_outs_are_wrong_and_counted_and_other_images_are_named(tmp_path):
    lines = ["1,a,1,1,False", "1,b,0,1,false", "1,c,,1,True", "2,a,0,0,0", "2,b,1,1,1", "2,z,1,1,0"]
    answers = people.read_table_of_answers(write(tmp_path, lines))
    found = people.answers_to(answers, "any", ["a", "b", "c", "d"])
    expected = [[1, 0, 0, np.nan], [1, 0, np.nan, np.nan]]
    np.testing.assert_array_equal(found.right, expected)
    assert found.participants == ["1", "2"] and found.timed_out == 2
    assert found.elsewhere == ["z"] and found.n_elsewhere == 1
    assert found.said == "2 time-outs count as wrong; 1 answers to 1 other stimuli left out (z)"


def test_answers_of_another_task_are_left_alone(tmp_path):
    file = write(tmp_path, ["1,a,1,1,0,near", "1,a,0,1,0,far"], HEADER + ",task")
    answers = people.read_table_of_answers(file)
    assert people.answers_to(answers, "near", ["a"]).right.tolist() == [[1]]
    assert people.answers_to(answers, "far", ["a"]).right.tolist() == [[0]]


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (["1,a,1,1,maybe"], "timed_out: 'maybe' is unknown (known: true, false)"),
        (["1,a,,1,0"], "response: empty for participant '1', stimulus 'a' (1 such)"),
        (["1,a,yes,1,0"], "response: line 2: 'yes' is not a number"),
        (["1,a,1,1,0", "1,a,0,1,0"], "stimulus_id: participant '1' answered 'a' 2 times: keep one"),
        ([",a,1,1,0"], "participant: line 2: empty, expected a name"),
        ([], "no answers below the header"),
    ],
)
def test_bad_tables_are_refused(tmp_path, lines, message):
    file = write(tmp_path, lines)
    with pytest.raises(InputError) as error:
        people.read_table_of_answers(file)
    assert message in str(error.value) and str(file) in str(error.value)


def test_accuracy_is_the_mean_over_people_of_their_means():
    right = np.array([[1, 1, np.nan, np.nan], [0, 0, 0, 1.0]])
    assert people.accuracy(right) == pytest.approx((1 + 0.25) / 2)
    assert np.isnan(people.accuracy(np.empty((0, 0))))


def test_draws_resample_people_and_images():
    rng = np.random.default_rng(0)
    skill, image = rng.normal(0.7, 0.1, (200, 1)), rng.normal(0, 0.15, 300)
    right = (rng.random((200, 300)) < np.clip(skill + image, 0, 1)).astype(float)
    weights = rng.multinomial(300, np.full(300, 1 / 300), size=1000).astype(float)
    both = people.accuracy_draws(right, weights, np.random.default_rng(1))
    of_people = right.mean(axis=1).std() / np.sqrt(200)
    of_images = right.mean(axis=0).std() / np.sqrt(300)
    assert both.std() == pytest.approx(np.hypot(of_people, of_images), rel=0.1)
    assert both.mean() == pytest.approx(people.accuracy(right), abs=0.002)
