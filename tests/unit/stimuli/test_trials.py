"""Claims about trials that others made: every layout becomes a stimulus set with its table of trials."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from visalign import cli
from visalign.errors import InputError
from visalign.probes.trials import read_trials
from visalign.stimuli import images, sources, tables
from visalign.visual_tasks.pathfinder import draw


def picture(path, shade=9):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.full((12, 12), shade, np.uint8)).save(path)


def svrt(root):
    for label in (0, 1):
        for number in range(3):
            picture(root / f"results_problem_4/sample_{label}_{number}.png")


def pathfinder(root):
    for name in ("neg", "pos"):
        for number in range(3):
            picture(root / f"curv_contour_length_9/imgs/{name}/{number}.png")


def letters(root):
    for split in ("train", "test"):
        for name in ("neg", "pos"):
            picture(root / f"easy/images/{split}/{name}/1/sample_0.png")


def scenes(root):
    """Write the tables of the 3D-PC, where an image is asked in two tasks and another is unclear."""
    for split, folder in (("train", "train"), ("test", "test")):
        paths = [f"car/car_0{1 if split == 'train' else 3}/0{k}/0001.png" for k in range(3)]
        for path in paths:
            picture(root / folder / path)
        for task, labels in (("perspective", [0, 1, 1]), ("depth", [0, 1, -1])):
            table = pd.DataFrame({"img_url": paths, "label": labels})
            table.to_csv(root / f"{split}_{task}_balanced.csv", index=False)


def classes(root):
    for split, scene in (("train", "01"), ("test", "03")):
        for label in (0, 1):
            picture(root / f"depth/{split}/car {label}/car_{scene}_0{label}_0001.png")


def parquet(root):
    picture(root / "one.png")
    rows = [
        {"image": {"bytes": (root / "one.png").read_bytes(), "path": ""}, "label": k, "category": "car"}
        | {"scene": "car_03", "setting": f"0{k}", "img_id": "0001"}
        for k in (0, 1)
    ]
    (root / "depth").mkdir()
    for split in ("train", "test"):
        frame = pd.DataFrame(rows).assign(scene=f"car_{split}")
        frame.to_parquet(root / f"depth/{split}-0.parquet")


LAYOUTS = [
    ("svrt", svrt, 6, 6),
    ("pathfinder", pathfinder, 6, 6),
    ("cluttered_letters", letters, 4, 4),
    ("3dpc", scenes, 6, 10),
    ("3dpc", classes, 4, 4),
    ("3dpc", parquet, 4, 4),
]


def staged(folder, layout) -> pd.DataFrame:
    row = ["--source=trials", f"--path={folder / 'real'}", f"--layout={layout}"]
    out = ["--images", str(folder / "set"), "--table", str(folder / "set.csv")]
    cli.main(["stimuli", "--name", "set", *row, *out])
    return tables.read(str(folder / "set.csv"))


@pytest.mark.parametrize(("layout", "write", "count", "asked"), LAYOUTS)
def test_every_layout_is_listed_unread_and_becomes_a_set_that_a_probe_reads(
    tmp_path, monkeypatch, layout, write, count, asked
):
    (tmp_path / "real").mkdir()
    write(tmp_path / "real")
    with monkeypatch.context() as patched:
        patched.setattr(images, "decode", None)
        row = {"stimuli": "set", "source": "trials", "path": str(tmp_path / "real"), "layout": layout}
        listed = sources.listed(row)
    table = staged(tmp_path, layout)
    assert listed.stimulus_id == table["stimulus_id"].tolist() and len(table) == count
    trials = read_trials(tmp_path / "set/trials.csv", listed.stimulus_id)
    written = pd.read_csv(tmp_path / "set/trials.csv", dtype=str, keep_default_na=False)
    assert len(trials) == asked
    assert written[list(listed.trials[0])].to_dict("records") == listed.trials


def test_labels_that_the_images_contradict_are_refused_before_any_row_is_written(tmp_path, capsys):
    for name, asked in (("neg", 1), ("pos", 0)):  # the wrong way round
        folder = tmp_path / f"real/curv_contour_length_6/imgs/{name}"
        folder.mkdir(parents=True)
        own = (
            drawn for index in range(60) if (drawn := draw(3, index, 112, length=6)).asked[0].label == asked
        )
        for number, drawn in zip(range(12), own, strict=False):
            Image.fromarray(drawn.image).save(folder / f"{number}.png")
    with pytest.raises(SystemExit):
        staged(tmp_path, "pathfinder")
    said = capsys.readouterr().err
    assert "label: 0.50 of 24 images have the label that their pixels show, fewer than 0.80" in said
    assert not (tmp_path / "set.csv").exists() and not (tmp_path / "set/trials.csv").exists()


def test_unclear_trials_are_counted_and_named(tmp_path, capsys):
    (tmp_path / "real").mkdir()
    scenes(tmp_path / "real")
    staged(tmp_path, "3dpc")
    assert (
        "2 trials of unclear label are left out: depth train/car/car_01/02/0001.png"
        in capsys.readouterr().err
    )
    assert len((tmp_path / "set/unclear.txt").read_text().splitlines()) == 2


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ({"path": "absent", "layout": "svrt"}, "absent: path: no such folder"),
        ({"path": ".", "layout": "mine"}, "layout: 'mine' is unknown"),
        ({"path": "."}, "layout: the source trials needs it"),
        ({"path": ".", "layout": "svrt", "label_space": "imagenet-1k"}, "label_space: imagenet-1k"),
    ],
)
def test_wrong_rows_are_refused(tmp_path, monkeypatch, row, reason):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match=reason):
        sources.listed({"stimuli": "set", "source": "trials"} | row)
