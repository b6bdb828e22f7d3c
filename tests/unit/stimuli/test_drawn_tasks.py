"""Claims about visual tasks as stimulus sets: images, parts, geometry and trials, whole or absent."""

from __future__ import annotations

import itertools
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from visalign.errors import InputError
from visalign.stimuli import drawn_tasks, sources
from visalign.visual_tasks.drawn import Asked, Drawn

ROWS = [
    {"source": "pathfinder", "length": 3},
    {"source": "pathfinder_published", "length": 3},
    {"source": "cluttered_letters", "level": "medium"},
    {"source": "perspective", "control": "matched"},
    {"source": "perspective_tracks"},
]


def row_of(change: dict, count: int = 10) -> dict:
    return {"stimuli": "set", "count": count, "seed": 3, "size": 112} | change


def made(images: int):
    """A made set, each image with two questions."""
    for index in range(images):
        image = np.full((8, 8, 3), index, np.uint8)
        asked = (Asked("one", index % 2, "easy"), Asked("other", 12.5))
        parts = np.zeros((8, 8), np.uint8)
        parts[0, 0] = index
        yield f"s-{index}", Drawn(image=image, parts=parts, asked=asked, group="g", geometry={"x": [index]})


def test_a_set_has_images_parts_geometry_and_a_trial_per_question(tmp_path):
    rows = list(drawn_tasks.write(made(3), tmp_path))
    assert [row.stimulus_id for row in rows] == ["s-0", "s-1", "s-2"] and rows[0].label is None
    assert np.asarray(Image.open(rows[2].path)).max() == 2
    assert np.asarray(Image.open(tmp_path / "segs/s-2.png"))[0, 0] == 2
    lines = [json.loads(line) for line in (tmp_path / "geometry.json").read_text().splitlines()]
    assert lines[1] == {"stimulus_id": "s-1", "x": [1]}
    assert (tmp_path / "trials.csv").read_text().splitlines()[:4] == [
        "stimulus_id,task,label,split,group,difficulty,pair,theta",
        "s-0,one,0,,g,easy,,",
        "s-0,other,12.5,,g,,,",
        "s-1,one,1,,g,easy,,",
    ]


def test_images_are_drawn_one_at_a_time_and_tables_are_whole_or_absent(tmp_path):
    taken = []

    def noting():
        for pair in made(5):
            taken.append(pair[0])
            yield pair

    rows = drawn_tasks.write(noting(), tmp_path)
    assert next(rows).stimulus_id == "s-0" and taken == ["s-0"]
    rows.close()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["s-0.png", "segs"]


@pytest.mark.parametrize("change", ROWS, ids=lambda change: change["source"])
def test_what_is_listed_is_what_is_drawn_and_half_of_the_trials_have_each_label(tmp_path, change):
    row = row_of(change)
    listed = sources.listed(row)
    rows = list(sources.images(row, tmp_path))
    assert [each.stimulus_id for each in rows] == listed.stimulus_id and listed.label is None
    trials = pd.read_csv(tmp_path / "trials.csv")
    assert list(trials.columns) == list(drawn_tasks.COLUMNS)
    assert (trials.groupby("task")["label"].mean() == 0.5).all()
    assert set(trials["stimulus_id"]) == set(listed.stimulus_id)
    assert {each.height for each in rows} == {112}
    assert str(10) in sources.of(row).describe(row)


@pytest.mark.parametrize("change", ROWS, ids=lambda change: change["source"])
def test_a_longer_set_starts_with_the_shorter(tmp_path, change):
    few, many = (
        [
            row.sha256
            for row in itertools.islice(sources.images(row_of(change, count), tmp_path / str(count)), 4)
        ]
        for count in (10, 1000)
    )
    assert few == many


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"source": "pathfinder"}, "length: the source pathfinder needs it"),
        ({"source": "cluttered_letters"}, "level: the source cluttered_letters needs it"),
        ({"source": "perspective", "control": ""}, "control: the source perspective needs it"),
        ({"source": "pathfinder", "length": 3, "size": 64}, "size: 64: Pathfinder images have 112 pixels"),
        (
            {**ROWS[3], "label_space": "imagenet-1k"},
            "label_space: imagenet-1k: labels of visual tasks are in",
        ),
    ],
)
def test_what_a_row_must_not_say_is_refused(tmp_path: Path, change, reason):
    with pytest.raises(InputError, match=reason):
        list(sources.images(row_of(change), tmp_path))
