"""Folders of images of the Synthetic Visual Reasoning Test that others made.

Of a problem K there is a folder ``results_problem_K`` with either ``sample_LABEL_N.png``, as Fleuret's
generator writes, or ``SPLIT/cat_LABEL/*.png``, splits being train, val and test.
"""

from __future__ import annotations

import re
from pathlib import Path

from visalign.errors import InputError
from visalign.visual_tasks import svrt_tasks
from visalign.visual_tasks.found_trials import Found, Trial

SPLITS = ("train", "val", "test")
_PROBLEM = re.compile(r"results_problem_(\d+)")
_SAMPLE = re.compile(r"sample_([01])_(\d+)\.png")


def read(folder: str | Path) -> Found:
    """List the images of one problem's folder, or of all such folders below one.

    Returns
    -------
    Found
        Trials in order of problem, split, label and number or name.

    Raises
    ------
    InputError
        No such folder, no problem or sample in it, a problem that there is not, both layouts at once, or
        images of one label only.
    """
    root = Path(folder)
    if not root.is_dir():
        raise InputError(f"{root}: no such folder")
    own = _PROBLEM.fullmatch(root.resolve().name)
    inner = sorted(path for path in root.iterdir() if path.is_dir() and _PROBLEM.fullmatch(path.name))
    if not own and not inner:
        raise InputError(f"{root}: no folder results_problem_K in it, and none itself: which problem is it?")
    trials = [trial for path in ([root] if own else inner) for trial in _of_problem(path)]
    known = {trial.path for trial in trials}
    unread = [
        path.relative_to(root).as_posix()
        for path in sorted(root.rglob("*"))
        if path.is_file() and path not in known
    ]
    return Found(sorted(trials, key=lambda trial: (trial.task, SPLITS.index(trial.split or "train"))), unread)


def _of_problem(folder: Path) -> list[Trial]:
    match = _PROBLEM.fullmatch(folder.resolve().name)
    problem = int(match[1]) if match else 0
    if problem not in svrt_tasks.PROBLEMS:
        raise InputError(f"{folder}: problem {problem}; the problems are 1 to {len(svrt_tasks.PROBLEMS)}")
    task = svrt_tasks.name(problem)
    flat, split = _flat(folder, task), _split(folder, task)
    if flat and split:
        raise InputError(f"{folder}: both sample_LABEL_N.png and SPLIT/cat_LABEL/: leave one of them")
    if not flat and not split:
        raise InputError(
            f"{folder}: neither sample_LABEL_N.png nor SPLIT/cat_LABEL/*.png, SPLIT of {', '.join(SPLITS)}"
        )
    for part in sorted({trial.split for trial in flat + split}):
        labels = {trial.label for trial in flat + split if trial.split == part}
        if len(labels) == 1:
            where = folder / part if part else folder
            raise InputError(f"{where}: all images have label {labels.pop()}; both labels must be there")
    return flat + split


def _flat(folder: Path, task: str) -> list[Trial]:
    matches = [(path, match) for path in folder.iterdir() if (match := _SAMPLE.fullmatch(path.name))]
    matches.sort(key=lambda found: (int(found[1][1]), int(found[1][2])))
    return [Trial(path, task, int(match[1])) for path, match in matches]


def _split(folder: Path, task: str) -> list[Trial]:
    return [
        Trial(path, task, label, split)
        for split in SPLITS
        for label in (0, 1)
        for path in sorted((folder / split / f"cat_{label}").glob("*.png"))
    ]
