"""Claims about simulated people: they err where margins are narrow, and as consistently as was planted."""

import json

import numpy as np
import pandas as pd
import pytest

from visalign import cli
from visalign.errors import InputError
from visalign.probes.error_consistency import between
from visalign.probes.people import answers_to, read_answers
from visalign.probes.trials import read_trials
from visalign.simulate import answers as simulate
from visalign.simulate.answers import Crowd
from visalign.stimuli import drawn_tasks
from visalign.visual_tasks import pathfinder, perspective
from visalign.visual_tasks.ray_cast import Box

CROWD = Crowd(participants=12, ability=1.0, slope=0.8, lapse=0.05, idiosyncrasy=0.5)


def test_distance_from_a_box_is_that_of_its_surface():
    box = Box(1.0, 0.0, 0.5, 0.25, 1.0, 0.0)
    points = np.array([[1.0, 0.0, 0.5], [1.0, 0.0, 1.3], [1.8, 0.65, 0.5], [1.4, 0.0, 0.5]])
    assert simulate.signed_distance(points, box) == pytest.approx([-0.25, 0.3, 0.5, -0.1])


def test_accuracy_and_consistency_are_those_that_are_planted():
    rng = np.random.default_rng(0)
    right, probability = simulate.right_answers(rng.standard_normal(20_000), CROWD, rng)
    # Standard errors: .001 of the accuracy, .003 of the mean over 66 pairs of κ.
    assert right.mean() == pytest.approx(probability.mean(), abs=0.004)
    found = float(between(right.astype(float)).kappa.mean())
    assert found == pytest.approx(simulate.error_consistency(probability), abs=0.01)
    assert found > 0.1


def test_equal_probabilities_give_no_consistency():
    assert simulate.error_consistency(np.full(10, 0.7)) == pytest.approx(0)


def test_wider_margins_are_answered_better():
    rng = np.random.default_rng(1)
    margin = np.repeat([-1.0, 1.0], 500)
    right, _ = simulate.right_answers(margin, CROWD, rng)
    assert right[:, 500:].mean() - right[:, :500].mean() > 0.2


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tasks")
    shown = [(f"p{i}", perspective.draw(3, i, 64)) for i in range(24)]
    shown += [(f"c{i}", pathfinder.draw(3, i, 112, length=3 + 3 * (i % 2))) for i in range(8)]
    list(drawn_tasks.write(shown, folder))
    return folder


def command(folder, output, tasks):
    paths = {"trials": folder / "trials.csv", "geometry": folder / "geometry.json"}
    paths |= {"output": output / "answers.csv", "truth": output / "truth.json"}
    options = [word for name, path in paths.items() for word in (f"--{name}", str(path))]
    cli.main(["simulate", "answers", *options, "--tasks", tasks, "--participants", "5"])
    return output / "answers.csv", json.loads((output / "truth.json").read_text())


def test_answers_are_read_like_those_of_people(drawn, tmp_path):
    path, truth = command(drawn, tmp_path, "depth, vpt-basic, pathfinder")
    assert truth["simulated"] and set(truth["tasks"]) == {"depth", "vpt-basic", "pathfinder"}
    answers = read_answers(path, read_trials(drawn / "trials.csv"))
    seen = answers_to(answers, "vpt-basic", [f"p{i}" for i in range(24)])
    assert seen.right.shape == (5, 24) and not np.isnan(seen.right).any() and not seen.n_elsewhere
    labels = pd.read_csv(drawn / "trials.csv").set_index(["task", "stimulus_id"])["label"]
    table = pd.read_csv(path)
    asked = list(zip(table["task"], table["stimulus_id"], strict=True))
    assert (labels.loc[asked].to_numpy() == table["label"].to_numpy()).all()


def test_answers_to_a_task_do_not_depend_on_the_others(drawn, tmp_path):
    (tmp_path / "one").mkdir()
    both = pd.read_csv(command(drawn, tmp_path, "depth,pathfinder")[0])
    one = pd.read_csv(command(drawn, tmp_path / "one", "pathfinder")[0])
    pd.testing.assert_frame_equal(both[both["task"] == "pathfinder"].reset_index(drop=True), one)


def test_margins_of_sight_are_distances_from_boxes(drawn):
    geometry = simulate.read_geometry(drawn / "geometry.json")
    trials = pd.read_csv(drawn / "trials.csv", dtype=str)
    trials = trials[trials["task"] == "vpt-basic"]
    for _, trial in trials.iterrows():
        own = geometry[trial["stimulus_id"]]
        line = np.linspace(own["eye"], own["ball"], 4001)
        nearest = min(simulate.signed_distance(line, Box(*box)).min() for box in own["boxes"])
        assert (nearest < 0) == (trial["label"] == "0")
        assert simulate.of_sight(trial, own) == pytest.approx(np.log(abs(nearest)), abs=0.1)


def test_a_task_without_a_margin_and_one_that_is_not_there_are_named(drawn, tmp_path, capsys):
    with pytest.raises(SystemExit):
        command(drawn, tmp_path, "svrt-01")
    assert "trials.csv: task: 'svrt-01' is unknown" in capsys.readouterr().err
    trials = pd.DataFrame({"stimulus_id": ["a"], "task": ["svrt-01"], "difficulty": [""]})
    with pytest.raises(InputError, match="'svrt-01' is unknown"):
        simulate.margins(trials, {"a": {}}, "svrt-01")
