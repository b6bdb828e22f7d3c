"""The 3D-PC (Linsley et al. 2024): depth order and perspective taking, in its published layouts.

Depth order asks whether the ball is farther than the green camera; VPT-basic, whether it can be seen from
there; VPT-Strategy is VPT-basic while the ball moves behind an object, so its trials are of the task
vpt-basic and of the split transfer: what was learned of VPT-basic answers them. Scenes
are images/CATEGORY/OBJECT/SETTING/VIEW.png. The label of VPT-basic depends on the setting only, so images of
one setting are a group: of 3,848 test images there are 101 independent witnesses. Labels of -1, unclear, are
left out and named.

=====================  =================================================================================
tables                 ``train/``, ``test/`` and ``SPLIT_TASK_balanced.csv`` or ``SPLIT_TASK.csv`` beside
folders of classes     ``TASK/SPLIT/CATEGORY 0/*.png`` and ``CATEGORY 1``
files of parquet       ``TASK/SPLIT*.parquet`` with images in them
=====================  =================================================================================

TASK is depth, perspective or vpt-basic, or vpt-strategy; SPLIT train, val or validation, or test.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import NamedTuple

import numpy as np
import pandas as pd

from visalign.errors import InputError
from visalign.io import delimited
from visalign.io.tables import numbers, read_table, words
from visalign.visual_tasks.found_trials import Found, Trial, collected

DEPTH, BASIC, STRATEGY = "depth", "vpt-basic", "vpt-strategy"
#: Task here -> its names in files and configs of others.
TASKS = {DEPTH: ("depth",), BASIC: ("perspective", "vpt-basic"), STRATEGY: ("vpt-strategy",)}
#: Split of others -> ours; both train and validation images lie in the folder train.
SPLITS = {"train": "train", "val": "val", "validation": "val", "test": "test", "human": "test"}
#: Label of a scene whose answer is not clear.
UNCLEAR = -1
SUFFIX = ".png"
#: Columns of parquet files beside the image.
COLUMNS = ("label", "category", "scene", "setting", "img_id")
#: Columns of files of answers that are read; the others are personal.
ANSWERED = ("video_url", "response", "label", "correctness", "timeout")
_VIEW = re.compile(r"[A-Za-z]+_\d+_\d+(_\d+)?")


class StoredImage(NamedTuple):
    """An image of a parquet file: its bytes, and what it is asked; the path is relative to the folder."""

    content: bytes
    trial: Trial


def setting_of(path: str) -> str:
    """Group of an image: category/object/setting, from a path that ends in OBJECT/SETTING/VIEW.png."""
    return "/".join(PurePosixPath(path).parts[-4:-1])


def from_tables(root: str | Path) -> Found:
    """Trials of a folder with ``train/``, ``test/`` and tables ``SPLIT_TASK_balanced.csv``.

    Tables have columns ``img_url`` (below train/ or test/) and ``label``. Where a split has no balanced table
    its plain one (``SPLIT_TASK.csv``) is read. The people's set (``human``) is a part of the test images.

    Raises
    ------
    InputError
        No table, one without these columns, a label other than 0, 1 and -1, an image that is not there.
    """
    root, trials, unclear = Path(root), list[Trial](), list[str]()
    for task, names in TASKS.items():
        for split in ("train", "val", "test"):
            table = _table(root, split, names)
            if table is None:
                continue
            folder = "test" if split == "test" else "train"
            for path, label in _labelled(table, "img_url", "label"):
                image = path if path.startswith(f"{folder}/") else f"{folder}/{path}"
                if label == UNCLEAR:
                    unclear.append(f"{task} {image}")
                    continue
                if not (root / image).is_file():
                    raise InputError(f"{table}: img_url: {path}: no such image in {root / folder}")
                group = _track(Path(image)) if task == STRATEGY else setting_of(image)
                trials.append(_trial(root / image, task, label, split, group))
    if not trials:
        raise InputError(f"{root}: no table such as train_perspective_balanced.csv with labelled images")
    return collected(root, trials, [root / "train", root / "test"], tuple(unclear))


def from_folders(root: str | Path) -> Found:
    """Trials of folders ``perspective|depth/SPLIT/CATEGORY 0|1/*.png``.

    The group is the image's name without its last part, the view, where the name says so
    (``car_03_05_0012.png``), else the image stands alone.

    Raises
    ------
    InputError
        No image, or a class folder that does not end in 0 or 1.
    """
    root, trials = Path(root), list[Trial]()
    below = [(task, root / name) for task, names in TASKS.items() for name in names]
    for task, folder in below:
        for path in sorted(folder.glob(f"*/*/*{SUFFIX}")):
            split, category = path.parts[-3], path.parts[-2]
            label = category[-1:]
            if split not in SPLITS or label not in ("0", "1"):
                raise InputError(
                    f"{path.parent}: expected {folder.name}/SPLIT/CATEGORY 0 or CATEGORY 1, splits "
                    f"{', '.join(SPLITS)}"
                )
            group = _track(path) if task == STRATEGY else path.stem.rpartition("_")[0]
            trials.append(_trial(path, task, int(label), split, group))
    if not trials:
        raise InputError(f"{root}: no images in perspective/SPLIT/CATEGORY 0/ or depth/SPLIT/CATEGORY 0/")
    return collected(root, trials, [folder for _, folder in below])


def in_parquet(root: str | Path) -> list[Trial]:
    """Trials of local copies of the parquet files ``TASK/SPLIT*.parquet``, whose images are not read.

    An image has the path ``TASK/SPLIT/CATEGORY/SCENE/SETTING/ID.png``, as if it lay in the folder: tasks have
    images of their own. Columns and errors are those of `from_parquet`.
    """
    return [_stored(file, row, task, split) for file, row, task, split in _parquet_rows(Path(root), COLUMNS)]


def from_parquet(root: str | Path) -> Iterator[StoredImage]:
    """Yield the images of parquet files, with their trials in the order of `in_parquet`.

    Columns are image (bytes and path), label, category, scene, setting, img_id. A file is read one row group
    at a time, which bounds memory.

    Raises
    ------
    InputError
        No such file, a column that is missing, a label other than 0 and 1, an image without bytes.
    """
    for file, row, task, split in _parquet_rows(Path(root), ("image", *COLUMNS)):
        image = row["image"]
        content = image.get("bytes") if isinstance(image, dict) else image
        if not isinstance(content, bytes) or not content:
            raise InputError(f"{file}: {row['img_id']}: image: no bytes")
        yield StoredImage(content, _stored(file, row, task, split))


def parquet_files(root: Path) -> list[tuple[str, Path]]:
    """Task and path of each parquet file of a folder."""
    return [
        (task, file)
        for task, names in TASKS.items()
        for name in names
        for file in sorted((root / name).glob("**/*.parquet"))
    ]


def _parquet_rows(root: Path, columns: Sequence[str]) -> Iterator[tuple[Path, dict[str, object], str, str]]:
    """Yield file, row, task and split of each row of the parquet files of a folder."""
    import pyarrow.parquet as pq

    none = True
    for task, file in parquet_files(root):
        split = file.stem.split("-")[0]
        if split not in SPLITS:
            raise InputError(f"{file}: expected a split at the start of its name: {', '.join(SPLITS)}")
        opened = pq.ParquetFile(file)
        if missing := [name for name in columns if name not in opened.schema_arrow.names]:
            raise InputError(f"{file}: no column {missing[0]!r}; expected image, {', '.join(COLUMNS)}")
        for batch in opened.iter_batches(batch_size=64, columns=list(columns)):
            for row in batch.to_pylist():
                none = False
                yield file, row, task, split
    if none:
        raise InputError(f"{root}: no images in depth/, vpt-basic/ or vpt-strategy/ as parquet files")


def _stored(file: Path, row: dict[str, object], task: str, split: str) -> Trial:
    label = row["label"]
    if not isinstance(label, (bool, int, float)) or float(label) not in (0, 1):
        raise InputError(f"{file}: {row['img_id']}: label: {label!r} is not 0 or 1")
    scene, setting = f"{row['category']}/{row['scene']}", str(row["setting"])
    path = Path(task, SPLITS[split], scene, setting, f"{PurePosixPath(str(row['img_id'])).stem}{SUFFIX}")
    return _trial(path, task, float(label), split, scene if task == STRATEGY else f"{scene}/{setting}")


def _trial(path: Path, task: str, label: float, split: str, group: str) -> Trial:
    """Trial of a task; one of VPT-Strategy is a transfer of VPT-basic."""
    if task == STRATEGY:
        return Trial(path, BASIC, int(label), "transfer", group)
    return Trial(path, task, int(label), SPLITS[split], group)


def _track(path: Path) -> str:
    """Group of an image of VPT-Strategy, named CATEGORY_STEP_VIEW.png, such as bench_03_0038.png.

    Its steps are of one track, and have no difficulty: the ball is seen, hidden, and seen again.
    """
    return path.stem.rpartition("_")[0].rpartition("_")[0]


def _file(root: Path, split: str, names: tuple[str, ...]) -> Path | None:
    kinds = [f"{split}_{name}{kind}.csv" for kind in ("_balanced", "") for name in names]
    return next((root / kind for kind in kinds if (root / kind).is_file()), None)


def _table(root: Path, split: str, names: tuple[str, ...]) -> Path | None:
    table = _file(root, split, names)
    if table is None and split == "train":  # released so: depth_perspective_balanced.csv
        others = [root / f"{name}_perspective{kind}.csv" for kind in ("_balanced", "") for name in names]
        table = next((file for file in others if file.is_file()), None)
    return table


def _labelled(table: Path, path: str, label: str) -> Iterator[tuple[str, float]]:
    frame: pd.DataFrame = read_table(table, required=(path, label))
    values = numbers(frame, label, table)
    for name, value in zip(words(frame, path, table), values, strict=True):
        if value not in (0, 1, UNCLEAR):
            raise InputError(f"{table}: {label}: {value:g} of {name} is not 0, 1 or {UNCLEAR} (unclear)")
        yield name, float(value)


def answers(files: Sequence[Path], shown: Sequence[str]) -> tuple[pd.DataFrame, int]:
    """People's answers, from one table a person; nothing else of these files is kept.

    They hold names and addresses, perhaps in their own names too: five columns are read (video_url, response,
    label, correctness, timeout), people are numbered in the order of the files' names, and errors have that
    number.

    Parameters
    ----------
    files : sequence of Path
    shown : sequence of str
        Images that may be meant. A URL means the one that ends in the same object, setting and view.

    Returns
    -------
    answers : DataFrame
        participant, stimulus_id, response, label, timed_out: the first answer of each person to each image,
        in the coding of these files; an image that is not among the `shown` is called OBJECT_SETTING_VIEW, or
        by its line where it has no such name.
    repeated : int
        Further answers to the same image, which are left out.

    Raises
    ------
    InputError
        A file without these columns, whose correctness does not follow from response and label, an answer
        that is missing; two images that a URL could mean.
    """
    named: dict[str, str] = {}
    for path in filter(view_of, shown):
        if (other := named.setdefault(view_of(path), path)) != path:
            raise InputError(f"stimulus_id: {other!r} and {path!r} are the same view: whose are the answers?")
    rows: list[dict[str, object]] = []
    repeated = 0
    for number, file in enumerate(sorted(files), 1):
        where = f"{file.parent}: file {number} of {len(files)} by name"
        seen: set[str] = set()
        for line, row in enumerate(_of_person(file, where), 2):
            view = view_of(row["video_url"].split("?")[0]) or f"line {line}"
            stimulus = named.get(view, view)
            repeated += stimulus in seen
            if stimulus not in seen:
                seen.add(stimulus)
                answer = _answer(row, f"{where}: line {line}")
                rows.append({"participant": number, "stimulus_id": stimulus} | answer)
    columns = ["participant", "stimulus_id", "response", "label", "timed_out"]
    return pd.DataFrame(rows, columns=columns), repeated


def view_of(path: str) -> str:
    """Object, setting and view of an image, of OBJECT/SETTING/VIEW.png or OBJECT_SETTING_VIEW.png.

    Returns
    -------
    str
        Such as car_03_05_0012; '' of what has no such name.
    """
    parts = PurePosixPath(path).parts
    stem = PurePosixPath(parts[-1]).stem if parts else ""
    name = stem if stem.count("_") > 1 else "_".join([*parts[-3:-1], stem])
    return name if _VIEW.fullmatch(name) else ""


def _of_person(file: Path, where: str) -> Iterator[dict[str, str]]:
    """Yield the rows of a file of answers, of which only five columns are read."""
    try:
        content = pd.read_csv(
            io.BytesIO(file.read_bytes()),
            usecols=lambda name: name in ANSWERED,
            dtype=str,
            keep_default_na=False,
            encoding_errors="replace",
        )
    except (
        pd.errors.ParserError,
        pd.errors.EmptyDataError,
        OSError,
    ):  # whose text may hold cells, or the name
        raise InputError(f"{where}: not a table of answers") from None
    if missing := [name for name in ANSWERED if name not in content]:
        raise InputError(f"{where}: no column {missing[0]!r}; expected {', '.join(ANSWERED)}")
    for row in content.to_dict("records"):
        yield {str(name): str(cell) for name, cell in row.items()}


def _answer(row: dict[str, str], where: str) -> dict[str, object]:
    """Response, label and timed_out of a row; without a response who timed out has none (NaN)."""
    timed_out, correct = (_truth(row, name, where) for name in ("timeout", "correctness"))
    response, label = (delimited.number(row[name]) for name in ("response", "label"))
    if response is None and not (timed_out and row["response"].strip() in delimited.MISSING):
        raise InputError(f"{where}: response: {row['response']!r} is not a number")
    if label not in (0, 1):
        raise InputError(f"{where}: label: {row['label']!r} is neither 0 nor 1")
    if not timed_out and correct != (response == label):
        raise InputError(
            f"{where}: correctness: {row['correctness']}, but response is {row['response']} "
            f"and label {row['label']}"
        )
    return {"response": np.nan if response is None else response, "label": label, "timed_out": timed_out}


def _truth(row: dict[str, str], column: str, where: str) -> bool:
    cell = row[column].strip().lower()
    if cell in ("true", "1", "1.0"):
        return True
    if cell in ("false", "0", "0.0"):
        return False
    raise InputError(f"{where}: {column}: {row[column]!r} is neither true nor false")
