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
    assert found.unclear == 1
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


def test_people_are_numbered_and_their_names_and_addresses_are_not_kept(tmp_path):
    shown, seen = ["test/car/car_03/05/0003.png"], ("car_03/05/0003.png", "car_03/05/0003.png", "b/1/2.png")
    table = pd.DataFrame(
        {
            "worker_id": ["secret"] * 3,
            "ip": ["10.1.2.3"] * 3,
            "video_url": [f"https://x/{end}" for end in seen],
            "response": [1, 0, 1],
            "label": [1, 1, 1],
            "correctness": [True, False, True],
            "timeout": [False, False, False],
        }
    )
    table.to_csv(tmp_path / "one.csv", index=False)
    answers, left_out = three_d_pc.answers([tmp_path / "one.csv"], shown, inverted=True)
    assert answers.to_dict("records") == [
        {"participant": 1, "stimulus_id": shown[0], "response": 0.0, "label": 0.0, "timed_out": False}
    ]
    assert left_out == {"other images": 1, "repeated": 1}
    assert "secret" not in answers.to_csv() and "10.1.2.3" not in answers.to_csv()
