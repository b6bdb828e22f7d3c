"""Claims about people's answers: what is read, what counts as wrong, whose accuracy it is."""

import numpy as np
import pytest

from visalign.errors import InputError
from visalign.probes import people
from visalign.probes.trials import read_trials

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


ASKED = "stimulus_id,task,label\na,near,0\nb,near,1\ncar/car_03/05/0003.png,depth,0\nc,depth,1\n"


def asked(folder):
    (folder / "trials.csv").write_text(ASKED)
    return read_trials(folder / "trials.csv")


def test_answers_none_of_which_is_to_a_trial_are_refused(tmp_path):
    with pytest.raises(InputError, match=r"stimulus_id: none of 1 answers is to a trial of .*such as 'z'"):
        people.read_answers(write(tmp_path, ["1,z,1,1,0"]), asked(tmp_path))
    assert len(people.read_answers(write(tmp_path, ["1,a,1,1,0"]), asked(tmp_path)).right) == 1


def test_files_of_the_3d_pc_are_answers_whose_unknown_and_repeated_ones_are_counted_and_named(tmp_path):
    (tmp_path / "people/depth").mkdir(parents=True)
    urls = ["car_03/05/0003.png", "car_03/05/0003.png", "bus_01/01/0002.png"]
    lines = [f"secret,https://x/{url},1,1,True,False" for url in urls]
    header = "worker,video_url,response,label,correctness,timeout"
    (tmp_path / "people/depth/secret.csv").write_text("\n".join([header, *lines]) + "\n")
    answers = people.read_answers(tmp_path / "people", asked(tmp_path))
    found = people.answers_to(answers, "depth", ["car/car_03/05/0003.png", "c"])
    np.testing.assert_array_equal(found.right, [[1, np.nan]])
    assert found.said == "1 answers to 1 other stimuli left out (bus_01_01_0002); 1 repeated answers left out"
    with pytest.raises(InputError, match=r"no files of answers: expected depth/\*\.csv"):
        people.read_folder(tmp_path, asked(tmp_path))
