"""Claims about the reader of the 3D-PC: three layouts, settings as groups, nothing personal kept."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from visalign.errors import InputError
from visalign.visual_tasks import three_d_pc


def image(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"png")


def with_tables(root: Path) -> Path:
    for folder, path in (("train", "car/car_01/03/0001.png"), ("train", "car/car_01/07/0002.png")):
        image(root / folder / path)
    image(root / "test/car/car_03/05/0003.png")
    rows = {"img_url": ["car/car_01/03/0001.png", "car/car_01/07/0002.png"], "label": [0.0, -1.0]}
    pd.DataFrame(rows).to_csv(root / "train_perspective_balanced.csv", index=False)
    rows = {"img_url": ["car/car_03/05/0003.png"], "label": [1.0]}
    pd.DataFrame(rows).to_csv(root / "test_perspective_balanced.csv", index=False)
    return root


def test_tables_give_splits_and_settings_and_count_what_is_unclear(tmp_path):
    found = three_d_pc.from_tables(with_tables(tmp_path))
    assert found.unclear == ("vpt-basic train/car/car_01/07/0002.png",) and found.unread == [
        "train/car/car_01/07/0002.png"
    ]
    assert [(t.split, t.label, t.group) for t in found.trials] == [
        ("train", 0, "car/car_01/03"),
        ("test", 1, "car/car_03/05"),
    ]


def test_an_image_that_is_not_there_is_named(tmp_path):
    (with_tables(tmp_path) / "test/car/car_03/05/0003.png").unlink()
    with pytest.raises(InputError, match=r"test_perspective_balanced.csv: img_url: car/car_03/05/0003.png"):
        three_d_pc.from_tables(tmp_path)


def test_class_folders_give_labels(tmp_path):
    image(tmp_path / "depth/test/car 1/car_03_05_0003.png")
    image(tmp_path / "perspective/train/car 0/car_01_03_0001.png")
    found = three_d_pc.from_folders(tmp_path).trials
    assert {(t.task, t.split, t.label) for t in found} == {("depth", "test", 1), ("vpt-basic", "train", 0)}


def test_parquet_files_give_bytes_and_settings(tmp_path):
    rows = [
        {
            "image": {"bytes": b"png", "path": "a.png"},
            "label": 1,
            "category": "car",
            "scene": "car_03",
            "setting": "05",
            "img_id": "0003",
        }
    ]
    (tmp_path / "vpt-basic").mkdir()
    pd.DataFrame(rows).to_parquet(tmp_path / "vpt-basic/test-00000.parquet")
    (found,) = three_d_pc.from_parquet(tmp_path)
    assert found.content == b"png" and found.trial.group == "car/car_03/05" and found.trial.split == "test"


def test_parquet_files_are_listed_without_their_images(tmp_path):
    columns = {
        "label": [0, 1],
        "category": "car",
        "scene": "car_03",
        "setting": ["04", "05"],
        "img_id": "0003",
    }
    for task, name in (("vpt-basic", "test-0"), ("vpt-strategy", "test-0")):
        (tmp_path / task).mkdir()
        table = pd.DataFrame(columns).assign(image=[{"bytes": b"png", "path": ""}] * 2)
        table.to_parquet(tmp_path / task / f"{name}.parquet")
    listed = three_d_pc.in_parquet(tmp_path)
    assert listed == [stored.trial for stored in three_d_pc.from_parquet(tmp_path)]
    assert [(t.task, t.split, t.group) for t in listed] == [
        ("vpt-basic", "test", "car/car_03/04"),
        ("vpt-basic", "test", "car/car_03/05"),
        *[("vpt-basic", "transfer", "car/car_03")] * 2,
    ]


def person(file: Path, **changes: object) -> Path:
    """Write a file as one person left it, with what is personal in it and in its name."""
    seen = ("car_03/05/0003.png", "car_03/05/0003.png", "bus_01/1/2.png")
    table = pd.DataFrame(
        {
            "worker_id": ["secret"] * 3,
            "ip": ["10.1.2.3"] * 3,
            "video_url": [f"https://x/{end}?secret" for end in seen],
            "response": [1, 0, 1],
            "label": [1, 1, 1],
            "correctness": [True, False, True],
            "timeout": [False, False, False],
        }
    ).assign(**changes)
    file.parent.mkdir(parents=True, exist_ok=True)
    table.to_csv(file, index=False)
    return file


def test_people_are_numbered_and_their_names_and_addresses_are_not_kept(tmp_path):
    shown = ["test/car/car_03/05/0003.png"]
    answers, repeated = three_d_pc.answers([person(tmp_path / "secret.csv")], shown)
    assert answers.to_dict("records") == [
        {"participant": 1, "stimulus_id": name, "response": 1.0, "label": 1.0, "timed_out": False}
        for name in (shown[0], "bus_01_1_2")
    ]
    assert repeated == 1
    assert "secret" not in answers.to_csv() and "10.1.2.3" not in answers.to_csv()


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"correctness": False}, "line 2: correctness: False, but response is 1 and label 1"),
        ({"label": 2}, "line 2: label: '2' is neither 0 nor 1"),
        ({"response": "left"}, "line 2: response: 'left' is not a number"),
        ({"timeout": "late"}, "line 2: timeout: 'late' is neither true nor false"),
    ],
)
def test_bad_answers_are_told_by_number_and_line_and_never_by_the_name_of_a_file(tmp_path, changes, reason):
    file = person(tmp_path / "depth/secret.csv", **changes)
    with pytest.raises(InputError) as error:
        three_d_pc.answers([file], [])
    assert f"{file.parent}: file 1 of 1 by name: {reason}" in str(error.value)
    assert "secret" not in str(error.value)


def test_a_file_of_answers_without_a_column_is_refused(tmp_path):
    file = person(tmp_path / "one.csv")
    pd.read_csv(file).drop(columns="timeout").to_csv(file, index=False)
    with pytest.raises(InputError, match="file 1 of 1 by name: no column 'timeout'"):
        three_d_pc.answers([file], [])
