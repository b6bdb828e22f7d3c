"""Claims about sources of drawn tasks: a longer set begins with the shorter, and trials say what is asked."""

from __future__ import annotations

import golden_images
import numpy as np
import pandas as pd
import pytest
from PIL import Image

from visalign import cli
from visalign.errors import InputError
from visalign.stimuli import probes, sources, tables


def staged(folder, row: dict) -> pd.DataFrame:
    options = [f"--{key}={value}" for key, value in row.items() if key != "stimuli"]
    out = ["--images", str(folder / "set"), "--table", str(folder / "set.csv")]
    cli.main(["stimuli", "--name", row["stimuli"], *options, *out])
    return tables.read(str(folder / "set.csv"))


def row(source: str, **columns) -> dict:
    return {"stimuli": "set", "source": source, "count": 10, "seed": 3, "size": 112} | columns


@pytest.mark.parametrize("wanted", [row("svrt", tasks="4,1"), row("gratings", count=12, phases=1)])
def test_what_is_listed_is_what_is_drawn_and_asked(tmp_path, wanted):
    listed, table = sources.listed(wanted), staged(tmp_path, wanted)
    trials = pd.read_csv(tmp_path / "set/trials.csv", dtype={"difficulty": str})
    assert listed.stimulus_id == table["stimulus_id"].tolist() == trials["stimulus_id"].tolist()
    assert set(table["height"]) == {112} and table["sha256"].is_unique
    segments = np.asarray(Image.open(tmp_path / f"set/segs/{listed.stimulus_id[0]}.png"))
    assert segments.shape == (112, 112) and segments.max() >= 1


def test_answers_of_a_problem_are_balanced_and_tasks_are_named(tmp_path):
    staged(tmp_path, row("svrt", tasks="22,5"))
    trials = pd.read_csv(tmp_path / "set/trials.csv")
    assert trials.groupby("task")["label"].agg(["size", "sum"]).to_numpy().tolist() == [[10, 5], [10, 5]]
    assert list(dict.fromkeys(trials["task"])) == ["svrt-05", "svrt-22"]


def test_trials_of_gratings_hold_angle_delta_and_cell(tmp_path):
    staged(tmp_path, row("gratings", phases=2))
    trials = pd.read_csv(tmp_path / "set/trials.csv")
    both = trials[trials["task"] == "tilt"]
    assert (trials["task"] == "orientation").sum() == 10 and len(both) == 224
    assert both.groupby("group")["difficulty"].nunique().tolist() == [14] * 16
    assert both.groupby("group")["label"].nunique().tolist() == [1] * 16


@pytest.mark.parametrize("source", ["svrt", "gratings"])
def test_a_longer_set_holds_the_images_of_the_shorter(tmp_path, source):
    own = {"tasks": "15"} if source == "svrt" else {"phases": 0}
    tables_of = []
    for count in (8, 20):
        (tmp_path / str(count)).mkdir()
        tables_of.append(staged(tmp_path / str(count), row(source, count=count, **own)))
    short, long = (table.set_index("stimulus_id")["sha256"] for table in tables_of)
    assert len(short) == 8 and len(long) == 20
    assert long.loc[short.index].tolist() == short.tolist()


@pytest.mark.parametrize(
    ("wanted", "reason"),
    [
        (row("svrt", tasks="1,99"), "tasks: '99' is no problem"),
        (row("svrt", size=64), "size: 64: svrt takes at least 96 pixels"),
        (row("gratings", size=32), "size: 32: gratings take at least 56 pixels"),
    ],
)
def test_what_cannot_be_drawn_is_an_error_before_anything_is(wanted, reason):
    with pytest.raises(InputError, match=reason):
        sources.listed(wanted)


def test_the_mixture_is_the_one_that_is_kept():
    """The first image of each part: one that is drawn otherwise gives another score of the same name."""
    drawn = {part: draw(0, 0, probes.SMALLEST) for part, draw in probes.drawers().items()}
    golden_images.check("probes", [np.atleast_3d(each.image)[..., -1] for each in drawn.values()])
    asked = {
        part: [(asked.task, round(asked.label, 3), asked.split) for asked in each.asked]
        for part, each in drawn.items()
    }
    assert asked == {
        "perspective": [("depth", 1, ""), ("vpt-basic", 0, "")],
        "tracks": [("vpt-basic", 1, "transfer")],
        "letters": [("cluttered-letters", 1, "")],
        "orientation": [("orientation", 29.780, "")],
        "tilt": [("tilt", 0, "")],
        "pathfinder-3": [("pathfinder", 0, "")],
        "pathfinder-6": [("pathfinder", 1, "")],
        "svrt-01": [("svrt-01", 0, "")],
        "svrt-04": [("svrt-04", 0, "")],
        "svrt-15": [("svrt-15", 1, "")],
        "svrt-22": [("svrt-22", 0, "")],
    }
