"""Claims about folders of SVRT images that others made: both layouts are read, and nothing is guessed."""

from __future__ import annotations

from pathlib import Path

import pytest

from visalign.errors import InputError
from visalign.visual_tasks import svrt_files
from visalign.visual_tasks.found_trials import Found


def write(root: Path, *names: str) -> Path:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(b"")
    return root


def rows(found: Found, root: Path) -> list[tuple[str, str, int, str]]:
    return [(s.path.relative_to(root).as_posix(), s.task, s.label, s.split) for s in found.trials]


def test_a_folder_of_fleurets_generator_is_read_in_order_of_number(tmp_path):
    names = [f"results_problem_7/sample_{label}_{number}.png" for label in (0, 1) for number in (2, 10, 0)]
    found = svrt_files.read(write(tmp_path, *names))
    expected = [(0, 0), (0, 2), (0, 10), (1, 0), (1, 2), (1, 10)]
    assert rows(found, tmp_path) == [
        (f"results_problem_7/sample_{label}_{number}.png", "svrt-07", label, "") for label, number in expected
    ]
    assert found.unread == []


def test_splits_and_several_problems_are_read(tmp_path):
    names = [
        f"results_problem_{k}/{split}/cat_{c}/a.png"
        for k in (21, 3)
        for split in ("val", "train")
        for c in (1, 0)
    ]
    found = svrt_files.read(write(tmp_path, *names))
    assert [(s.task, s.split, s.label) for s in found.trials] == [
        (f"svrt-{k:02d}", split, c) for k in (3, 21) for split in ("train", "val") for c in (0, 1)
    ]


def test_one_problems_own_folder_is_read(tmp_path):
    root = write(tmp_path / "results_problem_1", "sample_0_0.png", "sample_1_0.png")
    assert [trial.label for trial in svrt_files.read(root).trials] == [0, 1]


def test_what_is_not_read_is_named(tmp_path):
    names = ["sample_0_0.png", "sample_1_0.png", "sample_2_0.png", "test/other/a.png", "notes.txt"]
    found = svrt_files.read(write(tmp_path, *(f"results_problem_1/{name}" for name in names), "readme"))
    assert found.unread == [
        "readme",
        *(f"results_problem_1/{name}" for name in ("notes.txt", "sample_2_0.png", "test/other/a.png")),
    ]


@pytest.mark.parametrize(
    ("names", "reason"),
    [
        (["images/sample_0_0.png"], "no folder results_problem_K in it, and none itself"),
        (["results_problem_24/sample_0_0.png"], "problem 24; the problems are 1 to 23"),
        (["results_problem_1/a.png"], "neither sample_LABEL_N.png nor SPLIT"),
        (["results_problem_1/sample_0_0.png"], "all images have label 0; both labels must be there"),
        (
            [
                f"results_problem_1/{split}/cat_{c}/a.png"
                for split, c in (("train", 0), ("train", 1), ("test", 1))
            ],
            "results_problem_1/test: all images have label 1",
        ),
        (
            ["results_problem_1/sample_0_0.png", "results_problem_1/train/cat_0/a.png"],
            "both sample_LABEL_N.png and SPLIT/cat_LABEL",
        ),
    ],
)
def test_what_is_not_plain_is_an_error(tmp_path, names, reason):
    with pytest.raises(InputError, match=reason):
        svrt_files.read(write(tmp_path, *names))


def test_a_folder_that_is_not_there_is_an_error(tmp_path):
    with pytest.raises(InputError, match="absent: no such folder"):
        svrt_files.read(tmp_path / "absent")
